; Every way into the kernel and back: system calls, interrupts and exceptions, the first dispatch.
;
; Interrupts are off in the kernel, and the kernel lock is held from an entry's first lines to an exit's last. The kernel stack
; (gs:16) is empty at every entry from user mode, and nothing on it survives a switch: what a waiting task needs lies in its
; struct task.
bits 64
default rel

%define OFFSET(name, offset, type, member) name equ offset
%include "kernel/x86/offsets.inc"
%include "kernel/trace/burst.inc"
%include "kernel/x86/lock.inc"

USER_CODE equ 0x23
USER_DATA equ 0x1b
TRACE_CLASS_SYSCALL equ 2
TRACE_SHORT_GENERAL equ 3
SYS_COUNT equ 43
ERR_NOT_SUPPORTED equ -15
INSIDE_STRIDE equ 64                ; kernel_lock.h

extern ipc_short_call, ipc_short_reply_recv
extern syscall_table, trace_mask, trace_short, trace_only_count, trace_syscall_entry, trace_syscall_exit
extern clock_tsc_start, clock_mult, burst_roll
extern trap_user, trap_kernel, sched_loop, sched_preempt
extern kernel_lock_wait, kernel_inside_wait, kernel_lock_held_long, kernel_lock_long_tsc, kernel_inside, cpu_count
global syscall_entry, syscall_give_up, task_resume, task_resume_short, task_resume_inside, sched_dispatch, isr_table, cpu_idle_wait, preempt_window

; Event %1 of task rbx: its number or answer in r12. Uses rax, rcx, rdx, r14, r15.
%macro SYSCALL_EVENT 1
    READ_TSC
    BURST
    HEADER 0, %1, 0
    mov r14d, [rbx + TASK_ID]
    mov [rdx + 8], r14d
    mov [rdx + 12], r12d
    BURST_END 16, 1
%endmacro

; What C may change.
%macro SAVE_SCRATCH 0
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
%endmacro

%macro RESTORE_SCRATCH 0
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
%endmacro

section .smap_patch progbits alloc noexec nowrite align=8
section .smp_patch progbits alloc noexec nowrite align=8
section .text

; Intel SDM vol. 2 SYSCALL: rcx = user rip, r11 = user rflags; interrupts masked by FMASK.
; The caller-saved registers are the caller's loss; callee-saved ones go to the task, for the call may not return here.
align 16
syscall_entry:
    swapgs
    mov [gs:CPU_SCRATCH], rsp
    mov rsp, [gs:CPU_CURRENT]
    mov [rsp + CTX_RIP], rcx
    mov [rsp + CTX_RFLAGS], r11
    mov [rsp + CTX_RBX], rbx
    mov [rsp + CTX_RBP], rbp
    mov [rsp + CTX_R12], r12
    mov [rsp + CTX_R13], r13
    mov [rsp + CTX_R14], r14
    mov [rsp + CTX_R15], r15
    mov rbx, [gs:CPU_SCRATCH]
    mov [rsp + CTX_RSP], rbx
    mov rbx, rsp                        ; rbx: struct task, kept by the C functions
    mov rsp, [gs:CPU_STACK]
    inc qword [rbx + TASK_SYSCALLS]
    lea rcx, [rax - 1]                  ; call, reply_recv
    cmp rcx, 1
    ja syscall_general
    INSIDE_ENTER syscall_inside_wait
.inside:
    cmp byte [trace_short], TRACE_SHORT_GENERAL
    je syscall_give_up
    cmp eax, 1
    je ipc_short_call
    jmp ipc_short_reply_recv
syscall_give_up:                        ; from ipc_short.asm
    INSIDE_LEAVE
syscall_general:
    LOCK_ENTER lock_enter_syscall
    cmp rax, SYS_COUNT                  ; all 64 bits: they index the table
    jae .unknown
    test byte [trace_mask], TRACE_CLASS_SYSCALL
    jnz .traced
    mov rcx, r10                        ; fourth argument, System V
    call [syscall_table + rax * 8]
.leave:
    cmp qword [gs:CPU_RESCHED], 0
    jne .preempted
    LOCK_LEAVE
    mov rcx, [rbx + CTX_RIP]
    mov r11, [rbx + CTX_RFLAGS]
    mov rsp, [rbx + CTX_RSP]
    mov rbx, [rbx + CTX_RBX]
sysret_clean:
    xor edi, edi                        ; nothing of the kernel's leaves in a register
    xor esi, esi
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    swapgs
    o64 sysret
syscall_inside_wait:                    ; another CPU has the lock
    INSIDE_LEAVE
    SAVE_SCRATCH
    call kernel_inside_wait
    test al, al
    RESTORE_SCRATCH
    jnz syscall_entry.inside
    jmp syscall_general
syscall_general.unknown:
    mov rax, ERR_NOT_SUPPORTED
    xor edx, edx
    jmp syscall_general.leave
syscall_general.traced:                 ; r12 to r15 lie in the context: free until it returns
    cmp dword [trace_only_count], 0
    jne syscall_general.chosen
    mov r12, rax
    mov r13, rdx
    SYSCALL_EVENT EVENT_ENTRY
    mov rax, r12
    mov rdx, r13
    mov rcx, r10
    call [syscall_table + rax * 8]
    mov r12, rax
    mov r13, rdx
    test byte [trace_mask], TRACE_CLASS_SYSCALL
    jz syscall_general.traced_end       ; it was trace_control
    cmp dword [trace_only_count], 0
    jne syscall_general.chosen_end
    SYSCALL_EVENT EVENT_EXIT
syscall_general.traced_end:
    mov rax, r12
    mov rdx, r13
    mov r12, [rbx + CTX_R12]
    mov r13, [rbx + CTX_R13]
    mov r14, [rbx + CTX_R14]
    mov r15, [rbx + CTX_R15]
    jmp syscall_general.leave
syscall_general.chosen:                 ; only if this is a task that is recorded
    push rdi
    push rsi
    push rdx
    push r10
    push r8
    push r9
    push rax
    sub rsp, 8
    mov edi, eax
    call trace_syscall_entry
    add rsp, 8
    pop rax
    pop r9
    pop r8
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    call [syscall_table + rax * 8]
    mov r12, rax
    mov r13, rdx
syscall_general.chosen_end:
    mov rdi, r12
    call trace_syscall_exit
    jmp syscall_general.traced_end
syscall_general.preempted:
    mov [rbx + CTX_RAX], rax
    mov [rbx + CTX_RDX], rdx
    jmp sched_preempt_entry

; _Noreturn void task_resume(struct task *task): the way back to user mode from a task's context
align 16
task_resume:
    cmp qword [rdi + CTX_FULL], 0
    jne task_resume_full
    mov rsi, [rdi + CTX_RAX]
    mov rdx, [rdi + CTX_RDX]
; _Noreturn void task_resume_short(struct task *task rdi, value rsi, second rdx)
task_resume_short:
    LOCK_LEAVE
task_resume_inside:                     ; from ipc_short.asm, which has not the lock
    mov rax, rsi
    mov rcx, [rdi + CTX_RIP]
    mov r11, [rdi + CTX_RFLAGS]
    mov rsp, [rdi + CTX_RSP]
    mov rbx, [rdi + CTX_RBX]
    mov rbp, [rdi + CTX_RBP]
    mov r12, [rdi + CTX_R12]
    mov r13, [rdi + CTX_R13]
    mov r14, [rdi + CTX_R14]
    mov r15, [rdi + CTX_R15]
    jmp sysret_clean
task_resume_full:
    LOCK_LEAVE
    mov qword [rdi + CTX_FULL], 0       ; the next system call saves the short set
    mov rsp, [gs:CPU_STACK]
    push USER_DATA
    push qword [rdi + CTX_RSP]
    push qword [rdi + CTX_RFLAGS]
    push USER_CODE
    push qword [rdi + CTX_RIP]
    mov rax, [rdi + CTX_RAX]
    mov rdx, [rdi + CTX_RDX]
    mov rbx, [rdi + CTX_RBX]
    mov rbp, [rdi + CTX_RBP]
    mov r12, [rdi + CTX_R12]
    mov r13, [rdi + CTX_R13]
    mov r14, [rdi + CTX_R14]
    mov r15, [rdi + CTX_R15]
    mov rcx, [rdi + CTX_RCX]
    mov rsi, [rdi + CTX_RSI]
    mov r8, [rdi + CTX_R8]
    mov r9, [rdi + CTX_R9]
    mov r10, [rdi + CTX_R10]
    mov r11, [rdi + CTX_R11]
    mov rdi, [rdi + CTX_RDI]
    swapgs
    iretq

; _Noreturn: forget the stack and run whoever is next
sched_dispatch:
    mov rsp, [gs:CPU_STACK]
    xor ebp, ebp
    call sched_loop
sched_preempt_entry:
    mov rsp, [gs:CPU_STACK]
    xor ebp, ebp
    call sched_preempt

; ---- interrupts and exceptions ----

; One stub a vector: where the CPU pushes no error code, a zero stands for it.
%macro ISR 1
isr_%1:
%if %1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21 || %1 == 29 || %1 == 30
%else
    push 0
%endif
    push %1
    jmp isr_common
%endmacro
%assign v 0
%rep 256
ISR v
%assign v v + 1
%endrep

; struct trap_frame (kernel/x86/trap.h)
%macro PUSH_REGISTERS 0
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
%endmacro

%macro POP_REGISTERS 0
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    add rsp, 16                         ; vector, error code
%endmacro

; A three-byte NOP that cpu_init() turns into CLAC where the CPU has SMAP (user.h)
%macro SMAP_OFF 0
%%site: db 0x0f, 0x1f, 0x00
    [section .smap_patch]
    dq %%site, 1
    __?SECT?__
%endmacro

FRAME_VECTOR equ 15 * 8
FRAME_CS     equ 18 * 8

isr_common:
    PUSH_REGISTERS
    cld
    SMAP_OFF                            ; a task may have set AC, and an interrupt gate leaves it
    cmp qword [rsp + FRAME_VECTOR], 2   ; NMI, double fault, machine check: GS may be the user's whatever CS says
    je .paranoid
    cmp qword [rsp + FRAME_VECTOR], 8
    je .paranoid
    cmp qword [rsp + FRAME_VECTOR], 18
    je .paranoid
    test byte [rsp + FRAME_CS], 3
    jz .from_kernel
    swapgs
    LOCK_ENTER lock_enter
    mov rdi, rsp
    call trap_user                      ; returns when the same task goes on at once
    LOCK_LEAVE
    POP_REGISTERS
    swapgs
    iretq
.from_kernel:
    mov rdi, rsp
    cmp qword [rsp + FRAME_VECTOR], 32
    jb .fault_in_kernel
    LOCK_ENTER lock_enter
    call trap_kernel                    ; idle, or a preemption window
    LOCK_LEAVE
    POP_REGISTERS
    iretq
.fault_in_kernel:                       ; in a user copy: it has the lock, or is inside
    call trap_kernel
    POP_REGISTERS
    iretq
.paranoid:
    mov ecx, 0xc0000101                 ; IA32_GS_BASE: a kernel address has its top bit set
    rdmsr
    test edx, edx
    js .have_gs
    swapgs
.have_gs:
    mov rdi, rsp
    call trap_kernel
    jmp $

; void cpu_idle_wait(void): interrupts on and sleep, as one (sti holds them off for one instruction).
; An interrupt here is handled, and returns to where it slept: then it goes back to sched_loop.
cpu_idle_wait:
    LOCK_LEAVE
    sti
    hlt
    cli
    LOCK_ENTER lock_enter
    ret

; void preempt_window(void): takes pending interrupts inside a long kernel operation
preempt_window:
    LOCK_LEAVE
    sti
    nop
    cli
    LOCK_ENTER lock_enter
    ret

; A system call whose task was ended while it waited has nobody to go back to.
lock_enter_syscall:
    call lock_enter
    cmp byte [gs:CPU_LEFT], 0
    jne sched_dispatch
    ret

; These keep every register.
lock_enter:
    cmp dword [kernel_lock + LOCK_WAITERS], 0
    jne .slow
    lock bts dword [kernel_lock], 0
    jc .slow
    push rax
    push rdx
    push rcx
    lea rax, [kernel_inside]
    mov ecx, [cpu_count]
.next:
    cmp dword [rax], 0                  ; a few instructions more, and it leaves
    jne .inside
    add rax, INSIDE_STRIDE
    dec ecx
    jnz .next
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov [gs:CPU_LOCK_TAKEN], rax
    pop rcx
    pop rdx
    pop rax
    ret
.inside:
    pause
    jmp .next
.slow:
    SAVE_SCRATCH
    call kernel_lock_wait
    RESTORE_SCRATCH
    ret

lock_leave:
    push rax
    push rdx
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, [gs:CPU_LOCK_TAKEN]
    add [gs:CPU_LOCK_HELD], rax
    cmp rax, [kernel_lock_long_tsc]
    ja .long
.free:
    pop rdx
    pop rax
    mov dword [kernel_lock], 0
    ret
.long:
    SAVE_SCRATCH
    mov rdi, rax
    call kernel_lock_held_long
    RESTORE_SCRATCH
    jmp .free

section .rodata
align 8
isr_table:
%assign v 0
%rep 256
    dq isr_ %+ v
%assign v v + 1
%endrep
