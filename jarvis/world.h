/* All that Jarvis learns or does outside itself goes through these three. Host tests link their own in place of
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
