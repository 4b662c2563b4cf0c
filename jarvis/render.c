#include "jarvis/render.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct sheet the_sheet;

static struct sheet *sheet_begin(struct answer *answer, const char *name, char bracket)
{
    struct sheet *sheet = &the_sheet;
    sheet->out = answer;
    sheet->json = (struct json){.out = answer};
    sheet->cell_count = sheet->text_used = sheet->dropped = 0;
    if (answer->json) {
        json_open(&sheet->json, NULL, '{');
        json_open(&sheet->json, name, bracket);
    }
    return sheet;
}

struct sheet *sheet_table(struct answer *answer, const char *name, const struct column *columns, unsigned count)
{
    struct sheet *sheet = sheet_begin(answer, name, '[');
    sheet->facts = false;
    sheet->columns = columns;
    sheet->column_count = count;
    return sheet;
}

struct sheet *sheet_facts(struct answer *answer, const char *name)
{
    static const struct column columns[] = {{.key = "what"}, {.key = "value"}};
    struct sheet *sheet = sheet_begin(answer, name, '{');
    sheet->facts = true;
    sheet->columns = columns;
    sheet->column_count = 2;
    return sheet;
}

static void cell_add(struct sheet *sheet, const char *text)
{
    size_t n = strlen(text) + 1;
    if (sheet->cell_count == SHEET_CELLS || n > SHEET_TEXT - sheet->text_used) {
        sheet->dropped++;
        return;
    }
    text_neutral(sheet->text + sheet->text_used, n, text, n);
    sheet->cells[sheet->cell_count++] = (uint16_t)sheet->text_used;
    sheet->text_used += (unsigned)n;
}

/* The key of the cell that comes next; opens and closes a table's rows as JSON objects. */
static const char *json_key(struct sheet *sheet)
{
    if (sheet->facts)
        return sheet->key;
    unsigned column = sheet->cell_count++ % sheet->column_count;
    if (column == 0 && sheet->cell_count > 1)
        json_close(&sheet->json);
    if (column == 0)
        json_open(&sheet->json, NULL, '{');
    return sheet->columns[column].key;
}

void sheet_label(struct sheet *sheet, const char *key, const char *label)
{
    sheet->key = key;
    if (!sheet->out->json)
        cell_add(sheet, label);
}

void put_text(struct sheet *sheet, const char *text)
{
    if (sheet->out->json)
        json_string(&sheet->json, json_key(sheet), text);
    else
        cell_add(sheet, text);
}

void put_format(struct sheet *sheet, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_text(sheet, text);
}

static void put_both(struct sheet *sheet, uint64_t value, const char *text)
{
    if (sheet->out->json)
        json_number(&sheet->json, json_key(sheet), value);
    else
        cell_add(sheet, text);
}

void put_number(struct sheet *sheet, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lu", (unsigned long)value);
    put_both(sheet, value, text);
}

void put_size(struct sheet *sheet, uint64_t bytes)
{
    char text[UNIT_TEXT];
    put_both(sheet, bytes, size_text(text, bytes, sheet->out->language));
}

void put_time(struct sheet *sheet, uint64_t ns)
{
    char text[UNIT_TEXT];
    put_both(sheet, ns, time_text(text, ns, sheet->out->language));
}

void put_share(struct sheet *sheet, uint64_t part, uint64_t whole)
{
    char text[UNIT_TEXT];
    uint64_t mille = whole ? (uint64_t)((unsigned __int128)part * 1000 / whole) : 0;
    put_both(sheet, mille, share_text(text, part, whole, sheet->out->language));
}

void put_yes(struct sheet *sheet, bool yes)
{
    if (sheet->out->json)
        json_literal(&sheet->json, json_key(sheet), yes ? "true" : "false");
    else
        cell_add(sheet, yes ? T(sheet->out, "yes", "oui") : T(sheet->out, "no", "non"));
}

/* ---- writing the table ---- */

static const char *header(const struct sheet *sheet, unsigned column)
{
    const struct column *c = &sheet->columns[column];
    return c->english ? T(sheet->out, c->english, c->french) : c->key;
}

static size_t column_width(const struct sheet *sheet, unsigned column)
{
    size_t width = sheet->facts ? 0 : text_width(header(sheet, column));
    for (unsigned i = column; i < sheet->cell_count; i += sheet->column_count) {
        size_t w = text_width(sheet->text + sheet->cells[i]);
        width = w > width ? w : width;
    }
    return width;
}

static void pad(struct answer *out, size_t count)
{
    static const char blanks[] = "                                ";
    for (; count; count -= count < sizeof blanks - 1 ? count : sizeof blanks - 1)
        answer_bytes(out, blanks, count < sizeof blanks - 1 ? count : sizeof blanks - 1);
}

/* No blanks at the end of a line. */
static void end_row(struct answer *out)
{
    while (out->length && out->bytes[out->length - 1] == ' ')
        out->length--;
    answer_bytes(out, "\n", 1);
}

static void write_cell(struct sheet *sheet, unsigned column, const char *text, size_t width)
{
    size_t blank = width - text_width(text);
    bool right = sheet->columns[column].right;
    if (right)
        pad(sheet->out, blank);
    answer_bytes(sheet->out, text, strlen(text));
    if (column + 1 == sheet->column_count)
        end_row(sheet->out);
    else
        pad(sheet->out, 2 + (right ? 0 : blank));
}

static void write_text(struct sheet *sheet)
{
    size_t widths[SHEET_COLUMNS];
    for (unsigned c = 0; c < sheet->column_count; c++)
        widths[c] = column_width(sheet, c);
    for (unsigned c = 0; c < sheet->column_count && !sheet->facts; c++)
        write_cell(sheet, c, header(sheet, c), widths[c]);
    for (unsigned i = 0; i < sheet->cell_count; i++) {
        unsigned c = i % sheet->column_count;
        write_cell(sheet, c, sheet->text + sheet->cells[i], widths[c]);
    }
    if (sheet->dropped)
        answer_printf(sheet->out, T(sheet->out, "(%u more cells did not fit)\n", "(%u cases de plus, trop long)\n"),
                      sheet->dropped);
}

void sheet_end(struct sheet *sheet)
{
    if (!sheet->out->json) {
        write_text(sheet);
        return;
    }
    while (sheet->json.depth)
        json_close(&sheet->json);
    answer_bytes(sheet->out, "\n", 1);
}
