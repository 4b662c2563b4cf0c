/* What stands behind musl: memory, output of last resort, clock, chance and exit (third_party/musl/arch/syscall_arch.h).
 *
 * malloc lives on mmap alone: brk says no, and musl then asks for areas of growing size. The handle of an area is closed
 * at once, its mapping keeps the memory alive; so a heap costs no handles, and munmap gives the memory back. */
#include "lib/runtime.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define LINE_MAX 240
#define NS_PER_S 1000000000ul

struct libc_call {
    long number;
    long (*handle)(const long *arguments);
};

long __trustos_syscall(long n, long a, long b, long c, long d, long e, long f);

/* ---- output: lines to the log ---- */

static struct {
    char text[LINE_MAX];
    size_t length;
} line;

static void line_flush(void)
{
    if (line.length)
        (void)log_write(cap_named("trace"), LOG_INFO, line.text, line.length);
    line.length = 0;
}

static void line_put(char c)
{
    if (c == '\n' || line.length == LINE_MAX)
        line_flush();
    if (c != '\n')
        line.text[line.length++] = c;
}

static long put_bytes(long fd, const char *bytes, size_t length)
{
    if (fd != 1 && fd != 2)
        return -EBADF;
    for (size_t i = 0; i < length; i++)
        line_put(bytes[i]);
    return (long)length;
}

static long do_write(const long *a)
{
    return put_bytes(a[0], (const char *)a[1], (size_t)a[2]);
}

static long do_writev(const long *a)
{
    const struct iovec *parts = (const struct iovec *)a[1];
    long total = 0;
    for (long i = 0; i < a[2]; i++) {
        long written = put_bytes(a[0], parts[i].iov_base, parts[i].iov_len);
        if (written < 0)
            return written;
        total += written;
    }
    return total;
}

/* Standard output is a terminal to musl, so that it flushes at each line's end. */
static long do_ioctl(const long *a)
{
    return a[0] <= 2 && a[1] == TIOCGWINSZ ? 0 : -ENOTTY;
}

/* ---- memory ---- */

static long do_mmap(const long *a)
{
    size_t pages = ((size_t)a[1] + PAGE_SIZE - 1) >> PAGE_SHIFT;
    handle_t memory;
    if (!(a[3] & MAP_ANONYMOUS) || (a[3] & MAP_FIXED) || !pages)
        return -EINVAL;
    void *address = memory_map_new(pages, 0, &memory);
    if (!address)
        return -ENOMEM;
    cap_close(memory);
    return (long)address;
}

static long do_munmap(const long *a)
{
    size_t pages = ((size_t)a[1] + PAGE_SIZE - 1) >> PAGE_SHIFT;
    return memory_unmap(HANDLE_NONE, (uint64_t)a[0], pages) == OK ? 0 : -EINVAL;
}

/* musl's protection bits are ours. */
static long do_mprotect(const long *a)
{
    size_t pages = ((size_t)a[1] + PAGE_SIZE - 1) >> PAGE_SHIFT;
    return memory_protect(HANDLE_NONE, (uint64_t)a[0], pages, (uint32_t)a[2]) == OK ? 0 : -EACCES;
}

/* ---- time, chance, exit ---- */

static long do_clock_gettime(const long *a)
{
    struct timespec *time = (struct timespec *)a[1];
    uint64_t now = clock_now();
    time->tv_sec = (time_t)(now / NS_PER_S);
    time->tv_nsec = (long)(now % NS_PER_S);
    return 0;
}

static long do_getrandom(const long *a)
{
    return random_bytes((void *)a[0], (size_t)a[1]) == OK ? a[1] : -EFAULT;
}

static long do_yield(const long *a)
{
    (void)a;
    task_yield();
    return 0;
}

static long do_exit(const long *a)
{
    line_flush();
    task_exit(a[0]);
}

static const struct libc_call calls[] = {
    {SYS_mmap, do_mmap},
    {SYS_munmap, do_munmap},
    {SYS_mprotect, do_mprotect},
    {SYS_write, do_write},
    {SYS_writev, do_writev},
    {SYS_ioctl, do_ioctl},
    {SYS_clock_gettime, do_clock_gettime},
    {SYS_getrandom, do_getrandom},
    {SYS_sched_yield, do_yield},
    {SYS_exit_group, do_exit},
    {SYS_exit, do_exit},
};

long __trustos_syscall(long n, long a, long b, long c, long d, long e, long f)
{
    const long arguments[6] = {a, b, c, d, e, f};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (calls[i].number == n)
            return calls[i].handle(arguments);
    }
    return -ENOSYS;
}
