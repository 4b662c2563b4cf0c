/* Sending a packet without copying it: from a chain of pbufs to device fragments.
 *
 * Rules
 *  - transmit holds a reference on the pbuf until the device is done with it. TCP sees that (a segment with a second
 *    reference is busy) and does not send it twice at once.
 *  - Memory that is not pinned (constants), too many pieces, or no room for the driver's header: the packet is copied.
 *  - Packets may end out of order. transmit_mark/transmit_passed tell when all that was handed over before the mark has
 *    ended: only then may a client's memory be unmapped.
 */
#pragma once
#include "drivers/nic.h"

struct pbuf;
struct netif;

#define TRANSMIT_PACKETS 256u

MUST_CHECK status_t transmit_init(struct nic *nic, struct netif *netif);
bool transmit(struct pbuf *pbuf); /* false: the device's queue is full */
void transmit_collect(void);      /* drops what the device is done with */
void transmit_turn(void);         /* collects, and lets connections go on that found the queue full */
void transmit_reset(void);        /* the device was reset: drops all */
uint64_t transmit_mark(void);
bool transmit_passed(uint64_t mark);
