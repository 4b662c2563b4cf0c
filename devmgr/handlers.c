/* The operations of proto/devmgr.h. A device id from a message is only good for the badge that claimed it. */
#include "devmgr/claims.h"

#include <string.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X

#define GIVEN_MEMORY (RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE | RIGHT_TRANSFER)
#define GIVEN_PORT (RIGHT_IOPORT_READ | RIGHT_IOPORT_WRITE | RIGHT_TRANSFER)
#define GIVEN_IRQ (RIGHT_IRQ_USE | RIGHT_TRANSFER)
#define GIVEN_DMA (RIGHT_DMA_PIN | RIGHT_TRANSFER) /* TRANSFER: they travel in the reply */

/* Puts a child of `cap` into the reply. */
static status_t give(struct msg *reply, handle_t cap, uint32_t rights)
{
    result_t child = cap_mint(cap, rights, 0);
    if (child < 0)
        return (status_t)child;
    reply->head.caps[0] = (handle_t)child;
    reply->head.cap_count = 1;
    return OK;
}

static struct claim *claim_asked(struct devmgr *d, const struct msg *request, uint32_t device_id)
{
    return claim_find(d, device_id, request->head.badge);
}

static struct devmgr_device describe(struct devmgr *d, const struct pci_device *device)
{
    const struct claim *claim = claim_of_device(d, device);
    struct devmgr_device out = {
        .vendor = device->vendor,
        .device = device->device,
        .bus_id = device->bus_id,
        .subsystem = device->subsystem,
        .class_code = device->class_code,
        .holder = claim ? claim->holder : 0,
        .revision = device->revision,
        .has_msix = device->msix.offset != 0,
        .has_msi = device->msi_offset != 0,
        .irq_pin = device->irq_pin,
        .state = quarantine_of(&d->quarantine, &d->bus, device) ? DEVMGR_QUARANTINED : DEVMGR_TRUSTED,
    };
    strncpy(out.kind, pci_class_of(device)->kind, sizeof out.kind - 1);
    return out;
}

static status_t handle_DEVMGR_LIST(void *server, struct msg *request, struct msg *reply)
{
    struct devmgr *d = server;
    struct devmgr_list asked;
    struct devmgr_device_list list = {.total = d->bus.count};
    memcpy(&asked, request->payload, sizeof asked);
    for (uint32_t i = asked.first; i < d->bus.count && list.count < sizeof list.devices / sizeof list.devices[0]; i++)
        list.devices[list.count++] = describe(d, &d->bus.devices[i]);
    memcpy(reply->payload, &list, sizeof list);
    return OK;
}

/* ---- CLAIM ---- */

static bool matches(struct devmgr *d, const struct pci_device *device, const struct devmgr_claim *asked,
                    uint32_t rights)
{
    return (pci_class_of(device)->right & rights) && (asked->vendor == 0xffff || asked->vendor == device->vendor) &&
           (asked->device == 0xffff || asked->device == device->device) && !claim_of_device(d, device);
}

static bool quarantined(const struct devmgr *d, const struct pci_device *device)
{
    return quarantine_of(&d->quarantine, &d->bus, device) != NULL;
}

static struct pci_device *find_match(struct devmgr *d, const struct devmgr_claim *asked, uint32_t rights)
{
    uint32_t index = asked->index;
    for (uint32_t i = 0; i < d->bus.count; i++) {
        struct pci_device *device = &d->bus.devices[i];
        if (matches(d, device, asked, rights) && !quarantined(d, device) && index-- == 0)
            return device;
    }
    return NULL;
}

static void tell_refusal(struct devmgr *d, const struct pci_device *device)
{
    char text[FAULT_TEXT];
    bool *told = &d->refusal_told[device - d->bus.devices];
    if (*told)
        return;
    *told = true;
    fault_text(quarantine_of(&d->quarantine, &d->bus, device), text);
    log_warning("device %02x:%02x.%u is not given away: it is quarantined until the machine is restarted, it %s",
                device->bus_id >> 8, device->bus_id >> 3 & 31, device->bus_id & 7, text);
}

/* Why there is none: ERR_BAD_STATE when one would do but is quarantined, and the log says for what. */
static status_t no_match(struct devmgr *d, const struct devmgr_claim *asked, uint32_t rights)
{
    status_t status = ERR_NOT_FOUND;
    for (uint32_t i = 0; i < d->bus.count; i++) {
        const struct pci_device *device = &d->bus.devices[i];
        if (!matches(d, device, asked, rights) || !quarantined(d, device))
            continue;
        tell_refusal(d, device);
        status = ERR_BAD_STATE;
    }
    return status;
}

static void fill_claimed(struct devmgr *d, const struct claim *claim, struct devmgr_claimed *out)
{
    const struct pci_device *device = claim->device;
    *out = (struct devmgr_claimed){.about = describe(d, device), .device_id = claim_device_id(d, claim)};
    out->msix_vectors = device->msix.vectors;
    out->confined = d->access.platform.iommu_present;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        out->bar_size[i] = device->bars[i].size;
        out->bar_is_port[i] = device->bars[i].port;
    }
}

static status_t handle_DEVMGR_CLAIM(void *server, struct msg *request, struct msg *reply)
{
    struct devmgr *d = server;
    struct devmgr_claim asked;
    struct devmgr_claimed out;
    status_t status;
    memcpy(&asked, request->payload, sizeof asked);
    struct pci_device *device = find_match(d, &asked, request->head.rights);
    if (!device)
        return no_match(d, &asked, request->head.rights);
    struct claim *claim = claim_new(d, device, request->head.badge, &status);
    if (!claim)
        return status;
    status = give(reply, claim->dma, GIVEN_DMA);
    if (status != OK) {
        claim_release(d, claim);
        return status;
    }
    fill_claimed(d, claim, &out);
    memcpy(reply->payload, &out, sizeof out);
    return OK;
}

/* ---- what a holder asks for ---- */

static status_t handle_DEVMGR_BAR(void *server, struct msg *request, struct msg *reply)
{
    struct devmgr *d = server;
    struct devmgr_bar asked;
    handle_t cap;
    memcpy(&asked, request->payload, sizeof asked);
    struct claim *claim = claim_asked(d, request, asked.device_id);
    if (!claim || asked.bar >= PCI_BARS)
        return ERR_NOT_FOUND;
    status_t status = claim_bar(d, claim, asked.bar, &cap);
    if (status != OK)
        return status;
    const struct pci_bar *bar = &claim->device->bars[asked.bar];
    struct pci_bar_part part = pci_bar_part(claim->device, asked.bar);
    struct devmgr_bar_reply out = {
        .size = bar->size,
        .is_port = bar->port,
        .hole_first_page = (uint32_t)part.hole_first_page,
        .hole_pages = (uint32_t)part.hole_pages,
        .first_page = (uint32_t)part.first_page,
    };
    memcpy(reply->payload, &out, sizeof out);
    return give(reply, cap, bar->port ? GIVEN_PORT : GIVEN_MEMORY);
}

static status_t handle_DEVMGR_IRQ(void *server, struct msg *request, struct msg *reply)
{
    struct devmgr *d = server;
    struct devmgr_irq asked;
    handle_t irq;
    memcpy(&asked, request->payload, sizeof asked);
    struct claim *claim = claim_asked(d, request, asked.device_id);
    if (!claim)
        return ERR_NOT_FOUND;
    status_t status = claim_irq(d, claim, asked.entry, &irq);
    if (status != OK)
        return status;
    struct devmgr_irq_reply out = {.mode = claim->irq_mode};
    memcpy(reply->payload, &out, sizeof out);
    return give(reply, irq, GIVEN_IRQ);
}

static status_t handle_DEVMGR_CONFIG_READ(void *server, struct msg *request, struct msg *reply)
{
    struct devmgr *d = server;
    struct devmgr_config asked;
    memcpy(&asked, request->payload, sizeof asked);
    struct claim *claim = claim_asked(d, request, asked.device_id);
    if (!claim)
        return ERR_NOT_FOUND;
    if ((asked.width != 1 && asked.width != 2 && asked.width != 4) || asked.offset > 0x100 - asked.width ||
        asked.offset % asked.width)
        return ERR_INVALID;
    const struct pci_config_ops *ops = d->bus.ops;
    struct devmgr_config_value out = {.value =
                                          ops->read(ops->context, claim->device->bus_id, asked.offset, asked.width)};
    memcpy(reply->payload, &out, sizeof out);
    return OK;
}

static status_t handle_DEVMGR_ENABLE(void *server, struct msg *request, struct msg *reply)
{
    struct devmgr *d = server;
    struct devmgr_enable asked;
    (void)reply;
    memcpy(&asked, request->payload, sizeof asked);
    struct claim *claim = claim_asked(d, request, asked.device_id);
    if (!claim)
        return ERR_NOT_FOUND;
    pci_enable(d->bus.ops, claim->device);
    return OK;
}

static status_t handle_DEVMGR_RELEASE(void *server, struct msg *request, struct msg *reply)
{
    struct devmgr *d = server;
    struct devmgr_enable asked;
    (void)reply;
    memcpy(&asked, request->payload, sizeof asked);
    struct claim *claim = claim_asked(d, request, asked.device_id);
    if (!claim)
        return ERR_NOT_FOUND;
    claim_release(d, claim);
    return OK;
}

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ROW(NAME, request, reply, caps, rights)
const struct ipc_op devmgr_ops[] = {DEVMGR_OPS(X)};
#undef X
const size_t devmgr_op_count = sizeof devmgr_ops / sizeof devmgr_ops[0];
