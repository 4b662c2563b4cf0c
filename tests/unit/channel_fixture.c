#include "tests/unit/channel_fixture.h"

struct task *server, *a, *b;
handle_t channel, root_sender, a_sender, b_sender;

struct msg message(uint16_t op, uint8_t length)
{
    struct msg m = {.head = {.op = op, .length = length}};
    for (unsigned i = 0; i < MSG_PAYLOAD_MAX; i++)
        m.payload[i] = (uint8_t)(op + i);
    return m;
}

int channel_setup(void **state)
{
    machine_setup(state);
    server = machine_task("server", 20, 256, HANDLE_NONE);
    a = machine_task("a", 10, 256, HANDLE_NONE);
    b = machine_task("b", 10, 256, HANDLE_NONE);
    handle_t made = machine_channel(machine_root, 8, 4);
    int64_t sender = SYS(machine_root, cap_mint, made, SENDER | 0xffff, 0);
    assert_true(sender > 0);
    root_sender = (handle_t)sender;
    a_sender = machine_grant(a, root_sender, SENDER | 0x11, 1);
    b_sender = machine_grant(b, root_sender, SENDER | 0x22, 2);
    channel = machine_grant(server, made, RIGHTS_ALL, 0);
    return 0;
}

int64_t send_one(struct task *task, handle_t through, uint16_t op)
{
    struct msg m = message(op, 32);
    return SYS(task, channel_send, through, P(&m), 1);
}

int64_t receive(struct msg *msgs, uint32_t capacity)
{
    return SYS(server, channel_recv, channel, P(msgs), capacity, DEADLINE_NOW);
}

struct channel *the_channel(void)
{
    return (struct channel *)machine_cap(server, channel)->object;
}

handle_t a_memory(void)
{
    int64_t memory = SYS(a, memory_create, 1, 0);
    assert_true(memory > 0);
    return (handle_t)memory;
}
