/* NetPacketIn's and NetPacketOut's protocol (abi/trace_events.h), as one says it. */
#pragma once
#include <stdint.h>

#define NET_TCP 6u
/* The IP protocol, whether over IPv4 or IPv6; EtherType << 16 of what is no IP packet. */
uint32_t net_protocol(uint32_t protocol);
/* Of what net_protocol gave: "tcp", "arp"; in out[] or constant. */
const char *net_protocol_name(uint32_t protocol, char out[24]);
