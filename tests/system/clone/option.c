#include "tests/system/clone/option.h"

#include <abi/boot_options.h>
#include <lib/runtime.h>

#define NUMBER_MOST (UINT64_MAX / 10 - 1)

/* The digits at *text, which go no further than `end`. */
static bool read_number(const char **text, const char *end, uint64_t *number)
{
    const char *first = *text;
    *number = 0;
    for (; *text < end && **text >= '0' && **text <= '9'; (*text)++) {
        if (*number > NUMBER_MOST)
            return false;
        *number = *number * 10 + (uint64_t)(**text - '0');
    }
    return *text > first;
}

bool counted_option(const char *name, uint64_t *count, uint64_t *seed)
{
    size_t length;
    const char *text = boot_option(boot_line(), name, &length);
    if (!text)
        return false;
    const char *end = text + length;
    *seed = SEED_USUAL;
    if (!read_number(&text, end, count) || !*count)
        return false;
    return text == end || (*text++ == ':' && read_number(&text, end, seed) && text == end);
}
