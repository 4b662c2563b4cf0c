/* A machine on which the kernel's core runs unchanged on the host: one CPU, tasks whose memory is the test's own, page
 * tables of host memory. A test makes tasks do system calls one after the other and looks at what the kernel made of it.
 *
 *  - GS points to cpus[0]; privileged instructions fault and are skipped; a fault at a place in .extable goes on where
 *    the table says, as in trap.c.
 *  - A system call that blocks, or after which another task is more urgent, goes through the real scheduler; control
 *    comes back to the test where a task would go on in user mode, or the CPU would idle.
 *  - Time stands still unless machine_pass() moves it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <abi/syscall.h>
#include "kernel/cap/cap.h"
#include "kernel/ipc/ipc.h"
#include "kernel/memory/memory_object.h"
#include "kernel/sched/sched.h"

#define MACHINE_NODES 4
#define MACHINE_NODE_CPUS 2

#define BLOCKED INT64_MIN /* what SYS says of a call that waits, or whose task is gone */

extern struct task *machine_root; /* creates the others; priority 24 */
extern uint64_t machine_now_ns, machine_armed_ns;
extern bool machine_ticks;                                 /* clock_ns() is the TSC, as the trace reads it */
extern int64_t machine_frames_out;                         /* frames given out less those given back */
extern int64_t machine_frames_left;                        /* so many more allocations succeed; -1: all */
extern handle_t machine_root_handle, machine_trace_handle; /* of the root task: OBJECT_ROOT, OBJECT_TRACE */

int machine_setup(void **state); /* cmocka: before and after each test */
/* The same with 4 nodes of 2 CPUs and 16 MiB each: for homes and memory, not for the scheduler, which has one CPU. */
int machine_setup_nodes(void **state);
int machine_teardown(void **state); /* ends every task, and fails when anything is left */

int64_t machine_syscall(struct task *task, enum syscall_number number, const uint64_t arguments[6]);
#define SYS(task, name, ...) machine_syscall((task), SYS_##name, (const uint64_t[6]){__VA_ARGS__})
#define P(pointer) ((uint64_t)(pointer))

/* The answer of a call that had blocked: lets the task go on if it is ready, BLOCKED if it still waits. */
int64_t machine_answer(struct task *task);
void machine_run(struct task *task); /* makes a ready task the current one */
void machine_idle(void);             /* lets everything that is left to do happen */
void machine_pass(uint64_t ns);      /* time goes on; the timer interrupt comes */
void machine_return(void);           /* the current task returns from that: to itself, or to who is more urgent */
bool machine_alive(const struct task *task);
/* A task of the root task's making that has started; its handle there is machine_handle(task). */
struct task *machine_task(const char *name, uint32_t priority, uint32_t quota_pages, handle_t supervisor);
struct task *machine_task_new(const char *name, uint32_t priority, uint32_t quota_pages, handle_t supervisor,
                              handle_t *handle); /* not started */
handle_t machine_handle(const struct task *task);
/* Grants from the root task; the handle in the other task. */
handle_t machine_grant(struct task *to, handle_t source, uint32_t rights, uint64_t badge);
uint32_t machine_node_of(uint64_t physical); /* a frame's, that is in use */
void machine_nodes_fill(const uint64_t *pages, uint32_t count);
handle_t machine_channel(struct task *owner, uint32_t slots, uint32_t credit);
struct cap *machine_cap(struct task *task, handle_t handle);
