/* The operator's token, and what a wrong one costs. Pure: time comes in.
 *
 * Rules: comparing takes the same time whatever the token is. Each wrong token from an address makes the next answer to that
 * address wait longer (0.5 s, 1 s, 2 s … 60 s); right ones wait for the running penalty too, or it would tell. Ten minutes
 * without a try forgive. */
#pragma once
#include <abi/types.h>

#define TOKEN_MAX 64
#define LOGIN_PEERS 16

struct login_peer {
    uint8_t address[16];
    uint32_t failures;
    uint64_t until_ns; /* the next answer comes no earlier */
};

struct login {
    char token[TOKEN_MAX + 1]; /* zero-padded */
    struct login_peer peers[LOGIN_PEERS];
};

/* From a boot option's value (cut at TOKEN_MAX), or made of 16 random bytes. */
void login_set_token(struct login *login, const char *token, size_t length);
void login_make_token(struct login *login, const uint8_t random[16]);
/* One try: is it right, and when may the answer be given? */
bool login_try(struct login *login, const uint8_t address[16], const char *token, size_t length, uint64_t now_ns,
               uint64_t *answer_ns);
