/* Attacks on memory. */
#include "attacks.h"

#include <string.h>

#define LOOK_EVERY_NS 2000000ull
#define PATIENCE_NS 1500000000ull
#define LATE_NS 50000000ull /* the card may say that it did it before the fault is dealt with */
#define CANARY 0xc7

/* ---- waiting for what comes of it ---- */

static uint8_t *canary; /* a page that must stay as it is; NULL: the card's own word is what we have */

static bool canary_touched(const struct card *card)
{
    (void)card;
    for (size_t i = 0; i < PAGE_SIZE; i++)
        if (((volatile uint8_t *)canary)[i] != CANARY)
            return true;
    return false;
}

static enum verdict await(const struct card *card, bool (*reached)(const struct card *card))
{
    uint64_t unused, end = clock_now() + PATIENCE_NS;
    do {
        if (card_taken(card))
            return REFUSED;
        if (reached(card)) {
            card_sleep(card, LATE_NS, &unused);
            return card_taken(card) && !(reached == canary_touched) ? REFUSED : REACHED;
        }
        card_sleep(card, LOOK_EVERY_NS, &unused);
    } while (clock_now() < end);
    return SILENT;
}

/* The next frame that comes in is to go to `address`, and one comes. */
static enum verdict receive_into(struct card *card, uint64_t address, bool (*reached)(const struct card *card))
{
    card->ops->receive_at(card, address);
    if (card->ops->run(card) != OK)
        return SILENT;
    if (!card_taken(card))
        card_provoke(card, card->mac);
    return await(card, reached);
}

/* ---- fixed places ---- */

static enum verdict attack_write(struct card *card, uint64_t address)
{
    return receive_into(card, address, card->ops->received);
}

/* What lies there goes out on the wire. */
static enum verdict attack_read(struct card *card, uint64_t address)
{
    if (card->ops->run(card) != OK)
        return SILENT;
    card->ops->send(card, address);
    return await(card, card->ops->sent);
}

/* The card's part of a ring: it counts there what it used. */
static enum verdict attack_used_ring(struct card *card, uint64_t address)
{
    if (!card->ops->used_ring_at)
        return IMPOSSIBLE;
    card->ops->receive_at(card, card->frames.address[1]);
    if (card->ops->used_ring_at(card, address) != OK || card->ops->run(card) != OK)
        return SILENT;
    memset(card->frames.at + PAGE_SIZE, CANARY, PAGE_SIZE);
    canary = card->frames.at + PAGE_SIZE; /* where the frame itself lands, before it is counted */
    if (!card_taken(card))
        card_provoke(card, card->mac);
    enum verdict verdict = await(card, canary_touched);
    return verdict == REACHED && card_taken(card) ? REFUSED : verdict;
}

/* ---- places that were this task's, or nearly ---- */

static enum verdict honest(struct card *card, uint64_t address)
{
    static const uint8_t answer[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2}; /* RFC 826: a reply */
    const uint8_t *frame = card->frames.at + PAGE_SIZE;
    (void)address;
    enum verdict verdict = receive_into(card, card->frames.address[1], card->ops->received);
    for (unsigned i = 12; verdict == REACHED && i < 32; i++)
        if (memcmp(frame + i, answer, sizeof answer) == 0)
            return WORKS;
    return SILENT;
}

static enum verdict into_canary(struct card *card, uint8_t *page, uint64_t address)
{
    memset(page, CANARY, PAGE_SIZE);
    canary = page;
    return receive_into(card, address, canary_touched);
}

static enum verdict attack_past_own(struct card *card, uint64_t address)
{
    struct evil_memory two;
    (void)address;
    if (evil_memory_new(card, &two, 2, 1) != OK)
        return SILENT;
    enum verdict verdict = into_canary(card, two.at + PAGE_SIZE, two.address[0] + PAGE_SIZE);
    evil_memory_free(&two);
    return verdict;
}

static enum verdict attack_unpinned(struct card *card, uint64_t address)
{
    struct evil_memory page;
    (void)address;
    if (evil_memory_new(card, &page, 1, 1) != OK || evil_memory_unpin(card, &page) != OK)
        return SILENT;
    enum verdict verdict = into_canary(card, page.at, page.address[0]);
    evil_memory_free(&page);
    return verdict;
}

/* devmgr revokes the dma capability at a release; the next one for the same or another card knows nothing of it. */
static enum verdict attack_revoked(struct card *card, uint64_t address)
{
    struct evil_memory page;
    (void)address;
    if (evil_memory_new(card, &page, 1, 1) != OK)
        return SILENT;
    card_give_back(card);
    if (card_take(card) != OK)
        return SILENT;
    enum verdict verdict = into_canary(card, page.at, page.address[0]);
    evil_memory_free(&page);
    return verdict;
}

static enum verdict attack_unpinned_ring(struct card *card, uint64_t address)
{
    (void)address;
    if (card->ops->unpin_rx_ring(card) != OK)
        return SILENT;
    return receive_into(card, card->frames.address[1], card->ops->received);
}

const struct attack attacks[] = {
    {"honest-use", 0, honest},
    {"write-kernel-code", 0x101000, attack_write}, /* kernel.ld: the image lies at 1 MiB */
    {"read-kernel-code", 0x101000, attack_read},
    {"write-low-memory", 0x80000, attack_write},
    {"write-task-memory", 0x400000, attack_write},
    {"read-task-memory", 0x600000, attack_read},
    {"write-high-memory", 0xf000000, attack_write},
    {"write-beyond-memory", 0x3ffffff000, attack_write},
    {"used-ring-in-kernel", 0x101000, attack_used_ring},
    {"write-past-own-page", 0, attack_past_own},
    {"write-unpinned-page", 0, attack_unpinned},
    {"write-revoked-page", 0, attack_revoked},
    {"unpinned-ring", 0, attack_unpinned_ring},
    {"msix-table", 0, attack_msix_table},
    {"interrupt-by-vector", 0xfee00000, attack_interrupt_vector},
    {"interrupt-by-entry", 0xfee00010, attack_interrupt_entry},
};
const unsigned attack_count = sizeof attacks / sizeof attacks[0];
