/* The one validator of requests: what reaches a handler, and what the caller hears otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/ipc.h"

struct ask {
    uint32_t value, reserved;
};
struct answer {
    uint64_t twice;
};
#define TEST_OPS(X)                                                                  \
    X(TEST_TWICE, 1, struct ask, struct answer, 0, 0)                                \
    X(TEST_GUARDED, 2, struct empty, struct empty, 0, SERVICE_ADMIN | SERVICE_WRITE) \
    X(TEST_CAP, 3, struct empty, struct empty, 2, 0)                                 \
    X(TEST_FAILS, 4, struct empty, struct answer, 0, 0)                              \
    X(TEST_LATER, 9, struct empty, struct answer, 0, 0)

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_BENCH, NAME, number)
enum { TEST_OPS(X) };
#undef X

static unsigned handled;

static status_t handle_TEST_TWICE(void *server, struct msg *request, struct msg *reply)
{
    struct answer *out = (struct answer *)reply->payload;
    assert_int_equal(out->twice, 0); /* the reply comes zeroed */
    out->twice = 2 * ((struct ask *)request->payload)->value;
    handled += *(unsigned *)server;
    return OK;
}

static status_t handle_TEST_GUARDED(void *server, struct msg *request, struct msg *reply)
{
    (void)request;
    (void)reply;
    handled += *(unsigned *)server;
    return OK;
}

static status_t handle_TEST_CAP(void *server, struct msg *request, struct msg *reply)
{
    handled += *(unsigned *)server;
    reply->head.caps[0] = ipc_take_cap(request, 1);
    reply->head.cap_count = 1;
    return OK;
}

static status_t handle_TEST_FAILS(void *server, struct msg *request, struct msg *reply)
{
    (void)server;
    (void)request;
    memset(reply->payload, 0xee, sizeof(struct answer));
    reply->head.caps[0] = 5;
    reply->head.cap_count = 1;
    return ERR_BUSY;
}

static status_t handle_TEST_LATER(void *server, struct msg *request, struct msg *reply)
{
    (void)server;
    (void)request;
    (void)reply;
    return IPC_DEFERRED;
}

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ROW(NAME, request, reply, caps, rights)
static const struct ipc_op ops[] = {TEST_OPS(X)};
#undef X

static struct msg request, reply;

static void ask(uint16_t op, uint8_t length, uint8_t kind)
{
    memset(&request, 0, sizeof request);
    memset(&reply, 0xdd, sizeof reply);
    request.head = (struct msg_header){.op = op, .length = length, .kind = kind, .token = 77};
    handled = 0;
}

static bool dispatch(void)
{
    unsigned one = 1;
    return ipc_dispatch(ops, sizeof ops / sizeof ops[0], &one, &request, &reply);
}

static void refused(status_t status)
{
    assert_true(dispatch());
    assert_int_equal(reply.head.status, status);
    assert_int_equal(reply.head.length, 0);
    assert_int_equal(reply.head.cap_count, 0);
    assert_int_equal(reply.head.token, 77);
    assert_int_equal(handled, 0);
}

static void a_good_call_is_answered(void **state)
{
    (void)state;
    ask(TEST_TWICE, sizeof(struct ask), MSG_CALL);
    ((struct ask *)request.payload)->value = 21;
    assert_true(dispatch());
    assert_int_equal(reply.head.status, OK);
    assert_int_equal(reply.head.length, sizeof(struct answer));
    assert_int_equal(reply.head.token, 77);
    assert_int_equal(((struct answer *)reply.payload)->twice, 42);
    assert_int_equal(handled, 1);
}

static void an_unknown_operation_is_refused(void **state)
{
    static const uint16_t unknown[] = {
        0,     PROTO_OP(PROTO_BENCH, 0), PROTO_OP(PROTO_BENCH, 5), PROTO_OP(PROTO_NET, 1), PROTO_OP(PROTO_BENCH, 255),
        0xffff};
    (void)state;
    for (unsigned i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        ask(unknown[i], sizeof(struct ask), MSG_CALL);
        refused(ERR_NOT_SUPPORTED);
    }
}

static void any_other_length_is_refused(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 255; length++) {
        if (length == sizeof(struct ask))
            continue;
        ask(TEST_TWICE, (uint8_t)length, MSG_CALL);
        refused(ERR_BAD_MESSAGE);
    }
}

static void the_count_of_capabilities_is_exact(void **state)
{
    (void)state;
    for (unsigned count = 0; count <= 255; count++) {
        if (count == 2)
            continue;
        ask(TEST_CAP, 0, MSG_CALL);
        request.head.cap_count = (uint8_t)count;
        refused(ERR_BAD_MESSAGE);
    }
    ask(TEST_TWICE, sizeof(struct ask), MSG_CALL);
    request.head.cap_count = 1;
    refused(ERR_BAD_MESSAGE);
}

static void a_capability_revoked_on_the_way_is_refused(void **state)
{
    (void)state;
    ask(TEST_CAP, 0, MSG_CALL);
    request.head.cap_count = 2;
    request.head.caps[0] = 4;
    refused(ERR_BAD_HANDLE);
}

static void every_right_that_the_row_names_is_needed(void **state)
{
    (void)state;
    for (unsigned rights = 0; rights < 0x10; rights++) {
        bool enough = (rights & (SERVICE_ADMIN | SERVICE_WRITE)) == (SERVICE_ADMIN | SERVICE_WRITE);
        ask(TEST_GUARDED, 0, MSG_CALL);
        request.head.rights = (uint16_t)rights;
        if (!enough) {
            refused(ERR_NO_RIGHT);
            continue;
        }
        assert_true(dispatch());
        assert_int_equal(reply.head.status, OK);
        assert_int_equal(handled, 1);
    }
}

static void what_a_handler_takes_is_not_left_behind(void **state)
{
    (void)state;
    ask(TEST_CAP, 0, MSG_CALL);
    request.head.cap_count = 2;
    request.head.caps[0] = 4;
    request.head.caps[1] = 6;
    assert_true(dispatch());
    assert_int_equal(request.head.caps[0], 4); /* the loop closes this one */
    assert_int_equal(request.head.caps[1], HANDLE_NONE);
    assert_int_equal(reply.head.caps[0], 6);
    assert_int_equal(reply.head.cap_count, 1);
}

static void an_error_carries_neither_payload_nor_capabilities(void **state)
{
    (void)state;
    ask(TEST_FAILS, 0, MSG_CALL);
    refused(ERR_BUSY);
    assert_int_equal(reply.head.caps[0], 5); /* for the loop to close */
}

static void a_deferred_answer_is_not_sent_now(void **state)
{
    (void)state;
    ask(TEST_LATER, 0, MSG_CALL);
    assert_false(dispatch());
    assert_int_equal(reply.head.cap_count, 0);
}

static void a_one_way_message_is_handled_and_never_answered(void **state)
{
    (void)state;
    ask(TEST_TWICE, sizeof(struct ask), MSG_SEND);
    assert_false(dispatch());
    assert_int_equal(handled, 1);
    ask(TEST_TWICE, 3, MSG_SEND);
    assert_false(dispatch());
    assert_int_equal(handled, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_call_is_answered),
        cmocka_unit_test(an_unknown_operation_is_refused),
        cmocka_unit_test(any_other_length_is_refused),
        cmocka_unit_test(the_count_of_capabilities_is_exact),
        cmocka_unit_test(a_capability_revoked_on_the_way_is_refused),
        cmocka_unit_test(every_right_that_the_row_names_is_needed),
        cmocka_unit_test(what_a_handler_takes_is_not_left_behind),
        cmocka_unit_test(an_error_carries_neither_payload_nor_capabilities),
        cmocka_unit_test(a_deferred_answer_is_not_sent_now),
        cmocka_unit_test(a_one_way_message_is_handled_and_never_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
