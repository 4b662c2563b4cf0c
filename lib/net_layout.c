/* Where what lies in a client's region: see net_client.h. Pure. */
#include "lib/net_client.h"

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static bool ring_size_ok(uint32_t size)
{
    return size >= NET_SIZE_MIN && size <= NET_SIZE_MAX && (size & (size - 1)) == 0;
}

status_t net_region_layout(uint32_t slot_count, uint32_t rx_size, uint32_t tx_size, struct net_layout *layout)
{
    if (slot_count == 0 || slot_count > NET_SLOTS_MAX || !ring_size_ok(rx_size) || !ring_size_ok(tx_size))
        return ERR_INVALID;
    uint64_t at = round_up(sizeof(struct net_region), 64);
    layout->command_offset = (uint32_t)at;
    at += NET_COMMANDS * sizeof(struct net_command);
    layout->event_offset = (uint32_t)at;
    at = round_up(at + NET_EVENTS * sizeof(struct net_event), 64);
    layout->slot_offset = (uint32_t)at;
    at = round_up(at + slot_count * sizeof(struct net_slot), PAGE_SIZE);
    layout->data_offset = (uint32_t)at;
    layout->bytes = round_up(at + (uint64_t)slot_count * ((uint64_t)rx_size + tx_size), PAGE_SIZE);
    return OK;
}
