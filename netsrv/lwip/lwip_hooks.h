/* What lwIP asks netsrv for (port.c), and what it tells on the way (tell.c). */
#pragma once
#include <lwip/ip_addr.h>

/* An initial sequence number that cannot be guessed (RFC 6528). */
u32_t net_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) net_isn(local, local_port, remote, remote_port)

struct pbuf;
struct tcp_hdr;
struct tcp_pcb;
void tell_tcp_input(struct tcp_pcb *pcb);
void tell_tcp_output(const struct pbuf *pbuf, const struct tcp_hdr *header, const struct tcp_pcb *pcb);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, optlen, opt1len, opt2, p) (tell_tcp_input(pcb), ERR_OK)
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, opts) (tell_tcp_output(p, header, pcb), opts)
