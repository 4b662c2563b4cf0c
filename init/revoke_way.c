#include "init/revoke.h"
#include <proto/init.h>

static bool is_hardware(uint32_t type)
{
    return type == OBJECT_DMA || type == OBJECT_IRQ || type == OBJECT_IOPORT;
}

/* What init gave to a session (through rconsole) is nobody's life. */
static bool is_sessions(const struct cap_info *cap)
{
    return cap->type == OBJECT_CHANNEL && (cap->badge & INIT_SESSION_BADGE);
}

/* Without it the service would sleep for ever, or never hear of its device. */
static bool is_its_ear(const struct cap_info *cap)
{
    return (cap->type == OBJECT_CHANNEL && (cap->rights & RIGHT_CHANNEL_RECV)) ||
           (cap->type == OBJECT_SIGNAL && (cap->rights & RIGHT_SIGNAL_BIND));
}

enum revoke_way revoke_way_of(const struct cap_info *cap, bool from_init)
{
    if (is_hardware(cap->type))
        return REVOKE_BY_RESTART;
    if (is_its_ear(cap) || (from_init && !is_sessions(cap)))
        return REVOKE_AND_RESTART;
    return REVOKE_ONLY;
}
