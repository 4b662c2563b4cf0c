#include "rconsole/login.h"
#include <string.h>

#define FIRST_NS 500000000ull
#define LONGEST_NS 60000000000ull
#define FORGIVE_NS 600000000000ull
#define AHEAD_MAX_NS 120000000000ull /* however many try at once: an honest operator gets his turn */

void login_set_token(struct login *login, const char *token, size_t length)
{
    memset(login->token, 0, sizeof login->token);
    memcpy(login->token, token, length < TOKEN_MAX ? length : TOKEN_MAX);
}

void login_make_token(struct login *login, const uint8_t random[16])
{
    static const char digits[] = "0123456789abcdef";
    char text[36];
    size_t n = 0;
    for (unsigned i = 0; i < 16; i++) {
        if (i && i % 4 == 0)
            text[n++] = '-';
        text[n++] = digits[random[i] >> 4];
        text[n++] = digits[random[i] & 15];
    }
    login_set_token(login, text, n);
}

static bool same_token(const struct login *login, const char *token, size_t length)
{
    char given[TOKEN_MAX + 1] = {0};
    unsigned difference = length == 0 || length != strlen(login->token);
    memcpy(given, token, length < TOKEN_MAX ? length : TOKEN_MAX);
    for (unsigned i = 0; i < sizeof given; i++)
        difference |= (uint8_t)(given[i] ^ login->token[i]);
    return difference == 0;
}

/* The row of an address; a new one takes the row whose penalty ends first. */
static struct login_peer *peer_of(struct login *login, const uint8_t address[16])
{
    struct login_peer *oldest = &login->peers[0];
    for (unsigned i = 0; i < LOGIN_PEERS; i++) {
        struct login_peer *peer = &login->peers[i];
        if (peer->failures && memcmp(peer->address, address, sizeof peer->address) == 0)
            return peer;
        if (peer->until_ns < oldest->until_ns)
            oldest = peer;
    }
    *oldest = (struct login_peer){0};
    memcpy(oldest->address, address, sizeof oldest->address);
    return oldest;
}

static uint64_t penalty(uint32_t failures)
{
    uint64_t ns = failures < 8 ? FIRST_NS << (failures - 1) : LONGEST_NS;
    return ns < LONGEST_NS ? ns : LONGEST_NS;
}

bool login_try(struct login *login, const uint8_t address[16], const char *token, size_t length, uint64_t now_ns,
               uint64_t *answer_ns)
{
    struct login_peer *peer = peer_of(login, address);
    bool right = same_token(login, token, length);
    if (now_ns > peer->until_ns && now_ns - peer->until_ns > FORGIVE_NS)
        peer->failures = 0;
    *answer_ns = peer->until_ns > now_ns ? peer->until_ns : now_ns;
    if (right) {
        peer->failures = 0;
        return true;
    }
    peer->failures++;
    *answer_ns += penalty(peer->failures);
    if (*answer_ns > now_ns + AHEAD_MAX_NS)
        *answer_ns = now_ns + AHEAD_MAX_NS;
    peer->until_ns = *answer_ns;
    return false;
}
