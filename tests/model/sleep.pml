/* kernel/sched/sched.c, balance.c, placement.c: several CPUs under one kernel lock. A CPU with nothing to do goes to sleep with STI; HLT
 * after a last look; who wakes a task chooses a CPU for it, and sends an IPI unless that CPU will look anyway; a CPU takes
 * waiting tasks out of other CPUs' queues; tasks are switched out and go on elsewhere. Comments in [brackets] name the C
 * function that a step stands for. What a CPU does with the lock held is one step; interrupts are off meanwhile, and stay
 * latched (IRR) until the CPU takes them: in user mode, or in HLT.
 *
 * What must hold
 *  - a task runs on one CPU at a time, and from a saved context                                  (assertion in resume)
 *  - no CPU sleeps with nothing on its way to it while a task waits in some queue                 (check, at each unlock)
 *  - when nothing can happen any more, nobody is ready                                            (the end)
 * Priorities and affinity are left out (tests/unit/test_placement.c has them), so one queued task is as good as another; one with no
 * idle CPU to go to may wait anywhere. A mutant (-DMUTANT_…) does one thing wrong, a witness (-DWITNESS_…) denies that something
 * can come about that does: tests/model/run wants each refuted. */

#ifndef CPUS
#define CPUS 2
#endif
#ifndef TASKS
#define TASKS 3
#endif
#ifndef IRQS
#define IRQS 2 /* interrupts of devices; each wakes a task */
#endif
#define NONE 15

#define WAITS 0
#define READY 1 /* in a queue */
#define RUNS  2
byte state[TASKS];
byte queue[TASKS] = NONE;   /* in whose queue */
byte loaded[TASKS];         /* on so many CPUs the registers are its own */
byte current[CPUS] = NONE;
bool awake[CPUS];           /* struct sched_view: .awake */
bool ipi[CPUS], irq[CPUS];  /* latched */
bool taken[CPUS];           /* of the history: it took an interrupt and has not looked since */
byte lock = NONE;
byte irqs = IRQS;

hidden byte i, n, idle, waiting;

#define will_look(c) (awake[c] || ipi[c] || irq[c] || taken[c])
#define kernel_lock(me) atomic { lock == NONE -> lock = me }

inline count_queue(cpu)
{
    n = 0;
    for (i : 0 .. TASKS - 1) {
        n = n + (queue[i] == cpu)
    }
}

/* One task of an idle CPU's queue is on its way in, if the CPU will look; the others wait, as all do for a busy one. */
inline check()
{
    idle = 0; waiting = 0;
    byte c;
    for (c : 0 .. CPUS - 1) {
        count_queue(c);
        idle = idle + (current[c] == NONE && !will_look(c));
        waiting = waiting + (n > 0 && current[c] == NONE && will_look(c) -> n - 1 : n)
    }
    assert(!idle || !waiting);
    c = 0; i = 0; n = 0; idle = 0; waiting = 0
}

inline kernel_unlock()
{
    check();
    lock = NONE
}

/* [placement_wake, placement_needs_ipi; task_wake] With the lock held. */
inline task_wake(task, waker)
{
    /* to: an idle CPU with an empty queue if there is one */
    to = 0; best = NONE;
    do
    :: to < CPUS ->
        count_queue(to);
        if
        :: current[to] == NONE && n == 0 && to != waker -> best = to
        :: current[to] == NONE && n == 0 && best == NONE -> best = to
        :: else
        fi;
        to++
    :: else -> break
    od;
    if
    :: best != NONE -> to = best
    :: else -> select(to : 0 .. CPUS - 1)
    fi;
    state[task] = READY;
    queue[task] = to;
#ifndef MUTANT_NO_IPI
    if
    :: to != waker && !awake[to] -> ipi[to] = true
    :: else ->
#ifdef WITNESS_AN_AWAKE_CPU_NEEDS_NO_IPI
        assert(to == waker)
#endif
        skip
    fi;
#endif
    to = 0; best = 0; i = 0; n = 0
}

/* Any waiting task. */
inline wake_somebody(waker)
{
    task = NONE;
    if
    :: state[0] == WAITS -> task = 0
    :: state[1] == WAITS -> task = 1
#if TASKS > 2
    :: state[2] == WAITS -> task = 2
#endif
    :: else
    fi;
    if
    :: task != NONE -> task_wake(task, waker)
    :: else
    fi;
    task = 0
}

/* [runq_pop, placement_steal] `task`, or NONE: of the own queue, else of any. */
inline next_task(me)
{
    task = NONE;
    for (i : 0 .. TASKS - 1) {
        if
        :: queue[i] != NONE && (task == NONE || queue[i] == me) -> task = i
        :: else
        fi
    }
    i = 0
}

/* [sched_switch_to, task_resume] */
inline resume(me)
{
#ifdef WITNESS_SOMEBODY_STEALS
    assert(queue[task] == me || queue[task] == NONE);
#endif
    assert(state[task] != RUNS && !loaded[task]);
    queue[task] = NONE;
    state[task] = RUNS;
    loaded[task]++;
    current[me] = task
}

proctype cpu(byte me)
{
    byte task, to, best, was;
    bool device;
    goto sleep;

user: /* the current task does something, or an interrupt comes */
    if
    :: (ipi[me] || irq[me]) -> goto interrupt
    :: goto system_call
    fi;

interrupt: /* the CPU takes it: from now on a new one is latched anew */
    atomic {
        taken[me] = true;
        device = irq[me];
        irq[me] = false;
        ipi[me] = false
    }
    awake[me] = true;                           /* [entry.asm] before it waits for the lock */
    was = current[me];
    if
    :: was != NONE ->
#ifndef MUTANT_CONTEXT_IS_SAVED_LATE
        loaded[was]--                           /* [entry.asm] struct context */
#endif
    :: else
    fi;
    kernel_lock(me);
    atomic {
        if
        :: device -> wake_somebody(me)          /* [irq_interrupt] */
        :: else
        fi;
        device = false;
        goto switch_out
    }

system_call:
    awake[me] = true;
    was = current[me];
#ifndef MUTANT_CONTEXT_IS_SAVED_LATE
    loaded[was]--;
#endif
    kernel_lock(me);
    atomic {
        if
        :: wake_somebody(me)                    /* [send, reply] */
        :: state[was] = WAITS; current[me] = NONE /* [task_block] */
        fi;
        goto switch_out
    }

switch_out: /* [sched_preempt] the current task goes on, or makes way for another */
    atomic {
        if
        :: current[me] != NONE ->
            state[current[me]] = READY;
            queue[current[me]] = me;
            current[me] = NONE
        :: else
        fi
    }
#ifdef MUTANT_CONTEXT_IS_SAVED_LATE
    if
    :: was != NONE -> atomic { kernel_unlock() }; loaded[was]--; kernel_lock(me)
    :: else
    fi;
#endif

sched_loop: /* with the lock held; [sched_loop] */
#ifdef MUTANT_STEALS_WITHOUT_THE_LOCK
    lock = NONE;
    d_step { next_task(me) }
    kernel_lock(me);
#else
    d_step { next_task(me) }
#endif
#ifdef MUTANT_NO_LAST_LOOK
    if
    :: task == NONE -> lock = NONE; kernel_lock(me)
    :: else
    fi;
#endif
    atomic {
        taken[me] = false;
        was = 0;
#ifndef MUTANT_AWAKE_UNTIL_IT_HALTS
        awake[me] = false;
#endif
        if
        :: task != NONE -> resume(me); task = 0; awake[me] = false; kernel_unlock(); goto user
        :: else -> task = 0; kernel_unlock()     /* [sched_idle] */
        fi
    }
#ifdef MUTANT_AWAKE_UNTIL_IT_HALTS
    awake[me] = false;
#endif
#ifdef MUTANT_IPI_IS_FORGOTTEN
    ipi[me] = false;
#endif

sleep: /* [cpu_idle_wait] sti; hlt: what is latched is taken before it sleeps, and it does not go on behind the hlt */
#ifdef MUTANT_INTERRUPT_BETWEEN_STI_AND_HLT
    if
    :: ipi[me] -> ipi[me] = false /* handled, and back to the hlt */
    :: else
    fi;
#endif
end_asleep:
    (ipi[me] || irq[me]);
    goto interrupt
}

proctype devices()
{
    byte c;
    do
    :: irqs > 0 -> select(c : 0 .. CPUS - 1); irqs--; irq[c] = true; c = 0
    :: irqs == 0 -> break
    od
}

/* Nothing can happen any more. */
proctype the_end()
{
    byte t;
    timeout;
    for (t : 0 .. TASKS - 1) {
        assert(state[t] == WAITS && queue[t] == NONE)
    }
}

init {
    byte c;
    atomic {
        for (c : 0 .. CPUS - 1) {
            run cpu(c)
        }
        c = 0;
        run devices();
        run the_end()
    }
}
