/* The CPU state that entry.asm saves on an interrupt or exception: pushed on the kernel stack, then (for user mode)
 * copied to the task. */
#pragma once
#include <abi/types.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};
