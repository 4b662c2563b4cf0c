/* The one network interface: between a nic driver and lwIP's netif.
 *
 * Rules
 *  - Receiving is in receive.h, sending in transmit.h; this is what the loop sees of both, and the device's life.
 *  - interface_flush once a turn: one notification for all that was added.
 */
#pragma once
#include "drivers/nic.h"

struct netif;

struct interface_counters {
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
    uint32_t rx_dropped, tx_dropped, tx_copied;
};

/* Finds a device and a driver for it and opens it. From here on the dma window works. */
MUST_CHECK status_t interface_init(handle_t devmgr, handle_t signal, uint32_t irq_bit, uint32_t config_irq_bit);
void interface_start(void);       /* after lwip_init: the netif, its link, the first buffers for the device */
unsigned interface_receive(void); /* hands at most a batch to lwIP; how many */
void interface_collect(void);     /* takes back what was sent */
void interface_flush(void);
void interface_second_look(void); /* by timer: makes lost notifications good, restarts a failed device */
bool interface_pending(void);     /* something was received; one read */
bool interface_arm(void);         /* before waiting; true: do not wait */
void interface_disarm(void);
void interface_irq(void);
void interface_check_link(void);
bool interface_busy(void); /* packets are out at the device */

struct netif *interface_netif(void);
const struct nic *interface_nic(void);
const struct interface_counters *interface_counters(void);
unsigned interface_buffers_out(void); /* receive buffers that the device does not have */
unsigned interface_descriptors_used(void);
