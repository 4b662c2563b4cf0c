/* Is everything back? Pages and capabilities are compared without what the system's services hold, for those go on
 * working meanwhile; objects as they are, so a session more or less is waited for. */
#include "tests/system/sysfuzz/sysfuzz.h"

#include <string.h>

#define TASKS 64
#define SETTLE_NS 20000000000ul
#define PAUSE_NS 100000000ul
/* A slab keeps an empty page, and a service's use is told in whole pages: that many are no leak. Five million calls that
 * lose one page in a hundred thousand come to 50. */
#define PAGES_SLACK 16

static const char *const type_names[] = {
#define X(NAME, text) [OBJECT_##NAME] = text,
    OBJECT_TYPES(X)
#undef X
};

static bool is_ours(const struct task_info *task)
{
    return strncmp(task->name, "fuzz", 4) == 0 || strcmp(task->name, "sysfuzz") == 0;
}

bool leak_count(handle_t trace, struct leak_count *count)
{
    static struct task_info tasks[TASKS];
    struct object_counts objects;
    result_t found = system_info(trace, INFO_TASKS, 0, tasks, sizeof tasks);
    if (found < 0 || system_info(trace, INFO_OBJECTS, 0, &objects, sizeof objects) != 1)
        return false;
    *count = (struct leak_count){.pages = objects.free_pages, .capabilities = objects.capabilities};
    memcpy(count->objects, objects.objects, sizeof count->objects);
    for (result_t i = 0; i < found; i++) {
        count->tasks += is_ours(&tasks[i]);
        count->pages += is_ours(&tasks[i]) ? 0 : tasks[i].used_pages;
        count->capabilities -= is_ours(&tasks[i]) ? 0 : tasks[i].capabilities;
    }
    return true;
}

static bool differs(const char *what, uint64_t before, uint64_t after, uint64_t slack, bool say)
{
    uint64_t apart = before > after ? before - after : after - before;
    if (apart > slack && say)
        log_error("SYSFUZZ leak %s: %llu before, %llu after", what, (unsigned long long)before,
                  (unsigned long long)after);
    return apart > slack;
}

static bool any_differs(const struct leak_count *before, const struct leak_count *after, bool say)
{
    bool any = differs("pages", before->pages, after->pages, PAGES_SLACK, say);
    any |= differs("capabilities", before->capabilities, after->capabilities, 0, say);
    any |= differs("tasks of ours", before->tasks, after->tasks, 0, say);
    for (int i = 1; i < OBJECT_TYPE_COUNT; i++)
        any |= differs(type_names[i], before->objects[i], after->objects[i], 0, say);
    return any;
}

static void pause_ns(uint64_t ns)
{
    uint64_t signals;
    struct msg m;
    result_t channel = channel_create(1, 1);
    if (channel < 0)
        return;
    (void)channel_recv((handle_t)channel, &m, 1, &signals, clock_now() + ns);
    cap_close((handle_t)channel);
}

#define SETTLED_NS 500000000ul
#define SETTLED_TRIES 60

/* On several processors the services start beside this task, not before it. */
bool leak_count_settled(handle_t trace, struct leak_count *count)
{
    struct leak_count before;
    for (int i = 0; i < SETTLED_TRIES; i++) {
        if (!leak_count(trace, &before))
            return false;
        pause_ns(SETTLED_NS);
        if (!leak_count(trace, count))
            return false;
        if (!any_differs(&before, count, false))
            return true;
    }
    return true;
}

bool leak_check(handle_t trace, const struct leak_count *before)
{
    struct leak_count now;
    for (uint64_t end = clock_now() + SETTLE_NS; clock_now() < end; pause_ns(PAUSE_NS)) {
        if (leak_count(trace, &now) && !any_differs(before, &now, false))
            return true;
    }
    return leak_count(trace, &now) && !any_differs(before, &now, true);
}
