/* The crash record: what a panic leaves for the next boot, in 16 KiB of memory that a warm reset keeps.
 *
 * Rules
 *  - Where: the first of a fixed row of addresses, in the middle of the memory below 4 GiB, that is free RAM. Firmware and
 *    boot loaders work at both ends (docs/kernel.md has what was measured). A record at any of them is found.
 *  - Nothing there is trusted: whatever is not whole (magic, version, sizes, CRC) is no record.
 *  - crash_record_write() is for the panic: it takes no memory, and writes the magic last.
 *  - The record stays until crash_record_clear(), or the next panic, or the power goes.
 *  - Everything but crash_record_init() and what follows it is pure: tests/unit/test_crash_record.c. */
#pragma once
#include <abi/crash.h>
#include "kernel/x86/boot_info.h"

/* Whether `bytes` at `record` (8-aligned, `room` of them readable) begin with a whole record. */
bool crash_record_valid(const void *record, size_t room);
/* Sets sizes, checksum and, last, the magic; head, text and packets are there already and fit. */
void crash_record_seal(struct crash_head *head);
/* The record's parts in `area` (CRASH_BYTES_MAX, 8-aligned). */
void crash_record_begin(void *area, const char *why, uint64_t uptime_ns);
void crash_record_text(void *area, const char *text,
                       size_t bytes); /* at the end; the end of what is too long is lost */
void crash_record_packet(void *area, const void *packet,
                         size_t bytes); /* after all text; dropped when it does not fit */
/* Candidate `i` of a machine whose RAM below 4 GiB ends at `end`; 0: no more. */
uint64_t crash_place(uint64_t end, unsigned i);
/* Which place to use: one with a record, else the first in free RAM; 0: none. `view` shows memory. */
uint64_t crash_place_choose(const struct boot_info *info, const void *(*view)(uint64_t physical, uint64_t bytes));

void crash_record_init(void); /* between boot_info_init() and paging_init(): takes the area, looks for a record */
void *crash_area(void);       /* where a panic writes; NULL: there is none */
void crash_record_say(void);  /* one line in the log when there is one */
const struct crash_head *crash_record(void); /* of an earlier run; NULL: there is none */
bool crash_record_clear(void);               /* false: there was none */
