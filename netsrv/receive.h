/* From the device's buffers to lwIP.
 *
 * Rules
 *  - A receive buffer is an lwIP pbuf without a copy; a freed one goes back to the device with the next receive_provide.
 *    When few are left, packets are copied out of them, so that nobody who keeps packets can starve the device.
 *  - Runs of a connection's segments go up as one (merge.h).
 */
#pragma once
#include "drivers/nic.h"

struct netif;
struct interface_counters;

MUST_CHECK status_t receive_init(struct nic *nic, struct netif *netif, struct interface_counters *counters);
unsigned receive_batch(void); /* hands at most a batch to lwIP; how many packets */
void receive_provide(void);   /* free buffers to the device */
void receive_reset(void);     /* the device was reset: its buffers are ours again */
unsigned receive_out(void);   /* buffers that the device does not have */
