/* Where the frames come from at boot, and the kernel's own pages. */
#pragma once
#include <abi/types.h>

/* Sets up struct frame for the RAM that boot_info tells of, in the largest region; after paging_init(). */
void memory_init(void);
/* A zeroed frame for the kernel itself, never given back; before memory_init() cut off boot_info's RAM. 0: none left. */
uint64_t memory_kernel_page(void);
uint64_t memory_kernel_page_near(uint32_t node); /* for one of its CPUs */
/* A page of RAM below 1 MiB, kept for good; before memory_init(). 0: none. */
uint64_t memory_low_page(void);
/* Bytes behind region `i` of boot_info that were cut off it. */
uint64_t memory_cut_off(uint32_t i);
/* Whether any of it is RAM, what the kernel cut off for itself included: no task gets that as device memory. */
bool memory_is_ram(uint64_t physical, uint64_t bytes);
uint64_t memory_kernel_bytes(void); /* the image and what memory_kernel_page() gave */
