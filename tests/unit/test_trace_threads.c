/* kernel/trace under threads as CPUs: each writes its own ring, readers follow all of them meanwhile. Built with
 * ThreadSanitizer: what both sides touch is atomic, and who sees a packet's number sees what was written before it. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>
#include "tests/unit/trace_host.h"

#define CPUS 3u
#define READERS 2u
#define PACKETS 4u
#define EVENTS 200000u /* of each CPU, at least */
#define MEETINGS 300u  /* of readers with each of the cases below, at least */
#define LAST 40u
#define BREATH 150u /* events that a CPU records before it lets others run */

#define REQUIRE(condition)                                                                \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            abort(); /* cmocka's assertions are for its own thread */                     \
        }                                                                                 \
    } while (0)

static atomic_uint writers_left, met_overwritten, met_lost, met_whole, met_open;
static pthread_mutex_t kernel_lock = PTHREAD_MUTEX_INITIALIZER; /* trace_last()'s caller holds it */

static bool all_met(void)
{
    return met_overwritten >= MEETINGS && met_lost >= MEETINGS && met_whole >= MEETINGS && met_open >= MEETINGS;
}

static void *writer(void *argument)
{
    uint32_t cpu = (uint32_t)(uintptr_t)argument;
    struct trace_ring *ring = &trace_rings[cpu];
    uint64_t breath = BREATH;
    trace_host_be(cpu);
    for (unsigned i = cpu; ring->events < EVENTS || !all_met(); i++) {
        (void)trace_host_record(i * 2654435761u >> 13, ring->events);
        if (ring->events < breath)
            continue;
        breath = ring->events + BREATH;
        (void)(i % 3 ? sched_yield() : usleep(50));
    }
    writers_left--;
    return NULL;
}

/* One reader's place in one ring, as rconsole/tracer/place.c has it. */
struct follow {
    uint64_t sequence, next, lost, got;
};

static _Thread_local bool put_anything;

/* Slowly at times, so that the writer comes around meanwhile. */
static status_t put(void *to, const void *bytes, uint64_t count)
{
    static _Thread_local unsigned puts;
    const uint64_t *from = bytes;
    put_anything = true;
    for (uint64_t i = 0; i < count / 8; i++)
        ((uint64_t *)to)[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    if (puts++ % 16 == 0)
        usleep(300);
    return OK;
}

/* False: nothing new. */
static bool follow_step(struct follow *follow, uint32_t cpu, bool last)
{
    uint64_t packet[TRACE_PACKET_SIZE / 8];
    const struct packet_header *header = (const struct packet_header *)packet;
    struct trace_copy copy = {.put = put, .to = (uint8_t *)packet};
    put_anything = false;
    result_t result = trace_copy_packet(cpu, follow->sequence, &copy);
    if (result == ERR_NOT_FOUND) {
        REQUIRE(copy.second > follow->sequence);
        follow->sequence = copy.second;
        met_overwritten += put_anything;
        return true;
    }
    if (result == ERR_WOULD_BLOCK) {
        REQUIRE(copy.second <= follow->sequence);
        return false;
    }
    REQUIRE(result >= TRACE_PACKET_HEADER);
    int64_t events = trace_host_packet(packet, cpu, follow->sequence, TRACE_PACKET_SIZE);
    REQUIRE(events >= 0);
    REQUIRE(copy.second == header->discarded + (uint64_t)events);
    REQUIRE(header->discarded >= follow->next);
    bool open = result != TRACE_PACKET_SIZE;
    met_open += open;
    if (open && !last)
        return false;
    met_whole += !open;
    met_lost += header->discarded > follow->next;
    follow->lost += header->discarded - follow->next;
    follow->got += (uint64_t)events;
    follow->next = copy.second;
    follow->sequence++;
    return !open;
}

static void read_last(uint64_t *total)
{
    struct trace_record records[LAST];
    uint64_t lost, now;
    pthread_mutex_lock(&kernel_lock);
    size_t count = trace_last(records, LAST);
    pthread_mutex_unlock(&kernel_lock);
    now = trace_total(&lost);
    REQUIRE(now >= *total && lost <= now);
    *total = now;
    for (size_t i = 1; i < count; i++) {
        REQUIRE(records[i].sequence == records[i - 1].sequence + 1);
        REQUIRE(records[i].timestamp_ns >= records[i - 1].timestamp_ns);
    }
    REQUIRE(!count || records[count - 1].sequence < now);
}

static void *reader(void *argument)
{
    struct follow *follows = argument;
    uint64_t total = 0;
    trace_host_be(CPUS); /* none of the writers' */
    for (unsigned turn = 0; writers_left; turn++) {
        for (uint32_t cpu = 0; cpu < CPUS; cpu++)
            (void)follow_step(&follows[cpu], cpu, false);
        if (turn % 8 == 0)
            read_last(&total);
        if (turn % 64 == 0)
            usleep(1000); /* falls behind */
    }
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        while (follow_step(&follows[cpu], cpu, true))
            ;
    return NULL;
}

static void readers_get_every_event_in_order_or_are_told_exactly_how_many_not(void **state)
{
    pthread_t writers[CPUS], readers[READERS];
    static struct follow follows[READERS][CPUS];
    (void)state;
    trace_host_start(CPUS, PACKETS);
    cpus[CPUS] = (struct cpu){.self = &cpus[CPUS], .id = CPUS};
    writers_left = CPUS;
    for (uintptr_t i = 0; i < CPUS; i++)
        pthread_create(&writers[i], NULL, writer, (void *)i);
    for (unsigned i = 0; i < READERS; i++)
        pthread_create(&readers[i], NULL, reader, follows[i]);
    for (unsigned i = 0; i < CPUS; i++)
        pthread_join(writers[i], NULL);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    uint64_t total = 0, lost;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        total += trace_rings[cpu].events;
        for (unsigned i = 0; i < READERS; i++)
            assert_int_equal(follows[i][cpu].got + follows[i][cpu].lost, trace_rings[cpu].events);
    }
    assert_int_equal(trace_total(&lost), total);
    print_message("%lu events; packets read whole %u, open %u, overwritten while read %u, lost before %u times\n",
                  total, met_whole, met_open, met_overwritten, met_lost);
    trace_host_stop();
}

/* The dump's order and numbers are those of all CPUs together. */
static void the_last_events_of_several_cpus_are_the_newest_of_all(void **state)
{
    static struct trace_record all[300], last[300];
    uint64_t numbers[CPUS] = {0};
    (void)state;
    trace_host_start(CPUS, PACKETS);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t cpu = i < 150 ? i * 7 / 5 % CPUS : 1; /* the newest are one CPU's */
        trace_host_be(cpu);
        numbers[cpu] += trace_host_record(i % 2, numbers[cpu]);
    }
    trace_host_be(0);
    assert_int_equal(trace_last(all, 300), 200);
    memset(numbers, 0, sizeof numbers);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(all[i].sequence, i);
        assert_true(trace_host_is_right(all[i].event, all[i].payload, all[i].cpu, numbers[all[i].cpu]++));
        assert_true(i == 0 || all[i].timestamp_ns >= all[i - 1].timestamp_ns);
        assert_true(i < 150 || all[i].cpu == 1);
    }
    for (size_t max = 1; max <= 200; max++) {
        assert_int_equal(trace_last(last, max), max);
        assert_memory_equal(last, all + 200 - max, max * sizeof last[0]);
    }
    trace_host_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_get_every_event_in_order_or_are_told_exactly_how_many_not),
        cmocka_unit_test(the_last_events_of_several_cpus_are_the_newest_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
