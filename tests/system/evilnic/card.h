/* A network card in the hands of a driver that means harm. Each attack has the card to itself from open to the end: if
 * the IOMMU caught it, devmgr has taken it away by then, and the next attack takes the next card.
 *
 * Rules
 *  - What makes the card touch memory is always the last register access of a function: after it the registers may be
 *    gone, and reading them would end this task. card_taken() says whether they are, before the next step.
 *  - What the card did is judged by memory of this task only: its rings and its canaries. */
#pragma once
#include "drivers/nic.h"
#include <lib/ipc.h>

#define FRAME_BYTES 60u
#define BUFFER_BYTES 2048u
#define EVIL_PAGES_MAX 4u

enum { BIT_CARD = 0, BIT_CARD_CONFIG = 1, BIT_VICTIM = 2 }; /* of the signal */

struct evil_memory { /* of this task; some of its pages are pinned */
    uint8_t *at;     /* NULL: none */
    handle_t handle;
    size_t pages;
    uint64_t address[EVIL_PAGES_MAX]; /* as the card sees them; 0: was not pinned */
};

struct card {
    const struct card_ops *ops;
    struct nic_resources resources;
    handle_t channel; /* to sleep on; the signal is bound to it */
    uint8_t mac[6];
    struct evil_memory frames; /* page 0: what is sent; page 1: the honest place for what comes in */
    void *driver;
};

struct card_ops {
    const char *name;
    uint16_t vendor, devices[3];
    status_t (*open)(struct card *card);                      /* reset, rings made, not running yet */
    void (*receive_at)(struct card *card, uint64_t address);  /* what comes in next is to go there */
    status_t (*run)(struct card *card);                       /* starts it; may already touch the rings */
    void (*send)(struct card *card, uint64_t address);        /* FRAME_BYTES that lie there */
    bool (*received)(const struct card *card);                /* the card says so */
    bool (*sent)(const struct card *card);                    /* likewise */
    status_t (*unpin_rx_ring)(struct card *card);             /* before run */
    status_t (*used_ring_at)(struct card *card, uint64_t to); /* before run; NULL: has no such ring */
    status_t (*receive_word)(struct card *card, uint64_t to); /* 4 bytes go there; NULL: cannot */
    void (*close)(struct card *card);                         /* touch registers only if the card is still ours */
};
extern const struct card_ops evil_virtio, evil_e1000e;

/* card.c */
status_t card_take(struct card *card);    /* the next card that is free, of a kind that is known; opened */
void card_give_back(struct card *card);   /* whoever has it now */
bool card_taken(const struct card *card); /* devmgr has taken it away */
void card_sleep(const struct card *card, uint64_t ns, uint64_t *signals);
status_t card_map_bar(struct card *card, uint32_t bar, struct devmgr_bar_reply *reply, volatile uint8_t **at);
uint32_t card_config(const struct card *card, uint16_t offset, uint16_t width);
/* An ARP request for 10.0.2.2, which QEMU's user network answers: so a frame comes in. The answer starts with `to`. */
void card_provoke(struct card *card, const uint8_t to[6]);

MUST_CHECK status_t evil_memory_new(struct card *card, struct evil_memory *m, size_t pages, size_t pinned);
MUST_CHECK status_t evil_memory_unpin(struct card *card, struct evil_memory *m);
void evil_memory_free(struct evil_memory *m);
