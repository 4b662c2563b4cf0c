/* The record's form (pure). Where it lies and who keeps it: crash_area.c. */
#include "kernel/x86/crash_record.h"
#include "kernel/version.h"
#include <string.h>

/* CRC-32 of IEEE 802.3 §3.2.9, bit by bit: 16 KiB of it take a moment only after a panic, and where there is a record. */
static uint32_t crc_add(uint32_t crc, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return crc;
}

static uint32_t record_crc(const struct crash_head *head)
{
    struct crash_head plain = *head;
    plain.checksum = 0;
    uint32_t crc = crc_add(~0u, (const uint8_t *)&plain, sizeof plain);
    return ~crc_add(crc, (const uint8_t *)(head + 1), head->bytes - sizeof *head);
}

static bool sizes_fit(const struct crash_head *head, size_t room)
{
    if (head->bytes < sizeof *head || head->bytes > room || head->bytes > CRASH_BYTES_MAX)
        return false;
    uint32_t rest = head->bytes - (uint32_t)sizeof *head;
    return head->text_bytes <= rest && head->packet_bytes == rest - head->text_bytes;
}

bool crash_record_valid(const void *record, size_t room)
{
    const struct crash_head *head = record;
    return room >= sizeof *head && head->magic == CRASH_MAGIC && head->version == CRASH_VERSION &&
           sizes_fit(head, room) && head->checksum == record_crc(head) && !head->why[CRASH_WHY_MAX - 1] &&
           !head->kernel[CRASH_KERNEL_MAX - 1];
}

void crash_record_begin(void *area, const char *why, uint64_t uptime_ns)
{
    struct crash_head *head = area;
    memset(head, 0, sizeof *head); /* the record before this one ends here */
    head->version = CRASH_VERSION;
    head->uptime_ns = uptime_ns;
    memcpy(head->kernel, TRUSTOS_VERSION, sizeof TRUSTOS_VERSION);
    for (size_t i = 0; i < CRASH_WHY_MAX - 1 && why[i]; i++)
        head->why[i] = why[i];
}

static uint32_t room_left(const struct crash_head *head)
{
    return CRASH_BYTES_MAX - (uint32_t)sizeof *head - head->text_bytes - head->packet_bytes;
}

void crash_record_text(void *area, const char *text, size_t bytes)
{
    struct crash_head *head = area;
    size_t fits = bytes < room_left(head) ? bytes : room_left(head);
    memcpy((char *)(head + 1) + head->text_bytes, text, fits);
    head->text_bytes += (uint32_t)fits;
    if (fits < bytes)
        head->flags |= CRASH_CUT;
}

void crash_record_packet(void *area, const void *packet, size_t bytes)
{
    struct crash_head *head = area;
    if (bytes > room_left(head))
        return;
    memcpy((char *)(head + 1) + head->text_bytes + head->packet_bytes, packet, bytes);
    head->packet_bytes += (uint32_t)bytes;
}

void crash_record_seal(struct crash_head *head)
{
    head->bytes = (uint32_t)sizeof *head + head->text_bytes + head->packet_bytes;
    head->magic = CRASH_MAGIC;
    uint32_t crc = record_crc(head);
    head->magic = 0;
    head->checksum = crc;
    __asm__ volatile("" : : : "memory"); /* a reset in the middle leaves no magic */
    head->magic = CRASH_MAGIC;
}

/* ---- Where ---------------------------------------------------------------------------------------------------------- */

#define PLACE_MAX (1ul << 30)
#define PLACE_MIN (1ul << 22)

/* Half of the largest power of two that the RAM reaches, then a quarter, and so on. */
uint64_t crash_place(uint64_t end, unsigned i)
{
    uint64_t place = PLACE_MAX;
    while (place > PLACE_MIN && place * 2 > end)
        place >>= 1;
    place >>= i;
    return place < PLACE_MIN || place + CRASH_BYTES_MAX > end ? 0 : place;
}

static bool is_free_ram(const struct boot_info *info, uint64_t place)
{
    for (uint32_t i = 0; i < info->region_count; i++) {
        const struct boot_region *r = &info->regions[i];
        if (r->type == REGION_RAM && r->start <= place && place + CRASH_BYTES_MAX <= r->start + r->bytes)
            return true;
    }
    return false;
}

static uint64_t low_ram_end(const struct boot_info *info)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < info->region_count; i++) {
        const struct boot_region *r = &info->regions[i];
        if (r->type != REGION_RESERVED && r->start + r->bytes <= 1ul << 32)
            end = r->start + r->bytes;
    }
    return end;
}

uint64_t crash_place_choose(const struct boot_info *info, const void *(*view)(uint64_t physical, uint64_t bytes))
{
    uint64_t end = low_ram_end(info), best = 0, place;
    for (unsigned i = 0; (place = crash_place(end, i)) != 0; i++) {
        const void *bytes = is_free_ram(info, place) ? view(place, CRASH_BYTES_MAX) : NULL;
        if (bytes && crash_record_valid(bytes, CRASH_BYTES_MAX))
            return place;
        best = bytes && !best ? place : best;
    }
    return best;
}
