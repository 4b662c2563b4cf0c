/* The only ways to touch a task's memory: its current address space, checked against the user half, and a fault ends
 * in ERR_FAULT instead of a panic (the .extable section pairs the faulting instruction with where to go on).
 * Rules: kernel lock held; the task whose memory it is must be the current address space. */
#pragma once
#include <abi/errors.h>
#include <abi/memory.h>
#include <abi/message.h>

/* Three-byte NOPs that cpu_init() turns into stac and clac where the CPU has SMAP. */
#define SMAP_SITE(kind) \
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
#define USER_LOAD(value, address, fail)                                                             \
    __asm__ goto("772: mov %1, %0\n .pushsection .extable, \"a\"\n .quad 772b, %l2\n .popsection\n" \
                 : "=r"(value)                                                                      \
                 : "m"(*(address))                                                                  \
                 :                                                                                  \
                 : fail)
#define USER_STORE(value, address, fail)                                                            \
    __asm__ goto("772: mov %0, %1\n .pushsection .extable, \"a\"\n .quad 772b, %l2\n .popsection\n" \
                 :                                                                                  \
                 : "r"(value), "m"(*(address))                                                      \
                 : "memory"                                                                         \
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

/* ---- messages ----
 * The header's four words and as many payload words as `length` says; four words a turn, for most messages are short.
 * Used by the general path (transfer.c) and, in pieces, by the short ones (ipc_fast.c). */

#define MSG_WORD0_LENGTH(word0) ((unsigned)((word0) >> 16) & 0xff)
#define MSG_WORD0_CAPS(word0) ((unsigned)((word0) >> 24) & 0xff)
#define MSG_WORD0_SENT 0x0000ff00ffffffffull /* what of word 0 is the sender's: op, length, cap_count, status */
#define MSG_WORD0_STAMP(kind, rights) ((uint64_t)(kind) << 32 | (uint64_t)(uint16_t)(rights) << 48)

/* Length and cap_count in one comparison: the usual message, four words and no capability. */
#define MSG_WORD0_IS_4W(word0) (((uint32_t)(word0) >> 16) == 32)

/* Payload words between user and kernel memory; between begin and end. Bytes of the last word beyond the length do not
 * leave the sender: payload_mask_tail. */
#define PAYLOAD_COPY_IN(to, from, length, fail)                 \
    do {                                                        \
        const uint64_t *in_ = (from);                           \
        uint64_t *out_ = (to), word_;                           \
        int left_ = (int)(length);                              \
        for (; left_ >= 32; left_ -= 32, in_ += 4, out_ += 4) { \
            USER_LOAD(word_, &in_[0], fail);                    \
            out_[0] = word_;                                    \
            USER_LOAD(word_, &in_[1], fail);                    \
            out_[1] = word_;                                    \
            USER_LOAD(word_, &in_[2], fail);                    \
            out_[2] = word_;                                    \
            USER_LOAD(word_, &in_[3], fail);                    \
            out_[3] = word_;                                    \
        }                                                       \
        for (; left_ > 0; left_ -= 8) {                         \
            USER_LOAD(word_, in_++, fail);                      \
            *out_++ = word_;                                    \
        }                                                       \
        if (left_ < 0)                                          \
            out_[-1] &= ~0ull >> -(left_ * 8);                  \
    } while (0)

#define PAYLOAD_COPY_IN_4W(to, from, fail)  \
    do {                                    \
        uint64_t word_;                     \
        USER_LOAD(word_, &(from)[0], fail); \
        (to)[0] = word_;                    \
        USER_LOAD(word_, &(from)[1], fail); \
        (to)[1] = word_;                    \
        USER_LOAD(word_, &(from)[2], fail); \
        (to)[2] = word_;                    \
        USER_LOAD(word_, &(from)[3], fail); \
        (to)[3] = word_;                    \
    } while (0)

#define PAYLOAD_COPY_OUT_4W(to, from, fail)    \
    do {                                       \
        USER_STORE((from)[0], &(to)[0], fail); \
        USER_STORE((from)[1], &(to)[1], fail); \
        USER_STORE((from)[2], &(to)[2], fail); \
        USER_STORE((from)[3], &(to)[3], fail); \
    } while (0)

#define PAYLOAD_COPY_OUT(to, from, length, fail)                \
    do {                                                        \
        const uint64_t *in_ = (from);                           \
        uint64_t *out_ = (to);                                  \
        int left_ = (int)(length);                              \
        for (; left_ >= 32; left_ -= 32, in_ += 4, out_ += 4) { \
            USER_STORE(in_[0], &out_[0], fail);                 \
            USER_STORE(in_[1], &out_[1], fail);                 \
            USER_STORE(in_[2], &out_[2], fail);                 \
            USER_STORE(in_[3], &out_[3], fail);                 \
        }                                                       \
        for (; left_ > 0; left_ -= 8)                           \
            USER_STORE(*in_++, out_++, fail);                   \
    } while (0)

/* ERR_FAULT, or ERR_BAD_MESSAGE when length or cap_count is over the limit. */
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
    if (MSG_WORD0_LENGTH(word0) > MSG_PAYLOAD_MAX || MSG_WORD0_CAPS(word0) > MSG_CAPS_MAX)
        goto bad;
    target[0] = word0;
    target[1] = word1;
    target[2] = word2;
    target[3] = word3;
    PAYLOAD_COPY_IN(to->words, from->words, MSG_WORD0_LENGTH(word0), fault);
    user_access_end();
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
    PAYLOAD_COPY_OUT(to->words, from->words, from->head.length, fault);
    user_access_end();
    return OK;
fault:
    user_access_end();
    return ERR_FAULT;
}
