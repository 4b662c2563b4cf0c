; Where another processor begins: in real mode, at the start of a page below 1 MiB to which smp.c copied this. It goes to long
; mode in one step (Intel SDM vol. 3 §8.4.4, §9.8.5) and to smp_enter() on a stack of its own.
default rel

global smp_trampoline, smp_trampoline_end

; struct smp_page (smp.c): the page's last part
PAGE_DATA   equ 0xf00
DATA_ROOT   equ PAGE_DATA + 0
DATA_EFER   equ PAGE_DATA + 4
DATA_FAR    equ PAGE_DATA + 8   ; offset, selector
DATA_GDTR   equ PAGE_DATA + 16
DATA_STACKS equ PAGE_DATA + 24
DATA_ENTRY  equ PAGE_DATA + 32
DATA_TICKET equ PAGE_DATA + 40
DATA_PLACES equ PAGE_DATA + 44

CR0_ON   equ 0x80010011         ; PG, WP, ET, PE
CR4_PAE  equ 1 << 5
MSR_EFER equ 0xc0000080
PHYSMAP_BASE equ 0xffff800000000000

section .rodata
align 16
smp_trampoline:
bits 16
    cli
    cld
    mov ax, cs
    mov ds, ax
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, [DATA_ROOT]
    mov cr3, eax
    mov ecx, MSR_EFER
    mov eax, [DATA_EFER]
    xor edx, edx
    wrmsr
    o32 lgdt [DATA_GDTR]
    mov eax, CR0_ON
    mov cr0, eax
    jmp far dword [DATA_FAR]
bits 64
smp_long:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    lea rbx, [smp_trampoline]   ; the copy's, relative to here: not writable, so through the physmap
    mov rax, PHYSMAP_BASE
    add rbx, rax
    mov edi, 1
    lock xadd [rbx + DATA_TICKET], edi
    cmp edi, [rbx + DATA_PLACES]
    jae .late
    mov rax, [rbx + DATA_STACKS]
    mov rsp, [rax + rdi * 8]
    xor ebp, ebp
    push rbp
    mov rax, [rbx + DATA_ENTRY]
    jmp rax
.late:                          ; more came than were called
    hlt
    jmp .late
smp_trampoline_end:

global smp_trampoline_long
smp_trampoline_long equ smp_long - smp_trampoline

section .note.GNU-stack noalloc noexec nowrite progbits
