/* The attacks, one a row; main.c runs them in this order. */
#pragma once
#include "card.h"

enum verdict { WORKS, REFUSED, REACHED, SILENT, IMPOSSIBLE /* this kind of card has no such thing */ };
#define HARMLESS_ADDRESS 0x8000000ull /* without an IOMMU attack i goes to page i from here: test_iommu.py knows it */

struct attack {
    const char *name;
    uint64_t address; /* where it goes, if it goes to a fixed place */
    enum verdict (*run)(struct card *card, uint64_t address);
};
extern const struct attack attacks[];
extern const unsigned attack_count;

/* interrupts.c */
enum verdict attack_interrupt_vector(struct card *card, uint64_t address);
enum verdict attack_interrupt_entry(struct card *card, uint64_t address);
enum verdict attack_msix_table(struct card *card, uint64_t address);
