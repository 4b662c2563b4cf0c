/* kernel/memory/slab.c and kernel/cap/account.c */
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
    uint8_t bytes[60];
};
struct large {
    uint8_t bytes[1024];
};
#define PER_PAGE ((PAGE_SIZE - 64) / 64) /* struct small */

static struct account *all;

static int setup(void **state)
{
    (void)state;
    slab_host_limit = -1;
    return account_create(NULL, 64 << 20, &all);
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(all->used_bytes, 0);
    assert_int_equal(slab_host_pages, 0);
    return 0;
}

static void *take(struct account *account, uint32_t class)
{
    status_t status = OK;
    void *object = slab_alloc(account, class, &status);
    assert_non_null(object);
    assert_int_equal(status, OK);
    return object;
}

static void objects_are_aligned_and_apart(void **state)
{
    struct small *objects[1000];
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            objects[i] = take(all, SLAB_CLASS(struct small));
            assert_int_equal((uintptr_t)objects[i] % 16, 0);
            memset(objects[i], i | 1, sizeof(struct small));
        }
        for (int i = 0; i < 1000; i++)
            assert_int_equal(objects[i]->bytes[59], (i | 1) & 0xff);
        assert_int_equal(all->used_bytes, (1000 + PER_PAGE - 1) / PER_PAGE * PAGE_SIZE);
        for (int i = 0; i < 1000; i++)
            slab_free(objects[(i * 7) % 1000]);
        assert_int_equal(all->used_bytes, 0);
        assert_int_equal(slab_host_pages, 0);
    }
}

static void sizes_and_accounts_do_not_share_a_page(void **state)
{
    struct account *a, *b;
    (void)state;
    assert_int_equal(account_create(all, 8 * PAGE_SIZE, &a), OK);
    assert_int_equal(account_create(all, 8 * PAGE_SIZE, &b), OK);
    void *one = take(a, SLAB_CLASS(struct small)), *two = take(b, SLAB_CLASS(struct small));
    void *three = take(a, SLAB_CLASS(struct large));
    assert_int_equal(a->used_bytes, 2 * PAGE_SIZE);
    assert_int_equal(b->used_bytes, PAGE_SIZE);
    assert_ptr_equal(slab_account(one), a);
    assert_ptr_equal(slab_account(two), b);
    assert_ptr_equal(slab_account(three), a);
    slab_free(one);
    slab_free(two);
    slab_free(three);
    account_drop(a);
    account_drop(b);
}

static void refused_when_quota_or_memory_is_used_up(void **state)
{
    struct account *poor;
    status_t status = OK;
    (void)state;
    assert_int_equal(account_create(all, PAGE_SIZE, &poor), OK);
    void *object = take(poor, SLAB_CLASS(struct small));
    assert_null(slab_alloc(poor, SLAB_CLASS(struct large), &status));
    assert_int_equal(status, ERR_QUOTA);
    slab_free(object);
    slab_host_limit = slab_host_pages;
    assert_null(slab_alloc(poor, SLAB_CLASS(struct small), &status));
    assert_int_equal(status, ERR_NO_MEMORY);
    assert_int_equal(poor->used_bytes, 0);
    slab_host_limit = -1;
    account_drop(poor);
}

/* A task that drops all but one object of each page still owes those pages. */
static void what_fragments_hold_stays_charged(void **state)
{
    static struct small *objects[PER_PAGE * 40];
    (void)state;
    for (unsigned i = 0; i < PER_PAGE * 40; i++)
        objects[i] = take(all, SLAB_CLASS(struct small));
    for (unsigned i = 0; i < PER_PAGE * 40; i++)
        if (i % PER_PAGE)
            slab_free(objects[i]);
    assert_int_equal(all->used_bytes, 40 * PAGE_SIZE);
    assert_int_equal(slab_host_pages, 40);
    for (unsigned i = 0; i < PER_PAGE * 40; i += PER_PAGE)
        slab_free(objects[i]);
}

static void an_account_outlives_its_task_while_it_owes(void **state)
{
    struct account *parent, *child;
    (void)state;
    assert_int_equal(account_create(all, 20 * PAGE_SIZE, &parent), OK);
    assert_int_equal(account_create(parent, 8 * PAGE_SIZE, &child), OK);
    assert_int_equal(parent->used_bytes, 9 * PAGE_SIZE); /* and a page for the struct */
    assert_int_equal(parent->lent_bytes, 8 * PAGE_SIZE);
    void *object = take(child, SLAB_CLASS(struct small));
    account_drop(child);
    account_drop(parent);
    assert_true(all->used_bytes > 0);
    slab_free(object); /* the chain ends: teardown looks */
    assert_int_equal(all->used_bytes, 0);
}

static void a_child_gets_no_more_than_its_parent_has(void **state)
{
    struct account *child;
    (void)state;
    assert_int_equal(account_create(all, (64 << 20) + 1, &child), ERR_QUOTA);
    assert_int_equal(account_create(all, 64 << 20, &child), ERR_QUOTA); /* the struct's page */
    assert_int_equal(all->used_bytes, 0);
}

static void misuse_is_caught(void **state)
{
    (void)state;
    struct small *a = take(all, SLAB_CLASS(struct small)), *b = take(all, SLAB_CLASS(struct small));
    expect_assert_failure(slab_free((char *)a + 8));
    slab_free(a);
    slab_free(b);
}

static void a_long_random_run_keeps_the_books(void **state)
{
    static struct small *objects[3000];
    unsigned count = 0;
    (void)state;
    srand(2);
    for (int i = 0; i < 300000; i++) {
        unsigned at = (unsigned)rand() % 3000;
        if (objects[at]) {
            assert_int_equal(objects[at]->bytes[0], at & 0xff);
            slab_free(objects[at]);
            objects[at] = NULL;
            count--;
        } else {
            objects[at] = take(all, SLAB_CLASS(struct small));
            objects[at]->bytes[0] = (uint8_t)at;
            count++;
        }
        assert_true(all->used_bytes / PAGE_SIZE * PER_PAGE >= count);
        assert_int_equal(all->used_bytes, (uint64_t)slab_host_pages * PAGE_SIZE);
    }
    for (unsigned at = 0; at < 3000; at++) {
        if (objects[at])
            slab_free(objects[at]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_are_aligned_and_apart),
        TEST(sizes_and_accounts_do_not_share_a_page),
        TEST(refused_when_quota_or_memory_is_used_up),
        TEST(what_fragments_hold_stays_charged),
        TEST(an_account_outlives_its_task_while_it_owes),
        TEST(a_child_gets_no_more_than_its_parent_has),
        TEST(misuse_is_caught),
        TEST(a_long_random_run_keeps_the_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
