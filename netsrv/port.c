/* lwIP's platform: see port.h. */
#include "netsrv/port.h"

#include <lib/runtime.h>
#include <string.h>

#include <lwip/sys.h>
#include "netsrv/lwip/lwip_hooks.h"

#define NS_PER_MS 1000000u

static uint64_t now_ns;

void port_update_time(void)
{
    now_ns = clock_now();
}

uint64_t port_now(void)
{
    return now_ns;
}

u32_t sys_now(void)
{
    return (u32_t)(now_ns / NS_PER_MS);
}

uint32_t net_random(void)
{
    static uint32_t stock[64];
    static unsigned left;
    if (left == 0) {
        status_t status = random_bytes(stock, sizeof stock);
        ASSERT(status == OK);
        left = sizeof stock / sizeof *stock;
    }
    return stock[--left];
}

/* ---- SipHash-2-4 (Aumasson, Bernstein 2012) over whole 8-byte words ---- */

struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    sip_round(s);
    s->a ^= word;
}

static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, size_t count)
{
    struct sip s = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                    key[1] ^ 0x7465646279746573u};
    for (size_t i = 0; i < count; i++)
        sip_word(&s, words[i]);
    sip_word(&s, (uint64_t)(count * 8) << 56);
    s.c ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

/* RFC 6528 §3: a clock of 4 us plus a keyed hash of the connection. */
u32_t net_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
    static uint64_t key[2];
    uint64_t words[5] = {0};
    if (key[0] == 0) {
        status_t status = random_bytes(key, sizeof key);
        ASSERT(status == OK);
        key[0] |= 1;
    }
    memcpy(&words[0], ip_2_ip6(local)->addr, IP_IS_V6(local) ? 16 : 4);
    memcpy(&words[2], ip_2_ip6(remote)->addr, IP_IS_V6(remote) ? 16 : 4);
    words[4] = (uint64_t)local_port << 16 | remote_port;
    return (u32_t)(sip_hash(key, words, 5) + now_ns / 4096);
}
