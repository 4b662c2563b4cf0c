/* Wild pointers in every pointer argument of every call, and lengths that wrap around. */
#include "tests/system/hostile/attacks.h"

#include <string.h>

extern uint8_t __text_start[], __rodata_start[];

/* ---- which arguments are pointers: a row for each call, or this does not compile ---- */

#define IN(argument) (1u << (argument))        /* the kernel reads there */
#define OUT(argument) (1u << ((argument) + 8)) /* the kernel writes there */
enum {
    POINTERS_null = 0,
    POINTERS_channel_call = IN(1) | OUT(1),
    POINTERS_channel_reply_recv = IN(1) | OUT(3),
    POINTERS_channel_send = IN(1),
    POINTERS_channel_recv = OUT(1),
    POINTERS_channel_create = 0,
    POINTERS_signal_create = 0,
    POINTERS_signal_raise = 0,
    POINTERS_signal_bind = 0,
    POINTERS_cap_mint = 0,
    POINTERS_cap_close = 0,
    POINTERS_cap_revoke = 0,
    POINTERS_cap_info = OUT(1),
    POINTERS_memory_create = 0,
    POINTERS_memory_map = 0, /* addresses, not pointers: mappings.c */
    POINTERS_memory_unmap = 0,
    POINTERS_memory_protect = 0,
    POINTERS_task_create = IN(0),
    POINTERS_task_grant = 0,
    POINTERS_task_start = 0,
    POINTERS_task_kill = 0,
    POINTERS_task_exit = 0,
    POINTERS_task_info = OUT(1),
    POINTERS_task_yield = 0,
    POINTERS_clock_now = 0,
    POINTERS_random_bytes = OUT(0),
    POINTERS_irq_create = OUT(3),
    POINTERS_irq_bind = 0,
    POINTERS_irq_ack = 0,
    POINTERS_ioport_create = 0,
    POINTERS_ioport_read = 0,
    POINTERS_ioport_write = 0,
    POINTERS_devmem_create = 0,
    POINTERS_dma_create = 0,
    POINTERS_dma_pin = OUT(4),
    POINTERS_dma_unpin = 0,
    POINTERS_log_write = IN(2),
    POINTERS_trace_emit = 0,
    POINTERS_trace_read = OUT(3),
    POINTERS_trace_control = 0,
    POINTERS_system_info = OUT(3),
    POINTERS_power_control = 0,
    POINTERS_task_revoke = 0,
};
static const uint32_t pointers[SYS_COUNT] = {
#define X(number, name, arguments) [number] = POINTERS_##name,
    SYSCALL_LIST(X)
#undef X
};

/* ---- a call that works but for its pointer ---- */

static handle_t own; /* a channel in whose queue a message lies */
static handle_t memory;
static uint64_t trace_sequence;
static _Alignas(4096) uint8_t buffer[4096]; /* what a good pointer points to */

static uint64_t arguments[SYS_COUNT][6];

static void put_create_args(void)
{
    struct task_create_args args = {.name = "wild", .priority = 1, .quota_pages = 8, .root = cap_named("root")};
    memcpy(buffer, &args, sizeof args);
}

static void fill_arguments(void)
{
    uint64_t good = (uint64_t)buffer, trace = cap_named("trace"), root = cap_named("root"), dma = cap_named("dma");
    const struct {
        uint32_t number;
        uint64_t a[6];
    } rows[] = {
        {SYS_channel_call, {clone_cap(CAP_SERVER), good, DEADLINE_NEVER}},
        {SYS_channel_reply_recv, {own, good, 1 | 1ull << 32, good, DEADLINE_NOW}},
        {SYS_channel_send, {own, good, 1}},
        {SYS_channel_recv, {own, good, 1, DEADLINE_NOW}},
        {SYS_cap_info, {own, good}},
        {SYS_task_create, {good}},
        {SYS_task_info, {HANDLE_NONE, good}},
        {SYS_random_bytes, {good, 64}},
        {SYS_irq_create, {root, IRQ_MESSAGE, 0xfe00, good}},
        {SYS_dma_pin, {dma, memory, 0, 1, good}},
        {SYS_log_write, {trace, LOG_DEBUG, good, 40}},
        {SYS_trace_read, {trace, 0, trace_sequence, good, sizeof buffer}},
        {SYS_system_info, {trace, INFO_SYSTEM, 0, good, sizeof(struct system_info)}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        memcpy(arguments[rows[i].number], rows[i].a, sizeof rows[i].a);
}

static int64_t call_with(uint32_t number, unsigned place, uint64_t pointer)
{
    uint64_t a[6];
    memcpy(a, arguments[number], sizeof a);
    a[place] = pointer;
    return syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]).value;
}

/* The newest packet that is whole: the oldest may be overwritten before the next call. */
static void find_trace_sequence(void)
{
    handle_t trace = cap_named("trace");
    uint64_t next = trace_sequence;
    result_t read;
    while ((read = trace_read(trace, 0, next, buffer, sizeof buffer)) != ERR_WOULD_BLOCK && read != ERR_FAULT) {
        if (read > 0)
            trace_sequence = next;
        next++;
    }
    arguments[SYS_trace_read][2] = trace_sequence;
}

/* A good message, or good arguments, lie in the buffer; the channel has something to receive. */
static int64_t refill(uint32_t number)
{
    uint64_t signals;
    struct msg m = message(OP_PING, 4);
    while (channel_recv(own, &m, 1, &signals, DEADLINE_NOW) > 0) {}
    m = message(OP_PING, 4);
    EXPECT_IS(channel_send(own, &m, 1), 1);
    if (number == SYS_trace_read)
        find_trace_sequence();
    memset(buffer, 0, sizeof buffer);
    if (number == SYS_task_create)
        put_create_args();
    else
        memcpy(buffer, &m, sizeof m);
    return HELD;
}

/* With a good pointer it is taken: so what is refused later is refused for the pointer. */
static int64_t good_is_taken(uint32_t number)
{
    if (refill(number))
        return -1;
    int64_t result = syscall6(number, arguments[number][0], arguments[number][1], arguments[number][2],
                              arguments[number][3], arguments[number][4], arguments[number][5])
                         .value;
    if (result < 0)
        return seen("with a good pointer", result, __FILE__, (int)number);
    if (number == SYS_task_create) {
        EXPECT_IS(task_kill((handle_t)result), OK);
    }
    if (number == SYS_task_create || number == SYS_irq_create)
        EXPECT_IS(cap_close((handle_t)result), OK);
    return HELD;
}

static int64_t prepare(void)
{
    MUST(channel, channel_create(4, 4));
    MUST(made, memory_create(1, 0));
    own = (handle_t)channel;
    memory = (handle_t)made;
    fill_arguments();
    return HELD;
}

/* directions: IN(0) | OUT(0) as a pair of bits that say which kinds of argument are meant. */
static int64_t refused_in_every_argument(const uint64_t *bad, size_t count, uint32_t directions)
{
    if (prepare())
        return -1;
    for (uint32_t number = 0; number < SYS_COUNT; number++) {
        if (pointers[number] && good_is_taken(number))
            return -1;
        for (unsigned place = 0; place < 6; place++) {
            if (!(pointers[number] >> place & directions))
                continue;
            for (size_t i = 0; i < count; i++) {
                if (refill(number))
                    return -1;
                int64_t result = call_with(number, place, bad[i]);
                /* A call reads its message there first, and what lies in a page of others is none. */
                bool no_message = number == SYS_channel_call && directions == OUT(0) && result == ERR_BAD_MESSAGE;
                if (result != ERR_FAULT && !no_message)
                    return seen("system call and argument in the next number", result, __FILE__,
                                (int)(number * 10 + place));
            }
        }
    }
    return HELD;
}

#define REFUSED(addresses, directions) \
    refused_in_every_argument(addresses, sizeof(addresses) / sizeof(addresses)[0], directions)

ATTACK(kernel_pointer_in_every_argument)
{
    static const uint64_t bad[] = {0xffff800000000000ul,
                                   0xffff800000100000ul,
                                   0xffff888000000000ul,
                                   0xffffffff80000000ul,
                                   0xffffffff80100000ul,
                                   0xfffffffffffff000ul,
                                   0xffffffffffffff00ul,
                                   ~0ul - 31,
                                   ~0ul};
    return REFUSED(bad, IN(0) | OUT(0));
}

ATTACK(noncanonical_pointer_in_every_argument)
{
    static const uint64_t bad[] = {0x0000800000000000ul, 0x0001000000000000ul, 0x4000000000000000ul,
                                   0x8000000000000000ul, 0xdeadbeefdeadbee8ul, 0xffff7fffffffff00ul};
    return REFUSED(bad, IN(0) | OUT(0));
}

ATTACK(page_zero_pointer_in_every_argument)
{
    static const uint64_t bad[] = {0, 1, 8, 0xf00, 0xff8, 0xfff};
    return REFUSED(bad, IN(0) | OUT(0));
}

ATTACK(unmapped_pointer_in_every_argument)
{
    static const uint64_t bad[] = {USER_BASE,     0x200000, 0x3ff000, 0x40000000000ul, USER_TOP - PAGE_SIZE,
                                   USER_TOP - 512};
    return REFUSED(bad, IN(0) | OUT(0));
}

ATTACK(end_of_user_space_in_every_argument)
{
    static const uint64_t bad[] = {USER_TOP - 1, USER_TOP - 8,         USER_TOP - 31,       USER_TOP,
                                   USER_TOP + 8, 0x00007ffffffffff8ul, 0x00007ffffffffffful};
    return REFUSED(bad, IN(0) | OUT(0));
}

ATTACK(read_only_pointer_in_every_output)
{
    MUST(secret, memory_map(HANDLE_NONE, clone_cap(CAP_MEMORY), 0, 0, 1, PROT_READ));
    uint64_t page; /* with a good message in it: the call is made, and only its answer has no place */
    TRY(lone_page(&page));
    *(struct msg *)page = message(OP_PING, 28);
    EXPECT_IS(memory_protect(HANDLE_NONE, page, 1, PROT_READ), OK);
    const uint64_t bad[] = {(uint64_t)__text_start, (uint64_t)__rodata_start, (uint64_t)task_start_info,
                            (uint64_t)secret, page};
    static uint64_t before[5];
    for (size_t i = 0; i < 5; i++)
        before[i] = *(const uint64_t *)bad[i];
    int64_t result = REFUSED(bad, OUT(0));
    for (size_t i = 0; i < 5; i++)
        EXPECT(before[i] == *(const uint64_t *)bad[i]);
    return result;
}

/* ---- lengths and counts ---- */

static const uint64_t wraps[] = {
    ~0ul,      ~0ul - 7,  ~0ul - 4095, ~0ul >> 1, 1ul << 63,    (1ul << 63) + 1, 1ul << 56,         (1ul << 56) + 1,
    1ul << 52, 1ul << 48, 1ul << 47,   1ul << 32, 0xfffffffful, 1ul << 31,       0xfffffffful << 12};
#define WRAPS (sizeof wraps / sizeof wraps[0])

ATTACK(wrap_around_lengths)
{
    uint64_t page;
    handle_t trace = cap_named("trace");
    find_trace_sequence();
    TRY(lone_page(&page));
    for (size_t i = 0; i < WRAPS; i++) {
        uint64_t n = wraps[i];
        EXPECT_IS(random_bytes(buffer, n), ERR_TOO_LONG);
        EXPECT(log_write(trace, LOG_DEBUG, (const char *)buffer, n) < 0);
        for (uint32_t kind = 0; kind < 10; kind++) /* sixteen bytes are there, whatever the length says */
            EXPECT(system_info(trace, kind, 0, (void *)(page + PAGE_SIZE - 16), n) <= 16);
        EXPECT(trace_read(trace, 0, trace_sequence, (void *)(page + PAGE_SIZE - 16), n) <= 16);
    }
    return HELD;
}

ATTACK(wrap_around_counts)
{
    uint64_t signals;
    struct msg *m = (struct msg *)buffer;
    MUST(channel, channel_create(4, 4));
    for (size_t i = 0; i < WRAPS; i++) {
        uint64_t n = wraps[i];
        EXPECT_IS(channel_send((handle_t)channel, m, n), ERR_INVALID);
        EXPECT_IS(channel_recv((handle_t)channel, m, n, &signals, DEADLINE_NOW), ERR_INVALID);
        EXPECT(syscall6(SYS_channel_reply_recv, (uint64_t)channel, (uint64_t)m, n | 65, (uint64_t)m, 0, 0).value < 0);
        EXPECT(channel_create(n, 1) < 0);
        EXPECT(channel_create(4, (uint32_t)n | 8) < 0);
    }
    EXPECT_IS(channel_send((handle_t)channel, m, 0), ERR_INVALID);
    EXPECT_IS(channel_send((handle_t)channel, m, MSG_BATCH_MAX + 1), ERR_INVALID);
    EXPECT_IS(channel_recv((handle_t)channel, m, 0, &signals, DEADLINE_NOW), ERR_INVALID);
    EXPECT_IS(channel_recv((handle_t)channel, m, MSG_BATCH_MAX + 1, &signals, DEADLINE_NOW), ERR_INVALID);
    EXPECT_IS(channel_create(0, 0), ERR_INVALID);
    EXPECT_IS(channel_create(4, 0), ERR_INVALID);
    return HELD;
}

ATTACK(wrap_around_pages)
{
    MUST(object, memory_create(2, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)object, 0, 0, 2, PROT_READ | PROT_WRITE));
    handle_t m = (handle_t)object;
    for (size_t i = 0; i < WRAPS; i++) {
        uint64_t n = wraps[i];
        EXPECT(memory_create(n, 0) < 0);
        EXPECT(memory_create(n, MEMORY_CONTIGUOUS) < 0);
        EXPECT(syscall3(SYS_memory_create, 1, n | 2, 0).value < 0);
        EXPECT(memory_map(HANDLE_NONE, m, 0, 0, n, PROT_READ) < 0);
        EXPECT(memory_map(HANDLE_NONE, m, 0, n, 1, PROT_READ) < 0);
        EXPECT(memory_map(HANDLE_NONE, m, 0, n, 2 - n, PROT_READ) < 0);
        EXPECT(memory_map(HANDLE_NONE, m, 0x20000000, 1, n, PROT_READ) < 0);
        EXPECT(memory_unmap(HANDLE_NONE, (uint64_t)address, n) < 0);
        EXPECT(memory_protect(HANDLE_NONE, (uint64_t)address, n, PROT_READ) < 0);
        EXPECT(devmem_create(cap_named("root"), 0xfeb00000, n & ~0xffful) < 0 || (n >= PAGE_SIZE && n < 1ul << 40));
        EXPECT(devmem_create(cap_named("root"), n & ~0xffful, PAGE_SIZE) < 0 || n < 1ul << 46);
        EXPECT(dma_pin(cap_named("dma"), m, 0, n, (uint64_t *)buffer) < 0);
        EXPECT(dma_pin(cap_named("dma"), m, n, 1, (uint64_t *)buffer) < 0);
        EXPECT(dma_pin(cap_named("dma"), m, n, 2 - n, (uint64_t *)buffer) < 0);
    }
    EXPECT_IS(memory_create(0, 0), ERR_INVALID);
    EXPECT_IS(memory_map(HANDLE_NONE, m, 0, 0, 0, PROT_READ), ERR_INVALID);
    return HELD;
}
