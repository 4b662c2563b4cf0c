/* The table of tools. */
#include "jarvis/tool.h"
#include <string.h>

#define TOOL(intent, en, fr, en_example, fr_example, effect_, cap_, right_, slot_, function) \
    TOOL_ASKS(intent, en, fr, en_example, fr_example, effect_, cap_, right_, slot_, function, NULL)
#define TOOL_ASKS(intent, en, fr, en_example, fr_example, effect_, cap_, right_, slot_, function, ask_) \
    [INTENT_##intent] = {.title = {en, fr},                                                             \
                         .example = {en_example, fr_example},                                           \
                         .cap = CAP_##cap_,                                                             \
                         .effect = effect_,                                                             \
                         .needs_slot = slot_,                                                           \
                         .right = right_,                                                               \
                         .run = function,                                                               \
                         .ask = ask_},
/* Known by name and words, done by a later version. */
#define LATER(intent, en, fr, effect_, cap_, right_) \
    TOOL(intent, en, fr, NULL, NULL, effect_, cap_, right_, NO_SLOT, NULL)

/* clang-format off */
const struct tool tools[INTENT_COUNT] = {
    TOOL(status, "how the system is, uptime", "comment va le système", "status", "état (status)", READS, TRACE,
         RIGHT_TRACE_OBSERVE, NO_SLOT, tool_status)
    TOOL(memory, "memory used and free", "la mémoire utilisée et libre", "memory", "mémoire", READS, TRACE,
         RIGHT_TRACE_OBSERVE, NO_SLOT, tool_memory)
    TOOL(tasks, "all tasks", "toutes les tâches", "tasks", "tâches", READS, TRACE, RIGHT_TRACE_OBSERVE, NO_SLOT, tool_tasks)
    TOOL(task_info, "one task in detail", "une tâche en détail", "task netsrv", "tâche netsrv", READS, TRACE,
         RIGHT_TRACE_OBSERVE, SLOT_task, tool_task_info)
    TOOL(top, "the busiest tasks", "les tâches les plus actives", "top 5, top by memory", "top 5, top mémoire", READS, TRACE,
         RIGHT_TRACE_OBSERVE, NO_SLOT, tool_top)
    TOOL(numa, "nodes, CPUs, memory: who lives where, what is out of balance",
         "nœuds, CPU, mémoire : qui vit où, ce qui est déséquilibré", "numa, numa netsrv", "numa, mémoire par nœud", READS, TRACE,
         RIGHT_TRACE_OBSERVE, NO_SLOT, tool_numa)
    TOOL(services_list, "the services and their state", "les services et leur état", "services", "services", READS, INIT,
         SERVICE_READ, NO_SLOT, tool_services_list)
    TOOL(service_restart, "restart a service (operator)", "redémarrer un service (opérateur)", "restart netsrv",
         "redémarre netsrv", CHANGES, INIT, SERVICE_ADMIN, SLOT_service, tool_service_restart)
    TOOL(service_stop, "stop a service (operator)", "arrêter un service (opérateur)", "stop netbench", "arrête netbench",
         CHANGES, INIT, SERVICE_ADMIN, SLOT_service, tool_service_stop)
    TOOL(service_start, "start a service (operator)", "démarrer un service (opérateur)", "start netbench",
         "démarre netbench", CHANGES, INIT, SERVICE_ADMIN, SLOT_service, tool_service_start)
    TOOL(service_log, "the log of one service", "le journal d'un service", "log of netsrv", "journal de netsrv", READS,
         TRACE, RIGHT_TRACE_OBSERVE, SLOT_service, tool_log)
    TOOL(devices, "devices on the PCI bus", "les périphériques du bus PCI", "devices", "périphériques", READS, DEVMGR,
         SERVICE_READ, NO_SLOT, tool_devices)
    TOOL(net_status, "address, gateway, link", "adresse, passerelle, lien", "network", "réseau", READS, NETSRV, SERVICE_READ,
         NO_SLOT, tool_net_status)
    TOOL(connections, "connections and open ports", "connexions et ports ouverts", "connections", "connexions", READS, NETSRV,
         SERVICE_READ, NO_SLOT, tool_connections)
    TOOL(caps_show, "what a task may do; yours without a name", "ce qu'une tâche peut faire ; les vôtres sans nom",
         "caps netsrv", "droits de netsrv", READS, TRACE, RIGHT_TRACE_OBSERVE, NO_SLOT, tool_caps_show)
    TOOL(caps_tree, "where a capability comes from, and what came from it", "d'où vient une capacité, et ce qui en dérive",
         "caps tree, caps tree 12", "caps tree, arbre de la capacité 12", READS, TRACE, RIGHT_TRACE_OBSERVE, NO_SLOT,
         tool_caps_tree)
    TOOL_ASKS(cap_revoke, "end a capability and what came from it (operator)", "finir une capacité et ce qui en dérive (opérateur)",
         "caps revoke 12", "révoque la capacité 12", DESTROYS, INIT, SERVICE_ADMIN, SLOT_cap, tool_cap_revoke,
         tool_cap_revoke_ask)
    TOOL(trace_dump, "the last kernel events", "les derniers événements du noyau", "trace dump 20", "trace dump 20", READS, TRACE,
         RIGHT_TRACE_OBSERVE, NO_SLOT, tool_trace_dump)
    TOOL(trace_stats, "what is recorded, counters", "ce qui est enregistré, les compteurs", "trace stats", "trace stats", READS, TRACE,
         RIGHT_TRACE_OBSERVE, NO_SLOT, tool_trace_stats)
    TOOL(trace_start, "record more classes of events, or a task for a while (operator)",
         "enregistrer plus de classes d'événements, ou une tâche un moment (opérateur)", "trace start syscall, trace netsrv for 5 s",
         "trace start syscall, trace netsrv pendant 5 s", CHANGES, TRACE, RIGHT_TRACE_CONTROL, NO_SLOT, tool_trace_start)
    TOOL(trace_stop, "record nothing more, or not some classes (operator)",
         "ne plus rien enregistrer, ou pas certaines classes (opérateur)", "trace stop", "arrête la trace", CHANGES, TRACE,
         RIGHT_TRACE_CONTROL, NO_SLOT, tool_trace_stop)
    TOOL(trace_filter, "which classes and whose events are recorded (operator)",
         "quelles classes et de qui on enregistre (opérateur)", "trace filter ipc, trace filter netsrv, trace filter off",
         "trace filter ipc, trace filter off", CHANGES, TRACE, RIGHT_TRACE_CONTROL, NO_SLOT, tool_trace_filter)
    TOOL(trace_summarise, "watch for a while, and tell what was done", "observer un moment, et dire ce qui fut fait",
         "watch for 5 seconds", "surveille pendant 5 secondes", READS, TRACE, RIGHT_TRACE_OBSERVE, NO_SLOT, tool_trace_summarise)
    TOOL(crash, "what the last panic left", "ce que la dernière panique a laissé", "crash", "plantage", READS, TRACE,
         RIGHT_TRACE_OBSERVE, NO_SLOT, tool_crash)
    TOOL(crash_clear, "forget the crash record (operator)", "oublier le rapport de plantage (opérateur)", "crash clear",
         "efface le rapport de plantage", CHANGES, TRACE, RIGHT_TRACE_CONTROL, NO_SLOT, tool_crash_clear)
    TOOL(log, "the system log", "le journal du système", "log 20", "journal 20", READS, TRACE, RIGHT_TRACE_OBSERVE, NO_SLOT,
         tool_log)
    TOOL(pools, "objects and buffers in use", "objets et tampons utilisés", "pools", "pools", READS, TRACE, RIGHT_TRACE_OBSERVE,
         NO_SLOT, tool_pools)
    TOOL(time_show, "how long ago I started", "depuis quand je tourne", "time", "quelle heure est-il", READS, NOTHING, 0,
         NO_SLOT, tool_time)
    TOOL(help, "this, or help about one thing", "ceci, ou de l'aide sur une chose", "help memory", "aide mémoire", READS, NOTHING, 0,
         NO_SLOT, tool_help)
    TOOL(whoami, "your role in this session", "votre rôle dans cette session", "whoami", "qui suis-je", READS, NOTHING, 0,
         NO_SLOT, tool_whoami)
    TOOL(login, "become operator", "devenir opérateur", NULL, NULL, READS, NOTHING, 0, NO_SLOT, tool_login)
    TOOL(logout, "become observer again", "redevenir observateur", NULL, NULL, READS, NOTHING, 0, NO_SLOT, tool_logout)

    LATER(net_set_static, "set a fixed address", "fixer l'adresse", CHANGES, NETSRV, SERVICE_ADMIN)
    LATER(net_set_dhcp, "take the address from DHCP", "prendre l'adresse par DHCP", CHANGES, NETSRV, SERVICE_ADMIN)
    LATER(dns_set, "set the DNS servers", "changer de serveurs DNS", CHANGES, NETSRV, SERVICE_ADMIN)
    LATER(hostname_set, "name the machine", "nommer la machine", CHANGES, NETSRV, SERVICE_ADMIN)
    LATER(ping, "test whether a host answers", "tester si un hôte répond", READS, NETSRV, SERVICE_CONNECT)
    LATER(resolve, "look a name up", "résoudre un nom", READS, NETSRV, SERVICE_CONNECT)
    LATER(close_port, "close a port", "fermer un port", CHANGES, NETSRV, SERVICE_ADMIN)
    LATER(close_connection, "cut a connection", "couper une connexion", CHANGES, NETSRV, SERVICE_ADMIN)
    LATER(open_port, "open a service's port", "ouvrir un port", CHANGES, NETSRV, SERVICE_ADMIN)
    LATER(fs_list, "list a directory", "lister un dossier", READS, NOTHING, 0)
    LATER(fs_read, "show a file", "montrer un fichier", READS, NOTHING, 0)
    LATER(fs_write, "write a file", "écrire un fichier", DESTROYS, NOTHING, 0)
    LATER(fs_append, "append to a file", "ajouter à un fichier", CHANGES, NOTHING, 0)
    LATER(fs_copy, "copy a file", "copier un fichier", CHANGES, NOTHING, 0)
    LATER(fs_move, "move a file", "déplacer un fichier", CHANGES, NOTHING, 0)
    LATER(fs_remove, "delete a file", "effacer un fichier", DESTROYS, NOTHING, 0)
    LATER(fs_usage, "space on the disk", "la place sur le disque", READS, NOTHING, 0)
    LATER(fetch_url, "fetch a URL", "télécharger une URL", READS, NETSRV, SERVICE_CONNECT)
    LATER(save_answer, "save an answer to a file", "enregistrer une réponse", CHANGES, NOTHING, 0)
    LATER(cap_grant, "give a capability", "donner une capacité", CHANGES, INIT, SERVICE_ADMIN)
    LATER(time_sync, "set the clock", "mettre à l'heure", CHANGES, NETSRV, SERVICE_CONNECT)
    LATER(config_show, "show the configuration", "montrer la configuration", READS, NOTHING, 0)
    LATER(config_set, "change the configuration", "changer la configuration", CHANGES, NOTHING, 0)
    LATER(script_list, "list scripts", "lister les scripts", READS, NOTHING, 0)
    LATER(script_show, "show a script", "montrer un script", READS, NOTHING, 0)
    LATER(script_save, "save a script", "enregistrer un script", CHANGES, NOTHING, 0)
    LATER(script_run, "run a script", "exécuter un script", CHANGES, NOTHING, 0)
    LATER(schedule, "do something at a time", "planifier", CHANGES, NOTHING, 0)
    LATER(unschedule, "cancel a schedule", "annuler un planning", CHANGES, NOTHING, 0)
    LATER(reboot, "restart the machine", "redémarrer la machine", DESTROYS, NOTHING, 0)
    LATER(poweroff, "switch the machine off", "éteindre la machine", DESTROYS, NOTHING, 0)
};
/* clang-format on */

const char *cap_kind_name(unsigned cap, enum language language)
{
    static const char *const names[LANGUAGES][CAP_KINDS + 1] = {
        {"trace (the kernel's figures)", "init (the services)", "devmgr (the devices)", "netsrv (the network)",
         "nothing"},
        {"trace (les chiffres du noyau)", "init (les services)", "devmgr (les périphériques)", "netsrv (le réseau)",
         "rien"}};
    return names[language][cap <= CAP_KINDS ? cap : CAP_KINDS];
}

const char *right_name(unsigned cap, uint32_t right)
{
    static const struct {
        uint8_t cap;
        uint32_t right;
        const char *name;
    } names[] = {{CAP_TRACE, RIGHT_TRACE_OBSERVE, "OBSERVE"},
                 {CAP_TRACE, RIGHT_TRACE_CONTROL, "CONTROL"},
                 {CAP_INIT, SERVICE_READ, "READ"},
                 {CAP_INIT, SERVICE_ADMIN, "ADMIN"},
                 {CAP_DEVMGR, SERVICE_READ, "READ"},
                 {CAP_NETSRV, SERVICE_READ, "READ"},
                 {CAP_NETSRV, SERVICE_ADMIN, "ADMIN"},
                 {CAP_NETSRV, SERVICE_CONNECT, "CONNECT"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].cap == cap && names[i].right == right)
            return names[i].name;
    return "";
}

const char *call_slot(const struct call *call, unsigned slot)
{
    return clause_slot(call->request, call->clause, slot);
}

static const char *behind(unsigned cap, enum language language)
{
    static const char *const names[LANGUAGES][CAP_KINDS + 1] = {
        {"kernel", "service manager", "device manager", "network service", "system"},
        {"noyau", "gestionnaire des services", "gestionnaire des périphériques", "service réseau", "système"}};
    return names[language][cap <= CAP_KINDS ? cap : CAP_KINDS];
}

status_t call_failed(struct call *call, unsigned cap, status_t status)
{
    struct answer *out = call->out;
    const char *who = behind(cap, out->language);
    if (status == ERR_PEER_DIED || status == ERR_BAD_HANDLE) {
        call->action = CONSOLE_REFRESH;
        answer_error(
            out, "restarting",
            T(out, "The %s is restarting; try again in a moment.", "Le %s redémarre ; réessayez dans un instant."),
            who);
    } else if (status == ERR_TIMED_OUT) {
        answer_error(out, "timed_out",
                     T(out, "The %s did not answer within %u seconds.", "Le %s n'a pas répondu en %u secondes."), who,
                     (unsigned)(CALL_TIME_NS / 1000000000u));
    } else if (status == ERR_NO_RIGHT) {
        answer_error(out, "no_right",
                     T(out, "The %s refused: your session lacks the right.",
                       "Le %s a refusé : votre session n'en a pas le droit."),
                     who);
    } else {
        answer_error(out, "failed", T(out, "The %s could not do that (error %d).", "Le %s n'a pas pu (erreur %d)."),
                     who, (int)status);
    }
    return status;
}
