/* devices */
#include "jarvis/tool.h"
#include "jarvis/operations.h"
#include <string.h>

/* The devices that emulators and common boards have; others are told by number. */
static const char *device_name(uint16_t vendor, uint16_t device)
{
    static const struct {
        uint16_t vendor, device;
        const char *name;
    } known[] = {{0x1af4, 0x1000, "virtio network card"},
                 {0x1af4, 0x1041, "virtio network card"},
                 {0x1af4, 0x1001, "virtio disk"},
                 {0x1af4, 0x1042, "virtio disk"},
                 {0x1af4, 0x1005, "virtio random source"},
                 {0x1af4, 0x1044, "virtio random source"},
                 {0x8086, 0x100e, "Intel 82540EM network card"},
                 {0x8086, 0x100f, "Intel 82545EM network card"},
                 {0x8086, 0x10d3, "Intel 82574L network card"},
                 {0x8086, 0x1237, "Intel 440FX host bridge"},
                 {0x8086, 0x7000, "Intel PIIX3 ISA bridge"},
                 {0x8086, 0x7010, "Intel PIIX3 IDE"},
                 {0x8086, 0x7113, "Intel PIIX4 power management"},
                 {0x8086, 0x29c0, "Intel Q35 host bridge"},
                 {0x8086, 0x2918, "Intel ICH9 LPC bridge"},
                 {0x8086, 0x2922, "Intel ICH9 AHCI"},
                 {0x8086, 0x2930, "Intel ICH9 SMBus"},
                 {0x1234, 0x1111, "QEMU display"},
                 {0x1b36, 0x000d, "QEMU USB 3 controller"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].vendor == vendor && known[i].device == device)
            return known[i].name;
    return "";
}

/* The badge of a holder is its row in init's manifest, from 1: INIT_SERVICES tells the name. */
static void holder_name(const struct call *call, uint32_t holder, char name[16])
{
    struct init_services ask = {.first = holder - 1};
    struct init_service_list list;
    name[0] = 0;
    if (holder == 0)
        return;
    if (world_call(call->authority->caps[CAP_INIT], INIT_SERVICES, &ask, sizeof ask, &list, sizeof list) == OK &&
        list.count)
        text_neutral(name, 16, list.services[0].name, 16);
}

struct seen {
    bool card, disk;
    uint32_t quarantined;
    char card_name[40], disk_name[40]; /* of the first of each */
};

static void see(bool *seen, char name[40], const char *what)
{
    if (!*seen)
        text_neutral(name, 40, what, 40);
    *seen = true;
}

static void device_row(const struct call *call, struct sheet *sheet, const struct devmgr_device *d, struct seen *seen)
{
    char kind[sizeof d->kind + 1], holder[16];
    const char *name = device_name(d->vendor, d->device);
    text_neutral(kind, sizeof kind, d->kind, sizeof d->kind);
    holder_name(call, d->holder, holder);
    put_format(sheet, "%02x:%02x.%u", d->bus_id >> 8, d->bus_id >> 3 & 31, d->bus_id & 7);
    put_text(sheet, kind);
    put_format(sheet, "%04x:%04x", d->vendor, d->device);
    put_text(sheet, name);
    put_text(sheet, d->has_msix ? "MSI-X" : d->has_msi ? "MSI" : d->irq_pin ? "line" : "");
    put_text(sheet, holder);
    put_text(sheet, d->state == DEVMGR_QUARANTINED ? T(sheet->out, "quarantined", "en quarantaine") : "");
    seen->quarantined += d->state == DEVMGR_QUARANTINED;
    if (d->class_code >> 16 == 2)
        see(&seen->card, seen->card_name, name[0] ? name : kind);
    if (d->class_code >> 16 == 1)
        see(&seen->disk, seen->disk_name, name[0] ? name : kind);
}

static void say_devices(struct answer *out, uint32_t total, const struct seen *seen)
{
    say(out,
        T(out, "%u devices; network card: %s; disk controller: %s.\n",
          "%u périphériques ; carte réseau : %s ; contrôleur de disque : %s.\n"),
        total, seen->card ? seen->card_name : T(out, "none", "aucune"),
        seen->disk ? seen->disk_name : T(out, "none", "aucun"));
    if (seen->quarantined)
        say(out,
            T(out, "%u quarantined until the machine is restarted: the IOMMU caught it (see `log`).\n",
              "%u en quarantaine jusqu'au redémarrage de la machine : l'IOMMU l'a surpris (voir `log`).\n"),
            seen->quarantined);
}

status_t tool_devices(struct call *call)
{
    static const struct column columns[] = {
        {"address", "Where", "Où", false}, {"kind", "Kind", "Genre", false},
        {"id", "Id", "N°", false},         {"name", "What", "Quoi", false},
        {"irq", "Irq", "Irq", false},      {"holder", "Used by", "Utilisé par", false},
        {"state", "State", "État", false}};
    struct devmgr_list ask = {0};
    struct devmgr_device_list page = {.total = 1};
    struct seen seen = {0};
    struct sheet *sheet = NULL;
    for (; ask.first < page.total; ask.first += page.count) {
        status_t status =
            world_call(call->authority->caps[CAP_DEVMGR], DEVMGR_LIST, &ask, sizeof ask, &page, sizeof page);
        if (status == OK && page.count > sizeof page.devices / sizeof page.devices[0])
            status = ERR_BAD_MESSAGE;
        if (status != OK && !sheet)
            return call_failed(call, CAP_DEVMGR, status);
        if (status != OK)
            break; /* what came before stays shown */
        if (!sheet)
            sheet = sheet_table(call->out, "devices", columns, 7);
        if (page.count == 0)
            break;
        for (uint32_t i = 0; i < page.count; i++)
            device_row(call, sheet, &page.devices[i], &seen);
    }
    say_devices(call->out, page.total, &seen);
    sheet_end(sheet);
    return OK;
}
