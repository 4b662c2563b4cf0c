/* The names of what a person can ask for: the one list behind parser, tools and `parse`. Names and slots follow
 * the tool list in docs (jarvis-tools): one name everywhere.
 *
 * X(name, slots): the slots are those that the words may give; the parser looks for no others. */
#pragma once
#include <abi/types.h>

/* clang-format off */
#define SLOTS(X)                                                                                               \
    X(host, 0)                                                                                                 \
    X(task, 0) X(count, 1) X(sort, 0) X(service, 0) X(level, 0) X(since, 1) X(port, 1) X(proto, 0) X(topic, 0) \
        X(cap, 1) X(path, 0) X(url, 0) X(text, 0) X(server, 0) X(duration, 1) X(about, 0) X(event, 0) X(format, 0) X(mode, 0)
/* clang-format on */

enum slot_id {
#define X(name, is_number) SLOT_##name,
    SLOTS(X)
#undef X
        SLOT_KINDS
};
#define S(name) (1u << SLOT_##name)

#define INTENTS(X)                                              \
    X(unknown, 0)                                               \
    X(clarify, S(about))                                        \
    X(status, 0)                                                \
    X(memory, 0)                                                \
    X(tasks, 0)                                                 \
    X(task_info, S(task))                                       \
    X(top, S(count) | S(sort))                                  \
    X(numa, S(task))                                            \
    X(services_list, S(service))                                \
    X(service_restart, S(service))                              \
    X(service_stop, S(service))                                 \
    X(service_start, S(service))                                \
    X(service_log, S(service) | S(count) | S(level) | S(since)) \
    X(devices, 0)                                               \
    X(net_status, 0)                                            \
    X(connections, S(port) | S(proto) | S(host))                \
    X(net_set_static, S(host))                                  \
    X(net_set_dhcp, 0)                                          \
    X(dns_set, S(server))                                       \
    X(hostname_set, 0)                                          \
    X(ping, S(host) | S(count))                                 \
    X(resolve, S(host))                                         \
    X(close_port, S(port) | S(proto))                           \
    X(close_connection, S(host) | S(port))                      \
    X(open_port, S(port) | S(proto) | S(service))               \
    X(fs_list, S(path))                                         \
    X(fs_read, S(path) | S(count))                              \
    X(fs_write, S(path) | S(text))                              \
    X(fs_append, S(path) | S(text))                             \
    X(fs_copy, S(path))                                         \
    X(fs_move, S(path))                                         \
    X(fs_remove, S(path))                                       \
    X(fs_usage, S(path))                                        \
    X(fetch_url, S(url) | S(path))                              \
    X(save_answer, S(path))                                     \
    X(trace_start, S(service) | S(event) | S(duration))         \
    X(trace_stop, S(event))                                     \
    X(trace_filter, S(service) | S(event))                      \
    X(trace_dump, S(count) | S(path))                           \
    X(trace_stats, 0)                                           \
    X(trace_summarise, S(service) | S(duration))                \
    X(caps_show, S(service))                                    \
    X(caps_tree, S(cap) | S(service))                           \
    X(cap_grant, S(cap) | S(service))                           \
    X(cap_revoke, S(cap) | S(service))                          \
    X(log, S(count) | S(level) | S(since))                      \
    X(pools, 0)                                                 \
    X(time_show, 0)                                             \
    X(time_sync, S(server))                                     \
    X(config_show, 0)                                           \
    X(config_set, 0)                                            \
    X(script_list, 0)                                           \
    X(script_show, 0)                                           \
    X(script_save, 0)                                           \
    X(script_run, 0)                                            \
    X(schedule, 0)                                              \
    X(unschedule, 0)                                            \
    X(crash, 0)                                                 \
    X(crash_clear, 0)                                           \
    X(reboot, 0)                                                \
    X(poweroff, 0)                                              \
    X(help, S(topic))                                           \
    X(login, 0)                                                 \
    X(logout, 0)                                                \
    X(whoami, 0)

enum intent {
#define X(name, slots) INTENT_##name,
    INTENTS(X)
#undef X
        INTENT_COUNT
};
