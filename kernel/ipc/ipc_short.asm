; The shortest path of call and reply_recv: one message of four words without capabilities, no deadline, the other side
; waits, nobody more urgent is ready. It is what ipc_fast.c does, in the same order, with the payload kept in registers
; across the change of address space. Whatever does not fit goes on in entry.asm's general way, with nothing changed.
;
; With several CPUs it runs without the kernel lock, "inside" (kernel_lock.h): so it touches only what is this CPU's. That is the
; current task, a task that waits and ran here last, the channel that such a task waits at, and this CPU's ring and figures.
;
; Entered by jump from syscall_entry: rbx = struct task, its context saved, rsp = empty kernel stack, arguments in
; rdi, rsi, rdx, r10, r8 as the system call has them.
;
; In both halves, from the point of no return on:
;   rbx the task that goes to sleep   r13 the task that goes on   r15 TSC   r14 word 0   rdi word 1   r8..r11 payload
bits 64
default rel

%define OFFSET(name, offset, type, member) name equ offset
%include "kernel/x86/offsets.inc"
%include "kernel/trace/burst.inc"
%include "kernel/x86/lock.inc"

CHANNEL          equ 3          ; enum object_type
RIGHT_SEND_BYTE2 equ 4          ; rights >> 16
RIGHT_RECV_BYTE2 equ 8
READY            equ 1          ; enum task_state
RECEIVING        equ 2
REPLYING         equ 4
KIND_CALL_BIT    equ 32         ; enum msg_kind in word 0
KIND_REPLY_BIT   equ 33
SWITCH_CALL      equ 1          ; enum trace_switch_reason
SWITCH_REPLY     equ 2
SYS_CALL         equ 1          ; enum syscall_number
SYS_REPLY_RECV   equ 2
SHORT_USUAL      equ 1          ; enum trace_short
WORD0_SENT       equ 0x0000ff00ffffffff
FOUR_WORDS       equ 32         ; length and cap_count in one number
USER_BASE        equ 0x1000
USER_SPAN        equ 0x7ffffffff000 - 256 - USER_BASE
TASKS_MAX        equ 1024
BATCH_MAX        equ 64
ERR_FAULT        equ -10

extern trace_short, balance_waiting, clock_tsc_start, clock_mult, trace_roll, task_slots, call_finish, recv_finish
extern fpu_switch_slow, call_deliver_failed, trace_syscall_failed, syscall_give_up, task_resume_inside
global ipc_short_call, ipc_short_reply_recv, burst_roll

%macro SMAP 1                   ; 0: stac, 1: clac, patched by cpu_init()
%%site: db 0x0f, 0x1f, 0x00
    [section .smap_patch]
    dq %%site, %1
    __?SECT?__
%endmacro

%macro FIXUP 2                  ; a fault at %1 goes on at %2
    [section .extable]
    dq %1, %2
    __?SECT?__
%endmacro

; Handle edi of task rbx -> rbp struct cap, r12 its channel, which carries right %1. Uses rax, rcx.
%macro FIND_CHANNEL 2
    mov eax, edi
    shr eax, 8
    and eax, 0x1ff
    mov rcx, [rbx + TASK_TABLE_PAGES]
    mov rcx, [rcx + rax * 8]
    movzx eax, dil
    shl eax, 4
    add rcx, rax
    cmp [rcx + 8], edi          ; still the handle of that entry
    jne %2
    mov rbp, [rcx]
    mov r12, [rbp + CAP_OBJECT]
    cmp dword [r12 + OBJECT_TYPE], CHANNEL
    jne %2
    test byte [rbp + CAP_RIGHTS + 2], %1
    jz %2
%endmacro

; May task r13 run now? It ran here last, nobody ready is as urgent, and no switch is due. Leaves its priority in ecx. Uses rax.
%macro MAY_RUN 1
    mov eax, [gs:CPU_ID]
    cmp eax, [r13 + TASK_CPU]
    jne %1
    mov ecx, [r13 + TASK_PRIORITY]
    mov eax, [gs:CPU_RUNQ_READY]
    or eax, [balance_waiting]
    shr eax, cl
    or eax, [gs:CPU_RESCHED]
    jnz %1
%endmacro

; Is the message at %1 in the user half? Uses rax, rcx.
%macro USER_MESSAGE 2
    lea rax, [%1 - USER_BASE]
    mov rcx, USER_SPAN
    cmp rax, rcx
    ja %2
%endmacro

; At rdx + %1: the event %2 with the payload that macro %3 writes, and the context switch with reason %4; %5: the event
; before. esi: the id of rbx. Uses r12, rbp.
%macro IPC_AND_SWITCH 5
    HEADER %1, %2, %5
    mov [rdx + %1 + 8], esi
    %3 %1 + 12
    HEADER %1 + 24, EVENT_SWITCH, %2
    mov [rdx + %1 + 32], esi
    mov r12d, [r13 + TASK_ID]
    mov [rdx + %1 + 36], r12d
    mov qword [rdx + %1 + 40], %4
%endmacro

; What a half records: the event %1 with payload %2, the switch with reason %3. Uses rax, rcx, rdx, rsi, r12, rbp.
%macro TRACE_USUAL 3
    BURST
    mov esi, [rbx + TASK_ID]
    IPC_AND_SWITCH 0, %1, %2, %3, 0
    BURST_END 48, 2
%endmacro

; The same with the entry of system call %4 before it, and behind it the exit of the one in which r13 waited, with result %5.
%macro TRACE_ALL 5
    BURST
    mov esi, [rbx + TASK_ID]
    HEADER 0, EVENT_ENTRY, 0
    mov [rdx + 8], esi
    mov dword [rdx + 12], %4
    IPC_AND_SWITCH 16, %1, %2, %3, EVENT_ENTRY
    HEADER 64, EVENT_EXIT, EVENT_SWITCH
    mov [rdx + 72], r12d
    mov dword [rdx + 76], %5
    BURST_END 80, 4
%endmacro

; Takes the link at rax out of its list. Uses rcx, rdx.
%macro UNLINK 0
    mov rcx, [rax + LINK_NEXT]
    mov rdx, [rax + LINK_PREVIOUS]
    mov [rdx + LINK_NEXT], rcx
    mov [rcx + LINK_PREVIOUS], rdx
    mov [rax + LINK_NEXT], rax
    mov [rax + LINK_PREVIOUS], rax
%endmacro

; Task rbx sleeps, task r13 goes on: accounting, address space, FPU trap. Uses rax, rcx, rdx.
%macro SWITCH 0
    mov dword [r13 + TASK_STATE], READY
    mov qword [r13 + TASK_FINISH], 0
    lea rax, [r13 + TASK_TIMER_LINK]
    cmp rax, [rax]
    je %%no_timer
    UNLINK
    mov qword [r13 + TASK_TIMER_DEADLINE], -1
%%no_timer:
    mov qword [gs:CPU_SLICE_END], -1
    mov rax, r15
    sub rax, [gs:CPU_SWITCHED_IN]
    add [rbx + TASK_CPU_TIME], rax
    mov [gs:CPU_SWITCHED_IN], r15
    inc qword [gs:CPU_SWITCHES]
    inc dword [r13 + TASK_SWITCHES]
    inc qword [gs:CPU_MESSAGES]
    mov [gs:CPU_CURRENT], r13
    mov rax, [r13 + TASK_ROOT]
    mov [gs:CPU_USER_ROOT], rax
    mov cr3, rax
    cmp qword [gs:CPU_FPU_OWNER], 0
    je %%no_fpu
    call short_fpu
%%no_fpu:
%endmacro

; Words r14, rdi and the payload to the message at rcx; a fault goes on at %1.
%macro COPY_OUT 1
    SMAP 0
%%a: mov [rcx], r14
%%b: mov [rcx + 8], rdi
%%c: mov [rcx + 32], r8
%%d: mov [rcx + 40], r9
%%e: mov [rcx + 48], r10
%%f: mov [rcx + 56], r11
    SMAP 1
    FIXUP %%a, %1
    FIXUP %%b, %1
    FIXUP %%c, %1
    FIXUP %%d, %1
    FIXUP %%e, %1
    FIXUP %%f, %1
%endmacro

; Back to user mode: task rdi, with rsi and rdx.
%macro RESUME 0
    INSIDE_LEAVE
    jmp task_resume_inside
%endmacro

; The payload of the message at rsi; a fault goes on at %1.
%macro PAYLOAD_IN 1
%%a: mov r8, [rsi + 32]
%%b: mov r9, [rsi + 40]
%%c: mov r10, [rsi + 48]
%%d: mov r11, [rsi + 56]
    FIXUP %%a, %1
    FIXUP %%b, %1
    FIXUP %%c, %1
    FIXUP %%d, %1
%endmacro

section .smap_patch progbits alloc noexec nowrite align=8
section .smp_patch progbits alloc noexec nowrite align=8
section .extable progbits alloc noexec nowrite align=8
section .text

; ---- call(handle edi, message rsi, deadline rdx) ----

%macro CALL_PAYLOAD 1           ; to rdx + %1: channel, operation, badge
    mov r12d, [r12 + OBJECT_ID]
    mov [rdx + %1], r12d
    movzx r12d, r14w
    mov [rdx + %1 + 4], r12d
    mov [rdx + %1 + 8], ebp
%endmacro

align 16
ipc_short_call:
    cmp rdx, -1
    jne .general
    FIND_CHANNEL RIGHT_SEND_BYTE2, .general
    mov r13, [r12 + CHANNEL_RECEIVER]
    test r13, r13
    jz .general
    MAY_RUN .general
    cmp ecx, [rbx + TASK_PRIORITY]
    jb .general
    USER_MESSAGE rsi, .general
    mov r15, [r13 + TASK_WAIT_MSGS]
    USER_MESSAGE r15, .general
    SMAP 0
.word0:
    mov r14, [rsi]
    FIXUP .word0, .general_closed
    mov eax, r14d
    shr eax, 16
    cmp eax, FOUR_WORDS
    jne .general_closed
    PAYLOAD_IN .general_closed
    SMAP 1
    ; the point of no return
    READ_TSC
    mov rax, WORD0_SENT
    and r14, rax
    movzx eax, word [rbp + CAP_RIGHTS]
    shl rax, 48
    or r14, rax
    bts r14, KIND_CALL_BIT
    mov rcx, [rbp + CAP_SENDER]
    mov [rbx + TASK_SLOT_SENDER], rcx ; for call_deliver_failed
    mov ebp, [rcx + SENDER_BADGE]
    mov edi, [rbx + TASK_CALL_SEQUENCE]
    inc edi
    mov [rbx + TASK_CALL_SEQUENCE], edi
    shl edi, 16
    or edi, [rbx + TASK_INDEX]
    shl rdi, 32
    or rdi, rbp                 ; word 1: badge, token
    mov [rbx + TASK_WAIT_MSGS], rsi
    mov dword [rbx + TASK_STATE], REPLYING
    mov qword [rbx + TASK_FINISH], call_finish
    mov [rbx + TASK_SERVER], r13
    lea rax, [rbx + TASK_SERVER_LINK] ; last of the server's callers
    lea rcx, [r13 + TASK_CALLERS]
    mov rdx, [rcx + LINK_PREVIOUS]
    mov [rax + LINK_NEXT], rcx
    mov [rax + LINK_PREVIOUS], rdx
    mov [rdx + LINK_NEXT], rax
    mov [rcx + LINK_PREVIOUS], rax
    mov qword [r12 + CHANNEL_RECEIVER], 0
    cmp byte [trace_short], SHORT_USUAL
    jne .traced_otherwise
    TRACE_USUAL EVENT_CALL, CALL_PAYLOAD, SWITCH_CALL
.traced:
    SWITCH
    mov rcx, [r13 + TASK_WAIT_MSGS]
    COPY_OUT .not_delivered
    mov rdi, r13
    mov esi, 1                  ; one message
    xor edx, edx                ; no signals
    RESUME
.not_delivered:                 ; the server's buffer is bad: the call waits as if it had just come
    SMAP 1
    mov [rbx + TASK_SLOT_MESSAGE], r14
    mov [rbx + TASK_SLOT_MESSAGE + 8], rdi
    mov [rbx + TASK_SLOT_MESSAGE + 32], r8
    mov [rbx + TASK_SLOT_MESSAGE + 40], r9
    mov [rbx + TASK_SLOT_MESSAGE + 48], r10
    mov [rbx + TASK_SLOT_MESSAGE + 56], r11
    mov rdi, [r13 + TASK_WAIT_CHANNEL]
    mov rsi, rbx
    call call_deliver_failed
    jmp short_resume_failed
.traced_otherwise:
    jb .traced                  ; not at all
    TRACE_ALL EVENT_CALL, CALL_PAYLOAD, SWITCH_CALL, SYS_CALL, 1
    jmp .traced
.general_closed:
    SMAP 1
.general:
    mov eax, 1
    jmp short_give_up

; ---- reply_recv(handle edi, replies rsi, counts rdx, messages r10, deadline r8) ----

%macro REPLY_PAYLOAD 1          ; to rdx + %1: caller, operation, status
    mov r12d, [r13 + TASK_ID]
    mov [rdx + %1], r12d
    movzx r12d, r14w
    mov [rdx + %1 + 4], r12d
    mov rbp, r14
    shl rbp, 16
    sar rbp, 56
    mov [rdx + %1 + 8], ebp
%endmacro

align 16
ipc_short_reply_recv:
    mov r15, r10
    cmp r8, -1
    jne .general
    cmp edx, 1
    jne .general
    mov rax, rdx
    shr rax, 32
    dec rax
    cmp rax, BATCH_MAX - 1
    ja .general
    FIND_CHANNEL RIGHT_RECV_BYTE2, .general
    cmp dword [r12 + CHANNEL_NEWS], 0
    jne .general
    USER_MESSAGE rsi, .general
    SMAP 0
.word0:
    mov r14, [rsi]
.token:
    mov ebp, [rsi + 12]
    FIXUP .word0, .general_closed
    FIXUP .token, .general_closed
    mov eax, r14d
    shr eax, 16
    cmp eax, FOUR_WORDS
    jne .general_closed
    movzx ecx, bp               ; whose call: index and number of the call
    cmp ecx, TASKS_MAX
    jae .general_closed
    mov r13, [task_slots + rcx * 8]
    test r13, r13
    jz .general_closed
    cmp [r13 + TASK_SERVER], rbx
    jne .general_closed
    shr ebp, 16
    cmp bp, [r13 + TASK_CALL_SEQUENCE]
    jne .general_closed
    MAY_RUN .general_closed
    PAYLOAD_IN .general_payload
    SMAP 1
    ; the point of no return
    shr rdx, 32
    mov [rbx + TASK_WAIT_MSGS], r15
    mov [rbx + TASK_WAIT_CAPACITY], edx
    mov [rbx + TASK_WAIT_HANDLE], edi
    mov [rbx + TASK_WAIT_CHANNEL], r12
    mov dword [rbx + TASK_STATE], RECEIVING
    mov qword [rbx + TASK_FINISH], recv_finish
    mov [r12 + CHANNEL_RECEIVER], rbx
    READ_TSC
    mov rax, WORD0_SENT
    and r14, rax
    bts r14, KIND_REPLY_BIT
    xor edi, edi                ; word 1: nothing
    lea rax, [r13 + TASK_SERVER_LINK]
    UNLINK
    mov qword [r13 + TASK_SERVER], 0
    cmp byte [trace_short], SHORT_USUAL
    jne .traced_otherwise
    TRACE_USUAL EVENT_REPLY, REPLY_PAYLOAD, SWITCH_REPLY
.traced:
    SWITCH
    mov rcx, [r13 + TASK_WAIT_MSGS] ; checked when the call was made
    COPY_OUT .not_delivered
    xor esi, esi
    mov rdi, r13
    xor edx, edx
    RESUME
.not_delivered:                 ; the caller's own buffer went bad while it waited
    SMAP 1
    jmp short_resume_failed
.traced_otherwise:
    jb .traced                  ; not at all
    TRACE_ALL EVENT_REPLY, REPLY_PAYLOAD, SWITCH_REPLY, SYS_REPLY_RECV, 0
    jmp .traced
.general_payload:               ; the payload went over two arguments
    mov r10, r15
    mov r8, -1
.general_closed:
    SMAP 1
.general:
    mov eax, 2
    jmp short_give_up

; ---- rarely ----

; The general way may return to the task at once and takes its callee-saved registers to be untouched.
short_give_up:
    mov rbp, [rbx + CTX_RBP]
    mov r12, [rbx + CTX_R12]
    mov r13, [rbx + CTX_R13]
    mov r14, [rbx + CTX_R14]
    mov r15, [rbx + CTX_R15]
    jmp syscall_give_up

; What r13 waited for could not be written to it.
short_resume_failed:
    mov rdi, ERR_FAULT
    call trace_syscall_failed
    mov rdi, r13
    mov rsi, ERR_FAULT
    xor edx, edx
    RESUME

; burst.inc: the open packet is full. rcx ring, rax now -> rdx cursor. Keeps everything else; the stack is empty.
burst_roll:
    push rax
    push rcx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    sub rsp, 8
    mov rdi, rcx
    mov rsi, rax
    call trace_roll
    mov rdx, rax
    add rsp, 8
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rcx
    pop rax
    ret

; Somebody's state is in the FPU: trap unless it is r13's.
short_fpu:
    push rdi
    push r8
    push r9
    push r10
    push r11
    mov rdi, r13
    call fpu_switch_slow
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    ret
