#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kernel/memory/frame.h"
#include "kernel/sched/task.h"
#include "kernel/x86/log.h"
#include "tests/unit/trace_host.h"

/* ---- what the trace needs of the kernel ---- */

struct cpu cpus[CPU_MAX];
uint32_t cpu_count = 1, task_count;
struct task *task_slots[TASKS_MAX];
uint64_t clock_tsc_hz = 1000000000, clock_mult = 1ul << 32, clock_tsc_start;
void (*klog_observer)(enum klog_level level, uint64_t position);
static struct task tasks[CPU_MAX];
static struct account accounts[CPU_MAX];

uint64_t clock_ns(void)
{
    return clock_of_tsc(rdtsc());
}
void random_fill(void *buffer, size_t bytes)
{
    memset(buffer, 0x5a, bytes);
}
uint64_t frame_alloc_zeroed(unsigned order, uint32_t node)
{
    (void)node;
    void *frames = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
    return virt_to_phys(memset(frames, 0, PAGE_SIZE << order));
}

void trace_host_be(uint32_t cpu)
{
    syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[cpu]);
}

void trace_host_start(uint32_t count, uint32_t packets)
{
    cpu_count = count;
    for (uint32_t i = 0; i < count; i++) {
        cpus[i] = (struct cpu){.self = &cpus[i], .id = i, .current = &tasks[i]};
        trace_init_cpu(&cpus[i], packets);
    }
    trace_host_be(0);
}

void trace_host_stop(void)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        free(trace_rings[i].packets);
        trace_rings[i] = (struct trace_ring){0};
    }
}

/* ---- events that say which they are ---- */

static uint64_t word_of(uint32_t cpu, uint64_t n, unsigned which)
{
    return (n * 0x9e3779b97f4a7c15u + which) ^ (uint64_t)cpu << 60;
}

/* As the short path of IPC records: two events, published at once. */
static void record_two(uint32_t cpu, uint64_t n)
{
    struct trace_ring *ring = trace_ring_this();
    uint64_t now = clock_ns(), *cursor = trace_burst(ring, now);
    trace_put(&cursor[0], now << 16 | TRACE_IpcCall);
    trace_put(&cursor[1], word_of(cpu, n, 0));
    trace_put(&cursor[2], word_of(cpu, n, 1));
    trace_put(&cursor[3], now << 16 | TRACE_ContextSwitch);
    trace_put(&cursor[4], word_of(cpu, n + 1, 0));
    trace_put(&cursor[5], word_of(cpu, n + 1, 1));
    trace_publish(ring, cursor + 6, 2);
}

static void record_name(uint32_t cpu, uint64_t n)
{
    struct task *task = &tasks[cpu];
    const uint64_t words[2] = {word_of(cpu, n, 1), word_of(cpu, n, 2)};
    task->id = (uint32_t)word_of(cpu, n, 0);
    task->account = &accounts[cpu];
    task->account->node = (uint32_t)(word_of(cpu, n, 0) >> 32);
    memcpy(task->name, words, sizeof words);
    trace_task_name(task);
}

uint32_t trace_host_record(unsigned kind, uint64_t n)
{
    uint32_t cpu = cpu_this()->id;
    if (kind == 0)
        trace_record(TRACE_TimerTick, 1, word_of(cpu, n, 0), 0);
    else if (kind == 1)
        trace_record(TRACE_IpcSend, 2, word_of(cpu, n, 0), word_of(cpu, n, 1));
    else if (kind == 2)
        record_two(cpu, n);
    else
        record_name(cpu, n);
    return kind == 2 ? 2 : 1;
}

static uint32_t words_of(uint16_t event)
{
    return event == TRACE_TimerTick ? 1 : event == TRACE_TaskName ? 3 : 2;
}

bool trace_host_is_right(uint16_t event, const uint64_t *words, uint32_t cpu, uint64_t n)
{
    uint64_t first = word_of(cpu, n, 0);
    if (event != TRACE_TimerTick && event != TRACE_IpcSend && event != TRACE_IpcCall && event != TRACE_ContextSwitch &&
        event != TRACE_TaskName)
        return false;
    bool right = words[0] == first;
    for (unsigned i = 1; i < words_of(event); i++)
        right &= words[i] == word_of(cpu, n, i);
    return right;
}

static int64_t wrong(const struct packet_header *packet, uint64_t n, const char *what)
{
    static unsigned said;
    if (__atomic_fetch_add(&said, 1, __ATOMIC_RELAXED) < 5)
        fprintf(stderr, "CPU %lu, packet %lu, event %lu: %s\n", packet->cpu_id, packet->sequence, n, what);
    return -1;
}

int64_t trace_host_packet(const void *bytes, uint32_t cpu, uint64_t sequence, uint64_t length)
{
    const struct packet_header *packet = bytes;
    const uint64_t *at = (const uint64_t *)(packet + 1), *end = at + (packet->content_bits / 8 - sizeof *packet) / 8;
    uint64_t n = packet->discarded, last = packet->timestamp_begin;
    if (packet->magic != TRACE_MAGIC || packet->cpu_id != cpu || packet->sequence != sequence ||
        packet->packet_bits != TRACE_PACKET_SIZE * 8 || packet->content_bits > length * 8)
        return wrong(packet, n, "the header is another packet's");
    for (; at < end; n++) {
        uint64_t time = last + (((*at >> 16) - last) & ((1ul << 48) - 1));
        if (!trace_host_is_right((uint16_t)*at, at + 1, cpu, n))
            return wrong(packet, n, "it is not what was recorded");
        if (time > packet->timestamp_end)
            return wrong(packet, n, "it is later than the packet's end");
        last = time;
        at += 1 + words_of((uint16_t)*at);
    }
    return at == end ? (int64_t)(n - packet->discarded) : wrong(packet, n, "it is cut");
}
