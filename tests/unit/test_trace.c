/* kernel/trace: packets, the ring's end, what trace_last finds, and that babeltrace2 reads the bytes. */
#include <stdio.h>
#include <unistd.h>
#include "kernel/trace/trace.h"
#include "lib/trace_metadata.h"
#include "kernel/memory/frame.h"
#include "kernel/x86/log.h"
#include "tests/unit/host_machine.h"

#define PACKETS 4

static struct trace_ring *ring;

static int setup(void **state)
{
    machine_ticks = true;
    machine_setup(state);
    frame_free(virt_to_phys(trace_rings[0].packets), 1);
    trace_init_cpu(&cpus[0], PACKETS);
    ring = &trace_rings[0];
    trace_mask_set(TRACE_CLASS_ALL);
    return 0;
}

static int teardown(void **state)
{
    void *four = ring->packets;
    frame_free(virt_to_phys(four), 2);
    trace_init_cpu(&cpus[0], 2); /* what machine_teardown gives back */
    return machine_teardown(state);
}

/* The fields' bytes, counted a second way. */
#define F_u32 4
#define F_s32 4
#define F_x32 4
#define F_u64 8
#define F_s64 8
#define F_x64 8
#define F_switch_reason 8
#define F_wait_for 4
#define F_tcp_state 4
#define F_ipi_reason 4
#define F_migrate_reason 4

static unsigned words_of(uint16_t event)
{
    static const unsigned bytes[TRACE_EVENT_COUNT] = {
#define F(type, name) +F_##type
#define E(number, Name, name, class, fields) [number] = (0 fields),
        TRACE_EVENTS(E, F)
#undef E
#undef F
    };
    return bytes[event] / 8;
}

static void every_event_is_whole_words_and_has_a_name(void **state)
{
    (void)state;
#define F(type, name) +F_##type
#define E(number, Name, name, class, fields) \
    assert_int_equal((0 fields) % 8, 0);     \
    assert_in_range((0 fields) / 8, 1, 3);   \
    assert_string_equal(trace_event_name(TRACE_##Name), #Name);
    TRACE_EVENTS(E, F)
#undef E
#undef F
    assert_string_equal(trace_event_name(0), "Unknown");
    assert_string_equal(trace_event_name(60000), "Unknown");
}

/* Counts a packet's events by walking it. */
static unsigned events_in(const struct packet_header *packet)
{
    const uint64_t *word = (const uint64_t *)(packet + 1);
    const uint64_t *end = (const uint64_t *)((const uint8_t *)packet + packet->content_bits / 8);
    unsigned count = 0;
    uint64_t last = packet->timestamp_begin;
    for (; word < end; count++) {
        assert_true(*word >> 16 >= (last & ((1ul << 48) - 1)));
        last = *word >> 16;
        word += 1 + words_of((uint16_t)*word);
    }
    assert_ptr_equal(word, end);
    assert_true((packet->timestamp_end & ((1ul << 48) - 1)) >= last);
    return count;
}

static status_t put(void *to, const void *bytes, uint64_t count)
{
    memcpy(to, bytes, count);
    return OK;
}
static uint64_t second;
static result_t read_packet(uint32_t cpu, uint64_t sequence, void *out)
{
    struct trace_copy copy = {.put = put, .to = out};
    result_t result = trace_copy_packet(cpu, sequence, &copy);
    second = copy.second;
    return result;
}

static void packets_say_what_they_hold_and_the_oldest_go(void **state)
{
    static uint64_t out[TRACE_PACKET_SIZE / 8];
    const struct packet_header *packet = (const struct packet_header *)out;
    (void)state;
    uint64_t before = ring->events, lost, counted = 0;
    assert_int_equal(trace_total(&lost), before);
    for (unsigned i = 0; ring->open_sequence < 11; i++) {
        if (i % 3)
            trace_record(TRACE_TimerTick, 1, i, 0);
        else
            trace_record(TRACE_IpcSend, 2, i, ~0ul);
    }
    for (uint64_t sequence = 0; sequence <= 11; sequence++) {
        result_t result = read_packet(0, sequence, out);
        if (sequence < 8) {
            assert_int_equal(result, ERR_NOT_FOUND);
            assert_int_equal(second, 8); /* the oldest */
            continue;
        }
        if (sequence < 11)
            assert_int_equal(result, TRACE_PACKET_SIZE);
        else
            assert_int_equal(result * 8, packet->content_bits);
        assert_int_equal(second - packet->discarded, events_in(packet));
        assert_int_equal(packet->magic, TRACE_MAGIC);
        assert_int_equal(packet->sequence, sequence);
        assert_int_equal(packet->packet_bits, TRACE_PACKET_SIZE * 8);
        assert_true(packet->content_bits <= TRACE_PACKET_SIZE * 8);
        unsigned events = events_in(packet);
        if (sequence < 11)
            assert_int_equal(
                ((struct packet_header *)(ring->packets + (sequence + 1) % PACKETS * TRACE_PACKET_SIZE))->discarded,
                packet->discarded + events);
        counted += events;
    }
    assert_int_equal(trace_total(&lost), ring->events);
    assert_int_equal(lost, ring->events - counted); /* exactly */
    assert_int_equal(read_packet(0, 12, out), ERR_WOULD_BLOCK);
    assert_int_equal(second, 11);
    assert_int_equal(read_packet(0, UINT64_MAX, out), ERR_WOULD_BLOCK);
    assert_int_equal(read_packet(1, 0, out), ERR_INVALID);
}

static void the_last_events_come_across_packet_borders(void **state)
{
    static struct trace_record records[3000];
    (void)state;
    for (unsigned max = 1; max < 3000; max = max * 3 / 2 + 1) {
        for (uint64_t i = 0; i < 700; i++) {
            trace_record(TRACE_UserEvent, 2, i, ring->events);
            trace_record(TRACE_Wakeup, 1, ring->events, 0);
        }
        size_t count = trace_last(records, max);
        uint64_t lost, total = trace_total(&lost);
        assert_int_equal(count, max < total - lost ? max : total - lost);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(records[i].sequence, total - count + i);
            if (records[i].event == TRACE_UserEvent)
                assert_int_equal(records[i].payload[1], records[i].sequence);
            else if (records[i].event == TRACE_Wakeup)
                assert_int_equal(records[i].payload[0], records[i].sequence);
            assert_int_equal(records[i].words, words_of(records[i].event));
            assert_true(i == 0 || records[i].timestamp_ns >= records[i - 1].timestamp_ns);
        }
    }
}

/* 48 bits of nanoseconds are three days. */
static void times_go_on_past_48_bits(void **state)
{
    struct trace_record record;
    uint64_t start = clock_tsc_start;
    (void)state;
    clock_tsc_start = rdtsc() - (5ul << 48); /* one tick is a nanosecond here */
    while (ring->open_sequence < 2)
        trace_record(TRACE_TimerTick, 1, 1, 0);
    assert_int_equal(trace_last(&record, 1), 1);
    assert_true(record.timestamp_ns >> 48 == 5);
    clock_tsc_start = start;
}

static void what_came_before_the_ring_counts_as_lost(void **state)
{
    uint64_t lost;
    struct trace_ring kept = *ring;
    (void)state;
    *ring = (struct trace_ring){0};
    for (unsigned i = 0; i < 100; i++)
        trace_record(TRACE_IpcSend, 2, i, i);
    assert_int_equal(trace_total(&lost), 100);
    assert_int_equal(lost, 100);
    *ring = kept;
}

static void log_lines_are_events(void **state)
{
    struct trace_record record;
    (void)state;
    uint64_t position = klog_end();
    klog(KLOG_WARNING, "hello");
    assert_int_equal(trace_last(&record, 1), 1);
    assert_int_equal(record.event, TRACE_LogLine);
    assert_int_equal(record.payload[0] >> 32, KLOG_WARNING);
    assert_int_equal(record.payload[1], position);
    assert_int_equal(SYS(machine_root, log_write, machine_trace_handle, KLOG_INFO, P("text"), 4), OK);
    struct trace_record two[2];
    trace_mask_set(TRACE_CLASS_ALL & ~TRACE_CLASS_SCHED);
    position = klog_end();
    SYS(machine_root, log_write, machine_trace_handle, KLOG_INFO, P("text"), 4);
    trace_last(two, 2);
    assert_int_equal(two[1].event, TRACE_LogLine); /* once */
    assert_int_equal(two[1].payload[0], TRACE_WORD(task_id(machine_root), KLOG_INFO));
    assert_int_equal(two[1].payload[1], position);
    assert_int_not_equal(two[0].payload[1], position);
}

static void reading_takes_the_right(void **state)
{
    static uint64_t out[TRACE_PACKET_SIZE / 8];
    handle_t trace = machine_trace_handle;
    (void)state;
    assert_true(SYS(machine_root, trace_read, trace, 0, 0, P(out), TRACE_PACKET_SIZE) > TRACE_PACKET_HEADER);
    assert_int_equal(SYS(machine_root, trace_read, trace, 1ul << 32, 0, P(out), TRACE_PACKET_SIZE), ERR_INVALID);
    assert_int_equal(SYS(machine_root, trace_read, trace, 0, 0, P(out), TRACE_PACKET_SIZE - 1), ERR_TOO_LONG);
    assert_int_equal(SYS(machine_root, trace_read, trace, 0, 0, 0x10000, TRACE_PACKET_SIZE), ERR_FAULT);
    int64_t emit = SYS(machine_root, cap_mint, trace, RIGHT_TRACE_EMIT, 0);
    assert_int_equal(SYS(machine_root, trace_read, (uint64_t)emit, 0, 0, P(out), TRACE_PACKET_SIZE), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, trace_control, (uint64_t)emit, 0, TRACE_CONTROL_MASK), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, trace_control, (uint64_t)emit, 0, TRACE_CONTROL_ANNOUNCE), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, trace_control, trace, 0, 3), ERR_INVALID);
    assert_int_equal(SYS(machine_root, system_info, (uint64_t)emit, INFO_SYSTEM, 0, P(out), sizeof out), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, system_info, trace, UINT64_MAX, 0, P(out), sizeof out), ERR_INVALID);
    assert_int_equal(SYS(machine_root, system_info, trace, INFO_SYSTEM, 0, P(out), 8), ERR_TOO_LONG);
    assert_int_equal(SYS(machine_root, system_info, trace, INFO_PLATFORM, 0, P(out), sizeof out), ERR_WRONG_TYPE);
}

static void the_boots_own_uuid_is_in_the_packets_and_in_the_kernels_answer(void **state)
{
    static uint64_t out[TRACE_PACKET_SIZE / 8];
    struct trace_state answer;
    (void)state;
    assert_int_equal(
        SYS(machine_root, system_info, machine_trace_handle, INFO_TRACE_STATE, 0, P(&answer), sizeof answer), 1);
    assert_true(read_packet(0, ring->open_sequence, out) > 0);
    assert_memory_equal(((struct packet_header *)out)->uuid, answer.uuid, sizeof answer.uuid);
    assert_int_equal(answer.uuid[6] >> 4, 4); /* RFC 9562: random */
    assert_int_equal(answer.uuid[8] >> 6, 2);
    assert_int_equal(answer.uuid[0], 0x5a); /* the host's random_fill() */
}

static void announcing_names_every_task_that_lives(void **state)
{
    struct trace_record records[8];
    (void)state;
    struct task *other = machine_task("other", 5, 64, HANDLE_NONE);
    uint64_t before = ring->events;
    other->account->node = 1; /* the CPU too: nobody asks for memory meanwhile */
    cpus[0].node = 1;
    assert_int_equal(SYS(machine_root, trace_control, machine_trace_handle, 0, TRACE_CONTROL_ANNOUNCE), OK);
    size_t named = 0, count = trace_last(records, ring->events - before);
    assert_in_range(count, 3, 8);
    assert_int_equal(records[0].event, TRACE_CpuNode);
    assert_int_equal(records[0].payload[0], TRACE_WORD(0, 1));
    for (size_t i = 0; i < count; i++) {
        char name[TASK_NAME_MAX];
        if (records[i].event != TRACE_TaskName)
            continue;
        const struct task *task = (uint32_t)records[i].payload[0] == task_id(other) ? other : machine_root;
        memcpy(name, &records[i].payload[1], sizeof name);
        assert_int_equal(records[i].payload[0], TRACE_WORD(task_id(task), task->account->node));
        assert_memory_equal(name, task->name, sizeof name);
        named++;
    }
    assert_int_equal(named, 2);
    other->account->node = cpus[0].node = 0;
}

/* ---- babeltrace2 ---- */

static void metadata_write(FILE *f)
{
    static char text[TRACE_METADATA_TEXT_MAX];
    struct trace_metadata_facts facts = {0};
    memcpy(facts.uuid, ((struct packet_header *)ring->packets)->uuid, sizeof facts.uuid);
    size_t length = trace_metadata_text(text, sizeof text, &facts);
    assert_true(length < sizeof text);
    fwrite(text, 1, length, f);
}

static void babeltrace2_reads_every_event(void **state)
{
    static uint64_t out[TRACE_PACKET_SIZE / 8];
    char directory[] = "/tmp/test_trace.XXXXXX", path[64], command[128], line[256];
    unsigned lines = 0, ticks = 0, listed = 0;
    (void)state;
    if (system("command -v babeltrace2 >/dev/null 2>&1")) {
        print_message("babeltrace2 is not installed: not checked\n");
        skip();
    }
    for (unsigned i = 0; i < 3000; i++) {
        uint16_t event = (uint16_t)(1 + i % (TRACE_EVENT_COUNT - 1));
        if (!words_of(event)) /* the list has gaps */
            continue;
        trace_record(event, words_of(event), TRACE_WORD(i, i * 3), TRACE_WORD(-i, 7));
    }
    for (uint16_t event = 1; event < TRACE_EVENT_COUNT; event++)
        listed += words_of(event) != 0;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/metadata", directory);
    FILE *f = fopen(path, "w");
    metadata_write(f);
    fclose(f);
    snprintf(path, sizeof path, "%s/cpu0", directory);
    f = fopen(path, "w");
    for (uint64_t sequence = ring->open_sequence - (PACKETS - 1); sequence <= ring->open_sequence; sequence++) {
        memset(out, 0, sizeof out);
        assert_true(read_packet(0, sequence, out) > 0);
        ((struct packet_header *)out)->discarded = 0;
        assert_int_equal(fwrite(out, sizeof out, 1, f), 1);
    }
    fclose(f);
    snprintf(command, sizeof command, "babeltrace2 %s 2>&1", directory);
    f = popen(command, "r");
    while (fgets(line, sizeof line, f)) {
        lines++;
        ticks += strstr(line, "timer_tick: ") != NULL;
    }
    assert_int_equal(pclose(f), 0);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
    uint64_t lost, total = trace_total(&lost);
    assert_int_equal(lines, total - lost);
    assert_in_range(ticks, (total - lost) / listed - 1, (total - lost) / listed + 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_event_is_whole_words_and_has_a_name),
        TEST(packets_say_what_they_hold_and_the_oldest_go),
        TEST(the_last_events_come_across_packet_borders),
        TEST(times_go_on_past_48_bits),
        TEST(what_came_before_the_ring_counts_as_lost),
        TEST(log_lines_are_events),
        TEST(reading_takes_the_right),
        TEST(the_boots_own_uuid_is_in_the_packets_and_in_the_kernels_answer),
        TEST(announcing_names_every_task_that_lives),
        TEST(babeltrace2_reads_every_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
