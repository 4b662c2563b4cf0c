; The first instructions of every task. The creator put the start info's address into rdi (abi/task.h); nothing else is
; defined but rsp. System V ABI §3.4.1: rbp 0 ends a backtrace, rsp is 16-byte aligned before the call.
bits 64
default rel

extern runtime_start
global _start:function

section .text._start progbits alloc exec nowrite align=16
_start:
    xor ebp, ebp
    and rsp, -16
    call runtime_start
    ud2

section .note.GNU-stack noalloc noexec nowrite progbits
