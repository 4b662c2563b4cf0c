/* A CPU's stacks, each above a page that is not mapped: running over the end faults instead of writing elsewhere. */
#pragma once
#include "kernel/x86/cpu.h"

struct cpu_stacks {
    uint8_t kernel_guard[PAGE_SIZE], kernel[KERNEL_STACK_SIZE];
    uint8_t double_fault_guard[PAGE_SIZE], double_fault[IST_STACK_SIZE];
    uint8_t nmi_guard[PAGE_SIZE], nmi[IST_STACK_SIZE];
    uint8_t machine_check_guard[PAGE_SIZE], machine_check[IST_STACK_SIZE];
} __attribute__((aligned(4096)));

extern struct cpu_stacks boot_stacks;
