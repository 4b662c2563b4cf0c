/* What every task starts with: its capabilities by name, its log, panics of its own. */
#pragma once
#include <lib/syscall.h>

extern const struct task_start_info *task_start_info; /* set before main */

int main(void); /* a service's entry; returning from it ends the task with that code */

/* Takes the start info as this task's own. Done before main; a task that another entry starts does it first. */
void runtime_init(const struct task_start_info *info);

handle_t cap_named(const char *name); /* from the start info; HANDLE_NONE when not there */
const char *boot_line(void);

/* printf-like, one line a call, cut at 240 bytes; goes to the kernel's log through the capability "trace". */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* An event of class USER for the trace (trace_emit, abi/trace_events.h), through the capability "trace". */
void trace_tell(uint32_t event, uint32_t low, uint64_t rest);

const char *status_name(status_t status); /* "ERR_QUOTA" */
const char *status_text(status_t status); /* "the task's memory quota is used up" */

/* For our own mistakes only; stays on in release: logs file, line and expression and exits with code -1. */
_Noreturn void assert_failed(const char *expression, const char *file, int line);
#define ASSERT(e) ((e) ? (void)0 : assert_failed(#e, __FILE__, __LINE__))

/* A channel of its own and a signal bound to it, so that one receive waits for everything. On an error the task is to end. */
MUST_CHECK status_t channel_with_signal(size_t slots, uint32_t credit, handle_t *channel, handle_t *signal);

/* Creates `pages` of memory and maps them READ|WRITE. NULL when refused; *memory is the handle; the mapping
 * stays when that is closed, and ends with memory_unmap (or when what it was derived from is revoked). */
void *memory_map_new(size_t pages, uint32_t flags, handle_t *memory);
/* The same for memory that is to be shared with a server, which must be the only one who can take it away: *root is to be
 * moved to the server, *memory is a child with the same rights through which it is mapped. When the server has closed the
 * root, or died, *memory is the root. */
void *memory_map_shared(size_t pages, handle_t *memory, handle_t *root);
