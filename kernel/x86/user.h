/* The only ways to touch a task's memory: its current address space, checked against the user half, and a fault ends
 * in ERR_FAULT instead of a panic (the .extable section pairs the faulting instruction with where to go on).
 * Rules: kernel lock held; the task whose memory it is must be the current address space. */
#pragma once
#include <abi/errors.h>
#include <abi/memory.h>
#include <abi/message.h>

/* Three-byte NOPs that cpu_init() turns into stac and clac where the CPU has SMAP. */
#define SMAP_SITE(kind)                                                                                   \
    "771: .byte 0x0f, 0x1f, 0x00\n .pushsection .smap_patch, \"a\"\n .quad 771b, " #kind "\n .popsection\n"

static inline void user_access_begin(void)
{
    __asm__ volatile(SMAP_SITE(0)::: "memory");
}
static inline void user_access_end(void)
{
    __asm__ volatile(SMAP_SITE(1)::: "memory");
}

static inline bool user_range_ok(uint64_t address, uint64_t bytes)
{
    return bytes <= USER_TOP && address >= USER_BASE && address <= USER_TOP - bytes;
}

/* Between begin and end. */
#define USER_LOAD(value, address, fail)                                                       \
    __asm__ goto("772: mov %1, %0\n .pushsection .extable, \"a\"\n .quad 772b, %l2\n .popsection\n" \
                 : "=r"(value)                                                                \
                 : "m"(*(address))                                                            \
                 :                                                                            \
                 : fail)
#define USER_STORE(value, address, fail)                                                      \
    __asm__ goto("772: mov %0, %1\n .pushsection .extable, \"a\"\n .quad 772b, %l2\n .popsection\n" \
                 :                                                                            \
                 : "r"(value), "m"(*(address))                                                \
                 : "memory"                                                                   \
                 : fail)

/* user_copy.asm: OK or ERR_FAULT; bytes of any length; the user side is range-checked here. */
status_t MUST_CHECK user_copy_in_raw(void *to, const void *from_user, size_t bytes);
status_t MUST_CHECK user_copy_out_raw(void *to_user, const void *from, size_t bytes);

static inline status_t MUST_CHECK user_copy_in(void *to, const void *from_user, size_t bytes)
{
    return user_range_ok((uint64_t)from_user, bytes) ? user_copy_in_raw(to, from_user, bytes) : ERR_FAULT;
}
static inline status_t MUST_CHECK user_copy_out(void *to_user, const void *from, size_t bytes)
{
    return user_range_ok((uint64_t)to_user, bytes) ? user_copy_out_raw(to_user, from, bytes) : ERR_FAULT;
}

/* A message: the header, then as many payload words as its length says. Bytes of the last word beyond the length do
 * not leave the sender. ERR_FAULT, or ERR_BAD_MESSAGE when length or cap_count is over the limit. */
static inline status_t MUST_CHECK msg_copy_in(struct msg *to, const struct msg *from)
{
    const uint64_t *source = (const uint64_t *)from;
    uint64_t *target = (uint64_t *)to;
    uint64_t word0, word1, word2, word3;
    if (!user_range_ok((uint64_t)from, sizeof(struct msg)))
        return ERR_FAULT;
    user_access_begin();
    USER_LOAD(word0, &source[0], fault);
    USER_LOAD(word1, &source[1], fault);
    USER_LOAD(word2, &source[2], fault);
    USER_LOAD(word3, &source[3], fault);
    target[0] = word0;
    target[1] = word1;
    target[2] = word2;
    target[3] = word3;
    unsigned length = to->head.length;
    if (length > MSG_PAYLOAD_MAX || to->head.cap_count > MSG_CAPS_MAX)
        goto bad;
    for (unsigned i = 0; i < length; i += 8) {
        USER_LOAD(word0, (const uint64_t *)(from->payload + i), fault);
        *(uint64_t *)(to->payload + i) = word0;
    }
    user_access_end();
    if (length % 8)
        to->words[length / 8] &= (1ull << (length % 8 * 8)) - 1;
    return OK;
fault:
    user_access_end();
    return ERR_FAULT;
bad:
    user_access_end();
    return ERR_BAD_MESSAGE;
}

static inline status_t MUST_CHECK msg_copy_out(struct msg *to, const struct msg *from)
{
    uint64_t *target = (uint64_t *)to;
    const uint64_t *source = (const uint64_t *)from;
    if (!user_range_ok((uint64_t)to, sizeof(struct msg)))
        return ERR_FAULT;
    user_access_begin();
    USER_STORE(source[0], &target[0], fault);
    USER_STORE(source[1], &target[1], fault);
    USER_STORE(source[2], &target[2], fault);
    USER_STORE(source[3], &target[3], fault);
    unsigned length = from->head.length;
    for (unsigned i = 0; i < length; i += 8)
        USER_STORE(*(const uint64_t *)(from->payload + i), (uint64_t *)(to->payload + i), fault);
    user_access_end();
    return OK;
fault:
    user_access_end();
    return ERR_FAULT;
}
