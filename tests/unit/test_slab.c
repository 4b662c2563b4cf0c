/* kernel/memory/slab.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/memory/slab.h"
#include "tests/unit/slab_host.h"

struct small {
    uint8_t bytes[40];
};
struct large {
    uint8_t bytes[2048];
};

static bool all_zero(const uint8_t *bytes, size_t size)
{
    while (size && !*bytes) {
        bytes++;
        size--;
    }
    return size == 0;
}

static int setup(void **state)
{
    (void)state;
    slab_host_limit = -1;
    return 0;
}

static void objects_are_zeroed_aligned_and_apart(void **state)
{
    static struct slab_cache cache = SLAB_CACHE("small", struct small);
    struct small *objects[1000];
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            objects[i] = slab_alloc(&cache);
            assert_int_equal((uintptr_t)objects[i] % 16, 0);
            assert_true(all_zero(objects[i]->bytes, sizeof(struct small)));
            memset(objects[i], i | 1, sizeof(struct small));
        }
        for (int i = 0; i < 1000; i++)
            assert_int_equal(objects[i]->bytes[39], (i | 1) & 0xff);
        assert_int_equal(cache.objects, 1000);
        for (int i = 0; i < 1000; i++)
            slab_free(&cache, objects[(i * 7) % 1000]);
        assert_int_equal(cache.objects, 0);
        assert_int_equal(slab_host_pages, 1); /* one empty page is kept */
    }
    assert_int_equal(cache.pages, 1);
}

static void the_largest_object_takes_a_page(void **state)
{
    static struct slab_cache cache = SLAB_CACHE("large", struct large);
    int before = slab_host_pages;
    (void)state;
    void *a = slab_alloc(&cache), *b = slab_alloc(&cache);
    assert_int_equal(slab_host_pages, before + 2);
    slab_free(&cache, a);
    slab_free(&cache, b);
    assert_int_equal(slab_host_pages, before + 1);
}

static void no_memory_is_null_and_changes_nothing(void **state)
{
    static struct slab_cache cache = SLAB_CACHE("none", struct small);
    (void)state;
    slab_host_limit = slab_host_pages;
    assert_null(slab_alloc(&cache));
    assert_int_equal(cache.objects, 0);
    assert_int_equal(cache.pages, 0);
    slab_host_limit = -1;
    void *object = slab_alloc(&cache);
    assert_non_null(object);
    slab_free(&cache, object);
}

static void misuse_is_caught(void **state)
{
    static struct slab_cache one = SLAB_CACHE("one", struct small), two = SLAB_CACHE("two", struct small);
    (void)state;
    struct small *a = slab_alloc(&one), *b = slab_alloc(&two);
    expect_assert_failure(slab_free(&two, a));
    expect_assert_failure(slab_free(&one, (char *)a + 8));
    expect_assert_failure(slab_free(&one, a + 100)); /* never given out */
    slab_free(&one, a);
    expect_assert_failure(slab_free(&one, a));
    slab_free(&two, b);
    slab_free(&two, NULL);
}

static void a_long_random_run_keeps_the_books(void **state)
{
    static struct slab_cache cache = SLAB_CACHE("random", struct small);
    static struct small *objects[3000];
    (void)state;
    srand(2);
    for (int i = 0; i < 300000; i++) {
        unsigned at = (unsigned)rand() % 3000;
        if (objects[at]) {
            assert_int_equal(objects[at]->bytes[0], at & 0xff);
            slab_free(&cache, objects[at]);
            objects[at] = NULL;
        } else {
            objects[at] = slab_alloc(&cache);
            assert_true(all_zero(objects[at]->bytes, sizeof(struct small)));
            objects[at]->bytes[0] = (uint8_t)at;
        }
    }
    for (unsigned at = 0; at < 3000; at++) {
        if (objects[at])
            slab_free(&cache, objects[at]);
    }
    assert_int_equal(cache.objects, 0);
    assert_int_equal(cache.pages, 1);
    assert_int_equal(cache.empty_pages, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(objects_are_zeroed_aligned_and_apart, setup),
        cmocka_unit_test_setup(the_largest_object_takes_a_page, setup),
        cmocka_unit_test_setup(no_memory_is_null_and_changes_nothing, setup),
        cmocka_unit_test_setup(misuse_is_caught, setup),
        cmocka_unit_test_setup(a_long_random_run_keeps_the_books, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
