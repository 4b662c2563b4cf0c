#include "jarvis/executor.h"
#include "jarvis/slots.h"
#include "jarvis/watch.h"
#include <stdio.h>
#include <string.h>

/* ---- what is said instead of doing ---- */

static const char *example(const struct answer *out, enum intent intent)
{
    const char *words = tools[intent].example[out->language];
    return words ? words : intent_name(intent);
}

static void offer(struct answer *out, const struct clause *clause)
{
    static const enum intent usual[] = {INTENT_status, INTENT_memory, INTENT_tasks, INTENT_net_status};
    const enum intent *list = clause->nearest_count ? clause->nearest : usual;
    unsigned count = clause->nearest_count ? clause->nearest_count : 4, shown = 0;
    say(out, "%s", T(out, "You could try: ", "Essayez : "));
    for (unsigned i = 0; i < count; i++)
        if (tools[list[i]].run && tools[list[i]].example[0])
            say(out, "%s%s", shown++ ? "; " : "", example(out, list[i]));
    say(out, "%s", shown ? T(out, "; or help.\n", " ; ou aide.\n") : T(out, "help.\n", "aide.\n"));
}

/* One function a verdict; each returns why the step was not done. */
static status_t step_unknown(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    (void)dialogue;
    (void)tool;
    answer_error(out, "unknown", "%s", T(out, "I do not know how to do that.", "Je ne sais pas faire cela."));
    offer(out, call->clause);
    return ERR_NOT_FOUND;
}

static status_t step_clarify(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    const struct clause *clause = call->clause;
    (void)tool;
    answer_error(out, "clarify", "%s", T(out, "Which do you mean?", "Que voulez-vous dire ?"));
    dialogue->choice_count = clause->nearest_count;
    for (unsigned i = 0; i < clause->nearest_count; i++) {
        const struct tool *choice = &tools[clause->nearest[i]];
        dialogue->choices[i] = clause->nearest[i];
        say(out, "  %u. %s%s\n", i + 1, choice->title[out->language],
            choice->run ? "" : T(out, " - not in this version", " - pas dans cette version"));
    }
    if (clause->nearest_count)
        say(out, "%s",
            T(out, "Answer with a number, or say it in other words.\n",
              "Répondez par un numéro, ou dites-le autrement.\n"));
    return ERR_INVALID;
}

static status_t step_argument(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    dialogue->asked = call->clause->intent;
    answer_error(out, "argument", "%s",
                 tool->needs_slot == SLOT_task ? T(out, "Which task? Give its name or number; `tasks` lists them.",
                                                   "Quelle tâche ? Donnez son nom ou son numéro ; `tâches` les montre.")
                 : tool->needs_slot == SLOT_cap
                     ? T(out, "Which capability? Give its number; `caps netsrv` lists those of netsrv.",
                         "Quelle capacité ? Donnez son numéro ; « caps netsrv » montre celles de netsrv.")
                     : T(out, "Which service? `services` lists them.", "Quel service ? `services` les montre."));
    return ERR_INVALID;
}

static status_t step_refused(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    (void)dialogue;
    answer_error(out, "no_right",
                 T(out,
                   "Not allowed: this needs the right %s on %s, which your session does not hold.\n"
                   "`login TOKEN` makes you operator.",
                   "Pas autorisé : il faut le droit %s sur %s, que votre session n'a pas.\n"
                   "`login JETON` fait de vous un opérateur (operator)."),
                 right_name(tool->cap, tool->right), cap_kind_name(tool->cap, out->language));
    return ERR_NO_RIGHT;
}

static status_t step_later(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    (void)dialogue;
    answer_error(out, "not_in_this_version",
                 T(out, "I understood (%s), but this version cannot do it yet.",
                   "J'ai compris (%s), mais cette version ne sait pas encore le faire."),
                 tool->title[out->language]);
    return ERR_NOT_SUPPORTED;
}

/* ---- what destroys waits for a yes ---- */

static bool keep(struct kept_request *kept, const struct request *request, const struct clause *clause)
{
    size_t used = 0;
    *kept = (struct kept_request){.intent = INTENT_unknown};
    for (unsigned i = 0; i < clause->slot_count; i++) {
        const char *value = request->arena + clause->slots[i].value;
        size_t n = strlen(value) + 1;
        if (kept->count == KEPT_SLOTS || n > KEPT_TEXT - used)
            return false;
        kept->ids[kept->count++] = clause->slots[i].id;
        memcpy(kept->text + used, value, n);
        used += n;
    }
    kept->intent = clause->intent;
    return true;
}

/* The kept request as if it had been typed now. */
static void take_kept(struct request *request, const struct kept_request *kept, enum language language)
{
    const char *value = kept->text;
    *request = (struct request){.count = 1, .language = language};
    struct clause *clause = &request->clauses[0];
    clause->intent = kept->intent;
    for (unsigned i = 0; i < kept->count; i++) {
        size_t n = strlen(value) + 1;
        clause->slots[clause->slot_count++] = (struct slot){.id = kept->ids[i], .value = request->arena_used};
        memcpy(request->arena + request->arena_used, value, n);
        request->arena_used = (uint16_t)(request->arena_used + n);
        value += n;
    }
}

static status_t ask_before(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct kept_request kept;
    if (dialogue->kept.intent != INTENT_unknown) {
        answer_error(call->out, "one_at_a_time", "%s",
                     T(call->out, "One thing that destroys at a time: answer the question above first.",
                       "Une seule chose qui détruit à la fois : répondez d'abord à la question ci-dessus."));
        return ERR_BUSY;
    }
    if (!keep(&kept, call->request, call->clause)) {
        answer_error(call->out, "too_long", "%s",
                     T(call->out, "That is too long to be kept until you say yes.",
                       "C'est trop long pour être gardé jusqu'à votre oui."));
        return ERR_TOO_LONG;
    }
    status_t status = tool->ask(call);
    if (status == OK)
        dialogue->kept = kept;
    return status;
}

static status_t step_do(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    return tool->ask && !call->confirmed ? ask_before(call, dialogue, tool) : tool->run(call);
}

static status_t (*const steps[])(struct call *call, struct dialogue *dialogue, const struct tool *tool) = {
    [STEP_DO] = step_do,           [STEP_UNKNOWN] = step_unknown,
    [STEP_CLARIFY] = step_clarify, [STEP_ARGUMENT] = step_argument,
    [STEP_REFUSED] = step_refused, [STEP_LATER] = step_later,
};

/* ---- the steps ---- */

static status_t step_run(struct call *call, const struct step *step, struct dialogue *dialogue)
{
    call->clause = step->clause;
    call->out->json = clause_slot(call->request, step->clause, SLOT_format) != NULL;
    return steps[step->verdict](call, dialogue, step->tool);
}

static bool is_due(const struct step *step, status_t before)
{
    if (step->clause->condition == IF_OK)
        return before == OK;
    return step->clause->condition != IF_FAIL || before != OK;
}

/* A line of which a step takes its time; there is one such step at most on the machine. */
static struct {
    struct request request;
    uint32_t plan;
    unsigned step;
} going;

/* One more blank line between two answers; none after a step that had nothing to say. */
static void gap(struct answer *out, size_t begun)
{
    if (out->length == begun + 1)
        out->length = begun;
}

static void tell_step(uint32_t number, unsigned step, status_t status)
{
    world_tell(TRACE_JarvisStep, number, (uint64_t)(uint32_t)status << 32 | (step + 1));
}

/* The steps from `first` on, after one that ended with `status`. */
static void plan_run(struct call *call, const struct plan *plan, struct dialogue *dialogue, unsigned first,
                     status_t status)
{
    for (unsigned i = first; i < plan->count; i++) {
        if (i && !is_due(&plan->steps[i], status))
            continue;
        size_t begun = call->out->length;
        if (i)
            answer_bytes(call->out, "\n", 1);
        status = step_run(call, &plan->steps[i], dialogue);
        if (i)
            gap(call->out, begun);
        if (status == TOOL_GOES_ON) {
            going.request = *call->request;
            going.plan = plan->number;
            going.step = i;
            dialogue->goes_on = true;
            dialogue->json = call->out->json;
            return;
        }
        tell_step(plan->number, i, status);
    }
}

/* ---- a line ---- */

/* "plan x" and "parse x" are commands of the console: returns what follows the word, or NULL. */
static const char *after_word(const char *text, size_t length, const char *word, size_t *rest)
{
    size_t n = strlen(word), at = 0;
    while (at < length && text[at] == ' ')
        at++;
    for (size_t i = 0; i < n; i++)
        if (at + i >= length || (text[at + i] | 0x20) != word[i])
            return NULL;
    at += n;
    if (at < length && text[at] != ' ')
        return NULL;
    *rest = length - at;
    return text + at;
}

static int line_number(const char *text, size_t length)
{
    int value = 0;
    size_t at = 0;
    while (at < length && text[at] == ' ')
        at++;
    size_t first = at;
    for (; at < length && text[at] >= '0' && text[at] <= '9' && value < 100000000; at++)
        value = value * 10 + (text[at] - '0');
    bool digits = at > first;
    while (at < length && (text[at] == ' ' || text[at] == '.'))
        at++;
    return digits && at == length ? value : -1;
}

/* A number that answers "which do you mean?", a name that answers "which service?". */
static void take_up(struct request *request, struct dialogue *dialogue, const char *text, size_t length)
{
    struct clause *clause = &request->clauses[0];
    int number = line_number(text, length);
    if (dialogue->choice_count && number >= 1 && number <= dialogue->choice_count) {
        *clause = (struct clause){.intent = dialogue->choices[number - 1]};
        request->count = 1;
        request->language = dialogue->language;
    } else if (dialogue->asked && tools[dialogue->asked].needs_slot == SLOT_cap && number >= 0) {
        *clause = (struct clause){.intent = dialogue->asked};
        request->count = 1;
        request->language = dialogue->language;
        slot_add_number(request, clause, SLOT_cap, (uint32_t)number);
    } else if (dialogue->asked && request->count == 1 && clause->intent == INTENT_services_list &&
               clause->slot_count == 1) {
        clause->intent = dialogue->asked;
        clause->slots[0].id = tools[dialogue->asked].needs_slot;
        request->language = dialogue->language;
    }
    dialogue->choice_count = 0;
    dialogue->asked = INTENT_unknown;
}

/* "yes", "Oui !", "no": 1, -1; 0 for any other line. */
static int line_consent(const char *text, size_t length)
{
    static const struct {
        const char *word;
        int means;
    } words[] = {{"yes", 1}, {"oui", 1}, {"no", -1}, {"non", -1}, {"cancel", -1}, {"annule", -1}};
    while (length && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length && strchr(" \t.!,", text[length - 1]))
        length--;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t same = 0;
        while (same < length && words[i].word[same] && (text[same] | 0x20) == words[i].word[same])
            same++;
        if (same == length && !words[i].word[same])
            return words[i].means;
    }
    return 0;
}

static uint32_t plans; /* made so far */

static void run_request(struct call *call, struct request *request, struct dialogue *dialogue)
{
    struct plan plan;
    plan_make(&plan, request, call->authority);
    plan.number = ++plans;
    world_tell(TRACE_JarvisPlan, plan.number, (uint64_t)call->who->number << 32 | plan.count);
    plan_run(call, &plan, dialogue, 0, OK);
    if (call->out->cut)
        say(call->out, "...\n");
}

/* The line answers a question: returns false when it asks for something itself. */
static bool run_consent(struct call *call, struct request *request, struct dialogue *dialogue, int consent)
{
    struct answer *out = call->out;
    struct kept_request kept = dialogue->kept;
    dialogue->kept.intent = INTENT_unknown;
    if (!consent)
        return false;
    out->language = dialogue->language;
    if (kept.intent == INTENT_unknown)
        answer_error(out, "no_question", "%s",
                     T(out, "No question of mine waits for a yes or no.",
                       "Aucune question de ma part n'attend un oui ou un non."));
    else if (consent < 0)
        say(out, "%s", T(out, "Nothing was done.\n", "Rien n'a été fait.\n"));
    if (kept.intent == INTENT_unknown || consent < 0)
        return true;
    call->confirmed = true;
    take_kept(request, &kept, dialogue->language);
    run_request(call, request, dialogue);
    return true;
}

uint32_t execute_line(const char *text, size_t length, struct dialogue *dialogue, const struct authority *authority,
                      const struct session_facts *who, struct answer *out)
{
    static struct request request; /* 2 KiB; one line at a time */
    struct call call = {.authority = authority, .who = who, .request = &request, .out = out};
    size_t rest;
    if (run_consent(&call, &request, dialogue, line_consent(text, length))) {
        dialogue->restart_self = call.restart_self;
        return call.action;
    }
    const char *parse = after_word(text, length, "parse", &rest);
    const char *plan = parse ? NULL : after_word(text, length, "plan", &rest);
    const char *words = parse ? parse : plan ? plan : text;
    parse_request(&request, words, parse || plan ? rest : length, dialogue->language);
    if (!parse && !plan)
        take_up(&request, dialogue, text, length);
    dialogue->language = out->language = request.language;
    if (request.too_long && !parse)
        answer_error(
            out, "too_long",
            T(out, "That is too long for me: %u words at most.", "C'est trop long pour moi : %u mots au plus."),
            WORDS_MAX);
    else if (parse)
        request_show(&request, out);
    else if (plan) {
        struct plan shown;
        plan_make(&shown, &request, authority);
        plan_show(&shown, &request, out);
    } else
        run_request(&call, &request, dialogue);
    dialogue->restart_self = call.restart_self;
    return call.action;
}

uint32_t execute_rest(struct dialogue *dialogue, const struct authority *authority, const struct session_facts *who,
                      struct answer *out)
{
    struct call call = {.authority = authority, .who = who, .request = &going.request, .out = out};
    struct plan plan;
    plan_make(&plan, &going.request, authority);
    plan.number = going.plan;
    call.clause = plan.steps[going.step].clause;
    out->json = clause_slot(&going.request, call.clause, SLOT_format) != NULL;
    dialogue->goes_on = false;
    status_t status = watch_tell(&call);
    tell_step(plan.number, going.step, status);
    plan_run(&call, &plan, dialogue, going.step + 1, status);
    if (out->cut)
        say(out, "...\n");
    dialogue->restart_self = call.restart_self;
    return call.action;
}

void execute_after(struct dialogue *dialogue, const struct authority *authority)
{
    if (dialogue->restart_self)
        (void)service_restart_self(authority); /* init away: then it is not restarted, and `services` shows that */
    dialogue->restart_self = false;
}
