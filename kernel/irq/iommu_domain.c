/* What one device reaches: its second-level tables, who pays for them, and its entry in the context table. */
#include "kernel/cap/account.h"
#include "kernel/irq/vtd.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/memory_object.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/log.h"

#define DOMAINS_MAX 4096u
static uint64_t ids[DOMAINS_MAX / 64]; /* in use; 0 is nobody's: a unit in caching mode keeps it for itself (§6.1) */

static uint32_t id_take(void)
{
    uint32_t count = vtd.domain_ids < DOMAINS_MAX ? vtd.domain_ids : DOMAINS_MAX;
    for (uint32_t id = 1; id < count; id++) {
        if (ids[id / 64] >> id % 64 & 1)
            continue;
        ids[id / 64] |= 1ul << id % 64;
        return id;
    }
    return 0;
}

status_t iommu_domain_init(struct iommu_domain *domain, uint32_t bus_id)
{
    uint32_t id = id_take();
    if (!id)
        return ERR_NO_MEMORY;
    *domain = (struct iommu_domain){.id = id, .bus_id = bus_id, .tables.levels = vtd.levels};
    (void)!vtd_device_set_quiet(bus_id, false); /* hardware that does not answer refuses the first mapping */
    return OK;
}

void iommu_domain_end(struct iommu_domain *domain)
{
    ids[domain->id / 64] &= ~(1ul << domain->id % 64);
}

/* ---- table pages ---- */

static void table_give(void *owner, uint64_t physical)
{
    struct iommu_domain *domain = owner;
    frame_free(physical, 0);
    account_release(domain->account, PAGE_SIZE);
    if (--domain->table_pages == 0)
        domain->account = NULL;
}

/* What was charged for and was not there is returned first: the last page that goes may take the account with it. */
static void spare_give(struct iommu_domain *domain, struct vtd_spare *spare, uint32_t charged)
{
    for (uint32_t i = spare->count; i < charged; i++) {
        account_release(domain->account, PAGE_SIZE);
        domain->table_pages--;
    }
    while (spare->count)
        table_give(domain, spare->pages[--spare->count]);
    if (!domain->table_pages)
        domain->account = NULL;
}

/* All of them, or none: after it the mapping can't fail any more. */
static status_t spare_take(struct iommu_domain *domain, struct account *account, struct vtd_spare *spare,
                           uint32_t count)
{
    KASSERT(count <= VTD_SPARE_MAX);
    status_t status = account_charge(account, count * PAGE_SIZE);
    if (status)
        return status;
    domain->account = account;
    domain->table_pages += count;
    for (uint32_t i = 0; i < count; i++) {
        spare->pages[i] = frame_alloc_zeroed(0, account->node);
        if (!spare->pages[i]) {
            spare_give(domain, spare, count);
            return ERR_NO_MEMORY;
        }
        trace_frames(account->task_id, spare->pages[i], 0);
        spare->count++;
    }
    return OK;
}

/* ---- mapping ---- */

static void enter_pages(struct iommu_domain *domain, struct iova place, const struct memory *memory,
                        uint64_t first_page, struct vtd_spare *spare, uint64_t permission)
{
    for (uint64_t done = 0; done < place.pages;) {
        uint64_t run, left = place.pages - done;
        uint64_t *entries = vtd_tables_entries(&domain->tables, place.address + done * PAGE_SIZE, 0, spare, &run);
        run = run < left ? run : left;
        for (uint64_t i = 0; i < run; i++)
            entries[i] = memory_page(memory, first_page + done + i) | permission;
        vtd_publish(entries, run * sizeof *entries);
        done += run;
    }
}

/* §9.3: the upper word first; the lower one makes the entry present. Requests with translated addresses (ATS) are
 * blocked: translation type 0. */
static void context_enter(const struct iommu_domain *domain, uint64_t *context)
{
    context[1] = (vtd.levels - 2) | (uint64_t)domain->id << 8;
    __asm__ volatile("" : : : "memory");
    context[0] = (context[0] & CONTEXT_QUIET) | domain->tables.root | CONTEXT_PRESENT;
    vtd_publish(context, 16);
}

status_t iommu_map(struct iommu_domain *domain, struct account *account, struct iova place, const struct memory *memory,
                   uint64_t first_page, bool writable)
{
    struct vtd_spare spare = {.count = 0};
    uint64_t *context = vtd_context(domain->bus_id, true), bytes = place.pages * PAGE_SIZE;
    bool first = !domain->account;
    if (vtd.broken)
        return ERR_IO;
    if (!context)
        return ERR_NO_MEMORY;
    status_t status = spare_take(domain, first ? account : domain->account, &spare,
                                 vtd_tables_missing(&domain->tables, place.address, bytes));
    if (status)
        return status;
    enter_pages(domain, place, memory, first_page, &spare, VTD_READ | (writable ? VTD_WRITE : 0));
    domain->top = place.address + bytes > domain->top ? place.address + bytes : domain->top;
    if (first)
        context_enter(domain, context);
    (void)!vtd_flush_domain_new(domain->id); /* the worst is that the device still finds nothing there */
    return OK;
}

status_t iommu_unmap(struct iommu_domain *domain, struct iova place)
{
    vtd_tables_clear(&domain->tables, place.address, place.pages);
    return vtd_flush_pages(domain->id, place.address, place.pages);
}

status_t iommu_domain_detach(struct iommu_domain *domain)
{
    uint64_t *context = vtd_context(domain->bus_id, false);
    if (!domain->account)
        return OK;
    context[0] &= CONTEXT_QUIET;
    vtd_publish(context, 16);
    status_t status = vtd_flush_context(domain->bus_id, domain->id);
    if (status)
        return status;
    vtd_tables_free(&domain->tables, domain->top, table_give, domain);
    domain->top = 0;
    return OK;
}
