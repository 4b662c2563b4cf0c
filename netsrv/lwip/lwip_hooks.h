/* What lwIP asks netsrv for: see port.c. */
#pragma once
#include <lwip/ip_addr.h>

/* An initial sequence number that cannot be guessed (RFC 6528). */
u32_t net_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) net_isn(local, local_port, remote, remote_port)
