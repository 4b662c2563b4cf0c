#include "tsdl.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tsdl_fail(struct tsdl_parser *parser, uint64_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *parser->error =
        (struct ctf_error){.offset = offset, .in_metadata = true, .line = tsdl_line(&parser->lexer, offset)};
    vsnprintf(parser->error->text, sizeof parser->error->text, format, arguments);
    va_end(arguments);
    return false;
}

void tsdl_take(struct tsdl_parser *parser)
{
    tsdl_lex(&parser->lexer, &parser->token);
}

void tsdl_start(struct tsdl_parser *parser, const char *text, size_t length, struct ctf_labels *labels,
                struct ctf_error *error)
{
    memset(parser, 0, sizeof *parser);
    parser->lexer = (struct tsdl_lexer){.text = text, .length = length};
    parser->labels = labels;
    parser->error = error;
    tsdl_take(parser);
}

bool tsdl_is(const struct tsdl_parser *parser, const char *text)
{
    enum tsdl_kind kind = parser->token.kind;
    return kind != TSDL_STRING && kind != TSDL_BAD && kind != TSDL_END && !strcmp(parser->token.text, text);
}

static const char *token_text(const struct tsdl_token *token)
{
    return token->kind == TSDL_END ? "the end" : token->kind == TSDL_NUMBER ? "a number" : token->text;
}

static bool unexpected(struct tsdl_parser *parser, const char *wanted)
{
    return tsdl_fail(parser, parser->token.offset, "%.40s is expected, here is %.60s", wanted,
                     token_text(&parser->token));
}

bool tsdl_expect(struct tsdl_parser *parser, const char *mark)
{
    if (!tsdl_is(parser, mark))
        return unexpected(parser, mark);
    tsdl_take(parser);
    return true;
}

static bool take_kind(struct tsdl_parser *parser, enum tsdl_kind kind, const char *wanted, struct tsdl_token *token)
{
    if (parser->token.kind != kind)
        return unexpected(parser, wanted);
    *token = parser->token;
    tsdl_take(parser);
    return true;
}

/* ---- integers ---- */

static bool integer_entry(struct tsdl_parser *parser, const struct tsdl_entry *entry, void *context)
{
    struct tsdl_integer *integer = context;
    bool number = entry->kind == TSDL_VALUE_NUMBER;
    if (!strcmp(entry->key, "size") && number && entry->number >= 8 && entry->number <= 64 && entry->number % 8 == 0)
        integer->bits = (uint32_t)entry->number;
    else if (!strcmp(entry->key, "align") && number && entry->number >= 1 && entry->number <= 64)
        integer->align_bits = (uint32_t)entry->number;
    else if (!strcmp(entry->key, "signed"))
        integer->is_signed = number ? entry->number == 1 : !strcmp(entry->text, "true");
    else if (!strcmp(entry->key, "base"))
        integer->is_hex = number ? entry->number == 16 : entry->text[0] == 'x' || !strcmp(entry->text, "hex");
    else if (!strcmp(entry->key, "byte_order") ? strcmp(entry->text, "le") != 0
                                               : strcmp(entry->key, "map") && strcmp(entry->key, "encoding"))
        return tsdl_fail(parser, entry->offset, "an integer with a `%.40s` that this reader does not know", entry->key);
    return true;
}

static bool parse_integer(struct tsdl_parser *parser, struct tsdl_integer *integer)
{
    uint64_t offset = parser->token.offset;
    *integer = (struct tsdl_integer){.align_bits = 8};
    if (!tsdl_block(parser, integer_entry, integer))
        return false;
    if (!integer->bits)
        return tsdl_fail(parser, offset, "an integer without a size");
    if (integer->align_bits & (integer->align_bits - 1))
        return tsdl_fail(parser, offset, "an integer whose alignment is no power of two");
    return true;
}

static bool copy_name(struct tsdl_parser *parser, char out[CTF_NAME_MAX], const struct tsdl_token *token)
{
    const char *name = token->text + (token->text[0] == '_'); /* CTF 1.8.3 §4.2.2: readers take one away */
    if (strlen(name) >= CTF_NAME_MAX || !*name)
        return tsdl_fail(parser, token->offset, "a name of 1 to %d characters is expected", CTF_NAME_MAX - 1);
    strcpy(out, name);
    return true;
}

static bool parse_type(struct tsdl_parser *parser, struct tsdl_integer *integer)
{
    struct tsdl_token word;
    if (!take_kind(parser, TSDL_WORD, "a type", &word))
        return false;
    if (!strcmp(word.text, "integer"))
        return parse_integer(parser, integer);
    for (uint32_t i = 0; i < parser->type_count; i++) {
        if (!strcmp(parser->types[i].name, word.text)) {
            *integer = parser->types[i];
            return true;
        }
    }
    return tsdl_fail(parser, word.offset, "the type `%.60s` is not known", word.text);
}

/* ---- enumerations: a type of integer whose values have names (CTF 1.8.3 §4.1.8) ---- */

static bool is_value_of(const struct tsdl_integer *type, uint64_t value)
{
    unsigned shift = 64 - type->bits;
    return value == (type->is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value << shift >> shift);
}

static struct ctf_label *label_new(struct tsdl_parser *parser, uint64_t offset)
{
    struct ctf_labels *labels = parser->labels;
    if (labels->count == CTF_LABELS_MAX) {
        tsdl_fail(parser, offset, "more than %d values with names", CTF_LABELS_MAX);
        return NULL;
    }
    if (labels->count % 64 == 0) {
        void *more = realloc(labels->at, (labels->count + 64) * sizeof *labels->at);
        if (!more)
            tsdl_fail(parser, offset, "out of memory");
        if (!more)
            return NULL;
        labels->at = more;
    }
    return &labels->at[labels->count++];
}

/* "name" = 3, "name" = -3 */
static bool parse_label(struct tsdl_parser *parser, struct tsdl_integer *type)
{
    struct tsdl_token text, value;
    if (!take_kind(parser, TSDL_STRING, "a value's name", &text) || !tsdl_expect(parser, "="))
        return false;
    bool minus = tsdl_is(parser, "-");
    if (minus)
        tsdl_take(parser);
    if (!take_kind(parser, TSDL_NUMBER, "a value", &value))
        return false;
    if (strlen(text.text) >= CTF_NAME_MAX || !text.text[0])
        return tsdl_fail(parser, text.offset, "a value's name has 1 to %d characters", CTF_NAME_MAX - 1);
    value.number = minus ? -value.number : value.number;
    if (!is_value_of(type, value.number) || (minus && !type->is_signed))
        return tsdl_fail(parser, value.offset, "the value of `%.40s` does not fit its %u bits", text.text, type->bits);
    struct ctf_label *label = label_new(parser, text.offset);
    if (!label)
        return false;
    label->value = value.number;
    strcpy(label->text, text.text);
    type->label_count++;
    return tsdl_is(parser, "}") || tsdl_expect(parser, ",");
}

/* : container { "name" = value, … } */
static bool parse_enum(struct tsdl_parser *parser, struct tsdl_integer *type)
{
    uint64_t offset = parser->token.offset;
    if (!tsdl_expect(parser, ":") || !parse_type(parser, type))
        return false;
    if (type->label_count)
        return tsdl_fail(parser, offset, "an enumeration of an enumeration");
    if (!tsdl_expect(parser, "{"))
        return false;
    type->label_first = parser->labels->count;
    while (!tsdl_is(parser, "}")) {
        if (!parse_label(parser, type))
            return false;
    }
    tsdl_take(parser);
    return type->label_count || tsdl_fail(parser, offset, "an enumeration without values");
}

bool tsdl_typealias(struct tsdl_parser *parser)
{
    struct tsdl_integer integer;
    struct tsdl_token name;
    bool is_enum = tsdl_is(parser, "enum");
    if (parser->type_count == TSDL_TYPES_MAX)
        return tsdl_fail(parser, parser->token.offset, "more than %d types", TSDL_TYPES_MAX);
    if (!is_enum && !tsdl_is(parser, "integer"))
        return tsdl_fail(parser, parser->token.offset, "a type of %.40s, which this reader does not know",
                         token_text(&parser->token));
    tsdl_take(parser);
    if (!(is_enum ? parse_enum : parse_integer)(parser, &integer) || !tsdl_expect(parser, ":=") ||
        !take_kind(parser, TSDL_WORD, "a type's name", &name) || !tsdl_expect(parser, ";"))
        return false;
    if (strlen(name.text) >= CTF_NAME_MAX)
        return tsdl_fail(parser, name.offset, "a type's name of more than %d characters", CTF_NAME_MAX - 1);
    strcpy(integer.name, name.text);
    parser->types[parser->type_count++] = integer;
    return true;
}

/* ---- structs ---- */

static bool parse_array(struct tsdl_parser *parser, struct ctf_field *field)
{
    struct tsdl_token count;
    if (!tsdl_is(parser, "["))
        return true;
    tsdl_take(parser);
    if (!take_kind(parser, TSDL_NUMBER, "an array's length", &count) || !tsdl_expect(parser, "]"))
        return false;
    if (count.number < 1 || count.number > 64)
        return tsdl_fail(parser, count.offset, "an array of %llu", (unsigned long long)count.number);
    field->count = (uint32_t)count.number;
    return true;
}

static bool parse_field(struct tsdl_parser *parser, struct ctf_record *record, uint64_t *bit)
{
    struct tsdl_integer integer;
    struct tsdl_token name;
    uint64_t offset = parser->token.offset;
    if (record->count == CTF_FIELDS_MAX)
        return tsdl_fail(parser, offset, "a struct of more than %d fields", CTF_FIELDS_MAX);
    struct ctf_field *field = &record->fields[record->count];
    if (!parse_type(parser, &integer) || !take_kind(parser, TSDL_WORD, "a field's name", &name) ||
        !copy_name(parser, field->name, &name))
        return false;
    field->count = 1;
    if (!parse_array(parser, field) || !tsdl_expect(parser, ";"))
        return false;
    *bit = (*bit + integer.align_bits - 1) & ~(uint64_t)(integer.align_bits - 1);
    if (*bit % 8)
        return tsdl_fail(parser, offset, "a field that does not begin on a byte");
    field->offset = (uint32_t)(*bit / 8);
    field->size = integer.bits / 8;
    field->is_signed = integer.is_signed;
    field->is_hex = integer.is_hex;
    field->label_first = integer.label_first;
    field->label_count = integer.label_count;
    *bit += (uint64_t)integer.bits * field->count;
    if (record->align * 8 < integer.align_bits)
        record->align = integer.align_bits / 8;
    record->count++;
    return true;
}

static bool parse_align(struct tsdl_parser *parser, struct ctf_record *record)
{
    struct tsdl_token align;
    if (!tsdl_is(parser, "align"))
        return true;
    tsdl_take(parser);
    if (!tsdl_expect(parser, "(") || !take_kind(parser, TSDL_NUMBER, "an alignment", &align) ||
        !tsdl_expect(parser, ")"))
        return false;
    if (align.number < 8 || align.number > 64 || (align.number & (align.number - 1)))
        return tsdl_fail(parser, align.offset, "an alignment of %llu bits", (unsigned long long)align.number);
    if (record->align < align.number / 8)
        record->align = (uint32_t)align.number / 8;
    return true;
}

static bool parse_struct(struct tsdl_parser *parser, struct ctf_record *record)
{
    uint64_t bit = 0;
    *record = (struct ctf_record){.align = 1};
    if (!tsdl_is(parser, "struct"))
        return unexpected(parser, "struct");
    tsdl_take(parser);
    if (!tsdl_expect(parser, "{"))
        return false;
    while (!tsdl_is(parser, "}")) {
        if (!parse_field(parser, record, &bit))
            return false;
    }
    tsdl_take(parser);
    record->size = (uint32_t)(bit / 8);
    return parse_align(parser, record);
}

/* ---- blocks ---- */

/* `packet.header`, `clock.mono.value`: words with dots between. */
static bool parse_path(struct tsdl_parser *parser, char out[80])
{
    struct tsdl_token word;
    size_t used = 0;
    for (;;) {
        uint64_t offset = parser->token.offset;
        if (!take_kind(parser, TSDL_WORD, "a name", &word))
            return false;
        size_t n = strlen(word.text);
        if (n + 2 > 80 - used)
            return tsdl_fail(parser, offset, "a name of more than 79 characters");
        memcpy(out + used, word.text, n + 1);
        used += n;
        if (!tsdl_is(parser, "."))
            return true;
        tsdl_take(parser);
        out[used++] = '.';
    }
}

static bool parse_value(struct tsdl_parser *parser, struct tsdl_entry *entry)
{
    bool minus = tsdl_is(parser, "-");
    if (minus)
        tsdl_take(parser);
    entry->number = minus ? -parser->token.number : parser->token.number;
    entry->kind = parser->token.kind == TSDL_NUMBER ? TSDL_VALUE_NUMBER : TSDL_VALUE_TEXT;
    if (parser->token.kind == TSDL_WORD)
        return parse_path(parser, entry->text);
    if (parser->token.kind != TSDL_NUMBER && parser->token.kind != TSDL_STRING)
        return unexpected(parser, "a value");
    strcpy(entry->text, parser->token.text);
    tsdl_take(parser);
    return true;
}

static bool parse_entry(struct tsdl_parser *parser, struct tsdl_entry *entry)
{
    memset(entry, 0, sizeof *entry);
    entry->offset = parser->token.offset;
    if (!parse_path(parser, entry->key))
        return false;
    if (tsdl_is(parser, ":=")) {
        entry->kind = TSDL_VALUE_RECORD;
        tsdl_take(parser);
        return parse_struct(parser, &entry->record) && tsdl_expect(parser, ";");
    }
    if (!tsdl_is(parser, "="))
        return unexpected(parser, "= or :=");
    tsdl_take(parser);
    return parse_value(parser, entry) && tsdl_expect(parser, ";");
}

bool tsdl_block(struct tsdl_parser *parser, tsdl_entry_fn on_entry, void *context)
{
    struct tsdl_entry entry;
    if (parser->depth == 4)
        return tsdl_fail(parser, parser->token.offset, "blocks in blocks in blocks");
    parser->depth++;
    if (!tsdl_expect(parser, "{"))
        return false;
    while (!tsdl_is(parser, "}")) {
        if (!parse_entry(parser, &entry) || !on_entry(parser, &entry, context))
            return false;
    }
    parser->depth--;
    tsdl_take(parser);
    return true;
}
