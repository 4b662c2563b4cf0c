/* Names that are of no language: services, ports, units of time. */
#include "jarvis/lexicon.h"
#include "jarvis/lexicon_data.h"

const uint32_t time_unit_seconds[] = {1, 60, 3600, 86400, 604800};
const uint16_t port_name_ports[] = {21, 22, 23, 80, 443};

/* clang-format off */
static const struct lexicon_row rows[] = {
    W(SERVICE_NAME, "init") W(SERVICE_NAME, "devmgr") W(SERVICE_NAME, "netsrv") W(SERVICE_NAME, "fssrv")
    W(SERVICE_NAME, "jarvis") W(SERVICE_NAME, "rconsole") W(SERVICE_NAME, "netbench") W(SERVICE_NAME, "tracer")
    W(JSON, "format json") W(JSON, "json") W(PLAN, "mode plan") W(POOL, "pools") W(POOL, "pool")
    V(PORT_NAME, 0, "ftp") V(PORT_NAME, 1, "ssh") V(PORT_NAME, 2, "telnet") V(PORT_NAME, 3, "http") V(PORT_NAME, 4, "https")
    V(TIME_UNIT, 0, "s") V(TIME_UNIT, 0, "sec") V(TIME_UNIT, 0, "second") V(TIME_UNIT, 0, "seconds")
    V(TIME_UNIT, 0, "seconde") V(TIME_UNIT, 0, "secondes") V(TIME_UNIT, 1, "min") V(TIME_UNIT, 1, "mn")
    V(TIME_UNIT, 1, "minute") V(TIME_UNIT, 1, "minutes") V(TIME_UNIT, 1, "mins") V(TIME_UNIT, 2, "h")
    V(TIME_UNIT, 2, "hour") V(TIME_UNIT, 2, "hours") V(TIME_UNIT, 2, "heure") V(TIME_UNIT, 2, "heures")
    V(TIME_UNIT, 3, "days") V(TIME_UNIT, 3, "jour") V(TIME_UNIT, 3, "jours") V(TIME_UNIT, 4, "week")
    V(TIME_UNIT, 4, "weeks") V(TIME_UNIT, 4, "semaine") V(TIME_UNIT, 4, "semaines")
};
/* clang-format on */

const struct lexicon lexicon_names = {rows, sizeof rows / sizeof rows[0]};
