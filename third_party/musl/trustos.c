/*
 * Takes the place of musl's src/internal/libc.c and of its start-up code: everything that __init_libc and __init_tls would set up at
 * run time is here already set, so a task may use the C library from _start on.
 */
#include "libc.h"
#include "pthread_impl.h"

static size_t no_auxiliary_vector[2];

struct __libc __libc = {.auxv = no_auxiliary_vector, .page_size = 4096};

struct pthread __trustos_pthread = {
    .self = &__trustos_pthread,
    .prev = &__trustos_pthread,
    .next = &__trustos_pthread,
    .tid = 1,
    .detach_state = DT_JOINABLE,
    .robust_list.head = &__trustos_pthread.robust_list.head,
    .locale = &__libc.global_locale,
};

volatile int __thread_list_lock;
size_t __hwcap, __sysinfo;
char *__progname, *__progname_full;

weak_alias(__progname, program_invocation_short_name);
weak_alias(__progname_full, program_invocation_name);

/* Time zones would be files; there are none by name, so local time is UTC. */
const unsigned char *__map_file(const char *path, size_t *size)
{
    (void)path;
    (void)size;
    return NULL;
}
