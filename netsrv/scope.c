/* What badge and rights of a scope allow: see scope.h. */
#include "netsrv/scope.h"

#include <string.h>

#define NETWORKS_END 0xe0000000u /* multicast and class E: nobody connects there */

static uint32_t host_bits(uint32_t rights)
{
    return rights >> NET_HOST_BITS_SHIFT & 0x3f;
}

static bool names_port(uint32_t badge)
{
    return (badge & 0xffff0000u) == NET_SCOPE_LISTEN(0) && (badge & 0xffff);
}

static bool names_network(uint32_t badge)
{
    return badge >= SCOPE_BADGE_MIN && badge < NETWORKS_END;
}

bool scope_valid(uint32_t badge, uint32_t rights)
{
    uint32_t kind = rights & (SERVICE_LISTEN | SERVICE_CONNECT);
    if (kind == SERVICE_LISTEN)
        return names_port(badge);
    return kind == SERVICE_CONNECT && (badge == NET_SCOPE_ANY || (names_network(badge) && host_bits(rights) <= 32));
}

bool scope_allows_listen(uint32_t badge, uint32_t rights, uint16_t port)
{
    return scope_valid(badge, rights) && rights & SERVICE_LISTEN && badge == NET_SCOPE_LISTEN(port);
}

bool scope_allows_connect(uint32_t badge, uint32_t rights, const uint8_t address[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (!scope_valid(badge, rights) || !(rights & SERVICE_CONNECT))
        return false;
    if (badge == NET_SCOPE_ANY)
        return true;
    uint32_t to = NET_NETWORK(address[12], address[13], address[14], address[15]);
    return memcmp(address, mapped, sizeof mapped) == 0 && (uint64_t)(to ^ badge) >> host_bits(rights) == 0;
}
