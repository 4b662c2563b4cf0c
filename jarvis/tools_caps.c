/* caps_show: what a task holds, or the session */
#include "jarvis/cap_text.h"
#include "jarvis/tool.h"
#include <stdio.h>
#include <string.h>

static const struct column columns[] = {{"id", "Id", "N°", true},
                                        {"type", "Type", "Type", false},
                                        {"rights", "Rights", "Droits", false},
                                        {"badge", "Badge", "Badge", true},
                                        {"owner", "Owner", "Tâche", true},
                                        {"parent", "From", "De", true},
                                        {"children", "Children", "Enfants", true},
                                        {"handle", "Handle", "Indice", true},
                                        {"object", "Object", "Objet", true}};

static void put_badge(struct sheet *sheet, uint64_t badge)
{
    char text[UNIT_TEXT];
    if (sheet->out->json)
        put_number(sheet, badge);
    else
        put_text(sheet, cap_badge_text(text, badge));
}

static void cap_row(struct sheet *sheet, const struct cap_info *cap, struct cap_legend *legend)
{
    char text[CAP_RIGHTS_TEXT];
    cap_legend_note(legend, cap->type, cap->rights);
    put_number(sheet, cap->id);
    put_text(sheet, cap_type_name(cap->type));
    put_text(sheet, cap_rights_text(text, cap->type, cap->rights));
    put_badge(sheet, cap->badge);
    put_number(sheet, cap->owner_task_id);
    if (cap->parent_id || sheet->out->json)
        put_number(sheet, cap->parent_id);
    else
        put_text(sheet, "-");
    put_number(sheet, cap->children);
    put_number(sheet, HANDLE_INDEX(cap->handle));
    put_number(sheet, cap->object_id);
}

#define CAPS_SHOWN 100u

/* One after another, by handle index. *shown counts them. */
static status_t task_caps(struct call *call, const struct task_info *task, struct sheet *sheet,
                          struct cap_legend *legend, unsigned *shown)
{
    static struct cap_info caps[25];
    uint64_t first = 0;
    while (*shown < CAPS_SHOWN) {
        result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_CAPS, (uint64_t)task->id << 32 | first, caps,
                                sizeof caps);
        if (n < 0)
            return (status_t)n;
        for (result_t i = 0; i < n; i++)
            cap_row(sheet, &caps[i], legend);
        *shown += (unsigned)n;
        if (n < (result_t)(sizeof caps / sizeof caps[0]))
            break;
        first = HANDLE_INDEX(caps[n - 1].handle) + 1u;
    }
    return OK;
}
_Static_assert(CAPS_SHOWN *(sizeof columns / sizeof columns[0]) <= SHEET_CELLS, "the table fits a sheet");

/* What the session may do: the four capabilities that Jarvis acts with for it. */
static status_t session_caps(struct call *call)
{
    static const struct column own[] = {
        {"for", "For", "Pour", false}, {"type", "Type", "Type", false}, {"rights", "Rights", "Droits", false}};
    static const char *const keys[CAP_KINDS] = {"trace", "init", "devmgr", "netsrv"};
    struct answer *out = call->out;
    struct cap_legend legend = {{0}};
    say(out, T(out, "I act for you with these capabilities and no others:\n",
               "J'agis pour vous avec ces capacités et aucune autre :\n"));
    struct sheet *sheet = sheet_table(out, "caps", own, 3);
    for (unsigned i = 0; i < CAP_KINDS; i++) {
        char text[CAP_RIGHTS_TEXT];
        uint32_t type = i == CAP_TRACE ? OBJECT_TRACE : OBJECT_CHANNEL;
        cap_rights_text(text, type, call->authority->rights[i]);
        cap_legend_note(&legend, type, call->authority->rights[i]);
        put_text(sheet, out->json ? keys[i] : cap_kind_name(i, out->language));
        put_text(sheet, cap_type_name(type));
        put_text(sheet, text[0] ? text : T(out, "(none now)", "(aucune)"));
    }
    sheet_end(sheet);
    cap_legend_say(&legend, out);
    if (call->who->role == ROLE_OBSERVER)
        say(out, T(out, "They let you look. `login TOKEN` makes you operator.\n",
                   "Elles permettent de regarder. `login JETON` fait de vous un opérateur.\n"));
    return OK;
}

static status_t no_such_task(struct call *call, const char *which)
{
    answer_error(call->out, "not_found",
                 T(call->out,
                   "There is no task \"%s\" (now); `tasks` lists them all. For a capability's number: `caps tree %s`.",
                   "Il n'y a pas de tâche « %s » ; `tâches` les montre toutes. Pour le numéro d'une capacité : "
                   "`caps tree %s`."),
                 which, which[0] >= '0' && which[0] <= '9' ? which : "12");
    return ERR_NOT_FOUND;
}

static void say_rest(struct call *call, const struct task_info *task, unsigned shown)
{
    struct answer *out = call->out;
    if (task->capabilities > shown)
        say(out, T(out, "... and %u more.\n", "… et %u de plus.\n"), task->capabilities - shown);
}

static void say_how_to_read(struct answer *out)
{
    say(out, "%s",
        T(out,
          "Badge: who the service behind a channel sees calling. From: the capability that it was derived from.\n"
          "`caps tree ID` shows where one comes from and what was derived from it.\n",
          "Badge : qui appelle, aux yeux du service derrière un canal. De : la capacité dont elle dérive.\n"
          "« caps tree N° » montre d'où elle vient et ce qui en dérive.\n"));
}

status_t tool_caps_show(struct call *call)
{
    const struct task_info *tasks;
    struct cap_legend legend = {{0}};
    unsigned shown = 0;
    const char *which = call_slot(call, SLOT_service);
    if (!which)
        return session_caps(call);
    result_t n = tasks_read(call->authority->caps[CAP_TRACE], &tasks);
    if (n < 0)
        return call_failed(call, CAP_TRACE, (status_t)n);
    const struct task_info *task = task_find(tasks, (size_t)n, which);
    if (!task)
        return no_such_task(call, which);
    say(call->out, T(call->out, "%s (task %u) holds %u capabilities:\n", "%s (tâche %u) détient %u capacités :\n"),
        task->name, task->id, task->capabilities);
    struct sheet *sheet = sheet_table(call->out, "caps", columns, sizeof columns / sizeof columns[0]);
    status_t status = task_caps(call, task, sheet, &legend, &shown);
    sheet_end(sheet);
    say_rest(call, task, shown);
    cap_legend_say(&legend, call->out);
    say_how_to_read(call->out);
    return status;
}
