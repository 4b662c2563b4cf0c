/* What happens after a panic. panic() itself is in log.h, for everybody. */
#pragma once
#include <abi/types.h>

/* Reads the boot options panic= and panictest; until then a panic halts, for nothing is known of the machine. */
void panic_init(const char *boot_line);
/* Boot option panictest: whether to panic on purpose, with =once or =twice only where no crash record lies. */
bool panic_test_wanted(void);
