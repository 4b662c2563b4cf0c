/* Kernel objects of a few sizes, each account's in pages of its own. Called with the kernel lock held. A page is charged
 * when it is taken and given back when its last object goes, so what an account owes is what the kernel holds for it.
 * Pure: where pages come from is up to whoever links it (memory.c; on the host tests/unit/slab_host.c, with malloc). */
#pragma once
#include "kernel/cap/account.h"

#define SLAB_BYTES_MAX 1024
/* The class for an object: 64, 96, 128, 256, 512 or 1024 bytes. */
#define SLAB_CLASS_OF(bytes) \
    ((bytes) <= 64 ? 0u : (bytes) <= 96 ? 1u : (bytes) <= 128 ? 2u : (bytes) <= 256 ? 3u : (bytes) <= 512 ? 4u : 5u)
#define SLAB_CLASS(type) SLAB_CLASS_OF(sizeof(type))

/* Contents undefined, aligned to 16. NULL with *status ERR_QUOTA or ERR_NO_MEMORY; else *status stays. */
void *slab_alloc(struct account *account, uint32_t class, status_t *status);
void slab_free(void *object);
struct account *slab_account(const void *object); /* who pays for it */
/* slab_free() that leaves the account's books to the caller: how many bytes are to be released. */
uint64_t slab_take_back(void *object);

/* PAGE_SIZE bytes, aligned to it, contents undefined; NULL: none. */
void *slab_page_take(void);
void slab_page_give(void *page);
