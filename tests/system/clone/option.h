/* The boot option of a test service that works for so long by a seed: name=COUNT or name=COUNT:SEED, decimal. */
#pragma once
#include <abi/types.h>

#define SEED_USUAL 1ul

/* False: it is not there, is no such pair, or COUNT is 0. *seed is SEED_USUAL where there is none. */
bool counted_option(const char *name, uint64_t *count, uint64_t *seed) MUST_CHECK;
