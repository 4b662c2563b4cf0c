/* Long calls that are left in the middle: what is there after one step must keep every promise, and be taken back. */
#include "tests/system/hostile/attacks.h"

#define PAGES 1000ul /* some steps of each call */

/* Readable by the task, as the kernel sees it. */
static bool is_readable(uint64_t page)
{
    struct msg m = message(OP_PING, 0);
    *(struct msg *)scratch.bytes = m;
    return channel_send(clone_cap(CAP_SERVER), (struct msg *)page, 1) != ERR_FAULT;
}

static bool is_writable(uint64_t page)
{
    return random_bytes((void *)page, 8) == OK;
}

static struct syscall_result map_one_step(handle_t memory, uint64_t address, uint32_t protection)
{
    return syscall6(SYS_memory_map, HANDLE_NONE, memory, address, 0, PAGES, protection);
}

static status_t protect_one_step(uint64_t address, uint32_t protection)
{
    return (status_t)syscall6(SYS_memory_protect, HANDLE_NONE, address, PAGES, protection, 0, 0).value;
}

static status_t unmap_one_step(uint64_t address)
{
    return (status_t)syscall3(SYS_memory_unmap, HANDLE_NONE, address, PAGES).value;
}

/* One begun, then others of other sizes and kinds: what was begun goes back each time, or the quota would not do. */
ATTACK(creation_left_in_the_middle)
{
    for (uint64_t i = 0; i < 20; i++)
        EXPECT_IS(syscall3(SYS_memory_create, PAGES + i, 0, 0).value, ERR_RESTARTED);
    MUST(memory, memory_create(PAGES, 0));
    EXPECT_IS(cap_close((handle_t)memory), OK);
    EXPECT_IS(syscall3(SYS_memory_create, PAGES, 0, 0).value, ERR_RESTARTED);
    return HELD; /* its death takes this one back */
}

/* The first pages are there and the last are not; nothing else may lie there, and a revoke ends what is there. */
ATTACK(mapping_left_in_the_middle)
{
    MUST(memory, memory_create(PAGES, 0));
    MUST(child, cap_mint((handle_t)memory, RIGHTS_ALL, 0));
    struct syscall_result begun = map_one_step((handle_t)child, 0, PROT_READ | PROT_WRITE);
    EXPECT_IS(begun.value, ERR_RESTARTED);
    uint64_t first = begun.second, last = first + (PAGES - 1) * PAGE_SIZE;
    EXPECT(is_writable(first) && !is_writable(last));
    EXPECT_IS(map_one_step((handle_t)child, first, PROT_READ).value, ERR_EXISTS);
    EXPECT_IS(map_one_step((handle_t)memory, first, PROT_READ | PROT_WRITE).value, ERR_EXISTS);
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)memory, last, 0, 1, PROT_READ), ERR_EXISTS);
    EXPECT_IS(memory_protect(HANDLE_NONE, first, PAGES, PROT_READ), ERR_BUSY);
    EXPECT_IS(cap_revoke((handle_t)memory), OK);
    EXPECT(!is_writable(first) && !is_readable(first));
    EXPECT_IS(memory_unmap(HANDLE_NONE, first, PAGES), ERR_NOT_FOUND);
    MUST(again, memory_map(HANDLE_NONE, (handle_t)memory, first, 0, PAGES, PROT_READ));
    EXPECT((uint64_t)again == first && is_readable(last) && !is_writable(first));
    return HELD;
}

/* What ends read-only is read-only from end to end, whatever was begun and left before. */
ATTACK(protection_left_in_the_middle)
{
    MUST(memory, memory_create(PAGES, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)memory, 0, 0, PAGES, PROT_READ | PROT_WRITE));
    uint64_t first = (uint64_t)address, last = first + (PAGES - 1) * PAGE_SIZE;
    EXPECT_IS(protect_one_step(first, PROT_READ), ERR_RESTARTED);
    EXPECT(!is_writable(first) && is_writable(last));
    EXPECT_IS(protect_one_step(first, PROT_READ | PROT_WRITE), ERR_RESTARTED);
    EXPECT_IS(protect_one_step(first, PROT_READ), ERR_RESTARTED);
    EXPECT_IS(protect_one_step(first, PROT_READ | PROT_EXEC), ERR_RESTARTED);
    EXPECT_IS(memory_protect(HANDLE_NONE, first, PAGES, PROT_READ), OK);
    for (uint64_t page = first; page <= last; page += 37 * PAGE_SIZE)
        EXPECT(!is_writable(page));
    EXPECT(!is_writable(last));
    EXPECT_IS(unmap_one_step(first), ERR_RESTARTED);
    EXPECT_IS(memory_protect(HANDLE_NONE, first, PAGES, PROT_READ | PROT_WRITE), ERR_BUSY);
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)memory, last, 0, 1, PROT_READ), ERR_EXISTS);
    EXPECT(is_readable(first) && !is_readable(last));
    EXPECT_IS(memory_unmap(HANDLE_NONE, first, PAGES), OK);
    EXPECT(!is_readable(first));
    return HELD;
}
