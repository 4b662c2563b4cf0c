/* System calls for netsrv and net_client on the host: compiled with -include in front of their sources, so that the
 * stubs of lib/syscall.h are replaced. Memory objects are memfds, so both sides and the "device" map the same bytes. */
#pragma once
#include <setjmp.h>
#include <lib/syscall.h>

result_t host_memory_create(size_t pages, uint32_t flags);
result_t host_memory_map(handle_t task, handle_t memory, uint64_t address, size_t first, size_t pages, uint32_t prot);
status_t host_memory_unmap(handle_t task, uint64_t address, size_t pages);
result_t host_cap_mint(handle_t source, uint32_t rights, uint64_t badge);
status_t host_cap_close(handle_t handle);
status_t host_cap_revoke(handle_t handle);
status_t host_cap_info(handle_t handle, struct cap_info *info);
status_t host_dma_pin(handle_t dma, handle_t memory, size_t first, size_t pages, uint64_t *addresses);
status_t host_dma_unpin(handle_t dma, handle_t memory);
result_t host_signal_create(void);
status_t host_signal_raise(handle_t signal, uint64_t bits);
result_t host_channel_create(size_t slots, uint32_t credit);
uint64_t host_clock_now(void);
status_t host_random_bytes(void *buffer, size_t bytes);
void host_task_yield(void);
_Noreturn void host_task_exit(int64_t code);

#define memory_create host_memory_create
#define memory_map host_memory_map
#define memory_unmap host_memory_unmap
#define cap_mint host_cap_mint
#define cap_close host_cap_close
#define cap_revoke host_cap_revoke
#define cap_info(handle, info) host_cap_info(handle, info) /* struct cap_info stays */
#define dma_pin host_dma_pin
#define dma_unpin host_dma_unpin
#define signal_create host_signal_create
#define signal_raise host_signal_raise
#define signal_raise_no_hurry host_signal_raise
#define channel_create host_channel_create
#define clock_now host_clock_now
#define random_bytes host_random_bytes
#define task_yield host_task_yield
#define task_others_ready() true
#define task_exit host_task_exit

/* ---- for the tests ---- */
result_t host_device_memory_create(size_t pages);
extern handle_t host_server_channel;    /* netsrv's own */
extern uint32_t host_network_bits;      /* of the networks that "init" gives out */
extern uint32_t host_client_badge;      /* the kernel's stamp on messages to netsrv */
extern uint64_t host_now;               /* ns; the clock */
unsigned host_handles(void);            /* open now */
uint64_t host_signals(handle_t signal); /* bits raised; cleared */
/* Which of the wire's frames get lost, in per cent; how many the queue to the device holds. */
extern unsigned host_loss_percent, host_tx_limit;
extern unsigned host_frames;
extern jmp_buf *host_exit; /* where task_exit() goes; NULL: the test fails */
/* What netsrv told the trace: each event goes to the observer, if there is one. */
extern void (*host_told)(uint32_t event, uint32_t low, uint64_t rest);
extern bool host_device_failed; /* the device asks for a reset, until it is closed */
