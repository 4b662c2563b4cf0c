#include "rconsole/trace_keep.h"

void trace_keep_note(struct trace_keep *keep, const struct console_trace *before)
{
    keep->before = *before;
    if (keep->before.count > TRACE_ONLY_MAX)
        keep->before.count = TRACE_ONLY_MAX;
}

void trace_keep_restore(struct trace_keep *keep, handle_t trace, uint32_t session)
{
    const struct console_trace *before = &keep->before;
    if (!before->session || (session && session != before->session))
        return;
    (void)trace_only(trace, 0);
    for (uint32_t i = 0; i < before->count; i++) /* who ended since is left out */
        (void)trace_only(trace, before->tasks[i]);
    (void)trace_control(trace, before->mask);
    keep->before.session = 0;
}
