/* What both kinds of card need: devmgr, memory, a frame to send. */
#include "card.h"

#include <stdlib.h>
#include <string.h>

#define DEVMGR_TIMEOUT_NS 2000000000ull

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X

static const struct card_ops *const kinds[] = {&evil_e1000e, &evil_virtio};

static uint64_t soon(void)
{
    return clock_now() + DEVMGR_TIMEOUT_NS;
}

void card_sleep(const struct card *card, uint64_t ns, uint64_t *signals)
{
    struct msg m;
    uint64_t end = clock_now() + ns, seen = 0;
    *signals = 0;
    while (clock_now() < end) {
        (void)channel_recv(card->channel, &m, 1, &seen, end);
        *signals |= seen;
    }
}

/* ---- devmgr ---- */

static status_t config_read(const struct card *card, uint16_t offset, uint16_t width, uint32_t *out)
{
    struct devmgr_config request = {card->resources.device_id, offset, width};
    struct devmgr_config_value value = {0};
    status_t status =
        ipc_call(card->resources.devmgr, DEVMGR_CONFIG_READ, &request, sizeof request, &value, sizeof value, soon());
    *out = value.value;
    return status;
}

uint32_t card_config(const struct card *card, uint16_t offset, uint16_t width)
{
    uint32_t value;
    return config_read(card, offset, width, &value) == OK ? value : 0;
}

bool card_taken(const struct card *card)
{
    uint32_t value;
    return config_read(card, 0, 2, &value) == ERR_NOT_FOUND;
}

status_t card_map_bar(struct card *card, uint32_t bar, struct devmgr_bar_reply *reply, volatile uint8_t **at)
{
    struct devmgr_bar request = {card->resources.device_id, bar};
    handle_t memory = HANDLE_NONE;
    status_t status = ipc_call_caps(card->resources.devmgr, DEVMGR_BAR, &request, sizeof request, NULL, 0, 0, reply,
                                    sizeof *reply, &memory, 1, soon());
    if (status != OK)
        return status;
    if (reply->is_port || reply->hole_pages)
        return ERR_NOT_SUPPORTED;
    result_t mapped =
        memory_map(HANDLE_NONE, memory, 0, 0, (reply->size + PAGE_SIZE - 1) >> PAGE_SHIFT, PROT_READ | PROT_WRITE);
    cap_close(memory); /* the mapping stays, until devmgr takes the BAR back */
    *at = (volatile uint8_t *)mapped;
    return mapped < 0 ? (status_t)mapped : OK;
}

static status_t claim(struct card *card, const struct card_ops *kind, uint16_t device)
{
    struct devmgr_claim request = {kind->vendor, device, 0};
    status_t status =
        ipc_call_caps(card->resources.devmgr, DEVMGR_CLAIM, &request, sizeof request, NULL, 0, 0,
                      &card->resources.claimed, sizeof card->resources.claimed, &card->resources.dma, 1, soon());
    card->resources.device_id = card->resources.claimed.device_id;
    card->ops = kind;
    return status;
}

/* ERR_BAD_STATE: there would be one, but it is quarantined. */
static status_t claim_any(struct card *card)
{
    status_t none = ERR_NOT_FOUND;
    for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (const uint16_t *device = kinds[k]->devices; *device; device++) {
            status_t status = claim(card, kinds[k], *device);
            if (status == ERR_BAD_STATE)
                none = status;
            else if (status != ERR_NOT_FOUND)
                return status;
        }
    }
    return none;
}

status_t card_take(struct card *card)
{
    status_t status = claim_any(card);
    if (status != OK)
        return status;
    status = evil_memory_new(card, &card->frames, 2, 2);
    if (status == OK)
        status = card->ops->open(card);
    if (status != OK)
        card_give_back(card);
    return status;
}

void card_give_back(struct card *card)
{
    struct devmgr_enable request = {card->resources.device_id, 0};
    card->ops->close(card);
    (void)ipc_call(card->resources.devmgr, DEVMGR_RELEASE, &request, sizeof request, NULL, 0, soon());
    cap_close(card->resources.dma);
    evil_memory_free(&card->frames);
}

/* ---- memory ---- */

status_t evil_memory_new(struct card *card, struct evil_memory *m, size_t pages, size_t pinned)
{
    *m = (struct evil_memory){.pages = pages};
    m->at = memory_map_new(pages, MEMORY_CONTIGUOUS, &m->handle);
    if (!m->at)
        return ERR_NO_MEMORY;
    status_t status = pinned ? dma_pin(card->resources.dma, m->handle, 0, pinned, m->address) : OK;
    if (status != OK)
        evil_memory_free(m);
    return status;
}

status_t evil_memory_unpin(struct card *card, struct evil_memory *m)
{
    return dma_unpin(card->resources.dma, m->handle);
}

void evil_memory_free(struct evil_memory *m)
{
    if (!m->at)
        return;
    (void)memory_unmap(HANDLE_NONE, (uint64_t)m->at, m->pages);
    cap_close(m->handle);
    *m = (struct evil_memory){0};
}

/* ---- the frame (RFC 826) ---- */

void card_provoke(struct card *card, const uint8_t to[6])
{
    static const uint8_t arp[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
    static const uint8_t us[] = {10, 0, 2, 77}, router[] = {10, 0, 2, 2};
    uint8_t *frame = card->frames.at;
    memset(frame, 0, FRAME_BYTES);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, to, 6);
    memcpy(frame + 12, arp, sizeof arp);
    memcpy(frame + 22, to, 6);
    memcpy(frame + 28, us, sizeof us);
    memcpy(frame + 38, router, sizeof router);
    card->ops->send(card, card->frames.address[0]);
}
