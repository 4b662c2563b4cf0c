#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "known.h"
#include "tsdl.h"

#define EVENTS_MAX 4096

int ctf_field_index(const struct ctf_record *record, const char *name)
{
    for (uint32_t i = 0; i < record->count; i++) {
        if (!strcmp(record->fields[i].name, name))
            return (int)i;
    }
    return -1;
}

const char *ctf_field_label(const struct ctf_layout *layout, const struct ctf_field *field, uint64_t value)
{
    for (uint32_t i = 0; i < field->label_count; i++) {
        const struct ctf_label *label = &layout->labels.at[field->label_first + i];
        if (label->value == value)
            return label->text;
    }
    return NULL;
}

/* ---- trace ---- */

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned value;
        text += i == 4 || i == 6 || i == 8 || i == 10 ? *text == '-' : 0;
        if (strspn(text, "0123456789abcdefABCDEF") < 2 || sscanf(text, "%2x", &value) != 1)
            return false;
        uuid[i] = (uint8_t)value;
        text += 2;
    }
    return !*text;
}

static bool is_field(const struct ctf_record *record, uint32_t i, const char *name, uint32_t offset, uint32_t size,
                     uint32_t count)
{
    const struct ctf_field *field = &record->fields[i];
    return i < record->count && !strcmp(field->name, name) && field->offset == offset && field->size == size &&
           field->count == count;
}

static bool trace_entry(struct tsdl_parser *parser, const struct tsdl_entry *entry, void *context)
{
    struct ctf_layout *layout = context;
    const struct ctf_record *record = &entry->record;
    if (!strcmp(entry->key, "uuid") && !parse_uuid(entry->text, layout->uuid))
        return tsdl_fail(parser, entry->offset, "`%.60s` is no uuid", entry->text);
    if (!strcmp(entry->key, "major") && entry->number != 1)
        return tsdl_fail(parser, entry->offset, "CTF %llu; this reader knows CTF 1.8",
                         (unsigned long long)entry->number);
    if (!strcmp(entry->key, "byte_order") && strcmp(entry->text, "le"))
        return tsdl_fail(parser, entry->offset, "byte order `%.20s`; this reader knows le", entry->text);
    if (strcmp(entry->key, "packet.header"))
        return true;
    if (entry->kind != TSDL_VALUE_RECORD || record->count != 3 || !is_field(record, 0, "magic", 0, 4, 1) ||
        !is_field(record, 1, "uuid", 4, 1, 16) || !is_field(record, 2, "stream_id", 20, 4, 1))
        return tsdl_fail(parser, entry->offset, "a packet.header other than magic, uuid[16], stream_id");
    layout->has_trace = true;
    return true;
}

static bool env_entry(struct tsdl_parser *parser, const struct tsdl_entry *entry, void *context)
{
    struct ctf_layout *layout = context;
    (void)parser;
    if (!strcmp(entry->key, "hostname"))
        snprintf(layout->hostname, sizeof layout->hostname, "%s", entry->text);
    if (!strcmp(entry->key, "release"))
        snprintf(layout->release, sizeof layout->release, "%s", entry->text);
    return true;
}

static bool clock_entry(struct tsdl_parser *parser, const struct tsdl_entry *entry, void *context)
{
    struct ctf_layout *layout = context;
    if (!strcmp(entry->key, "freq") && entry->number != 1000000000)
        return tsdl_fail(parser, entry->offset, "a clock that does not count nanoseconds");
    if (!strcmp(entry->key, "offset_s"))
        layout->wall_offset_s = entry->number;
    if (!strcmp(entry->key, "offset"))
        layout->wall_offset_ns = entry->number;
    return true;
}

/* ---- stream ---- */

static bool context_record(struct tsdl_parser *parser, const struct tsdl_entry *entry, struct ctf_context *context)
{
    const struct ctf_record *record = &entry->record;
    const struct {
        const char *name;
        uint32_t *offset;
    } wanted[] = {{"timestamp_begin", &context->begin},
                  {"timestamp_end", &context->end},
                  {"content_size", &context->content},
                  {"packet_size", &context->size},
                  {"packet_seq_num", &context->sequence},
                  {"events_discarded", &context->discarded},
                  {"cpu_id", &context->cpu}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        int field = ctf_field_index(record, wanted[i].name);
        if (field < 0 || record->fields[field].size != 8 || record->fields[field].count != 1)
            return tsdl_fail(parser, entry->offset, "packet.context has no `%s` of 64 bits", wanted[i].name);
        *wanted[i].offset = 24 + record->fields[field].offset;
    }
    context->bytes = 24 + ((record->size + 7) & ~7u);
    return true;
}

static bool stream_entry(struct tsdl_parser *parser, const struct tsdl_entry *entry, void *context)
{
    struct ctf_layout *layout = context;
    const struct ctf_record *record = &entry->record;
    bool is_record = entry->kind == TSDL_VALUE_RECORD;
    if (!strcmp(entry->key, "packet.context")) {
        if (!is_record || !context_record(parser, entry, &layout->context))
            return is_record ? false : tsdl_fail(parser, entry->offset, "packet.context is no struct");
    } else if (!strcmp(entry->key, "event.header")) {
        if (!is_record || record->count != 2 || !is_field(record, 0, "id", 0, 2, 1) ||
            !is_field(record, 1, "timestamp", 2, 6, 1))
            return tsdl_fail(parser, entry->offset, "an event.header other than id of 16 bits, timestamp of 48");
        layout->has_stream = true;
    } else if (is_record) {
        return tsdl_fail(parser, entry->offset, "a stream's `%.40s`, which this reader does not know", entry->key);
    }
    return true;
}

/* ---- events ---- */

static bool event_fields(struct tsdl_parser *parser, const struct tsdl_entry *entry, struct ctf_event_layout *event)
{
    event->payload = entry->record;
    for (uint32_t i = 0; i < event->payload.count; i++) {
        if (event->payload.fields[i].count != 1)
            return tsdl_fail(parser, entry->offset, "an array in an event, which this reader does not know");
    }
    event->payload.size = (event->payload.size + 7) & ~7u; /* the next header stands on 8 bytes */
    return true;
}

static bool event_entry(struct tsdl_parser *parser, const struct tsdl_entry *entry, void *context)
{
    struct ctf_event_layout *event = context;
    if (!strcmp(entry->key, "id")) {
        if (entry->kind != TSDL_VALUE_NUMBER || entry->number > UINT16_MAX)
            return tsdl_fail(parser, entry->offset, "an event's id is a number of 16 bits");
        event->id = (uint16_t)entry->number;
    } else if (!strcmp(entry->key, "name")) {
        if (strlen(entry->text) >= CTF_NAME_MAX || !entry->text[0])
            return tsdl_fail(parser, entry->offset, "an event's name has 1 to %d characters", CTF_NAME_MAX - 1);
        strcpy(event->name, entry->text);
    } else if (!strcmp(entry->key, "fields")) {
        return entry->kind == TSDL_VALUE_RECORD ? event_fields(parser, entry, event)
                                                : tsdl_fail(parser, entry->offset, "fields is no struct");
    } else if (!strcmp(entry->key, "stream_id") ? entry->number != 0 : entry->kind == TSDL_VALUE_RECORD) {
        return tsdl_fail(parser, entry->offset, "an event's `%.40s` that this reader does not know", entry->key);
    }
    return true;
}

static bool parse_event(struct tsdl_parser *parser, struct ctf_layout *layout)
{
    struct ctf_event_layout event = {0};
    uint64_t offset = parser->token.offset;
    if (!tsdl_block(parser, event_entry, &event))
        return false;
    if (!event.name[0])
        return tsdl_fail(parser, offset, "an event without a name");
    known_resolve(&event);
    if (layout->by_id[event.id])
        return tsdl_fail(parser, offset, "a second event with id %u", event.id);
    if (layout->event_count == EVENTS_MAX)
        return tsdl_fail(parser, offset, "more than %d events", EVENTS_MAX);
    if (layout->event_count % 64 == 0) {
        void *more = realloc(layout->events, (layout->event_count + 64) * sizeof event);
        if (!more)
            return tsdl_fail(parser, offset, "out of memory");
        layout->events = more;
    }
    layout->events[layout->event_count++] = event;
    layout->by_id[event.id] = (uint16_t)layout->event_count;
    return true;
}

/* ---- all of it ---- */

static const struct {
    const char *word;
    tsdl_entry_fn entry;
} blocks[] = {{"trace", trace_entry}, {"env", env_entry}, {"clock", clock_entry}, {"stream", stream_entry}};

static bool parse_top(struct tsdl_parser *parser, struct ctf_layout *layout)
{
    struct tsdl_token word = parser->token;
    tsdl_take(parser);
    if (word.kind == TSDL_WORD && !strcmp(word.text, "typealias"))
        return tsdl_typealias(parser);
    if (word.kind == TSDL_WORD && !strcmp(word.text, "event"))
        return parse_event(parser, layout) && tsdl_expect(parser, ";");
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (word.kind == TSDL_WORD && !strcmp(word.text, blocks[i].word))
            return tsdl_block(parser, blocks[i].entry, layout) && tsdl_expect(parser, ";");
    }
    return tsdl_fail(parser, word.offset, "`%.60s`: this reader does not know what that begins", word.text);
}

static bool parse_all(struct tsdl_parser *parser, struct ctf_layout *layout)
{
    while (parser->token.kind != TSDL_END) {
        if (!parse_top(parser, layout))
            return false;
    }
    if (!layout->has_trace)
        return tsdl_fail(parser, parser->token.offset, "the metadata has no trace block with a packet.header");
    if (!layout->has_stream || !layout->context.bytes)
        return tsdl_fail(parser, parser->token.offset,
                         "the metadata has no stream block with packet.context and event.header");
    return true;
}

struct ctf_layout *ctf_layout_parse(const char *text, size_t length, struct ctf_error *error)
{
    struct tsdl_parser *parser = calloc(1, sizeof *parser);
    struct ctf_layout *layout = calloc(1, sizeof *layout);
    if (!layout || !parser) {
        ctf_broken(error, 0, "out of memory");
    } else {
        tsdl_start(parser, text, length, &layout->labels, error);
        if (parse_all(parser, layout)) {
            free(parser);
            return layout;
        }
    }
    free(parser);
    ctf_layout_free(layout);
    return NULL;
}

void ctf_layout_free(struct ctf_layout *layout)
{
    if (!layout)
        return;
    free(layout->events);
    free(layout->labels.at);
    free(layout);
}
