/* Random numbers: ChaCha20 (BearSSL's, constant time) with fast key erasure (Bernstein 2017): each request makes its bytes and
 * the next key from one stream, so what was given out cannot be worked out again from the state. */
#include <bearssl_block.h>
#include <string.h>
#include "kernel/x86/acpi.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"

#define KEY_WORDS 4
#define CHUNK (1ul << 30) /* far below the 256 GiB that a 32-bit block counter allows */
#define TIMING_SAMPLES 64
#define RDRAND_TRIES 10 /* Intel's DRNG guide §5.2.1 */

static uint64_t key[KEY_WORDS];
static uint64_t pool[KEY_WORDS]; /* timings since the last request */
static uint32_t pool_at;

static void key_step(void)
{
    static const uint8_t nonce[12];
    uint64_t next[KEY_WORDS] = {0};
    br_chacha20_ct_run(key, nonce, 0, next, sizeof(next));
    memcpy(key, next, sizeof(key));
}

static void pool_into_key(void)
{
    for (unsigned i = 0; i < KEY_WORDS; i++) {
        key[i] ^= pool[i];
        pool[i] = 0;
    }
}

void random_stir(uint64_t timing)
{
    uint64_t *word = &pool[pool_at++ % KEY_WORDS];
    *word = (*word << 7 | *word >> 57) ^ timing;
}

/* Block 0 is the next key, the caller's bytes begin at block 1. */
static void fill_chunk(uint8_t *buffer, size_t bytes)
{
    static const uint8_t nonce[12];
    pool_into_key();
    memset(buffer, 0, bytes);
    br_chacha20_ct_run(key, nonce, 1, buffer, bytes);
    key_step();
}

void random_fill(void *buffer, size_t bytes)
{
    uint8_t *to = buffer;
    random_stir(tsc_read());
    while (bytes) {
        size_t n = bytes < CHUNK ? bytes : CHUNK;
        fill_chunk(to, n);
        to += n;
        bytes -= n;
    }
}

/* ---- The first key -------------------------------------------------------------------------------------------------- */

static bool rdrand(uint64_t *value)
{
    bool ok = false;
    for (int i = 0; i < RDRAND_TRIES && !ok; i++)
        __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(ok));
    return ok;
}

static bool stir_rdrand(void)
{
    uint64_t value;
    for (unsigned i = 0; i < KEY_WORDS; i++) {
        if (!rdrand(&value))
            return false;
        random_stir(value);
    }
    return true;
}

/* How long a port read takes differs in the last bits, on real machines and on emulated ones. Each sample is stirred and
 * the key stepped, so that later ones do not undo earlier ones. */
static void stir_timings(void)
{
    for (unsigned i = 0; i < TIMING_SAMPLES; i++) {
        in8(0x61);
        random_stir(tsc_read());
    }
    pool_into_key();
    key_step();
}

void random_init(void)
{
    bool hardware = cpu_has_rdrand && stir_rdrand();
    random_stir(boot_info.entry_tsc);
    pool_into_key();
    key_step();
    stir_timings();
    if (!hardware)
        klog(KLOG_WARNING, "random: no RDRAND, the first key rests on timings alone");
}
