/* kernel/cap/cap.c: revoke against transfer. Tasks A, B and C hold, mint, send, receive, close and revoke capabilities of one
 * object, in every order, and die. The kernel runs one entry at a time (one lock, no preemption inside), so an entry is one
 * atomic step here; a revoke and a task's end take many entries, a unit of work each, and anything may come between them,
 * or nobody may ever go on with them. Comments in [brackets] name the C function that a step stands for.
 *
 * What must hold
 *  - when revoke says that it is done, nothing derived from the capability is in a table or a message   (cap_revoke)
 *  - nothing ends but what its holder closed, what was revoked from above, and what lay with the dead    (cap_kill)
 *  - who descends from whom in the tree is who was derived from whom                                    (check, `from`)
 *  - rights never grow; a live capability is in one place; a dead node has two children or more         (check)
 *  - when all tasks are dead, nothing is left and nobody owes anything                                  (the end)
 * `from` is kept by what happened and never looks at the tree: bit a of from[n] says that n was derived from a.
 *
 * Left out: the order of siblings (any child may come first here, which is more than the list allows) and the generations of
 * handles; tests/unit/test_cap_model.c has both. A mutant (-DMUTANT_…) does one thing wrong, a witness (-DWITNESS_…) denies
 * that something can come about that does: tests/model/run wants each refuted. */

#ifndef TASKS
#define TASKS 3
#endif
#ifndef NODES
#define NODES 4 /* struct cap that exist at once: slab_alloc() fails after that, as with a full quota */
#endif
#ifndef ROOM
#define ROOM 2 /* entries of a task's table */
#endif
#ifndef SLOTS
#define SLOTS 2 /* messages on their way, to whomever */
#endif
#define PLACES (TASKS * ROOM + SLOTS)
#define QUEUE  (TASKS * ROOM)
#define NONE   15
#define KEPT   14 /* an entry whose capability a call took along: its handle waits for it */

#define MINT  1
#define OTHER 2

#define FREE 0
#define LIVE 1
#define DEAD 2
byte state[NODES];              /* struct cap: .object != NULL is LIVE */
byte parent[NODES] = NONE;
byte place[NODES] = NONE;       /* .table and .handle, or .holder */
byte kept[NODES] = NONE;        /* the KEPT entry, if a call took it along */
byte account[NODES] = NONE;     /* [slab_account] */
byte rights[NODES];             /* .rights: MINT and one more */

byte at[PLACES] = NONE;         /* tables' entries, then messages' caps[]: the node there */
byte to[SLOTS] = NONE;          /* who will receive the message */
byte charged[TASKS];            /* [account_charge, account_release] */

#define ALIVE 0
#define DYING 1 /* runs no more; its table is being cleared */
#define GONE  2
byte life[TASKS];
byte gone;                      /* tasks that are */
byte queued;                    /* messages that are on their way */
bool calling[TASKS];            /* it waits in a call that took a capability along */

byte from[NODES];               /* what was derived from what, whatever the tree says */
byte most[NODES];               /* the rights that it was made with, whatever .rights says */

hidden byte n, a, p, count, seen, new, up;

#define bit(x)       (1 << (x))
#define task_of(spot) ((spot) / ROOM)
#define is_cap(x)     ((x) < KEPT)

/* ---- what must hold after every entry ---- */

inline count_children(node)
{
    count = 0;
    for (a : 0 .. NODES - 1) {
        if
        :: state[a] != FREE && parent[a] == node -> count++
        :: else
        fi
    }
}

/* The live ones above `node`, as the tree has it. */
inline ancestors(node)
{
    seen = 0; count = 0; up = parent[node];
    do
    :: up == NONE -> break
    :: else ->
        assert(state[up] != FREE);
        assert(count < NODES); /* no ring */
        seen = seen | (state[up] == LIVE -> bit(up) : 0);
        up = parent[up];
        count++
    od
}

/* [cap_revoke] finds no child and says that it is done. */
inline nothing_derived(node)
{
    for (a : 0 .. NODES - 1) {
        assert(!(from[a] & bit(node)))
    }
}

#define all_gone (gone == TASKS && queued == 0)

inline check()
{
    for (n : 0 .. NODES - 1) {
        assert(!all_gone || state[n] == FREE);
        if
        :: state[n] == LIVE ->
            count_children(n);
            if
            :: count == 0 -> nothing_derived(n)
            :: else
            fi;
            assert(place[n] < PLACES && at[place[n]] == n);
            assert(place[n] >= QUEUE || account[n] == task_of(place[n])); /* who holds it pays for it */
            assert(kept[n] == NONE || (place[n] >= QUEUE && at[kept[n]] == KEPT));
            ancestors(n);
            assert(seen == from[n]);
            assert(rights[n] == most[n]);
            for (a : 0 .. NODES - 1) {
                assert(!(from[n] & bit(a)) || (!(most[n] & ~most[a]) && most[a] & MINT))
            }
        :: state[n] == DEAD ->
            assert(place[n] == NONE && kept[n] == NONE && !from[n]);
            count_children(n);
            assert(count >= 2);
#ifdef WITNESS_DEAD_BELOW_DEAD
            assert(parent[n] == NONE || state[parent[n]] != DEAD)
#endif
#ifdef WITNESS_OF_A_DEAD_TASK
            assert(life[account[n]] != GONE)
#endif
        :: else ->
            assert(parent[n] == NONE && place[n] == NONE && kept[n] == NONE && account[n] == NONE && !from[n])
        fi
    }
    for (p : 0 .. PLACES - 1) {
        assert(at[p] >= KEPT || (state[at[p]] == LIVE && place[at[p]] == p))
    }
    for (a : 0 .. TASKS - 1) {
        count = 0;
        for (n : 0 .. NODES - 1) {
            count = count + (account[n] == a)
        }
        assert(charged[a] == count)
    }
    n = 0; a = 0; p = 0; count = 0; seen = 0; new = 0; up = 0
}

/* ---- nodes ---- */

/* [slab_alloc] `new`, or NONE */
inline node_alloc(payer)
{
    new = 0;
    do
    :: new < NODES && state[new] != FREE -> new++
    :: else -> break
    od;
    if
    :: new == NODES -> new = NONE
    :: else ->
        state[new] = LIVE;
        account[new] = payer;
        charged[payer]++
    fi
}

/* [slab_free] */
inline node_free(node)
{
    assert(state[node] == DEAD && place[node] == NONE); /* nobody loses a capability */
    charged[account[node]]--;
    state[node] = FREE;
    account[node] = NONE;
    parent[node] = NONE;
    rights[node] = 0
}

/* [cap_remove, *cap->holder = NULL] */
inline cap_remove(node)
{
    if
    :: place[node] >= QUEUE -> to[place[node] - QUEUE] = NONE; queued--
    :: else
    fi;
    at[place[node]] = NONE;
    place[node] = NONE;
    if
    :: kept[node] != NONE -> at[kept[node]] = NONE; calling[task_of(kept[node])] = false; kept[node] = NONE
    :: else
    fi
}

/* [table_place, cap_hold] */
inline cap_place(node, spot)
{
    assert(at[spot] == NONE);
    at[spot] = node;
    place[node] = spot
}

/* Of the history only. */
inline forget(node)
{
    from[node] = 0;
    most[node] = 0;
    for (a : 0 .. NODES - 1) {
        from[a] = from[a] & ~bit(node)
    }
}
inline becomes(old, node)
{
    from[node] = from[old];
    from[old] = 0;
    most[node] = most[old];
    most[old] = 0;
    for (a : 0 .. NODES - 1) {
        if
        :: from[a] & bit(old) -> from[a] = (from[a] & ~bit(old)) | bit(node)
        :: else
        fi
    }
}

/* [tree_compact] A dead node with one child left: that takes its place. */
inline tree_compact(node)
{
#ifndef MUTANT_DEAD_NODES_STAY
    if
    :: node != NONE && state[node] == DEAD ->
        count_children(node);
        if
        :: count == 1 ->
            for (a : 0 .. NODES - 1) {
                if
                :: state[a] != FREE && parent[a] == node -> parent[a] = parent[node]
                :: else
                fi
            }
            node_free(node)
        :: else
        fi
    :: else
    fi
#else
    skip
#endif
}

/* [cap_kill] From now on it is a dead node. */
inline cap_kill(node)
{
    cap_remove(node);
    state[node] = DEAD;
    rights[node] = 0;
    forget(node)
}

/* [cap_close, after cap_kill; and revoke_step for a child whose children need not be moved] */
inline node_end(node)
{
    count_children(node);
    if
    :: count > 0 -> tree_compact(node)
    :: else ->
        up = parent[node];
        node_free(node);
        tree_compact(up)
    fi
}

/* [cap_close] */
inline cap_close(node)
{
    cap_kill(node);
#ifdef MUTANT_CLOSE_ORPHANS_THE_CHILDREN
    for (a : 0 .. NODES - 1) {
        if
        :: state[a] != FREE && parent[a] == node -> parent[a] = NONE
        :: else
        fi
    }
#endif
    node_end(node)
}

/* [cap_derive] `new`, which is in no place yet, or NONE */
inline cap_derive(source, mask, payer)
{
    node_alloc(payer);
    if
    :: new != NONE ->
#ifdef MUTANT_DERIVED_BESIDE_ITS_SOURCE
        parent[new] = parent[source];
#else
        parent[new] = source;
#endif
#ifdef MUTANT_RIGHTS_GROW
        rights[new] = mask;
#else
        rights[new] = mask & rights[source];
#endif
        from[new] = from[source] | bit(source);
        most[new] = mask & most[source]
    :: else
    fi
}

/* [cap_rehome] Another account pays from now on: a new node takes the place of the old one, which goes below it, dead,
 * while it has children of its own to hold together. `new`, or NONE */
inline cap_rehome(old, payer)
{
    node_alloc(payer);
    if
    :: new != NONE ->
#ifdef MUTANT_REHOMED_WITH_ALL_RIGHTS
        rights[new] = MINT | OTHER;
#else
        rights[new] = rights[old];
#endif
        rights[old] = 0;
        parent[new] = parent[old];
        becomes(old, new);
        cap_place_again(old, new);
        state[old] = DEAD;
#ifdef MUTANT_REHOMED_BESIDE_THE_OLD
        parent[old] = parent[new];
#else
        parent[old] = new;
#endif
        count_children(old);
        if
        :: count == 0 -> node_free(old)
        :: else -> tree_compact(old)
        fi
    :: else
    fi
}
inline cap_place_again(old, node)
{
    place[node] = place[old];
    at[place[old]] = node;
    place[old] = NONE;
    kept[node] = kept[old];
    kept[old] = NONE
}

/* [cap_install] into the entry `spot` of the receiver's table. `new`: the node that is there now, or NONE */
inline cap_install(node, spot)
{
    if
    :: account[node] == task_of(spot) -> new = node
    :: else -> cap_rehome(node, task_of(spot))
    fi;
    if
    :: new != NONE ->
        cap_remove(new);
        cap_place(new, spot)
    :: else
    fi
}

/* [cap_revoke, revoke_step, children_move_up: one unit of the budget, and then the entry ends] A live child is ended; of a
 * dead one, a child moves up to `cap`. */
inline revoke_unit(cap, child, grandchild)
{
    if
    :: state[child] == LIVE ->
        assert(from[child] & bit(cap)); /* it takes from nobody else */
#ifdef MUTANT_QUEUED_MESSAGES_ARE_SKIPPED
        if
        :: place[child] >= QUEUE -> parent[child] = NONE
        :: else -> cap_kill(child); node_end(child)
        fi
#else
        cap_kill(child);
#ifdef MUTANT_STOPPED_REVOKE_CUTS_OFF
        parent[child] = NONE;
#endif
        node_end(child)
#endif
    :: else ->
        parent[grandchild] = cap;
        tree_compact(child)
    fi
}

/* ---- fewer states: what differs in numbering only is made the same. Nothing the kernel does. ---- */

#define swap(x, y) up = x; x = y; y = up
#define renamed(x, one, other) (x == one -> other : (x == other -> one : x))
#define exchanged(set, one, other) \
    ((set & ~(bit(one) | bit(other))) | (set & bit(one) -> bit(other) : 0) | (set & bit(other) -> bit(one) : 0))

inline swap_nodes(one, other)
{
    swap(state[one], state[other]);
    swap(parent[one], parent[other]);
    swap(place[one], place[other]);
    swap(kept[one], kept[other]);
    swap(account[one], account[other]);
    swap(rights[one], rights[other]);
    swap(most[one], most[other]);
    swap(from[one], from[other]);
    for (n : 0 .. NODES - 1) {
        parent[n] = renamed(parent[n], one, other);
        from[n] = exchanged(from[n], one, other);
        if
        :: place[n] != NONE -> at[place[n]] = n
        :: else
        fi
    }
}

inline swap_places(one, other)
{
    swap(at[one], at[other]);
    for (n : 0 .. NODES - 1) {
        place[n] = renamed(place[n], one, other);
        kept[n] = renamed(kept[n], one, other)
    }
}

/* Capabilities before free entries, messages by receiver; nodes in the order of their places, then the dead ones. */
inline normalize()
{
    for (count : 2 .. ROOM) {
        for (p : 0 .. QUEUE - 2) {
            if
            :: task_of(p) == task_of(p + 1) && at[p] > at[p + 1] -> swap_places(p, p + 1)
            :: else
            fi
        }
    }
    for (p : QUEUE .. PLACES - 2) {
        if
        :: to[p - QUEUE] > to[p - QUEUE + 1] -> swap_places(p, p + 1); swap(to[p - QUEUE], to[p - QUEUE + 1])
        :: else
        fi
    }
    new = 0;
    for (p : 0 .. PLACES - 1) {
        if
        :: is_cap(at[p]) ->
            a = at[p];
            if
            :: a != new -> swap_nodes(a, new)
            :: else
            fi;
            new++
        :: else
        fi
    }
    for (a : 0 .. NODES - 1) {
        if
        :: state[a] == DEAD ->
            if
            :: a != new -> swap_nodes(a, new)
            :: else
            fi;
            new++
        :: else
        fi
    }
    n = 0; a = 0; p = 0; new = 0; up = 0; count = 0
}

/* ---- the entries ---- */

#define mine(i)     (_pid * ROOM + (i))
#define runs        (life[_pid] == ALIVE && !calling[_pid])
#define table_empty (at[mine(0)] == NONE) /* normalize() */

/* Any capability of the caller; a free entry of its table; a free slot of a queue, and a receiver; any message. */
inline pick_held(spot)
{
    select(spot : mine(0) .. mine(ROOM - 1));
    if
    :: is_cap(at[spot])
    :: else -> goto nothing
    fi
}
inline find_free(spot, first, end)
{
    spot = first;
    do
    :: spot < end && at[spot] != NONE -> spot++
    :: else -> break
    od
}
inline pick_entry(spot)
{
    find_free(spot, mine(0), mine(ROOM));
    if
    :: spot == mine(ROOM) -> goto nothing /* [ERR_TABLE_FULL, ERR_QUOTA] */
    :: else
    fi
}
inline pick_slot(spot, receiver)
{
    find_free(spot, QUEUE, PLACES);
    select(receiver : 0 .. TASKS - 1);
    if
    :: spot == PLACES || receiver == _pid || life[receiver] != ALIVE -> goto nothing /* [ERR_WOULD_BLOCK, ERR_PEER_DIED] */
    :: else
    fi
}
inline pick_message(message)
{
    select(message : QUEUE .. PLACES - 1);
    if
    :: at[message] == NONE || to[message - QUEUE] != _pid -> goto nothing
    :: else
    fi
}
inline pick_call(message)
{
    select(message : QUEUE .. PLACES - 1);
    if
    :: at[message] == NONE || kept[at[message]] == NONE || task_of(kept[at[message]]) != _pid -> goto nothing
    :: else
    fi
}
inline pick_child(child, node)
{
    select(child : 0 .. NODES - 1);
    if
    :: state[child] != FREE && parent[child] == node
    :: else -> goto nothing
    fi
}
inline needs_mint(spot)
{
    if
    :: rights[at[spot]] & MINT
    :: else -> goto nothing /* [ERR_NO_RIGHT] */
    fi
}
inline post(node, spot, receiver)
{
    cap_place(node, spot);
    to[spot - QUEUE] = receiver;
    queued++
}
inline entry_ends()
{
    check();
    normalize();
    i = 0; k = 0; j = 0
}

active [TASKS] proctype task()
{
    byte i, k, j;
    if
    :: _pid == 0 -> /* [task_begin] A has the first capability */
       d_step { state[0] = LIVE; account[0] = 0; charged[0] = 1; rights[0] = MINT | OTHER; most[0] = MINT | OTHER; cap_place(0, 0) }
    :: else
    fi;
    do
    :: atomic { runs -> /* [sys_cap_mint] */
           pick_held(i); needs_mint(i); pick_entry(k);
           if
           :: j = MINT | OTHER
#ifndef ALL_RIGHTS
           :: j = MINT
           :: j = OTHER
#endif
           fi;
           d_step {
               cap_derive(at[i], j, _pid);
               if
               :: new != NONE -> cap_place(new, k)
               :: else
               fi;
               entry_ends()
           }
       }
    :: atomic { runs -> /* [slot_fill, caps_take: a copy in a message] */
           pick_held(i); needs_mint(i); pick_slot(k, j);
           d_step {
               cap_derive(at[i], MINT | OTHER, _pid);
               if
               :: new != NONE -> post(new, k, j)
               :: else
               fi;
               entry_ends()
           }
       }
    :: atomic { runs -> /* [caps_take, caps_move: a move by send] */
           pick_held(i); pick_slot(k, j);
           d_step {
               new = at[i];
#ifdef MUTANT_MOVED_STAYS_IN_THE_TABLE
               place[new] = NONE;
#else
               cap_remove(new);
#endif
               post(new, k, j);
               entry_ends()
           }
       }
#ifndef NO_CALLS
    :: atomic { runs -> /* [caps_take, caps_move, cap_keep: a move by call] */
           pick_held(i); pick_slot(k, j);
           d_step {
               new = at[i];
               post(new, k, j);
               at[i] = KEPT;
               kept[new] = i;
               calling[_pid] = true;
               entry_ends()
           }
       }
    :: atomic { life[_pid] == ALIVE -> /* [call_finish, slot_return_caps, cap_come_back: time-out, or the receiver ended] */
           pick_call(k);
           d_step {
               new = at[k];
               i = kept[new];
               cap_remove(new);
               cap_place(new, i);
               entry_ends()
           }
       }
#endif
    :: atomic { runs -> /* [recv_queued, slot_deliver, caps_give] */
           pick_message(k);
           find_free(i, mine(0), mine(ROOM));
           d_step {
               j = at[k];
               new = NONE;
               if
               :: i < mine(ROOM) -> cap_install(j, i)
               :: else
               fi;
               if
               :: new == NONE -> cap_close(j) /* [slot_drop_caps: the table is full, or nothing left to pay with] */
               :: else
               fi;
               entry_ends()
           }
       }
    :: atomic { runs -> /* [sys_cap_close] */
           pick_held(i);
           d_step { i = at[i]; cap_close(i); entry_ends() }
       }
    :: atomic { runs -> /* [sys_cap_revoke: an entry that stops after one unit. Called again it goes on; or nobody calls] */
           pick_held(i);
           i = at[i];
           pick_child(j, i);
           if
           :: state[j] == DEAD -> pick_child(k, j)
           :: else
           fi;
           d_step { revoke_unit(i, j, k); entry_ends() }
       }
    :: atomic { life[_pid] == ALIVE -> /* [task_end: whoever and whenever. A call of its leaves the queue that it lies in] */
           if
           :: calling[_pid] -> pick_call(k)
           :: else -> k = NONE
           fi;
           d_step {
               life[_pid] = DYING;
               if
               :: k != NONE -> i = at[k]; cap_close(i)
               :: else
               fi;
               entry_ends()
           }
       }
    :: atomic { life[_pid] == DYING -> /* [cap_table_clear, one unit] */
           pick_held(i);
           d_step { i = at[i]; cap_close(i); entry_ends() }
       }
    :: atomic { life[_pid] != ALIVE -> /* [channel_drain, one unit: what nobody will receive; a caller takes its own back] */
           pick_message(k);
           if
           :: kept[at[k]] != NONE -> goto nothing
           :: else
           fi;
           d_step { i = at[k]; cap_close(i); entry_ends() }
       }
    :: d_step { life[_pid] == DYING && table_empty -> /* [cap_table_clear: empty] */
           life[_pid] = GONE;
           gone++;
           entry_ends()
       }
    :: all_gone -> break
    :: atomic { false ->
nothing:   i = 0; k = 0; j = 0
       }
    od
}
