#include "tests/system/clone/clone.h"

static int64_t child(uint64_t argument)
{
    log_info("child: %llu %s", (unsigned long long)argument, task_start_info->task_name);
    return (int64_t)argument + 1;
}

int main(void)
{
    uint64_t signals;
    struct msg m;
    result_t channel = channel_create(8, 8);
    ASSERT(channel > 0);
    struct clone what = {.name = "child",
                         .run = child,
                         .argument = 41,
                         .priority = 8,
                         .quota_pages = 32,
                         .root = cap_named("root"),
                         .supervisor = (handle_t)channel,
                         .cap_count = 1,
                         .caps = {{"trace", cap_named("trace"), RIGHT_TRACE_EMIT, 0}}};
    for (int i = 0; i < 3; i++) {
        handle_t task;
        status_t status = clone_start(&what, &task);
        if (status != OK) {
            log_error("clone_start: %s", status_name(status));
            return 1;
        }
        result_t n = channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NEVER);
        struct msg_exit *end = (struct msg_exit *)m.payload;
        log_info("recv %d kind %u code %lld", (int)n, m.head.kind, (long long)end->code);
        cap_close(task);
    }
    return 0;
}
