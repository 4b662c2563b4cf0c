#include "kernel/ipc/channel.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/slab.h"
#include "kernel/sched/task.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/cpu.h"

struct slab_cache channel_cache = SLAB_CACHE("channel", struct channel);
struct slab_cache signal_cache = SLAB_CACHE("signal", struct signal);
static struct slab_cache sender_cache = SLAB_CACHE("sender", struct sender);

/* ---- channels ---- */

static status_t channel_slots_create(struct channel *channel, uint32_t slots)
{
    uint32_t order = 0;
    while ((PAGE_SIZE << order) < slots * sizeof(struct slot))
        order++;
    if (order > FRAME_ORDER_MAX)
        return ERR_INVALID;
    status_t status = account_charge(channel->object.account, PAGE_SIZE << order);
    if (status)
        return status;
    uint64_t frames = frame_alloc_zeroed(order, 0);
    if (!frames) {
        account_release(channel->object.account, PAGE_SIZE << order);
        return ERR_NO_MEMORY;
    }
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
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++) {
        uint32_t budget = UINT32_MAX;
        if (slot->caps[i])
            cap_delete(slot->caps[i], &budget);
        slot->caps[i] = NULL;
    }
}

void channel_slot_return(struct channel *channel, struct slot *slot)
{
    slot->sender->used--;
    if (!slot->sender->capabilities && !slot->sender->used && list_empty(&slot->sender->closed))
        sender_free(slot->sender); /* no note of its end will be delivered */
    slot->sender = NULL;
    slot->link.next = channel->free;
    channel->free = &slot->link;
    channel->free_count++;
}

/* The receive right is gone. Who waits on us learns it now; what was queued is dropped. */
void channel_close(struct channel *channel)
{
    if (channel->closed)
        return;
    channel->closed = true;
    object_ref(&channel->object); /* dropping capabilities below may end other objects, and us */
    if (channel->receiver) {
        struct task *receiver = channel->receiver;
        channel->receiver = NULL;
        task_wake(receiver, ERR_PEER_DIED);
    }
    while (!list_empty(&channel->queue)) {
        struct slot *slot = queue_pop(channel);
        slot_drop_caps(slot);
        if (slot->caller)
            task_wake(slot->caller, ERR_PEER_DIED);
        else
            channel_slot_return(channel, slot);
    }
    while (!list_empty(&channel->notes))
        sender_free(LIST_OWNER(list_pop_front(&channel->notes), struct sender, closed));
    while (!list_empty(&channel->exits))
        task_report_dropped(list_pop_front(&channel->exits));
    if (channel->signal)
        signal_unbind(channel->signal);
    object_unref(&channel->object);
}

void channel_destroy(struct object *object)
{
    struct channel *channel = (struct channel *)object;
    channel_close(channel);
    if (!channel->slots)
        return;
    frame_free(virt_to_phys(channel->slots), channel->slot_order);
    account_release(object->account, PAGE_SIZE << channel->slot_order);
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
    status_t status = account_charge(account, sizeof(struct sender));
    if (status)
        return status;
    struct sender *sender = slab_alloc(&sender_cache);
    if (!sender) {
        account_release(account, sizeof(struct sender));
        return ERR_NO_MEMORY;
    }
    *sender = (struct sender){
        .channel = channel, .account = account, .badge = badge, .capabilities = 1, .credit = channel->default_credit};
    list_init(&sender->closed);
    account_ref(account);
    object_ref(&channel->object);
    cap->sender = sender;
    return OK;
}

void sender_free(struct sender *sender)
{
    struct channel *channel = sender->channel;
    account_release(sender->account, sizeof(struct sender));
    account_unref(sender->account);
    slab_free(&sender_cache, sender);
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
        if (!sender->used)
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
    signal->channel = NULL;
    channel->signal = NULL;
    object_unref(&signal->object);
}

void signal_destroy(struct object *object)
{
    (void)object; /* a bound signal is referenced by its channel, so an ending one is unbound */
}
