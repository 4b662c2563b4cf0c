/* On which CPUs a service may run, from the boot line:
 *
 *   affinity=SERVICE:CPUS[,CPUS…][,SERVICE:CPUS…]…     as affinity=netsrv:0-1,3,tracer:2
 *
 * CPUS is a number or a range; what is said of a service in several places adds up, and counts in place of the manifest's
 * mask. Pure: tests/unit/test_affinity.c, tests/fuzz/fuzz_affinity.c. */
#pragma once
#include "init/manifest.h"

struct affinity_fault {
    const char *why; /* as the end of a sentence that begins with the text; NULL: nothing is wrong */
    const char *text;
    size_t length;
};

/* Reads the option's value. masks: one a row of the table, CPUs are added to them; untouched when there is a fault. */
struct affinity_fault affinity_read(const char *value, size_t length, const struct manifest_entry *entries,
                                    size_t count, uint64_t *masks);
