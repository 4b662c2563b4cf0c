/* How the benchmarks measure: measure.c has the clock, the other files what is measured. */
#pragma once
#include <abi/types.h>

#define MEASURE_RUNS 7

void calibrate(void);     /* logs "BENCH calibration"; before the first print() */
void let_it_settle(void); /* two seconds of sleep */

/* The median of MEASURE_RUNS runs, after one to warm up, of what work() took from one measure_start() to measure_stop(). */
uint64_t median_ns(void (*work)(void));
void measure_start(void);
void measure_stop(void);
void measure_took(uint64_t ns); /* in place of both, where another task has the clock */
/* Logs "BENCH name value insn": a round's instructions, by the loop of known length. */
void print(const char *name, uint64_t ns, uint64_t rounds);
void measure_capabilities(void); /* caps.c; ends the task when a call fails */
/* recording.c: round_trips() does so many of them with the server. Likewise. */
void measure_recording(handle_t server, void (*round_trips)(void), uint64_t rounds);
