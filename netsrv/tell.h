/* What netsrv tells the trace: each packet, each connection's state, each segment sent again (abi/trace_events.h, class
 * USER; docs/trace.md).
 *
 * Rules
 *  - Nothing here changes what netsrv does; lwIP calls the hooks (lwip/lwip_hooks.h), the interface the rest.
 *  - A control block's last told state lies in its second ext_arg, so a block that is freed tells CLOSED by itself.
 *  - Packets of one flow become one event with their number and their bytes, told a few ms after the first at the latest and
 *    before anything about a connection. Every packet that went through counts. */
#pragma once
#include <abi/types.h>

#define TELL_EXT_ARG 1 /* 0 is the slot's (tcp.c) */

struct tcp_pcb;
struct pbuf;

struct packet_facts {
    uint32_t protocol; /* EtherType << 16 | IP protocol */
    uint16_t source, target;
};
/* Pure: what a frame of which `there` bytes can be read says of itself; what it does not say is 0. */
struct packet_facts packet_read(const uint8_t *frame, size_t there);

/* `packets` of one flow, of which the first's headers are at `frame`. */
void tell_received(const uint8_t *frame, size_t there, uint32_t packets, uint32_t bytes);
void tell_sent(const struct pbuf *pbuf);    /* by now the device has it */
void tell_state(const struct tcp_pcb *pcb); /* if it is another than was told; also of a listening one */
void tell_input_done(void);                 /* lwIP has worked off what it was handed */
void tell_turn(void);                       /* once a turn */
