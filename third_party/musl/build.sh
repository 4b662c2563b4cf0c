#!/bin/sh
# third_party/musl/build.sh headers <musl> <include>             makes musl's installed headers, two of them generated as musl does
# third_party/musl/build.sh library <musl> <include> <objects> <libc.a> <compiler and flags...>
#
# Compiles the parts of musl that a task can use. What is left out needs an operating system of another kind: threads, processes,
# signals, files by name, users, sockets. All is compiled with general registers only, but for the files in `float`; those use the
# FPU only where a double is (no vector registers for copying), so that a task which never prints or parses one never makes the kernel
# keep FPU state for it.
set -euf
what=$1 musl=$2 include=$3
here=$(dirname "$0")

headers() {
    set +f
    rm -rf "$include" && mkdir -p "$include"
    cp -r "$musl/include/." "$musl/arch/generic/." "$musl/arch/x86_64/bits" "$include"
    rm -f "$include"/*.in "$include"/bits/*.in
    # TRustOs has a PAGE_SIZE of its own in abi/types.h; musl itself falls back on __libc.page_size
    sed -i '/PAGE_SIZE/d' "$include/limits.h"
    sed -f "$musl/tools/mkalltypes.sed" "$musl/arch/x86_64/bits/alltypes.h.in" "$musl/include/alltypes.h.in" >"$include/bits/alltypes.h"
    { cat "$musl/arch/x86_64/bits/syscall.h.in"; sed -n -e 's/__NR_/SYS_/p' "$musl/arch/x86_64/bits/syscall.h.in"; } >"$include/bits/syscall.h"
}

float='stdio/*printf stdio/vfscanf stdio/vfwscanf internal/floatscan stdlib/atof stdlib/strtod stdlib/wcstod locale/strtod_l
    time/difftime math/__fpclassifyl math/__signbitl math/copysignl math/fabsl math/fmodl math/frexpl math/scalbn math/scalbnl
    math/__fpclassify math/__signbit math/copysign math/fabs math/frexp'

sources() {
    set +f
    cd "$musl/src"
    ls ctype/*.c errno/*.c multibyte/*.c search/*.c string/*.c stdio/*.c stdlib/*.c prng/*.c malloc/*.c malloc/oldmalloc/*.c \
        env/__environ.c env/getenv.c env/setenv.c env/putenv.c env/unsetenv.c env/clearenv.c env/secure_getenv.c \
        exit/*.c internal/intscan.c internal/shgetc.c internal/syscall_ret.c internal/floatscan.c \
        locale/[!ibdt]*.c locale/__*.c \
        misc/basename.c misc/dirname.c misc/ffs*.c misc/getopt*.c misc/getsubopt.c misc/getentropy.c misc/ioctl.c misc/a64l.c \
        linux/gettid.c linux/getrandom.c mman/m*map.c mman/madvise.c mman/mprotect.c mman/mremap.c \
        signal/raise.c signal/block.c sched/sched_yield.c \
        thread/__lock.c thread/__wait.c thread/lock_ptc.c thread/pthread_self.c thread/pthread_cleanup_push.c thread/__syscall_cp.c \
        thread/pthread_setcancelstate.c thread/pthread_testcancel.c \
        time/__[!m]*.c time/__month_to_secs.c time/asctime*.c time/clock.c time/clock_gettime.c time/clock_getres.c \
        time/ctime*.c time/difftime.c time/gettimeofday.c time/gmtime*.c time/localtime*.c time/mktime.c time/strftime.c time/strptime.c \
        time/time.c time/timegm.c time/timespec_get.c time/wcsftime.c time/nanosleep.c time/clock_nanosleep.c \
        unistd/_exit.c unistd/close.c unistd/getpid.c unistd/isatty.c unistd/lseek.c unistd/read.c unistd/readv.c unistd/write.c \
        unistd/writev.c math/__fpclassify*.c math/__signbit*.c math/copysign.c math/copysignl.c math/fabs.c math/fabsl.c math/fmodl.c math/frexp.c \
        math/frexpl.c math/scalbn.c math/scalbnl.c |
        grep -vE '^(stdio/(popen|pclose|tempnam|tmpfile|tmpnam|remove|rename)|stdlib/[efg]cvt|prng/[dels][r_]*rand48|prng/(__rand48|__seed48|[eljn]rand48|drand48)|locale/(dcngettext|catopen|iconv)|math/__(fpclassify|signbit)f|string/(memcpy|memmove|memset)|exit/arm)' |
        sort -u
    ls string/x86_64/memcpy.s string/x86_64/memmove.s string/x86_64/memset.s setjmp/x86_64/*.s
}

library() {
    objects=$4 archive=$5
    shift 5
    flags="-std=c99 -ffreestanding -nostdinc -D_XOPEN_SOURCE=700 -w -fno-pic -fno-pie -O2 -ffunction-sections -fdata-sections
        -fno-stack-protector -fno-asynchronous-unwind-tables -Wa,--noexecstack
        -I$here/arch -I$musl/arch/x86_64 -I$musl/arch/generic -I$musl/src/include -I$musl/src/internal
        -I$include"
    rm -rf "$objects" && mkdir -p "$objects"
    case $1 in *clang*) with_float=-mno-implicit-float ;; *) with_float="-mtune=k8 -fno-tree-vectorize" ;; esac
    (sources) | while read -r source; do
        mode=-mgeneral-regs-only
        for pattern in $float; do case ${source%.c} in $pattern) mode=$with_float ;; esac; done
        echo "$@" $flags $mode -c "$musl/src/$source" -o "$objects/$(echo "$source" | tr / _).o"
    done >"$objects/commands"
    echo "$@" $flags -mgeneral-regs-only -c "$here/trustos.c" -o "$objects/trustos.o" >>"$objects/commands"
    xargs -P "$(nproc)" -I '{}' sh -c '{}' <"$objects/commands"
    rm -f "$archive" && ar rcsD "$archive" $(find "$objects" -name '*.o' | sort)
}

"$what" "$@"
