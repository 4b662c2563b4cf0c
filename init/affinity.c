#include "init/affinity.h"
#include <string.h>

#define CPUS 64u

struct text {
    const char *at;
    size_t length;
};

static struct affinity_fault wrong(struct text text, const char *why)
{
    return (struct affinity_fault){why, text.at, text.length};
}
static const struct affinity_fault nothing_wrong = {0};

/* What stands before the mark, which is taken away with it; all of it where there is none. */
static struct text cut(struct text *rest, char mark)
{
    const char *found = rest->length ? memchr(rest->at, mark, rest->length) : NULL;
    struct text part = {rest->at, found ? (size_t)(found - rest->at) : rest->length};
    size_t taken = part.length + (found ? 1 : 0);
    *rest = (struct text){rest->at + taken, rest->length - taken};
    return part;
}

static bool has(struct text text, char mark)
{
    return text.length && memchr(text.at, mark, text.length);
}

static bool is_cpu(struct text text, uint32_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.length && *number < CPUS; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *number = *number * 10 + (uint32_t)(text.at[i] - '0');
    }
    return text.length && *number < CPUS;
}

static struct affinity_fault read_cpus(struct text text, uint64_t *mask)
{
    struct text rest = text, low = cut(&rest, '-'), high = has(text, '-') ? rest : low;
    uint32_t first, last;
    if (!text.length)
        return wrong(text, "is where a CPU's number should be");
    if (!is_cpu(low, &first))
        return wrong(low.length ? low : text, "is no CPU, which are 0 to 63");
    if (!is_cpu(high, &last))
        return wrong(high.length ? high : text, "is no CPU, which are 0 to 63");
    if (first > last)
        return wrong(text, "goes downwards");
    *mask |= ~0ul >> (CPUS - 1 - (last - first)) << first;
    return nothing_wrong;
}

static size_t find_service(struct text name, const struct manifest_entry *entries, size_t count)
{
    size_t i = 0;
    while (i < count && (strlen(entries[i].name) != name.length || memcmp(entries[i].name, name.at, name.length) != 0))
        i++;
    return i;
}

struct affinity_fault affinity_read(const char *value, size_t length, const struct manifest_entry *entries,
                                    size_t count, uint64_t *masks)
{
    uint64_t made[MANIFEST_MAX] = {0};
    struct text rest = {value, length};
    size_t service = count;
    for (bool more = true; more;) {
        more = has(rest, ',');
        struct text item = cut(&rest, ',');
        if (has(item, ':')) {
            struct text name = cut(&item, ':');
            service = find_service(name, entries, count);
            if (service == count)
                return wrong(name, "is no service");
        } else if (service == count) {
            return wrong(item, "stands there without a service");
        }
        struct affinity_fault fault = read_cpus(item, &made[service]);
        if (fault.why)
            return fault;
    }
    for (size_t i = 0; i < count; i++)
        masks[i] |= made[i];
    return nothing_wrong;
}
