#include "jarvis/slots.h"
#include <string.h>

struct source {
    struct request *request;
    struct clause *clause;
    const struct item *items;
    unsigned count;
    const char *text;
};

void slot_add(struct request *request, struct clause *clause, unsigned id, const char *value, size_t length)
{
    if (clause->slot_count == CLAUSE_SLOTS || length >= (size_t)(REQUEST_ARENA - request->arena_used))
        return;
    struct slot *slot = &clause->slots[clause->slot_count++];
    *slot = (struct slot){.id = (uint8_t)id, .value = request->arena_used};
    memcpy(request->arena + request->arena_used, value, length);
    request->arena[request->arena_used + length] = 0;
    request->arena_used = (uint16_t)(request->arena_used + length + 1);
}

void slot_add_number(struct request *request, struct clause *clause, unsigned id, uint32_t value)
{
    char digits[11];
    unsigned n = sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    slot_add(request, clause, id, digits + n, sizeof digits - n);
}

static const struct item *find(const struct source *from, unsigned concept)
{
    for (unsigned i = 0; i < from->count; i++)
        if (from->items[i].concept == concept)
            return &from->items[i];
    return NULL;
}

static bool add_text(const struct source *from, unsigned id, unsigned concept)
{
    const struct item *item = find(from, concept);
    if (item)
        slot_add(from->request, from->clause, id, from->text + item->start, (size_t)(item->end - item->start));
    return item != NULL;
}

static bool add_number(const struct source *from, unsigned id, unsigned concept)
{
    const struct item *item = find(from, concept);
    if (item)
        slot_add_number(from->request, from->clause, id, item->value);
    return item != NULL;
}

/* Which service "the network" is when it is to be restarted. */
static const struct {
    uint8_t concept;
    const char *service;
} nicknames[] = {{C_NETWORK, "netsrv"}, {C_DEVICE, "devmgr"}};

static bool about_tasks(enum intent intent)
{
    return intent == INTENT_trace_start || intent == INTENT_trace_filter || intent == INTENT_trace_summarise;
}

static bool add_nickname(const struct source *from, unsigned id)
{
    enum intent intent = from->clause->intent;
    bool order = intent == INTENT_service_restart || intent == INTENT_service_stop || intent == INTENT_service_start ||
                 about_tasks(intent);
    for (size_t i = 0; order && i < sizeof nicknames / sizeof nicknames[0]; i++)
        if (find(from, nicknames[i].concept)) {
            slot_add(from->request, from->clause, id, nicknames[i].service, strlen(nicknames[i].service));
            return true;
        }
    return false;
}

/* A service by its right name, slips and upper case corrected; out has WORD_BYTES. */
static const char *service_name(const struct source *from, const struct item *item, char *word)
{
    size_t n = (size_t)(item->end - item->start), used = n < WORD_BYTES - 1 ? n : WORD_BYTES - 1;
    for (size_t i = 0; i < used; i++)
        word[i] = (char)(from->text[item->start + i] | 0x20);
    word[used] = 0;
    const char *name = word;
    unsigned best = 3;
    for (unsigned i = 0; i < lexicon_names.count; i++) {
        const struct lexicon_row *row = &lexicon_names.rows[i];
        unsigned d = row->concept == C_SERVICE_NAME ? word_distance(word, row->words, 2) : 3;
        if (d < best) {
            best = d;
            name = row->words;
        }
    }
    return name;
}

static bool add_service(const struct source *from, unsigned id)
{
    const struct item *item = find(from, C_SERVICE_NAME);
    char word[WORD_BYTES];
    if (!item) /* a name that we do not know: the tool says so */
        return add_nickname(from, id) || add_text(from, id, C_UNKNOWN);
    const char *name = service_name(from, item, word);
    slot_add(from->request, from->clause, id, name, strlen(name));
    return true;
}

/* ---- what to trace: one or several, joined by commas ---- */

struct joined {
    char text[120];
    size_t length;
};

static void join(struct joined *joined, const char *text, size_t length)
{
    if (joined->length + length + 2 > sizeof joined->text)
        return;
    if (joined->length)
        joined->text[joined->length++] = ',';
    memcpy(joined->text + joined->length, text, length);
    joined->length += length;
}

/* Tasks by name or number; a word that we do not know may be one. */
static void read_traced_tasks(const struct source *from)
{
    struct joined tasks = {.length = 0};
    for (unsigned i = 0; i < from->count; i++) {
        const struct item *item = &from->items[i];
        char word[WORD_BYTES];
        const char *name = item->concept == C_SERVICE_NAME ? service_name(from, item, word) : from->text + item->start;
        size_t length = item->concept == C_SERVICE_NAME ? strlen(name) : (size_t)(item->end - item->start);
        if (item->concept == C_SERVICE_NAME || item->concept == C_TASK_ID || item->concept == C_NUMBER ||
            item->concept == C_UNKNOWN)
            join(&tasks, name, length);
    }
    if (tasks.length)
        slot_add(from->request, from->clause, SLOT_service, tasks.text, tasks.length);
    else
        add_nickname(from, SLOT_service);
}

/* A class of events by its own name, or by a word that means something else elsewhere. */
static const char *event_kind(const struct item *item)
{
    static const char *const kinds[] = {"sched", "syscall", "ipc", "irq",  "fault", "cap",
                                        "mem",   "task",    "log", "user", "all",   "off"};
    static const struct {
        uint8_t concept;
        const char *kind;
    } others[] = {{C_MEMORY, "mem"},  {C_CAPABILITY, "cap"}, {C_TASK, "task"},  {C_LOG, "log"},
                  {C_PERSON, "user"}, {C_ERROR, "fault"},    {C_MESSAGE, "ipc"}};
    if (item->concept == C_EVENT_KIND)
        return kinds[item->value];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].concept == item->concept)
            return others[i].kind;
    return NULL;
}

static void read_event(const struct source *from)
{
    struct joined kinds = {.length = 0};
    for (unsigned i = 0; i < from->count; i++) {
        const struct item *item = &from->items[i];
        bool of_number = item->concept == C_TASK && i + 1 < from->count && from->items[i + 1].concept == C_TASK_ID;
        const char *kind = of_number ? NULL : event_kind(item);
        if (kind)
            join(&kinds, kind, strlen(kind));
    }
    if (!kinds.length && find(from, C_ALL))
        join(&kinds, "all", 3);
    if (kinds.length)
        slot_add(from->request, from->clause, SLOT_event, kinds.text, kinds.length);
}

static void read_task(const struct source *from)
{
    if (from->clause->intent == INTENT_numa && !find(from, C_SERVICE_NAME) && !find(from, C_TASK_ID))
        return; /* all of them: "node 1" is no task, nor is a word that we do not know */
    if (!add_number(from, SLOT_task, C_TASK_ID) && !add_number(from, SLOT_task, C_NUMBER))
        add_service(from, SLOT_task);
}

static void read_service(const struct source *from)
{
    enum intent intent = from->clause->intent;
    if (about_tasks(intent)) {
        read_traced_tasks(from);
        return;
    }
    bool of_a_task = intent == INTENT_caps_show || intent == INTENT_caps_tree || intent == INTENT_cap_revoke;
    if (of_a_task && add_number(from, SLOT_service, C_TASK_ID))
        return;
    if (intent == INTENT_caps_show && add_number(from, SLOT_service, C_NUMBER))
        return;
    if (of_a_task && find(from, C_NUMBER) && !find(from, C_SERVICE_NAME))
        return; /* a capability's number says enough: no other word is a task's name */
    add_service(from, SLOT_service);
}

static void read_count(const struct source *from)
{
    if (!add_number(from, SLOT_count, C_NUMBER) && from->clause->intent == INTENT_top)
        add_number(from, SLOT_count, C_TASK_ID); /* "the 5 …" and "tasks 5" */
}

static void read_cap(const struct source *from)
{
    add_number(from, SLOT_cap, C_NUMBER);
}

static void read_sort(const struct source *from)
{
    if (find(from, C_MEMORY) && !find(from, C_CPU))
        slot_add(from->request, from->clause, SLOT_sort, "memory", 6);
}

static void read_level(const struct source *from)
{
    if (find(from, C_ERROR))
        slot_add(from->request, from->clause, SLOT_level, "error", 5);
    else if (find(from, C_WARNING))
        slot_add(from->request, from->clause, SLOT_level, "warning", 7);
}

static void read_since(const struct source *from)
{
    add_number(from, SLOT_since, C_DURATION);
}

static void read_duration(const struct source *from)
{
    add_number(from, SLOT_duration, C_DURATION);
}

static void read_port(const struct source *from)
{
    const struct item *name = find(from, C_PORT_NAME);
    if (add_number(from, SLOT_port, C_PORT_ID))
        return;
    if (name)
        slot_add_number(from->request, from->clause, SLOT_port, port_name_ports[name->value]);
    else if (find(from, C_PORT))
        add_number(from, SLOT_port, C_NUMBER);
}

static void read_proto(const struct source *from)
{
    if (find(from, C_TCP))
        slot_add(from->request, from->clause, SLOT_proto, "tcp", 3);
    else if (find(from, C_UDP))
        slot_add(from->request, from->clause, SLOT_proto, "udp", 3);
}

static void read_host(const struct source *from)
{
    if (!add_text(from, SLOT_host, C_ADDRESS_VALUE))
        add_text(from, SLOT_host, C_HOST_VALUE);
}

static void read_server(const struct source *from)
{
    if (!add_text(from, SLOT_server, C_ADDRESS_VALUE))
        add_text(from, SLOT_server, C_HOST_VALUE);
}

static void read_path(const struct source *from)
{
    add_text(from, SLOT_path, C_PATH);
}

static void read_url(const struct source *from)
{
    add_text(from, SLOT_url, C_URL);
}

static void read_text(const struct source *from)
{
    add_text(from, SLOT_text, C_QUOTED);
}

static void read_format(const struct source *from)
{
    if (find(from, C_JSON))
        slot_add(from->request, from->clause, SLOT_format, "json", 4);
}

/* What is not here (topic, about, mode) is set by the parser itself. */
static void (*const readers[SLOT_KINDS])(const struct source *from) = {
    [SLOT_task] = read_task,         [SLOT_count] = read_count,   [SLOT_sort] = read_sort,
    [SLOT_service] = read_service,   [SLOT_level] = read_level,   [SLOT_since] = read_since,
    [SLOT_port] = read_port,         [SLOT_proto] = read_proto,   [SLOT_host] = read_host,
    [SLOT_path] = read_path,         [SLOT_url] = read_url,       [SLOT_text] = read_text,
    [SLOT_duration] = read_duration, [SLOT_format] = read_format, [SLOT_server] = read_server,
    [SLOT_cap] = read_cap,           [SLOT_event] = read_event,
};

static const uint32_t slot_masks[INTENT_COUNT] = {
#define X(name, slots) [INTENT_##name] = (slots),
    INTENTS(X)
#undef X
};

void slots_read(struct request *request, struct clause *clause, const struct sentence *sentence, unsigned first,
                unsigned end, const char *text)
{
    struct source from = {request, clause, sentence->items + first, end - first, text};
    uint32_t mask = slot_masks[clause->intent];
    mask |= S(format);
    for (unsigned id = 0; id < SLOT_KINDS; id++)
        if (mask >> id & 1 && readers[id])
            readers[id](&from);
}

void slots_read_unknown(struct request *request, struct clause *clause, unsigned id, const struct sentence *sentence,
                        unsigned first, unsigned end, const char *text)
{
    const struct item *from = NULL, *to = NULL;
    for (unsigned i = first; i < end; i++) {
        const struct item *item = &sentence->items[i];
        if (item->concept != C_UNKNOWN)
            continue;
        from = from ? from : item;
        to = item;
    }
    if (from)
        slot_add(request, clause, id, text + from->start, (size_t)(to->end - from->start));
}
