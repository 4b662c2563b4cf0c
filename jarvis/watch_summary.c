/* What a watch found, in sentences, or as one JSON document. */
#include "jarvis/watch_summary.h"
#include "jarvis/trace_filter.h"
#include <stdio.h>
#include <string.h>

#define ROWS_SHOWN 12u
#define BUSIEST 5u

static const char *task_text(char out[40], const struct watch_subject *subject, uint32_t id)
{
    const char *name = id ? "-" : "kernel";
    for (size_t i = 0; i < subject->count; i++)
        if (subject->ids[i] == id)
            name = subject->names[i];
    snprintf(out, 40, "%.*s (%u)", TASK_NAME_MAX, name, id);
    return out;
}

static const char *op_text(char out[24], uint32_t op)
{
    const char *name = operation_name(op);
    if (name)
        return name;
    snprintf(out, 24, "0x%x", op);
    return out;
}

static uint64_t cpu_used(const struct watch_subject *subject, uint32_t id)
{
    for (size_t i = 0; i < subject->count; i++)
        if (subject->ids[i] == id)
            return subject->cpu_ns[i];
    return 0;
}

/* ---- calls ---- */

enum side { CALLED, CALLS, ALL_CALLS };

static bool is_of(const struct figures_row *row, uint32_t task, enum side side)
{
    return side == ALL_CALLS || (side == CALLED ? row->server : row->caller) == task;
}

static uint64_t calls_of(const struct figures *f, enum side side)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < f->row_count; i++)
        count += is_of(&f->rows[i], f->task, side) ? f->rows[i].count : 0;
    return count;
}

static void calls_table(struct answer *out, const struct watch_subject *subject, const struct figures *f,
                        enum side side)
{
    static const struct column columns[] = {{"caller", "Caller", "Appelant", false},
                                            {"server", "Server", "Serveur", false},
                                            {"operation", "Operation", "Opération", false},
                                            {"calls", "Calls", "Appels", true},
                                            {"failed", "Refused", "Refusés", true},
                                            {"p50_ns", "p50", "p50", true},
                                            {"p99_ns", "p99", "p99", true}};
    char text[40], op[24], number[UNIT_TEXT];
    struct sheet *sheet = sheet_table(out, "calls", columns, 7);
    unsigned shown = 0;
    for (unsigned i = 0; i < f->row_count && shown < ROWS_SHOWN; i++) {
        const struct figures_row *row = &f->rows[i];
        if (!is_of(row, f->task, side))
            continue;
        shown++;
        put_text(sheet, task_text(text, subject, row->caller));
        put_text(sheet, task_text(text, subject, row->server));
        put_text(sheet, op_text(op, row->op));
        put_text(sheet, count_text(number, row->count, out->language));
        put_text(sheet, count_text(number, row->failed, out->language));
        put_time(sheet, figures_percentile(row, 500));
        put_time(sheet, figures_percentile(row, 990));
    }
    sheet_end(sheet);
}

static void say_calls(struct answer *out, const struct watch_subject *subject, const struct figures *f, enum side side)
{
    static const char *const none[LANGUAGES][3] = {
        {"Nobody called it.", "It called nobody.", "Nobody called anybody."},
        {"Personne ne l'a appelé.", "Il n'a appelé personne.", "Personne n'a appelé personne."}};
    char number[UNIT_TEXT];
    uint64_t count = calls_of(f, side);
    if (!count) {
        answer_printf(out, "%s\n", none[out->language][side]);
        return;
    }
    count_text(number, count, out->language);
    answer_printf(out,
                  side == CALLED  ? T(out, "It was called %s times:\n", "Il a été appelé %s fois :\n")
                  : side == CALLS ? T(out, "It called others %s times:\n", "Il a appelé d'autres %s fois :\n")
                                  : T(out, "Calls: %s\n", "Appels : %s\n"),
                  number);
    calls_table(out, subject, f, side);
}

/* ---- the rest ---- */

/* "12 things" of several kinds in one sentence; those that did not happen are left out. */
struct tally {
    uint64_t count;
    const char *english, *french;
};

static void say_items(struct answer *out, const char *before, const struct tally *items, size_t count, const char *none)
{
    char number[UNIT_TEXT];
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!items[i].count)
            continue;
        answer_printf(out, "%s%s %s", any ? ", " : before, count_text(number, items[i].count, out->language),
                      T(out, items[i].english, items[i].french));
        any = true;
    }
    answer_printf(out, "%s", any ? ".\n" : none);
}

static void say_messages(struct answer *out, const struct figures *f)
{
    const struct tally items[] = {{f->received, "messages received", "messages reçus"},
                                  {f->sent, "messages sent", "messages envoyés"},
                                  {f->signals, "signals raised", "signaux donnés"},
                                  {f->wakeups, "wake-ups", "réveils"},
                                  {f->interrupts, "interrupts while it ran", "interruptions pendant qu'il tournait"},
                                  {f->syscalls, "system calls", "appels système"},
                                  {f->capabilities, "steps with capabilities", "actes sur des capacités"},
                                  {f->memory, "memory mappings changed", "projections mémoire changées"},
                                  {f->log_lines, "log lines", "lignes de journal"}};
    say_items(out, T(out, "Beside that: ", "En plus : "), items, sizeof items / sizeof items[0], "");
}

static void say_network(struct answer *out, const struct figures *f)
{
    char in[UNIT_TEXT], out_[UNIT_TEXT], in_size[UNIT_TEXT], out_size[UNIT_TEXT];
    if (!f->in.packets && !f->out.packets && !f->opened && !f->closed)
        return;
    answer_printf(out, T(out, "Packets in: %s (%s), out: %s (%s).\n", "Paquets entrés : %s (%s), sortis : %s (%s).\n"),
                  count_text(in, f->in.packets, out->language), size_text(in_size, f->in.bytes, out->language),
                  count_text(out_, f->out.packets, out->language), size_text(out_size, f->out.bytes, out->language));
    answer_printf(out,
                  T(out, "TCP connections opened: %lu, closed: %lu; segments sent again: %lu.\n",
                    "Connexions TCP ouvertes : %lu, fermées : %lu ; segments renvoyés : %lu.\n"),
                  (unsigned long)f->opened, (unsigned long)f->closed, (unsigned long)f->again.packets);
}

static void say_own(struct answer *out, const struct figures *f)
{
    const struct tally items[] = {{f->restarts, "services restarted", "services redémarrés"},
                                  {f->plans, "requests planned", "demandes planifiées"},
                                  {f->steps, "steps done", "étapes faites"},
                                  {f->other_user, "events of its own", "événements à lui"}};
    say_items(out, T(out, "It told: ", "Il a dit : "), items, sizeof items / sizeof items[0], "");
}

static void say_faults(struct answer *out, const struct figures *f)
{
    const struct tally items[] = {{f->page_faults, "page faults", "défauts de page"},
                                  {f->user_faults, "faults that stopped it", "fautes qui l'ont arrêté"},
                                  {f->other_faults, "faults of devices", "fautes de périphériques"}};
    say_items(out, T(out, "Faults: ", "Fautes : "), items, 3, T(out, "No faults.\n", "Aucune faute.\n"));
    if (f->ended_ns)
        answer_printf(out,
                      T(out, "It ended, with code %d; a new one of its name is another task.\n",
                        "Il a fini, code %d ; un nouveau du même nom est une autre tâche.\n"),
                      f->end_code);
}

static void say_ran(struct answer *out, struct watch_subject *subject, const struct figures *f)
{
    char span[UNIT_TEXT], cpu[UNIT_TEXT], share[UNIT_TEXT], runs[UNIT_TEXT];
    uint64_t used = cpu_used(subject, subject->id), all = subject->end_ns - subject->begin_ns;
    answer_printf(out,
                  T(out, "In %s %s ran %s times, for %s in all: %s of a CPU.\n",
                    "En %s %s a tourné %s fois, %s en tout : %s d'un CPU.\n"),
                  time_text(span, all, out->language), watch_subject_name(out, subject),
                  count_text(runs, f->runs, out->language), time_text(cpu, used, out->language),
                  share_text(share, used, all, out->language));
}

static void busiest(struct answer *out, const struct watch_subject *subject)
{
    static const struct column columns[] = {{"task", "Task", "Tâche", false},
                                            {"cpu_ns", "CPU time", "Temps CPU", true},
                                            {"share", "Of a CPU", "D'un CPU", true}};
    struct sheet *sheet = sheet_table(out, "busiest", columns, 3);
    bool shown[TASKS_SEEN_MAX] = {false};
    char text[40];
    for (unsigned round = 0; round < BUSIEST; round++) {
        size_t best = TASKS_SEEN_MAX;
        for (size_t i = 0; i < subject->count; i++)
            if (!shown[i] && subject->cpu_ns[i] &&
                (best == TASKS_SEEN_MAX || subject->cpu_ns[i] > subject->cpu_ns[best]))
                best = i;
        if (best == TASKS_SEEN_MAX)
            break;
        shown[best] = true;
        put_text(sheet, task_text(text, subject, subject->ids[best]));
        put_time(sheet, subject->cpu_ns[best]);
        put_share(sheet, subject->cpu_ns[best], subject->end_ns - subject->begin_ns);
    }
    sheet_end(sheet);
}

static void say_all(struct answer *out, struct watch_subject *subject, const struct figures *f)
{
    char span[UNIT_TEXT], runs[UNIT_TEXT];
    if (subject->id) {
        say_ran(out, subject, f);
        say_calls(out, subject, f, CALLED);
        say_calls(out, subject, f, CALLS);
    } else {
        answer_printf(out,
                      T(out, "In %s there were %s switches between tasks. The busiest:\n",
                        "En %s il y a eu %s changements de tâche. Les plus actives :\n"),
                      time_text(span, subject->end_ns - subject->begin_ns, out->language),
                      count_text(runs, f->runs, out->language));
        busiest(out, subject);
        say_calls(out, subject, f, ALL_CALLS);
    }
    say_messages(out, f);
    say_network(out, f);
    say_own(out, f);
    say_faults(out, f);
}

/* ---- JSON ---- */

static void calls_json(struct json *json, const char *key, const struct watch_subject *subject, const struct figures *f,
                       enum side side)
{
    char text[40], op[24];
    json_open(json, key, '[');
    for (unsigned i = 0; i < f->row_count; i++) {
        const struct figures_row *row = &f->rows[i];
        if (!is_of(row, f->task, side))
            continue;
        json_open(json, NULL, '{');
        json_string(json, "caller", task_text(text, subject, row->caller));
        json_string(json, "server", task_text(text, subject, row->server));
        json_string(json, "operation", op_text(op, row->op));
        json_number(json, "count", row->count);
        json_number(json, "failed", row->failed);
        json_number(json, "p50_ns", figures_percentile(row, 500));
        json_number(json, "p99_ns", figures_percentile(row, 990));
        json_close(json);
    }
    json_close(json);
}

static void numbers_json(struct json *json, const struct watch_subject *subject, const struct figures *f, uint64_t lost)
{
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {{"duration_ns", subject->end_ns - subject->begin_ns},
                {"cpu_ns", cpu_used(subject, subject->id)},
                {"runs", f->runs},
                {"events", f->events},
                {"lost", lost},
                {"received", f->received},
                {"sent", f->sent},
                {"signals", f->signals},
                {"wakeups", f->wakeups},
                {"interrupts", f->interrupts},
                {"syscalls", f->syscalls},
                {"packets_in", f->in.packets},
                {"bytes_in", f->in.bytes},
                {"packets_out", f->out.packets},
                {"bytes_out", f->out.bytes},
                {"connections_opened", f->opened},
                {"connections_closed", f->closed},
                {"segments_again", f->again.packets},
                {"page_faults", f->page_faults},
                {"user_faults", f->user_faults},
                {"other_faults", f->other_faults},
                {"restarts", f->restarts},
                {"calls_not_listed", f->more_calls},
                {"calls_unmatched", f->unmatched}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        json_number(json, rows[i].key, rows[i].value);
}

static void summary_json(struct answer *out, struct watch_subject *subject, const struct figures *f, uint64_t lost)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_open(&json, "trace_summary", '{');
    json_number(&json, "task", subject->id);
    json_string(&json, "name", subject->name);
    numbers_json(&json, subject, f, lost);
    if (subject->id) {
        calls_json(&json, "called", subject, f, CALLED);
        calls_json(&json, "calls", subject, f, CALLS);
    } else {
        calls_json(&json, "calls", subject, f, ALL_CALLS);
    }
    json_close(&json);
    json_close(&json);
    answer_bytes(out, "\n", 1);
}

void watch_summary(struct answer *out, struct watch_subject *subject, const struct figures *f, uint64_t lost)
{
    char events[UNIT_TEXT], missing[UNIT_TEXT];
    if (out->json) {
        summary_json(out, subject, f, lost);
        return;
    }
    say_all(out, subject, f);
    count_text(events, f->events, out->language);
    if (lost)
        answer_printf(out,
                      T(out, "Events read: %s; lost: %s, so the counts above are too small.\n",
                        "Événements lus : %s ; perdus : %s, les comptes ci-dessus sont donc trop petits.\n"),
                      events, count_text(missing, lost, out->language));
    else
        answer_printf(out, T(out, "Events read: %s; none was lost.\n", "Événements lus : %s ; aucun perdu.\n"), events);
}
