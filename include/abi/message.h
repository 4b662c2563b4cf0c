/* A message: 32 bytes of header, at most 224 of payload, at most 4 capabilities. Only used bytes are copied.
 *
 * Rules
 *  - The sender fills op, length, cap_count, status, caps, and (in a reply) token. The kernel stamps kind, rights,
 *    badge and (in a call) token; what the sender wrote there never arrives.
 *  - A sent capability is moved (MSG_CAP_MOVE, the default) or copied as a derived child (MSG_CAP_COPY); on any error
 *    of the send nothing was moved. A capability revoked on the way arrives as HANDLE_NONE.
 *  - Kinds CLOSED, EXIT and FAULT come from the kernel only; see the structs below for their payload.
 */
#pragma once
#include <abi/types.h>

#define MSG_PAYLOAD_MAX 224
#define MSG_CAPS_MAX 4
#define MSG_BATCH_MAX 64

enum msg_kind {
    MSG_SEND = 0,   /* one-way */
    MSG_CALL = 1,   /* the sender waits: answer with `token` */
    MSG_REPLY = 2,  /* the answer to a call */
    MSG_CLOSED = 3, /* the last sender capability with this badge is gone */
    MSG_EXIT = 4,   /* a supervised task ended; badge as given to task_create; payload struct msg_exit */
    MSG_FAULT = 5,  /* a supervised task faulted and stands still; payload struct msg_fault */
};

/* Which way caps[i] goes: a sender sets this bit in head.kind (the kernel stamps kind anew on the way) to keep its own
 * capability and send a derived child; clear, the capability moves. */
#define MSG_CAP_COPY(i) (1u << (i))

struct msg_header {
    uint16_t op;       /* protocol << 8 | operation, see include/proto */
    uint8_t length;    /* payload bytes, 0..224 */
    uint8_t cap_count; /* 0..4 */
    uint8_t kind;      /* kernel: enum msg_kind */
    int8_t status;     /* in a reply: OK or ERR_; else 0 */
    uint16_t rights;   /* kernel: the 16 service rights of the capability it came through */
    uint32_t badge;    /* kernel: the badge of that capability */
    uint32_t token;    /* kernel, in a call: names the waiting caller; the replier gives it back */
    handle_t caps[MSG_CAPS_MAX];
};

struct msg {
    struct msg_header head;
    union {
        uint8_t payload[MSG_PAYLOAD_MAX];
        uint64_t words[MSG_PAYLOAD_MAX / 8];
    };
};
_Static_assert(sizeof(struct msg_header) == 32, "msg_header is 32 bytes");
_Static_assert(sizeof(struct msg) == 256, "msg is 256 bytes");

struct msg_exit {
    int64_t code; /* what task_exit said; -1 when killed */
    uint32_t task_id, killed;
};

struct msg_fault {
    uint32_t task_id, vector;     /* x86 exception number */
    uint64_t error_code, address; /* as the CPU gave them; address is CR2 for a page fault */
    uint64_t ip, sp;
};
