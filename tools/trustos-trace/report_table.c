/* How the report's tables look. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "report.h"

/* Three digits at least. */
const char *report_duration(uint64_t ns, char out[24])
{
    static const char *const units[] = {"us", "ms", "s "};
    double value = (double)ns / 1e3;
    unsigned unit = 0;
    for (; unit < 2 && value >= 999.95; unit++)
        value /= 1e3;
    if (ns < 1000)
        snprintf(out, 24, "%6" PRIu64 " ns", ns);
    else
        snprintf(out, 24, "%6.*f %s", value < 9.995 ? 2 : 1, value, units[unit]);
    return out;
}

double report_seconds(const struct report *report)
{
    return report->last_ns > report->first_ns ? (double)(report->last_ns - report->first_ns) / 1e9 : 0;
}

double report_rate(const struct report *report, uint64_t count)
{
    double seconds = report_seconds(report);
    return seconds > 0 ? (double)count / seconds : 0;
}

void report_heading(const char *title, const struct table *table)
{
    printf("\n%s\n", title);
    if (!table->count)
        puts("  none");
}

void report_more(const struct table *table)
{
    if (table->count > ROWS_MAX)
        printf("  and %u more\n", table->count - ROWS_MAX);
}

static weight_fn sort_weight;
static const struct table *sort_table;
static int by_weight(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    uint64_t x = sort_weight(sort_table->entries[i]), y = sort_weight(sort_table->entries[k]);
    return x != y ? (x < y ? 1 : -1) : (i > k) - (i < k);
}

uint32_t *report_sorted(const struct table *table, weight_fn weight)
{
    uint32_t *order = calloc(table->count + 1, sizeof *order);
    for (uint32_t i = 0; order && i < table->count; i++)
        order[i] = i;
    sort_weight = weight;
    sort_table = table;
    if (order)
        qsort(order, table->count, sizeof *order, by_weight);
    return order;
}

void report_free_histograms(struct table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        histogram_free(table->entries[i]);
    table_free(table);
}
