/* Answers that people like to read: units in plain words, aligned tables, lists of facts; the same calls write JSON when
 * the answer is asked for in JSON, with plain numbers (bytes, ns) and no words.
 *
 * Rules: a sheet is a table or a list of facts, filled cell by cell from left to right; sheet_end writes it (nothing is
 * written before, as the columns' widths are known only then; in JSON at once). What does not fit SHEET_CELLS or SHEET_TEXT
 * is counted and told at the end. Foreign text is neutralised. */
#pragma once
#include "jarvis/json_writer.h"

#define SHEET_COLUMNS 10
#define SHEET_CELLS 1024
#define SHEET_TEXT 16384

struct column {
    const char *key;              /* in JSON */
    const char *english, *french; /* header; NULL: as the key */
    bool right;                   /* numbers stand right */
};

struct sheet {
    struct answer *out;
    struct json json;
    const struct column *columns;
    unsigned column_count, cell_count, text_used, dropped;
    const char *key; /* of the fact that comes next */
    bool facts;
    uint16_t cells[SHEET_CELLS]; /* offsets into text */
    char text[SHEET_TEXT];
};

/* One sheet at a time: the memory is shared. */
struct sheet *sheet_table(struct answer *answer, const char *name, const struct column *columns, unsigned count);
struct sheet *sheet_facts(struct answer *answer, const char *name);
void sheet_label(struct sheet *sheet, const char *key, const char *label); /* before each fact's value */

void put_text(struct sheet *sheet, const char *text);
void put_format(struct sheet *sheet, const char *format, ...) __attribute__((format(printf, 2, 3)));
void put_number(struct sheet *sheet, uint64_t value);
void put_size(struct sheet *sheet, uint64_t bytes);
void put_time(struct sheet *sheet, uint64_t ns);
void put_share(struct sheet *sheet, uint64_t part,
               uint64_t whole); /* per cent; JSON: tenths of a per cent in per mille */
void put_yes(struct sheet *sheet, bool yes);
void sheet_end(struct sheet *sheet);

#define UNIT_TEXT 32
/* "204 MiB", "12.3 KiB"; in French "12,3 Kio". out has UNIT_TEXT bytes; returns it. */
const char *size_text(char *out, uint64_t bytes, enum language language);
/* "3 min 12 s", "2 d 4 h", "1.5 s", "20 ms" */
const char *time_text(char *out, uint64_t ns, enum language language);
/* "12.5 %"; whole 0 gives "0 %" */
const char *share_text(char *out, uint64_t part, uint64_t whole, enum language language);
/* "[#####...............]", `width` cells */
const char *bar_text(char *out, unsigned width, uint64_t part, uint64_t whole);
/* "######": as long as part is of whole, at most `width` */
const char *stroke_text(char *out, unsigned width, uint64_t part, uint64_t whole);
#define BITS_TEXT 176
/* The numbers of the bits that are set: "0-3,7"; "" for none. out has BITS_TEXT bytes */
const char *bits_text(char *out, uint64_t bits);
/* IPv6 in RFC 5952's form, or the IPv4 address of ::ffff:a.b.c.d. out: 48 bytes */
const char *address_text(char *out, const uint8_t address[16]);
size_t text_width(const char *text); /* columns on a terminal: letters of UTF-8 */
