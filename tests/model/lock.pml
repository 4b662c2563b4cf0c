/* kernel/sched/kernel_lock.c, lock.inc, entry.asm: the kernel lock, and the short path of IPC that runs without it. Each CPU goes
 * into the kernel ROUNDS times, for the short path or for anything else; who holds the lock may ask another CPU for something
 * and waits for its answer. Comments in [brackets] name the function that a step stands for.
 *
 * What must hold
 *  - while one CPU holds the lock no other does, and nobody is inside the short path                    (assertions)
 *  - two CPUs can be inside at once: that is what it is for                                             (a witness)
 *  - nobody waits for ever: every CPU comes to its end                                                  (invalid end states)
 * With -DTSO the store to kernel_inside[] is written in a buffer of its CPU's, as on x86, unless the instruction is a locked one.
 * That a wait has a bound in time is not in here: each may end at any moment. */

#ifndef CPUS
#define CPUS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

bit held, inside[CPUS], asked[CPUS];
bit buffered[CPUS];         /* inside[] = 1 that only its own CPU knows of */
byte holders, insiders;     /* of the history: who is where it may be */

/* lock cmpxchg, bts, xchg: nothing is in the buffer behind it */
#define drain(c) if :: buffered[c] -> inside[c] = 1; buffered[c] = 0 :: else fi

/* [cpu_answer] */
inline answer(c)
{
    atomic { asked[c] -> asked[c] = 0 }
}

/* [lock_enter, kernel_lock_wait] */
inline lock_enter()
{
    do
    :: atomic { !held -> drain(me); held = 1; break }
#ifndef MUTANT_WAITS_WITHOUT_ANSWER
    :: answer(me)
#endif
    od;
#ifndef MUTANT_LOCK_LOOKS_NOT_INSIDE
    n = 0;
    do
    :: n < CPUS -> !inside[n]; n++ /* [others_out] */
    :: n == CPUS -> break
    od;
#endif
    atomic { n = 0; holders++; assert(holders == 1 && insiders == 0) }
}

inline lock_leave()
{
    atomic { holders--; held = 0 }
}

/* [cpu_ask] */
inline ask()
{
    atomic { who = (me + 1) % CPUS; asked[who] = 1 }
    !asked[who]
}

/* INSIDE_ENTER and [inside_try]; `in` says whether it is */
inline inside_try()
{
#ifdef MUTANT_LOOKS_BEFORE_IT_SAYS_SO
    in = !held;
    if :: in -> inside[me] = 1 :: else fi;
#else
#if defined(TSO) && defined(MUTANT_STORE_IS_NOT_LOCKED)
    buffered[me] = 1;
#else
    inside[me] = 1;
#endif
    if
    :: held -> in = 0; atomic { inside[me] = 0; buffered[me] = 0 }
    :: !held -> in = 1
    fi
#endif
}

proctype cpu(byte me)
{
    byte rounds, n, who;
    bit in;
user:
    do
    :: rounds == ROUNDS -> break
    :: answer(me)                                   /* an interrupt, which then waits for the lock */
    :: rounds < ROUNDS -> rounds++; goto short_path
    :: rounds < ROUNDS -> rounds++; goto general
    od;
end_asleep:
    do
    :: answer(me)                                   /* interrupts still come */
    od;

short_path:
    inside_try();
    do                                              /* [kernel_inside_wait] */
    :: in -> break
#ifndef MUTANT_WAITS_WITHOUT_ANSWER
    :: atomic { !in && asked[me] -> asked[me] = 0 }
#endif
    :: !in && !held -> inside_try()
    :: !in -> goto general                          /* it has waited for long enough */
    od;
    atomic {
        insiders++;
        assert(holders == 0);
#ifdef WITNESS_TWO_ARE_INSIDE
        assert(insiders < 2)
#endif
    }
    if
    :: skip
    :: atomic { insiders--; drain(me); inside[me] = 0; in = 0; goto general } /* [syscall_give_up] */
    fi;
    atomic { insiders--; drain(me); inside[me] = 0; in = 0 }
    goto user;

general:
    lock_enter();
    if
    :: ask()
    :: skip
    fi;
    lock_leave();
    goto user
}

#ifdef TSO
/* A CPU's buffer reaches memory at any time. */
proctype memory(byte c)
{
end:
    do
    :: atomic { buffered[c] -> inside[c] = 1; buffered[c] = 0 }
    od
}
#endif

init {
    byte c;
    atomic {
        for (c : 0 .. CPUS - 1) {
            run cpu(c);
#ifdef TSO
            run memory(c)
#endif
        }
    }
}
