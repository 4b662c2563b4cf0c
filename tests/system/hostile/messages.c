/* Malformed messages, and messages that carry more than they should. */
#include "tests/system/hostile/attacks.h"

ATTACK(message_longer_than_the_limit)
{
    for (unsigned length = MSG_PAYLOAD_MAX + 1; length < 256; length++) {
        struct msg m = message(OP_PING, 0);
        m.head.length = (uint8_t)length;
        EXPECT_IS(channel_call(clone_cap(CAP_SERVER), &m, DEADLINE_NEVER), ERR_BAD_MESSAGE);
        EXPECT_IS(channel_send(clone_cap(CAP_SERVER), &m, 1), ERR_BAD_MESSAGE);
    }
    return HELD;
}

ATTACK(more_capabilities_than_the_limit)
{
    for (unsigned count = MSG_CAPS_MAX + 1; count < 256; count++) {
        struct msg m = message(OP_PING, 0);
        m.head.cap_count = (uint8_t)count;
        EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER), ERR_BAD_MESSAGE);
        EXPECT_IS(channel_send(clone_cap(CAP_CLIENT), &m, 1), ERR_BAD_MESSAGE);
    }
    return HELD;
}

ATTACK(every_length_and_operation)
{
    for (unsigned length = 0; length <= MSG_PAYLOAD_MAX; length++) {
        struct msg m = message(OP_PING, MSG_PAYLOAD_MAX / 8);
        m.head.length = (uint8_t)length;
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
        EXPECT(m.head.length == length);
        for (unsigned i = 0; i < length / 8; i++)
            EXPECT(m.words[i] == i);
    }
    for (unsigned op = 1000; op < 65536; op += 331) {
        struct msg m = message((uint16_t)op, 4);
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), ERR_NOT_SUPPORTED);
    }
    return HELD;
}

/* 64 messages with four capabilities each, that nobody ever receives: they end with the channel. */
ATTACK(capability_bomb)
{
    MUST(channel, channel_create(64, 64));
    for (int i = 0; i < 64; i++) {
        struct msg m = message(OP_PING, 0);
        m.head.cap_count = MSG_CAPS_MAX;
        for (int k = 0; k < MSG_CAPS_MAX; k++) {
            MUST(signal, signal_create());
            m.head.caps[k] = (handle_t)signal;
        }
        EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1);
    }
    EXPECT_IS(cap_close((handle_t)channel), OK);
    return HELD;
}

/* The same to the victim, as copies and in full batches, which it never asked for. */
ATTACK(capability_bomb_at_the_victim)
{
    struct msg *batch = scratch.batch;
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 16; k++) {
            batch[k] = message(OP_PING, 0);
            batch[k].head.cap_count = MSG_CAPS_MAX;
            batch[k].head.kind = 0xf;
            for (int c = 0; c < MSG_CAPS_MAX; c++)
                batch[k].head.caps[c] = clone_cap((size_t)(CAP_CLIENT + c));
        }
        result_t sent = channel_send(clone_cap(CAP_CLIENT), batch, 16);
        EXPECT(sent > 0 || sent == ERR_WOULD_BLOCK);
        struct msg m = message(OP_PING, 1);
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    }
    return HELD;
}

/* Each channel's only sender with a badge lies in the queue of the next: the end of one message is news for the next. */
ATTACK(message_in_message_chain)
{
    static handle_t channels[200];
    for (int i = 0; i < 200; i++) {
        MUST(channel, channel_create(1, 1));
        channels[i] = (handle_t)channel;
        if (i == 0)
            continue;
        MUST(sender, cap_mint(channels[i - 1], RIGHTS_ALL, 7));
        struct msg m = message(OP_PING, 0);
        m.head.cap_count = 1;
        m.head.caps[0] = (handle_t)sender;
        EXPECT_IS(channel_send(channels[i], &m, 1), 1);
    }
    for (int i = 199; i >= 0; i--)
        EXPECT_IS(cap_close(channels[i]), OK);
    return HELD;
}

ATTACK(channel_sent_through_itself)
{
    uint64_t signals;
    MUST(channel, channel_create(8, 8));
    MUST(sender, cap_mint((handle_t)channel, RIGHTS_ALL, 3));
    struct msg m = message(OP_PING, 0);
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)sender;
    EXPECT_IS(channel_send((handle_t)sender, &m, 1), 1);
    EXPECT_IS(channel_send((handle_t)sender, &m, 1), ERR_BAD_HANDLE); /* it travels */
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT_IS(channel_send(m.head.caps[0], &m, 1), 1); /* and again, and left there */
    return HELD;
}

ATTACK(channels_in_each_others_queues)
{
    MUST(one, channel_create(8, 8));
    MUST(two, channel_create(8, 8));
    for (uint64_t badge = 1; badge < 5; badge++) {
        MUST(of_one, cap_mint((handle_t)one, RIGHTS_ALL, badge));
        MUST(of_two, cap_mint((handle_t)two, RIGHTS_ALL, badge));
        struct msg m = message(OP_PING, 0);
        m.head.cap_count = 1;
        m.head.caps[0] = (handle_t)of_two;
        EXPECT_IS(channel_send((handle_t)one, &m, 1), 1);
        m.head.caps[0] = (handle_t)of_one;
        EXPECT_IS(channel_send((handle_t)two, &m, 1), 1);
    }
    return HELD; /* its death ends both */
}

ATTACK(receive_right_in_a_message)
{
    uint64_t signals;
    MUST(channel, channel_create(8, 8));
    MUST(other, channel_create(8, 8));
    for (unsigned slot = 0; slot < MSG_CAPS_MAX; slot++) {
        struct msg m = message(OP_TAKE, 0);
        m.head.cap_count = (uint8_t)(slot + 1);
        m.head.kind = 0xf;
        for (unsigned i = 0; i < slot; i++)
            m.head.caps[i] = clone_cap(CAP_CLIENT + i);
        m.head.caps[slot] = (handle_t)channel;
        m.head.kind &= (uint8_t)~MSG_CAP_COPY(slot);
        EXPECT_IS(channel_send(clone_cap(CAP_CLIENT), &m, 1), ERR_NO_RIGHT);
        EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER), ERR_NO_RIGHT);
        EXPECT_IS(channel_send((handle_t)other, &m, 1), ERR_NO_RIGHT);
        EXPECT_IS(channel_send((handle_t)channel, &m, 1), ERR_NO_RIGHT); /* into itself */
    }
    struct msg m = message(OP_TAKE, 0); /* a copy arrives without it */
    m.head.cap_count = 1;
    m.head.kind = MSG_CAP_COPY(0);
    m.head.caps[0] = (handle_t)channel;
    EXPECT_IS(ask(clone_cap(CAP_CLIENT), &m), OK);
    EXPECT(!(m.words[0] & RIGHT_CHANNEL_RECV));
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), ERR_WOULD_BLOCK);
    return HELD;
}

ATTACK(same_capability_twice_in_a_message)
{
    MUST(signal, signal_create());
    for (unsigned kinds = 0; kinds < 16; kinds++) {
        for (unsigned second = 1; second < MSG_CAPS_MAX; second++) {
            struct msg m = message(OP_TAKE, 0);
            m.head.cap_count = (uint8_t)(second + 1);
            m.head.kind = (uint8_t)(kinds | (0xe & ~(1u << second)));
            for (unsigned i = 1; i < second; i++)
                m.head.caps[i] = clone_cap(CAP_CLIENT + i);
            m.head.caps[0] = m.head.caps[second] = (handle_t)signal;
            EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER), ERR_INVALID);
            EXPECT_IS(channel_send(clone_cap(CAP_CLIENT), &m, 1), ERR_INVALID);
        }
    }
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    return HELD;
}

/* Three good ones, and in each place in turn one that is refused. */
ATTACK(failed_send_moves_nothing)
{
    handle_t good[MSG_CAPS_MAX];
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++) {
        MUST(signal, signal_create());
        good[i] = (handle_t)signal;
    }
    const handle_t bad[] = {HANDLE_NONE, clone_cap(CAP_SERVER), 0xfffffff0u};
    for (unsigned place = 0; place < MSG_CAPS_MAX; place++) {
        for (unsigned b = 0; b < 3; b++) {
            for (unsigned kind = 0; kind < 16; kind++) {
                struct msg m = message(OP_TAKE, 0);
                m.head.cap_count = MSG_CAPS_MAX;
                m.head.kind = (uint8_t)kind;
                for (unsigned i = 0; i < MSG_CAPS_MAX; i++)
                    m.head.caps[i] = i == place ? bad[b] : good[i];
                EXPECT(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER) < 0);
                EXPECT(channel_send(clone_cap(CAP_CLIENT), &m, 1) < 0);
            }
        }
    }
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++)
        EXPECT_IS(signal_raise(good[i], 1), OK);
    return HELD;
}

/* No room in the queue, or no credit: what was to move stays. */
ATTACK(refused_send_moves_nothing)
{
    MUST(channel, channel_create(4, 2));
    MUST(sender, cap_mint((handle_t)channel, RIGHTS_ALL, 9));
    struct msg m = message(OP_PING, 0);
    EXPECT_IS(channel_send((handle_t)sender, &m, 1), 1);
    EXPECT_IS(channel_send((handle_t)sender, &m, 1), 1);
    MUST(signal, signal_create());
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)signal;
    EXPECT_IS(channel_send((handle_t)sender, &m, 1), ERR_WOULD_BLOCK);
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    EXPECT_IS(channel_call((handle_t)sender, &m, DEADLINE_NEVER), ERR_BAD_STATE);
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, 1), ERR_TIMED_OUT);
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    EXPECT_IS(cap_close((handle_t)channel), OK);
    EXPECT_IS(channel_send((handle_t)sender, &m, 1), ERR_PEER_DIED);
    EXPECT_IS(channel_call((handle_t)sender, &m, DEADLINE_NEVER), ERR_PEER_DIED);
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    return HELD;
}

ATTACK(call_of_ones_own_channel)
{
    uint64_t signals;
    struct msg m = message(OP_PING, 1);
    MUST(channel, channel_create(4, 4));
    MUST(sender, cap_mint((handle_t)channel, RIGHTS_ALL, 4));
    EXPECT_IS(channel_call((handle_t)channel, &m, clock_now() + NEAR_NS), ERR_BAD_STATE);
    EXPECT_IS(channel_call((handle_t)sender, &m, clock_now() + NEAR_NS), ERR_BAD_STATE);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), ERR_WOULD_BLOCK); /* nothing lies there */
    return HELD;
}

/* The server never took the call: the capability that was to move is back under the handle that it had. */
ATTACK(call_timed_out_gives_capabilities_back)
{
    EXPECT_IS(stage(1, NULL), OK);
    MUST(signal, signal_create());
    for (int i = 0; i < 3; i++) {
        struct msg m = message(OP_PING, 1);
        m.head.cap_count = 1;
        m.head.caps[0] = (handle_t)signal;
        EXPECT_IS(channel_call(clone_cap(CAP_REPORT), &m, clock_now() + NEAR_NS), ERR_TIMED_OUT);
        EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    }
    return HELD;
}
/* The runner itself is the server that does not receive: it waits on another channel meanwhile. */
DIRECT(call_timed_out_gives_capabilities_back)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    scene_go(scene, &m);
    pause_ns(10 * NEAR_NS);
}

ATTACK(reply_in_a_send)
{
    struct msg m = message(OP_PING, 1);
    m.head.token = 0x00010001;
    m.head.status = -1;
    EXPECT_IS(channel_send(clone_cap(CAP_SERVER), &m, 1), 1);
    m = message(OP_PING, 1);
    m.head.status = -5; /* a call's status is the sender's word and no more */
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    return HELD;
}
