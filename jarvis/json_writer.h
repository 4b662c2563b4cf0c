/* Writes JSON (RFC 8259) into an answer. Output only: nothing here reads JSON. key NULL inside arrays and at the top. */
#pragma once
#include "jarvis/answer.h"

#define JSON_DEPTH 8

struct json {
    struct answer *out;
    unsigned depth;
    char closers[JSON_DEPTH];
    bool filled[JSON_DEPTH + 1]; /* a member was written at this depth */
};

void json_open(struct json *json, const char *key, char bracket /* '{' or '[' */);
void json_close(struct json *json);
void json_string(struct json *json, const char *key, const char *value); /* invalid UTF-8 becomes U+FFFD */
void json_number(struct json *json, const char *key, uint64_t value);
void json_literal(struct json *json, const char *key, const char *literal); /* true, false, null, or digits */
