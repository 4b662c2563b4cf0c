/* The area of the crash record on this machine: 16 KiB, taken before anybody else takes memory. */
#include "kernel/x86/cpu.h"
#include "kernel/x86/crash_record.h"
#include "kernel/x86/log.h"

static struct crash_head *area;
static bool is_kept; /* the area has a record of an earlier run */

void crash_record_init(void)
{
    uint64_t place = crash_place_choose(&boot_info, early_view);
    if (!place) {
        klog(KLOG_WARNING, "crash: no place in memory for a crash record; a panic goes to the serial port only");
        return;
    }
    region_add(&boot_info, place, CRASH_BYTES_MAX, REGION_KERNEL);
    area = phys_to_virt(place);
    is_kept = crash_record_valid(area, CRASH_BYTES_MAX);
    klog(KLOG_DEBUG, "crash: a record would lie at %lx", place);
}

void *crash_area(void)
{
    return area;
}

void crash_record_say(void)
{
    if (is_kept)
        klog(KLOG_WARNING, "crash: the last run ended in a panic after %lu.%06lu s: %.120s; `crash` tells more",
             area->uptime_ns / 1000000000, area->uptime_ns / 1000 % 1000000, area->why);
}

const struct crash_head *crash_record(void)
{
    return is_kept ? area : NULL;
}

bool crash_record_clear(void)
{
    bool was = is_kept;
    is_kept = false;
    if (was)
        area->magic = 0;
    return was;
}
