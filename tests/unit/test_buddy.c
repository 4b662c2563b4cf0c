/* kernel/memory/buddy.c: nothing is given twice, nothing is lost, and garbage in the array does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/memory/frame.h"

#define FIRST 1
#define FRAMES 16384 /* 64 MiB */
#define GARBAGE 0x01010101
static struct frame array[FRAMES];
static uint8_t taken[FRAMES + FIRST];

static int setup(void **state)
{
    (void)state;
    srand(6);
    for (unsigned i = 0; i < FRAMES; i++) /* garbage that looks like free blocks */
        array[i] = (struct frame){.next = GARBAGE, .order = (uint8_t)(rand() % 11), .state = FRAME_FREE};
    memset(taken, 0, sizeof(taken));
    frame_init(array, FIRST, FRAMES);
    return 0;
}

static void add(uint64_t first_frame, uint64_t frames, uint32_t node)
{
    frame_add_region(first_frame * PAGE_SIZE, frames * PAGE_SIZE, node);
}

static void mark(uint64_t physical, unsigned order, uint8_t from, uint8_t to)
{
    uint64_t frame = physical / PAGE_SIZE;
    assert_int_equal(frame % (1ul << order), 0);
    for (uint64_t i = frame; i < frame + (1ul << order); i++) {
        assert_true(i >= FIRST && i < FIRST + FRAMES);
        assert_int_equal(taken[i], from);
        taken[i] = to;
    }
}

static uint64_t alloc(unsigned order, uint32_t node)
{
    uint64_t physical = frame_alloc(order, node);
    if (physical)
        mark(physical, order, 0, 1);
    return physical;
}

static void release(uint64_t physical, unsigned order)
{
    mark(physical, order, 1, 0);
    frame_free(physical, order);
}

static void every_frame_comes_out_once_and_goes_back(void **state)
{
    static uint64_t got[FRAMES];
    size_t n = 0;
    (void)state;
    add(1, 158, 0);
    add(0x139, 12345, 0);
    assert_int_equal(frame_free_count(), 158 + 12345);
    for (uint64_t p; (p = alloc(0, 0)); n++)
        got[n] = p;
    assert_int_equal(n, 158 + 12345);
    assert_int_equal(frame_free_count(), 0);
    while (n)
        release(got[--n], 0);
    assert_int_equal(frame_free_count(), 158 + 12345);
    assert_int_not_equal(frame_alloc(FRAME_ORDER_MAX, 0), 0); /* joined again */
}

static void neighbours_in_other_regions_join_when_added_later(void **state)
{
    (void)state;
    add(1024, 512, 0);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 0);
    add(1536, 512, 0);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 1024 * PAGE_SIZE);
}

static void a_hole_never_joins(void **state)
{
    (void)state;
    add(1024, 511, 0); /* frame 1535 is no RAM */
    add(1536, 512, 0);
    uint64_t p = frame_alloc(8, 0);
    frame_free(p, 8);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 0);
    assert_int_equal(frame_total_count(), 1023);
}

static void a_run_may_go_back_in_parts(void **state)
{
    (void)state;
    add(2048, 1024, 0);
    uint64_t p = frame_alloc(4, 0);
    for (unsigned i = 0; i < 16; i++)
        frame_free(p + i * PAGE_SIZE, 0);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 2048 * PAGE_SIZE);
}

static void another_node_helps_out(void **state)
{
    (void)state;
    add(1024, 1024, 0);
    add(2048, 1024, 1);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 1), 2048 * PAGE_SIZE);
    uint64_t p = frame_alloc(0, 1);
    assert_int_equal(p / PAGE_SIZE / 1024, 1);
    assert_int_equal(frame_of(p)->node, 0);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 0);
    frame_free(p, 0);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 1), 1024 * PAGE_SIZE);
}

static void the_nearest_node_helps_out_first_and_it_is_counted(void **state)
{
    static const uint8_t order[FRAME_NODES_MAX][FRAME_NODES_MAX] = {{0, 2, 1}, {1, 0, 2}, {2, 0, 1}};
    (void)state;
    add(1024, 1024, 0);
    add(2048, 1024, 1);
    add(3072, 1024, 2);
    frame_set_order(order, 3);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 1024 * PAGE_SIZE);
    assert_int_equal(frame_node(0).remote, 0);
    uint64_t p = frame_alloc(4, 0);
    assert_int_equal(p / PAGE_SIZE / 1024, 3);
    assert_true(frame_of(p)->remote && frame_of(p + 15 * PAGE_SIZE)->remote);
    assert_int_equal(frame_node(2).remote, 16);
    assert_int_equal(frame_node(2).free, 1024 - 16);
    uint64_t near = frame_alloc(0, 2);
    assert_int_equal(frame_node(2).remote, 16);
    frame_free(near, 0);
    frame_free(p, 3);
    assert_int_equal(frame_node(2).remote, 8);
    frame_free(p + 8 * PAGE_SIZE, 3);
    assert_int_equal(frame_node(2).remote, 0);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 3072 * PAGE_SIZE);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 0), 2048 * PAGE_SIZE);
    assert_int_equal(frame_alloc(0, 0), 0);
    frame_free(1024 * PAGE_SIZE, FRAME_ORDER_MAX);
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX, 2), 1024 * PAGE_SIZE);
    assert_int_equal(frame_node(0).remote, 1024);
    assert_int_equal(frame_free_count(), 0);
}

/* Who asked counts, and since the start: what is given back and taken again counts twice. */
static void what_was_given_near_and_far_is_counted_by_who_asked(void **state)
{
    static const uint8_t order[FRAME_NODES_MAX][FRAME_NODES_MAX] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1}};
    (void)state;
    add(1024, 16, 0);
    add(2048, 64, 2); /* node 1 has none of its own */
    frame_set_order(order, 3);
    uint64_t near = frame_alloc(4, 0), far = frame_alloc(2, 0), other = frame_alloc(0, 1);
    frame_free(near, 4);
    near = frame_alloc(1, 0);
    assert_int_equal(frame_node(0).given_near, 16 + 2);
    assert_int_equal(frame_node(0).given_far, 4);
    assert_int_equal(frame_node(1).given_near, 0);
    assert_int_equal(frame_node(1).given_far, 1);
    assert_int_equal(frame_node(2).given_near, 0);
    assert_int_equal(frame_node(2).remote, 5);
    assert_int_equal(frame_alloc(6, 1), 0); /* what nobody has counts nowhere */
    assert_int_equal(frame_node(1).given_far, 1);
    assert_int_equal(frame_alloc(5, 2) / PAGE_SIZE / 1024, 2);
    assert_int_equal(frame_node(2).given_near, 32);
    frame_free(far, 2);
    frame_free(other, 0);
    frame_free(near, 1);
    assert_int_equal(frame_node(2).remote, 0);
    assert_int_equal(frame_node(2).free, 32);
    assert_int_equal(frame_node(0).given_far + frame_node(1).given_far, 5);
}

static void misuse_is_caught(void **state)
{
    (void)state;
    add(1024, 1024, 0);
    uint64_t p = frame_alloc(0, 0);
    frame_free(p, 0);
    expect_assert_failure(frame_free(p, 0));
    expect_assert_failure(frame_free(p + 1, 0));
    expect_assert_failure(frame_free((FIRST + FRAMES) * PAGE_SIZE, 0));
    expect_assert_failure(frame_free(0, FRAME_ORDER_MAX + 1));
    p = frame_alloc(0, 0);
    frame_of(p)->pins = 1;
    expect_assert_failure(frame_free(p, 0));
    assert_int_equal(frame_alloc(FRAME_ORDER_MAX + 1, 0), 0);
}

static void what_lies_outside_the_array_is_left_out(void **state)
{
    (void)state;
    add(FRAMES - 100, 1u << 30, 0);
    assert_int_equal(frame_total_count(), 101);
    add(0, 1, 0); /* frame 0 is before the first */
    assert_int_equal(frame_total_count(), 101);
}

/* Only the edges of a region are touched: the frames in the middle of a block keep their garbage. */
static void adding_a_region_does_not_touch_all_of_it(void **state)
{
    unsigned touched = 0;
    (void)state;
    add(1024, 8192, 0);
    for (unsigned i = 0; i < FRAMES; i++)
        touched += array[i].next != GARBAGE;
    assert_true(touched <= 30);
}

struct run {
    uint64_t physical;
    unsigned order;
};

static void a_long_random_run_keeps_the_books(void **state)
{
    static struct run runs[2000];
    unsigned count = 0;
    (void)state;
    srand(1);
    add(1, 158, 0);
    add(0x139, 7000, 0);
    add(0x139 + 7100, 3001, 1);
    uint64_t total = frame_free_count(), used = 0, remote = 0;
    for (int i = 0; i < 200000; i++) {
        if (count < 2000 && rand() % 2) {
            unsigned order = rand() % 8 ? (unsigned)rand() % 4 : (unsigned)rand() % 11;
            uint64_t p = alloc(order, (uint32_t)rand() % 3);
            if (p) {
                remote += frame_of(p)->remote ? 1ul << order : 0;
                runs[count++] = (struct run){p, order};
                used += 1ul << order;
            }
        } else if (count) {
            unsigned victim = (unsigned)rand() % count;
            const struct frame *frame = frame_of(runs[victim].physical);
            remote -= frame->remote ? 1ul << runs[victim].order : 0;
            release(runs[victim].physical, runs[victim].order);
            used -= 1ul << runs[victim].order;
            runs[victim] = runs[--count];
        }
        assert_int_equal(frame_free_count(), total - used);
        assert_int_equal(frame_node(0).remote + frame_node(1).remote, remote);
    }
    assert_int_equal(frame_node(0).total + frame_node(1).total, total);
    while (count--)
        release(runs[count].physical, runs[count].order);
    for (unsigned blocks = 0; blocks < 5; blocks++)
        assert_int_not_equal(frame_alloc(FRAME_ORDER_MAX, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_frame_comes_out_once_and_goes_back, setup),
        cmocka_unit_test_setup(neighbours_in_other_regions_join_when_added_later, setup),
        cmocka_unit_test_setup(a_hole_never_joins, setup),
        cmocka_unit_test_setup(a_run_may_go_back_in_parts, setup),
        cmocka_unit_test_setup(another_node_helps_out, setup),
        cmocka_unit_test_setup(the_nearest_node_helps_out_first_and_it_is_counted, setup),
        cmocka_unit_test_setup(what_was_given_near_and_far_is_counted_by_who_asked, setup),
        cmocka_unit_test_setup(misuse_is_caught, setup),
        cmocka_unit_test_setup(what_lies_outside_the_array_is_left_out, setup),
        cmocka_unit_test_setup(adding_a_region_does_not_touch_all_of_it, setup),
        cmocka_unit_test_setup(a_long_random_run_keeps_the_books, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
