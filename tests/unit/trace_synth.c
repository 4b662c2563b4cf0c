#include "tests/unit/trace_synth_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <abi/syscall.h>
#include "lib/trace_metadata.h"

/* Every CPU has tasks of its own, so that none runs on two at once. */
enum { IDLE = 0, DEVMGR = 12, NETSRV = 14, JARVIS = 16, RCONSOLE = 18, TASKS_OF_CPU = 32 };
#define OWN(task) ((task) + TASKS_OF_CPU * cpu->id)
static const struct {
    uint32_t id;
    const char name[16];
} tasks[] = {{DEVMGR, "devmgr"}, {NETSRV, "netsrv"}, {JARVIS, "jarvis"}, {RCONSOLE, "rconsole"}};
#define TASKS (sizeof tasks / sizeof tasks[0])

uint64_t synth_chance(struct synth *s, uint64_t below)
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

static void packet_open(struct synth *s, struct synth_cpu *cpu, uint64_t sequence)
{
    memset(&cpu->packet, 0, sizeof cpu->packet);
    cpu->packet.header = (struct synth_header){
        .magic = TRACE_MAGIC, .begin = cpu->now, .sequence = sequence, .discarded = cpu->discarded, .cpu = cpu->id};
    uuid_of(s->options, cpu->packet.header.uuid);
    cpu->used = sizeof cpu->packet.header;
    cpu->in_packet = 0;
    memset(cpu->by_id, 0, sizeof cpu->by_id);
}

/* What is dropped counts as lost once a later packet is there to tell. */
static void packet_drop(struct synth_cpu *cpu)
{
    cpu->discarded += cpu->in_packet;
    cpu->held_events += cpu->in_packet;
    cpu->held_packets++;
}

static void packet_send(struct synth *s, struct synth_cpu *cpu, uint32_t size)
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

static void packet_end(struct synth *s, struct synth_cpu *cpu, bool is_lost)
{
    uint64_t sequence = cpu->packet.header.sequence;
    bool is_full = cpu->used > TRACE_PACKET_SIZE - 128;
    uint32_t size = is_full ? TRACE_PACKET_SIZE : cpu->used;
    cpu->packet.header.end = cpu->now;
    cpu->packet.header.content = cpu->used * 8ull;
    cpu->packet.header.size = size * 8ull;
    if (is_lost)
        packet_drop(cpu);
    else
        packet_send(s, cpu, size);
    packet_open(s, cpu, sequence + 1);
}

static void packet_close(struct synth *s, struct synth_cpu *cpu)
{
    uint64_t number = cpu->packet.header.sequence - s->options->first_sequence, every = s->options->drop_every;
    packet_end(s, cpu, every && number % every == every - 1);
}

void synth_event(struct synth *s, struct synth_cpu *cpu, uint16_t id, uint32_t words, uint64_t a, uint64_t b,
                 uint64_t c)
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

/* TaskName, or what has its fields. */
void synth_name(struct synth *s, struct synth_cpu *cpu, uint16_t id, uint64_t task_and_node, const char *name)
{
    uint64_t words[2] = {0};
    memcpy(words, name, strlen(name) < sizeof words ? strlen(name) : sizeof words);
    synth_event(s, cpu, id, 3, task_and_node, words[0], words[1]);
}

/* ---- what happens ---- */

static void pass(struct synth *s, struct synth_cpu *cpu, uint64_t least_ns, uint64_t most_ns)
{
    cpu->now += least_ns + synth_chance(s, most_ns - least_ns + 1);
}

static void switch_to(struct synth *s, struct synth_cpu *cpu, uint32_t task, enum trace_switch_reason why)
{
    if (cpu->current != task)
        EVENT2(ContextSwitch, PAIR(cpu->current, task), cpu->current ? why : TRACE_SWITCH_IDLE);
    cpu->current = task;
}

static void syscall_begins(struct synth *s, struct synth_cpu *cpu, uint32_t task, uint32_t number)
{
    if (s->options->syscalls)
        EVENT1(SyscallEntry, PAIR(task, number));
}

static void syscall_ends(struct synth *s, struct synth_cpu *cpu, uint32_t task, int32_t result)
{
    if (s->options->syscalls)
        EVENT1(SyscallExit, PAIR(task, result));
}

/* Where a task gets its messages. */
static uint32_t channel_of(uint32_t task)
{
    return task + 100;
}

static void call(struct synth *s, struct synth_cpu *cpu, uint32_t from, uint32_t to, uint32_t op)
{
    syscall_begins(s, cpu, from, SYS_channel_call);
    EVENT2(IpcCall, PAIR(from, channel_of(to)), PAIR(op, 1));
    switch_to(s, cpu, to, TRACE_SWITCH_CALL);
    pass(s, cpu, 2000, 40000);
    if (op == 0x304)
        call(s, cpu, to, OWN(DEVMGR), 0x205);
    pass(s, cpu, 1000, 9000);
    EVENT2(IpcReply, PAIR(to, from), PAIR(op, synth_chance(s, 50) ? 0 : -7));
    switch_to(s, cpu, from, TRACE_SWITCH_REPLY);
    syscall_ends(s, cpu, from, 0);
    pass(s, cpu, 500, 4000);
}

/* A packet of TCP, or now and then of ARP. */
static void packet(struct synth *s, struct synth_cpu *cpu, bool comes)
{
    uint32_t bytes = 54 + (uint32_t)synth_chance(s, 1400), port = synth_chance(s, 3) ? 2323 : 7;
    bool is_arp = synth_chance(s, 20) == 0;
    uint32_t more =
        is_arp || synth_chance(s, 4) ? 0 : (uint32_t)synth_chance(s, 3); /* packets of the same flow in one event */
    uint64_t rest = is_arp ? 0x08060000 : PAIR(0x08000006 | more << 8, port << 16 | 40000);
    if (comes)
        EVENT2(NetPacketIn, PAIR(OWN(NETSRV), bytes), rest);
    else
        EVENT2(NetPacketOut, PAIR(OWN(NETSRV), bytes), rest);
}

static void netsrv_tells(struct synth *s, struct synth_cpu *cpu)
{
    packet(s, cpu, true);
    pass(s, cpu, 500, 3000);
    if (synth_chance(s, 10) == 0)
        EVENT2(TcpState, PAIR(OWN(NETSRV), synth_chance(s, 2) ? TRACE_TCP_ESTABLISHED : TRACE_TCP_CLOSED),
               PAIR(7, 40000));
    if (synth_chance(s, 40) == 0)
        EVENT2(TcpRetransmit, PAIR(OWN(NETSRV), 1460), PAIR(2323, 40001));
    packet(s, cpu, false);
}

static void jarvis_tells(struct synth *s, struct synth_cpu *cpu)
{
    uint32_t plan = (uint32_t)++s->result->calls, steps = 1 + (uint32_t)synth_chance(s, 3);
    EVENT2(JarvisPlan, PAIR(OWN(JARVIS), plan), PAIR(steps, 1));
    for (uint32_t i = 0; i < steps; i++)
        EVENT2(JarvisStep, PAIR(OWN(JARVIS), plan), PAIR(i, synth_chance(s, 9) ? 0 : -3));
}

static void interrupt(struct synth *s, struct synth_cpu *cpu)
{
    uint32_t vector = 0x30 + (uint32_t)synth_chance(s, 3), woken = synth_chance(s, 2) ? OWN(NETSRV) : OWN(RCONSOLE);
    EVENT1(IrqEntry, PAIR(vector, cpu->current));
    pass(s, cpu, 300, 2000);
    EVENT1(Wakeup, PAIR(woken, cpu->current));
    pass(s, cpu, 200, 900);
    EVENT1(IrqExit, PAIR(vector, cpu->current));
    pass(s, cpu, 200, 900);
    switch_to(s, cpu, woken, TRACE_SWITCH_URGENT);
}

static void work(struct synth *s, struct synth_cpu *cpu)
{
    static const uint32_t ops[] = {0x302, 0x303, 0x304, 0x305};
    for (uint64_t i = 0; i < 1 + synth_chance(s, 3); i++) {
        pass(s, cpu, 3000, 90000);
        if (cpu->current == OWN(RCONSOLE)) {
            call(s, cpu, OWN(RCONSOLE), OWN(JARVIS), 0x404);
        } else {
            netsrv_tells(s, cpu);
            EVENT2(IpcSend, PAIR(OWN(NETSRV), channel_of(OWN(RCONSOLE))),
                   PAIR(ops[synth_chance(s, 4)], 1 + synth_chance(s, 8)));
            EVENT2(UserEvent, PAIR(OWN(NETSRV), 7), synth_chance(s, 1u << 30));
        }
    }
    if (cpu->current == OWN(RCONSOLE) && synth_chance(s, 3) == 0) {
        switch_to(s, cpu, OWN(JARVIS), TRACE_SWITCH_SLICE);
        jarvis_tells(s, cpu);
        call(s, cpu, OWN(JARVIS), OWN(NETSRV), ops[synth_chance(s, 4)]);
        switch_to(s, cpu, OWN(RCONSOLE), TRACE_SWITCH_SLICE);
    }
}

static void step(struct synth *s, struct synth_cpu *cpu)
{
    pass(s, cpu, 20000, 900000);
    if (synth_chance(s, 6) == 0)
        EVENT1(TimerTick, cpu->now);
    interrupt(s, cpu);
    work(s, cpu);
    if (synth_chance(s, 20) == 0)
        EVENT2(LogLine, PAIR(cpu->current, 2), synth_chance(s, 1u << 20));
    if (synth_chance(s, 30) == 0)
        EVENT2(PageFault, 0x400000 + 4096 * synth_chance(s, 64), PAIR(cpu->current, 0x14));
    if (synth_chance(s, 200) == 0)
        EVENT2(ServiceRestart, PAIR(1, OWN(DEVMGR)), PAIR(synth_chance(s, 4), -9));
    syscall_begins(s, cpu, cpu->current, SYS_channel_recv); /* a call that waits has no exit */
    EVENT2(Block, PAIR(cpu->current, TRACE_WAIT_MESSAGE), channel_of(cpu->current));
    pass(s, cpu, 200, 1500);
    switch_to(s, cpu, IDLE, TRACE_SWITCH_WAIT);
}

static void name_tasks(struct synth *s, struct synth_cpu *cpu)
{
    for (size_t i = 0; i < TASKS; i++) {
        char name[16] = "";
        snprintf(name, sizeof name, cpu->id ? "%s%u" : "%s", tasks[i].name, cpu->id);
        synth_name(s, cpu, SYNTH_TASK_NAME, OWN(tasks[i].id), name);
    }
}

/* How many words of payload an event has. */
static uint32_t words_of(uint16_t id)
{
    enum { u32 = 4, s32 = 4, x32 = 4, u64 = 8, s64 = 8, x64 = 8 };
#define N(type, size, values) type = size,
    enum { TRACE_ENUMS(N) };
#undef N
    static const uint8_t bytes[TRACE_EVENT_COUNT] = {
#define F(type, name) +type
#define E(number, Name, name, class, fields) [number] = fields,
        TRACE_EVENTS(E, F)
#undef E
#undef F
    };
    return bytes[id] / 8;
}

static void play(struct synth *s)
{
    for (size_t i = 0; i < s->options->steps; i++) {
        const struct synth_step *step = &s->options->script[i];
        struct synth_cpu *cpu = &s->cpus[step->cpu];
        cpu->now = step->at_ns;
        if (step->id == SYNTH_SEND || step->id == SYNTH_LOSE)
            packet_end(s, cpu, step->id == SYNTH_LOSE);
        else
            synth_event(s, cpu, step->id, words_of(step->id), step->words[0], step->words[1], step->words[2]);
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

static struct synth_cpu *cpu_behind(struct synth *s)
{
    struct synth_cpu *behind = &s->cpus[0];
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
        if (options->task_names && !options->nodes)
            name_tasks(&s, &s.cpus[i]);
    }
    if (options->script)
        play(&s);
    else if (options->nodes)
        synth_smp(&s);
    while (!options->script && !options->nodes && result->events < options->events)
        step(&s, cpu_behind(&s));
    for (uint32_t i = 0; i < options->cpus; i++) {
        packet_close(&s, &s.cpus[i]);
        result->end_ns = s.cpus[i].now > result->end_ns ? s.cpus[i].now : result->end_ns;
    }
}
