/* What kernel code calls and the host has not: panic() is an assertion that expect_assert_failure() can wait for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "kernel/x86/log.h"

_Noreturn void panic(const struct trap_frame *regs, const char *format, ...)
{
    static char text[240];
    va_list args;
    (void)regs;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    mock_assert(0, text, __FILE__, __LINE__);
    abort();
}
