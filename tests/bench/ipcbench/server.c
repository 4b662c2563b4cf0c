/* ipcserver: the other side of ipcbench. */
#include "bench.h"
#include <lib/ipc.h>

int main(void)
{
    result_t channel = channel_create(2 * MSG_BATCH_MAX, 2 * MSG_BATCH_MAX);
    ASSERT(channel > 0);
    ASSERT(service_ready((handle_t)channel) == OK);
    bench_serve((handle_t)channel);
}
