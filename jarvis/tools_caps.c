/* caps_show: what a task holds, or the session */
#include "jarvis/tool.h"
#include <stdio.h>
#include <string.h>

struct right {
    uint32_t bit;
    const char *name;
};
/* The kernel's bits, by object type; MINT and TRANSFER are every type's. */
static const struct right rights[OBJECT_TYPE_COUNT][6] = {
    [OBJECT_TASK] = {{RIGHT_TASK_INFO, "info"}, {RIGHT_TASK_CONTROL, "control"}},
    [OBJECT_MEMORY] = {{RIGHT_MEMORY_READ, "read"},
                       {RIGHT_MEMORY_WRITE, "write"},
                       {RIGHT_MEMORY_EXEC, "exec"},
                       {RIGHT_MEMORY_PIN, "pin"}},
    [OBJECT_CHANNEL] = {{RIGHT_CHANNEL_SEND, "send"}, {RIGHT_CHANNEL_RECV, "receive"}},
    [OBJECT_SIGNAL] = {{RIGHT_SIGNAL_RAISE, "raise"}, {RIGHT_SIGNAL_BIND, "bind"}},
    [OBJECT_IRQ] = {{RIGHT_IRQ_USE, "use"}},
    [OBJECT_IOPORT] = {{RIGHT_IOPORT_READ, "read"}, {RIGHT_IOPORT_WRITE, "write"}},
    [OBJECT_DMA] = {{RIGHT_DMA_PIN, "pin"}},
    [OBJECT_TRACE] = {{RIGHT_TRACE_EMIT, "emit"}, {RIGHT_TRACE_OBSERVE, "observe"}, {RIGHT_TRACE_CONTROL, "control"}},
    [OBJECT_POWER] = {{RIGHT_POWER_USE, "use"}},
    [OBJECT_ROOT] = {{RIGHT_ROOT_DEVICE, "devices"}, {RIGHT_ROOT_TASK, "tasks"}},
};
static const struct right common[] = {{RIGHT_MINT, "mint"}, {RIGHT_TRANSFER, "transfer"}};
static const struct right service_rights[] = {{SERVICE_READ, "READ"},     {SERVICE_WRITE, "WRITE"},
                                              {SERVICE_ADMIN, "ADMIN"},   {SERVICE_ATTACH, "ATTACH"},
                                              {SERVICE_LISTEN, "LISTEN"}, {SERVICE_CONNECT, "CONNECT"}};

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
#define X(name, text) text,
        OBJECT_TYPES(X)
#undef X
    };
    return type < OBJECT_TYPE_COUNT ? names[type] : "?";
}

static size_t add_names(char *out, size_t size, size_t n, const struct right *list, size_t count, uint32_t bits)
{
    for (size_t i = 0; i < count && list[i].name; i++)
        if (bits & list[i].bit && n < size)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "", list[i].name);
    return n;
}

static void rights_text(char *out, size_t size, uint32_t type, uint32_t bits)
{
    size_t n = 0;
    out[0] = 0;
    if (type < OBJECT_TYPE_COUNT)
        n = add_names(out, size, n, rights[type], 6, bits);
    n = add_names(out, size, n, common, 2, bits);
    if (type == OBJECT_CHANNEL && (bits & RIGHTS_SERVICE) == RIGHTS_SERVICE)
        snprintf(out + n, n < size ? size - n : 0, " ALL");
    else if (type == OBJECT_CHANNEL)
        add_names(out, size, n, service_rights, sizeof service_rights / sizeof service_rights[0], bits);
}

static const struct column columns[] = {{"type", "Type", "Type", false},     {"rights", "Rights", "Droits", false},
                                        {"owner", "Owner", "Tâche", true},   {"object", "Object", "Objet", true},
                                        {"badge", "Badge", "Badge", true},   {"children", "Children", "Enfants", true},
                                        {"handle", "Handle", "Indice", true}};

static void cap_row(struct sheet *sheet, const struct cap_info *cap)
{
    char text[96];
    rights_text(text, sizeof text, cap->type, cap->rights);
    put_text(sheet, type_name(cap->type));
    put_text(sheet, text);
    put_number(sheet, cap->owner_task_id);
    put_number(sheet, cap->object_id);
    if (sheet->out->json)
        put_number(sheet, cap->badge);
    else
        put_format(sheet, cap->badge > 0xffff ? "0x%lx" : "%lu", (unsigned long)cap->badge);
    put_number(sheet, cap->children);
    put_number(sheet, HANDLE_INDEX(cap->handle));
}

#define CAPS_SHOWN 128u

/* One after another, from handle index `first` on. */
static status_t task_caps(struct call *call, const struct task_info *task, struct sheet *sheet)
{
    static struct cap_info caps[32];
    uint64_t first = 0;
    for (unsigned shown = 0; shown < CAPS_SHOWN;) {
        result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_CAPS, (uint64_t)task->id << 32 | first, caps,
                                sizeof caps);
        if (n < 0)
            return (status_t)n;
        for (result_t i = 0; i < n; i++)
            cap_row(sheet, &caps[i]);
        if (n < (result_t)(sizeof caps / sizeof caps[0]))
            break;
        first = HANDLE_INDEX(caps[n - 1].handle) + 1u;
        shown += (unsigned)n;
    }
    return OK;
}

/* What the session may do: the four capabilities that Jarvis acts with for it. */
static status_t session_caps(struct call *call)
{
    static const struct column own[] = {
        {"for", "For", "Pour", false}, {"type", "Type", "Type", false}, {"rights", "Rights", "Droits", false}};
    static const char *const keys[CAP_KINDS] = {"trace", "init", "devmgr", "netsrv"};
    struct answer *out = call->out;
    say(out, T(out, "I act for you with these capabilities and no others:\n",
               "J'agis pour vous avec ces capacités et aucune autre :\n"));
    struct sheet *sheet = sheet_table(out, "caps", own, 3);
    for (unsigned i = 0; i < CAP_KINDS; i++) {
        char text[96];
        uint32_t type = i == CAP_TRACE ? OBJECT_TRACE : OBJECT_CHANNEL;
        rights_text(text, sizeof text, type, call->authority->rights[i]);
        put_text(sheet, out->json ? keys[i] : cap_kind_name(i, out->language));
        put_text(sheet, type_name(type));
        put_text(sheet, text[0] ? text : T(out, "(none now)", "(aucune)"));
    }
    sheet_end(sheet);
    if (call->who->role == ROLE_OBSERVER)
        say(out, T(out, "They let you look. `login TOKEN` makes you operator.\n",
                   "Elles permettent de regarder. `login JETON` fait de vous un opérateur.\n"));
    return OK;
}

status_t tool_caps_show(struct call *call)
{
    const struct task_info *tasks;
    const char *which = call_slot(call, SLOT_service);
    if (!which)
        return session_caps(call);
    result_t n = tasks_read(call->authority->caps[CAP_TRACE], &tasks);
    if (n < 0)
        return call_failed(call, CAP_TRACE, (status_t)n);
    const struct task_info *task = task_find(tasks, (size_t)n, which);
    if (!task) {
        answer_error(call->out, "not_found",
                     T(call->out, "There is no task \"%s\"; `tasks` lists them all.",
                       "Il n'y a pas de tâche « %s » ; `tâches` les montre toutes."),
                     which);
        return ERR_NOT_FOUND;
    }
    say(call->out, T(call->out, "%s (task %u) holds %u capabilities:\n", "%s (tâche %u) détient %u capacités :\n"),
        task->name, task->id, task->capabilities);
    struct sheet *sheet = sheet_table(call->out, "caps", columns, sizeof columns / sizeof columns[0]);
    status_t status = task_caps(call, task, sheet);
    sheet_end(sheet);
    return status;
}
