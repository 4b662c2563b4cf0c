/* Who holds which device, and every capability that was made for it.
 *
 * Rules
 *  - devmgr keeps the parent of each capability that it gives away, so one revoke takes it back from wherever it went.
 *  - Taking back is in this order: interrupts and bus mastering off, function reset started, then everything revoked
 *    and closed. So no device writes into memory that its driver has given back: its pins end with the dma capability
 *    here, and not when the driver dies.
 *  - A claim belongs to a badge; when the last capability with that badge is gone (MSG_CLOSED) so is the claim.
 *  - A devmgr that was started anew finds what the last one gave away still with the drivers, which init ends only once
 *    it is ready. So it first stops every device, before it hands anything out, and pins that outlived their driver end
 *    only then: at once where nobody holds the dma capability any more, else at the next claim or the next look. */
#pragma once
#include "devmgr/config_access.h"
#include "devmgr/quarantine.h"
#include <lib/ipc.h>
#include <proto/devmgr.h>

#define CLAIMS_MAX 8
#define CLAIM_IRQS_MAX 16

struct claim_irq {
    handle_t irq; /* HANDLE_NONE: free */
    uint32_t entry;
};

struct claim {
    struct pci_device *device; /* NULL: free */
    uint32_t holder;           /* badge */
    handle_t dma, bars[PCI_BARS];
    uint32_t irq_mode; /* enum devmgr_irq_mode, once the first was asked for */
    struct claim_irq irqs[CLAIM_IRQS_MAX];
    volatile uint32_t *msix_table; /* devmgr's own mapping of it; NULL: none */
    uint64_t msix_address;         /* that mapping's first page */
    size_t msix_pages;
};

struct devmgr {
    struct ipc_server server;
    struct config_access access;
    struct pci_bus bus;
    struct claim claims[CLAIMS_MAX];
    struct quarantine quarantine;
    bool refusal_told[PCI_DEVICES_MAX];      /* the log says why nobody gets it: once is enough */
    handle_t fault_irq;                      /* HANDLE_NONE: there is no IOMMU */
    uint64_t reset_done_ns[PCI_DEVICES_MAX]; /* a reset started before: not to be touched until then */
    bool orphans[PCI_DEVICES_MAX];           /* pins made under an earlier devmgr may be left */
    uint64_t orphans_due_ns;                 /* when to look for them again */
};
#define FAULT_BIT 0u /* of devmgr's signal */

/* claims.c */
struct claim *claim_new(struct devmgr *d, struct pci_device *device, uint32_t badge, status_t *status);
void claim_release(struct devmgr *d, struct claim *claim);
void claims_release_all_of(struct devmgr *d, uint32_t badge);
struct claim *claim_find(struct devmgr *d, uint32_t device_id, uint32_t badge); /* NULL: not the caller's */
struct claim *claim_of_device(struct devmgr *d, const struct pci_device *device);
uint32_t claim_device_id(const struct devmgr *d, const struct claim *claim);
/* The capability for a BAR, made at the first asking. */
status_t claim_bar(struct devmgr *d, struct claim *claim, unsigned bar, handle_t *cap) MUST_CHECK;

/* devices.c: devices that nobody has claimed. */
void device_stop(struct devmgr *d, struct pci_device *device);  /* quiet, and its reset started */
void device_clean(struct devmgr *d, struct pci_device *device); /* waits for its reset: quiet, BARs back, decoding on */
void devices_stop_all(struct devmgr *d);                        /* at the start: those that somebody had running */
void devices_turn(struct devmgr *d);                            /* resets that are over, pins that nobody owns */
uint64_t devices_due(const struct devmgr *d);                   /* when the next turn has something to do */

/* faults.c: ends the claims of devices that the IOMMU caught. */
status_t faults_init(struct devmgr *d, handle_t signal) MUST_CHECK;
void faults_look(struct devmgr *d);

/* interrupts.c: the irq for an entry, made and written into the device at the first asking. */
status_t claim_irq(struct devmgr *d, struct claim *claim, uint32_t entry, handle_t *irq) MUST_CHECK;
void claim_irqs_end(struct claim *claim);

/* handlers.c: the operations of proto/devmgr.h */
extern const struct ipc_op devmgr_ops[];
extern const size_t devmgr_op_count;
