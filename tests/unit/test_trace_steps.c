/* kernel/trace seen between any two instructions of a writer, as an NMI, a machine check or a panic sees it: the processor
 * steps through the writer, and a reader looks after each step. Compiled as the kernel is, without sanitizers.
 *
 * A nested writer comes only where the kernel can be interrupted and record: between two events. Interrupts are off in the
 * kernel save for preempt_window() and the idle loop, which record nothing themselves; NMI and machine check never record,
 * nor does a panic; an exception in kernel mode is a user copy's, which records nothing, or a panic. */
#include <signal.h>
#include <ucontext.h>
#include "tests/unit/trace_host.h"

#define LAST 6u
#define EVENTS 800u

static struct trace_ring *const ring = &trace_rings[0];
static volatile uint64_t recorded;  /* by writers that have returned */
static volatile uint32_t in_flight; /* events of the one that is being stepped through */
static volatile bool window;        /* interrupts are on */
static uint64_t steps, seen_before, seen_after, seen_rolling, nested;
static unsigned failures;

#define REQUIRE(condition)                                                                                 \
    do {                                                                                                   \
        if (!(condition) && !failures++)                                                                   \
            fprintf(stderr, "%s:%d: step %lu: %s does not hold\n", __FILE__, __LINE__, steps, #condition); \
    } while (0)

static status_t put(void *to, const void *bytes, uint64_t count)
{
    memcpy(to, bytes, count);
    return OK;
}

/* ---- the reader ---- */

static void look_at_packet(uint64_t sequence, uint64_t oldest, uint64_t open, uint64_t total)
{
    static uint64_t packet[TRACE_PACKET_SIZE / 8];
    struct trace_copy copy = {.put = put, .to = (uint8_t *)packet};
    result_t result = trace_copy_packet(0, sequence, &copy);
    if (sequence < oldest) {
        REQUIRE(result == ERR_NOT_FOUND && copy.second == oldest);
        return;
    }
    if (sequence > open) {
        REQUIRE(result == ERR_WOULD_BLOCK && copy.second == open);
        return;
    }
    int64_t events = trace_host_packet(packet, 0, sequence, TRACE_PACKET_SIZE);
    REQUIRE(events >= 0);
    REQUIRE(copy.second == ((struct packet_header *)packet)->discarded + (uint64_t)events);
    REQUIRE(sequence < open ? result == TRACE_PACKET_SIZE : copy.second == total);
}

static void look_at_the_last(uint64_t total)
{
    struct trace_record records[LAST];
    size_t count = trace_last(records, LAST);
    REQUIRE(count == (total < LAST ? total : LAST));
    for (size_t i = 0; i < count; i++) {
        REQUIRE(records[i].sequence == total - count + i);
        REQUIRE(trace_host_is_right(records[i].event, records[i].payload, 0, records[i].sequence));
    }
}

/* What is there is all that was recorded before, and of what is being recorded nothing or all. */
static void look_at_all(void)
{
    struct trace_copy copy = {.put = put};
    uint64_t lost, total = trace_total(&lost), claimed = ring->open_sequence;
    REQUIRE(total == recorded || total == recorded + in_flight);
    REQUIRE(trace_copy_packet(0, UINT64_MAX, &copy) == ERR_WOULD_BLOCK);
    uint64_t open = copy.second, oldest = claimed < ring->packet_count ? 0 : claimed + 1 - ring->packet_count;
    REQUIRE(open == claimed || (open + 1 == claimed && in_flight && total == recorded));
    for (uint64_t sequence = oldest ? oldest - 1 : 0; sequence <= claimed + 1; sequence++)
        look_at_packet(sequence, oldest, open, total);
    look_at_the_last(total);
    seen_before += in_flight && total == recorded;
    seen_after += in_flight && total != recorded;
    seen_rolling += open != claimed;
}

/* ---- the writer ---- */

static void record(unsigned kind)
{
    uint64_t n = recorded;
    in_flight = kind == 2 ? 2 : 1;
    (void)trace_host_record(kind, n);
    recorded = n + in_flight;
    in_flight = 0;
}

/* An interrupt's events; now and then so many that the packets are written all around. */
static void interrupt(void)
{
    uint64_t count = nested++ % 64 ? nested % 3 : 400;
    window = false;
    for (uint64_t i = 0; i < count; i++)
        record((unsigned)(i + nested) % TRACE_HOST_KINDS);
    window = true;
}

static void on_step(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    steps++;
    if (window)
        interrupt();
    else
        look_at_all();
}

static inline void stepping(bool on)
{
    if (on)
        __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
    else
        __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void step_through(uint32_t packets, unsigned events)
{
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO}, old;
    trace_host_start(1, packets);
    recorded = steps = seen_before = seen_after = seen_rolling = nested = failures = 0;
    sigaction(SIGTRAP, &action, &old);
    for (unsigned i = 0; i < events; i++) {
        stepping(true);
        record(i % TRACE_HOST_KINDS);
        stepping(false);
    }
    sigaction(SIGTRAP, &old, NULL);
    assert_int_equal(failures, 0);
}

static void a_reader_between_any_two_instructions_sees_whole_events_only(void **state)
{
    (void)state;
    for (uint32_t packets = 2; packets <= 3; packets++) {
        step_through(packets, EVENTS);
        assert_int_equal(recorded, ring->events);
        assert_true(ring->open_sequence > packets + 1);
        assert_true(steps > EVENTS * 20 && seen_before > EVENTS * 10 && seen_after >= EVENTS && seen_rolling > 5 * 10);
        trace_host_stop();
    }
    print_message("%lu steps; %lu before an event was there, %lu after it, %lu between two packets\n", steps,
                  seen_before, seen_after, seen_rolling);
}

static void an_interrupt_between_two_events_may_record(void **state)
{
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO}, old;
    (void)state;
    trace_host_start(1, 3);
    recorded = steps = nested = failures = 0;
    sigaction(SIGTRAP, &action, &old);
    for (unsigned i = 0; i < 2000; i++) {
        record(i % TRACE_HOST_KINDS);
        stepping(true);
        window = true; /* as preempt_window() */
        window = false;
        stepping(false);
        look_at_all();
    }
    sigaction(SIGTRAP, &old, NULL);
    assert_int_equal(failures, 0);
    assert_true(nested >= 2000);
    assert_int_equal(recorded, ring->events);
    trace_host_stop();
}

/* ---- overwritten while it is copied ---- */

static unsigned records_in_put, put_calls;

static status_t put_while_others_write(void *to, const void *bytes, uint64_t count)
{
    if (put_calls++ % 2)
        for (unsigned i = 0; i < records_in_put; i++)
            record(i % TRACE_HOST_KINDS);
    memcpy(to, bytes, count);
    return OK;
}

static void what_is_overwritten_while_it_is_copied_is_not_found(void **state)
{
    static uint64_t packet[TRACE_PACKET_SIZE / 8];
    unsigned found = 0, gone = 0;
    (void)state;
    trace_host_start(1, 3);
    recorded = failures = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct trace_copy copy = {.put = put_while_others_write, .to = (uint8_t *)packet};
        uint64_t sequence = ring->open_sequence - i % 3 % (ring->open_sequence + 1);
        records_in_put = i * 7 % 800;
        result_t result = trace_copy_packet(0, sequence, &copy);
        bool kept = ring->open_sequence - sequence < ring->packet_count;
        assert_int_equal(result < 0, !kept);
        if (kept)
            assert_int_equal(trace_host_packet(packet, 0, sequence, TRACE_PACKET_SIZE),
                             copy.second - ((struct packet_header *)packet)->discarded);
        else
            assert_int_equal(copy.second, ring->open_sequence + 1 - ring->packet_count);
        found += kept;
        gone += !kept;
    }
    assert_true(found > 300 && gone > 300);
    trace_host_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_between_any_two_instructions_sees_whole_events_only),
        cmocka_unit_test(an_interrupt_between_two_events_may_record),
        cmocka_unit_test(what_is_overwritten_while_it_is_copied_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
