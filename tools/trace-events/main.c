/* trace-events: writes docs/trace-events.md to standard output. */
#include "tools/trace-events/page.h"

int main(void)
{
    trace_events_page(stdout);
    return fflush(stdout) ? 1 : 0;
}
