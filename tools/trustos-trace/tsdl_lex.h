/* Words of TSDL. */
#pragma once
#include "ctf.h"

enum tsdl_kind { TSDL_END, TSDL_WORD, TSDL_NUMBER, TSDL_STRING, TSDL_MARK, TSDL_ASSIGN_TYPE, TSDL_BAD };
struct tsdl_token {
    enum tsdl_kind kind;
    uint64_t offset;
    char text[80];   /* a word, a string, or a mark ({ } [ ] ( ) ; = : . , -) */
    uint64_t number; /* of a TSDL_NUMBER */
};
struct tsdl_lexer {
    const char *text;
    size_t length, at;
};
/* Reads the next token; TSDL_BAD for what is none, with the reason in its text. */
void tsdl_lex(struct tsdl_lexer *lexer, struct tsdl_token *token);
uint32_t tsdl_line(const struct tsdl_lexer *lexer, uint64_t offset);
