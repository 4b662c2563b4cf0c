#pragma once
struct task;
/* Loads and starts init with the root capabilities; panics with a clear message when it can't. */
void init_task_create(void);
extern struct task *init_task; /* the machine does not go on without it */
