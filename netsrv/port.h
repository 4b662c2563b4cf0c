/* What lwIP asks of its platform: time and chance.
 *
 * Rules
 *  - Time stands still within a turn: port_update_time reads the clock once, lwIP and netsrv read the copy.
 */
#pragma once
#include <stdint.h>

void port_update_time(void);
uint64_t port_now(void); /* ns, as of the last update */
uint32_t net_random(void);
