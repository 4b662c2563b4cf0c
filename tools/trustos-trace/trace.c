#include "trace.h"
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "files.h"
#include "lib/trace_metadata.h"

void trace_note(struct trace *trace, bool is_error, const char *format, ...)
{
    va_list arguments;
    char line[512], *more;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    trace->is_broken |= is_error;
    if (asprintf(&more, "%s%s\n", trace->complaints ? trace->complaints : "", line) < 0)
        return;
    free(trace->complaints);
    trace->complaints = more;
}

static void note_error(struct trace *trace, uint32_t file, const struct ctf_error *error)
{
    char where[64] = "";
    if (error->in_metadata)
        snprintf(where, sizeof where, "metadata, line %u, ", error->line);
    trace_note(trace, true, "%s: %soffset %llu: %s", trace->files[file].name, where, (unsigned long long)error->offset,
               error->text);
}

/* ---- finding the packets ---- */

static struct trace_lane *lane_of(struct trace *trace, uint32_t cpu)
{
    if (!trace->lanes[cpu]) {
        trace->lanes[cpu] = calloc(1, sizeof *trace->lanes[cpu]);
        if (trace->lanes[cpu])
            trace->cpus[trace->cpu_count++] = cpu;
    }
    return trace->lanes[cpu];
}

static bool place_add(struct trace_lane *lane, const struct ctf_packet *packet, uint32_t file)
{
    if ((lane->place_count & (lane->place_count - 1)) == 0) { /* 0 and the powers of two: as much again */
        void *more = realloc(lane->places, (lane->place_count ? lane->place_count * 2 : 1) * sizeof *lane->places);
        if (!more)
            return false;
        lane->places = more;
    }
    lane->places[lane->place_count++] =
        (struct trace_place){.bytes = packet->bytes, .offset = packet->offset, .file = file};
    return true;
}

static bool loss_add(struct trace *trace, const struct ctf_loss *loss)
{
    if (!loss->packets && !loss->events)
        return true;
    if ((trace->loss_count & (trace->loss_count - 1)) == 0) {
        void *more = realloc(trace->losses, (trace->loss_count ? trace->loss_count * 2 : 1) * sizeof *trace->losses);
        if (!more)
            return false;
        trace->losses = more;
    }
    trace->losses[trace->loss_count++] = *loss;
    return true;
}

static void count_loss(struct trace *trace, const struct ctf_loss *loss)
{
    trace->lost_packets += loss->packets;
    if (loss->before)
        trace->lost_before += loss->events;
    else
        trace->lost_events += loss->events;
}

static enum ctf_result packet_add(struct trace *trace, uint32_t file, const struct ctf_packet *packet,
                                  struct ctf_error *error)
{
    struct ctf_loss loss;
    struct trace_lane *lane = lane_of(trace, packet->cpu);
    enum ctf_result result = lane ? ctf_order_check(&lane->scanned, packet, &loss, error)
                                  : ctf_broken(error, packet->offset, "out of memory");
    if (result != CTF_OK)
        return CTF_BROKEN;
    if (!place_add(lane, packet, file) || !loss_add(trace, &loss))
        return ctf_broken(error, packet->offset, "out of memory");
    count_loss(trace, &loss);
    if (!trace->packets++ || packet->begin_ns < trace->begin_ns)
        trace->begin_ns = packet->begin_ns;
    if (packet->size < TRACE_PACKET_SIZE && packet->end_ns > trace->part_end_ns)
        trace->part_end_ns = packet->end_ns;
    if (packet->end_ns > trace->end_ns)
        trace->end_ns = packet->end_ns;
    return CTF_OK;
}

static void note_cut(struct trace *trace, uint32_t file, uint64_t offset)
{
    trace_note(trace, false, "%s: offset %llu: the last packet is cut; its %llu bytes are left out",
               trace->files[file].name, (unsigned long long)offset,
               (unsigned long long)(trace->files[file].size - offset));
}

/* The packets of one CPU's file. */
static void scan_packets(struct trace *trace, uint32_t file)
{
    const struct trace_file *f = &trace->files[file];
    struct ctf_error error;
    uint64_t offset = 0;
    for (;;) {
        struct ctf_packet packet;
        enum ctf_result result =
            ctf_packet_read(trace->layout, f->bytes + offset, f->size - offset, offset, &packet, &error);
        if (result == CTF_OK)
            result = packet_add(trace, file, &packet, &error);
        if (result == CTF_SHORT)
            note_cut(trace, file, offset);
        else if (result == CTF_BROKEN)
            note_error(trace, file, &error);
        if (result != CTF_OK)
            return;
        offset += packet.size;
    }
}

/* A stream with its metadata in front; the layout is the trace's then. */
static void scan_stream(struct trace *trace, uint32_t file)
{
    const struct trace_file *f = &trace->files[file];
    struct ctf_stream stream = {0};
    struct ctf_error error;
    enum ctf_result result;
    do {
        struct ctf_packet packet;
        enum ctf_frame frame;
        size_t taken;
        result = ctf_stream_next(&stream, f->bytes + stream.offset, f->size - stream.offset, &frame, &taken, &packet,
                                 &error);
        if (result == CTF_OK && frame == CTF_FRAME_PACKET)
            result = packet_add(trace, file, &packet, &error);
    } while (result == CTF_OK);
    if (result == CTF_SHORT)
        note_cut(trace, file, stream.offset);
    else if (result == CTF_BROKEN)
        note_error(trace, file, &error);
    if (!stream.layout && stream.text && result != CTF_BROKEN) /* no packet followed, as far as it goes */
        stream.layout = ctf_layout_parse(stream.text, stream.text_length, &error);
    trace->layout = stream.layout;
    stream.layout = NULL;
    ctf_stream_free(&stream);
}

/* ---- opening ---- */

static struct trace *fail(struct trace *trace, char why[256], const char *text)
{
    snprintf(why, 256, "%s", text);
    why[strcspn(why, "\n")] = 0;
    trace_close(trace);
    return NULL;
}

static bool is_stream(const struct trace_file *file)
{
    uint32_t magic = 0;
    memcpy(&magic, file->bytes, file->size < 4 ? file->size : 4);
    return magic == TRACE_METADATA_MAGIC;
}

static bool layout_load(struct trace *trace, uint32_t file)
{
    struct ctf_error error = {0};
    size_t length;
    char *text = ctf_metadata_text(trace->files[file].bytes, trace->files[file].size, &length, &error);
    if (text)
        trace->layout = ctf_layout_parse(text, length, &error);
    free(text);
    if (!trace->layout)
        note_error(trace, file, &error);
    return trace->layout != NULL;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static struct trace *finish(struct trace *trace, char why[256])
{
    if (!trace->layout)
        return fail(trace, why, trace->complaints ? trace->complaints : "no metadata, so nothing can be read");
    qsort(trace->cpus, trace->cpu_count, sizeof trace->cpus[0], by_number);
    trace_rewind(trace);
    return trace;
}

static struct trace *open_directory(struct trace *trace, const char *path, char why[256])
{
    if (!files_add(trace, path, "metadata", why) || !layout_load(trace, 0))
        return fail(trace, why, trace->complaints ? trace->complaints : strdupa(why));
    if (!files_add_streams(trace, path, why))
        return fail(trace, why, strdupa(why));
    for (uint32_t i = 1; i < trace->file_count; i++)
        scan_packets(trace, i);
    return finish(trace, why);
}

/* One CPU's file, which lies beside its metadata. */
static struct trace *open_part(struct trace *trace, const char *path, char why[256])
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    bool ok = folder && files_add(trace, folder, "metadata", why) && layout_load(trace, 1);
    free(folder);
    if (!ok)
        return fail(trace, why, trace->complaints ? trace->complaints : strdupa(why));
    scan_packets(trace, 0);
    return finish(trace, why);
}

struct trace *trace_open(const char *path, char why[256])
{
    struct trace *trace = calloc(1, sizeof *trace);
    struct stat about;
    if (!trace)
        return fail(trace, why, "out of memory");
    if (strcmp(path, "-") && !stat(path, &about) && S_ISDIR(about.st_mode))
        return open_directory(trace, path, why);
    if (!files_add(trace, NULL, path, why))
        return fail(trace, why, strdupa(why));
    uint32_t magic = 0;
    memcpy(&magic, trace->files[0].bytes, trace->files[0].size < 4 ? trace->files[0].size : 4);
    if (strcmp(path, "-") && trace->files[0].size && !is_stream(&trace->files[0]))
        return open_part(trace, path, why);
    scan_stream(trace, 0);
    return finish(trace, why);
}

struct trace *trace_open_bytes(const uint8_t *bytes, size_t size, char why[256])
{
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace || !files_add_bytes(trace, "stream", bytes, size))
        return fail(trace, why, "out of memory");
    scan_stream(trace, 0);
    return finish(trace, why);
}

void trace_close(struct trace *trace)
{
    if (!trace)
        return;
    for (uint32_t i = 0; i < trace->cpu_count; i++) {
        free(trace->lanes[trace->cpus[i]]->places);
        free(trace->lanes[trace->cpus[i]]);
    }
    files_free(trace);
    ctf_layout_free(trace->layout);
    free(trace->complaints);
    free(trace->losses);
    free(trace);
}

int trace_complain(const struct trace *trace)
{
    if (trace->complaints)
        fputs(trace->complaints, stderr);
    return trace->is_broken;
}

/* ---- merging ---- */

/* Opens the lane's next packet; what is lost before it is pending then. */
static bool lane_packet(struct trace *trace, struct trace_lane *lane)
{
    struct ctf_packet packet;
    struct ctf_error error;
    if (lane->place_next == lane->place_count)
        return false;
    const struct trace_place *place = &lane->places[lane->place_next++];
    const struct trace_file *file = &trace->files[place->file];
    size_t available = file->size - (size_t)(place->bytes - file->bytes);
    if (ctf_packet_read(trace->layout, place->bytes, available, place->offset, &packet, &error) != CTF_OK ||
        ctf_order_check(&lane->read, &packet, &lane->loss, &error) != CTF_OK)
        return false; /* seen when it was scanned: only if somebody changed the file since */
    ctf_cursor_start(&lane->cursor, trace->layout, &packet);
    if (lane->loss.packets || lane->loss.events) {
        lane->pending = LANE_LOSS;
        lane->time_ns = packet.begin_ns;
    }
    return true;
}

static void lane_advance(struct trace *trace, struct trace_lane *lane)
{
    struct ctf_error error;
    lane->pending = LANE_EMPTY;
    while (lane->pending == LANE_EMPTY) {
        enum ctf_result result = lane->cursor.layout ? ctf_cursor_next(&lane->cursor, &lane->event, &error) : CTF_END;
        if (result == CTF_OK) {
            lane->pending = LANE_EVENT;
            lane->time_ns = lane->event.time_ns;
        } else if (result == CTF_BROKEN) {
            note_error(trace, lane->places[lane->place_next - 1].file, &error);
            lane->place_next = lane->place_count; /* the CPU's later packets are as doubtful */
            lane->cursor.layout = NULL;
            return;
        } else if (!lane_packet(trace, lane)) {
            return;
        }
    }
}

void trace_rewind(struct trace *trace)
{
    trace->events = 0;
    for (uint32_t i = 0; i < trace->cpu_count; i++) {
        struct trace_lane *lane = trace->lanes[trace->cpus[i]];
        lane->place_next = 0;
        lane->read = (struct ctf_order){0};
        lane->cursor.layout = NULL;
        lane_advance(trace, lane);
    }
}

static struct trace_lane *lane_first(const struct trace *trace)
{
    struct trace_lane *first = NULL;
    for (uint32_t i = 0; i < trace->cpu_count; i++) {
        struct trace_lane *lane = trace->lanes[trace->cpus[i]];
        if (lane->pending != LANE_EMPTY && (!first || lane->time_ns < first->time_ns))
            first = lane;
    }
    return first;
}

enum trace_kind trace_next(struct trace *trace, struct trace_item *item)
{
    struct trace_lane *lane = lane_first(trace);
    *item = (struct trace_item){.kind = TRACE_ITEM_END};
    if (!lane)
        return TRACE_ITEM_END;
    item->kind = lane->pending == LANE_EVENT ? TRACE_ITEM_EVENT : TRACE_ITEM_LOSS;
    item->time_ns = lane->time_ns;
    trace->item_event = lane->event;
    trace->item_loss = lane->loss;
    item->event = &trace->item_event;
    item->loss = &trace->item_loss;
    trace->events += item->kind == TRACE_ITEM_EVENT;
    lane_advance(trace, lane);
    return item->kind;
}
