/* evilnic: a driver that uses its network cards to reach what it was not given. It takes whatever cards are free, one an
 * attack (a card that was caught is gone), and logs "EVIL card attack verdict" for each, at the end "EVIL done":
 *
 *   works     honest use: what the attacks are made of does work
 *   refused   the IOMMU caught it, and devmgr has taken the card away; for interrupts: nothing arrived
 *   REACHED   the card did it
 *   SILENT    neither: the attack itself does not work, a fault of this program
 *
 * Without an IOMMU every address is a real one. So that the machine lives, the attacks on fixed addresses then go to
 * pages in the middle of a machine of 256 MiB, which nobody uses, and the test looks there. That run is the control: it
 * shows that the very same attacks arrive when nothing stops them. */
#include "attacks.h"

#include <string.h>

static const char *const verdicts[] = {
    [WORKS] = "works", [REFUSED] = "refused", [REACHED] = "REACHED", [SILENT] = "SILENT"};

static status_t start(struct card *card)
{
    handle_t signal = HANDLE_NONE;
    result_t devmgr = service_connect("devmgr", DEADLINE_NEVER);
    status_t status = devmgr < 0 ? (status_t)devmgr : channel_with_signal(4, 1, &card->channel, &signal);
    card->resources = (struct nic_resources){
        .devmgr = (handle_t)devmgr, .signal = signal, .irq_bit = BIT_CARD, .config_irq_bit = BIT_CARD_CONFIG};
    return status;
}

/* False: there is no card left. */
static bool attack(struct card *card, unsigned index)
{
    const struct attack *a = &attacks[index];
    status_t status = card_take(card);
    if (status != OK) {
        log_info("EVIL - %s no card: %s", a->name, status_name(status));
        return false;
    }
    const char *kind = card->ops->name;
    uint64_t harmless = HARMLESS_ADDRESS + index * PAGE_SIZE;
    enum verdict verdict = a->run(card, card->resources.claimed.confined ? a->address : harmless);
    if (verdict != IMPOSSIBLE)
        log_info("EVIL %s %s %s", kind, a->name, verdicts[verdict]);
    card_give_back(card);
    return true;
}

int main(void)
{
    static struct card card;
    status_t status = start(&card);
    if (status != OK) {
        log_error("EVIL cannot start: %s", status_name(status));
        return status;
    }
    for (unsigned i = 0; i < attack_count && attack(&card, i);)
        i++;
    log_info("EVIL done");
    return 0;
}
