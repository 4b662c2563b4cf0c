/* One turn of netsrv, and when to take the next.
 *
 * A turn handles all there is: received packets, the clients' commands, timers, then each connection that was touched
 * once; then one notification to the device and one ring of each client's bell. Under emulation a change of address
 * space costs more than hundreds of instructions, so batches are what makes it fast.
 *
 * Waiting has one deadline: the next of lwIP's timers, a dropped client's memory, or the second look. While packets are
 * out at the device, and for a moment after the last traffic, notifications and interrupts may have been lost (qemu.md):
 * a timer looks again. When all is quiet there is no such timer. */
#pragma once
#include <abi/types.h>

enum loop_bits { IRQ_BIT = 0, CONFIG_IRQ_BIT = 1, FIRST_CLIENT_BIT = 2 };

void loop_init(bool may_poll); /* may_poll: look for a moment before halting */
void loop_signals(void *context, uint64_t bits);
void loop_turn(void);
bool loop_more(void); /* cheap: there is work for another turn (after a turn with traffic: looks for a moment) */
/* Before waiting: interrupts on, sleep flags set, a look after each. True: wait until *deadline_ns (else not at all). */
bool loop_may_wait(uint64_t *deadline_ns);
void loop_woken(void);
