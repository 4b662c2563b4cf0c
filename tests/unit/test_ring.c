/* lib/ring: order and bounds, a peer that lies, and that no wake-up is lost between two threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include "lib/ring.h"

#define SIZE 8u

struct pair {
    struct ring_control control;
    uint64_t data[SIZE];
    struct ring_view producer, consumer;
};

static void pair_init(struct pair *p)
{
    memset(p, 0xa5, sizeof *p);
    ring_init_control(&p->control);
    ring_view_init(&p->producer, &p->control, p->data, SIZE, sizeof p->data[0]);
    ring_view_init(&p->consumer, &p->control, p->data, SIZE, sizeof p->data[0]);
}

static void units_arrive_in_order_across_the_end(void **state)
{
    struct pair p;
    uint64_t sent = 0, seen = 0;
    (void)state;
    pair_init(&p);
    for (int round = 0; round < 100; round++) {
        uint64_t out[5] = {sent, sent + 1, sent + 2, sent + 3, sent + 4}, in[5];
        uint32_t n = ring_write(&p.producer, out, 1 + round % 5);
        ring_publish_produced(&p.producer);
        sent += n;
        n = ring_read(&p.consumer, in, 5);
        ring_publish_consumed(&p.consumer);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(in[i], seen++);
    }
    assert_int_equal(sent, seen);
}

static void indices_run_over_their_32_bits(void **state)
{
    struct pair p;
    uint64_t in;
    (void)state;
    pair_init(&p);
    p.control.produced = p.control.consumed = 0xfffffffd;
    p.producer.own = p.producer.own_published = p.consumer.own = p.consumer.own_published = 0xfffffffd;
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(ring_write(&p.producer, &i, 1), 1);
        ring_publish_produced(&p.producer);
        assert_int_equal(ring_filled(&p.consumer), 1);
        assert_int_equal(ring_read(&p.consumer, &in, 1), 1);
        ring_publish_consumed(&p.consumer);
        assert_int_equal(in, i);
        assert_int_equal(ring_room(&p.producer), SIZE);
    }
}

static void a_full_ring_takes_no_more(void **state)
{
    struct pair p;
    uint64_t units[SIZE + 3] = {0};
    (void)state;
    pair_init(&p);
    assert_int_equal(ring_write(&p.producer, units, SIZE + 3), SIZE);
    assert_int_equal(ring_room(&p.producer), 0);
    assert_int_equal(ring_write(&p.producer, units, 1), 0);
    assert_true(ring_producer_sleep(&p.producer));
    assert_int_equal(ring_filled(&p.consumer), 0); /* nothing is visible before it is published */
    assert_false(ring_publish_produced(&p.producer));
    assert_int_equal(ring_filled(&p.consumer), SIZE);
}

static void a_span_ends_at_the_end_of_the_data(void **state)
{
    struct pair p;
    void *at;
    (void)state;
    pair_init(&p);
    ring_produce(&p.producer, 6);
    ring_publish_produced(&p.producer);
    ring_consume(&p.consumer, 6);
    ring_publish_consumed(&p.consumer);
    assert_int_equal(ring_room_span(&p.producer, &at), 2);
    assert_ptr_equal(at, &p.data[6]);
    ring_produce(&p.producer, 2);
    assert_int_equal(ring_room_span(&p.producer, &at), 6);
    assert_ptr_equal(at, &p.data[0]);
}

/* Whatever the peer writes, what we touch lies in the ring (ASan watches) and counts stay within its size. */
static void a_lying_peer_moves_nobody_outside(void **state)
{
    static const uint32_t lies[] = {1, SIZE, SIZE + 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    (void)state;
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct pair p;
        uint64_t units[4 * SIZE] = {0};
        pair_init(&p);
        p.control.produced = lies[i];
        assert_true(ring_filled(&p.consumer) <= SIZE);
        assert_true(ring_read(&p.consumer, units, 4 * SIZE) <= SIZE);
        p.control.consumed = lies[i];
        assert_true(ring_room(&p.producer) <= SIZE);
        assert_true(ring_write(&p.producer, units, 4 * SIZE) <= SIZE);
    }
}

static void our_own_index_is_never_read_back(void **state)
{
    struct pair p;
    uint64_t unit = 1;
    (void)state;
    pair_init(&p);
    ring_write(&p.producer, &unit, 1);
    ring_publish_produced(&p.producer);
    p.control.produced = 77; /* scribbled over by the peer */
    ring_write(&p.producer, &unit, 1);
    ring_publish_produced(&p.producer);
    assert_int_equal(p.control.produced, 2);
}

static void who_sleeps_is_rung_once(void **state)
{
    struct pair p;
    uint64_t unit = 1;
    (void)state;
    pair_init(&p);
    assert_true(ring_consumer_sleep(&p.consumer)); /* sleeps first, then data comes: the bell */
    ring_write(&p.producer, &unit, 1);
    assert_true(ring_publish_produced(&p.producer));
    ring_write(&p.producer, &unit, 1);
    assert_false(ring_publish_produced(&p.producer)); /* it is awake already */
    assert_false(ring_consumer_sleep(&p.consumer));   /* data first: no sleep, and no bell is owed */
    assert_int_equal(p.control.consumer_asleep, 0);
    ring_write(&p.producer, &unit, 1);
    assert_false(ring_publish_produced(&p.producer));
}

static void nothing_new_rings_no_bell(void **state)
{
    struct pair p;
    (void)state;
    pair_init(&p);
    p.control.consumer_asleep = p.control.producer_asleep = 1;
    assert_false(ring_publish_produced(&p.producer));
    assert_false(ring_publish_consumed(&p.consumer));
}

/* ---- two threads, each sleeping whenever it may ---- */

#define UNITS 300000u
#define HANG_S 20

struct threads {
    struct pair pair;
    sem_t consumer_bell, producer_bell;
    bool hung, out_of_order;
};

static bool wait_for(sem_t *bell)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HANG_S; /* a hang detector and nothing else */
    while (sem_timedwait(bell, &until) != 0) {
        if (errno == ETIMEDOUT)
            return false;
    }
    return true;
}

static void *produce(void *argument)
{
    struct threads *t = argument;
    for (uint64_t next = 0; next < UNITS && !t->hung;) {
        uint64_t units[3] = {next, next + 1, next + 2};
        uint32_t count = UNITS - next < 3 ? (uint32_t)(UNITS - next) : 3;
        next += ring_write(&t->pair.producer, units, count);
        if (ring_publish_produced(&t->pair.producer))
            sem_post(&t->consumer_bell);
        if (!ring_room(&t->pair.producer) && ring_producer_sleep(&t->pair.producer))
            t->hung |= !wait_for(&t->producer_bell);
    }
    return NULL;
}

static void *consume(void *argument)
{
    struct threads *t = argument;
    for (uint64_t next = 0; next < UNITS && !t->hung;) {
        uint64_t units[SIZE];
        uint32_t count = ring_read(&t->pair.consumer, units, 1 + next % SIZE);
        for (uint32_t i = 0; i < count; i++)
            t->out_of_order |= units[i] != next++;
        if (ring_publish_consumed(&t->pair.consumer))
            sem_post(&t->producer_bell);
        if (next < UNITS && ring_consumer_sleep(&t->pair.consumer))
            t->hung |= !wait_for(&t->consumer_bell);
    }
    return NULL;
}

static void no_wake_up_is_lost_between_two_threads(void **state)
{
    static struct threads t;
    pthread_t threads[2];
    (void)state;
    pair_init(&t.pair);
    sem_init(&t.consumer_bell, 0, 0);
    sem_init(&t.producer_bell, 0, 0);
    pthread_create(&threads[0], NULL, produce, &t);
    pthread_create(&threads[1], NULL, consume, &t);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_false(t.hung);
    assert_false(t.out_of_order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_arrive_in_order_across_the_end),
        cmocka_unit_test(indices_run_over_their_32_bits),
        cmocka_unit_test(a_full_ring_takes_no_more),
        cmocka_unit_test(a_span_ends_at_the_end_of_the_data),
        cmocka_unit_test(a_lying_peer_moves_nobody_outside),
        cmocka_unit_test(our_own_index_is_never_read_back),
        cmocka_unit_test(who_sleeps_is_rung_once),
        cmocka_unit_test(nothing_new_rings_no_bell),
        cmocka_unit_test(no_wake_up_is_lost_between_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
