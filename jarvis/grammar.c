#include "jarvis/grammar.h"
#include <string.h>

#define C1(a) C_##a
#define C2(a, ...) C_##a, C1(__VA_ARGS__)
#define C3(a, ...) C_##a, C2(__VA_ARGS__)
#define C4(a, ...) C_##a, C3(__VA_ARGS__)
#define C5(a, ...) C_##a, C4(__VA_ARGS__)
#define C6(a, ...) C_##a, C5(__VA_ARGS__)
#define PICK(a, b, c, d, e, f, name, ...) name
#define LIST(...)                                                \
    {                                                            \
        PICK(__VA_ARGS__, C6, C5, C4, C3, C2, C1, )(__VA_ARGS__) \
    }
#define R(name, ...) {.intent = INTENT_##name, .need = LIST(__VA_ARGS__)},
#define RB(name, extra, ...) {.intent = INTENT_##name, .bonus = (extra), .need = LIST(__VA_ARGS__)},
#define RN(name, forbidden, ...) {.intent = INTENT_##name, .need = LIST(__VA_ARGS__), .never = LIST forbidden},

/* clang-format off */
static const struct rule rules[] = {
    /* the system as a whole */
    R(status, STATE) R(status, STATE, MACHINE) R(status, UPTIME) R(status, HOWLONG, UP) R(status, HOWLONG, RUNNING)
    R(status, HOWLONG, MACHINE) R(status, WHEN, RUNNING) R(status, WHEN, UP) R(status, VERSION) R(status, OKAY)
    R(status, PROBLEM) R(status, STATS) R(status, BUSY, MACHINE) R(status, HOW, MACHINE) R(status, HOW, YOU) R(status, LOAD, MACHINE)
    R(status, WHEN, START) R(status, OKAY, MACHINE) R(status, HOWMANY, CPU) R(status, WHICH, CPU) R(status, UP)
    R(status, HOWLONG, YOU) R(status, WHICH, KERNEL) R(status, HOWLONG, STATE) R(status, DETAIL, MACHINE)
    R(status, WHEN, START, MACHINE) R(status, WHEN, RESTARTED) R(status, RUNNING, MACHINE) R(status, ALIVE, YOU)
    R(memory, MEMORY) R(memory, MEMORY, SPACE) R(memory, MEMORY, LEFT) R(memory, MEMORY, FREE)

    /* tasks */
    R(tasks, TASK) R(tasks, WHAT, RUNNING) R(tasks, HOWMANY, TASK) R(tasks, TASK, RUNNING) R(tasks, EVERY, TASK)
    R(task_info, TASK, TASK_ID) R(task_info, TASK, SERVICE_NAME) R(task_info, DETAIL, SERVICE_NAME)
    R(task_info, DETAIL, TASK, TASK_ID) R(task_info, MEMORY, SERVICE_NAME) R(task_info, CPU, SERVICE_NAME)
    R(task_info, PRIORITY, SERVICE_NAME) R(task_info, DO, SERVICE_NAME) R(task_info, PRIORITY, TASK)
    R(task_info, CONSUME, SERVICE_NAME) R(task_info, DETAIL, TASK, SERVICE_NAME) R(task_info, DETAIL, TASK)
    R(task_info, LOAD, SERVICE_NAME) R(task_info, DETAIL, NUMBER) R(task_info, BUSY, SERVICE_NAME)
    R(top, TOP) R(top, MOST, CPU) R(top, MOST, MEMORY) R(top, CONSUME, CPU) R(top, CONSUME, MEMORY) R(top, BUSY, TASK)
    R(top, BUSY, SERVICE) RB(top, -1, CPU) R(top, WHO, CPU) R(top, WHO, MEMORY) R(top, SORT, TASK) R(top, TASK, CPU)
    R(top, LOAD, CPU) R(top, MOST, TASK) R(top, LOAD) R(top, SERVICE, CPU) R(top, WHO, BUSY) R(top, MOST, SERVICE)
    R(top, TASK, CONSUME) R(top, MOST, TASK, CPU) R(top, MOST, TASK, MEMORY) R(top, BUSY, CPU) R(top, WHO, CONSUME)
    R(top, MOST, SERVICE, MEMORY) R(top, WHICH, TASK, MEMORY) R(top, TASK, MEMORY) R(top, SERVICE, MEMORY)
    R(top, WHAT, CONSUME) R(top, BUSY, WHICH)

    /* nodes */
    R(numa, NODE) R(numa, BALANCE) R(numa, NODE, MEMORY) R(numa, NODE, CPU) R(numa, NODE, TASK) R(numa, NODE, SERVICE_NAME)
    R(numa, NODE, TASK, TASK_ID) R(numa, BALANCE, MEMORY) R(numa, BALANCE, CPU) R(numa, BALANCE, LOAD)
    R(numa, BALANCE, NODE) R(numa, BALANCE, OKAY) R(numa, BALANCE, TASK) R(numa, WHERE, RUNNING, SERVICE_NAME) R(numa, WHERE, RUNNING, TASK) R(numa, NODE, MEMORY, CPU)

    /* services */
    R(services_list, SERVICE) R(services_list, SERVICE_NAME) R(services_list, RUNNING, SERVICE_NAME)
    R(services_list, STATE, SERVICE_NAME) R(services_list, ALIVE, SERVICE_NAME) R(services_list, UP, SERVICE_NAME)
    R(services_list, OKAY, SERVICE_NAME) R(services_list, CRASHED, SERVICE_NAME) R(services_list, CRASHED)
    R(services_list, RESTARTED, SERVICE_NAME) R(services_list, SERVICE, RUNNING) R(services_list, CRASHED, SERVICE)
    R(services_list, HOW, SERVICE_NAME) R(services_list, HOW, DO, SERVICE_NAME) R(services_list, PROBLEM, SERVICE_NAME) R(services_list, SERVICE, SERVICE_NAME)
    R(services_list, STATE, SERVICE) R(services_list, RESTARTED, SERVICE) R(services_list, SERVICE, OKAY)
    R(services_list, SERVICE, STATE, SERVICE_NAME) R(services_list, HOWLONG, SERVICE_NAME) R(services_list, SERVICE, PROBLEM)
    RN(service_restart, (HOWOFTEN, WHEN), RESTART, SERVICE_NAME) R(service_restart, REBOOT, SERVICE_NAME)
    R(service_stop, STOP, SERVICE_NAME) R(service_stop, POWEROFF, SERVICE_NAME) R(service_start, START, SERVICE_NAME)
    R(service_restart, RESTART, WORD) R(service_stop, STOP, WORD) R(service_start, START, WORD)
    R(service_restart, RESTART, SERVICE, WORD) R(service_stop, STOP, SERVICE, WORD) R(service_start, START, SERVICE, WORD)
    RN(service_restart, (HOWOFTEN, WHEN), RESTART, NETWORK) R(service_stop, STOP, NETWORK) R(service_start, START, NETWORK)
    RN(service_restart, (HOWOFTEN, WHEN), RESTART, DEVICE) R(service_stop, STOP, DEVICE) R(service_start, START, DEVICE)
    R(service_stop, QUIT, SERVICE_NAME)
    R(services_list, HOWOFTEN, RESTART, SERVICE_NAME) R(services_list, WHEN, RESTART, SERVICE_NAME)

    /* hardware and network */
    R(devices, DEVICE) R(devices, CARD) R(devices, DISK) R(devices, DEVICE, FOUND) R(devices, BE, DISK)
    R(net_status, NETWORK) R(net_status, IP) R(net_status, ADDRESS) R(net_status, GATEWAY) R(net_status, NETMASK)
    R(net_status, MAC) R(net_status, LINK) R(net_status, DNS) R(net_status, HOSTNAME) R(net_status, DHCP)
    R(net_status, IPV6) R(net_status, ONLINE) R(net_status, NAME, MACHINE) R(net_status, NAME, YOU)
    R(net_status, CONNECTED, NETWORK) R(net_status, STATE, NETWORK)
    R(net_status, WHICH, ADDRESS) R(net_status, WHERE, YOU) R(net_status, CONNECTED, YOU, NETWORK)
    R(connections, CONNECTION) R(connections, WHO, CONNECTED) R(connections, PORT, OPENED) R(connections, PORT, OPEN)
    R(connections, PORT) R(connections, PORT, LISTENING) R(connections, LISTENING) R(connections, CONNECTED)
    R(connections, PORT, WHO) R(connections, OPEN, CONNECTION) R(connections, PERSON, CONNECTED)
    R(connections, WHAT, LISTENING) R(connections, HOWMANY, CONNECTION) R(connections, HOWMANY, PERSON)
    R(connections, WHO, HERE) R(connections, WHO, ONLINE) R(connections, TCP) R(connections, PORT_NAME, LISTENING)
    R(connections, SERVICE_NAME, CONNECTION) R(connections, BE, PORT, OPEN) R(connections, BE, PORT_NAME, OPEN)
    RN(open_port, (BE, SHOW, WHICH, HOWMANY, WHAT), OPEN, PORT, PORT_ID)
    RN(open_port, (BE, SHOW, WHICH, HOWMANY, WHAT), OPEN, PORT, PORT_NAME)
    R(close_port, CLOSE, PORT) R(close_port, STOP, PORT) R(close_connection, CLOSE, CONNECTION)
    R(close_connection, CLOSE, ADDRESS_VALUE) R(close_connection, STOP, CONNECTION)
    R(ping, PING) R(resolve, RESOLVE) R(resolve, RESOLVE, HOST_VALUE) R(resolve, IP, HOST_VALUE)
    R(resolve, ADDRESS, HOST_VALUE) R(ping, ALIVE, ADDRESS_VALUE) R(ping, UP, ADDRESS_VALUE) R(ping, ONLINE, ADDRESS_VALUE)
    R(ping, ALIVE, HOST_VALUE) R(ping, UP, HOST_VALUE) R(ping, ONLINE, HOST_VALUE)
    R(net_set_static, SET, IP) R(net_set_static, SET, ADDRESS) R(net_set_static, SET, ADDRESS_VALUE)
    R(net_set_dhcp, SET, DHCP) R(net_set_dhcp, START, DHCP) R(dns_set, SET, DNS) R(hostname_set, SET, HOSTNAME)
    R(hostname_set, SET, NAME) R(hostname_set, MOVE, MACHINE)

    /* capabilities */
    R(caps_show, CAPABILITY) R(caps_show, CAPABILITY, SERVICE_NAME) R(caps_show, ALLOWED) R(caps_show, SELF, ALLOWED)
    R(caps_show, ALLOWED, SERVICE_NAME) R(caps_show, CAN, DO, SERVICE_NAME) R(caps_show, CAPABILITY, SELF)
    R(caps_show, CAPABILITY, DO) R(caps_tree, TREE) R(caps_tree, CAPABILITY, TREE) R(caps_tree, TREE, NUMBER)
    R(caps_tree, WHO, CAPABILITY, NUMBER) R(caps_tree, WHERE, CAPABILITY, NUMBER) R(cap_revoke, DELETE, CAPABILITY)
    R(cap_revoke, STOP, CAPABILITY) R(cap_revoke, CANCEL, CAPABILITY) R(cap_grant, GRANT)
    R(cap_grant, GRANT, CAPABILITY) R(cap_revoke, REVOKE) R(cap_revoke, REVOKE, CAPABILITY)
    R(caps_show, CAPABILITY, TASK, TASK_ID) R(caps_show, CAPABILITY, NUMBER) R(caps_show, CAN, SERVICE_NAME)

    /* trace and log */
    R(trace_dump, TRACE, SHOW) R(trace_dump, EVENT) R(trace_dump, EVENT, LAST) R(trace_dump, TRACE, LAST)
    R(trace_dump, TRACE, EVENT) R(trace_dump, SHOW, EVENT) R(trace_dump, TRACE, READ) R(trace_dump, TRACE, NUMBER)
    R(trace_dump, KERNEL, DO) R(trace_dump, TRACE, WHAT) R(trace_dump, HAPPEN, KERNEL)
    R(trace_stats, TRACE, STATS) R(trace_stats, EVENT, HOWMANY) R(trace_stats, EVENT, HOWMUCH) R(trace_stats, EVENT, LOST)
    R(trace_stats, TRACE, LOST) R(trace_stats, TRACE, HOWMANY) R(trace_stats, EVENT, RECORDED) R(trace_stats, TRACE, STATE)
    R(trace_stats, EVENT, STATS) R(trace_stats, EVENT, LOST, HOWMANY) R(trace_stats, TRACE, EVENT, LOST)
    R(trace_stats, TRACE, EVENT, HOWMANY) R(trace_stats, TRACE, RUNNING) R(trace_stats, TRACE, EVENT, HOWMUCH)
    R(trace_start, START, TRACE) R(trace_stop, STOP, TRACE) R(trace_filter, FILTER) R(trace_filter, FILTER, TRACE)
    R(trace_start, START, RECORD) R(trace_stop, STOP, RECORD) R(trace_stop, STOP, RECORD, EVENT) R(trace_start, RECORD)
    R(trace_stop, STOP, SAVE) R(trace_start, RECORD, EVENT) R(trace_start, RECORD, TRACE) R(trace_start, RECORD, EVENT_KIND) R(trace_start, START, EVENT)
    RN(trace_start, (BE, HAVE, HOWMANY), RECORDED, EVENT_KIND) RN(trace_start, (SHOW, STATS, LAST), TRACE, SERVICE_NAME)
    RN(trace_start, (SHOW, STATS, LAST), TRACE, EVENT_KIND) RN(trace_start, (SHOW, STATS, LAST), TRACE, NETWORK)
    RN(trace_start, (SHOW, STATS, LAST), TRACE, DURATION) RN(trace_start, (SHOW, STATS, LAST), TRACE, TASK_ID)
    RN(trace_start, (SHOW, STATS, LAST), TRACE, ALL) RN(trace_start, (SHOW, STATS, LAST), TRACE, DURATION, SERVICE_NAME)
    RN(trace_start, (SHOW, STATS, LAST), TRACE, DURATION, NETWORK) R(trace_stop, STOP, EVENT)
    R(trace_summarise, SUMMARISE) R(trace_summarise, SUMMARISE, TRACE) R(trace_summarise, SUMMARISE, TRACE, DURATION)
    R(log, LOG) R(log, ERROR) R(log, WARNING) R(log, MESSAGE) R(log, HAPPEN) R(log, LAST, LINE) R(log, LOG, LINE)
    R(log, ERROR, LOG) R(log, WARNING, LOG) R(log, MESSAGE, LAST) R(log, MESSAGE, BOOT) R(log, HAPPEN, DURATION)
    R(log, HAPPEN, LAST) R(log, RECORDED, LAST) R(log, LINE) R(log, HAPPEN, BOOT) R(log, ERROR, DURATION)
    R(service_log, LOG, SERVICE_NAME) R(service_log, ERROR, SERVICE_NAME) R(service_log, MESSAGE, SERVICE_NAME)
    R(service_log, LINE, SERVICE_NAME) R(service_log, WARNING, SERVICE_NAME) R(service_log, HAPPEN, SERVICE_NAME)

    R(pools, POOL)

    /* the session */
    R(help, COMMAND) R(whoami, WHOAMI) R(whoami, ROLE) R(whoami, WHO, SELF) R(whoami, WHOAMI, ROLE) R(logout, LOGOUT)
    RN(logout, (SERVICE_NAME), QUIT) RN(logout, (SERVICE_NAME), QUIT, CONNECTION) R(logout, BYE) R(logout, BYE, QUIT)
    R(login, LOGIN) R(time_show, CLOCK) R(time_show, DATE) R(time_show, CLOCK, DATE) R(time_sync, SYNC)
    R(time_sync, SYNC, CLOCK) R(reboot, REBOOT) R(reboot, RESTART, MACHINE) R(reboot, REBOOT, MACHINE)
    R(poweroff, POWEROFF) R(poweroff, POWEROFF, MACHINE) R(poweroff, STOP, MACHINE)
    R(crash, CRASH) R(crash, CRASHED, MACHINE) R(crash_clear, DELETE, CRASH) R(config_show, CONFIG) R(config_set, SET, CONFIG)

    /* files and scripts */
    R(fs_list, FILE) R(fs_list, FOLDER) R(fs_list, LIST_FILES) R(fs_list, SHOW, FILE) R(fs_list, SHOW, FILE, PATH)
    R(fs_list, FOLDER, PATH) R(fs_list, WHAT, FOLDER) R(fs_list, WHAT, PATH) R(fs_read, READ) R(fs_read, READ, FILE)
    R(fs_read, READ, PATH) R(fs_read, SHOW, PATH) R(fs_write, WRITE) R(fs_write, WRITE, FILE) R(fs_write, WRITE, PATH)
    R(fs_append, APPEND) R(fs_append, APPEND, FILE) R(fs_append, APPEND, PATH) R(fs_copy, COPY) R(fs_copy, COPY, FILE)
    R(fs_move, MOVE) R(fs_move, MOVE, FILE) R(fs_remove, DELETE) R(fs_remove, DELETE, FILE) R(fs_remove, DELETE, FOLDER)
    R(fs_usage, FREE, DISK) R(fs_usage, USED, DISK) R(fs_usage, LEFT, DISK) R(fs_usage, SPACE, DISK)
    R(fs_usage, HOWMUCH, DISK) R(fs_usage, SPACE, PATH) R(fs_usage, SPACE, FILE) R(fetch_url, FETCH) R(fetch_url, URL)
    R(fetch_url, FETCH, URL) R(save_answer, SAVE) R(save_answer, SAVE, ANSWER) R(script_list, SCRIPT)
    R(script_run, RUN, SCRIPT) R(script_run, RUNNING, SCRIPT) R(script_run, START, SCRIPT) R(script_save, SAVE, SCRIPT)
    R(script_show, READ, SCRIPT) R(schedule, SCHEDULE) R(schedule, SCHEDULE, SCRIPT) R(unschedule, CANCEL)
    R(unschedule, CANCEL, SCRIPT)

    /* inside the domain, but open */
    R(clarify, RESTART) R(clarify, STOP) R(clarify, START) R(clarify, SPACE) R(clarify, SPACE, LEFT) R(clarify, STOP, NUMBER)
    R(clarify, STOP, TASK, TASK_ID) R(clarify, STOP, TASK) RN(clarify, (SERVICE_NAME), RESTART, SERVICE)
    RN(clarify, (SERVICE_NAME), STOP, SERVICE) RN(clarify, (SERVICE_NAME), START, SERVICE) R(clarify, TRACE) R(clarify, RESTART, TASK) R(clarify, OPEN, PORT) R(clarify, LEFT)
    R(clarify, RESTART, NUMBER) R(clarify, START, NUMBER) R(clarify, SPACE, FREE) R(clarify, USED)

    /* outside */
    RB(unknown, 6, WEATHER) RB(unknown, 6, FIREWALL) RB(unknown, 4, OTHER_ACT) R(unknown, SET, CLOCK) R(unknown, SET)
};
/* clang-format on */
#define RULES (sizeof rules / sizeof rules[0])

#define NETWORK_WORDS \
    C_NETWORK, C_IP, C_ADDRESS, C_GATEWAY, C_NETMASK, C_MAC, C_LINK, C_DNS, C_HOSTNAME, C_DHCP, C_IPV6, C_NAME
#define TRACE_WORDS                                                                                           \
    C_SERVICE_NAME, C_EVENT, C_TRACE, C_EVENT_KIND, C_MEMORY, C_CAPABILITY, C_TASK, C_LOG, C_PERSON, C_ERROR, \
        C_MESSAGE, C_ALL, C_NETWORK, C_SERVICE, C_KERNEL, C_TASK_ID, C_NUMBER, C_EVERY
#define FILE_WORDS C_FILE, C_FOLDER, C_PATH, C_QUOTED, C_DISK, C_SPACE, C_NUMBER, C_HOST_VALUE, C_LINE, C_ALL, C_LAST

/* What may stand beside an intent's own words without making it less likely. */
#define ALSO_MAX 28
/* clang-format off */
static const uint8_t also[INTENT_COUNT][ALSO_MAX] = {
    [INTENT_status] = {C_MACHINE, C_ALL, C_KERNEL, C_PROBLEM, C_OKAY, C_RUNNING, C_UP, C_CLOCK, C_STATE, C_DETAIL, C_VERSION,
                       C_UPTIME, C_BOOT, C_CPU, C_LOAD, C_BUSY, C_START, C_LAST, C_TOTAL, C_CONNECTED},
    [INTENT_memory] = {C_FREE, C_USED, C_TOTAL, C_LEFT, C_SPACE, C_STATE, C_KERNEL, C_MACHINE, C_STATS, C_DETAIL, C_ALL,
                       C_CONSUME, C_FOUND, C_LOAD},
    [INTENT_tasks] = {C_RUNNING, C_ALL, C_STATE, C_MACHINE, C_TOTAL, C_KERNEL, C_EVERY, C_ALIVE, C_UP, C_SERVICE, C_DETAIL,
                      C_NAME, C_CPU},
    [INTENT_task_info] = {C_DETAIL, C_USED, C_MEMORY, C_CPU, C_PRIORITY, C_STATE, C_RUNNING, C_CONSUME, C_SERVICE, C_TOTAL,
                          C_NUMBER, C_TASK, C_LOAD, C_ALL, C_TASK_ID, C_SERVICE_NAME, C_LEFT},
    [INTENT_top] = {C_NUMBER, C_TASK, C_SERVICE, C_USED, C_MEMORY, C_CPU, C_MOST, C_BUSY, C_CONSUME, C_SORT, C_LOAD, C_PER,
                    C_ALL, C_RUNNING, C_MACHINE, C_TASK_ID, C_LAST, C_EVERY, C_STATE, C_TOTAL, C_FREE},
    [INTENT_numa] = {C_MEMORY, C_CPU, C_TASK, C_SERVICE, C_SERVICE_NAME, C_TASK_ID, C_NUMBER, C_FREE, C_USED, C_TOTAL, C_ALL,
                     C_STATE, C_MACHINE, C_PER, C_DETAIL, C_LOAD, C_BUSY, C_RUNNING, C_EVERY, C_STATS, C_OKAY, C_LEFT, C_ALIVE,
                     C_NODE, C_BALANCE, C_UP},
    [INTENT_services_list] = {C_ALL, C_TASK, C_SERVICE, C_RUNNING, C_STATE, C_ALIVE, C_UP, C_OKAY, C_MACHINE, C_CRASHED,
                              C_RESTARTED, C_PROBLEM, C_EVERY, C_DETAIL, C_NAME, C_LAST},
    [INTENT_service_restart] = {C_SERVICE, C_TASK, C_RUNNING, C_UP},
    [INTENT_service_stop] = {C_SERVICE, C_TASK, C_RUNNING},
    [INTENT_service_start] = {C_SERVICE, C_TASK, C_RUNNING, C_UP, C_ALIVE},
    [INTENT_devices] = {C_FOUND, C_NETWORK, C_MACHINE, C_ALL, C_KERNEL, C_DISK, C_CARD, C_DEVICE, C_LINK, C_USED, C_STATE,
                        C_DETAIL, C_EVERY, C_CONNECTED, C_NAME},
    [INTENT_net_status] = {NETWORK_WORDS, C_UP, C_STATE, C_OKAY, C_USED, C_MACHINE, C_CARD, C_RUNNING, C_CONNECTED, C_ALL,
                           C_STATS, C_DETAIL, C_SERVICE, C_CONFIG, C_KERNEL, C_ALIVE},
    [INTENT_connections] = {C_PORT_ID, C_ADDRESS_VALUE, C_HOST_VALUE, C_PORT_NAME, C_TCP, C_UDP, C_OPEN, C_OPENED, C_RUNNING,
                            C_LISTENING, C_CONNECTED, C_NETWORK, C_PERSON, C_ALL, C_MACHINE, C_LINK, C_NUMBER, C_SERVICE,
                            C_CONNECTION, C_PORT, C_STATE, C_USED, C_DETAIL, C_EVERY, C_TOTAL, C_ALIVE, C_SERVICE_NAME, C_LAST},
    [INTENT_caps_show] = {C_ALL, C_TASK, C_SERVICE, C_TASK_ID, C_NUMBER, C_ROLE, C_SERVICE_NAME, C_DETAIL, C_CONNECTION,
                          C_EVERY, C_KERNEL, C_ALLOWED, C_CAPABILITY, C_STATE},
    [INTENT_caps_tree] = {C_CAPABILITY, C_SERVICE_NAME, C_SERVICE, C_TASK, C_ALL, C_NUMBER, C_TASK_ID, C_DETAIL, C_TREE},
    [INTENT_cap_grant] = {C_CAPABILITY, C_SERVICE_NAME, C_NUMBER, C_READ, C_WRITE, C_SERVICE},
    [INTENT_cap_revoke] = {C_CAPABILITY, C_SERVICE_NAME, C_NUMBER, C_READ, C_WRITE, C_SERVICE, C_TASK, C_TASK_ID, C_ALL},
    [INTENT_trace_dump] = {C_LAST, C_NUMBER, C_TRACE, C_EVENT, C_KERNEL, C_ALL, C_MACHINE, C_LINE, C_HAPPEN, C_READ, C_PATH,
                           C_RECORDED, C_MESSAGE, C_FILE},
    [INTENT_trace_stats] = {C_RECORDED, C_LOST, C_EVENT, C_TRACE, C_KERNEL, C_STATE, C_TOTAL, C_STATS, C_LAST, C_RUNNING, C_ALL,
                            C_MACHINE},
    [INTENT_trace_start] = {TRACE_WORDS, C_DURATION}, [INTENT_trace_filter] = {TRACE_WORDS}, [INTENT_trace_stop] = {TRACE_WORDS},
    [INTENT_trace_summarise] = {C_DURATION, C_TRACE, C_EVENT, C_SERVICE_NAME, C_NETWORK, C_MACHINE, C_SERVICE, C_TASK_ID, C_TASK,
                                C_KERNEL, C_ALL},
    [INTENT_log] = {C_LAST, C_LINE, C_NUMBER, C_DURATION, C_ERROR, C_WARNING, C_MESSAGE, C_BOOT, C_MACHINE, C_KERNEL, C_ALL,
                    C_HAPPEN, C_PROBLEM, C_RECORDED, C_LOG, C_START, C_EVERY, C_FOUND, C_UP},
    [INTENT_service_log] = {C_LAST, C_LINE, C_NUMBER, C_DURATION, C_ERROR, C_WARNING, C_MESSAGE, C_SERVICE, C_LOG, C_ALL,
                            C_TASK},
    [INTENT_help] = {C_ALL, C_USED, C_RUNNING, C_FREE, C_MACHINE},
    [INTENT_whoami] = {C_CONNECTED, C_ROLE, C_NAME, C_CONNECTION, C_PERSON},
    [INTENT_logout] = {C_CONNECTION}, [INTENT_login] = {C_QUOTED, C_NUMBER, C_ROLE, C_HOST_VALUE},
    [INTENT_time_show] = {C_MACHINE, C_CLOCK, C_DATE, C_DURATION}, [INTENT_time_sync] = {C_CLOCK, C_HOST_VALUE, C_MACHINE},
    [INTENT_reboot] = {C_MACHINE, C_ALL, C_SERVICE}, [INTENT_poweroff] = {C_MACHINE, C_ALL, C_SERVICE},
    [INTENT_crash] = {C_LAST, C_DETAIL, C_KERNEL, C_MACHINE, C_LOG}, [INTENT_crash_clear] = {C_LAST, C_KERNEL, C_MACHINE},
    [INTENT_ping] = {C_ADDRESS_VALUE, C_HOST_VALUE, C_NUMBER, C_DURATION, C_MACHINE, C_GATEWAY, C_NETWORK, C_RUNNING},
    [INTENT_resolve] = {C_HOST_VALUE, C_NAME, C_ADDRESS, C_IP, C_DNS, C_HOSTNAME, C_MACHINE},
    [INTENT_open_port] = {C_PORT_ID, C_TCP, C_UDP, C_SERVICE_NAME, C_PORT_NAME},
    [INTENT_close_port] = {C_PORT_ID, C_TCP, C_UDP, C_LISTENING, C_PORT_NAME, C_NUMBER},
    [INTENT_close_connection] = {C_ADDRESS_VALUE, C_HOST_VALUE, C_NUMBER, C_PORT, C_PORT_ID, C_CONNECTION, C_TCP},
    [INTENT_net_set_static] = {NETWORK_WORDS, C_ADDRESS_VALUE, C_MACHINE, C_USED}, [INTENT_net_set_dhcp] = {NETWORK_WORDS},
    [INTENT_dns_set] = {NETWORK_WORDS, C_ADDRESS_VALUE, C_SERVICE}, [INTENT_hostname_set] = {NETWORK_WORDS, C_MACHINE, C_QUOTED},
    [INTENT_fs_list] = {FILE_WORDS}, [INTENT_fs_read] = {FILE_WORDS}, [INTENT_fs_write] = {FILE_WORDS},
    [INTENT_fs_append] = {FILE_WORDS}, [INTENT_fs_copy] = {FILE_WORDS}, [INTENT_fs_move] = {FILE_WORDS},
    [INTENT_fs_remove] = {FILE_WORDS}, [INTENT_fs_usage] = {FILE_WORDS, C_FREE, C_USED, C_LEFT, C_TOTAL, C_MACHINE},
    [INTENT_fetch_url] = {FILE_WORDS, C_URL, C_SAVE}, [INTENT_save_answer] = {FILE_WORDS, C_ANSWER},
    [INTENT_config_show] = {C_ALL, C_MACHINE, C_NAME, C_QUOTED}, [INTENT_config_set] = {C_QUOTED, C_NUMBER, C_NAME},
    [INTENT_script_list] = {C_ALL, C_NAME}, [INTENT_script_run] = {C_QUOTED, C_PATH, C_NAME},
    [INTENT_schedule] = {C_SCRIPT, C_EVERY, C_DURATION, C_CLOCK_VALUE, C_QUOTED, C_NUMBER},
    [INTENT_clarify] = {C_LEFT, C_FREE, C_USED, C_TOTAL, C_ALL, C_NUMBER},
    [INTENT_unknown] = {C_ALL, C_MACHINE, C_QUOTED, C_NUMBER, C_WEATHER, C_FILE},
};
/* clang-format on */

static const int gain[] = {[FUNCTION] = 1, [QUESTION] = 1, [VIEW] = 1, [TRAIT] = 3, [DATA] = 2, [THING] = 4, [ACT] = 6};
static const int loss[] = {[FUNCTION] = 0, [QUESTION] = 0, [VIEW] = 0, [TRAIT] = 1, [DATA] = 1, [THING] = 3, [ACT] = 6};

bool rule_acts(const struct rule *rule)
{
    for (unsigned i = 0; i < RULE_NEEDS && rule->need[i]; i++)
        if (concept_classes[rule->need[i]] == ACT)
            return true;
    return false;
}

static bool rule_fits(const struct rule *rule, const struct concept_set *set)
{
    for (unsigned i = 0; i < RULE_NEEDS && rule->need[i]; i++)
        if (!concept_in(set, rule->need[i]))
            return false;
    for (unsigned i = 0; i < RULE_NEVER && rule->never[i]; i++)
        if (concept_in(set, rule->never[i]))
            return false;
    return true;
}

static int rule_gain(const struct rule *rule, struct concept_set *explained)
{
    int score = rule->bonus;
    for (unsigned i = 0; i < RULE_NEEDS && rule->need[i]; i++) {
        score += gain[concept_classes[rule->need[i]]];
        concept_add(explained, rule->need[i]);
    }
    for (unsigned i = 0; i < ALSO_MAX && also[rule->intent][i]; i++)
        concept_add(explained, also[rule->intent][i]);
    return score;
}

static int rule_score(const struct rule *rule, const struct concept_set *set)
{
    struct concept_set explained = {{0}};
    int score = rule_gain(rule, &explained);
    for (unsigned w = 0; w < 4; w++) {
        uint64_t open = set->bits[w] & ~explained.bits[w];
        for (; open; open &= open - 1)
            score -= loss[concept_classes[w * 64 + (unsigned)__builtin_ctzll(open)]];
    }
    return score;
}

struct reading grammar_read(const struct concept_set *set, unsigned unknown_words)
{
    struct reading best = {.intent = INTENT_unknown, .score = -100};
    for (unsigned i = 0; i < RULES; i++) {
        int score = rule_fits(&rules[i], set) ? rule_score(&rules[i], set) : -100;
        if (score > best.score)
            best = (struct reading){.intent = rules[i].intent, .score = score, .rule = &rules[i]};
    }
    best.score -= 2 * (int)unknown_words;
    bool doubtful = unknown_words > 1 && best.rule && rule_acts(best.rule) && best.score < GRAMMAR_ACCEPT_ACT;
    if (best.score < GRAMMAR_ACCEPT || doubtful)
        best.intent = INTENT_unknown;
    return best;
}

static const struct {
    uint8_t concept;
    uint8_t intents[4];
} choices[] = {
    {C_RESTART, {INTENT_service_restart, INTENT_reboot}},
    {C_STOP, {INTENT_service_stop, INTENT_poweroff, INTENT_close_connection}},
    {C_START, {INTENT_service_start, INTENT_trace_start}},
    {C_TRACE, {INTENT_trace_dump, INTENT_trace_stats}},
    {C_OPEN, {INTENT_open_port, INTENT_connections}},
    {C_SPACE, {INTENT_memory, INTENT_fs_usage}},
    {C_LEFT, {INTENT_memory, INTENT_fs_usage}},
    {C_USED, {INTENT_memory, INTENT_top, INTENT_fs_usage}},
};

unsigned grammar_choices(const struct concept_set *set, enum intent *intents, unsigned count)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0] && n == 0; i++)
        for (unsigned k = 0; concept_in(set, choices[i].concept) && k < 4 && choices[i].intents[k] && n < count; k++)
            intents[n++] = (enum intent)choices[i].intents[k];
    return n;
}

/* How near an intent is: the gain of its rules' concepts that are there; acts are not offered to who did not ask. */
static int intent_nearness(const struct concept_set *set, unsigned intent)
{
    int best = 0;
    for (unsigned i = 0; i < RULES; i++) {
        int score = 0;
        for (unsigned k = 0; rules[i].intent == intent && k < RULE_NEEDS && rules[i].need[k]; k++)
            if (concept_in(set, rules[i].need[k]) && concept_classes[rules[i].need[k]] >= TRAIT)
                score += gain[concept_classes[rules[i].need[k]]];
        best = score > best ? score : best;
    }
    return best;
}

unsigned grammar_nearest(const struct concept_set *set, enum intent *intents, unsigned count)
{
    int scores[INTENT_COUNT] = {0};
    unsigned n = 0;
    for (unsigned i = INTENT_clarify + 1; i < INTENT_COUNT; i++)
        scores[i] = intent_nearness(set, i);
    for (; n < count; n++) {
        unsigned best = INTENT_unknown;
        for (unsigned i = 0; i < INTENT_COUNT; i++)
            if (scores[i] > scores[best])
                best = i;
        if (scores[best] < gain[TRAIT])
            break;
        scores[best] = 0;
        intents[n] = (enum intent)best;
    }
    return n;
}
