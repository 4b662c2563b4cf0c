# The kernel: platform (x86/, memory/) and core (the rest)
kernel_SRCS := kernel/x86/boot.asm \
               $(addprefix kernel/x86/,acpi.c apic.c boot_info.c boot_multiboot2.c boot_pvh.c clock.c cpu.c early.c format.c ioapic.c \
                 log.c paging.c paging_kernel.c panic.c platform.c power.c random.c serial.c string.c symbols.c) \
               $(wildcard kernel/main.c kernel/info.c kernel/init_task.c kernel/syscall*.c kernel/x86/entry.asm kernel/x86/user_copy.asm kernel/x86/trap.c) \
               $(wildcard kernel/memory/*.c kernel/sched/*.c kernel/ipc/*.c kernel/cap/*.c kernel/irq/*.c kernel/trace/*.c)
kernel_LIBS := bearssl
