/* The memory map as a sorted list of disjoint regions, and the boot line. */
#include <abi/boot_options.h>
#include <string.h>
#include "kernel/x86/boot_info.h"
#include "kernel/x86/log.h"

struct boot_info boot_info;

/* ---- Regions -------------------------------------------------------------------------------------------------- */

static uint64_t region_end(const struct boot_region *region)
{
    return region->start + region->bytes;
}

static void region_remove_at(struct boot_info *info, uint32_t at)
{
    info->region_count--;
    memmove(&info->regions[at], &info->regions[at + 1], (info->region_count - at) * sizeof(info->regions[0]));
}

static bool region_insert(struct boot_info *info, uint64_t start, uint64_t end, uint32_t type)
{
    uint32_t at = 0;
    if (info->region_count == BOOT_REGIONS_MAX)
        return false;
    while (at < info->region_count && info->regions[at].start < start)
        at++;
    memmove(&info->regions[at + 1], &info->regions[at], (info->region_count - at) * sizeof(info->regions[0]));
    info->regions[at] = (struct boot_region){.start = start, .bytes = end - start, .type = type};
    info->region_count++;
    return true;
}

/* Neighbours of one type become one region, so that a scattered map fits the table. */
static void regions_merge(struct boot_info *info)
{
    for (uint32_t i = 0; i + 1 < info->region_count;) {
        struct boot_region *r = &info->regions[i];
        if (r->type == r[1].type && region_end(r) == r[1].start) {
            r->bytes += r[1].bytes;
            region_remove_at(info, i + 1);
        } else {
            i++;
        }
    }
}

/* Takes [start, end) out of RAM region `at`; the table full, the smaller of two remains is lost. */
static void region_cut(struct boot_info *info, uint32_t at, uint64_t start, uint64_t end)
{
    struct boot_region *r = &info->regions[at];
    uint64_t r_end = region_end(r);
    uint64_t below = start > r->start ? start - r->start : 0;
    uint64_t above = r_end > end ? r_end - end : 0;
    if (below && above && info->region_count == BOOT_REGIONS_MAX) {
        below = below >= above ? below : 0;
        above = below ? 0 : above;
    }
    if (below) {
        r->bytes = below;
        if (above)
            region_insert(info, end, r_end, r->type);
    } else if (above) {
        r->start = end;
        r->bytes = above;
    } else {
        region_remove_at(info, at);
    }
}

/* The first region that overlaps [start, end); region_count when none does. */
static uint32_t region_overlapping(const struct boot_info *info, uint64_t start, uint64_t end)
{
    uint32_t i = 0;
    while (i < info->region_count && (region_end(&info->regions[i]) <= start || info->regions[i].start >= end))
        i++;
    return i;
}

/* Inserts the parts of [start, end) that no region covers. */
static void region_fill(struct boot_info *info, uint64_t start, uint64_t end, uint32_t type)
{
    while (start < end) {
        uint32_t i = region_overlapping(info, start, end);
        uint64_t free_end = i < info->region_count ? info->regions[i].start : end;
        uint64_t next = i < info->region_count ? region_end(&info->regions[i]) : end;
        if (free_end > start && !region_insert(info, start, free_end, type))
            return;
        start = next;
    }
}

static void ram_take_out(struct boot_info *info, uint64_t start, uint64_t end)
{
    for (uint32_t i = 0; i < info->region_count;) {
        struct boot_region *r = &info->regions[i];
        uint32_t count = info->region_count;
        if (r->type == REGION_RAM && r->start < end && region_end(r) > start)
            region_cut(info, i, start, end);
        i += info->region_count >= count; /* removed: the next one is at i now */
    }
}

void region_add(struct boot_info *info, uint64_t start, uint64_t bytes, enum boot_region_type type)
{
    if (start >= PHYSICAL_MAX || bytes == 0)
        return;
    uint64_t end = bytes > PHYSICAL_MAX - start ? PHYSICAL_MAX : start + bytes;
    uint64_t mask = PAGE_SIZE - 1;
    if (type == REGION_RAM) {
        start = (start + mask) & ~mask;
        end &= ~mask;
    } else {
        start &= ~mask;
        end = (end + mask) & ~mask;
        ram_take_out(info, start, end);
    }
    region_fill(info, start, end, type);
    regions_merge(info);
}

void region_add_e820(struct boot_info *info, uint64_t start, uint64_t bytes, uint32_t e820_type, bool ram_pass)
{
    if (ram_pass != (e820_type == 1))
        return;
    if (e820_type == 1)
        region_add(info, start, bytes, REGION_RAM);
    else
        region_add(info, start, bytes, e820_type == 3 || e820_type == 4 ? REGION_ACPI : REGION_RESERVED);
}

static bool region_is_ram(const struct boot_info *info, uint64_t start, uint64_t bytes)
{
    uint32_t i = region_overlapping(info, start, start + 1);
    return i < info->region_count && info->regions[i].type == REGION_RAM &&
           bytes <= region_end(&info->regions[i]) - start;
}

bool boot_info_finish(struct boot_info *info, uint64_t image_start, uint64_t image_bytes)
{
    region_add(info, 0, PAGE_SIZE, REGION_RESERVED);
    region_add(info, image_start, image_bytes, REGION_KERNEL);
    if (info->module_bytes && !region_is_ram(info, info->module_physical, info->module_bytes)) {
        info->module_physical = info->module_bytes = 0;
        return false;
    }
    region_add(info, info->module_physical, info->module_bytes, REGION_MODULE);
    return true;
}

/* ---- The boot line -------------------------------------------------------------------------------------------- */

/* Control bytes become spaces: the line goes into the log and to every task. */
void boot_line_copy(struct boot_info *info, const char *text, size_t length)
{
    size_t n = 0;
    for (; n < length && n < sizeof(info->boot_line) - 1 && text[n]; n++)
        info->boot_line[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7f ? ' ' : text[n];
    info->boot_line[n] = 0;
}

static const struct {
    const char *name;
    bool takes_value;
} known_options[] = {
#define X(name, value, reader, text) {name, value},
    BOOT_OPTIONS(X)
#undef X
};
#define KNOWN_OPTIONS (sizeof(known_options) / sizeof(known_options[0]))

static bool boot_word_known(const char *word, size_t length)
{
    for (size_t i = 0; i < KNOWN_OPTIONS; i++)
        if (boot_word_is(word, length, known_options[i].name))
            return true;
    return false;
}

static void boot_word_report(const char *word, size_t length, void (*report)(const char *text))
{
    char text[240];
    int shown = length > 40 ? 40 : (int)length;
    int n = ksnprintf(text, sizeof(text), "unknown boot option '%.*s' ignored; known:", shown, word);
    for (size_t i = 0; i < KNOWN_OPTIONS && n < (int)sizeof(text); i++)
        n += ksnprintf(text + n, sizeof(text) - n, " %s%s", known_options[i].name,
                       known_options[i].takes_value ? "=" : "");
    report(text);
}

void boot_line_check_with(const char *line, void (*report)(const char *text))
{
    while (*line) {
        size_t length = 0;
        while (line[length] && line[length] != ' ')
            length++;
        if (length && !boot_word_known(line, length))
            boot_word_report(line, length, report);
        line += length;
        line += *line == ' ';
    }
}

static void report_to_log(const char *text)
{
    klog(KLOG_WARNING, "%s", text);
}

void boot_line_check(const char *line)
{
    boot_line_check_with(line, report_to_log);
}
