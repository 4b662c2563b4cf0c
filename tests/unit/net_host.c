/* See net_host.h. The network device is a wire that ends where it begins: what netsrv sends it receives again, so the
 * tests' peers are control blocks in the same lwIP, and every byte goes through transmit.c and interface.c. */
#include "tests/unit/net_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lib/ipc.h>
#include <proto/net.h>
#include "drivers/nic.h"
#include "netsrv/service.h"

/* ---- handles: one table for both sides, so a moved capability keeps its handle ---- */

enum kind { FREE, MEMORY, SIGNAL, CHANNEL, OTHER };
struct object {
    enum kind kind;
    unsigned references;
    uint64_t id;
    int fd;
    size_t pages;
    uint8_t *device; /* the device's view; NULL: not pinned */
    bool registers;  /* a device's, which the kernel does not pin */
    uint64_t bits;
};
#define HANDLES 4096
static struct object *table[HANDLES];
static struct {
    uint64_t id, parent, badge;
    uint32_t rights;
} caps[HANDLES];
static uint64_t last_id;
uint64_t host_now = 1000000000;
unsigned host_loss_percent, host_tx_limit = 256, host_frames;
bool host_device_failed;

static handle_t install(struct object *object, uint64_t parent, uint32_t rights, uint64_t badge)
{
    for (handle_t i = 1; i < HANDLES; i++)
        if (!table[i]) {
            object->references++;
            table[i] = object;
            caps[i].id = ++last_id;
            caps[i].parent = parent;
            caps[i].rights = rights;
            caps[i].badge = badge;
            return i;
        }
    abort();
}

static handle_t create(enum kind kind)
{
    struct object *object = calloc(1, sizeof *object);
    object->kind = kind;
    object->id = ++last_id;
    return install(object, 0, RIGHTS_ALL, 0);
}

unsigned host_handles(void)
{
    unsigned n = 0;
    for (unsigned i = 1; i < HANDLES; i++)
        n += table[i] != NULL;
    return n;
}

static struct object *get(handle_t handle, enum kind kind)
{
    if (handle >= HANDLES || !table[handle] || table[handle]->kind != kind)
        abort();
    return table[handle];
}

result_t host_cap_mint(handle_t source, uint32_t rights, uint64_t badge)
{
    if (source >= HANDLES || !table[source])
        return ERR_BAD_HANDLE;
    if (!(caps[source].rights & RIGHT_MINT) || (table[source]->kind == CHANNEL && badge && caps[source].badge))
        return ERR_NO_RIGHT;
    if (table[source]->kind == CHANNEL)
        rights &= ~RIGHT_CHANNEL_RECV;
    return install(table[source], caps[source].id, rights & caps[source].rights, badge ? badge : caps[source].badge);
}

status_t host_cap_info(handle_t handle, struct cap_info *info)
{
    static const enum object_type types[] = {
        [MEMORY] = OBJECT_MEMORY, [SIGNAL] = OBJECT_SIGNAL, [CHANNEL] = OBJECT_CHANNEL, [OTHER] = OBJECT_TASK};
    if (handle >= HANDLES || !table[handle])
        return ERR_BAD_HANDLE;
    *info = (struct cap_info){.id = caps[handle].id,
                              .parent_id = caps[handle].parent,
                              .object_id = table[handle]->id,
                              .badge = caps[handle].badge,
                              .handle = handle,
                              .rights = caps[handle].rights,
                              .type = types[table[handle]->kind]};
    return OK;
}

/* Children go to the parent, as in the kernel. */
static void give_children(uint64_t from, uint64_t to)
{
    for (handle_t i = 1; i < HANDLES; i++)
        if (table[i] && caps[i].parent == from)
            caps[i].parent = to;
}

status_t host_cap_revoke(handle_t handle)
{
    if (handle >= HANDLES || !table[handle])
        return ERR_BAD_HANDLE;
    for (handle_t i = 1; i < HANDLES; i++)
        if (table[i] && caps[i].parent == caps[handle].id) {
            host_cap_close(i); /* its children are ours now */
            i = 0;
        }
    return OK;
}

status_t host_cap_close(handle_t handle)
{
    if (handle >= HANDLES || !table[handle])
        return ERR_BAD_HANDLE;
    struct object *object = table[handle];
    give_children(caps[handle].id, caps[handle].parent);
    table[handle] = NULL;
    if (--object->references)
        return OK;
    if (object->device)
        munmap(object->device, object->pages * 4096);
    if (object->kind == MEMORY)
        close(object->fd);
    free(object);
    return OK;
}

/* ---- memory ---- */

result_t host_memory_create(size_t pages, uint32_t flags)
{
    (void)flags;
    handle_t handle = create(MEMORY);
    table[handle]->fd = memfd_create("memory", 0);
    table[handle]->pages = pages;
    if (ftruncate(table[handle]->fd, (off_t)(pages * 4096)) != 0)
        abort();
    return handle;
}

result_t host_device_memory_create(size_t pages)
{
    handle_t handle = (handle_t)host_memory_create(pages, 0);
    table[handle]->registers = true;
    return handle;
}

static uint8_t *map(uint64_t address, const struct object *object, size_t first, size_t pages)
{
    int flags = MAP_SHARED | (address ? MAP_FIXED_NOREPLACE : 0);
    return mmap((void *)address, pages * 4096, PROT_READ | PROT_WRITE, flags, object->fd, (off_t)(first * 4096));
}

result_t host_memory_map(handle_t task, handle_t memory, uint64_t address, size_t first, size_t pages, uint32_t prot)
{
    (void)task;
    (void)prot;
    struct object *object = get(memory, MEMORY);
    if ((caps[memory].rights & (RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE)) != (RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE))
        return ERR_NO_RIGHT;
    if (first + pages > object->pages)
        return ERR_INVALID;
    uint8_t *at = map(address, object, first, pages);
    return at == MAP_FAILED ? ERR_NO_MEMORY : (result_t)at;
}

status_t host_memory_unmap(handle_t task, uint64_t address, size_t pages)
{
    (void)task;
    return munmap((void *)address, pages * 4096) == 0 ? OK : ERR_INVALID;
}

void *memory_map_new(size_t pages, uint32_t flags, handle_t *memory)
{
    *memory = (handle_t)host_memory_create(pages, flags);
    return (void *)host_memory_map(0, *memory, 0, 0, pages, 3);
}

void *memory_map_shared(size_t pages, handle_t *memory, handle_t *root)
{
    *root = (handle_t)host_memory_create(pages, 0);
    *memory = (handle_t)host_cap_mint(*root, RIGHTS_ALL, 0);
    return (void *)host_memory_map(0, *memory, 0, 0, pages, 3);
}

/* The device sees memory elsewhere, and pages in another order than the task: pairs are swapped. */
static size_t device_page(const struct object *object, size_t page)
{
    return (page | 1) < object->pages ? page ^ 1 : page;
}

status_t host_dma_pin(handle_t dma, handle_t memory, size_t first, size_t pages, uint64_t *addresses)
{
    (void)dma;
    struct object *object = get(memory, MEMORY);
    if (object->registers)
        return ERR_INVALID;
    if (!object->device) {
        object->device = mmap(NULL, object->pages * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; i < object->pages; i++)
            if (mmap(object->device + device_page(object, i) * 4096, 4096, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED, object->fd, (off_t)(i * 4096)) == MAP_FAILED)
                abort();
    }
    for (size_t i = 0; i < pages; i++) {
        addresses[i] = (uint64_t)(object->device + device_page(object, first + i) * 4096);
    }
    return OK;
}

status_t host_dma_unpin(handle_t dma, handle_t memory)
{
    (void)dma;
    struct object *object = get(memory, MEMORY);
    if (object->device)
        munmap(object->device, object->pages * 4096);
    object->device = NULL;
    return OK;
}

/* ---- the rest ---- */

result_t host_signal_create(void)
{
    return create(SIGNAL);
}
status_t host_signal_raise(handle_t signal, uint64_t bits)
{
    if (signal >= HANDLES || !table[signal])
        return ERR_BAD_HANDLE;
    get(signal, SIGNAL)->bits |= caps[signal].badge ? bits & caps[signal].badge : bits;
    return OK;
}
uint64_t host_signals(handle_t signal)
{
    uint64_t bits = get(signal, SIGNAL)->bits;
    table[signal]->bits = 0;
    return bits;
}
result_t host_channel_create(size_t slots, uint32_t credit)
{
    (void)slots;
    (void)credit;
    return create(CHANNEL);
}
uint64_t host_clock_now(void)
{
    return host_now += 1000;
}
status_t host_random_bytes(void *buffer, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)rand();
    return OK;
}
void host_task_yield(void)
{
}
jmp_buf *host_exit;

_Noreturn void host_task_exit(int64_t code)
{
    if (host_exit)
        longjmp(*host_exit, 1);
    fprintf(stderr, "task_exit(%ld)\n", (long)code);
    abort();
}
_Noreturn void assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, expression);
    abort();
}
void (*host_told)(uint32_t event, uint32_t low, uint64_t rest);

void trace_tell(uint32_t event, uint32_t low, uint64_t rest)
{
    if (host_told)
        host_told(event, low, rest);
}

void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}
const char *status_name(status_t status)
{
    (void)status;
    return "";
}
const char *status_text(status_t status)
{
    (void)status;
    return "";
}
const char *boot_line(void)
{
    return "netbench ip=10.0.2.15/24,10.0.2.2,dns=10.0.2.3";
}

/* ---- services: devmgr has one network device, netsrv is a function call away ---- */

#define DEVMGR 1u
#define NETSRV 2u
#define DEVMGR_CLAIM PROTO_OP(PROTO_DEVMGR, 2)
#define NET_PRESENT_OP PROTO_OP(PROTO_NET, 6)
uint32_t host_client_badge = 77;
handle_t host_server_channel;

result_t service_connect(const char *name, uint64_t deadline_ns)
{
    (void)deadline_ns;
    (void)name;
    return create(OTHER);
}

/* init: every port may be listened on, and every address; a network is as wide as the test says. */
uint32_t host_network_bits = 8;

result_t service_scope(const char *name, uint32_t scope, uint64_t deadline_ns)
{
    (void)name;
    (void)deadline_ns;
    bool listen = scope >> 16 == NET_SCOPE_LISTEN(0) >> 16;
    uint32_t rights = listen ? SERVICE_LISTEN : SERVICE_CONNECT | NET_HOST_BITS(host_network_bits);
    return host_cap_mint(host_server_channel, RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER | rights, scope);
}

status_t ipc_reply(handle_t channel, struct msg *reply, uint32_t token)
{
    (void)channel;
    (void)reply;
    (void)token;
    return OK;
}

handle_t host_take(struct msg *request, unsigned i)
{
    handle_t handle = request->head.caps[i];
    request->head.caps[i] = 0;
    return handle;
}

status_t ipc_call_caps(handle_t channel, uint16_t op, const void *request, size_t request_length, const handle_t *caps,
                       size_t cap_count, uint32_t copy_mask, void *reply, size_t reply_length, handle_t *reply_caps,
                       size_t reply_cap_max, uint64_t deadline_ns)
{
    (void)channel;
    (void)copy_mask;
    (void)deadline_ns;
    if (op >> 8 == PROTO_DEVMGR) {
        if (op == DEVMGR_CLAIM) {
            struct devmgr_claimed *claimed = reply;
            *claimed = (struct devmgr_claimed){.about = {.vendor = 0x1af4, .device = 0x1041}};
            reply_caps[0] = create(OTHER);
        }
        return OK;
    }
    struct msg in = {.head = {.op = op, .kind = MSG_CALL, .badge = host_client_badge, .rights = 0xffff}}, out;
    in.head.length = (uint8_t)request_length;
    in.head.cap_count = (uint8_t)cap_count;
    memcpy(in.payload, request, request_length);
    for (size_t i = 0; i < cap_count; i++)
        in.head.caps[i] = caps[i];
    (void)ipc_dispatch(service_ops, service_op_count, NULL, &in, &out);
    for (size_t i = 0; i < cap_count; i++) /* what no handler took, as the loop does */
        if (in.head.caps[i] && op == NET_PRESENT_OP)
            host_cap_close(in.head.caps[i]);
    if (out.head.status == OK && reply_length)
        memcpy(reply, out.payload, reply_length);
    for (size_t i = 0; i < reply_cap_max; i++)
        reply_caps[i] = i < out.head.cap_count ? out.head.caps[i] : 0;
    return out.head.status;
}

status_t ipc_call(handle_t channel, uint16_t op, const void *request, size_t request_length, void *reply,
                  size_t reply_length, uint64_t deadline_ns)
{
    return ipc_call_caps(channel, op, request, request_length, NULL, 0, 0, reply, reply_length, NULL, 0, deadline_ns);
}

/* ---- the wire ---- */

#define WIRE 256
struct buffer {
    uint8_t *at; /* the device's view */
    uint32_t id, length;
};
static struct buffer rx_free[WIRE], rx_done[WIRE];
static unsigned rx_free_count, rx_done_count, tx_count, tx_done_count;
static uint32_t tx_ids[WIRE];
struct frame {
    uint32_t length;
    uint8_t bytes[1600];
};
static struct frame queue[1024];
static unsigned queue_head, queue_tail;

static status_t wire_open(struct nic *nic, const struct nic_resources *resources)
{
    (void)resources;
    memcpy(nic->mac, "\x52\x54\x00\x12\x34\x56", 6);
    nic->tx_headroom = 12;
    nic->rx_buffers = nic->tx_packets = WIRE;
    return OK;
}
/* Forgets everything that it was given, as a reset device does. */
static void wire_close(struct nic *nic)
{
    (void)nic;
    rx_free_count = rx_done_count = tx_count = tx_done_count = 0;
    queue_head = queue_tail;
    host_device_failed = false;
}
static void wire_nothing(struct nic *nic)
{
    (void)nic;
}

static void deliver(void)
{
    while (queue_head != queue_tail && rx_free_count && rx_done_count < WIRE) {
        const struct frame *frame = &queue[queue_head++ % 1024];
        struct buffer buffer = rx_free[--rx_free_count];
        memcpy(buffer.at + 12, frame->bytes, frame->length);
        buffer.length = frame->length;
        rx_done[rx_done_count++] = buffer;
    }
}

static bool wire_rx_provide(struct nic *nic, const uint8_t *memory, uint64_t address, uint32_t length, uint32_t id)
{
    (void)nic;
    (void)memory;
    (void)length;
    if (rx_free_count == WIRE)
        return false;
    rx_free[rx_free_count++] = (struct buffer){(uint8_t *)address, id, 0};
    return true;
}
static unsigned wire_rx_take(struct nic *nic, struct nic_received *received, unsigned max)
{
    (void)nic;
    deliver();
    unsigned n = rx_done_count < max ? rx_done_count : max;
    for (unsigned i = 0; i < n; i++)
        received[i] = (struct nic_received){.id = rx_done[i].id, .offset = 12, .length = rx_done[i].length};
    memmove(rx_done, rx_done + n, (rx_done_count - n) * sizeof *rx_done);
    rx_done_count -= n;
    return n;
}
static bool wire_rx_pending(struct nic *nic)
{
    (void)nic;
    return queue_head != queue_tail || rx_done_count;
}
static bool wire_tx_send(struct nic *nic, const struct nic_packet *packet)
{
    (void)nic;
    if (tx_count >= host_tx_limit)
        return false;
    tx_ids[tx_count++] = packet->id;
    host_frames++;
    if ((unsigned)(rand() % 100) < host_loss_percent || queue_tail - queue_head == 1024)
        return true;
    struct frame *frame = &queue[queue_tail++ % 1024];
    uint32_t skip = 12;
    frame->length = 0;
    for (uint32_t i = 0; i < packet->count; i++) {
        const struct nic_fragment *f = &packet->fragments[i];
        uint32_t header = skip < f->length ? skip : f->length; /* the headroom may lie across a page's end */
        if (frame->length + f->length - header > 1514)
            abort();
        memcpy(frame->bytes + frame->length, (uint8_t *)f->address + header, f->length - header);
        frame->length += f->length - header;
        skip -= header;
    }
    return true;
}
static unsigned wire_tx_done(struct nic *nic, uint32_t *ids, unsigned max)
{
    (void)nic;
    unsigned n = tx_done_count < max ? tx_done_count : max;
    memcpy(ids, tx_ids, n * sizeof *ids);
    memmove(tx_ids, tx_ids + n, (tx_count - n) * sizeof *tx_ids);
    tx_count -= n;
    tx_done_count -= n;
    return n;
}
static unsigned wire_tx_outstanding(struct nic *nic)
{
    (void)nic;
    return tx_count;
}
static void wire_kick(struct nic *nic)
{
    (void)nic;
    tx_done_count = tx_count;
}
static bool wire_arm(struct nic *nic)
{
    return wire_rx_pending(nic);
}
static bool wire_up(struct nic *nic)
{
    (void)nic;
    return true;
}
static bool wire_failed(struct nic *nic)
{
    (void)nic;
    return host_device_failed;
}
static const uint16_t wire_devices[] = {0x1041, 0};
const struct nic_ops e1000_ops = {.name = "none", .devices = &wire_devices[1]};
const struct nic_ops virtio_net_ops = {
    .name = "wire",
    .vendor = 0x1af4,
    .devices = wire_devices,
    .open = wire_open,
    .close = wire_close,
    .rx_provide = wire_rx_provide,
    .rx_take = wire_rx_take,
    .rx_pending = wire_rx_pending,
    .tx_send = wire_tx_send,
    .tx_done = wire_tx_done,
    .tx_outstanding = wire_tx_outstanding,
    .kick = wire_kick,
    .second_look = wire_nothing,
    .irq_arm = wire_arm,
    .irq_disarm = wire_nothing,
    .irq_cause = wire_nothing,
    .link_up = wire_up,
    .failed = wire_failed,
};
