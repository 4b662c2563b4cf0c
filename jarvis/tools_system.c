/* status, memory, time, pools */
#include "jarvis/tool.h"
#include "jarvis/operations.h"
#include <string.h>

static status_t system_read(struct call *call, struct system_info *info)
{
    result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_SYSTEM, 0, info, sizeof *info);
    if (n != 1)
        return call_failed(call, CAP_TRACE, n < 0 ? (status_t)n : ERR_IO);
    info->version[sizeof info->version - 1] = 0;
    info->cpu_model[sizeof info->cpu_model - 1] = 0;
    return OK;
}

/* Services that are not up, and how often any was restarted. */
struct health {
    uint32_t services, up, restarts;
    char first_down[16];
    bool known;
};

/* A service that never ran in this boot (a boot option starts it) is nothing to worry about. */
static bool counts(const struct init_service *service)
{
    return service->task_id || service->restarts || service->state > SERVICE_UP;
}

static void health_add(struct health *health, const struct init_service *service)
{
    if (!counts(service))
        return;
    health->services++;
    health->up += service->state == SERVICE_UP;
    health->restarts += service->restarts;
    if (service->state != SERVICE_UP && !health->first_down[0])
        text_neutral(health->first_down, sizeof health->first_down, service->name, sizeof service->name);
}

static void health_read(const struct call *call, struct health *health)
{
    struct init_service_list list = {.total = 1};
    memset(health, 0, sizeof *health);
    for (struct init_services ask = {0}; ask.first < list.total; ask.first += list.count) {
        if (world_call(call->authority->caps[CAP_INIT], INIT_SERVICES, &ask, sizeof ask, &list, sizeof list) != OK ||
            list.count == 0 || list.count > sizeof list.services / sizeof list.services[0])
            return;
        for (uint32_t i = 0; i < list.count; i++)
            health_add(health, &list.services[i]);
    }
    health->known = true;
}

static void say_health(struct answer *out, const struct system_info *info, const struct health *health)
{
    char up[UNIT_TEXT];
    time_text(up, info->uptime_ns, out->language);
    if (!health->known)
        say(out,
            T(out, "I am up since %s; init does not say how the services are.\n",
              "Je tourne depuis %s ; init ne dit pas comment vont les services.\n"),
            up);
    else if (health->up == health->services)
        say(out,
            T(out, "All is well: up %s, all %u services are running.\n",
              "Tout va bien : en marche depuis %s, les %u services tournent.\n"),
            up, health->services);
    else
        say(out,
            T(out, "Not all is well: up %s, %u of %u services are running (%s is not).\n",
              "Tout ne va pas bien : en marche depuis %s, %u services sur %u tournent (%s ne tourne pas).\n"),
            up, health->up, health->services, health->first_down);
}

static void say_status_focus(struct answer *out, const struct clause *clause, const struct system_info *info)
{
    if (clause->focus == C_VERSION)
        say(out, T(out, "This is TRustOs %s.\n", "Voici TRustOs %s.\n"), info->version);
}

static void status_facts(struct sheet *sheet, const struct system_info *info, const struct health *health)
{
    struct answer *out = sheet->out;
    char a[UNIT_TEXT], b[UNIT_TEXT];
    uint64_t cpu_ns = info->uptime_ns * (info->cpu_count ? info->cpu_count : 1);
    sheet_label(sheet, "version", T(out, "Version", "Version"));
    put_format(sheet, out->json ? "%s" : "TRustOs %s", info->version);
    sheet_label(sheet, "uptime_ns", T(out, "Uptime", "En marche depuis"));
    put_time(sheet, info->uptime_ns);
    sheet_label(sheet, "cpus", T(out, "Processors", "Processeurs"));
    if (out->json)
        put_number(sheet, info->cpu_count);
    else
        put_format(sheet, "%u x %s", info->cpu_count, info->cpu_model);
    sheet_label(sheet, "cpu_busy_permille", T(out, "CPU in use", "CPU utilisé"));
    if (out->json)
        put_share(sheet, cpu_ns - (info->idle_ns < cpu_ns ? info->idle_ns : cpu_ns), cpu_ns);
    else
        put_format(sheet, T(out, "%s since start", "%s depuis le démarrage"),
                   share_text(a, cpu_ns - (info->idle_ns < cpu_ns ? info->idle_ns : cpu_ns), cpu_ns, out->language));
    sheet_label(sheet, "memory_free_bytes", T(out, "Memory", "Mémoire"));
    if (out->json)
        put_number(sheet, info->free_bytes);
    else
        put_format(sheet, T(out, "%s free of %s", "%s libres sur %s"), size_text(a, info->free_bytes, out->language),
                   size_text(b, info->memory_bytes, out->language));
    sheet_label(sheet, "tasks", T(out, "Tasks", "Tâches"));
    put_number(sheet, info->task_count);
    sheet_label(sheet, "services_up", "Services");
    if (out->json)
        put_number(sheet, health->up);
    else
        put_format(sheet, T(out, "%u of %u up, %u restarts", "%u sur %u en marche, %u redémarrages"), health->up,
                   health->services, health->restarts);
}

status_t tool_status(struct call *call)
{
    struct system_info info;
    struct health health;
    status_t status = system_read(call, &info);
    if (status != OK)
        return status;
    health_read(call, &health);
    say_status_focus(call->out, call->clause, &info);
    say_health(call->out, &info, &health);
    struct sheet *sheet = sheet_facts(call->out, "status");
    status_facts(sheet, &info, &health);
    if (call->out->json) {
        sheet_label(sheet, "services", NULL);
        put_number(sheet, health.services);
        sheet_label(sheet, "service_restarts", NULL);
        put_number(sheet, health.restarts);
    }
    sheet_end(sheet);
    return OK;
}

static void say_memory(struct answer *out, const struct clause *clause, const struct system_info *info)
{
    char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT], bar[UNIT_TEXT];
    uint64_t used = info->memory_bytes - info->free_bytes;
    size_text(b, info->memory_bytes, out->language);
    if (clause->focus == C_USED) {
        say(out,
            T(out, "%s of %s are in use (%s); the rest is free.\n",
              "%s sur %s sont utilisés (%s) ; le reste est libre.\n"),
            size_text(a, used, out->language), b, share_text(c, used, info->memory_bytes, out->language));
    } else {
        say(out, T(out, "%s of %s are free (%s).\n", "%s sur %s sont libres (%s).\n"),
            size_text(a, info->free_bytes, out->language), b,
            share_text(c, info->free_bytes, info->memory_bytes, out->language));
    }
    say(out, T(out, "%s %s in use\n", "%s %s utilisés\n"), bar_text(bar, 24, used, info->memory_bytes),
        share_text(c, used, info->memory_bytes, out->language));
}

status_t tool_memory(struct call *call)
{
    struct system_info info;
    status_t status = system_read(call, &info);
    if (status != OK)
        return status;
    struct answer *out = call->out;
    say_memory(out, call->clause, &info);
    struct sheet *sheet = sheet_facts(out, "memory");
    sheet_label(sheet, "total_bytes", T(out, "Total", "Totale"));
    put_size(sheet, info.memory_bytes);
    sheet_label(sheet, "free_bytes", T(out, "Free", "Libre"));
    put_size(sheet, info.free_bytes);
    sheet_label(sheet, "used_bytes", T(out, "Used", "Utilisée"));
    put_size(sheet, info.memory_bytes - info.free_bytes);
    sheet_label(sheet, "kernel_bytes", T(out, "of that the kernel", "dont le noyau"));
    put_size(sheet, info.kernel_bytes);
    if (out->json) {
        sheet_label(sheet, "free_pages", NULL);
        put_number(sheet, info.free_bytes / PAGE_SIZE);
    }
    sheet_end(sheet);
    return OK;
}

status_t tool_time(struct call *call)
{
    struct answer *out = call->out;
    char up[UNIT_TEXT];
    time_text(up, world_now(), out->language);
    if (out->json) {
        struct sheet *sheet = sheet_facts(out, "time_show");
        sheet_label(sheet, "uptime_ns", NULL);
        put_time(sheet, world_now());
        sheet_end(sheet);
    }
    say(out,
        T(out, "I have no clock of the day in this version; I was started %s ago.\n",
          "Je n'ai pas l'heure du jour dans cette version ; j'ai démarré il y a %s.\n"),
        up);
    return OK;
}

static void pools_of_network(struct call *call, struct sheet *sheet)
{
    struct net_stats_request ask = {{0}};
    struct net_stats stats;
    if (world_call(call->authority->caps[CAP_NETSRV], NET_STATS, &ask, sizeof ask, &stats, sizeof stats) != OK)
        return;
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {{"tcp_pcbs", stats.tcp_pcbs},
                {"tcp_time_wait", stats.tcp_time_wait},
                {"tcp_listeners", stats.tcp_listeners},
                {"tcp_segments", stats.tcp_segments},
                {"pbufs", stats.pbufs},
                {"rx_buffers_out", stats.rx_buffers_out},
                {"heap_used", stats.heap_used},
                {"heap_limit", stats.heap_limit},
                {"slots_used", stats.slots_used},
                {"clients", stats.clients},
                {"tx_descriptors_used", stats.tx_descriptors_used},
                {"lost_kicks_recovered", stats.lost_kicks_recovered},
                {"retransmits", stats.retransmits},
                {"checksum_errors", stats.checksum_errors}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sheet_label(sheet, rows[i].key, rows[i].key);
        put_number(sheet, rows[i].value);
    }
}

status_t tool_pools(struct call *call)
{
    static const char *const types[] = {
#define X(name, text) text,
        OBJECT_TYPES(X)
#undef X
    };
    struct object_counts counts;
    result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_OBJECTS, 0, &counts, sizeof counts);
    if (n != 1)
        return call_failed(call, CAP_TRACE, n < 0 ? (status_t)n : ERR_IO);
    struct sheet *sheet = sheet_facts(call->out, "pools");
    sheet_label(sheet, "free_pages", "free_pages");
    put_number(sheet, counts.free_pages);
    sheet_label(sheet, "capabilities", "capabilities");
    put_number(sheet, counts.capabilities);
    for (unsigned i = OBJECT_TASK; i < OBJECT_TYPE_COUNT; i++) {
        char key[32];
        text_neutral(key, sizeof key, types[i], sizeof key);
        strcat(key, "_objects");
        sheet_label(sheet, key, key);
        put_number(sheet, counts.objects[i]);
    }
    pools_of_network(call, sheet);
    sheet_end(sheet);
    return OK;
}
