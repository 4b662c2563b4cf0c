#include "tests/unit/trace_synth.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/trace_metadata.h"

/* Every CPU has tasks of its own, so that none runs on two at once. */
enum { IDLE = 0, DEVMGR = 12, NETSRV = 14, JARVIS = 16, RCONSOLE = 18, TASKS_OF_CPU = 32 };
#define OWN(task) ((task) + TASKS_OF_CPU * cpu->id)
static const struct {
    uint32_t id;
    const char name[16];
} tasks[] = {{DEVMGR, "devmgr"}, {NETSRV, "netsrv"}, {JARVIS, "jarvis"}, {RCONSOLE, "rconsole"}};
#define TASKS (sizeof tasks / sizeof tasks[0])

struct header {
    uint32_t magic;
    uint8_t uuid[16];
    uint32_t stream_id;
    uint64_t begin, end, content, size, sequence, discarded, cpu;
};
_Static_assert(sizeof(struct header) == TRACE_PACKET_HEADER, "packet");

struct cpu {
    union {
        struct header header;
        uint8_t bytes[TRACE_PACKET_SIZE];
    } packet;
    uint32_t used, id, current;
    uint64_t now, in_packet, discarded, held_events, held_packets, by_id[256];
};
struct synth {
    const struct synth_options *options;
    struct synth_result *result;
    synth_write_fn write;
    void *context;
    uint64_t random;
    struct cpu cpus[SYNTH_CPUS];
};

static uint64_t chance(struct synth *s, uint64_t below)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (s->random >> 11) % below;
}

static void uuid_of(const struct synth_options *options, uint8_t uuid[16])
{
    static const uint8_t bytes[16] = {0x6f, 0x73, 0x2d, 0x74, 0x72, 0x61, 0x43, 0x65, 0x80, 0x01, 0, 0, 0, 0, 0, 1};
    memcpy(uuid, bytes, 16);
    uuid[15] ^= options->uuid_byte;
}

/* ---- packets ---- */

static void packet_open(struct synth *s, struct cpu *cpu, uint64_t sequence)
{
    memset(&cpu->packet, 0, sizeof cpu->packet);
    cpu->packet.header = (struct header){
        .magic = TRACE_MAGIC, .begin = cpu->now, .sequence = sequence, .discarded = cpu->discarded, .cpu = cpu->id};
    uuid_of(s->options, cpu->packet.header.uuid);
    cpu->used = sizeof cpu->packet.header;
    cpu->in_packet = 0;
    memset(cpu->by_id, 0, sizeof cpu->by_id);
}

/* What is dropped counts as lost once a later packet is there to tell. */
static void packet_drop(struct cpu *cpu)
{
    cpu->discarded += cpu->in_packet;
    cpu->held_events += cpu->in_packet;
    cpu->held_packets++;
}

static void packet_send(struct synth *s, struct cpu *cpu, uint32_t size)
{
    struct synth_result *r = s->result;
    s->write(s->context, cpu->packet.bytes, size);
    r->packets++;
    r->events += cpu->in_packet;
    r->lost_events += cpu->held_events;
    r->lost_packets += cpu->held_packets;
    cpu->held_events = cpu->held_packets = 0;
    for (unsigned i = 0; i < 256; i++)
        r->by_id[i] += cpu->by_id[i];
}

static void packet_close(struct synth *s, struct cpu *cpu)
{
    uint64_t sequence = cpu->packet.header.sequence;
    bool is_full = cpu->used > TRACE_PACKET_SIZE - 128;
    uint32_t size = is_full ? TRACE_PACKET_SIZE : cpu->used;
    uint64_t number = sequence - s->options->first_sequence;
    cpu->packet.header.end = cpu->now;
    cpu->packet.header.content = cpu->used * 8ull;
    cpu->packet.header.size = size * 8ull;
    if (s->options->drop_every && number % s->options->drop_every == s->options->drop_every - 1)
        packet_drop(cpu);
    else
        packet_send(s, cpu, size);
    packet_open(s, cpu, sequence + 1);
}

static void event(struct synth *s, struct cpu *cpu, uint16_t id, uint32_t words, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t record[4] = {cpu->now << 16 | id, a, b, c};
    bool is_old = s->options->flush_ns && cpu->now - cpu->packet.header.begin >= s->options->flush_ns;
    if (cpu->used + sizeof record > TRACE_PACKET_SIZE || is_old)
        packet_close(s, cpu);
    memcpy(cpu->packet.bytes + cpu->used, record, 8 + 8 * words);
    cpu->used += 8 + 8 * words;
    cpu->in_packet++;
    cpu->by_id[id & 255]++;
}

#define PAIR(lo, hi) ((uint64_t)(uint32_t)(lo) | (uint64_t)(uint32_t)(hi) << 32)
#define EVENT1(name, a) event(s, cpu, TRACE_##name, 1, a, 0, 0)
#define EVENT2(name, a, b) event(s, cpu, TRACE_##name, 2, a, b, 0)

/* ---- what happens ---- */

static void pass(struct synth *s, struct cpu *cpu, uint64_t least_ns, uint64_t most_ns)
{
    cpu->now += least_ns + chance(s, most_ns - least_ns + 1);
}

static void switch_to(struct synth *s, struct cpu *cpu, uint32_t task)
{
    if (cpu->current != task)
        EVENT2(ContextSwitch, PAIR(cpu->current, task), 1 + chance(s, 5));
    cpu->current = task;
}

static void call(struct synth *s, struct cpu *cpu, uint32_t from, uint32_t to, uint32_t op)
{
    EVENT2(IpcCall, PAIR(from, to + 100), PAIR(op, 1));
    switch_to(s, cpu, to);
    pass(s, cpu, 2000, 40000);
    if (op == 0x204)
        call(s, cpu, to, OWN(DEVMGR), 0x102);
    pass(s, cpu, 1000, 9000);
    EVENT2(IpcReply, PAIR(to, from), PAIR(op, chance(s, 50) ? 0 : -7));
    switch_to(s, cpu, from);
    pass(s, cpu, 500, 4000);
}

static void interrupt(struct synth *s, struct cpu *cpu)
{
    uint32_t vector = 0x30 + (uint32_t)chance(s, 3), woken = chance(s, 2) ? OWN(NETSRV) : OWN(RCONSOLE);
    EVENT1(IrqEntry, PAIR(vector, cpu->current));
    pass(s, cpu, 300, 2000);
    EVENT1(Wakeup, PAIR(woken, cpu->current));
    pass(s, cpu, 200, 900);
    EVENT1(IrqExit, PAIR(vector, cpu->current));
    pass(s, cpu, 200, 900);
    switch_to(s, cpu, woken);
}

static void work(struct synth *s, struct cpu *cpu)
{
    static const uint32_t ops[] = {0x201, 0x202, 0x204, 0x301};
    for (uint64_t i = 0; i < 1 + chance(s, 3); i++) {
        pass(s, cpu, 3000, 90000);
        if (cpu->current == OWN(RCONSOLE)) {
            call(s, cpu, OWN(RCONSOLE), OWN(JARVIS), 0x301);
        } else {
            EVENT2(IpcSend, PAIR(OWN(NETSRV), 130), PAIR(ops[chance(s, 4)], 1 + chance(s, 8)));
            EVENT2(UserEvent, PAIR(OWN(NETSRV), 7), chance(s, 1u << 30));
        }
    }
    if (cpu->current == OWN(RCONSOLE) && chance(s, 3) == 0) {
        s->result->calls++;
        switch_to(s, cpu, OWN(JARVIS));
        call(s, cpu, OWN(JARVIS), OWN(NETSRV), ops[chance(s, 4)]);
        switch_to(s, cpu, OWN(RCONSOLE));
    }
}

static void step(struct synth *s, struct cpu *cpu)
{
    pass(s, cpu, 20000, 900000);
    if (chance(s, 6) == 0)
        EVENT1(TimerTick, cpu->now);
    interrupt(s, cpu);
    work(s, cpu);
    if (chance(s, 20) == 0)
        EVENT2(LogLine, PAIR(cpu->current, 2), chance(s, 1u << 20));
    if (chance(s, 30) == 0)
        EVENT2(PageFault, 0x400000 + 4096 * chance(s, 64), PAIR(cpu->current, 0x14));
    EVENT2(Block, PAIR(cpu->current, 2), 130);
    pass(s, cpu, 200, 1500);
    switch_to(s, cpu, IDLE);
}

static void name_tasks(struct synth *s, struct cpu *cpu)
{
    for (size_t i = 0; i < TASKS; i++) {
        char name[16] = "";
        uint64_t words[2];
        snprintf(name, sizeof name, cpu->id ? "%s%u" : "%s", tasks[i].name, cpu->id);
        memcpy(words, name, sizeof words);
        event(s, cpu, SYNTH_TASK_NAME, 3, PAIR(OWN(tasks[i].id), 0), words[0], words[1]);
    }
}

/* ---- the stream ---- */

size_t synth_metadata(const struct synth_options *options, char *text, size_t size)
{
    struct trace_metadata_facts facts = {.hostname = "synth", .release = "1.0", .wall_offset_s = 1700000000};
    uuid_of(options, facts.uuid);
    size_t length = trace_metadata_text(text, size, &facts);
    if (options->task_names && length < size)
        length +=
            (size_t)snprintf(text + length, size - length,
                             "event { stream_id = 0; id = %d; name = \"task_name\"; fields := struct { u32 _task; "
                             "u32 _reserved; u64 _name_lo; u64 _name_hi; } align(64); };\n",
                             SYNTH_TASK_NAME);
    return length;
}

static void send_metadata(struct synth *s)
{
    static char text[TRACE_METADATA_TEXT_MAX];
    static uint8_t packets[8 * TRACE_METADATA_PACKET];
    uint8_t uuid[16];
    uuid_of(s->options, uuid);
    size_t length = synth_metadata(s->options, text, sizeof text);
    size_t size = trace_metadata_packetize(packets, sizeof packets, text, length, uuid);
    if (length >= sizeof text || size > sizeof packets)
        abort();
    s->write(s->context, packets, size);
}

static struct cpu *cpu_behind(struct synth *s)
{
    struct cpu *behind = &s->cpus[0];
    for (uint32_t i = 1; i < s->options->cpus; i++)
        behind = s->cpus[i].now < behind->now ? &s->cpus[i] : behind;
    return behind;
}

void synth_stream(const struct synth_options *options, synth_write_fn write, void *context, struct synth_result *result)
{
    static struct synth s;
    memset(&s, 0, sizeof s);
    memset(result, 0, sizeof *result);
    s.options = options, s.result = result, s.write = write, s.context = context;
    s.random = options->seed * 0x9e3779b97f4a7c15 + 1;
    if (!options->no_metadata)
        send_metadata(&s);
    for (uint32_t i = 0; i < options->cpus; i++) {
        s.cpus[i].id = i;
        s.cpus[i].now = options->start_ns + 1000 * i;
        packet_open(&s, &s.cpus[i], options->first_sequence);
        if (options->task_names)
            name_tasks(&s, &s.cpus[i]);
    }
    while (result->events < options->events)
        step(&s, cpu_behind(&s));
    for (uint32_t i = 0; i < options->cpus; i++) {
        packet_close(&s, &s.cpus[i]);
        result->end_ns = s.cpus[i].now > result->end_ns ? s.cpus[i].now : result->end_ns;
    }
}
