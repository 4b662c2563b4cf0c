/* What is left over from others: registers, FPU state, memory, padding. */
#include "tests/system/hostile/attacks.h"

#include <string.h>

#define KERNEL_MAP 0xffff800000000000ul
#define KERNEL_IMAGE 0xffffffff80000000ul
/* An address of the kernel's: its map of all memory, or its image. Pairs of 32 bits and small negative numbers are none. */
static bool is_kernel_address(uint64_t word)
{
    return word - KERNEL_MAP < 1ul << 46 || word - KERNEL_IMAGE < 1ul << 30;
}

/* ---- registers ---- */

struct registers {
    uint64_t rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11;
};

static uint64_t after_label;

static struct registers registers_after(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct registers r;
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = 0;
    register uint64_t r9 __asm__("r9") = 0;
    uint64_t rax = number, rdi = a, rsi = b, rdx = c, rcx, r11;
    __asm__ volatile("leaq 1f(%%rip), %%rcx\n movq %%rcx, %[label]\n syscall\n 1: movq %%r11, %[r11]"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "=&c"(rcx), "+r"(r10), "+r"(r8),
                       "+r"(r9), [label] "=m"(after_label), [r11] "=m"(r11)
                     :
                     : "r11", "memory");
    r = (struct registers){rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11};
    return r;
}

static int64_t registers_clean(const struct registers *r)
{
    EXPECT(r->rcx == after_label);
    EXPECT((r->r11 & ~0x8d5ul) == 0x202);
    EXPECT(!r->rdi && !r->rsi && !r->r8 && !r->r9 && !r->r10);
    EXPECT(!is_kernel_address(r->rax) && !is_kernel_address(r->rdx));
    return HELD;
}

ATTACK(registers_after_every_call)
{
    struct msg m;
    MUST(channel, channel_create(4, 4));
    for (uint64_t number = 0; number < SYS_COUNT + 5; number++) {
        if (number == SYS_task_exit)
            continue;
        for (int variant = 0; variant < 3; variant++) { /* refused, and refused later, and perhaps taken */
            m = message(OP_PING, 4);
            uint64_t handle = variant == 0 ? 0xfffff : variant == 1 ? clone_cap(CAP_SERVER) : clone_cap(CAP_CLIENT);
            if (variant && (number == SYS_cap_close || number == SYS_channel_reply_recv))
                handle = 0xfffff;
            struct registers r = registers_after(number, handle, (uint64_t)&m, 1, 0);
            if (registers_clean(&r))
                return seen("registers after system call", (int64_t)number, __FILE__, __LINE__);
        }
    }
    struct registers r =
        registers_after(SYS_channel_recv, (uint64_t)channel, (uint64_t)&m, 1, clock_now() + NEAR_NS / 10);
    return registers_clean(&r); /* one that waited */
}

/* The first registers of a task: nothing but what task_start said. */
static __attribute__((naked)) void first_registers(void)
{
    __asm__ volatile(
        "orq %rax, %rbx\n orq %rcx, %rbx\n orq %rdx, %rbx\n orq %rsi, %rbx\n orq %rbp, %rbx\n orq %r8, %rbx\n"
        "orq %r9, %rbx\n orq %r10, %rbx\n orq %r11, %rbx\n orq %r12, %rbx\n orq %r13, %rbx\n orq %r14, %rbx\n"
        "orq %r15, %rbx\n movq %rbx, (%rdi)\n movl $21, %eax\n xorl %edi, %edi\n syscall\n ud2");
}
_Static_assert(SYS_task_exit == 21, "the number in first_registers");

extern uint8_t __text_start[], __rodata_start[];

ATTACK(registers_of_a_new_task)
{
    handle_t puppet = cap_named("puppet");
    size_t pages = (size_t)(__rodata_start - __text_start) >> PAGE_SHIFT;
    MUST(text, memory_create(pages, 0));
    MUST(view, memory_map(HANDLE_NONE, (handle_t)text, 0, 0, pages, PROT_READ | PROT_WRITE));
    memcpy((void *)view, __text_start, pages << PAGE_SHIFT);
    EXPECT_IS(memory_unmap(HANDLE_NONE, (uint64_t)view, pages), OK);
    MUST(out, memory_create(1, 0));
    MUST(at, memory_map(HANDLE_NONE, (handle_t)out, 0, 0, 1, PROT_READ | PROT_WRITE));
    *(volatile uint64_t *)at = 1;
    MUST(there, memory_map(puppet, (handle_t)out, 0x30000000, 0, 1, PROT_READ | PROT_WRITE));
    EXPECT(memory_map(puppet, (handle_t)text, (uint64_t)__text_start, 0, pages, PROT_READ | PROT_EXEC) > 0);
    EXPECT_IS(task_start(puppet, (uint64_t)first_registers, (uint64_t)there + PAGE_SIZE, (uint64_t)there), OK);
    struct task_info info;
    uint64_t end = clock_now() + FAR_NS;
    while (task_info(puppet, &info) == OK && clock_now() < end)
        pause_ns(NEAR_NS / 20);
    EXPECT(*(volatile uint64_t *)at == 0);
    return HELD;
}

/* ---- the FPU ---- */

static void fpu_fill(uint64_t word)
{
    __asm__ volatile("movq %0, %%xmm0\n punpcklqdq %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm1\n movdqa %%xmm0, %%xmm7\n"
                     "movdqa %%xmm0, %%xmm15\n fninit\n fld1\n fldpi" ::"r"(word));
}

static int64_t fpu_holds(uint64_t word)
{
    uint64_t low[4], status = 0;
    __asm__ volatile("movq %%xmm0, %0\n movq %%xmm1, %1\n movq %%xmm7, %2\n movq %%xmm15, %3\n"
                     : "=r"(low[0]), "=r"(low[1]), "=r"(low[2]), "=r"(low[3]));
    __asm__ volatile("fnstsw %%ax" : "=a"(status));
    for (int i = 0; i < 4; i++)
        EXPECT(low[i] == word);
    EXPECT((status >> 11 & 7) == (word ? 6 : 0)); /* two values on the x87's stack, or none */
    return HELD;
}

static int64_t fpu_user(uint64_t word)
{
    int64_t result = fpu_holds(0);
    fpu_fill(word);
    for (int i = 0; i < 20 && !result; i++) {
        pause_ns(NEAR_NS / 20); /* others run, with values of their own */
        result = fpu_holds(word);
    }
    return result;
}

ATTACK(fpu_state_of_others)
{
    int64_t result = fpu_holds(0); /* the attack before used it */
    fpu_fill(0x1111111111111111ul);
    EXPECT_IS(stage(1, NULL), OK);
    return result ? result : fpu_holds(0x1111111111111111ul);
}
DIRECT(fpu_state_of_others)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    for (uint64_t i = 1; i <= 6; i++)
        scene_spawn(scene, fpu_user, i << 32 | 0xabcd);
    scene_wait_helpers(scene);
    scene_go(scene, &m);
}

/* ---- memory ---- */

static int64_t all_zero(const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        EXPECT(words[i] == 0);
    return HELD;
}

static int64_t fresh_pages(size_t pages, uint32_t flags)
{
    MUST(object, memory_create(pages, flags));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)object, 0, 0, pages, PROT_READ | PROT_WRITE));
    int64_t result = all_zero((const uint64_t *)address, pages * PAGE_SIZE / 8);
    memset((void *)address, 0x5a, pages * PAGE_SIZE);
    EXPECT_IS(memory_unmap(HANDLE_NONE, (uint64_t)address, pages), OK);
    EXPECT_IS(cap_close((handle_t)object), OK);
    return result;
}

ATTACK(memory_of_others)
{
    int64_t result = HELD;
    for (int i = 0; i < 8 && !result; i++) { /* from the second time on it is what was filled before */
        result = fresh_pages(400, 0);
        result = result ? result : fresh_pages(256, MEMORY_CONTIGUOUS);
        result = result ? result : fresh_pages(1, 0);
    }
    return result;
}

/* What was a kernel object a moment ago (tables, channels, page tables) comes back as a task's memory. */
ATTACK(kernel_pages_as_memory)
{
    int64_t result = HELD;
    for (int i = 0; i < 10 && !result; i++) {
        handle_t handles[16];
        for (int k = 0; k < 16; k++) {
            MUST(channel, channel_create(64, 64));
            struct msg m = message(OP_PING, 28);
            EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1);
            handles[k] = (handle_t)channel;
        }
        for (int k = 0; k < 16; k++)
            EXPECT_IS(cap_close(handles[k]), OK);
        result = fresh_pages(300, 0);
    }
    return result;
}

/* ---- messages ---- */

#define FILLER 0xaa
#define FILLER_HANDLE 0xaaaaaaaau
static const handle_t fillers[MSG_CAPS_MAX] = {FILLER_HANDLE, FILLER_HANDLE, FILLER_HANDLE, FILLER_HANDLE};

/* own: the handles that the receiver had in its buffer. */
static int64_t only_message_written(const struct msg *m, const handle_t *own, unsigned length)
{
    unsigned end = (length + 7) / 8 * 8;
    for (unsigned i = length; i < MSG_PAYLOAD_MAX; i++)
        EXPECT(m->payload[i] == FILLER || (i < end && m->payload[i] == 0));
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++)
        EXPECT(m->head.caps[i] == HANDLE_NONE || m->head.caps[i] == own[i]);
    return HELD;
}

/* Behind the last byte there is what the receiver had there, or zeros: never another message's. */
ATTACK(payload_beyond_the_length)
{
    uint64_t signals;
    int64_t result = HELD;
    MUST(channel, channel_create(2, 2));
    for (unsigned length = 0; length < MSG_PAYLOAD_MAX && !result; length++) {
        struct msg m;
        memset(&m, 0xee, sizeof m);
        m.head = (struct msg_header){.op = OP_PING, .length = MSG_PAYLOAD_MAX};
        EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1); /* the slot is full of it */
        EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
        memset(&m, 0xdd, sizeof m); /* the sender's own bytes behind the length, and handles of no count */
        m.head = (struct msg_header){.op = OP_PING, .length = (uint8_t)length, .caps = {11, 12, 13, 14}};
        EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1);
        memset(&m, FILLER, sizeof m);
        EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
        EXPECT(m.head.length == length);
        result = only_message_written(&m, fillers, length);
    }
    return result;
}

ATTACK(payload_beyond_the_length_of_an_answer)
{
    static const handle_t own[MSG_CAPS_MAX] = {11, 12, 13, 14};
    int64_t result = HELD;
    for (unsigned length = 0; length < MSG_PAYLOAD_MAX && !result; length++) {
        struct msg m = message(OP_PING, 28);
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK); /* the slot is full of it */
        memset(&m, 0xaa, sizeof m);
        m.head = (struct msg_header){.op = OP_PING, .length = (uint8_t)length, .caps = {11, 12, 13, 14}};
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
        EXPECT(m.head.length == length);
        result = only_message_written(&m, own, length);
    }
    return result;
}

/* The kernel's own messages: an end with its header's and payload's unused parts. */
ATTACK(closed_message_has_nothing_else)
{
    uint64_t signals;
    struct msg m;
    MUST(channel, channel_create(2, 2));
    MUST(badged, cap_mint((handle_t)channel, RIGHTS_ALL, 99));
    EXPECT_IS(cap_close((handle_t)badged), OK);
    memset(&m, 0xaa, sizeof m);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT(m.head.kind == MSG_CLOSED && m.head.badge == 99 && !m.head.op && !m.head.length && !m.head.cap_count &&
           !m.head.status && !m.head.rights && !m.head.token);
    return only_message_written(&m, fillers, 0);
}

/* ---- structs ---- */

#define area scratch.bytes

/* Filled twice with different bytes: what is the same afterwards was written; what differs is a hole left as it was,
 * which is no leak; and nothing in it may look like a kernel address. */
static int64_t no_kernel_address(size_t bytes)
{
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, area + i, sizeof word);
        if (is_kernel_address(word))
            return seen("a kernel address in a struct", (int64_t)word, __FILE__, (int)i);
    }
    return HELD;
}

static int64_t info_clean(uint32_t kind, uint64_t index)
{
    memset(area, 0, PAGE_SIZE);
    result_t count = system_info(cap_named("trace"), kind, index, area, PAGE_SIZE);
    return count < 0 ? seen("system_info", count, __FILE__, (int)kind) : no_kernel_address(PAGE_SIZE);
}

ATTACK(kernel_addresses_in_info)
{
    struct cap_info cap;
    struct task_info task;
    MUST(memory, memory_create(1, 0));
    EXPECT_IS(cap_info((handle_t)memory, &cap), OK);
    memcpy(area, &cap, sizeof cap);
    int64_t result = no_kernel_address(sizeof cap);
    EXPECT_IS(task_info(HANDLE_NONE, &task), OK);
    memcpy(area, &task, sizeof task);
    result = result ? result : no_kernel_address(sizeof task);
    static const uint32_t kinds[] = {INFO_SYSTEM, INFO_TASKS, INFO_OBJECTS, INFO_TRACE};
    for (size_t i = 0; i < 4 && !result; i++)
        result = info_clean(kinds[i], 0);
    return result ? result : info_clean(INFO_CAPS, (uint64_t)task.id << 32);
}

/* Every byte of what cap_info and task_info answer is written: none is the kernel stack's. */
ATTACK(holes_in_info_structs)
{
    struct cap_info a, b;
    struct task_info c, d;
    memset(&a, 0x11, sizeof a);
    memset(&b, 0x22, sizeof b);
    EXPECT_IS(cap_info(clone_cap(CAP_SERVER), &a), OK);
    EXPECT_IS(cap_info(clone_cap(CAP_SERVER), &b), OK);
    EXPECT(memcmp(&a, &b, sizeof a) == 0);
    memset(&c, 0x11, sizeof c);
    memset(&d, 0x22, sizeof d);
    EXPECT_IS(task_info(clone_cap(CAP_TASK), &c), OK);
    EXPECT_IS(task_info(clone_cap(CAP_TASK), &d), OK);
    EXPECT(memcmp(c.name, d.name, sizeof c.name) == 0 && c.id == d.id && c.quota_pages == d.quota_pages);
    for (size_t i = strlen(c.name); i < sizeof c.name; i++)
        EXPECT(c.name[i] == 0);
    return HELD;
}

/* Two runs of random bytes, and many: none twice. */
ATTACK(random_bytes_repeat)
{
    uint64_t *words = scratch.words;
    for (int i = 0; i < 1024; i++)
        EXPECT_IS(random_bytes(&words[i], 8), OK);
    for (int i = 0; i < 1024; i++) {
        EXPECT(words[i] != 0);
        for (int k = 0; k < i; k++)
            EXPECT(words[i] != words[k]);
    }
    return HELD;
}
