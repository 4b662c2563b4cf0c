; From the boot loader to kernel_main(magic, info): 32-bit protected mode, paging off, to long mode in the higher half.
;
; Two ways in, the same from `start` on:
;   GRUB (BIOS or UEFI)    Multiboot2 §3.3: eax magic, ebx physical address of the information
;   qemu -kernel (PVH)     Xen's docs/misc/pvh.pandoc: ebx physical address of struct hvm_start_info
; The image is linked at KERNEL_BASE and not mapped there yet: 32-bit code reaches everything through PHYSICAL().

%define PHYSICAL(address) (address + 0x80000000) ; - KERNEL_BASE, modulo 2^32
%define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
%define PVH_MAGIC               0x336ec578
%define XEN_ELFNOTE_PHYS32_ENTRY 18

%define PAGE_PRESENT_WRITE 0x003
%define PAGE_2M            0x083
%define CR0_PE             (1 << 0)
%define CR0_WP             (1 << 16)
%define CR0_PG             (1 << 31)
%define CR4_PAE            (1 << 5)
%define BOOT_STACK_TOP     (4096 + 16384) ; asserted in cpu.c
%define MSR_EFER           0xc0000080
%define EFER_LME           (1 << 8)

extern kernel_main
extern boot_stacks ; struct cpu_stacks, cpu.c
global entry_multiboot2
global entry_pvh
global boot_entry_tsc

; ---- Multiboot2 §3.1: the header, in the first 32 KiB of the file, 8-aligned -----------------------------------------
section .boot progbits alloc exec nowrite align=8
header:
    dd MULTIBOOT2_HEADER_MAGIC, 0, header_end - header
    dd 0x100000000 - (MULTIBOOT2_HEADER_MAGIC + (header_end - header))
    dw 6, 0 ; §3.1.10: modules on page boundaries
    dd 8
    dw 0, 0
    dd 8
header_end:

; ---- PVH: the ELF note that names the physical entry ------------------------------------------------------------------
section .note.pvh progbits alloc noexec nowrite align=4
    dd 4, 8, XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dq PHYSICAL(entry_pvh) ; wraps to the low half

; ---- 32 bits ----------------------------------------------------------------------------------------------------------
section .boot
bits 32
entry_pvh:
    mov eax, PVH_MAGIC
entry_multiboot2:
    mov edi, eax ; kernel_main's first argument
    rdtsc
    mov [PHYSICAL(boot_entry_tsc)], eax
    mov [PHYSICAL(boot_entry_tsc) + 4], edx
    mov esi, ebx ; kernel_main's second argument
    cli
    cld

    ; The low 4 GiB, three times: at 0 (this code), at PHYSMAP_BASE and, its first GiB, at KERNEL_BASE.
    mov eax, PAGE_2M
    mov ebx, PHYSICAL(early_directories)
.fill: ; the high halves are zero: .boot_tables has no file content, and loaders clear that
    mov [ebx], eax
    lea ebx, [ebx + 8]
    add eax, 0x200000
    jnc .fill

    mov eax, PHYSICAL(early_directories) + PAGE_PRESENT_WRITE
    mov ebx, PHYSICAL(early_low)
    mov ecx, 4
.directory:
    mov [ebx], eax
    add ebx, 8
    add eax, 4096
    loop .directory
    mov dword [PHYSICAL(early_high) + 510 * 8], PHYSICAL(early_directories) + PAGE_PRESENT_WRITE
    mov dword [PHYSICAL(early_root)], PHYSICAL(early_low) + PAGE_PRESENT_WRITE
    mov dword [PHYSICAL(early_root) + 256 * 8], PHYSICAL(early_low) + PAGE_PRESENT_WRITE
    mov dword [PHYSICAL(early_root) + 511 * 8], PHYSICAL(early_high) + PAGE_PRESENT_WRITE

    ; Intel SDM vol. 3 §9.8.5: PAE, CR3, EFER.LME, then PG. A CPU without long mode faults at the WRMSR: nothing to tell
    ; anybody with yet.
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov eax, PHYSICAL(early_root)
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PE | CR0_WP | CR0_PG
    mov cr0, eax
    lgdt [PHYSICAL(early_gdt_pointer)]
    jmp 0x08:PHYSICAL(long_mode)

; ---- 64 bits, still at the physical address ---------------------------------------------------------------------------
bits 64
long_mode:
    mov rax, higher_half
    jmp rax
higher_half:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov rsp, boot_stacks + BOOT_STACK_TOP
    xor ebp, ebp ; the backtrace ends here
    mov edi, edi ; the high halves are undefined after the switch
    mov esi, esi
    push rbp
    mov rax, kernel_main
    jmp rax

align 8
early_gdt:
    dq 0
    dq 0x00209a0000000000 ; 64-bit code
early_gdt_pointer:
    dw early_gdt_pointer - early_gdt - 1
    dd PHYSICAL(early_gdt)

; ---- Data -------------------------------------------------------------------------------------------------------------
section .bss nobits alloc noexec write align=8
boot_entry_tsc: resq 1

section .boot_tables nobits alloc noexec write align=4096
early_root:        resb 4096
early_low:         resb 4096
early_high:        resb 4096
early_directories: resb 4 * 4096

section .note.GNU-stack noalloc noexec nowrite progbits
