/* All that Jarvis learns or does outside itself goes through these. Host tests link their own in place of
 * world.c. The capability given is always the session's. */
#pragma once
#include <abi/errors.h>
#include <abi/info.h>
#include <abi/types.h>

#define CALL_TIME_NS 2000000000ull /* what a service gets to answer */

result_t world_info(handle_t trace, uint32_t kind, uint64_t index, void *buffer, size_t bytes);
status_t world_call(handle_t service, uint16_t op, const void *request, size_t request_bytes, void *reply,
                    size_t reply_bytes);
uint64_t world_now(void);
/* The kernel's trace: lib/syscall.h's trace_control and trace_read_packet. */
result_t world_trace_control(handle_t trace, uint64_t value, uint32_t op);
result_t world_trace_packet(handle_t trace, uint32_t cpu, uint64_t sequence, void *packet, uint64_t *second);
void world_tell(uint32_t event, uint32_t low, uint64_t rest); /* an event of ours, in Jarvis's own name */
