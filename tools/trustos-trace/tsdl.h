/* Inside the reader of metadata: tsdl.c knows the grammar, layout.c what the blocks mean. */
#pragma once
#include "tsdl_lex.h"

struct tsdl_integer {
    char name[CTF_NAME_MAX];
    uint32_t bits, align_bits;
    bool is_signed, is_hex;
    uint32_t label_first, label_count; /* 0 of them: no enumeration */
};
#define TSDL_TYPES_MAX 64

struct tsdl_parser {
    struct tsdl_lexer lexer;
    struct tsdl_token token; /* the one not taken yet */
    struct tsdl_integer types[TSDL_TYPES_MAX];
    uint32_t type_count;
    struct ctf_labels *labels; /* the layout's, where those of enumerations go */
    uint32_t depth;            /* of blocks: nobody's text may use up the stack */
    struct ctf_error *error;
};

/* One `key = value;` or `key := struct { … };` of a block. */
struct tsdl_entry {
    char key[80];
    uint64_t offset;
    enum { TSDL_VALUE_NUMBER, TSDL_VALUE_TEXT, TSDL_VALUE_RECORD } kind;
    uint64_t number;
    char text[80];
    struct ctf_record record;
};
typedef bool (*tsdl_entry_fn)(struct tsdl_parser *parser, const struct tsdl_entry *entry, void *context);

/* All return false with the parser's error set. */
bool tsdl_fail(struct tsdl_parser *parser, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tsdl_start(struct tsdl_parser *parser, const char *text, size_t length, struct ctf_labels *labels,
                struct ctf_error *error);
bool tsdl_block(struct tsdl_parser *parser, tsdl_entry_fn on_entry, void *context); /* { entries } */
bool tsdl_typealias(struct tsdl_parser *parser); /* integer or enum { … } := name; typealias itself is taken already */
bool tsdl_expect(struct tsdl_parser *parser, const char *mark);
bool tsdl_is(const struct tsdl_parser *parser, const char *text);
void tsdl_take(struct tsdl_parser *parser);
