/* Attacks on interrupts: a card that writes to the window at 0xfee00000 sends a message like those of MSI (Intel SDM
 * volume 3 §11.11; in the form that names an entry of the IOMMU's table: VT-d §5.1.2.2). The victim is the interrupt of
 * another card, bound to this task's signal, so it is seen to arrive. */
#include "attacks.h"

#include <string.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X

#define TRIES 0x50u
#define FIRST_VECTOR 0x20u /* those below are the processor's own */
#define WINDOW_ENTRY_SHIFT 5u
#define ARRIVES_NS 3000000ull
#define PCI_CAP_POINTER 0x34u
#define PCI_CAP_MSIX 0x11u

static uint64_t soon(void)
{
    return clock_now() + 2000000000ull;
}

/* ---- the victim ---- */

static status_t victim_irq(const struct card *card, uint32_t device_id, handle_t *irq)
{
    struct devmgr_irq request = {device_id, 0};
    struct devmgr_irq_reply reply;
    status_t status = ipc_call_caps(card->resources.devmgr, DEVMGR_IRQ, &request, sizeof request, NULL, 0, 0, &reply,
                                    sizeof reply, irq, 1, soon());
    return status == OK ? irq_bind(*irq, card->resources.signal, BIT_VICTIM) : status;
}

struct victim {
    uint32_t device_id;
    handle_t dma, irq;
};

static status_t victim_take(const struct card *card, struct victim *victim)
{
    struct devmgr_claim request = {card->ops->vendor, 0xffff, 0};
    struct devmgr_claimed claimed;
    *victim = (struct victim){0};
    status_t status = ipc_call_caps(card->resources.devmgr, DEVMGR_CLAIM, &request, sizeof request, NULL, 0, 0,
                                    &claimed, sizeof claimed, &victim->dma, 1, soon());
    if (status != OK)
        return status;
    victim->device_id = claimed.device_id;
    return victim_irq(card, claimed.device_id, &victim->irq);
}

static void victim_free(const struct card *card, const struct victim *victim)
{
    struct devmgr_enable request = {victim->device_id, 0};
    (void)ipc_call(card->resources.devmgr, DEVMGR_RELEASE, &request, sizeof request, NULL, 0, soon());
    cap_close(victim->irq);
    cap_close(victim->dma);
}

/* ---- the messages ---- */

/* The answer to an ARP request begins with the address that the request gave as its sender's: the word that is sent. */
static bool word_arrives(struct card *card, uint64_t address, uint32_t word)
{
    uint64_t signals;
    uint8_t to[6] = {(uint8_t)word, (uint8_t)(word >> 8), 0, 0, 0x12, 0x34};
    if (card_taken(card) || card->ops->receive_word(card, address) != OK)
        return false;
    card_provoke(card, to);
    card_sleep(card, ARRIVES_NS, &signals);
    return signals >> BIT_VICTIM & 1;
}

static enum verdict try_all(struct card *card, uint64_t address, uint64_t address_step, uint32_t word_step)
{
    struct victim victim;
    enum verdict verdict = REFUSED;
    if (!card->ops->receive_word || !card->resources.claimed.confined)
        return IMPOSSIBLE; /* without an IOMMU any card sends any interrupt: that needs no proof */
    if (victim_take(card, &victim) != OK || card->ops->run(card) != OK)
        return SILENT;
    for (uint32_t i = 0; i < TRIES && verdict == REFUSED; i++)
        if (word_arrives(card, address + i * address_step, word_step ? FIRST_VECTOR + i * word_step : 0))
            verdict = REACHED;
    victim_free(card, &victim);
    return verdict;
}

enum verdict attack_interrupt_vector(struct card *card, uint64_t address)
{
    return try_all(card, address, 0, 1);
}

enum verdict attack_interrupt_entry(struct card *card, uint64_t address)
{
    return try_all(card, address, 1u << WINDOW_ENTRY_SHIFT, 0);
}

/* ---- the table from which the card itself takes its messages ---- */

static bool find_table(const struct card *card, uint32_t *bar, uint64_t *page)
{
    uint32_t at = card_config(card, PCI_CAP_POINTER, 1) & 0xfc;
    for (unsigned hops = 0; at >= 0x40 && hops < 48; hops++) {
        if (card_config(card, (uint16_t)at, 1) == PCI_CAP_MSIX) {
            uint32_t table = card_config(card, (uint16_t)(at + 4), 4); /* PCI 3.0 §6.8.2.4 */
            *bar = table & 7;
            *page = (table & ~7u) >> PAGE_SHIFT;
            return true;
        }
        at = card_config(card, (uint16_t)(at + 1), 1) & 0xfc;
    }
    return false;
}

enum verdict attack_msix_table(struct card *card, uint64_t address)
{
    uint32_t bar;
    uint64_t page;
    struct devmgr_bar_reply reply;
    handle_t memory = HANDLE_NONE;
    (void)address;
    if (!find_table(card, &bar, &page))
        return SILENT;
    struct devmgr_bar request = {card->resources.device_id, bar};
    status_t status = ipc_call_caps(card->resources.devmgr, DEVMGR_BAR, &request, sizeof request, NULL, 0, 0, &reply,
                                    sizeof reply, &memory, 1, soon());
    if (status == ERR_NOT_FOUND)
        return REFUSED; /* nothing is left of that BAR */
    if (status != OK)
        return SILENT;
    result_t mapped = memory_map(HANDLE_NONE, memory, 0, page - reply.first_page, 1, PROT_READ | PROT_WRITE);
    cap_close(memory);
    return mapped < 0 ? REFUSED : REACHED;
}
