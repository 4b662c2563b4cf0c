/* Reading the rings, by anybody at any time (trace.h draws how). What is read counts only after a second look at
 * open_sequence says that the packet is still kept. */
#include "kernel/trace/trace.h"

#define TRIES \
    16 /* one fails only if a whole packet was written between two looks, or meanwhile the oldest overwritten */

/* Payload words of each event: its fields' bytes over eight. */
enum {
    BYTES_u32 = 4,
    BYTES_s32 = 4,
    BYTES_x32 = 4,
    BYTES_u64 = 8,
    BYTES_s64 = 8,
    BYTES_x64 = 8,
#define N(type, bytes, values) BYTES_##type = bytes,
    TRACE_ENUMS(N)
#undef N
};
static const uint8_t event_words[TRACE_EVENT_COUNT] = {
#define F(type, name) +BYTES_##type
#define E(number, Name, name, class, fields) [number] = (0 fields) / 8,
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

/* A word that its writer may be changing. */
static uint64_t word_at(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static const uint64_t *packet_at(const struct trace_ring *ring, uint64_t sequence)
{
    return (const uint64_t *)(ring->packets + sequence % ring->packet_count * TRACE_PACKET_SIZE);
}

#define HEADER_WORDS (TRACE_PACKET_HEADER / 8)
#define HEADER_WORD(field) (offsetof(struct packet_header, field) / 8)

static uint64_t events_before(const struct trace_ring *ring, uint64_t sequence)
{
    return word_at(packet_at(ring, sequence) + HEADER_WORD(discarded));
}

static struct packet_header header_at(const struct trace_ring *ring, uint64_t sequence)
{
    union {
        struct packet_header header;
        uint64_t words[HEADER_WORDS];
    } copy;
    for (unsigned i = 0; i < HEADER_WORDS; i++)
        copy.words[i] = word_at(packet_at(ring, sequence) + i);
    return copy.header;
}

static const uint64_t *events_at(const struct trace_ring *ring, uint64_t sequence)
{
    return packet_at(ring, sequence) + HEADER_WORDS;
}

/* ---- a look at the ring ---- */

/* The ring as it stood between two instructions of its writer. */
struct view {
    uint64_t oldest, open; /* numbers of packets */
    const uint64_t *end;   /* of the open one's events */
};

static uint64_t open_now(const struct trace_ring *ring)
{
    return __atomic_load_n(&ring->open_sequence, __ATOMIC_ACQUIRE);
}

/* After reading from a packet: was it there all the while? */
static bool still_kept(const struct trace_ring *ring, uint64_t sequence)
{
    trace_order();
    return open_now(ring) - sequence < ring->packet_count;
}

static bool packet_holds(const struct trace_ring *ring, uint64_t sequence, const uint64_t *word)
{
    return (uint64_t)word - (uint64_t)events_at(ring, sequence) <= TRACE_PACKET_SIZE - TRACE_PACKET_HEADER;
}

/* While a packet has its number but not its cursor, the one before is still the open one: whole, and nothing follows. */
static bool view_take(const struct trace_ring *ring, struct view *view)
{
    uint64_t open = open_now(ring);
    view->end = __atomic_load_n(&ring->cursor, __ATOMIC_ACQUIRE);
    view->oldest = open < ring->packet_count ? 0 : open + 1 - ring->packet_count;
    view->open = open - !packet_holds(ring, open, view->end);
    return open_now(ring) == open && packet_holds(ring, view->open, view->end);
}

/* False: no ring yet; or, for a reader that is stopped again and again, each time another packet was opened meanwhile. */
static bool look(const struct trace_ring *ring, struct view *view)
{
    if (!__atomic_load_n(&ring->packets, __ATOMIC_ACQUIRE))
        return false;
    bool taken = false;
    for (unsigned tries = 0; tries < TRIES && !taken; tries++)
        taken = view_take(ring, view);
    return taken;
}

/* ---- events ---- */

/* An event has 48 bits of its time, three days; the packet's begin has all of it and is not later. */
static uint64_t event_time(uint64_t begin, uint64_t word)
{
    const uint64_t mask = (1ul << 48) - 1;
    return begin + (((word >> 16) - begin) & mask);
}

static uint8_t words_of(uint64_t word)
{
    uint16_t event = (uint16_t)word;
    return event < TRACE_EVENT_COUNT ? event_words[event] : 0;
}

/* Events from `at` to `end`; *last: the first word of the last. */
static uint64_t events_count(const uint64_t *at, const uint64_t *end, uint64_t *last)
{
    uint64_t count = 0;
    for (; at < end; at += 1 + words_of(*last), count++)
        *last = word_at(at);
    return count;
}

/* What was recorded and what of it is overwritten. Before there is a ring, that is the same. */
static uint64_t ring_total(const struct trace_ring *ring, uint64_t *lost)
{
    struct view view;
    uint64_t word, total = *lost = ring->packets ? 0 : ring->events;
    for (unsigned tries = 0; tries < TRIES && look(ring, &view); tries++) {
        *lost = events_before(ring, view.oldest);
        total = events_before(ring, view.open) + events_count(events_at(ring, view.open), view.end, &word);
        if (still_kept(ring, view.oldest))
            break;
    }
    return total;
}

uint64_t trace_total(uint64_t *lost)
{
    uint64_t total = 0, of_ring;
    *lost = 0;
    for (uint32_t i = 0; i < cpu_count; i++) {
        total += ring_total(&trace_rings[i], &of_ring);
        *lost += of_ring;
    }
    return total;
}

/* ---- packets ---- */

static status_t put_packet(const struct trace_ring *ring, uint64_t sequence, const struct packet_header *header,
                           struct trace_copy *copy)
{
    if (copy->put(copy->to, header, sizeof *header) ||
        copy->put(copy->to + sizeof *header, events_at(ring, sequence), header->content_bits / 8 - sizeof *header))
        return ERR_FAULT;
    return OK;
}

/* Its time goes up to now, as on the own CPU nobody records meanwhile. Another one may be about to record an event that
 * is older than now, so there the time goes up to the last event only. */
static result_t copy_open(const struct trace_ring *ring, const struct view *view, struct trace_copy *copy)
{
    struct packet_header header = header_at(ring, view->open);
    uint64_t last = header.timestamp_begin << 16;
    copy->second = header.discarded + events_count(events_at(ring, view->open), view->end, &last);
    header.timestamp_end = ring == trace_ring_this() ? clock_ns() : event_time(header.timestamp_begin, last);
    header.content_bits = (uint64_t)(view->end - packet_at(ring, view->open)) * 64;
    return put_packet(ring, view->open, &header, copy) ? ERR_FAULT : (result_t)(header.content_bits / 8);
}

static result_t copy_closed(const struct trace_ring *ring, uint64_t sequence, struct trace_copy *copy)
{
    struct packet_header header = header_at(ring, sequence);
    copy->second = events_before(ring, sequence + 1);
    return put_packet(ring, sequence, &header, copy) ? ERR_FAULT : TRACE_PACKET_SIZE;
}

result_t trace_copy_packet(uint32_t cpu, uint64_t sequence, struct trace_copy *copy)
{
    struct view view;
    if (cpu >= cpu_count || !trace_rings[cpu].packets)
        return ERR_INVALID;
    const struct trace_ring *ring = &trace_rings[cpu];
    bool seen = look(ring, &view);
    copy->second = seen ? view.open : open_now(ring);
    if (!seen || sequence > view.open)
        return ERR_WOULD_BLOCK;
    result_t result = ERR_NOT_FOUND;
    if (sequence >= view.oldest)
        result = sequence == view.open ? copy_open(ring, &view, copy) : copy_closed(ring, sequence, copy);
    if (result != ERR_NOT_FOUND && still_kept(ring, sequence))
        return result;
    uint64_t open = open_now(ring);
    copy->second = open < ring->packet_count ? 0 : open + 1 - ring->packet_count;
    return ERR_NOT_FOUND;
}

static status_t put_here(void *to, const void *bytes, uint64_t count)
{
    __builtin_memcpy(to, bytes, count);
    return OK;
}

result_t trace_copy_whole(uint32_t cpu, uint64_t sequence, void *packet)
{
    struct trace_copy copy = {.put = put_here, .to = packet};
    result_t result = trace_copy_packet(cpu, sequence, &copy);
    if (result < 0)
        return result;
    ((struct packet_header *)packet)->discarded = 0; /* nobody reads on from here */
    return TRACE_PACKET_SIZE;
}

/* ---- the newest events ---- */

/* A walk from event to event of one ring, up to its view's end. */
struct walk {
    const struct trace_ring *ring;
    struct view view;
    uint64_t sequence, begin_ns; /* the packet that is walked */
    const uint64_t *at, *end;    /* of its events */
    uint64_t first;              /* number of the packet with which it began */
    uint64_t total;              /* events since boot */
    uint64_t left;               /* events to come */
};

static void walk_enter(struct walk *walk, uint64_t sequence)
{
    struct packet_header header = header_at(walk->ring, sequence);
    walk->sequence = sequence;
    walk->begin_ns = header.timestamp_begin;
    walk->at = events_at(walk->ring, sequence);
    walk->end =
        sequence == walk->view.open ? walk->view.end : packet_at(walk->ring, sequence) + header.content_bits / 64;
}

/* At the next event, over a packet's end if need be. */
static void walk_settle(struct walk *walk)
{
    while (walk->left && walk->at >= walk->end && walk->sequence < walk->view.open)
        walk_enter(walk, walk->sequence + 1);
    if (walk->at >= walk->end)
        walk->left = 0;
}

static void walk_skip(struct walk *walk)
{
    walk->at += 1 + words_of(word_at(walk->at));
    walk->left--;
    walk_settle(walk);
}

/* Stands before the ring's newest events, `max` or as many as there are. */
static void walk_start(struct walk *walk, const struct trace_ring *ring, size_t max)
{
    uint64_t word;
    *walk = (struct walk){.ring = ring, .total = ring->packets ? 0 : ring->events};
    if (!look(ring, &walk->view))
        return;
    uint64_t sequence = walk->view.open;
    walk->total = events_before(ring, sequence) + events_count(events_at(ring, sequence), walk->view.end, &word);
    while (sequence > walk->view.oldest && walk->total - events_before(ring, sequence) < max)
        sequence--;
    walk->first = sequence;
    walk->left = walk->total - events_before(ring, sequence);
    walk_enter(walk, sequence);
    walk_settle(walk);
    while (walk->left > max)
        walk_skip(walk);
}

static uint64_t walk_time(const struct walk *walk)
{
    return event_time(walk->begin_ns, word_at(walk->at));
}

static struct trace_record walk_record(const struct walk *walk)
{
    uint64_t word = word_at(walk->at);
    struct trace_record record = {.timestamp_ns = walk_time(walk),
                                  .event = (uint16_t)word,
                                  .cpu = (uint16_t)(walk->ring - trace_rings),
                                  .words = words_of(word)};
    for (uint16_t i = 0; i < record.words && walk->at + 1 + i < walk->end; i++)
        record.payload[i] = word_at(walk->at + 1 + i);
    return record;
}

static struct walk *walk_oldest(struct walk *walks)
{
    struct walk *oldest = NULL;
    for (uint32_t i = 0; i < cpu_count; i++)
        if (walks[i].left && (!oldest || walk_time(&walks[i]) < walk_time(oldest)))
            oldest = &walks[i];
    return oldest;
}

/* The last `max` of the merged order, numbered; false: some were overwritten meanwhile. */
static bool last_of_all(struct walk *walks, struct trace_record *out, size_t max, size_t *count)
{
    uint64_t total = 0, left = 0;
    bool kept = true;
    for (uint32_t i = 0; i < cpu_count; i++) {
        walk_start(&walks[i], &trace_rings[i], max);
        total += walks[i].total;
        left += walks[i].left;
    }
    *count = 0;
    for (struct walk *walk; (walk = walk_oldest(walks)) && left; left--) {
        if (left <= max) {
            out[*count] = walk_record(walk);
            out[(*count)++].sequence = total - left;
        }
        walk_skip(walk);
    }
    for (uint32_t i = 0; i < cpu_count; i++)
        kept &= !walks[i].ring->packets || still_kept(walks[i].ring, walks[i].first);
    return kept;
}

size_t trace_last(struct trace_record *out, size_t max)
{
    static struct walk walks[CPU_MAX]; /* 6 KiB: too much for a stack */
    size_t count = 0;
    for (unsigned tries = 0; tries < TRIES; tries++)
        if (last_of_all(walks, out, max, &count))
            return count;
    return 0;
}
