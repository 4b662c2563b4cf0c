/* services_list, service_restart, service_stop, service_start */
#include "jarvis/tool.h"
#include "jarvis/operations.h"
#include <string.h>

#define SERVICES_MAX 32

static status_t services_read(const struct call *call, struct init_service *services, uint32_t *count)
{
    struct init_service_list page = {.total = 1};
    *count = 0;
    for (struct init_services ask = {0}; ask.first < page.total; ask.first += page.count) {
        status_t status =
            world_call(call->authority->caps[CAP_INIT], INIT_SERVICES, &ask, sizeof ask, &page, sizeof page);
        if (status != OK)
            return status;
        if (page.count == 0 || page.count > sizeof page.services / sizeof page.services[0])
            return OK;
        for (uint32_t i = 0; i < page.count && *count < SERVICES_MAX; i++) {
            services[*count] = page.services[i];
            services[(*count)++].name[15] = 0;
        }
    }
    return OK;
}

static const char *state_text(const struct answer *out, const struct init_service *s)
{
    static const char *const names[LANGUAGES][5] = {
        {"stopped", "starting", "running", "waiting to restart", "given up"},
        {"arrêté", "démarre", "en marche", "va redémarrer", "abandonné"}};
    if (s->state == SERVICE_STOPPED && !s->task_id && !s->restarts)
        return T(out, "not started", "pas démarré");
    return s->state < 5 ? names[out->language][s->state] : "?";
}

static void say_one(struct answer *out, const struct init_service *s)
{
    if (s->state == SERVICE_UP)
        say(out,
            T(out, "%s is running (task %u, restarted %u times).\n",
              "%s est en marche (tâche %u, redémarré %u fois).\n"),
            s->name, s->task_id, s->restarts);
    else
        say(out,
            T(out, "%s is not running: %s (restarted %u times).\n", "%s ne tourne pas : %s (redémarré %u fois).\n"),
            s->name, state_text(out, s), s->restarts);
}

static void services_table(struct answer *out, const struct init_service *services, uint32_t count, const char *only)
{
    static const struct column columns[] = {{"name", "Service", "Service", false},
                                            {"state", "State", "État", false},
                                            {"task", "Task", "Tâche", true},
                                            {"priority", "Prio", "Prio", true},
                                            {"restarts", "Restarts", "Redémarrages", true}};
    struct sheet *sheet = sheet_table(out, "services", columns, 5);
    for (uint32_t i = 0; i < count; i++) {
        if (only && strcmp(only, services[i].name) != 0)
            continue;
        put_text(sheet, services[i].name);
        put_text(sheet, state_text(out, &services[i]));
        if (services[i].task_id || out->json)
            put_number(sheet, services[i].task_id);
        else
            put_text(sheet, "-");
        put_number(sheet, services[i].priority);
        put_number(sheet, services[i].restarts);
    }
    sheet_end(sheet);
}

static const struct init_service *service_named(const struct init_service *services, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(services[i].name, name) == 0)
            return &services[i];
    return NULL;
}

static status_t no_such_service(struct call *call, const char *name)
{
    answer_error(call->out, "not_found",
                 T(call->out, "There is no service \"%s\"; `services` lists them all.",
                   "Il n'y a pas de service « %s » ; `services` les montre tous."),
                 name);
    return ERR_NOT_FOUND;
}

status_t tool_services_list(struct call *call)
{
    struct init_service services[SERVICES_MAX];
    uint32_t count;
    const char *only = call_slot(call, SLOT_service);
    status_t status = services_read(call, services, &count);
    if (status != OK)
        return call_failed(call, CAP_INIT, status);
    if (only && strcmp(only, "init") == 0) {
        say(call->out, T(call->out, "init itself starts and watches the services; it is running.\n",
                         "init démarre et surveille les services ; il tourne.\n"));
        only = NULL;
    }
    const struct init_service *one = only ? service_named(services, count, only) : NULL;
    if (only && !one)
        return no_such_service(call, only);
    if (one)
        say_one(call->out, one);
    services_table(call->out, services, count, only);
    return OK;
}

/* One order to init; `done` is what is said when init took it. */
static status_t order(struct call *call, uint16_t op, const char *done, const char *wrong_state)
{
    struct init_name ask = {{0}};
    const char *name = call_slot(call, SLOT_service);
    if (strlen(name) >= sizeof ask.name)
        return no_such_service(call, name);
    strcpy(ask.name, name);
    status_t status = world_call(call->authority->caps[CAP_INIT], op, &ask, sizeof ask, NULL, 0);
    if (status == ERR_NOT_FOUND)
        return no_such_service(call, name);
    if (status == ERR_BAD_STATE) {
        answer_error(call->out, "bad_state", "%s %s", name, wrong_state);
        return status;
    }
    if (status == ERR_REFUSED) {
        answer_error(
            call->out, "refused",
            T(call->out, "%s carries this console: stopped, nobody could start it again. `restart %s` is possible.",
              "%s porte cette console : arrêté, personne ne pourrait le relancer. « redémarre %s » est possible."),
            name, name);
        return status;
    }
    if (status != OK)
        return call_failed(call, CAP_INIT, status);
    if (call->out->json)
        answer_printf(call->out, "{\"service\":\"%s\",\"ordered\":true}\n", ask.name);
    say(call->out, "%s %s\n", name, done);
    return OK;
}

/* The order would end us before the answer is out: it is given after that (execute_after). */
static status_t restart_self(struct call *call)
{
    call->restart_self = true;
    if (call->out->json)
        answer_printf(call->out, "{\"service\":\"jarvis\",\"ordered\":true}\n");
    say(call->out,
        T(call->out, "jarvis restarts now; this session goes on.\n", "jarvis redémarre ; cette session continue.\n"));
    return OK;
}

status_t service_restart_self(const struct authority *authority)
{
    const struct init_name ask = {"jarvis"};
    return world_call(authority->caps[CAP_INIT], INIT_RESTART, &ask, sizeof ask, NULL, 0);
}

status_t tool_service_restart(struct call *call)
{
    if (strcmp(call_slot(call, SLOT_service), "jarvis") == 0)
        return restart_self(call);
    return order(call, INIT_RESTART, T(call->out, "is being restarted.", "redémarre."),
                 T(call->out, "cannot be restarted now.", "ne peut pas redémarrer maintenant."));
}

status_t tool_service_stop(struct call *call)
{
    return order(call, INIT_STOP,
                 T(call->out, "is stopped; `start` brings it back.", "est arrêté ; `démarre` le remet en marche."),
                 T(call->out, "is stopped already.", "est déjà arrêté."));
}

status_t tool_service_start(struct call *call)
{
    return order(call, INIT_START, T(call->out, "is being started.", "démarre."),
                 T(call->out, "is running already.", "tourne déjà."));
}
