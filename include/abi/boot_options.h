/* The boot line: words "name" or "name=value", separated by spaces. One table; an unknown word is reported by the
 * kernel and ignored. Who reads an option finds it with boot_option(). */
#pragma once
#include <abi/types.h>

/* X(name, takes a value, reader, what it does) */
/* clang-format off */
#define BOOT_OPTIONS(X)                                                                             \
    X("log", 1, "kernel", "what goes to the serial port: error, warning, info (default) or debug")  \
    X("cpus", 1, "kernel", "how many processors are started at most (default: all)")                \
    X("panic", 1, "kernel", "after a panic: reboot (after 5 s, default), halt or off")              \
    X("panictest", 0, "kernel", "panic on purpose once init runs; =once: unless a crash record is there; =twice: once, and in the panic again") \
    X("token", 1, "rconsole", "the operator's token (without it one is made and printed)")          \
    X("trace", 1, "tracer", "token: ports 2325 and 2326 ask for `login TOKEN` first")               \
    X("affinity", 1, "init", "SERVICE:CPUS[,SERVICE:CPUS...]: where services may run, as netsrv:0-1,3,tracer:2")       \
    X("netbench", 0, "init", "start echo 7, discard 9, chargen 19; netsrv adds iperf 5001")         \
    X("ip", 1, "netsrv", "static address/prefix,gateway[,dns=address] instead of DHCP")             \
    X("nopoll", 0, "netsrv", "halt at once when idle instead of after a short poll")                \
    X("bench", 0, "init", "start the instruction-count benchmark task (test image only)")           \
    X("smpbench", 1, "init", "count or time: start the benchmark of several processors (test image only)") \
    X("hostile", 1, "init", "the task that attacks the kernel; =word: what begins so (test image only)") \
    X("sysfuzz", 1, "init", "SEED:CALLS: start the fuzzer of system calls (test image only)")       \
    X("mixload", 1, "init", "MILLISECONDS[:SEED]: start a load of many kinds of tasks for the scheduler (test image only)") \
    X("shoot", 1, "init", "ROUNDS[:SEED]: start the torture of TLB shootdown (test image only)")         \
    X("load", 1, "init", "SECONDS[:SEED]: start a load of many kinds that checks itself (test image only)") \
    X("evilnic", 0, "init", "start the driver that attacks by DMA, with the first card (test image only)") \
    X("netprobe", 1, "init", "start the task that attacks netsrv; value: a TCP port of QEMU's host (test image only)") \
    X("crashtest", 1, "init", "name of a service that init kills once, 500 ms after it is ready (test)")
/* clang-format on */

static inline bool boot_word_is(const char *word, size_t length, const char *name)
{
    size_t i = 0;
    for (; i < length && name[i] && word[i] == name[i]; i++) {}
    return name[i] == 0 && (i == length || word[i] == '=');
}

/* Finds option `name`. Returns its value (NULL: not there; "" without "="), not ended by 0 but *length long. */
static inline const char *boot_option(const char *line, const char *name, size_t *length)
{
    while (*line) {
        size_t n = 0;
        for (; line[n] && line[n] != ' '; n++) {}
        if (n && boot_word_is(line, n, name)) {
            size_t k = 0;
            for (; k < n && line[k] != '='; k++) {}
            k += k < n;
            *length = n - k;
            return line + k;
        }
        line += n;
        line += *line == ' ';
    }
    return NULL;
}
