#include "net_names.h"
#include <abi/trace_events.h>
#include <stdio.h>

#define ETHER_IPV4 0x0800u
#define ETHER_IPV6 0x86ddu

uint32_t net_protocol(uint32_t protocol)
{
    uint32_t ether = protocol >> 16;
    return ether == ETHER_IPV4 || ether == ETHER_IPV6 ? NET_IP_PROTOCOL(protocol) : ether << 16;
}

const char *net_protocol_name(uint32_t protocol, char out[24])
{
    static const struct {
        uint32_t protocol; /* IANA's protocol numbers, and its EtherTypes */
        const char *name;
    } names[] = {{0, "hopopt"}, {1, "icmp"},    {2, "igmp"},        {NET_TCP, "tcp"},
                 {17, "udp"},   {58, "icmpv6"}, {0x08060000, "arp"}};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].protocol == protocol)
            return names[i].name;
    }
    snprintf(out, 24, protocol >> 16 ? "ether %04x" : "ip %u", protocol >> 16 ? protocol >> 16 : protocol);
    return out;
}
