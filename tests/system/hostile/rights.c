/* Rights only shrink; a badge is set once; what the kernel stamps cannot be said by a sender. */
#include "tests/system/hostile/attacks.h"

/* ---- rights ---- */

ATTACK(mint_cannot_widen)
{
    static const enum attacker_cap mintable[] = {CAP_CLIENT, CAP_SIGNAL, CAP_MEMORY, CAP_TASK};
    for (size_t i = 0; i < 4; i++) {
        handle_t source = clone_cap(mintable[i]);
        for (unsigned bit = 0; bit < 32; bit++) {
            MUST(child, cap_mint(source, rights_of(source) | 1u << bit, 0));
            EXPECT(!(rights_of((handle_t)child) & ~rights_of(source)));
            MUST(grandchild, cap_mint((handle_t)child, RIGHTS_ALL, 0));
            EXPECT(!(rights_of((handle_t)grandchild) & ~rights_of(source)));
            EXPECT_IS(cap_close((handle_t)grandchild), OK);
            EXPECT_IS(cap_close((handle_t)child), OK);
        }
    }
    return HELD;
}

ATTACK(mint_of_a_narrow_one_stays_narrow)
{
    MUST(wide, signal_create());
    MUST(narrow, cap_mint((handle_t)wide, RIGHT_MINT | RIGHT_SIGNAL_RAISE, 0));
    MUST(again, cap_mint((handle_t)narrow, RIGHTS_ALL, 0));
    EXPECT(rights_of((handle_t)again) == (RIGHT_MINT | RIGHT_SIGNAL_RAISE));
    MUST(none, cap_mint((handle_t)narrow, 0, 0));
    EXPECT_IS(cap_mint((handle_t)none, RIGHTS_ALL, 0), ERR_NO_RIGHT);
    EXPECT_IS(signal_raise((handle_t)none, 1), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(mint_without_mint_right)
{
    EXPECT_IS(cap_mint(clone_cap(CAP_SERVER), RIGHTS_ALL, 0), ERR_NO_RIGHT);
    EXPECT_IS(cap_mint(clone_cap(CAP_REPORT), 0, 0), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(mint_cannot_receive)
{
    uint64_t signals;
    struct msg m;
    MUST(channel, channel_create(4, 4));
    MUST(copy, cap_mint((handle_t)channel, RIGHTS_ALL, 0));
    EXPECT(!(rights_of((handle_t)copy) & RIGHT_CHANNEL_RECV));
    EXPECT_IS(channel_recv((handle_t)copy, &m, 1, &signals, DEADLINE_NOW), ERR_NO_RIGHT);
    EXPECT_IS(channel_recv(clone_cap(CAP_CLIENT), &m, 1, &signals, DEADLINE_NOW), ERR_NO_RIGHT);
    EXPECT_IS(channel_recv(clone_cap(CAP_SERVER), &m, 1, &signals, DEADLINE_NOW), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(copy_in_message_cannot_widen)
{
    MUST(signal, signal_create());
    MUST(narrow, cap_mint((handle_t)signal, RIGHT_MINT | RIGHT_TRANSFER | RIGHT_SIGNAL_RAISE, 0x3));
    struct msg m = message(OP_TAKE, 0);
    m.head.cap_count = 2;
    m.head.kind = MSG_CAP_COPY(0) | MSG_CAP_COPY(1);
    m.head.rights = 0xffff;
    m.head.caps[0] = (handle_t)narrow;
    m.head.caps[1] = clone_cap(CAP_MEMORY);
    EXPECT_IS(ask(clone_cap(CAP_CLIENT), &m), OK);
    EXPECT(m.words[0] == (RIGHT_MINT | RIGHT_TRANSFER | RIGHT_SIGNAL_RAISE) && m.words[1] == 0x3);
    EXPECT(m.words[2] == (RIGHT_MINT | RIGHT_TRANSFER | RIGHT_MEMORY_READ));
    return HELD;
}

ATTACK(copy_in_message_without_mint_right)
{
    MUST(signal, signal_create());
    MUST(fixed, cap_mint((handle_t)signal, RIGHT_TRANSFER | RIGHT_SIGNAL_RAISE, 0));
    struct msg m = message(OP_TAKE, 0);
    m.head.cap_count = 1;
    m.head.kind = MSG_CAP_COPY(0);
    m.head.caps[0] = (handle_t)fixed;
    EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER), ERR_NO_RIGHT);
    EXPECT_IS(channel_send(clone_cap(CAP_CLIENT), &m, 1), ERR_NO_RIGHT);
    EXPECT_IS(signal_raise((handle_t)fixed, 1), OK); /* it stayed */
    return HELD;
}

ATTACK(send_without_transfer_right)
{
    MUST(signal, signal_create());
    MUST(fixed, cap_mint((handle_t)signal, RIGHT_MINT | RIGHT_SIGNAL_RAISE, 0));
    for (unsigned copy = 0; copy < 2; copy++) {
        struct msg m = message(OP_TAKE, 0);
        m.head.cap_count = 1;
        m.head.kind = copy ? MSG_CAP_COPY(0) : 0;
        m.head.caps[0] = (handle_t)fixed;
        EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER), ERR_NO_RIGHT);
        m.head.caps[0] = clone_cap(CAP_SERVER);
        m.head.kind = copy ? MSG_CAP_COPY(0) : 0;
        EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER), ERR_NO_RIGHT);
    }
    EXPECT_IS(signal_raise((handle_t)fixed, 1), OK);
    return HELD;
}

ATTACK(task_control_without_the_right)
{
    struct task_info info;
    handle_t victim = clone_cap(CAP_TASK);
    EXPECT_IS(task_info(victim, &info), OK); /* this it may */
    EXPECT_IS(task_kill(victim), ERR_NO_RIGHT);
    EXPECT_IS(task_grant(victim, clone_cap(CAP_CLIENT), RIGHTS_ALL, 0), ERR_NO_RIGHT);
    EXPECT_IS(task_start(victim, USER_BASE, USER_BASE, 0), ERR_NO_RIGHT);
    EXPECT_IS(task_revoke(victim, 1u << HANDLE_INDEX_BITS), ERR_NO_RIGHT);
    EXPECT_IS(memory_map(victim, clone_cap(CAP_MEMORY), 0, 0, 1, PROT_READ), ERR_NO_RIGHT);
    EXPECT_IS(memory_unmap(victim, 0x400000, 1), ERR_NO_RIGHT);
    EXPECT_IS(memory_protect(victim, 0x400000, 1, PROT_READ | PROT_WRITE), ERR_NO_RIGHT);
    return HELD;
}

static uint32_t rights_in(handle_t trace, uint32_t task_id, handle_t handle, uint64_t *badge)
{
    static struct cap_info infos[32];
    result_t count = system_info(trace, INFO_CAPS, (uint64_t)task_id << 32, infos, sizeof infos);
    for (result_t i = 0; i < count; i++) {
        if (infos[i].handle != handle)
            continue;
        *badge = infos[i].badge;
        return infos[i].rights;
    }
    return 0;
}

ATTACK(grant_cannot_widen)
{
    struct task_info puppet;
    uint64_t badge;
    handle_t task = cap_named("puppet"), trace = cap_named("trace");
    static const enum attacker_cap grantable[] = {CAP_CLIENT, CAP_SIGNAL, CAP_MEMORY, CAP_TASK};
    EXPECT_IS(task_info(task, &puppet), OK);
    for (size_t i = 0; i < 4; i++) {
        handle_t source = clone_cap(grantable[i]);
        MUST(given, task_grant(task, source, RIGHTS_ALL, 0));
        uint32_t rights = rights_in(trace, puppet.id, (handle_t)given, &badge);
        EXPECT(rights && !(rights & ~rights_of(source)));
    }
    EXPECT_IS(task_grant(task, clone_cap(CAP_SERVER), RIGHTS_ALL, 0), ERR_NO_RIGHT);
    MUST(signal, signal_create());
    MUST(fixed, cap_mint((handle_t)signal, RIGHT_MINT, 0));
    EXPECT_IS(task_grant(task, (handle_t)fixed, RIGHTS_ALL, 0), ERR_NO_RIGHT);
    return HELD;
}

/* Granting the receive right moves it: with no more rights than were said, and with no badge. */
ATTACK(grant_of_the_receive_right)
{
    struct task_info puppet;
    struct msg m;
    uint64_t badge = 0, signals;
    handle_t task = cap_named("puppet");
    EXPECT_IS(task_info(task, &puppet), OK);
    MUST(channel, channel_create(4, 4));
    EXPECT_IS(task_grant(task, (handle_t)channel, RIGHTS_ALL, 7), ERR_INVALID);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), ERR_WOULD_BLOCK); /* it stayed */
    MUST(given, task_grant(task, (handle_t)channel, RIGHT_CHANNEL_RECV | 0x1, 0));
    EXPECT(rights_in(cap_named("trace"), puppet.id, (handle_t)given, &badge) == (RIGHT_CHANNEL_RECV | 0x1));
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), ERR_BAD_HANDLE);
    return HELD;
}

ATTACK(service_rights_cannot_widen)
{
    struct msg m = message(OP_WHO, 0);
    m.head.rights = 0xffff;
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    EXPECT(m.words[1] == SERVER_RIGHTS);
    MUST(minted, cap_mint(clone_cap(CAP_CLIENT), RIGHTS_ALL, 0));
    m = message(OP_WHO, 0);
    m.head.rights = 0xffff;
    EXPECT_IS(ask((handle_t)minted, &m), OK);
    EXPECT(m.words[1] == CLIENT_RIGHTS);
    return HELD;
}

ATTACK(signal_mask_cannot_widen)
{
    handle_t signal = clone_cap(CAP_SIGNAL);
    EXPECT_IS(cap_mint(signal, RIGHTS_ALL, 0xff), ERR_NO_RIGHT);
    EXPECT_IS(cap_mint(signal, RIGHTS_ALL, 1ull << 63), ERR_NO_RIGHT);
    EXPECT_IS(cap_mint(signal, RIGHTS_ALL, ~0ull), ERR_NO_RIGHT);
    MUST(same, cap_mint(signal, RIGHTS_ALL, 0)); /* 0 keeps the mask and does not mean all */
    EXPECT_IS(signal_raise((handle_t)same, ~0ull), OK);
    MUST(less, cap_mint(signal, RIGHTS_ALL, 0x3));
    EXPECT_IS(cap_mint((handle_t)less, RIGHTS_ALL, 0x7), ERR_NO_RIGHT);
    return HELD; /* the runner asks the victim which bits came */
}

ATTACK(signal_raises_foreign_bits)
{
    for (unsigned bit = 0; bit < 64; bit++)
        EXPECT_IS(signal_raise(clone_cap(CAP_SIGNAL), 1ull << bit), OK);
    EXPECT_IS(signal_raise(clone_cap(CAP_SIGNAL), ~0ull), OK);
    EXPECT_IS(syscall3(SYS_signal_raise, clone_cap(CAP_SIGNAL), ~0ull, ~0ull).value, OK);
    return HELD;
}

ATTACK(signal_bind_without_the_right)
{
    MUST(channel, channel_create(4, 4));
    EXPECT_IS(signal_bind(clone_cap(CAP_SIGNAL), (handle_t)channel), ERR_NO_RIGHT);
    MUST(signal, signal_create());
    EXPECT_IS(signal_bind((handle_t)signal, clone_cap(CAP_CLIENT)), ERR_NO_RIGHT);
    EXPECT_IS(signal_bind((handle_t)signal, (handle_t)signal), ERR_WRONG_TYPE);
    EXPECT_IS(signal_bind((handle_t)signal, (handle_t)channel), OK);
    MUST(other, signal_create());
    EXPECT_IS(signal_bind((handle_t)other, (handle_t)channel), ERR_BUSY);
    return HELD;
}

ATTACK(memory_rights_cannot_widen)
{
    handle_t memory = clone_cap(CAP_MEMORY);
    static const uint32_t refused[] = {PROT_READ | PROT_WRITE, PROT_WRITE, PROT_READ | PROT_EXEC, PROT_EXEC};
    MUST(address, memory_map(HANDLE_NONE, memory, 0, 0, 1, PROT_READ));
    for (size_t i = 0; i < 4; i++) {
        EXPECT_IS(memory_map(HANDLE_NONE, memory, 0, 0, 1, refused[i]), ERR_NO_RIGHT);
        EXPECT_IS(memory_protect(HANDLE_NONE, (uint64_t)address, 1, refused[i]), ERR_NO_RIGHT);
    }
    MUST(minted, cap_mint(memory, RIGHTS_ALL, 0));
    EXPECT_IS(memory_map(HANDLE_NONE, (handle_t)minted, 0, 0, 1, PROT_READ | PROT_WRITE), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(read_only_memory_is_written)
{
    MUST(address, memory_map(HANDLE_NONE, clone_cap(CAP_MEMORY), 0, 0, 1, PROT_READ));
    *(volatile uint64_t *)address = 0;
    return seen("a read-only page took a write", 0, __FILE__, __LINE__);
}

ATTACK(send_without_send_right)
{
    MUST(channel, channel_create(4, 4));
    MUST(mute, cap_mint((handle_t)channel, RIGHTS_ALL & ~RIGHT_CHANNEL_SEND, 0));
    struct msg m = message(OP_PING, 1);
    EXPECT_IS(channel_send((handle_t)mute, &m, 1), ERR_NO_RIGHT);
    EXPECT_IS(channel_call((handle_t)mute, &m, 1), ERR_NO_RIGHT);
    return HELD;
}

/* ---- badges ---- */

ATTACK(badge_in_the_header)
{
    struct msg m = message(OP_WHO, 0);
    m.head.badge = 0xffffffff;
    m.head.token = 0xffffffff;
    m.head.rights = 0xffff;
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    EXPECT(m.words[0] == BADGE_ATTACKER && m.words[1] == SERVER_RIGHTS && m.words[2] == MSG_CALL);
    EXPECT(m.words[4] != 0xffffffff);
    EXPECT(m.head.kind == MSG_REPLY && m.head.badge == 0 && m.head.rights == 0);
    return HELD;
}

ATTACK(badge_over_a_badge)
{
    MUST(channel, channel_create(4, 4));
    MUST(badged, cap_mint((handle_t)channel, RIGHTS_ALL, 5));
    EXPECT_IS(cap_mint((handle_t)badged, RIGHTS_ALL, 6), ERR_NO_RIGHT);
    EXPECT_IS(cap_mint((handle_t)badged, RIGHTS_ALL, 0xffffffff), ERR_NO_RIGHT);
    EXPECT_IS(cap_mint(clone_cap(CAP_SERVER), RIGHTS_ALL, 6), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(badge_taken_off)
{
    uint64_t signals;
    struct msg m = message(OP_PING, 1);
    MUST(channel, channel_create(4, 4));
    MUST(badged, cap_mint((handle_t)channel, RIGHTS_ALL, 5));
    MUST(bare, cap_mint((handle_t)badged, RIGHTS_ALL, 0)); /* 0 keeps the badge */
    EXPECT_IS(channel_send((handle_t)bare, &m, 1), 1);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT(m.head.badge == 5);
    return HELD;
}

ATTACK(badge_too_wide)
{
    EXPECT_IS(cap_mint(clone_cap(CAP_CLIENT), RIGHTS_ALL, 1ull << 32), ERR_INVALID);
    EXPECT_IS(cap_mint(clone_cap(CAP_CLIENT), RIGHTS_ALL, (1ull << 32) + BADGE_ATTACKER), ERR_INVALID);
    EXPECT_IS(cap_mint(clone_cap(CAP_CLIENT), RIGHTS_ALL, ~0ull), ERR_INVALID);
    return HELD;
}

ATTACK(badge_through_a_copy)
{
    uint64_t signals;
    struct msg m = message(OP_PING, 0);
    MUST(channel, channel_create(4, 4));
    MUST(badged, cap_mint((handle_t)channel, RIGHTS_ALL, 5));
    m.head.cap_count = 1;
    m.head.kind = MSG_CAP_COPY(0);
    m.head.badge = 9;
    m.head.caps[0] = (handle_t)badged;
    EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    handle_t copy = m.head.caps[0];
    EXPECT_IS(cap_mint(copy, RIGHTS_ALL, 9), ERR_NO_RIGHT);
    m = message(OP_PING, 0);
    EXPECT_IS(channel_send(copy, &m, 1), 1);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT(m.head.badge == 5);
    return HELD;
}

/* Kinds 3 to 5 are the kernel's: an end, a fault, a closed badge. The victim counts what comes in its name. */
ATTACK(message_in_the_kernels_name)
{
    for (unsigned kind = 0; kind < 256; kind++) {
        struct msg m = message(OP_WHO, 0);
        m.head.kind = (uint8_t)kind;
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
        EXPECT(m.words[2] == MSG_CALL);
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        struct msg m = message(OP_PING, 4);
        m.head.kind = (uint8_t)kind;
        EXPECT_IS(channel_send(clone_cap(CAP_SERVER), &m, 1), 1);
        m = message(OP_PING, 0);
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK); /* what was sent is taken */
    }
    return HELD;
}
