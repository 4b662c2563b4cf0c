/* A channel with its server and two clients, for the tests of kernel/ipc. */
#pragma once
#include "tests/unit/host_machine.h"

#define SENDER (RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER)

extern struct task *server, *a, *b;
extern handle_t channel;            /* server's, 8 slots, credit 4 */
extern handle_t root_sender;        /* the root task's own, badge 0 */
extern handle_t a_sender, b_sender; /* badges 1 and 2 */

int channel_setup(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, channel_setup, machine_teardown)

struct msg message(uint16_t op, uint8_t length); /* its bytes are op, op + 1, ... */
int64_t send_one(struct task *task, handle_t through, uint16_t op);
int64_t receive(struct msg *msgs, uint32_t capacity); /* what the server finds at once */
struct channel *the_channel(void);
handle_t a_memory(void); /* a page of a's */
