/* A recorded trace: all its packets, and their events merged by time.
 *
 * Rules
 *  - A trace that is broken somewhere gives all that comes before that place on each CPU; trace_complain says afterwards
 *    what and where. A last packet that is cut (a recording that was interrupted) is no error.
 *  - Items are valid until the next trace_next. */
#pragma once
#include <abi/trace_events.h>
#include "ctf.h"

struct trace_file {
    char *name;
    uint8_t *bytes;
    size_t size;
    enum { FILE_BORROWED, FILE_MAPPED, FILE_ALLOCATED } owner;
};
struct trace_place { /* a packet */
    const uint8_t *bytes;
    uint64_t offset;
    uint32_t file;
};
struct trace_lane { /* a CPU */
    struct trace_place *places;
    size_t place_count, place_next;
    struct ctf_order scanned, read;
    struct ctf_cursor cursor;
    struct ctf_event event;
    struct ctf_loss loss;
    enum { LANE_EMPTY, LANE_LOSS, LANE_EVENT } pending;
    uint64_t time_ns; /* of what is pending */
};

struct trace {
    struct ctf_layout *layout;
    struct trace_file *files;
    uint32_t file_count;
    struct trace_lane *lanes[CTF_CPU_MAX]; /* by CPU; NULL: no packet of it */
    uint32_t cpus[CTF_CPU_MAX], cpu_count; /* those that are there */
    char *complaints;                      /* lines */
    struct ctf_loss *losses;               /* all of them, each CPU's in order */
    size_t loss_count;
    uint64_t part_end_ns; /* of the last packet that was sent before it was full: there was nothing else to send */
    struct ctf_event item_event; /* what trace_next gave out */
    struct ctf_loss item_loss;
    bool is_broken; /* one of the complaints is an error */
    uint64_t begin_ns, end_ns, packets, lost_packets, lost_events, lost_before, events;
};

enum trace_kind { TRACE_ITEM_END, TRACE_ITEM_EVENT, TRACE_ITEM_LOSS };
struct trace_item {
    enum trace_kind kind;
    uint64_t time_ns;
    const struct ctf_event *event;
    const struct ctf_loss *loss;
};

/* A directory that `record` wrote (or any CTF directory of ours), one of its files, a stream as `nc host 2325` gives it,
 * or "-": such a stream from standard input. NULL with the reason in why[]. */
struct trace *trace_open(const char *path, char why[256]);
/* A stream in memory, which stays the caller's. */
struct trace *trace_open_bytes(const uint8_t *bytes, size_t size, char why[256]);
enum trace_kind trace_next(struct trace *trace, struct trace_item *item);
void trace_rewind(struct trace *trace);
int trace_complain(const struct trace *trace); /* to stderr; returns the exit status, 0 or 1 */
void trace_close(struct trace *trace);

void trace_note(struct trace *trace, bool is_error, const char *format, ...) __attribute__((format(printf, 3, 4)));
