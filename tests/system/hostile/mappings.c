/* Mappings that must not be, and code where none may run. */
#include "tests/system/hostile/attacks.h"

#include <string.h>

extern uint8_t __text_start[], _end[];

static int64_t page_of_own(uint64_t *page, handle_t *memory, size_t pages)
{
    MUST(object, memory_create(pages, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)object, 0, 0, pages, PROT_READ | PROT_WRITE));
    *page = (uint64_t)address;
    *memory = (handle_t)object;
    return HELD;
}

ATTACK(map_writable_and_executable)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 1));
    for (uint32_t protection = 0; protection < 64; protection++) {
        bool fine = protection && protection < 8 && (protection & 6) != 6;
        result_t mapped = memory_map(HANDLE_NONE, memory, 0, 0, 1, protection);
        EXPECT((mapped > 0) == fine);
        EXPECT((memory_protect(HANDLE_NONE, page, 1, protection) == OK) == fine);
        if (mapped > 0)
            EXPECT_IS(memory_unmap(HANDLE_NONE, (uint64_t)mapped, 1), OK);
    }
    EXPECT(syscall6(SYS_memory_map, 0, memory, 0, 0, 1, 1ull << 32 | PROT_READ).value < 0);
    EXPECT(syscall6(SYS_memory_protect, 0, page, 1, 1ull << 40 | PROT_READ, 0, 0).value < 0);
    return HELD;
}

/* One object through two capabilities, one that may write and one that may execute: neither mapping gets the other's. */
ATTACK(write_and_execute_through_two_rights)
{
    MUST(memory, memory_create(1, 0));
    MUST(writer, cap_mint((handle_t)memory, RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE, 0));
    MUST(runner, cap_mint((handle_t)memory, RIGHT_MEMORY_READ | RIGHT_MEMORY_EXEC, 0));
    MUST(written, memory_map(HANDLE_NONE, (handle_t)writer, 0, 0, 1, PROT_READ | PROT_WRITE));
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)writer, 0, 0, 1, PROT_READ | PROT_EXEC), ERR_NO_RIGHT);
    EXPECT_IS(memory_protect(HANDLE_NONE, (uint64_t)written, 1, PROT_READ | PROT_EXEC), ERR_NO_RIGHT);
    EXPECT_IS(memory_unmap(HANDLE_NONE, (uint64_t)written, 1), OK);
    MUST(run, memory_map(HANDLE_NONE, (handle_t)runner, 0, 0, 1, PROT_READ | PROT_EXEC));
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)runner, 0, 0, 1, PROT_READ | PROT_WRITE), ERR_NO_RIGHT);
    EXPECT_IS(memory_protect(HANDLE_NONE, (uint64_t)run, 1, PROT_READ | PROT_WRITE), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(map_page_zero)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 1));
    for (uint64_t address = 1; address < PAGE_SIZE; address += address < 16 ? 1 : 81)
        EXPECT(memory_map(HANDLE_NONE, memory, address, 0, 1, PROT_READ) < 0);
    MUST(chosen, memory_map(HANDLE_NONE, memory, 0, 0, 1, PROT_READ)); /* 0 is "anywhere" */
    EXPECT((uint64_t)chosen >= USER_BASE);
    EXPECT(memory_unmap(HANDLE_NONE, 0, 1) < 0);
    EXPECT(memory_protect(HANDLE_NONE, 0, 1, PROT_READ) < 0);
    return HELD;
}

ATTACK(read_of_page_zero)
{
    uint64_t word;
    __asm__ volatile("movq 8, %0" : "=r"(word));
    return seen("page 0 was read", (int64_t)word, __FILE__, __LINE__);
}

ATTACK(map_kernel_space)
{
    static const uint64_t addresses[] = {
        USER_TOP,
        USER_TOP + PAGE_SIZE,
        0x0000800000000000ul,
        0x0000800000001000ul,
        0x8000000000000000ul,
        0xffff800000000000ul,
        0xffff888000000000ul,
        0xffffffff80000000ul,
        0xffffffff80200000ul,
        0xfffffffffffff000ul,
        0xffff7ffffffff000ul,
        0x4000000000000000ul,
    };
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 2));
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        EXPECT_IS(memory_map(HANDLE_NONE, memory, addresses[i], 0, 1, PROT_READ), ERR_INVALID);
        EXPECT(memory_unmap(HANDLE_NONE, addresses[i], 1) < 0);
        EXPECT(memory_protect(HANDLE_NONE, addresses[i], 1, PROT_READ | PROT_WRITE) < 0);
    }
    EXPECT_IS(memory_map(HANDLE_NONE, memory, USER_TOP - PAGE_SIZE, 0, 2, PROT_READ), ERR_INVALID);
    MUST(last,
         memory_map(HANDLE_NONE, memory, USER_TOP - PAGE_SIZE, 0, 1, PROT_READ)); /* the last one that is a task's */
    EXPECT((uint64_t)last == USER_TOP - PAGE_SIZE);
    EXPECT_IS(random_bytes((void *)(USER_TOP - 32), 32), ERR_FAULT);
    return HELD;
}

ATTACK(map_over_a_mapping)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 4));
    for (uint64_t offset = 0; offset < 4; offset++)
        EXPECT_IS(memory_map(HANDLE_NONE, memory, page + offset * PAGE_SIZE, 0, 1, PROT_READ), ERR_EXISTS);
    EXPECT_IS(memory_map(HANDLE_NONE, memory, page - 2 * PAGE_SIZE, 0, 4, PROT_READ), ERR_EXISTS);
    EXPECT_IS(memory_map(HANDLE_NONE, memory, page + 3 * PAGE_SIZE, 0, 4, PROT_READ), ERR_EXISTS);
    EXPECT_IS(memory_map(HANDLE_NONE, memory, (uint64_t)__text_start, 0, 1, PROT_READ), ERR_EXISTS);
    EXPECT_IS(memory_map(HANDLE_NONE, memory, (uint64_t)task_start_info, 0, 1, PROT_READ), ERR_EXISTS);
    return HELD;
}

ATTACK(map_beyond_the_object)
{
    MUST(memory, memory_create(2, 0));
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)memory, 0, 0, 3, PROT_READ), ERR_INVALID);
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)memory, 0, 1, 2, PROT_READ), ERR_INVALID);
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)memory, 0, 2, 1, PROT_READ), ERR_INVALID);
    EXPECT_IS(memory_map(HANDLE_NONE, clone_cap(CAP_MEMORY), 0, 1, 1, PROT_READ), ERR_INVALID);
    EXPECT_IS(memory_map(HANDLE_NONE, clone_cap(CAP_MEMORY), 0, 0, 2, PROT_READ), ERR_INVALID);
    return HELD;
}

ATTACK(unmap_what_is_no_mapping)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 4));
    EXPECT(memory_unmap(HANDLE_NONE, page, 1) < 0);
    EXPECT(memory_unmap(HANDLE_NONE, page + PAGE_SIZE, 3) < 0);
    EXPECT(memory_unmap(HANDLE_NONE, page, 5) < 0);
    EXPECT(memory_unmap(HANDLE_NONE, page + 1, 4) < 0);
    EXPECT(memory_unmap(HANDLE_NONE, page - PAGE_SIZE, 4) < 0);
    EXPECT(memory_protect(HANDLE_NONE, page + PAGE_SIZE, 1, PROT_READ) < 0);
    *(volatile uint64_t *)(page + 3 * PAGE_SIZE) = 1; /* still there, all of it */
    EXPECT_IS(memory_unmap(HANDLE_NONE, page, 4), OK);
    EXPECT_IS(memory_unmap(HANDLE_NONE, page, 4), ERR_NOT_FOUND);
    return HELD;
}

/* ---- access after the mapping changed: the TLB held the old translation ---- */

ATTACK(read_after_unmap)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 1));
    *(volatile uint64_t *)page = 1;
    EXPECT_IS(memory_unmap(HANDLE_NONE, page, 1), OK);
    return seen("an unmapped page was read", *(volatile int64_t *)page, __FILE__, __LINE__);
}

ATTACK(write_after_protect)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 1));
    *(volatile uint64_t *)page = 1;
    EXPECT_IS(memory_protect(HANDLE_NONE, page, 1, PROT_READ), OK);
    *(volatile uint64_t *)page = 2;
    return seen("a protected page took a write", 0, __FILE__, __LINE__);
}

/* ---- code ---- */

static const uint8_t code[] = {0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3}; /* mov eax, 42; ret */

static int64_t run(const void *at)
{
    int64_t value = ((int (*)(void))at)();
    return seen("code ran that must not", value, __FILE__, __LINE__);
}

ATTACK(jump_into_data)
{
    static uint8_t data[16];
    memcpy(data, code, sizeof code);
    return run(data);
}

ATTACK(jump_into_the_stack)
{
    uint8_t data[16];
    memcpy(data, code, sizeof code);
    __asm__ volatile("" ::"r"(data) : "memory");
    return run(data);
}

ATTACK(jump_into_constants)
{
    return run(code);
}

ATTACK(jump_into_the_start_page)
{
    return run(task_start_info);
}

ATTACK(jump_into_fresh_memory)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 1));
    memcpy((void *)page, code, sizeof code);
    return run((void *)page);
}

/* Made executable, then writable again: what could be run a moment ago cannot any more. */
ATTACK(jump_into_code_made_writable_again)
{
    uint64_t page = 0;
    handle_t memory;
    TRY(page_of_own(&page, &memory, 1));
    memcpy((void *)page, code, sizeof code);
    EXPECT_IS(memory_protect(HANDLE_NONE, page, 1, PROT_READ | PROT_EXEC), OK);
    EXPECT_IS(((int (*)(void))page)(), 42);
    EXPECT_IS(memory_protect(HANDLE_NONE, page, 1, PROT_READ | PROT_WRITE), OK);
    return run((void *)page);
}

ATTACK(write_to_ones_own_code)
{
    *(volatile uint8_t *)__text_start = 0xc3;
    return seen("the text took a write", 0, __FILE__, __LINE__);
}

ATTACK(make_ones_own_code_writable)
{
    uint64_t pages = ((uint64_t)_end - (uint64_t)__text_start) >> PAGE_SHIFT;
    for (uint64_t n = 1; n <= pages + 1; n++)
        EXPECT(memory_protect(HANDLE_NONE, (uint64_t)__text_start, n, PROT_READ | PROT_WRITE) < 0 || n > 1);
    *(volatile uint8_t *)__text_start = *(volatile uint8_t *)__text_start;
    return seen("the text became writable", 0, __FILE__, __LINE__);
}

ATTACK(write_to_the_start_page)
{
    *(volatile uint32_t *)(uint64_t)&task_start_info->magic = 0;
    return seen("the start page took a write", 0, __FILE__, __LINE__);
}

ATTACK(write_to_kernel_memory)
{
    *(volatile uint64_t *)0xffffffff80100000ul = 0;
    return seen("kernel memory took a write", 0, __FILE__, __LINE__);
}

ATTACK(read_of_kernel_memory)
{
    uint64_t word = *(volatile uint64_t *)0xffff800000001000ul;
    return seen("kernel memory was read", (int64_t)word, __FILE__, __LINE__);
}

ATTACK(jump_into_the_kernel)
{
    return run((void *)0xffffffff80100000ul);
}

static volatile bool deep_enough; /* never */

static __attribute__((noinline)) int64_t deeper(uint64_t depth)
{
    volatile uint8_t frame[512];
    frame[0] = (uint8_t)depth;
    return deep_enough ? 0 : deeper(depth + 1) + frame[0];
}

ATTACK(stack_overflow_into_the_guard)
{
    return deeper(0);
}
DIRECT(stack_overflow_into_the_guard)
{
    scene_wait_end(scene);
    uint64_t guard = (uint64_t)task_start_info + PAGE_SIZE;
    if (scene->fault.address - guard >= PAGE_SIZE)
        scene_fail(scene, "it faulted at 0x%llx, not in the guard page", (unsigned long long)scene->fault.address);
}
