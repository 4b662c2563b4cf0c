/* Every status there is, with the words a person reads. One list: numbers, names and texts come from it. */
#pragma once

/* clang-format off */
#define ERROR_LIST(X)                                                                   \
    X(OK, 0, "done")                                                                    \
    X(ERR_INVALID, -1, "an argument has a value that the call does not take")           \
    X(ERR_BAD_HANDLE, -2, "the handle names nothing (closed, revoked or never given)")  \
    X(ERR_WRONG_TYPE, -3, "the capability is of another type")                          \
    X(ERR_NO_RIGHT, -4, "the capability lacks the right")                               \
    X(ERR_QUOTA, -5, "the task's memory quota is used up")                              \
    X(ERR_NO_MEMORY, -6, "the machine has no free memory of that size")                 \
    X(ERR_WOULD_BLOCK, -7, "nothing there now, or the credit is used up")               \
    X(ERR_TIMED_OUT, -8, "the deadline passed")                                         \
    X(ERR_PEER_DIED, -9, "the other side died or closed the channel")                   \
    X(ERR_FAULT, -10, "a pointer is not valid user memory")                             \
    X(ERR_TABLE_FULL, -11, "no free handle or table entry")                             \
    X(ERR_EXISTS, -12, "it is there already")                                           \
    X(ERR_NOT_FOUND, -13, "there is no such thing")                                     \
    X(ERR_BUSY, -14, "it is in use")                                                    \
    X(ERR_NOT_SUPPORTED, -15, "this system or device cannot do that")                   \
    X(ERR_TOO_LONG, -16, "longer than the limit")                                       \
    X(ERR_BAD_STATE, -17, "not possible in the present state")                          \
    X(ERR_IO, -18, "the device failed")                                                 \
    X(ERR_BAD_MESSAGE, -19, "the message does not have the form that its operation has") \
    X(ERR_UNREACHABLE, -20, "no way to that address")                                   \
    X(ERR_REFUSED, -21, "the other side refused")                                       \
    X(ERR_RESTARTED, -22, "stopped at a preemption point: call again to go on")
/* clang-format on */

enum {
#define X(name, value, text) name = value,
    ERROR_LIST(X)
#undef X
};
