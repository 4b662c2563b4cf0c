#include "kernel/ipc/channel.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/slab.h"
#include "kernel/sched/task.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/cpu.h"

/* ---- channels ---- */

static status_t channel_slots_create(struct channel *channel, uint32_t slots)
{
    uint32_t order = 0;
    while ((PAGE_SIZE << order) < slots * sizeof(struct slot))
        order++;
    if (order > FRAME_ORDER_MAX)
        return ERR_INVALID;
    struct account *account = object_account(&channel->object);
    status_t status = account_charge(account, PAGE_SIZE << order);
    if (status)
        return status;
    uint64_t frames = frame_alloc_zeroed(order, account->node);
    if (!frames) {
        account_release(account, PAGE_SIZE << order);
        return ERR_NO_MEMORY;
    }
    trace_frames(account->task_id, frames, order);
    channel->slots = phys_to_virt(frames);
    channel->slot_count = slots;
    channel->slot_order = order;
    for (uint32_t i = slots; i-- > 0;) {
        channel->slots[i].link.next = channel->free;
        channel->free = &channel->slots[i].link;
    }
    channel->free_count = slots;
    return OK;
}

status_t channel_new(struct account *account, uint32_t slots, uint32_t default_credit, struct channel **made)
{
    status_t status;
    struct channel *channel = (struct channel *)object_create(OBJECT_CHANNEL, account, &status);
    if (!channel)
        return status;
    list_init(&channel->queue);
    list_init(&channel->notes);
    list_init(&channel->exits);
    list_init(&channel->drain.link);
    channel->default_credit = default_credit;
    status = channel_slots_create(channel, slots);
    if (status)
        object_unref(&channel->object);
    else
        *made = channel;
    return status;
}

void channel_news_renew(struct channel *channel)
{
    channel->news = (list_empty(&channel->queue) ? 0 : NEWS_MESSAGES) | (list_empty(&channel->notes) ? 0 : NEWS_NOTES) |
                    (list_empty(&channel->exits) ? 0 : NEWS_EXITS) |
                    (channel->signal && channel->signal->word ? NEWS_SIGNAL : 0);
}

void channel_wake_receiver(struct channel *channel)
{
    struct task *receiver = channel->receiver;
    if (!receiver)
        return;
    channel->receiver = NULL;
    task_wake(receiver, OK);
}

void slot_drop_caps(struct slot *slot)
{
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++)
        if (slot->caps[i])
            cap_close(slot->caps[i]); /* clears it */
}

void slot_return_caps(struct slot *slot)
{
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++)
        if (slot->caps[i] && cap_is_kept(slot->caps[i]))
            cap_come_back(slot->caps[i]);
    slot_drop_caps(slot);
}

static bool sender_has_queued(const struct sender *sender)
{
    return sender->used || sender->calls;
}

/* One of its messages left the queue: the last of an ended sender, of which no note will be delivered, frees it. */
static void sender_settle(struct slot *slot)
{
    struct sender *sender = slot->sender;
    slot->sender = NULL;
    if (!sender->capabilities && !sender_has_queued(sender) && list_empty(&sender->closed))
        sender_free(sender);
}

/*      a (badge 1)          its parent's owner      server
 *      calls: queued
 *                           revokes badge 1
 *                                                   receives the call, and MSG_CLOSED of badge 1 behind it: what it
 *                                                   keeps for a badge is not made anew by a call of the past */
void channel_call_enters(struct channel *channel, struct slot *slot, struct sender *sender)
{
    slot->sender = sender;
    sender->calls++;
    list_push_back(&channel->queue, &slot->link);
    channel->news |= NEWS_MESSAGES;
}

void channel_call_leaves(struct slot *slot)
{
    list_remove(&slot->link);
    slot->sender->calls--;
    sender_settle(slot);
}

void channel_slot_return(struct channel *channel, struct slot *slot)
{
    slot->sender->used--;
    sender_settle(slot);
    slot->link.next = channel->free;
    channel->free = &slot->link;
    channel->free_count++;
}

/* ---- the end of a channel ---- */

/* A waiting caller takes its capabilities back itself (call_finish). */
static void queued_drop(struct channel *channel)
{
    struct slot *slot = LIST_OWNER(channel->queue.next, struct slot, link);
    if (slot->caller) {
        channel_call_leaves(slot);
        task_wake(slot->caller, ERR_PEER_DIED);
        return;
    }
    queue_pop(channel);
    slot_drop_caps(slot);
    channel_slot_return(channel, slot);
}

static void note_drop(struct channel *channel)
{
    sender_free(LIST_OWNER(list_pop_front(&channel->notes), struct sender, closed));
}

static void exit_drop(struct channel *channel)
{
    task_report_dropped(list_pop_front(&channel->exits));
}

static bool drain_list(struct channel *channel, const struct link *list, void (*drop)(struct channel *),
                       uint32_t *budget)
{
    for (; !list_empty(list); drop(channel)) {
        if (!*budget)
            return false;
        (*budget)--;
    }
    return true;
}

static bool channel_drain(struct chore *chore, uint32_t *budget)
{
    struct channel *channel = LIST_OWNER(chore, struct channel, drain);
    bool done = drain_list(channel, &channel->queue, queued_drop, budget) &&
                drain_list(channel, &channel->notes, note_drop, budget) &&
                drain_list(channel, &channel->exits, exit_drop, budget);
    if (done)
        object_unref(&channel->object);
    return done;
}

/* The receive right is gone. Nothing is delivered from now on; who waits on us learns it, and what was queued is dropped,
 * step by step. */
void channel_close(struct channel *channel)
{
    channel->closed = true;
    channel->receive_right = NULL;
    if (channel->receiver) {
        struct task *receiver = channel->receiver;
        channel->receiver = NULL;
        task_wake(receiver, ERR_PEER_DIED);
    }
    if (channel->signal)
        signal_unbind(channel->signal);
    if (list_empty(&channel->queue) && list_empty(&channel->notes) && list_empty(&channel->exits))
        return;
    object_ref(&channel->object);
    chore_add(&channel->drain, channel_drain, task_this()->priority);
}

bool channel_destroy(struct object *object)
{
    struct channel *channel = (struct channel *)object;
    if (!channel->slots)
        return true;
    frame_free(virt_to_phys(channel->slots), channel->slot_order);
    account_release(object_account(object), PAGE_SIZE << channel->slot_order);
    return true;
}

struct task *channel_task(const struct channel *channel)
{
    const struct cap *right = channel->receive_right;
    return right && right->table ? right->table->task : NULL;
}

uint32_t channel_reader(const struct channel *channel)
{
    const struct task *task = channel_task(channel);
    return task ? task_id(task) : 0;
}

/* ---- senders ---- */

status_t sender_attach(struct cap *cap, struct sender *source, uint32_t badge, struct account *account)
{
    struct channel *channel = (struct channel *)cap->object;
    if (source && source->badge == badge) {
        source->capabilities++;
        cap->sender = source;
        return OK;
    }
    status_t status = OK;
    struct sender *sender = slab_alloc(account, SLAB_CLASS(struct sender), &status);
    if (!sender)
        return status;
    *sender = (struct sender){.channel = channel, .badge = badge, .capabilities = 1, .credit = channel->default_credit};
    list_init(&sender->closed);
    object_ref(&channel->object);
    cap->sender = sender;
    return OK;
}

void sender_free(struct sender *sender)
{
    struct channel *channel = sender->channel;
    slab_free(sender);
    object_unref(&channel->object);
}

/* Nobody can send with this badge any more: tell the receiver, behind what the badge has queued. */
void sender_detach(struct cap *cap)
{
    struct sender *sender = cap->sender;
    cap->sender = NULL;
    if (!sender || --sender->capabilities)
        return;
    struct channel *channel = sender->channel;
    if (channel->closed || !sender->badge) {
        if (!sender_has_queued(sender))
            sender_free(sender);
        return;
    }
    list_push_back(&channel->notes, &sender->closed);
    channel->news |= NEWS_NOTES;
    channel_wake_receiver(channel);
}

/* ---- signals ---- */

status_t signal_new(struct account *account, struct signal **made)
{
    status_t status;
    struct signal *signal = (struct signal *)object_create(OBJECT_SIGNAL, account, &status);
    if (signal)
        *made = signal;
    return status;
}

void signal_raise_bits(struct signal *signal, uint64_t bits)
{
    signal->word |= bits;
    if (!signal->channel || !signal->word)
        return;
    signal->channel->news |= NEWS_SIGNAL;
    channel_wake_receiver(signal->channel);
}

void signal_unbind(struct signal *signal)
{
    struct channel *channel = signal->channel;
    if (!channel)
        return;
    use_remove(&signal->bound);
    signal->channel = NULL;
    channel->signal = NULL;
    object_unref(&signal->object);
}

/* What it was bound through was revoked. */
bool signal_use_ends(struct use *use, uint32_t *budget)
{
    (void)budget;
    signal_unbind(LIST_OWNER(use, struct signal, bound));
    return true;
}
