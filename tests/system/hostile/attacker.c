/* What attackers share. */
#include "tests/system/hostile/hostile.h"

#include <stdio.h>
#include <string.h>

union scratch scratch;

struct msg message(uint16_t op, uint8_t words)
{
    struct msg m = {.head = {.op = op, .length = (uint8_t)(words * 8)}};
    for (unsigned i = 0; i < words; i++)
        m.words[i] = i;
    return m;
}

int64_t seen(const char *what, int64_t value, const char *file, int line)
{
    struct msg m = {.head = {.op = OP_REPORT}};
    const char *slash = strrchr(file, '/');
    bool status = value < 0 && value >= ERR_RESTARTED;
    int n = snprintf((char *)m.payload, sizeof m.payload, "%s:%d: %s: %s (0x%llx)", slash ? slash + 1 : file, line,
                     what, status ? status_name((status_t)value) : "", (unsigned long long)value);
    m.head.length = (uint8_t)(n < MSG_PAYLOAD_MAX ? n + 1 : MSG_PAYLOAD_MAX);
    (void)channel_send(clone_cap(CAP_REPORT), &m, 1);
    return -1;
}

status_t stage(uint64_t step, struct msg *m)
{
    struct msg own = message(OP_STAGE, 1);
    own.words[0] = step;
    status_t status = channel_call(clone_cap(CAP_REPORT), &own, DEADLINE_NEVER);
    if (m)
        *m = own;
    return status;
}

status_t stage_with(handle_t cap)
{
    struct msg m = message(OP_STAGE, 1);
    m.head.cap_count = 1;
    m.head.caps[0] = cap;
    return channel_call(clone_cap(CAP_REPORT), &m, DEADLINE_NEVER);
}

int64_t offer_channel(handle_t *channel)
{
    MUST(made, channel_create(8, 8));
    MUST(sender, cap_mint((handle_t)made, RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, 0));
    EXPECT_IS(stage_with((handle_t)sender), OK);
    *channel = (handle_t)made;
    return HELD;
}

int64_t take_offered_channel(handle_t *sender)
{
    struct msg m;
    EXPECT_IS(stage(1, &m), OK);
    EXPECT(m.head.cap_count == 1 && m.head.caps[0] != HANDLE_NONE);
    *sender = m.head.caps[0];
    return HELD;
}

status_t ask(handle_t server, struct msg *m)
{
    status_t status = channel_call(server, m, clock_now() + FAR_NS);
    return status == OK ? m->head.status : status;
}

void pause_ns(uint64_t ns)
{
    result_t channel = channel_create(1, 1);
    uint64_t signals;
    struct msg m;
    if (channel < 0)
        return;
    (void)channel_recv((handle_t)channel, &m, 1, &signals, clock_now() + ns);
    (void)cap_close((handle_t)channel);
}

uint32_t rights_of(handle_t handle)
{
    struct cap_info info;
    return cap_info(handle, &info) == OK ? info.rights : 0;
}

int64_t lone_page(uint64_t *page)
{
    MUST(object, memory_create(1, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)object, 0x30000000, 0, 1, PROT_READ | PROT_WRITE));
    *page = (uint64_t)address;
    return HELD;
}
