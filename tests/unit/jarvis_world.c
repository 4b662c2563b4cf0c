#include "jarvis_world.h"
#include "jarvis/operations.h"
#include "jarvis/watch.h"
#include <abi/crash.h>
#include <stdio.h>
#include <string.h>

struct fake_world fake;
uint32_t fake_action;
struct dialogue fake_dialogue;

#define LOOK SERVICE_READ
const struct authority fake_observer = {{FAKE_TRACE, FAKE_INIT, FAKE_DEVMGR, FAKE_NETSRV},
                                        {RIGHT_TRACE_OBSERVE, LOOK, LOOK, LOOK}};
const struct authority fake_operator = {{FAKE_TRACE, FAKE_INIT, FAKE_DEVMGR, FAKE_NETSRV},
                                        {RIGHT_TRACE_OBSERVE | RIGHT_TRACE_CONTROL, LOOK | SERVICE_ADMIN, LOOK, LOOK}};

void fake_reset(void)
{
    fake = (struct fake_world){.now = 120000000000ull,
                               .mask = TRACE_CLASS_DEFAULT,
                               .cpus = 2,
                               .task_infos = fake_tasks,
                               .node_infos = fake_nodes,
                               .cpu_infos = fake_cpus,
                               .node_count = 2,
                               .cpu_info_count = 2,
                               .bytes = {TRACE_PACKET_HEADER, TRACE_PACKET_HEADER},
                               .log = "[    0.001000] kernel: started\n"
                                      "[  100.000000] netsrv: link error on en0\n"
                                      "[  119.000000] jarvis: \x1b[31mred\n"};
    fake_dialogue = (struct dialogue){0};
}

const struct task_info fake_tasks[3] = {
    {.id = 1,
     .name = "init",
     .state = TASK_RECEIVING,
     .priority = 24,
     .used_pages = 30,
     .quota_pages = 100,
     .cpu_time_ns = 5000000,
     .affinity = 3,
     .capabilities = 3},
    {.id = 4,
     .name = "netsrv",
     .state = TASK_RECEIVING,
     .priority = 18,
     .used_pages = 200,
     .quota_pages = 640,
     .cpu_time_ns = 90000000,
     .affinity = 1,
     .capabilities = 2},
    {.id = 7,
     .name = "jarvis",
     .state = TASK_READY,
     .priority = 14,
     .used_pages = 400,
     .quota_pages = 640,
     .cpu_time_ns = 60000000,
     .cpu = 1,
     .home_node = 1,
     .affinity = 3,
     .capabilities = 1},
};

/* Node 1 is the larger one; its CPU runs Jarvis. */
const struct node_info fake_nodes[2] = {{.id = 0,
                                         .cpu_count = 1,
                                         .task_count = 2,
                                         .node_count = 2,
                                         .cpus = 1,
                                         .total_pages = 16384,
                                         .free_pages = 8192,
                                         .local_pages = 6144,
                                         .remote_pages = 2048,
                                         .local_allocations = 5000,
                                         .remote_allocations = 10,
                                         .distance = {10, 21}},
                                        {.id = 1,
                                         .cpu_count = 1,
                                         .task_count = 1,
                                         .node_count = 2,
                                         .cpus = 2,
                                         .total_pages = 49152,
                                         .free_pages = 49152,
                                         .local_allocations = 990,
                                         .remote_allocations = 5,
                                         .distance = {21, 10}}};
const struct cpu_info fake_cpus[2] = {
    {.id = 0, .idle_ns = 60000000000ull, .steals_near = 1, .migrations = 4, .ipis = 7, .lock_waited_ns = 1500000},
    {.id = 1, .apic_id = 4, .node = 1, .task = 7, .idle_ns = 119000000000ull, .steals_far = 2, .migrations = 3}};

static result_t give(void *buffer, size_t bytes, const void *records, size_t size, size_t count)
{
    size_t n = bytes / size < count ? bytes / size : count;
    memcpy(buffer, records, n * size);
    return (result_t)n;
}

static result_t info_system(uint64_t index, void *buffer, size_t bytes)
{
    struct system_info info = {.version = "9.9",
                               .uptime_ns = fake.now,
                               .memory_bytes = 256ull << 20,
                               .free_bytes = 204ull << 20,
                               .kernel_bytes = 1 << 20,
                               .cpu_count = fake.cpus,
                               .task_count = 3,
                               .idle_ns = fake.now / 2,
                               .trace_events = 1000,
                               .trace_lost = 3,
                               .log_end = strlen(fake.log)};
    (void)index;
    return give(buffer, bytes, &info, sizeof info, 1);
}

static result_t info_tasks(uint64_t index, void *buffer, size_t bytes)
{
    (void)index;
    return give(buffer, bytes, fake.task_infos, sizeof fake_tasks[0], 3);
}

static result_t info_nodes(uint64_t index, void *buffer, size_t bytes)
{
    return give(buffer, bytes, fake.node_infos + index, sizeof fake_nodes[0], fake.node_count - index);
}

static result_t info_cpus(uint64_t index, void *buffer, size_t bytes)
{
    return give(buffer, bytes, fake.cpu_infos + index, sizeof fake_cpus[0], fake.cpu_info_count - index);
}

/* 1 and 2: init's channel and trace; 5: netsrv's irq; 6 to 8: derived from 1, in a chain; 9: from 4, which nobody holds. */
static const struct cap_info fake_caps[] = {
    {.id = 1,
     .object_id = 3,
     .handle = 1,
     .rights = RIGHTS_ALL,
     .type = OBJECT_CHANNEL,
     .owner_task_id = 1,
     .children = 1},
    {.id = 2,
     .object_id = 4,
     .handle = 2,
     .rights = RIGHTS_ALL & ~RIGHTS_SERVICE,
     .type = OBJECT_TRACE,
     .owner_task_id = 1},
    {.id = 5, .object_id = 5, .handle = 1, .rights = RIGHT_IRQ_USE, .type = OBJECT_IRQ, .owner_task_id = 4},
    {.id = 6,
     .parent_id = 1,
     .object_id = 3,
     .handle = 2,
     .rights = RIGHT_CHANNEL_SEND | RIGHT_MINT | SERVICE_READ,
     .type = OBJECT_CHANNEL,
     .owner_task_id = 4,
     .badge = 7,
     .children = 2},
    {.id = 7,
     .parent_id = 6,
     .object_id = 3,
     .handle = 1,
     .rights = RIGHT_CHANNEL_SEND | SERVICE_READ | 0x100,
     .type = OBJECT_CHANNEL,
     .owner_task_id = 7,
     .badge = 0x80000005},
    {.id = 8,
     .parent_id = 6,
     .object_id = 3,
     .handle = 3,
     .rights = RIGHT_CHANNEL_SEND,
     .type = OBJECT_CHANNEL,
     .owner_task_id = 4},
    {.id = 9,
     .parent_id = 4,
     .object_id = 6,
     .handle = 4,
     .rights = RIGHT_MEMORY_READ,
     .type = OBJECT_MEMORY,
     .owner_task_id = 7},
};
#define FAKE_CAPS (sizeof fake_caps / sizeof fake_caps[0])

static bool is_gone(uint64_t id)
{
    for (uint64_t up = id; up && fake.revoked; up = up <= 8 && up >= 7 ? 6 : up == 6 ? 1 : 0)
        if (up == fake.revoked)
            return true;
    return false;
}

static result_t info_caps(uint64_t index, void *buffer, size_t bytes)
{
    struct cap_info found[FAKE_CAPS];
    size_t count = 0;
    if (index >> 32 != 1 && index >> 32 != 4 && index >> 32 != 7)
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < FAKE_CAPS; i++)
        if (fake_caps[i].owner_task_id == index >> 32 && HANDLE_INDEX(fake_caps[i].handle) >= (uint32_t)index &&
            !is_gone(fake_caps[i].id))
            found[count++] = fake_caps[i];
    return give(buffer, bytes, found, sizeof found[0], count);
}

static result_t info_log(uint64_t index, void *buffer, size_t bytes)
{
    size_t length = strlen(fake.log);
    return index >= length ? 0 : give(buffer, bytes, fake.log + index, 1, length - index);
}

static result_t info_trace(uint64_t index, void *buffer, size_t bytes)
{
    struct trace_record records[40];
    size_t n = bytes / sizeof records[0] < 40 ? bytes / sizeof records[0] : 40;
    (void)index;
    for (size_t i = 0; i < n; i++)
        records[i] = (struct trace_record){.sequence = 100 + i, .event = 2, .payload = {0x1e + i}};
    return give(buffer, bytes, records, sizeof records[0], n);
}

static result_t info_objects(uint64_t index, void *buffer, size_t bytes)
{
    const struct object_counts counts = {.free_pages = 1234, .capabilities = 56};
    (void)index;
    return give(buffer, bytes, &counts, sizeof counts, 1);
}

static result_t info_crash(uint64_t index, void *buffer, size_t bytes)
{
    static const char text[] = "=== KERNEL PANIC: a test ===\n=== SYSTEM HALTED ===\n";
    struct {
        struct crash_head head;
        char text[sizeof text - 1];
    } record = {
        .head = {.text_bytes = sizeof text - 1, .uptime_ns = 3000000000ul, .kernel = "9.8", .why = "a \x1btest"}};
    (void)index;
    memcpy(record.text, text, sizeof record.text);
    return fake.crash ? give(buffer, bytes, &record, 1, sizeof record) : ERR_NOT_FOUND;
}

static result_t info_crash_clear(uint64_t index, void *buffer, size_t bytes)
{
    (void)index, (void)buffer, (void)bytes;
    status_t status = fake.crash ? OK : ERR_NOT_FOUND;
    fake.crash = false;
    return status;
}

static result_t info_trace_state(uint64_t index, void *buffer, size_t bytes)
{
    struct trace_state state = {
        .events = 1000, .lost = 3, .packets = 64, .mask = fake.mask, .only_count = fake.only_count};
    (void)index;
    memcpy(state.only, fake.only, sizeof state.only);
    return give(buffer, bytes, &state, sizeof state, 1);
}

result_t world_trace_control(handle_t trace, uint64_t value, uint32_t op)
{
    if (trace != FAKE_TRACE)
        return ERR_BAD_HANDLE;
    fake.controls++;
    if (op == TRACE_CONTROL_MASK)
        fake.mask = (uint32_t)value;
    if (op == TRACE_CONTROL_ONLY && !value)
        fake.only_count = 0;
    else if (op == TRACE_CONTROL_ONLY && value != 1 && value != 4 && value != 7)
        return ERR_NOT_FOUND;
    else if (op == TRACE_CONTROL_ONLY)
        fake.only[fake.only_count++] = (uint32_t)value;
    return OK;
}

/* A packet that is open for ever: fake_event writes into it. */
result_t world_trace_packet(handle_t trace, uint32_t cpu, uint64_t sequence, void *packet, uint64_t *second)
{
    *second = fake.sequence;
    if (trace != FAKE_TRACE || cpu >= fake.cpus)
        return ERR_INVALID;
    if (sequence != fake.sequence)
        return sequence < fake.sequence ? ERR_NOT_FOUND : ERR_WOULD_BLOCK;
    *second = fake.next_number;
    fake.words[cpu][5] = (uint64_t)fake.bytes[cpu] * 8;
    fake.words[cpu][8] = fake.before[cpu];
    memcpy(packet, fake.words[cpu], fake.bytes[cpu]);
    return fake.bytes[cpu];
}

void fake_event(uint32_t cpu, uint16_t event, unsigned words, uint64_t a, uint64_t b)
{
    uint64_t *at = &fake.words[cpu][fake.bytes[cpu] / 8];
    at[0] = fake.now << 16 | event;
    at[1] = a;
    at[2] = b;
    fake.bytes[cpu] += 8 + 8 * words;
}

void world_tell(uint32_t event, uint32_t low, uint64_t rest)
{
    (void)event, (void)low, (void)rest;
    fake.told++;
}

result_t world_info(handle_t trace, uint32_t kind, uint64_t index, void *buffer, size_t bytes)
{
    static result_t (*const kinds[])(uint64_t index, void *buffer,
                                     size_t bytes) = {[INFO_SYSTEM] = info_system,
                                                      [INFO_TASKS] = info_tasks,
                                                      [INFO_CAPS] = info_caps,
                                                      [INFO_LOG] = info_log,
                                                      [INFO_TRACE] = info_trace,
                                                      [INFO_OBJECTS] = info_objects,
                                                      [INFO_CRASH] = info_crash,
                                                      [INFO_CRASH_CLEAR] = info_crash_clear,
                                                      [INFO_TRACE_STATE] = info_trace_state,
                                                      [INFO_CPUS] = info_cpus,
                                                      [INFO_NODES] = info_nodes};
    if (trace != FAKE_TRACE)
        return ERR_BAD_HANDLE;
    return fake.trace_status != OK ? fake.trace_status : kinds[kind](index, buffer, bytes);
}

static status_t services(const void *request, void *reply)
{
    const struct init_services *ask = request;
    struct init_service_list list = {.total = 2};
    static const struct init_service all[] = {{"netsrv", 4, SERVICE_UP, 1, 18}, {"jarvis", 7, SERVICE_UP, 0, 14}};
    for (uint32_t i = ask->first; i < 2; i++)
        list.services[list.count++] = all[i];
    memcpy(reply, &list, sizeof list);
    return OK;
}

static status_t order(unsigned *counter, const void *request)
{
    memcpy(fake.last_name, request, sizeof fake.last_name);
    if (strcmp(fake.last_name, "netsrv") != 0 && strcmp(fake.last_name, "jarvis") != 0)
        return ERR_NOT_FOUND;
    ++*counter;
    return OK;
}

static status_t devices(void *reply)
{
    struct devmgr_device_list list = {.total = 1,
                                      .count = 1,
                                      .devices = {{.vendor = 0x1af4,
                                                   .device = 0x1000,
                                                   .class_code = 0x020000,
                                                   .holder = 1,
                                                   .has_msix = 1,
                                                   .kind = "network"}}};
    memcpy(reply, &list, sizeof list);
    return OK;
}

static status_t net_status(void *reply)
{
    struct net_status status = {.name = "en0",
                                .driver = "virtio-net",
                                .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
                                .link_up = 1,
                                .configured = 1,
                                .ipv4 = {10, 0, 2, 15},
                                .mask = {255, 255, 255, 0},
                                .gateway = {10, 0, 2, 2},
                                .hostname = "trustos"};
    memcpy(reply, &status, sizeof status);
    return OK;
}

static status_t connections(void *reply)
{
    struct net_connection_list list = {.total = 2,
                                       .count = 2,
                                       .connections = {{.local_port = 2323, .state = 1},
                                                       {.remote = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 2, 2},
                                                        .local_port = 2323,
                                                        .remote_port = 40000,
                                                        .state = 4}}};
    memcpy(reply, &list, sizeof list);
    return OK;
}

static status_t cap_revoke(const void *request, void *reply)
{
    struct init_cap_revoke ask;
    memcpy(&ask, request, sizeof ask);
    const struct init_cap_revoked done = {.ended = ask.only_ask ? 0 : 3, .restarts = ask.capability_id == 5};
    fake.asks += ask.only_ask;
    if (ask.task_id == 1)
        return ERR_REFUSED;
    if (fake.revoke_status == OK && !ask.only_ask) {
        fake.revoked = ask.capability_id;
        fake.revokes++;
    }
    memcpy(reply, &done, sizeof done);
    return ask.only_ask ? (status_t)OK : fake.revoke_status;
}

static status_t call(uint16_t op, const void *request, void *reply)
{
    return op == INIT_SERVICES     ? services(request, reply)
           : op == INIT_RESTART    ? order(&fake.restarts, request)
           : op == INIT_STOP       ? order(&fake.stops, request)
           : op == INIT_START      ? order(&fake.starts, request)
           : op == INIT_CAP_REVOKE ? cap_revoke(request, reply)
           : op == DEVMGR_LIST     ? devices(reply)
           : op == NET_STATUS      ? net_status(reply)
           : op == NET_CONNECTIONS ? connections(reply)
                                   : (status_t)ERR_NOT_SUPPORTED;
}

status_t world_call(handle_t service, uint16_t op, const void *request, size_t request_bytes, void *reply,
                    size_t reply_bytes)
{
    status_t status = service == FAKE_INIT     ? fake.init_status
                      : service == FAKE_DEVMGR ? fake.devmgr_status
                      : service == FAKE_NETSRV ? fake.netsrv_status
                                               : (status_t)ERR_BAD_HANDLE;
    (void)request_bytes;
    (void)reply_bytes;
    fake.last_cap = service;
    return status != OK ? status : call(op, request, reply);
}

uint64_t world_now(void)
{
    return fake.now;
}

const char *fake_ask(const char *line, const struct authority *authority, uint32_t role)
{
    static char bytes[ANSWER_BYTES + 1];
    struct session_facts who = {
        .number = 5, .role = role, .peer = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 2, 2}};
    struct answer answer;
    answer_init(&answer, bytes, ANSWER_BYTES, LANGUAGE_EN);
    fake_action = execute_line(line, strlen(line), &fake_dialogue, authority, &who, &answer);
    bytes[answer.length] = 0;
    return bytes;
}

static bool keep(void *context, const struct trace_filter *before)
{
    (void)context;
    fake_kept = before != NULL;
    return true;
}
bool fake_kept;

const char *fake_watch_turn(const struct authority *authority, enum watch_news *news)
{
    static char bytes[ANSWER_BYTES + 1];
    const struct session_facts who = {.number = 5, .role = ROLE_OPERATOR};
    struct answer answer;
    answer_init(&answer, bytes, ANSWER_BYTES, fake_dialogue.language);
    *news = watch_turn(authority->caps[CAP_TRACE], keep, NULL);
    if (*news == WATCH_PROGRESS)
        watch_say_progress(&answer);
    if (*news == WATCH_OVER)
        fake_action = execute_rest(&fake_dialogue, authority, &who, &answer);
    bytes[answer.length] = 0;
    return bytes;
}
