/* tasks, task_info, top */
#include "jarvis/tool.h"
#include "jarvis/operations.h"
#include <string.h>

static const char *const state_names[LANGUAGES][7] = {
    {"new", "ready", "waiting", "calling", "calling", "faulted", "dead"},
    {"neuve", "prête", "attend", "appelle", "appelle", "en faute", "morte"}};

static const char *state_name(const struct answer *out, uint32_t state)
{
    return state < 7 ? state_names[out->language][state] : "?";
}

result_t tasks_read(handle_t trace, const struct task_info **tasks)
{
    static struct task_info seen[TASKS_SEEN_MAX];
    result_t n = world_info(trace, INFO_TASKS, 0, seen, sizeof seen);
    for (result_t i = 0; i < n; i++)
        seen[i].name[TASK_NAME_MAX - 1] = 0;
    *tasks = seen;
    return n > TASKS_SEEN_MAX ? TASKS_SEEN_MAX : n;
}

const struct task_info *task_find(const struct task_info *tasks, size_t count, const char *which)
{
    uint64_t id = 0;
    const char *digit = which;
    for (; *digit >= '0' && *digit <= '9' && id < UINT32_MAX; digit++)
        id = id * 10 + (uint64_t)(*digit - '0');
    bool number = *which && !*digit;
    for (size_t i = 0; i < count; i++)
        if (number ? tasks[i].id == id : strcmp(tasks[i].name, which) == 0)
            return &tasks[i];
    return NULL;
}

status_t task_not_found(struct call *call, const char *which)
{
    answer_error(call->out, "not_found",
                 T(call->out, "There is no task \"%s\"; `tasks` lists them all.",
                   "Il n'y a pas de tâche « %s » ; `tâches` les montre toutes."),
                 which);
    return ERR_NOT_FOUND;
}

static void row_memory(struct sheet *sheet, const struct task_info *task)
{
    char a[UNIT_TEXT];
    if (sheet->out->json)
        put_number(sheet, (uint64_t)task->used_pages * PAGE_SIZE);
    else
        put_text(sheet, size_text(a, (uint64_t)task->used_pages * PAGE_SIZE, sheet->out->language));
}

status_t tool_tasks(struct call *call)
{
    static const struct column columns[] = {{"id", "Id", "N°", true},
                                            {"name", "Name", "Nom", false},
                                            {"state", "State", "État", false},
                                            {"priority", "Prio", "Prio", true},
                                            {"cpu_time_ns", "CPU time", "Temps CPU", true},
                                            {"memory_bytes", "Memory", "Mémoire", true},
                                            {"quota_bytes", "Quota", "Quota", true},
                                            {"capabilities", "Caps", "Caps", true}};
    const struct task_info *tasks;
    result_t n = tasks_read(call->authority->caps[CAP_TRACE], &tasks);
    if (n < 0)
        return call_failed(call, CAP_TRACE, (status_t)n);
    if (call->clause->question || call->clause->focus == C_HOWMANY)
        say(call->out, T(call->out, "%u tasks exist.\n", "Il y a %u tâches.\n"), (unsigned)n);
    struct sheet *sheet = sheet_table(call->out, "tasks", columns, sizeof columns / sizeof columns[0]);
    for (result_t i = 0; i < n; i++) {
        put_number(sheet, tasks[i].id);
        put_text(sheet, tasks[i].name);
        put_text(sheet, state_name(call->out, tasks[i].state));
        put_number(sheet, tasks[i].priority);
        put_time(sheet, tasks[i].cpu_time_ns);
        row_memory(sheet, &tasks[i]);
        put_size(sheet, (uint64_t)tasks[i].quota_pages * PAGE_SIZE);
        put_number(sheet, tasks[i].capabilities);
    }
    sheet_end(sheet);
    return OK;
}

static void task_facts(struct sheet *sheet, const struct task_info *task)
{
    struct answer *out = sheet->out;
    char cpus[BITS_TEXT];
    sheet_label(sheet, "id", T(out, "Task", "Tâche"));
    put_number(sheet, task->id);
    sheet_label(sheet, "name", T(out, "Name", "Nom"));
    put_text(sheet, task->name);
    sheet_label(sheet, "state", T(out, "State", "État"));
    put_text(sheet, state_name(out, task->state));
    sheet_label(sheet, "priority", T(out, "Priority", "Priorité"));
    put_number(sheet, task->priority);
    sheet_label(sheet, "cpu", T(out, "Last on CPU", "Dernier CPU"));
    put_number(sheet, task->cpu);
    sheet_label(sheet, "affinity", T(out, "May run on CPUs", "CPU permis"));
    put_text(sheet, bits_text(cpus, task->affinity));
    sheet_label(sheet, "home_node", T(out, "Home node", "Nœud"));
    put_number(sheet, task->home_node);
    sheet_label(sheet, "cpu_time_ns", T(out, "CPU time", "Temps CPU"));
    put_time(sheet, task->cpu_time_ns);
    sheet_label(sheet, "age_ns", T(out, "Running for", "Tourne depuis"));
    put_time(sheet, world_now() - task->started_ns);
    sheet_label(sheet, "memory_bytes", T(out, "Memory", "Mémoire"));
    put_size(sheet, (uint64_t)task->used_pages * PAGE_SIZE);
    sheet_label(sheet, "quota_bytes", T(out, "Memory quota", "Quota de mémoire"));
    put_size(sheet, (uint64_t)task->quota_pages * PAGE_SIZE);
    sheet_label(sheet, "capabilities", T(out, "Capabilities", "Capacités"));
    put_number(sheet, task->capabilities);
    sheet_label(sheet, "switches", T(out, "Times scheduled", "Mises sur CPU"));
    put_number(sheet, task->switches);
    if (!task->syscalls && !out->json)
        return;
    sheet_label(sheet, "syscalls", T(out, "System calls", "Appels système"));
    put_number(sheet, task->syscalls);
}

static void say_task(struct answer *out, const struct task_info *task, uint8_t focus)
{
    char memory[UNIT_TEXT], cpu[UNIT_TEXT], quota[UNIT_TEXT];
    size_text(memory, (uint64_t)task->used_pages * PAGE_SIZE, out->language);
    size_text(quota, (uint64_t)task->quota_pages * PAGE_SIZE, out->language);
    time_text(cpu, task->cpu_time_ns, out->language);
    if (focus == C_MEMORY) {
        say(out, T(out, "%s uses %s of its %s.\n", "%s utilise %s de ses %s.\n"), task->name, memory, quota);
        return;
    }
    say(out,
        T(out, "%s (task %u, priority %u) uses %s of memory and has used %s of CPU time.\n",
          "%s (tâche %u, priorité %u) utilise %s de mémoire et a utilisé %s de temps CPU.\n"),
        task->name, task->id, task->priority, memory, cpu);
}

status_t tool_task_info(struct call *call)
{
    const struct task_info *tasks;
    const char *which = call_slot(call, SLOT_task);
    result_t n = tasks_read(call->authority->caps[CAP_TRACE], &tasks);
    if (n < 0)
        return call_failed(call, CAP_TRACE, (status_t)n);
    const struct task_info *task = task_find(tasks, (size_t)n, which);
    if (!task)
        return task_not_found(call, which);
    say_task(call->out, task, call->clause->focus);
    struct sheet *sheet = sheet_facts(call->out, "task_info");
    task_facts(sheet, task);
    sheet_end(sheet);
    return OK;
}

/* ---- who uses the CPU: counters now, less those of a look some time ago ---- */

struct usage_look {
    uint64_t at_ns;
    uint32_t count;
    struct {
        uint32_t id;
        uint64_t cpu_time_ns;
    } tasks[TASKS_SEEN_MAX];
};
static struct usage_look looks[2]; /* newest first */
#define LOOK_EVERY_NS 2000000000ull
#define LOOK_USEFUL_NS 500000000ull

static void look_take(struct usage_look *look, const struct task_info *tasks, size_t count, uint64_t now)
{
    look->at_ns = now;
    look->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        look->tasks[i].id = tasks[i].id;
        look->tasks[i].cpu_time_ns = tasks[i].cpu_time_ns;
    }
}

void usage_note(handle_t trace)
{
    const struct task_info *tasks;
    uint64_t now = world_now();
    if (looks[0].at_ns && now - looks[0].at_ns < LOOK_EVERY_NS)
        return;
    result_t n = tasks_read(trace, &tasks);
    if (n <= 0)
        return;
    looks[1] = looks[0];
    look_take(&looks[0], tasks, (size_t)n, now);
}

/* The newest look that is old enough to compare with; NULL: none, compare with the start. */
static const struct usage_look *look_before(uint64_t now)
{
    for (unsigned i = 0; i < 2; i++)
        if (looks[i].at_ns && now - looks[i].at_ns >= LOOK_USEFUL_NS)
            return &looks[i];
    return NULL;
}

static uint64_t used_since(const struct usage_look *before, const struct task_info *task)
{
    for (uint32_t i = 0; before && i < before->count; i++)
        if (before->tasks[i].id == task->id && task->cpu_time_ns >= before->tasks[i].cpu_time_ns)
            return task->cpu_time_ns - before->tasks[i].cpu_time_ns;
    return task->cpu_time_ns;
}

struct ranked {
    const struct task_info *task;
    uint64_t key, used_ns;
};

/* Insertion: a handful of tasks, most first, the lower id first among equals. */
static void rank(struct ranked *ranked, const struct task_info *tasks, size_t count, const struct usage_look *before,
                 bool by_memory)
{
    for (size_t i = 0; i < count; i++) {
        struct ranked r = {&tasks[i], 0, used_since(before, &tasks[i])};
        r.key = by_memory ? tasks[i].used_pages : r.used_ns;
        size_t at = i;
        for (; at && ranked[at - 1].key < r.key; at--)
            ranked[at] = ranked[at - 1];
        ranked[at] = r;
    }
}

static void say_top(struct call *call, const struct ranked *first, uint64_t window, bool since_start, bool by_memory)
{
    struct answer *out = call->out;
    char a[UNIT_TEXT], b[UNIT_TEXT];
    if (by_memory)
        say(out, T(out, "%s uses the most memory: %s.\n", "%s utilise le plus de mémoire : %s.\n"), first->task->name,
            size_text(a, (uint64_t)first->task->used_pages * PAGE_SIZE, out->language));
    else
        say(out,
            since_start ? T(out, "%s has used the most CPU time since the start (%s ago): %s.\n",
                            "%s a utilisé le plus de CPU depuis le démarrage (il y a %s) : %s.\n")
                        : T(out, "%s used the most CPU time in the last %s: %s.\n",
                            "%s a utilisé le plus de CPU ces dernières %s : %s.\n"),
            first->task->name, time_text(b, window, out->language),
            share_text(a, first->used_ns, window, out->language));
}

static void top_rows(struct sheet *sheet, const struct ranked *ranked, size_t count, uint64_t window)
{
    char bar[UNIT_TEXT];
    for (size_t i = 0; i < count; i++) {
        const struct task_info *task = ranked[i].task;
        put_number(sheet, task->id);
        put_text(sheet, task->name);
        put_share(sheet, ranked[i].used_ns, window);
        if (!sheet->out->json)
            put_text(sheet, stroke_text(bar, 12, ranked[i].key, ranked[0].key));
        put_time(sheet, task->cpu_time_ns);
        row_memory(sheet, task);
    }
}

status_t tool_top(struct call *call)
{
    static const struct column columns[] = {{"id", "Id", "N°", true},
                                            {"name", "Name", "Nom", false},
                                            {"cpu_permille", "CPU", "CPU", true},
                                            {"bar", "", "", false},
                                            {"cpu_time_ns", "CPU time", "Temps CPU", true},
                                            {"memory_bytes", "Memory", "Mémoire", true}};
    static const struct column json_columns[] = {{"id", NULL, NULL, true},
                                                 {"name", NULL, NULL, false},
                                                 {"cpu_permille", NULL, NULL, true},
                                                 {"cpu_time_ns", NULL, NULL, true},
                                                 {"memory_bytes", NULL, NULL, true}};
    static struct ranked ranked[TASKS_SEEN_MAX];
    const struct task_info *tasks;
    result_t n = tasks_read(call->authority->caps[CAP_TRACE], &tasks);
    if (n <= 0)
        return call_failed(call, CAP_TRACE, n < 0 ? (status_t)n : ERR_IO);
    uint64_t now = world_now();
    const struct usage_look *before = look_before(now);
    uint64_t window = before ? now - before->at_ns : now;
    bool by_memory = call_slot(call, SLOT_sort) != NULL;
    rank(ranked, tasks, (size_t)n, before, by_memory);
    uint32_t count = clause_number(call->request, call->clause, SLOT_count, 10);
    count = count && count < (uint64_t)n ? count : (uint32_t)n;
    say_top(call, &ranked[0], window, !before, by_memory);
    struct sheet *sheet =
        call->out->json ? sheet_table(call->out, "top", json_columns, 5) : sheet_table(call->out, "top", columns, 6);
    top_rows(sheet, ranked, count, window);
    sheet_end(sheet);
    return OK;
}
