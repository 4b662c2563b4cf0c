/* What the last panic left in memory that a warm reset keeps (kernel/x86/crash_record.h), as
 * system_info(trace, INFO_CRASH, offset) gives it: this head, `text_bytes` of text (the panic's, to the letter as the
 * serial port had it), then `packet_bytes` of CTF packets, the last ones of the CPU that panicked, oldest first. */
#pragma once
#include <abi/types.h>

#define CRASH_MAGIC 0x4452434853415243ul /* "CRASHCRD" */
#define CRASH_VERSION 1u
#define CRASH_PACKETS_MAX 2
#define CRASH_BYTES_MAX 16384u
#define CRASH_WHY_MAX 240
#define CRASH_KERNEL_MAX 32

struct crash_head {
    uint64_t magic;
    uint32_t version, bytes;           /* bytes: of the whole record */
    uint32_t checksum;                 /* CRC-32 (IEEE 802.3) of the whole record with 0 here */
    uint32_t text_bytes, packet_bytes; /* what follows this head */
    uint32_t flags;                    /* CRASH_CUT */
    uint64_t uptime_ns;                /* when, since the kernel's entry */
    uint64_t wall_ns;                  /* when, since 1970; 0: the clock of the day was not known */
    char kernel[CRASH_KERNEL_MAX];     /* its version, ended by 0 */
    char why[CRASH_WHY_MAX];           /* the cause, ended by 0 */
};
#define CRASH_CUT 1u /* the text did not fit */
