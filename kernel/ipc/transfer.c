/* Messages between a task's memory and a slot, and the capabilities that travel with them. */
#include "kernel/ipc/ipc.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/user.h"

/* Every capability must be there, may travel, and may be named once. The receive right never travels in a message: two
 * channels could then hold each other's, and live for ever. */
static status_t caps_check(const struct slot *slot, const struct task *from, struct cap **caps)
{
    const struct msg_header *head = &slot->message.head;
    for (unsigned i = 0; i < head->cap_count; i++) {
        uint32_t need = RIGHT_TRANSFER | (head->kind & MSG_CAP_COPY(i) ? RIGHT_MINT : 0);
        status_t status = cap_check(&from->table, head->caps[i], OBJECT_NONE, need, &caps[i]);
        if (status)
            return status;
        if (caps[i]->object->type == OBJECT_CHANNEL && (caps[i]->rights & RIGHT_CHANNEL_RECV) &&
            !(head->kind & MSG_CAP_COPY(i)))
            return ERR_NO_RIGHT;
        for (unsigned k = 0; k < i; k++)
            if (caps[k] == caps[i])
                return ERR_INVALID;
    }
    return OK;
}

static void cap_hold(struct slot *slot, unsigned i, struct cap *cap)
{
    slot->caps[i] = cap;
    cap->holder = &slot->caps[i];
}

/* A call that comes to nothing gives back what it moved, under the same handle. */
static void caps_move(struct slot *slot, struct task *from, struct cap *cap)
{
    if (slot->caller == from)
        cap_keep(cap);
    else
        cap_remove(cap);
}

/* Copies first, for they can fail; moves cannot. */
static status_t caps_take(struct slot *slot, struct task *from)
{
    struct cap *caps[MSG_CAPS_MAX];
    const struct msg_header *head = &slot->message.head;
    status_t status = caps_check(slot, from, caps);
    for (unsigned i = 0; i < head->cap_count && !status; i++) {
        struct cap *child;
        if (!(head->kind & MSG_CAP_COPY(i)))
            continue;
        status = cap_derive(caps[i], RIGHTS_ALL, 0, from->account, &child);
        if (!status)
            cap_hold(slot, i, child);
    }
    if (status) {
        slot_drop_caps(slot);
        return status;
    }
    for (unsigned i = 0; i < head->cap_count; i++) {
        if (head->kind & MSG_CAP_COPY(i))
            continue;
        caps_move(slot, from, caps[i]);
        cap_hold(slot, i, caps[i]);
    }
    return OK;
}

status_t slot_fill(struct slot *slot, struct task *from, const struct msg *user)
{
    status_t status = msg_copy_in(&slot->message, user);
    if (status)
        return status;
    slot->from_task = task_id(from);
    return slot->message.head.cap_count ? caps_take(slot, from) : OK;
}

/* A capability that was revoked on the way, or finds no place, arrives as HANDLE_NONE. */
static void caps_give(struct slot *slot, struct task *to)
{
    struct msg_header *head = &slot->message.head;
    for (unsigned i = 0; i < head->cap_count; i++) {
        struct cap *cap = slot->caps[i];
        head->caps[i] = HANDLE_NONE;
        if (!cap || cap_install(&to->table, &cap))
            continue;
        head->caps[i] = cap->handle;
        TRACE2_WITH(slot->from_task, CAP, CapGrant, TRACE_WORD(slot->from_task, task_id(to)),
                    TRACE_WORD(cap->object->id, cap->rights));
    }
    slot_drop_caps(slot);
}

/* What the caps[] of a slot hold beyond the message's own is from an earlier message, or the sender's scribbling. */
static void caps_blank(struct msg_header *head)
{
    for (unsigned i = head->cap_count; i < MSG_CAPS_MAX; i++)
        head->caps[i] = HANDLE_NONE;
}

/* The copy goes out before the capabilities are installed, so that a bad buffer loses nothing; then the handles are
 * written, which cannot fault any more (one thread: nobody unmaps it meanwhile). */
status_t slot_deliver(struct slot *slot, struct task *to, struct msg *user)
{
    caps_blank(&slot->message.head);
    status_t status = msg_copy_out(user, &slot->message);
    if (status || !slot->message.head.cap_count)
        return status;
    caps_give(slot, to);
    return user_copy_out(user->head.caps, slot->message.head.caps, sizeof slot->message.head.caps);
}
