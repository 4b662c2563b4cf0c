/*
 * Takes the place of musl's arch/x86_64/pthread_arch.h. A task is one thread of control and has no thread register: "this thread" is
 * one static object (third_party/musl/trustos.c), so errno and the locale work from the first instruction on.
 */
struct pthread;
extern struct __pthread __trustos_pthread __attribute__((visibility("hidden")));

static inline uintptr_t __get_tp(void)
{
    return (uintptr_t)&__trustos_pthread;
}

#define MC_PC gregs[REG_RIP]
