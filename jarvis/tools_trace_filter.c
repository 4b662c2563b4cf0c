/* trace_start, trace_stop, trace_filter: what the kernel records. Start adds classes, stop takes away, filter sets. */
#include "jarvis/trace_filter.h"
#include "jarvis/watch.h"
#include <stdio.h>
#include <string.h>

static void say_filter(struct answer *out, const char *classes, const char *others, const char *tasks)
{
    if (!*classes) {
        say(out, "%s", T(out, "Nothing is recorded", "Rien n'est enregistré"));
    } else {
        say(out, T(out, "Recorded: %s", "Enregistré : %s"), classes);
        if (*others)
            say(out, T(out, "; not recorded: %s", " ; pas enregistré : %s"), others);
    }
    say(out, ".\n");
    if (*tasks)
        say(out,
            T(out, "Only events in which these have a part: %s.\n", "Seuls les événements où ceux-ci ont part : %s.\n"),
            tasks);
    else if (*classes)
        say(out, "%s", T(out, "Of all tasks.\n", "De toutes les tâches.\n"));
}

/* What is recorded now, as the kernel tells it: not what was asked for. */
static status_t show_filter(struct call *call)
{
    struct trace_filter now;
    handle_t trace = call->authority->caps[CAP_TRACE];
    char classes[CLASSES_TEXT], others[CLASSES_TEXT], tasks[TRACE_TASKS_TEXT];
    status_t status = trace_filter_read(trace, &now);
    if (status != OK)
        return call_failed(call, CAP_TRACE, status);
    trace_classes_text(classes, now.mask);
    trace_classes_text(others, TRACE_CLASS_ALL & ~now.mask);
    trace_tasks_text(tasks, trace, &now);
    if (!call->out->json) {
        say_filter(call->out, classes, others, tasks);
        return OK;
    }
    struct sheet *sheet = sheet_facts(call->out, "trace_filter");
    sheet_label(sheet, "classes", "");
    put_text(sheet, classes);
    sheet_label(sheet, "classes_off", "");
    put_text(sheet, others);
    sheet_label(sheet, "only_tasks", "");
    put_text(sheet, tasks);
    sheet_end(sheet);
    return OK;
}

static status_t set_and_show(struct call *call, const struct trace_filter *filter)
{
    status_t status = trace_filter_set(call->authority->caps[CAP_TRACE], filter);
    if (status == ERR_NOT_FOUND) {
        answer_error(call->out, "gone", "%s",
                     T(call->out, "One of these tasks ended just now; nothing was changed.",
                       "Une de ces tâches vient de finir ; rien n'a été changé."));
        return status;
    }
    return status != OK ? call_failed(call, CAP_TRACE, status) : show_filter(call);
}

/* What is recorded now, with the tasks that the call names in place of the chosen ones. */
static status_t begin(struct call *call, struct trace_filter *filter)
{
    status_t status = trace_filter_free(call);
    if (status == OK && (status = trace_filter_read(call->authority->caps[CAP_TRACE], filter)) != OK)
        return call_failed(call, CAP_TRACE, status);
    if (status == OK && call_slot(call, SLOT_service))
        status = trace_tasks_asked(call, filter);
    return status;
}

static status_t off_is_stop(struct call *call)
{
    answer_error(call->out, "argument", "%s",
                 T(call->out, "To record nothing more, say `trace stop`.",
                   "Pour ne plus rien enregistrer, dites « trace stop »."));
    return ERR_INVALID;
}

/* "trace netsrv and tell me what it did" */
static bool summary_follows(const struct call *call)
{
    const struct clause *next = call->clause + 1;
    return next < call->request->clauses + call->request->count && next->intent == INTENT_trace_summarise;
}

status_t tool_trace_start(struct call *call)
{
    struct trace_filter filter;
    bool off;
    uint32_t classes = trace_classes_asked(call, &off);
    if (off)
        return off_is_stop(call);
    if (call_slot(call, SLOT_duration) || (call_slot(call, SLOT_service) && summary_follows(call)))
        return watch_ask(call, classes);
    status_t status = begin(call, &filter);
    if (status != OK)
        return status;
    filter.mask |= classes ? classes : TRACE_CLASS_DEFAULT;
    return set_and_show(call, &filter);
}

status_t tool_trace_stop(struct call *call)
{
    struct trace_filter filter;
    bool off;
    uint32_t classes = trace_classes_asked(call, &off);
    status_t status = begin(call, &filter);
    if (status != OK)
        return status;
    filter.mask &= classes ? ~classes : 0;
    status = set_and_show(call, &filter);
    if (status == OK && !filter.mask)
        say(call->out, "%s",
            T(call->out,
              "What was recorded stays (`trace dump`), and a panic would show only that. `trace start` goes on.\n",
              "Ce qui est enregistré reste (« trace dump »), et une panique ne montrerait que cela. « trace start » "
              "reprend.\n"));
    return status;
}

static void say_usage(struct answer *out)
{
    char classes[CLASSES_TEXT];
    trace_classes_text(classes, TRACE_CLASS_ALL);
    say(out,
        T(out,
          "Say `trace filter` with classes (%s) to record just these, with tasks (`trace filter netsrv`) for just their "
          "events, or with `off` for the usual classes of all tasks.\n",
          "Dites « trace filter » avec des classes (%s) pour n'enregistrer qu'elles, avec des tâches (« trace filter "
          "netsrv ») pour leurs seuls événements, ou « off » pour les classes usuelles de toutes les tâches.\n"),
        classes);
}

status_t tool_trace_filter(struct call *call)
{
    struct trace_filter filter;
    bool off;
    uint32_t classes = trace_classes_asked(call, &off);
    bool asks = !classes && !off && !call_slot(call, SLOT_service);
    if (asks) {
        status_t shown = show_filter(call);
        say_usage(call->out);
        return shown;
    }
    status_t status = begin(call, &filter);
    if (status != OK)
        return status;
    if (off)
        filter = (struct trace_filter){.mask = TRACE_CLASS_DEFAULT};
    else if (classes)
        filter.mask = classes;
    return set_and_show(call, &filter);
}

status_t tool_trace_summarise(struct call *call)
{
    const struct clause *before = call->clause - 1;
    if (before >= call->request->clauses && before->intent == INTENT_trace_start && !call_slot(call, SLOT_duration) &&
        !call_slot(call, SLOT_service))
        return OK; /* "trace netsrv for 5 s and tell me what it did": it was told */
    return watch_ask(call, 0);
}
