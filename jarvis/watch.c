#include "jarvis/watch.h"
#include "jarvis/figures.h"
#include "jarvis/trace_cursor.h"
#include "jarvis/watch_summary.h"
#include <stdio.h>
#include <string.h>

#define SECOND_NS 1000000000ull
#define POLL_NS 20000000ull /* a ring holds more than comes in that time */
#define RETRY_NS 5000000ull /* rconsole's queue was full */
#define TURN_EVENTS 20000u  /* then others get their turn */
#define PROGRESS_LINES 10u  /* at most, beside the first */
/* What the summary is made of. */
#define CLASSES_NEEDED \
    (TRACE_CLASS_SCHED | TRACE_CLASS_IPC | TRACE_CLASS_IRQ | TRACE_CLASS_FAULT | TRACE_CLASS_TASK | TRACE_CLASS_USER)

enum watch_state { WATCH_NONE = 0, WATCH_ASKED, WATCH_RUNNING, WATCH_DONE };

static struct {
    enum watch_state state;
    uint32_t session, classes;
    uint64_t span_ns, end_ns, due_ns, next_line_ns;
    bool sets_filter;
    status_t status; /* why it could not begin or go on */
    struct trace_filter before;
    struct trace_cursor cursor;
    struct watch_subject subject;
    struct figures figures;
} self;

uint32_t watch_session(void)
{
    return self.state == WATCH_NONE ? 0 : self.session;
}

uint32_t watch_seconds_left(void)
{
    uint64_t now = world_now(), end = self.state == WATCH_RUNNING ? self.end_ns : now + self.span_ns;
    return end > now ? (uint32_t)((end - now + SECOND_NS - 1) / SECOND_NS) : 0;
}

uint64_t watch_due(void)
{
    return self.state == WATCH_NONE ? DEADLINE_NEVER : self.due_ns;
}

/* ---- asking for it ---- */

static status_t bad_time(struct call *call, uint32_t seconds)
{
    answer_error(
        call->out, "duration",
        T(call->out,
          "I can watch for 1 to %u seconds, not for %u. For longer, record on your machine: trustos-trace record HOST.",
          "Je peux observer de 1 à %u secondes, pas %u. Pour plus longtemps, enregistrez sur votre machine : "
          "trustos-trace record HÔTE."),
        WATCH_SECONDS_MAX, seconds);
    return ERR_INVALID;
}

static status_t one_task(struct call *call)
{
    answer_error(call->out, "argument", "%s",
                 T(call->out, "I can watch one task at a time, or all: leave the name away.",
                   "Je peux observer une tâche à la fois, ou toutes : sans nom."));
    return ERR_INVALID;
}

/* Without the right to set the filter it must already let through what is needed. */
static status_t check_filter(struct call *call)
{
    handle_t trace = call->authority->caps[CAP_TRACE];
    char missing[CLASSES_TEXT];
    status_t status = trace_filter_read(trace, &self.before);
    if (status != OK)
        return call_failed(call, CAP_TRACE, status);
    self.sets_filter = call->authority->rights[CAP_TRACE] & RIGHT_TRACE_CONTROL;
    if (self.sets_filter || (!(CLASSES_NEEDED & ~self.before.mask) && !self.before.count))
        return OK;
    answer_error(
        call->out, "no_right",
        T(call->out,
          "The trace does not record all that this takes (missing: %s%s), and to change that takes an operator: "
          "`login TOKEN`.",
          "La trace n'enregistre pas tout ce qu'il faut (manque : %s%s), et seul un opérateur peut le changer : "
          "`login JETON`."),
        trace_classes_text(missing, CLASSES_NEEDED & ~self.before.mask),
        self.before.count ? T(call->out, " events of all tasks", " les événements de toutes les tâches") : "");
    return ERR_NO_RIGHT;
}

static status_t choose_subject(struct call *call)
{
    struct trace_filter asked = {0};
    status_t status = call_slot(call, SLOT_service) ? trace_tasks_asked(call, &asked) : OK;
    if (status == OK && asked.count > 1)
        return one_task(call);
    return status != OK ? status : watch_subject_read(call, asked.count ? asked.tasks[0] : 0, &self.subject);
}

status_t watch_ask(struct call *call, uint32_t classes)
{
    uint32_t seconds = clause_number(call->request, call->clause, SLOT_duration, WATCH_SECONDS_USUAL);
    status_t status = trace_filter_free(call);
    if (status != OK)
        return status;
    if (seconds < 1 || seconds > WATCH_SECONDS_MAX)
        return bad_time(call, seconds);
    if ((status = check_filter(call)) != OK || (status = choose_subject(call)) != OK)
        return status;
    self.session = call->who->number;
    self.classes = classes | CLASSES_NEEDED;
    self.span_ns = seconds * SECOND_NS;
    self.due_ns = world_now();
    self.status = OK;
    self.state = WATCH_ASKED;
    return TOOL_GOES_ON;
}

/* ---- running ---- */

static void over(status_t status)
{
    self.status = status;
    self.state = WATCH_DONE;
    self.due_ns = world_now();
}

static status_t set_filter(handle_t trace)
{
    struct trace_filter filter = {.mask = self.before.mask | self.classes, .count = self.subject.id != 0};
    filter.tasks[0] = self.subject.id;
    return self.sets_filter ? trace_filter_set(trace, &filter) : (status_t)OK;
}

static void begin(handle_t trace)
{
    uint64_t now = world_now();
    status_t status = set_filter(trace);
    if (status == OK)
        status = trace_cursor_open(&self.cursor, trace, self.subject.cpu_count);
    if (status == OK)
        status = watch_subject_begin(&self.subject, trace, now);
    figures_init(&self.figures, self.subject.id);
    self.end_ns = now + self.span_ns;
    self.next_line_ns = now;
    self.due_ns = now;
    self.state = WATCH_RUNNING;
    if (status != OK)
        over(status);
}

/* True: all that there was is counted. */
static bool count_events(handle_t trace)
{
    struct trace_record record;
    trace_cursor_look(&self.cursor);
    for (unsigned i = 0; i < TURN_EVENTS; i++) {
        if (!trace_cursor_next(&self.cursor, trace, &record))
            return true;
        if (record.timestamp_ns <= self.end_ns)
            figures_add(&self.figures, &record);
    }
    return false;
}

static bool line_due(uint64_t now)
{
    uint64_t step = self.span_ns / PROGRESS_LINES > SECOND_NS ? self.span_ns / PROGRESS_LINES : SECOND_NS;
    if (now < self.next_line_ns || now >= self.end_ns)
        return false;
    while (self.next_line_ns <= now)
        self.next_line_ns += step;
    return true;
}

static enum watch_news run(handle_t trace)
{
    uint64_t now = world_now();
    bool all = count_events(trace);
    self.due_ns = all ? now + POLL_NS : now;
    if (now >= self.end_ns && all)
        over(watch_subject_end(&self.subject, trace, self.end_ns));
    return self.state == WATCH_RUNNING && line_due(now) ? WATCH_PROGRESS : WATCH_NOTHING;
}

/* The filter is as it was, and rconsole knows. */
static bool put_back(handle_t trace, bool (*keep)(void *context, const struct trace_filter *before), void *context)
{
    self.due_ns = world_now() + RETRY_NS;
    if (!self.sets_filter)
        return true;
    trace_filter_restore(trace, &self.before);
    self.sets_filter = !keep(context, NULL);
    return !self.sets_filter;
}

enum watch_news watch_turn(handle_t trace, bool (*keep)(void *context, const struct trace_filter *before),
                           void *context)
{
    enum watch_news news = WATCH_NOTHING;
    if (self.state == WATCH_NONE || world_now() < self.due_ns)
        return WATCH_NOTHING;
    if (self.state == WATCH_ASKED) {
        if (!self.sets_filter || keep(context, &self.before))
            begin(trace);
        else
            self.due_ns = world_now() + RETRY_NS;
    }
    if (self.state == WATCH_RUNNING)
        news = run(trace);
    if (self.state != WATCH_DONE)
        return news;
    return put_back(trace, keep, context) ? WATCH_OVER : WATCH_NOTHING;
}

void watch_stop(void)
{
    uint64_t now = world_now();
    if (self.state != WATCH_ASKED && self.state != WATCH_RUNNING)
        return;
    self.end_ns = self.state == WATCH_RUNNING && self.end_ns < now ? self.end_ns : now;
    self.span_ns = self.state == WATCH_ASKED ? 0 : self.span_ns;
    self.due_ns = now;
}

static void forget(void)
{
    trace_cursor_close(&self.cursor);
    self.state = WATCH_NONE;
}

void watch_drop(handle_t trace)
{
    if (self.state == WATCH_NONE)
        return;
    if (self.sets_filter && self.state != WATCH_ASKED && trace != HANDLE_NONE)
        trace_filter_restore(trace, &self.before);
    forget();
}

/* ---- telling ---- */

void watch_say_progress(struct answer *out)
{
    char events[UNIT_TEXT], lost[UNIT_TEXT];
    uint64_t now = world_now(), begun = self.end_ns - self.span_ns;
    if (now < begun + SECOND_NS / 2) {
        say(out,
            T(out, "Watching %s for %lu s; an empty line, `stop` or Ctrl-C ends it early.\n",
              "J'observe %s pendant %lu s ; une ligne vide, « stop » ou Ctrl-C l'abrège.\n"),
            watch_subject_name(out, &self.subject), (unsigned long)(self.span_ns / SECOND_NS));
        return;
    }
    say(out, T(out, "  %lu of %lu s, %s events, %s lost\n", "  %lu s sur %lu, %s événements, %s perdus\n"),
        (unsigned long)((now - begun) / SECOND_NS), (unsigned long)(self.span_ns / SECOND_NS),
        count_text(events, self.figures.events, out->language), count_text(lost, self.cursor.lost, out->language));
}

status_t watch_tell(struct call *call)
{
    status_t status = self.status;
    figures_sort(&self.figures);
    if (status == ERR_NOT_FOUND)
        answer_error(call->out, "gone",
                     T(call->out, "%s ended before the watch began.", "%s a fini avant l'observation."),
                     watch_subject_name(call->out, &self.subject));
    else if (status != OK)
        (void)call_failed(call, CAP_TRACE, status);
    else
        watch_summary(call->out, &self.subject, &self.figures, self.cursor.lost);
    forget();
    return status;
}
