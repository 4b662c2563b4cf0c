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

result_t world_trace_control(handle_t trace, uint64_t value, uint32_t op)
{
    return syscall3(SYS_trace_control, trace, value, op).value;
}

result_t world_trace_packet(handle_t trace, uint32_t cpu, uint64_t sequence, void *packet, uint64_t *second)
{
    struct syscall_result got = trace_read_packet(trace, cpu, sequence, packet, TRACE_PACKET_SIZE);
    *second = got.second;
    return got.value;
}

void world_tell(uint32_t event, uint32_t low, uint64_t rest)
{
    trace_tell(event, low, rest);
}
