; Copies between kernel and user memory that survive a fault: rules in user.h.
bits 64
default rel

%macro SMAP 1                   ; 0: stac, 1: clac, patched by cpu_init()
%%site: db 0x0f, 0x1f, 0x00
    [section .smap_patch]
    dq %%site, %1
    __?SECT?__
%endmacro

%macro EXTABLE 2
    [section .extable]
    dq %1, %2
    __?SECT?__
%endmacro

section .smap_patch progbits alloc noexec nowrite align=8
section .extable progbits alloc noexec nowrite align=8
section .text
global user_copy_in_raw, user_copy_out_raw

ERR_FAULT equ -10

; status_t user_copy_*_raw(to rdi, from rsi, bytes rdx): words first, then the rest byte by byte
user_copy_in_raw:
user_copy_out_raw:
    SMAP 0
    mov rcx, rdx
    shr rcx, 3
    jz .tail
.words:
.load8:
    mov rax, [rsi]
.store8:
    mov [rdi], rax
    add rsi, 8
    add rdi, 8
    dec rcx
    jnz .words
.tail:
    and edx, 7
    jz .done
.bytes:
.load1:
    mov al, [rsi]
.store1:
    mov [rdi], al
    inc rsi
    inc rdi
    dec edx
    jnz .bytes
.done:
    SMAP 1
    xor eax, eax
    ret
.fault:
    SMAP 1
    mov eax, ERR_FAULT
    ret
    EXTABLE .load8, .fault
    EXTABLE .store8, .fault
    EXTABLE .load1, .fault
    EXTABLE .store1, .fault
