/* Taking until refused: the refusal is ERR_QUOTA (or a full table), nobody else is hurt, and death gives all back. */
#include "tests/system/hostile/attacks.h"

#define MOST 200000

static bool is_refusal(result_t result)
{
    return result == ERR_QUOTA || result == ERR_TABLE_FULL;
}

/* Repeats until refused. What is there already still works, and after giving one back there is room for one again. */
static int64_t take_until_refused(result_t (*take)(uint64_t i), uint64_t *taken)
{
    struct msg m = message(OP_PING, 4);
    result_t result = 0;
    for (*taken = 0; *taken < MOST; (*taken)++) {
        result = take(*taken);
        if (result < 0)
            break;
    }
    if (!is_refusal(result))
        return seen("the refusal", result, __FILE__, __LINE__);
    for (int i = 0; i < 100; i++)
        EXPECT(is_refusal(take(*taken)));
    EXPECT(*taken > 0);
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    return HELD;
}

static handle_t source; /* what the takers derive from or map */

static result_t take_channel(uint64_t i)
{
    return channel_create(1 + i % 64, 1);
}
ATTACK(quota_of_channels)
{
    uint64_t taken;
    return take_until_refused(take_channel, &taken);
}

static result_t take_signal(uint64_t i)
{
    (void)i;
    return signal_create();
}
ATTACK(quota_of_signals)
{
    uint64_t taken;
    return take_until_refused(take_signal, &taken);
}

static result_t take_memory(uint64_t i)
{
    return memory_create(1 + i % 5, i % 3 ? 0 : MEMORY_CONTIGUOUS);
}
ATTACK(quota_of_memory)
{
    uint64_t taken;
    int64_t result = take_until_refused(take_memory, &taken);
    EXPECT(taken <= QUOTA_PAGES_USUAL);
    return result;
}

static result_t take_huge(uint64_t i)
{
    return memory_create(1ul << (i % 20 + 8), 0);
}
ATTACK(quota_of_memory_at_once)
{
    for (uint64_t i = 0; i < 2000; i++)
        EXPECT(take_huge(i) < 0);
    EXPECT(memory_create(QUOTA_PAGES_USUAL, 0) < 0);
    EXPECT(memory_create(QUOTA_PAGES_USUAL, MEMORY_CONTIGUOUS) < 0);
    return HELD;
}

static result_t take_capability(uint64_t i)
{
    (void)i;
    return cap_mint(source, RIGHTS_ALL, 0);
}
ATTACK(quota_of_capabilities)
{
    uint64_t taken;
    MUST(signal, signal_create());
    source = (handle_t)signal;
    return take_until_refused(take_capability, &taken);
}

static result_t take_badge(uint64_t i)
{
    return cap_mint(source, RIGHTS_ALL, i + 1);
}
ATTACK(quota_of_badges)
{
    uint64_t taken;
    MUST(channel, channel_create(1, 1));
    source = (handle_t)channel;
    return take_until_refused(take_badge, &taken);
}

/* Badges of somebody else's channel: it is the one who makes them that pays. */
ATTACK(quota_of_badges_at_the_victim)
{
    uint64_t taken;
    source = clone_cap(CAP_CLIENT);
    return take_until_refused(take_badge, &taken);
}

static result_t take_mapping(uint64_t i)
{
    (void)i;
    return memory_map(HANDLE_NONE, source, 0, 0, 1, PROT_READ);
}
ATTACK(quota_of_mappings_of_one_page)
{
    uint64_t taken;
    MUST(memory, memory_create(1, 0));
    source = (handle_t)memory;
    return take_until_refused(take_mapping, &taken);
}

/* And of the victim's page, whose owner must not pay, nor wait for them to end. */
ATTACK(quota_of_mappings_of_the_victims_page)
{
    uint64_t taken;
    source = clone_cap(CAP_MEMORY);
    return take_until_refused(take_mapping, &taken);
}

/* Each mapping in a page table of its own. */
static result_t take_page_table(uint64_t i)
{
    return memory_map(HANDLE_NONE, source, 0x40000000ul * (i + 1), 0, 1, PROT_READ);
}
ATTACK(quota_of_page_tables)
{
    uint64_t taken;
    MUST(memory, memory_create(1, 0));
    source = (handle_t)memory;
    int64_t result = take_until_refused(take_page_table, &taken);
    EXPECT(taken <= QUOTA_PAGES_USUAL);
    return result;
}

static result_t take_task(uint64_t i)
{
    const struct task_create_args args = {
        .name = "swarm", .priority = i % 3, .quota_pages = 8, .supervisor = HANDLE_NONE, .root = cap_named("root")};
    return task_create(&args);
}
ATTACK(quota_of_tasks)
{
    uint64_t taken;
    int64_t result = take_until_refused(take_task, &taken);
    EXPECT(taken <= QUOTA_PAGES_USUAL / 8);
    return result;
}

/* A child of a child of a child, each with what its parent has left. */
ATTACK(quota_lent_cannot_grow)
{
    struct task_create_args args = {.name = "rich", .priority = 1, .root = cap_named("root")};
    static const uint32_t wishes[] = {QUOTA_PAGES_USUAL, QUOTA_PAGES_USUAL + 1, 100000, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < 5; i++) {
        args.quota_pages = wishes[i];
        EXPECT_IS(task_create(&args), ERR_QUOTA);
    }
    args.quota_pages = 0;
    EXPECT_IS(task_create(&args), ERR_INVALID);
    args.quota_pages = 1; /* not enough for a task at all: refused, and nothing is left of it */
    for (int i = 0; i < 100; i++)
        EXPECT(task_create(&args) < 0);
    return HELD;
}

/* Capabilities sent to a victim: it is charged for what it takes, and it closes what it did not ask for. */
ATTACK(quota_of_the_receiver)
{
    uint64_t taken = 0;
    MUST(signal, signal_create());
    for (int i = 0; i < 500; i++) {
        struct msg m = message(OP_TAKE, 0);
        m.head.cap_count = MSG_CAPS_MAX;
        m.head.kind = 0xf;
        for (int k = 0; k < MSG_CAPS_MAX; k++) {
            MUST(copy, cap_mint((handle_t)signal, RIGHTS_ALL, 1u << k));
            m.head.caps[k] = (handle_t)copy;
        }
        status_t status = channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER);
        EXPECT_IS(status, OK);
        EXPECT(m.words[1] == 1 && m.words[7] == 8);
        for (int k = 0; k < MSG_CAPS_MAX; k++)
            taken += m.words[2 * k] != 0;
        EXPECT_IS(cap_revoke((handle_t)signal), OK);
    }
    EXPECT(taken == 2000);
    return HELD;
}

/* A receiver that can pay for nothing more gets HANDLE_NONE, and its message. */
ATTACK(quota_of_a_poor_receiver)
{
    uint64_t signals, taken;
    MUST(channel, channel_create(4, 4));
    MUST(signal, signal_create());
    struct msg m = message(OP_PING, 4);
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)signal;
    EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1);
    MUST(other, signal_create());
    source = (handle_t)other;
    TRY(take_until_refused(take_capability, &taken));
    m = message(0, 0);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT(m.words[3] == 3);
    return HELD;
}

/* What lies in messages on their way is paid for, too. */
static result_t take_message(uint64_t i)
{
    struct msg m = message(OP_PING, 0);
    (void)i;
    m.head.cap_count = MSG_CAPS_MAX;
    m.head.kind = 0xf; /* four copies: the refusal may come between them */
    m.head.caps[0] = source;
    for (unsigned k = 1; k < MSG_CAPS_MAX; k++)
        m.head.caps[k] = clone_cap(CAP_CLIENT + k - 1);
    result_t sent = channel_send(source, &m, 1);
    if (sent != ERR_WOULD_BLOCK)
        return sent;
    result_t next = channel_create(64, 64);
    source = next > 0 ? (handle_t)next : source;
    return next;
}
ATTACK(quota_of_capabilities_in_messages)
{
    uint64_t taken;
    MUST(channel, channel_create(64, 64));
    source = (handle_t)channel;
    return take_until_refused(take_message, &taken);
}

ATTACK(quota_of_the_fpu)
{
    uint64_t taken;
    TRY(take_until_refused(take_signal, &taken));
    __asm__ volatile("pxor %xmm0, %xmm0");
    return seen("an FPU state that nobody paid for", 0, __FILE__, __LINE__);
}

/* ---- what is owed covers what is held ---- */

#define PIECES 100000
#define EACH 40

static uint64_t free_pages(void)
{
    struct object_counts counts = {0};
    (void)system_info(cap_named("trace"), INFO_OBJECTS, 0, &counts, sizeof counts);
    return counts.free_pages;
}

static uint64_t used_pages(void)
{
    struct task_info info = {0};
    (void)task_info(HANDLE_NONE, &info);
    return info.used_pages;
}

/* Mints 100,000 and closes all but each 40th: most of each kernel page is empty, but the page is not free. */
ATTACK(fragmentation_is_paid_for)
{
    size_t pages = PIECES * sizeof(handle_t) / PAGE_SIZE + 1;
    MUST(root, signal_create());
    MUST(list, memory_create(pages, 0)); /* children share this program's variables: none may be large */
    MUST(address, memory_map(HANDLE_NONE, (handle_t)list, 0, 0, pages, PROT_READ | PROT_WRITE));
    handle_t *all = (handle_t *)address;
    uint64_t free_before = free_pages(), used_before = used_pages();
    for (int i = 0; i < PIECES; i++) {
        MUST(child, cap_mint((handle_t)root, RIGHTS_ALL, 0));
        all[i] = (handle_t)child;
    }
    for (int i = 0; i < PIECES; i++) {
        if (i % EACH)
            EXPECT_IS(cap_close(all[i]), OK);
    }
    uint64_t held = free_before - free_pages(), owed = used_pages() - used_before;
    if (held > owed + 8) /* others may have moved a few pages meanwhile */
        return seen("held - owed pages", (int64_t)(held - owed), __FILE__, __LINE__);
    for (int i = 0; i < PIECES; i += EACH)
        EXPECT_IS(cap_close(all[i]), OK);
    return HELD;
}

/* The same with mappings. */
#define AT(i) (0x40000000ul + (uint64_t)(i)*PAGE_SIZE)
ATTACK(fragmentation_of_mappings_is_paid_for)
{
    MUST(memory, memory_create(1, 0));
    uint64_t free_before = free_pages(), used_before = used_pages();
    for (int i = 0; i < 4000; i++) {
        EXPECT(memory_map(HANDLE_NONE, (handle_t)memory, AT(i), 0, 1, PROT_READ) > 0);
    }
    for (int i = 0; i < 4000; i++) {
        if (i % EACH)
            EXPECT_IS(memory_unmap(HANDLE_NONE, AT(i), 1), OK);
    }
    uint64_t held = free_before - free_pages(), owed = used_pages() - used_before;
    if (held > owed + 8)
        return seen("held - owed pages", (int64_t)(held - owed), __FILE__, __LINE__);
    return HELD;
}
