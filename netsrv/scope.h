/* A scope: what one capability allows on the network, read from its badge and rights. See "Who may what" in
 * proto/net.h. Pure. */
#pragma once
#include <proto/net.h>

/* Are these the badge and rights of a scope? A capability with both rights is none: its badge would mean two things. */
bool scope_valid(uint32_t badge, uint32_t rights);
bool scope_allows_listen(uint32_t badge, uint32_t rights, uint16_t port);
/* address: IPv6, or ::ffff:a.b.c.d */
bool scope_allows_connect(uint32_t badge, uint32_t rights, const uint8_t address[16]);
