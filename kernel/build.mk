# The kernel: a folder for each thing it does
kernel_SRCS := kernel/main.c kernel/info.c kernel/info_machine.c kernel/init_task.c kernel/syscall_table.c \
               $(wildcard $(addprefix kernel/,$(addsuffix /*.c,cap ipc irq memory sched trace x86)) kernel/ipc/*.asm kernel/x86/*.asm)
kernel_LIBS := bearssl
