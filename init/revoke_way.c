#include "init/revoke.h"

static bool is_hardware(uint32_t type)
{
    return type == OBJECT_DMA || type == OBJECT_IRQ || type == OBJECT_IOPORT;
}

/* Init gave it to this service for itself. What has another badge came through others: a session's, a client's scope. */
static bool is_its_own(const struct cap_info *cap, uint32_t badge)
{
    return cap->type != OBJECT_CHANNEL || cap->badge == badge;
}

/* Without it the service would sleep for ever, or never hear of its device. */
static bool is_its_ear(const struct cap_info *cap)
{
    return (cap->type == OBJECT_CHANNEL && (cap->rights & RIGHT_CHANNEL_RECV)) ||
           (cap->type == OBJECT_SIGNAL && (cap->rights & RIGHT_SIGNAL_BIND));
}

enum revoke_way revoke_way_of(const struct cap_info *cap, bool from_init, uint32_t badge)
{
    if (is_hardware(cap->type))
        return REVOKE_BY_RESTART;
    if (is_its_ear(cap) || (from_init && is_its_own(cap, badge)))
        return REVOKE_AND_RESTART;
    return REVOKE_ONLY;
}
