/* What a scope's badge and rights allow, and that every scope of the manifest is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>
#include "init/manifest.h"
#include "netsrv/scope.h"

#define V4(a, b, c, d) ((const uint8_t[16]){[10] = 0xff, 0xff, a, b, c, d})
static const uint8_t v6[16] = {0x20, 1, [15] = 1};

static void a_listen_scope_allows_one_port(void **state)
{
    (void)state;
    for (uint32_t port = 1; port <= 0xffff; port += 13)
        for (uint32_t other = 1; other <= 0xffff; other += 101)
            assert_int_equal(scope_allows_listen(NET_SCOPE_LISTEN(port), SERVICE_LISTEN, (uint16_t)other),
                             port == other);
    assert_false(scope_valid(NET_SCOPE_LISTEN(0), SERVICE_LISTEN));
    assert_false(scope_allows_listen(NET_SCOPE_LISTEN(80), 0, 80));
    assert_false(scope_allows_listen(NET_SCOPE_LISTEN(80), SERVICE_CONNECT, 80));
    assert_false(scope_allows_connect(NET_SCOPE_LISTEN(80), SERVICE_LISTEN, V4(10, 0, 2, 2)));
}

static void a_network_ends_where_its_prefix_says(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 32; bits++) {
        uint32_t rights = SERVICE_CONNECT | NET_HOST_BITS(bits), net = NET_NETWORK(10, 128, 3, 77);
        for (unsigned flip = 0; flip < 32; flip++) {
            uint32_t to = net ^ 1u << flip;
            const uint8_t *address = V4((uint8_t)(to >> 24), (uint8_t)(to >> 16), (uint8_t)(to >> 8), (uint8_t)to);
            assert_int_equal(scope_allows_connect(net, rights, address), flip < bits);
        }
        assert_true(scope_allows_connect(net, rights, V4(10, 128, 3, 77)));
        assert_false(scope_allows_connect(net, rights, v6));
    }
    for (uint32_t bits = 33; bits < 64; bits++)
        assert_false(scope_valid(NET_NETWORK(10, 0, 0, 0), SERVICE_CONNECT | NET_HOST_BITS(bits)));
}

/* Minting only clears bits: whatever is left allows nothing that was not allowed before. */
static void fewer_rights_never_reach_farther(void **state)
{
    (void)state;
    srand(3);
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t badge = (uint32_t)rand() << 16 ^ (uint32_t)rand();
        uint32_t rights = SERVICE_CONNECT | NET_HOST_BITS(rand() % 33), fewer = rights & (uint32_t)rand();
        uint32_t to = badge ^ (uint32_t)rand() >> rand() % 31;
        const uint8_t *address = V4((uint8_t)(to >> 24), (uint8_t)(to >> 16), (uint8_t)(to >> 8), (uint8_t)to);
        if (scope_allows_connect(badge, fewer, address))
            assert_true(scope_allows_connect(badge, rights, address));
    }
}

static void any_reaches_everything_and_listens_nowhere(void **state)
{
    (void)state;
    assert_true(scope_allows_connect(NET_SCOPE_ANY, SERVICE_CONNECT, v6));
    assert_true(scope_allows_connect(NET_SCOPE_ANY, SERVICE_CONNECT, V4(8, 8, 8, 8)));
    assert_false(scope_allows_connect(NET_SCOPE_ANY, SERVICE_LISTEN, V4(8, 8, 8, 8)));
    for (uint32_t port = 0; port <= 0xffff; port++)
        assert_false(scope_allows_listen(NET_SCOPE_ANY, SERVICE_CONNECT, (uint16_t)port));
}

static void what_says_who_a_client_is_is_no_scope(void **state)
{
    (void)state;
    static const uint32_t rights[] = {SERVICE_LISTEN, SERVICE_CONNECT, SERVICE_CONNECT | NET_HOST_BITS(32),
                                      SERVICE_LISTEN | SERVICE_CONNECT, RIGHTS_ALL};
    for (unsigned i = 0; i < sizeof rights / sizeof *rights; i++)
        for (uint32_t badge = 0; badge < 0x20000; badge++)
            assert_false(scope_valid(badge, rights[i]));
    assert_false(scope_valid(NET_SCOPE_LISTEN(80), SERVICE_LISTEN | SERVICE_CONNECT)); /* a badge with two meanings */
    assert_false(scope_valid(NET_SCOPE_ANY, SERVICE_LISTEN | SERVICE_CONNECT));
    assert_false(scope_valid(NET_NETWORK(224, 0, 0, 1), SERVICE_CONNECT));
    assert_false(scope_valid(NET_NETWORK(255, 255, 255, 255), SERVICE_CONNECT));
}

static void every_scope_of_the_manifest_is_one(void **state)
{
    unsigned found = 0;
    (void)state;
    for (size_t i = 0; i < manifest_count; i++) {
        const struct manifest_link *link = manifest_link(&manifest[i], "netsrv");
        for (size_t k = 0; link && k < MANIFEST_SCOPES_MAX && link->scopes[k].badge; k++, found++)
            assert_true(scope_valid(link->scopes[k].badge, link->scopes[k].rights));
    }
    assert_true(found >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listen_scope_allows_one_port),
        cmocka_unit_test(a_network_ends_where_its_prefix_says),
        cmocka_unit_test(fewer_rights_never_reach_farther),
        cmocka_unit_test(any_reaches_everything_and_listens_nowhere),
        cmocka_unit_test(what_says_who_a_client_is_is_no_scope),
        cmocka_unit_test(every_scope_of_the_manifest_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
