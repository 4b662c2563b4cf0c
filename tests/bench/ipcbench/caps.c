/* What the calls on capabilities cost, entry and exit of the kernel and the trace's events included. */
#include "measure.h"
#include <lib/ipc.h>

enum { CAPS = 1000, CHECKS = 20000 };

static handle_t memory, channel, signal, minted[CAPS];

static void mint_all(handle_t source, uint64_t badge)
{
    for (int i = 0; i < CAPS; i++) {
        result_t handle = cap_mint(source, RIGHTS_ALL, badge);
        ASSERT(handle > 0);
        minted[i] = (handle_t)handle;
    }
}

static void close_all(void)
{
    for (int i = 0; i < CAPS; i++) {
        ASSERT(cap_close(minted[i]) == OK);
    }
}

static void mint(void)
{
    measure_start();
    mint_all(memory, 0);
    measure_stop();
    close_all();
}

static void close(void)
{
    mint_all(memory, 0);
    measure_start();
    close_all();
    measure_stop();
}

static void revoke(void)
{
    mint_all(memory, 0);
    measure_start();
    ASSERT(cap_revoke(memory) == OK);
    measure_stop();
}

/* Each one derived from the one before. */
static void revoke_chain(void)
{
    handle_t last = memory;
    for (int i = 0; i < CAPS; i++) {
        result_t handle = cap_mint(last, RIGHTS_ALL, 0);
        ASSERT(handle > 0);
        last = (handle_t)handle;
    }
    measure_start();
    ASSERT(cap_revoke(memory) == OK);
    measure_stop();
}

static void mint_sender(void)
{
    measure_start();
    mint_all(channel, 7);
    measure_stop();
    close_all();
}

/* signal_bind checks two handles, one after the other, and ends at the first that names nothing: with a good one first
 * it makes one whole check (handle, type, rights) more. */
static void check(void)
{
    measure_start();
    for (int i = 0; i < CHECKS; i++) {
        syscall3(SYS_signal_bind, signal, HANDLE_NONE, 0);
    }
    measure_stop();
}

static void no_check(void)
{
    measure_start();
    for (int i = 0; i < CHECKS; i++) {
        syscall3(SYS_signal_bind, HANDLE_NONE, HANDLE_NONE, 0);
    }
    measure_stop();
}

void measure_capabilities(void)
{
    result_t handle = memory_create(1, 0);
    ASSERT(handle > 0);
    memory = (handle_t)handle;
    handle = channel_create(1, 1);
    ASSERT(handle > 0);
    channel = (handle_t)handle;
    handle = signal_create();
    ASSERT(handle > 0);
    signal = (handle_t)handle;
    print("cap_mint", median_ns(mint), CAPS);
    print("cap_mint_sender", median_ns(mint_sender), CAPS);
    print("cap_close", median_ns(close), CAPS);
    print("cap_revoke_each", median_ns(revoke), CAPS);
    print("cap_revoke_each_chain", median_ns(revoke_chain), CAPS);
    print("rights_check", median_ns(check) - median_ns(no_check), CHECKS);
    (void)cap_close(memory);
    (void)cap_close(channel);
    (void)cap_close(signal);
}
