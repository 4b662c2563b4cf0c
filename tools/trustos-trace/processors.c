#include "processors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct processors_ready {
    uint32_t task;
    bool ran;
    uint64_t from_ns, to_ns;
    size_t first_stay, stay_count;
};

static void *grown(void *at, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return at;
    *room = *room ? 2 * *room : 64;
    at = realloc(at, *room * size);
    if (at)
        return at;
    fputs("trustos-trace: out of memory\n", stderr);
    exit(1);
}

static struct processor *processor_of(struct processors *p, uint32_t cpu)
{
    return table_get(&p->cpus, cpu, 0, 0);
}

void processors_start(struct processors *p, const struct names *names)
{
    *p = (struct processors){
        .names = names, .cpus.entry_size = sizeof(struct processor), .pinned.entry_size = sizeof(uint64_t)};
}

void processors_pin(struct processors *p, uint32_t task, uint64_t cpus)
{
    memcpy(table_get(&p->pinned, task, 0, 0), &cpus, sizeof cpus);
}

void processors_free(struct processors *p)
{
    for (uint32_t i = 0; i < p->cpus.count; i++)
        free(((struct processor *)p->cpus.entries[i])->idle);
    table_free(&p->cpus);
    table_free(&p->pinned);
    free(p->readies);
    free(p->stays);
}

/* ---- counting ---- */

void processors_on_run(struct processors *p, const struct model_run *run)
{
    struct processor *cpu = processor_of(p, run->cpu);
    cpu->switches += run->reason != MODEL_UNKNOWN;
    *(run->task ? &cpu->busy_ns : &cpu->idle_ns) += run->to_ns - run->from_ns;
    if (run->task)
        return;
    cpu->idle = grown(cpu->idle, cpu->idle_count, &cpu->idle_room, sizeof *cpu->idle);
    cpu->idle[cpu->idle_count++] = (struct gap){run->from_ns, run->to_ns};
}

void processors_on_ready(struct processors *p, const struct model_ready *ready)
{
    p->readies = grown(p->readies, p->ready_count, &p->ready_room, sizeof *p->readies);
    p->readies[p->ready_count++] = (struct processors_ready){.task = ready->task,
                                                             .ran = ready->ran,
                                                             .from_ns = ready->from_ns,
                                                             .to_ns = ready->to_ns,
                                                             .first_stay = p->stay_count,
                                                             .stay_count = ready->stay_count};
    for (uint32_t i = 0; i < ready->stay_count; i++) {
        p->stays = grown(p->stays, p->stay_count, &p->stay_room, sizeof *p->stays);
        p->stays[p->stay_count++] = ready->stays[i];
    }
}

static uint32_t reason_of(uint32_t reason)
{
    return reason < PROCESSORS_REASONS ? reason : PROCESSORS_REASONS - 1;
}

static void on_ipi(struct processors *p, uint32_t cpu, const union known_event *known)
{
    processor_of(p, cpu)->ipis[reason_of(known->CpuIpi.reason)]++;
}

static void on_migrate(struct processors *p, uint32_t cpu, const union known_event *known)
{
    struct migrations *row = &p->migrations[reason_of(known->Migrate.reason)];
    uint32_t from = names_node(p->names, known->Migrate.from_cpu), to = names_node(p->names, known->Migrate.to_cpu);
    (void)cpu;
    row->count++;
    row->far += from != NAMES_NO_NODE && to != NAMES_NO_NODE && from != to;
}

static void on_lock_wait(struct processors *p, uint32_t cpu, const union known_event *known)
{
    struct processor *row = processor_of(p, cpu);
    uint64_t ns = known->LockWait.waited_ns;
    row->lock_waits++;
    row->lock_waited_ns += ns;
    row->lock_wait_longest_ns = ns > row->lock_wait_longest_ns ? ns : row->lock_wait_longest_ns;
}

static void on_lock_hold(struct processors *p, uint32_t cpu, const union known_event *known)
{
    struct processor *row = processor_of(p, cpu);
    uint64_t ns = known->LockHold.held_ns;
    row->holds++;
    row->hold_longest_ns = ns > row->hold_longest_ns ? ns : row->hold_longest_ns;
}

void processors_on_event(struct processors *p, const struct ctf_event *event)
{
    static void (*const counters[TRACE_EVENT_COUNT])(struct processors *, uint32_t, const union known_event *) = {
        [TRACE_CpuIpi] = on_ipi,
        [TRACE_Migrate] = on_migrate,
        [TRACE_LockWait] = on_lock_wait,
        [TRACE_LockHold] = on_lock_hold,
    };
    union known_event known;
    uint16_t id = event->layout->known;
    processor_of(p, event->cpu);
    if (counters[id] && known_decode(event, &known))
        counters[id](p, event->cpu, &known);
}

uint64_t processors_steals(const struct processors *p, bool far)
{
    return p->migrations[far ? TRACE_MIGRATE_STEAL_FAR : TRACE_MIGRATE_STEAL_NEAR].count;
}

double processors_percent(uint64_t part, uint64_t all)
{
    return all ? 100.0 * (double)part / (double)all : 0;
}

/* ---- idle while a task is ready ---- */

static void note(struct idle_list *list, const struct idle_while_ready *found)
{
    uint64_t ns = found->to_ns - found->from_ns;
    uint32_t i = list->count;
    list->longer += ns > PROCESSORS_LIMIT_NS;
    while (i > 0 && list->worst[i - 1].to_ns - list->worst[i - 1].from_ns < ns)
        i--;
    if (!ns || i == PROCESSORS_WORST)
        return;
    list->count += list->count < PROCESSORS_WORST;
    memmove(&list->worst[i + 1], &list->worst[i], (list->count - 1 - i) * sizeof *found);
    list->worst[i] = *found;
}

/* One time idle of `cpu` against one time ready: the task's queues in this time, those next to each other taken together
 * that are the idle CPU's own, or that are not. */
static void overlap(struct processors *p, uint32_t cpu, const struct gap *idle, const struct processors_ready *ready)
{
    uint64_t from = idle->from_ns > ready->from_ns ? idle->from_ns : ready->from_ns;
    uint64_t end = idle->to_ns < ready->to_ns ? idle->to_ns : ready->to_ns;
    const struct model_stay *stays = &p->stays[ready->first_stay];
    for (size_t i = 0; i < ready->stay_count && from < end; i++) {
        uint64_t until = i + 1 < ready->stay_count && stays[i + 1].from_ns < end ? stays[i + 1].from_ns : end;
        bool is_own = stays[i].cpu == cpu;
        if (until <= from || (i + 1 < ready->stay_count && until < end && (stays[i + 1].cpu == cpu) == is_own))
            continue;
        struct idle_while_ready found = {.cpu = cpu,
                                         .task = ready->task,
                                         .queue = stays[i].cpu,
                                         .ran = ready->ran && until == ready->to_ns,
                                         .from_ns = from,
                                         .to_ns = until};
        note(is_own ? &p->own : &p->elsewhere, &found);
        from = until;
    }
}

static size_t first_idle(const struct processor *cpu, uint64_t ends_after)
{
    size_t low = 0, high = cpu->idle_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cpu->idle[middle].to_ns > ends_after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void against_all(struct processors *p, const struct processors_ready *ready)
{
    const uint64_t *mask = table_find(&p->pinned, ready->task, 0, 0);
    for (uint32_t i = 0; i < p->cpus.count; i++) {
        const struct processor *cpu = p->cpus.entries[i];
        uint32_t id = p->cpus.keys[i].a;
        if (mask && (id >= 64 || !(*mask >> id & 1)))
            continue;
        for (size_t k = first_idle(cpu, ready->from_ns); k < cpu->idle_count; k++) {
            if (cpu->idle[k].from_ns >= ready->to_ns)
                break;
            overlap(p, id, &cpu->idle[k], ready);
        }
    }
}

static bool has_event(const struct ctf_layout *layout, uint16_t known)
{
    for (uint32_t i = 0; i < layout->event_count; i++) {
        if (layout->events[i].known == known)
            return true;
    }
    return false;
}

static bool is_silent(const struct processors *p, uint32_t cpu)
{
    const struct processor *row = table_find(&p->cpus, cpu, 0, 0);
    return !row || !(row->busy_ns + row->idle_ns);
}

/* Of those that have packets or a node. */
static uint32_t silent_cpus(const struct processors *p)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->cpus.count; i++)
        count += is_silent(p, p->cpus.keys[i].a);
    for (uint32_t i = 0; i < p->names->nodes.count; i++)
        count += !table_find(&p->cpus, p->names->nodes.keys[i].a, 0, 0);
    return count;
}

void processors_finish(struct processors *p, const struct trace *trace)
{
    struct gaps gaps;
    p->silent = silent_cpus(p);
    p->is_unknown = trace->is_broken || !has_event(trace->layout, TRACE_Migrate);
    if (p->is_unknown)
        return;
    gaps_find(&gaps, trace);
    for (size_t i = 0; i < p->ready_count; i++) {
        struct processors_ready *ready = &p->readies[i];
        uint64_t until = gaps_known_until(&gaps, ready->from_ns, ready->to_ns);
        p->unknown_ready += until < ready->to_ns;
        ready->ran = ready->ran && until == ready->to_ns;
        ready->to_ns = until;
        if (until > ready->from_ns)
            against_all(p, ready);
    }
    gaps_free(&gaps);
}
