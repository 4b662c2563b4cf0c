#include "jarvis/world.h"
#include <lib/ipc.h>

result_t world_info(handle_t trace, uint32_t kind, uint64_t index, void *buffer, size_t bytes)
{
    return system_info(trace, kind, index, buffer, bytes);
}

status_t world_call(handle_t service, uint16_t op, const void *request, size_t request_bytes, void *reply,
                    size_t reply_bytes)
{
    return ipc_call(service, op, request, request_bytes, reply, reply_bytes, clock_now() + CALL_TIME_NS);
}

uint64_t world_now(void)
{
    return clock_now();
}
