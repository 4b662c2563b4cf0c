/* System calls for the e1000 driver on the host: compiled with -include in front of its sources. */
#pragma once
#include <lib/syscall.h>

uint64_t host_clock_now(void);
void host_task_yield(void);
status_t host_irq_ack(handle_t irq);
status_t host_signal_raise(handle_t signal, uint64_t bits);
status_t host_cap_close(handle_t handle);

#define clock_now host_clock_now
#define task_yield host_task_yield
#define irq_ack host_irq_ack
#define signal_raise host_signal_raise
#define cap_close host_cap_close
