/* The trace's filter as it was before a session's request changed it for a while (CONSOLE_TRACE).
 *
 * Rules: jarvis puts it back itself when the request is done, and says so. When the session ends or jarvis dies before, its
 * capability is dead, so rconsole does it with its own: trace_keep_restore after the session's authority was dropped. */
#pragma once
#include <lib/syscall.h>
#include <proto/jarvis.h>

struct trace_keep {
    struct console_trace before; /* session 0: nothing to put back */
};

void trace_keep_note(struct trace_keep *keep, const struct console_trace *before);
/* If it is this session's; 0: whosever it is. */
void trace_keep_restore(struct trace_keep *keep, handle_t trace, uint32_t session);
