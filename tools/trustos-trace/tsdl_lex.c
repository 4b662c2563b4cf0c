#include "tsdl_lex.h"
#include <ctype.h>
#include <string.h>

static int peek(const struct tsdl_lexer *lexer, size_t ahead)
{
    return ahead < lexer->length - lexer->at ? (unsigned char)lexer->text[lexer->at + ahead] : -1;
}

static void skip_to(struct tsdl_lexer *lexer, const char *end)
{
    size_t n = strlen(end);
    while (lexer->length - lexer->at >= n && memcmp(lexer->text + lexer->at, end, n))
        lexer->at++;
    lexer->at = lexer->length - lexer->at >= n ? lexer->at + n : lexer->length;
}

static void skip_space(struct tsdl_lexer *lexer)
{
    for (;;) {
        int c = peek(lexer, 0);
        if (c == '/' && peek(lexer, 1) == '*')
            skip_to(lexer, "*/");
        else if (c == '/' && peek(lexer, 1) == '/')
            skip_to(lexer, "\n");
        else if (c > 0 && isspace(c))
            lexer->at++;
        else
            return;
    }
}

static void bad(struct tsdl_token *token, const char *why)
{
    token->kind = TSDL_BAD;
    strncpy(token->text, why, sizeof token->text - 1);
}

static void lex_word(struct tsdl_lexer *lexer, struct tsdl_token *token)
{
    size_t n = 0;
    token->kind = TSDL_WORD;
    for (int c; (c = peek(lexer, 0)) > 0 && (isalnum(c) || c == '_'); lexer->at++) {
        if (n == sizeof token->text - 1)
            return bad(token, "a name of more than 79 characters");
        token->text[n++] = (char)c;
    }
}

static int digit_value(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

static void lex_number(struct tsdl_lexer *lexer, struct tsdl_token *token)
{
    int base = 10;
    token->kind = TSDL_NUMBER;
    if (peek(lexer, 0) == '0')
        base = (peek(lexer, 1) | 32) == 'x' ? 16 : 8;
    if (base == 16)
        lexer->at += 2;
    for (int c; (c = peek(lexer, 0)) > 0 && isalnum(c); lexer->at++) {
        if (digit_value(c) >= base)
            return bad(token, "a number with a strange digit");
        if (__builtin_mul_overflow(token->number, (uint64_t)base, &token->number) ||
            __builtin_add_overflow(token->number, (uint64_t)digit_value(c), &token->number))
            return bad(token, "a number of more than 64 bits");
    }
}

static void lex_string(struct tsdl_lexer *lexer, struct tsdl_token *token)
{
    size_t n = 0;
    token->kind = TSDL_STRING;
    lexer->at++;
    for (int c; (c = peek(lexer, 0)) != '"'; lexer->at++) {
        if (c < 0 || c == '\n')
            return bad(token, "a string without its end");
        if (c < ' ' || c > '~' || c == '\\')
            return bad(token, "a string with more than plain characters, which this reader does not know");
        if (n < sizeof token->text - 1)
            token->text[n++] = (char)c;
    }
    lexer->at++;
}

void tsdl_lex(struct tsdl_lexer *lexer, struct tsdl_token *token)
{
    memset(token, 0, sizeof *token);
    skip_space(lexer);
    token->offset = lexer->at;
    int c = peek(lexer, 0);
    if (c < 0)
        token->kind = TSDL_END;
    else if (isdigit(c))
        lex_number(lexer, token);
    else if (isalpha(c) || c == '_')
        lex_word(lexer, token);
    else if (c == '"')
        lex_string(lexer, token);
    else if (c == ':' && peek(lexer, 1) == '=') {
        token->kind = TSDL_ASSIGN_TYPE;
        memcpy(token->text, ":=", 3);
        lexer->at += 2;
    } else if (c && strchr("{}[]();=:.,-", c)) {
        token->kind = TSDL_MARK;
        token->text[0] = (char)c;
        lexer->at++;
    } else {
        bad(token, "a character that has no place in metadata");
    }
}

uint32_t tsdl_line(const struct tsdl_lexer *lexer, uint64_t offset)
{
    uint32_t line = 1;
    for (uint64_t i = 0; i < offset && i < lexer->length; i++)
        line += lexer->text[i] == '\n';
    return line;
}
