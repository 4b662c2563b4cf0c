#include "lib/runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINE_MAX 240

const struct task_start_info *task_start_info;
static handle_t log_trace; /* the capability "trace", looked up once */

_Noreturn void runtime_start(const struct task_start_info *info);

void runtime_init(const struct task_start_info *info)
{
    if (!info || info->magic != TASK_START_MAGIC || info->cap_count > TASK_START_CAPS)
        task_exit(ERR_INVALID);
    task_start_info = info;
    log_trace = cap_named("trace");
}

_Noreturn void runtime_start(const struct task_start_info *info)
{
    runtime_init(info);
    exit(main());
}

handle_t cap_named(const char *name)
{
    const struct task_start_info *info = task_start_info;
    for (uint32_t i = 0; i < info->cap_count; i++) {
        if (strncmp(info->caps[i].name, name, sizeof info->caps[i].name) == 0)
            return info->caps[i].handle;
    }
    return HANDLE_NONE;
}

const char *boot_line(void)
{
    return task_start_info->boot_options;
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > LOG_LINE_MAX)
        length = LOG_LINE_MAX;
    if (length > 0)
        (void)log_write(log_trace, level, text, (size_t)length);
}

void trace_tell(uint32_t event, uint32_t low, uint64_t rest)
{
    (void)trace_emit(log_trace, event, low, rest);
}

_Noreturn void assert_failed(const char *expression, const char *file, int line)
{
    log_error("%s:%d: assertion failed: %s", file, line, expression);
    task_exit(-1);
}

status_t channel_with_signal(size_t slots, uint32_t credit, handle_t *channel, handle_t *signal)
{
    result_t made = channel_create(slots, credit);
    if (made < 0)
        return (status_t)made;
    *channel = (handle_t)made;
    made = signal_create();
    if (made < 0)
        return (status_t)made;
    *signal = (handle_t)made;
    return signal_bind(*signal, *channel);
}

void *memory_map_new(size_t pages, uint32_t flags, handle_t *memory)
{
    result_t handle = memory_create(pages, flags);
    if (handle < 0)
        return NULL;
    result_t address = memory_map(HANDLE_NONE, (handle_t)handle, 0, 0, pages, PROT_READ | PROT_WRITE);
    if (address < 0) {
        cap_close((handle_t)handle);
        return NULL;
    }
    *memory = (handle_t)handle;
    return (void *)address;
}

void *memory_map_shared(size_t pages, handle_t *memory, handle_t *root)
{
    result_t made = memory_create(pages, 0);
    result_t child = made < 0 ? made : cap_mint((handle_t)made, RIGHTS_ALL, 0);
    result_t at = child < 0 ? child : memory_map(HANDLE_NONE, (handle_t)child, 0, 0, pages, PROT_READ | PROT_WRITE);
    if (at < 0 && child >= 0)
        cap_close((handle_t)child);
    if (at < 0 && made >= 0)
        cap_close((handle_t)made);
    if (at < 0)
        return NULL;
    *memory = (handle_t)child;
    *root = (handle_t)made;
    return (void *)at;
}
