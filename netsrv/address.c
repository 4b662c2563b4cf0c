/* Addresses of the interface: see address.h. */
#include "netsrv/address.h"

#include <string.h>

#include <abi/boot_options.h>
#include <lib/runtime.h>
#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/netif.h>
#include <lwip/prot/dhcp.h>
#include "netsrv/interface.h"

static bool is_static;

static void log_address(struct netif *netif)
{
    static ip4_addr_t last;
    const ip4_addr_t *now = netif_ip4_addr(netif);
    if (ip4_addr_eq(&last, now) || ip4_addr_isany(now))
        return;
    last = *now;
    log_info("address %u.%u.%u.%u (%s)", ip4_addr1(now), ip4_addr2(now), ip4_addr3(now), ip4_addr4(now),
             is_static ? "static" : "dhcp");
}

static ip4_addr_t address4(const uint8_t bytes[4])
{
    ip4_addr_t address;
    memcpy(&address.addr, bytes, 4);
    return address;
}

static void set_static(struct netif *netif, const struct address_static *s)
{
    ip4_addr_t address = address4(s->address), gateway = address4(s->gateway), mask;
    ip_addr_t dns = IPADDR4_INIT(0);
    mask.addr = s->prefix ? lwip_htonl(~0u << (32 - s->prefix)) : 0;
    ip4_addr_copy(*ip_2_ip4(&dns), address4(s->dns));
    is_static = true;
    netif_set_addr(netif, &address, &mask, &gateway);
    dns_setserver(0, &dns);
}

/* IPv6: link-local at once, a global address by router advertisement (RFC 4862). */
static void start_ip6(struct netif *netif)
{
    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
}

void address_start(const char *boot_line)
{
    struct netif *netif = interface_netif();
    struct address_static wanted;
    size_t length = 0;
    const char *option = boot_option(boot_line, "ip", &length);
    bool valid = option && address_parse(option, length, &wanted) == OK;
    if (option && !valid)
        log_warning("ip=%.*s is not address/prefix,gateway[,dns=address]: using DHCP", (int)length, option);
    netif_set_status_callback(netif, log_address);
    start_ip6(netif);
    if (valid)
        set_static(netif, &wanted);
    netif_set_up(netif); /* with an address: announces it (gratuitous ARP) */
    if (!valid && dhcp_start(netif) != ERR_OK)
        log_error("DHCP: no memory");
}

enum address_source address_source(void)
{
    struct netif *netif = interface_netif();
    if (!ip4_addr_isany(netif_ip4_addr(netif)))
        return is_static ? ADDRESS_STATIC : ADDRESS_DHCP;
    return ip6_addr_isvalid(netif_ip6_addr_state(netif, 0)) ? ADDRESS_LINK_LOCAL : ADDRESS_NONE;
}

uint32_t address_lease_seconds(void)
{
    const struct dhcp *dhcp = netif_dhcp_data(interface_netif());
    return dhcp && address_source() == ADDRESS_DHCP ? dhcp->offered_t0_lease : 0;
}
