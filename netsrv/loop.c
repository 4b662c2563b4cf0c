/* The turn: see loop.h. */
#include "netsrv/loop.h"

#include <lib/runtime.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include "netsrv/connection.h"
#include "netsrv/interface.h"
#include "netsrv/port.h"
#include "netsrv/tell.h"

#define NS_PER_MS 1000000ull
#define SECOND_LOOK_NS (8 * NS_PER_MS)
#define POLL_NS 120000u
#define POLLS 1u        /* after traffic */
#define POLL_LOOKS 200u /* between two looks at the clock */
#define LOOKS 2u        /* without traffic, until all is quiet */

static struct {
    bool woken_by_irq, config_changed;
    unsigned looks_left;
    bool may_poll;
    unsigned polls_left;
    uint64_t next_look;
} self;

void loop_init(bool may_poll)
{
    self.may_poll = may_poll;
}

void loop_signals(void *context, uint64_t bits)
{
    (void)context;
    self.woken_by_irq |= bits >> IRQ_BIT & 1;
    self.config_changed |= bits >> CONFIG_IRQ_BIT & 1;
}

static void handle_interrupts(void)
{
    if (self.woken_by_irq)
        interface_irq();
    if (self.config_changed) {
        interface_check_link();
        interface_second_look(); /* it may have asked for a reset */
    }
    self.woken_by_irq = self.config_changed = false;
}

static bool second_look_due(void)
{
    if (!self.looks_left || port_now() < self.next_look)
        return false;
    self.looks_left--;
    self.next_look = port_now() + SECOND_LOOK_NS;
    return true;
}

static void note_traffic(void)
{
    self.polls_left = POLLS;
    self.looks_left = LOOKS;
    self.next_look = port_now() + SECOND_LOOK_NS;
}

void loop_turn(void)
{
    port_update_time();
    handle_interrupts();
    bool traffic = interface_receive() != 0;
    scopes_turn();
    bool commands = clients_commands();
    sys_check_timeouts();
    if (second_look_due())
        interface_second_look();
    slots_turn();
    interface_collect();
    interface_flush();
    clients_flush();
    tell_turn();
    slots_turn(); /* slots whose CLOSED has just gone out */
    if (traffic || commands)
        note_traffic();
}

/* ---- a short look before halting ---- */

/* While nobody else could run: waking up from a halt costs tens of microseconds under emulation, and in a conversation
 * the next packet is about to come. */
static bool poll(void)
{
    if (!self.may_poll || !self.polls_left)
        return false;
    self.polls_left--;
    uint64_t end = port_now() + POLL_NS;
    do {
        if (task_others_ready())
            return false;
        for (unsigned i = 0; i < POLL_LOOKS; i++)
            if (interface_pending())
                return true;
    } while (!clients_pending() && clock_now() < end);
    return clients_pending();
}

bool loop_more(void)
{
    return interface_pending() || clients_pending() || poll();
}

/* ---- waiting ---- */

/* lwIP counts time in runs of its timers, so none may come late: a missed run is time that TIME_WAIT, a DHCP lease or a
 * neighbour's entry never sees. */
static uint64_t timer_deadline(void)
{
    uint32_t ms = sys_timeouts_sleeptime();
    return ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? DEADLINE_NEVER : port_now() + ms * NS_PER_MS;
}

static uint64_t next_deadline(void)
{
    uint64_t deadline = timer_deadline(), release = clients_deadline();
    if (interface_busy() && !self.looks_left)
        note_traffic();
    if (self.looks_left && self.next_look < deadline)
        deadline = self.next_look;
    return release < deadline ? release : deadline;
}

bool loop_may_wait(uint64_t *deadline_ns)
{
    bool device_quiet = !interface_arm();
    if (!clients_sleep() || !device_quiet)
        return false;
    *deadline_ns = next_deadline();
    return true;
}

void loop_woken(void)
{
    interface_disarm();
}
