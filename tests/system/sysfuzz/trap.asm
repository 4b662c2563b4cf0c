; One system call with everything looked at that comes back, and what a task made by a worker runs.
bits 64
default rel

global fuzz_trap, fuzz_fpu_set, fuzz_fpu_get, grandchild_code, grandchild_end
section .text

; void fuzz_trap(const struct fuzz_call *in rdi, uint64_t out[4] rsi)
; in: number, six arguments. out: rax, rdx, all registers that must be zero ORed, 1 when a callee-saved one (or the
; direction flag) is not what it was.
fuzz_trap:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rsi
    mov rax, [rdi]
    mov rsi, [rdi + 16]
    mov rdx, [rdi + 24]
    mov r10, [rdi + 32]
    mov r8, [rdi + 40]
    mov r9, [rdi + 48]
    mov rdi, [rdi + 8]
    mov rbx, 0x1b1b1b1b1b1b1b1b
    mov rbp, rsp
    mov r12, 0x1212121212121212
    mov r13, 0x1313131313131313
    mov r14, 0x1414141414141414
    mov r15, 0x1515151515151515
    syscall
    or rdi, rsi
    or rdi, r8
    or rdi, r9
    or rdi, r10
    sub rbp, rsp
    mov rcx, 0x1b1b1b1b1b1b1b1b
    xor rbx, rcx
    or rbp, rbx
    mov rcx, 0x1212121212121212
    xor r12, rcx
    or rbp, r12
    mov rcx, 0x1313131313131313
    xor r13, rcx
    or rbp, r13
    mov rcx, 0x1414141414141414
    xor r14, rcx
    or rbp, r14
    mov rcx, 0x1515151515151515
    xor r15, rcx
    or rbp, r15
    xor ecx, ecx
    test rbp, rbp
    setnz cl
    pushfq
    pop r8
    shr r8, 10
    and r8d, 1
    or rcx, r8
    cld
    pop rsi
    mov [rsi], rax
    mov [rsi + 8], rdx
    mov [rsi + 16], rdi
    mov [rsi + 24], rcx
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

; void fuzz_fpu_set(uint64_t), uint64_t fuzz_fpu_get(void): does a register of the FPU stay this task's own?
fuzz_fpu_set:
    movq xmm7, rdi
    ret
fuzz_fpu_get:
    movq rax, xmm7
    ret

; What a task made by a worker runs: copied to a page of its own, entered without a stack, with its first handles in
; known places of a fresh table (index 0.., generation 1). It uses each for a while and ends.
SYS_call      equ 1
SYS_send      equ 3
SYS_recv      equ 4
SYS_raise     equ 7
SYS_mint      equ 9
SYS_close     equ 10
SYS_revoke    equ 11
SYS_create    equ 13
SYS_exit      equ 21
SYS_yield     equ 23
SYS_clock     equ 24
FIRST_HANDLE  equ 1 << 20

%macro CALL_WITH 4                      ; number, second to fourth argument; the first is the handle in ebx
    mov edi, ebx
    mov rsi, %2
    mov rdx, %3
    mov r10, %4
    mov eax, %1
    syscall
%endmacro

grandchild_code:
    mov ebp, 24
.round:
    mov ebx, ebp
    and ebx, 3
    or ebx, FIRST_HANDLE
    lea r12, [grandchild_code]          ; a message that may be read and not written
    CALL_WITH SYS_mint, -1, 0, 0
    CALL_WITH SYS_send, r12, 1, 0
    CALL_WITH SYS_raise, -1, 0, 0
    CALL_WITH SYS_recv, r12, 1, 0
    CALL_WITH SYS_create, 0, 0, 0
    mov eax, SYS_yield
    syscall
    mov eax, SYS_clock
    syscall
    add rax, 50000
    CALL_WITH SYS_call, r12, rax, 0
    test ebp, 7
    jnz .next
    CALL_WITH SYS_revoke, 0, 0, 0
    CALL_WITH SYS_close, 0, 0, 0
.next:
    dec ebp
    jnz .round
    xor edi, edi
    mov eax, SYS_exit
    syscall
    ud2
grandchild_end:

section .note.GNU-stack noalloc noexec nowrite progbits
