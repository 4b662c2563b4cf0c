/* Channels, senders and signals.
 *
 * A channel is a queue of slots with one receiver. One-way messages lie in the channel's own slots (made with it, paid
 * by its creator, shared out by credit); a call lies in the caller's own slot, for the caller waits anyway. So no
 * sender can make the kernel allocate, and nobody can fill a queue for the others.
 * Rules
 *  - Kernel lock held.
 *  - When the receive right is gone the channel is closed: queued and later callers get ERR_PEER_DIED.
 *  - When the last capability with a badge is gone, the receiver gets MSG_CLOSED with that badge, behind all that was
 *    queued with it. */
#pragma once
#include "kernel/cap/cap.h"
#include "kernel/list.h"
#include "kernel/sched/chore.h"
#include <abi/message.h>

struct channel;
struct signal;

/* One badge's view of a channel; shared by all capabilities that carry the badge. */
struct sender {
    struct channel *channel;      /* referenced */
    uint32_t badge, capabilities; /* 0 capabilities: `closed` waits for delivery */
    uint32_t credit;              /* one-way messages that it may have queued */
    uint16_t used, calls;         /* what it has queued: one-way (as many as slots), calls (as many as tasks) */
    struct link closed;           /* in channel->notes once no capability is left */
};

struct slot {
    struct link link;      /* in channel->queue; free: only link.next counts */
    struct sender *sender; /* while queued: it is counted there */
    struct task *caller;   /* whose slot this is, from its birth on; NULL, always, in a channel's own slots */
    struct cap *caps[MSG_CAPS_MAX];
    struct msg message;
    uint32_t from_task; /* id, for the trace */
    uint32_t reserved;
};

struct channel {
    struct object object;
    struct task *receiver;     /* waits in recv; then there is no news */
    struct cap *receive_right; /* NULL once closed */
    uint32_t news;             /* NEWS_ bits: what recv would find; set by who adds, renewed by who takes */
    bool closed;
    struct link queue; /* slots; only a call's slot has a true `previous`, for only it may leave from the middle */
    struct link notes, exits; /* senders that ended; tasks to report (faulted or dead) */
    struct signal *signal;    /* bound, referenced */
    uint32_t default_credit;
    struct link *free; /* singly linked */
    uint32_t free_count;
    struct slot *slots; /* slot_count of them, in frames of order slot_order */
    uint32_t slot_count, slot_order;
    struct chore drain; /* what was queued ends after the close, in steps */
};

struct signal {
    struct object object;
    uint64_t word;
    struct channel *channel; /* not referenced: the channel unbinds when it ends */
    struct use bound;        /* while channel is there */
};

/* ---- the queue ---- */
static inline void queue_append_run(struct channel *channel, struct link *first, struct link *last)
{
    channel->queue.previous->next = first;
    first->previous = channel->queue.previous;
    channel->queue.previous = last;
    last->next = &channel->queue;
}
/* Forgets everything before `link`, which becomes the front. */
static inline void queue_drop_until(struct channel *channel, struct link *link)
{
    channel->queue.next = link;
    link->previous = &channel->queue;
}
static inline void queue_pop(struct channel *channel)
{
    struct link *front = channel->queue.next;
    queue_drop_until(channel, front->next);
    list_init(front);
}

status_t channel_new(struct account *account, uint32_t slots, uint32_t default_credit, struct channel **channel);
void channel_close(struct channel *channel);
enum { NEWS_MESSAGES = 1, NEWS_NOTES = 2, NEWS_EXITS = 4, NEWS_SIGNAL = 8 };
void channel_news_renew(struct channel *channel);
void channel_wake_receiver(struct channel *channel);
struct task *channel_task(
    const struct channel *channel); /* who has the receive right; NULL: nobody, or it is on its way */
uint32_t channel_reader(
    const struct channel *channel); /* id of the task with the receive right; 0: none, or on its way */
void slot_drop_caps(struct slot *slot);
void slot_return_caps(struct slot *slot); /* what a call moved goes back to where it was; the rest ends */
void channel_slot_return(struct channel *channel, struct slot *slot);
void channel_call_enters(struct channel *channel, struct slot *slot, struct sender *sender);
void channel_call_leaves(struct slot *slot); /* delivered, or the caller waits no more */

/* Gives a capability that was just derived or created its sender: a new one for a new badge, else the shared one. */
status_t MUST_CHECK sender_attach(struct cap *cap, struct sender *source, uint32_t badge, struct account *account);
void sender_detach(struct cap *cap);
void sender_free(struct sender *sender); /* after its closed message was delivered or the channel ended */

status_t signal_new(struct account *account, struct signal **signal);
void signal_raise_bits(struct signal *signal, uint64_t bits);
void signal_unbind(struct signal *signal);

/* object_classes rows */
bool channel_destroy(struct object *object);
bool signal_use_ends(struct use *use, uint32_t *budget);
