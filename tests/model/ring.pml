/* lib/ring.c: one producer, one consumer, sleep flag and second look. Each comment in [brackets] names the line of ring.c
 * (or of who calls it) that a step stands for; a step is one access to shared memory.
 *
 * What must hold
 *  - the consumer reads unit 1, 2, 3, … UNITS: none lost, none twice, none before it is there (assertion in ring_read);
 *  - no wake-up is lost: both sides come to their end. A side that waits for ever is an invalid end state for Spin.
 * Indices wrap as the 32-bit ones do, at WRAP.
 *
 * Memory, -DTSO: a store lies in its processor's store buffer, as long as the processor likes, until a process `memory`
 * takes it out, in order; a load sees the own buffer first. That is what x86 does. Without: a store is seen at once.
 * A mutant (-DMUTANT_…) leaves out one thing; tests/model/run wants each refuted.
 *
 * The bell is signal_raise(). The ring relies on it that the caller's stores are seen before whoever it wakes runs, as they
 * are on one processor, and with a kernel lock (a locked instruction empties the buffer) on several. Else
 * (MUTANT_BELL_DOES_NOT_FENCE) the caller's `asleep = 0` may come after the woken peer's next `asleep = 1`. */

#define SIZE  2 /* units of room */
#define WRAP  8 /* a multiple of SIZE, more than 2 * SIZE */
#define UNITS 6 /* goes round the ring three times */

#define PRODUCER 0
#define CONSUMER 1

/* shared memory: struct ring_control, and the data */
#define PRODUCED        0
#define CONSUMED        1
#define PRODUCER_ASLEEP 2
#define CONSUMER_ASLEEP 3
#define DATA            4
byte mem[DATA + SIZE];
chan buffer[2] = [SIZE + 3] of { byte, byte };

bool bell[2];               /* the signal bit that a side waits for; stays set until it is taken */
byte timeouts[2] = 1;       /* so often a side wakes without a bell (a deadline, another bit of its signal) */
byte next_written, next_read; /* the units, counted without wrapping */
bool finished;

#define index_distance(a, b) (((a) + WRAP - (b)) % WRAP)

inline store(me, at, value)
{
#ifdef TSO
    buffer[me] ! at, value
#else
    mem[at] = value
#endif
}

/* Who loads what it stores itself is only publish() (asleep = 0): so one in the buffer is that. */
inline load(me, at, into)
{
#ifdef TSO
    atomic {
        if
        :: buffer[me] ?? [eval(at), 0] -> into = 0
        :: else -> into = mem[at]
        fi
    }
#else
    into = mem[at]
#endif
}

inline fence(me)
{
#ifdef TSO
    empty(buffer[me])
#endif
    skip
}

/* [signal_raise] */
inline ring_bell(me, peer)
{
#ifndef MUTANT_BELL_DOES_NOT_FENCE
    fence(me);
#endif
    bell[peer] = true
}

/* [publish] */
inline publish(me, peer, index, peer_asleep)
{
    if
    :: own == own_published -> skip /* [own == own_published: return false] */
    :: else ->
        own_published = own;
#ifdef MUTANT_LOOK_BEFORE_PUBLISH
        load(me, peer_asleep, asleep);
        store(me, index, own);
#else
        store(me, index, own);           /* [store index, RELEASE] */
#ifndef MUTANT_PUBLISH_WITHOUT_FENCE
        fence(me);                       /* [fence SEQ_CST] */
#endif
        load(me, peer_asleep, asleep);   /* [load *peer_asleep] */
#endif
        if
        :: asleep ->
            store(me, peer_asleep, 0);   /* [store 0 in *peer_asleep] */
            ring_bell(me, peer)          /* [the caller: true, so signal_raise()] */
        :: else
        fi
    fi
}

/* [ring_room, ring_filled: the peer's index, ACQUIRE] */
inline look(me, peer_index)
{
    load(me, peer_index, seen);
    if
    :: me == PRODUCER -> units = SIZE - index_distance(own, seen)
    :: else -> units = index_distance(seen, own)
    fi;
    assert(units <= SIZE) /* [at_most: between honest peers the clamp changes nothing] */
}

/* [ring_producer_sleep, ring_consumer_sleep, and the caller that then waits for its signal] */
inline sleep(me, my_asleep, peer_index)
{
    store(me, my_asleep, 1);             /* [set_asleep: store 1] */
#ifndef MUTANT_SLEEP_WITHOUT_FENCE
    fence(me);                           /* [set_asleep: fence SEQ_CST] */
#endif
#ifdef MUTANT_NO_SECOND_LOOK
    units = 0;
#else
    look(me, peer_index);                /* [if (!ring_room(ring)), if (!ring_filled(ring))] */
#endif
    if
    :: units -> store(me, my_asleep, 0)  /* [clear_asleep] */
    :: else ->                           /* [return true: the caller waits in recv()] */
#ifdef TSO
        fence(me);                       /* as with the bell */
#endif
        if
        :: bell[me] -> bell[me] = false
        :: timeouts[me] > 0 -> timeouts[me]--
        fi
    fi;
    units = 0; seen = 0
}

active proctype producer()
{
    byte own, own_published, seen, units, batch;
    bool asleep;
    do
    :: next_written == UNITS -> break
    :: else ->
        look(PRODUCER, CONSUMED);
        batch = 0;
        do /* [ring_write: as much as fits, or less; one publish for it] */
        :: batch < units && next_written < UNITS ->
#ifdef MUTANT_INDEX_BEFORE_DATA
            store(PRODUCER, PRODUCED, (own + 1) % WRAP);
#endif
            store(PRODUCER, DATA + own % SIZE, next_written + 1); /* [memcpy] */
            own = (own + 1) % WRAP;                           /* [ring_produce] */
            next_written++; batch++
        :: batch > 0 || units == 0 -> break
        od;
        publish(PRODUCER, CONSUMER, PRODUCED, CONSUMER_ASLEEP); /* [ring_publish_produced] */
        if
        :: units == 0 -> sleep(PRODUCER, PRODUCER_ASLEEP, CONSUMED)
        :: else
        fi;
        units = 0; seen = 0; batch = 0; asleep = false
    od;
    (finished)
}

active proctype consumer()
{
    byte own, own_published, seen, units, batch;
    bool asleep;
    do
    :: next_read == UNITS -> break
    :: else ->
        look(CONSUMER, PRODUCED);
        batch = 0;
        do /* [ring_read] */
        :: batch < units ->
            assert(mem[DATA + own % SIZE] == next_read + 1); /* [memcpy] */
            own = (own + 1) % WRAP;                      /* [ring_consume] */
            next_read++; batch++
        :: batch > 0 || units == 0 -> break
        od;
        publish(CONSUMER, PRODUCER, CONSUMED, PRODUCER_ASLEEP); /* [ring_publish_consumed] */
        if
        :: units == 0 -> sleep(CONSUMER, CONSUMER_ASLEEP, PRODUCED)
        :: else
        fi;
        units = 0; seen = 0; batch = 0; asleep = false
    od;
    finished = true
}

#ifdef TSO
active [2] proctype memory()
{
    byte at, value;
end:
    do
    :: atomic { buffer[_pid - 2] ? at, value -> mem[at] = value; at = 0; value = 0 }
    od
}
#endif
