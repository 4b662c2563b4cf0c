#include "tests/system/shoot/director.h"

#include "tests/system/clone/clone.h"
#include <string.h>

#define PRIORITY 6u /* below all that people wait for, and below the director */
#define WRITER_QUOTA 64u
#define CHURNER_QUOTA 96u
#define PATIENCE_NS 60000000000ul /* a hang detector */
#define SPINS 2000                /* before it sleeps, for the writer may need this processor */
#define NAP_NS 50000ul

struct crew crew;
static uint32_t order_number;

static status_t map_shared(void)
{
    result_t memory = memory_create(1, 0);
    if (memory < 0)
        return (status_t)memory;
    crew.shared = (handle_t)memory;
    result_t address = memory_map(HANDLE_NONE, crew.shared, SHARED_ADDRESS, 0, 1, PROT_READ | PROT_WRITE);
    return address < 0 ? (status_t)address : OK;
}

/* One processor for the director, one for the churner, the others write; with one or two of them all share. */
static uint32_t writers_for(uint32_t cpus)
{
    uint32_t writers = cpus > 3 ? cpus - 2 : 2;
    return writers < WRITERS_MAX ? writers : WRITERS_MAX;
}

status_t crew_init(uint32_t cpus)
{
    crew.root = cap_named("root");
    crew.cpus = cpus;
    crew.writers = writers_for(cpus);
    result_t channel = channel_create(32, 8);
    if (channel < 0)
        return (status_t)channel;
    crew.channel = (handle_t)channel;
    for (uint32_t i = 0; i <= CHURNER; i++) {
        result_t report = cap_mint(crew.channel, RIGHT_CHANNEL_SEND, i + 1);
        if (report < 0)
            return (status_t)report;
        crew.members[i].report = (handle_t)report;
    }
    status_t status = map_shared();
    return status == OK ? clone_prepare() : status;
}

/* ---- births ---- */

#define RANGES_ONE_IN 4

/* Each on a processor of its own; now and then a writer may go wherever there is no director. */
static uint64_t cpus_for(uint32_t place)
{
    static uint32_t births;
    uint32_t cpu = place == CHURNER ? crew.cpus - 1 : (place + 1) % crew.cpus;
    bool ranges = place != CHURNER && crew.cpus > 1 && ++births % RANGES_ONE_IN == 0;
    return ranges ? ((1ul << (crew.cpus - 1)) - 1) << 1 : 1ul << cpu;
}

static struct clone plan(uint32_t place)
{
    bool writer = place != CHURNER;
    return (struct clone){.name = writer ? "writer" : "churner",
                          .run = writer ? writer_run : churner_run,
                          .argument = writer ? place : crew.writers,
                          .priority = PRIORITY,
                          .quota_pages = writer ? WRITER_QUOTA : CHURNER_QUOTA,
                          .root = crew.root,
                          .supervisor = crew.members[place].report,
                          .affinity = cpus_for(place)};
}

static status_t map_shared_for(handle_t task)
{
    result_t address = memory_map(task, crew.shared, SHARED_ADDRESS, 0, 1, PROT_READ | PROT_WRITE);
    return address < 0 ? (status_t)address : OK;
}

/* The churner may change the mappings of the writer from now on. */
static status_t show_to_churner(uint32_t place)
{
    result_t handle = task_grant(crew.members[CHURNER].task, crew.members[place].task, RIGHTS_ALL, 0);
    if (handle < 0)
        return (status_t)handle;
    SHARED_WRITE(SHARED->writers[place].side, (handle_t)handle);
    return OK;
}

static status_t make(uint32_t place)
{
    struct member *m = &crew.members[place];
    struct clone what = plan(place);
    struct task_info info;
    status_t status = clone_make(&what, &m->task);
    if (status != OK)
        return status;
    status = map_shared_for(m->task);
    if (status == OK)
        status = task_info(m->task, &info);
    m->id = info.id;
    m->faulted = false;
    if (status == OK && place != CHURNER)
        status = show_to_churner(place);
    return status == OK ? clone_run(&what, m->task) : status;
}

status_t crew_fill(void)
{
    status_t status = crew.members[CHURNER].id ? OK : make(CHURNER);
    for (uint32_t i = 0; i < crew.writers && status == OK; i++) {
        if (crew.members[i].id)
            continue;
        SHARED->writers[i] = (struct shoot_writer){0};
        status = make(i);
    }
    return status;
}

/* ---- what is told ---- */

/* Its handles go, and with ours the one that the churner was given. */
static void on_end(struct member *m)
{
    crew.deaths++;
    m->id = 0;
    m->faulted = false;
    (void)cap_revoke(m->task);
    cap_close(m->task);
}

static void on_message(const struct msg *message)
{
    uint32_t place = message->head.badge - 1;
    struct msg_exit end;
    struct msg_fault fault;
    memcpy(&end, message->payload, sizeof end);
    memcpy(&fault, message->payload, sizeof fault);
    if (place > CHURNER)
        return;
    struct member *m = &crew.members[place];
    if (message->head.kind == MSG_EXIT && end.task_id == m->id)
        on_end(m);
    if (message->head.kind == MSG_FAULT && fault.task_id == m->id) {
        crew.faults++;
        m->faulted = true;
        m->fault = fault;
    }
}

void crew_listen(uint64_t deadline_ns)
{
    struct msg messages[4];
    uint64_t signals;
    result_t count = channel_recv(crew.channel, messages, 4, &signals, deadline_ns);
    for (result_t i = 0; i < count; i++)
        on_message(&messages[i]);
}

bool crew_wait(bool (*is_so)(uint32_t writer))
{
    uint64_t end = clock_now() + PATIENCE_NS;
    for (uint32_t i = 0, spins = 0; i < crew.writers;) {
        if (is_so(i)) {
            i++;
            continue;
        }
        relax();
        if (++spins % SPINS)
            continue;
        crew_listen(clock_now() + NAP_NS);
        if (clock_now() > end)
            return false;
    }
    return true;
}

bool writer_is_gone(uint32_t writer)
{
    return !crew.members[writer].id;
}

bool writer_has_stopped(uint32_t writer)
{
    return !crew.members[writer].id || crew.members[writer].faulted;
}

/* ---- orders and ends ---- */

void crew_order(enum order order)
{
    order_number++;
    for (uint32_t i = 0; i < crew.writers; i++)
        SHARED_WRITE(SHARED->writers[i].order, order_number << 8 | (uint32_t)order);
}

bool writer_has_taken(uint32_t writer)
{
    const struct shoot_writer *w = &SHARED->writers[writer];
    return SHARED_READ(w->taken) == w->order || writer_has_stopped(writer);
}

static bool no_fault_is_left(uint32_t writer)
{
    return !crew.members[writer].faulted;
}

void crew_bury(void)
{
    for (uint32_t i = 0; i < crew.writers; i++) {
        if (crew.members[i].faulted)
            (void)task_kill(crew.members[i].task);
    }
    (void)!crew_wait(no_fault_is_left);
}

void crew_end(void)
{
    for (uint32_t i = 0; i <= CHURNER; i++) {
        if (crew.members[i].id)
            (void)task_kill(crew.members[i].task);
    }
    (void)!crew_wait(writer_is_gone);
    while (crew.members[CHURNER].id)
        crew_listen(DEADLINE_NEVER);
}
