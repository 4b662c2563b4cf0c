/* kernel/trace/ alone on the host, for tests of the ring itself: a CPU is a thread whose GS points to its struct cpu. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/trace/trace.h"

void trace_host_start(uint32_t cpus, uint32_t packets); /* rings, empty; this thread becomes CPU 0 */
void trace_host_stop(void);
void trace_host_be(uint32_t cpu); /* this thread is that CPU from now on */

/* Records 1 or 2 events in one reservation, and returns how many: those with numbers n, n + 1 of this CPU. `kind` says
 * which, and what is recorded can be checked by record_is_right(). */
#define TRACE_HOST_KINDS 4u
uint32_t trace_host_record(unsigned kind, uint64_t n);
/* Is this what trace_host_record() made of number n on that CPU? `words` lie behind the event's first. */
bool trace_host_is_right(uint16_t event, const uint64_t *words, uint32_t cpu, uint64_t n);

/* Walks a packet as a reader gets it; its events, or -1 after a line that says what is wrong. */
int64_t trace_host_packet(const void *packet, uint32_t cpu, uint64_t sequence, uint64_t bytes);
