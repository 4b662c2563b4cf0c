#include "devmgr/pci.h"

#define MSI_ENABLE 0x0001u /* §6.8.1.3 */
#define MSI_COUNT 0x0070u  /* multiple message enable: 0 is one */
#define MSI_WIDE 0x0080u
#define MSI_MASKS 0x0100u
#define MSIX_ENABLE 0x8000u /* §6.8.2.3 */
#define MSIX_MASK_ALL 0x4000u
#define PCIE_CONTROL 8u /* PCIe §7.5.3.4 */
#define PCIE_CONTROL_FLR 0x8000u
#define AF_CONTROL 4u
#define AF_CONTROL_FLR 0x01u

static uint32_t get(const struct pci_config_ops *ops, const struct pci_device *device, uint32_t offset)
{
    return ops->read(ops->context, device->bus_id, offset, 2);
}

static void set(const struct pci_config_ops *ops, const struct pci_device *device, uint32_t offset, uint32_t value)
{
    ops->write(ops->context, device->bus_id, offset, 2, value);
}

/* Clears `off` and sets `on` in a 16-bit register. */
static void change(const struct pci_config_ops *ops, const struct pci_device *device, uint32_t offset, uint32_t off,
                   uint32_t on)
{
    set(ops, device, offset, (get(ops, device, offset) & ~off) | on);
}

static uint32_t decoding(const struct pci_device *device)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (device->bars[i].size)
            bits |= device->bars[i].port ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    }
    return bits;
}

void pci_quiet(const struct pci_config_ops *ops, const struct pci_device *device)
{
    change(ops, device, PCI_COMMAND, PCI_COMMAND_MASTER, PCI_COMMAND_NO_LINE);
    if (device->msi_offset)
        change(ops, device, device->msi_offset + 2u, MSI_ENABLE, 0);
    if (device->msix.offset)
        change(ops, device, device->msix.offset + 2u, MSIX_ENABLE, MSIX_MASK_ALL);
}

/* PCIe §6.6.2: the function must be quiet before; it answers again after 100 ms, with its BARs forgotten. */
bool pci_reset_start(const struct pci_config_ops *ops, struct pci_device *device)
{
    if (device->pcie_flr_offset)
        change(ops, device, device->pcie_flr_offset + PCIE_CONTROL, 0, PCIE_CONTROL_FLR);
    else if (device->af_flr_offset)
        ops->write(ops->context, device->bus_id, device->af_flr_offset + AF_CONTROL, 1, AF_CONTROL_FLR);
    else
        return false;
    device->restore = true;
    return true;
}

void pci_reset_finish(const struct pci_config_ops *ops, struct pci_device *device)
{
    if (device->restore) {
        for (unsigned i = 0; i < PCI_BARS; i++)
            ops->write(ops->context, device->bus_id, PCI_BAR0 + 4 * i, 4, device->bar_registers[i]);
        ops->write(ops->context, device->bus_id, PCI_INTERRUPT_LINE, 1, device->irq_line);
    }
    device->restore = false;
    change(ops, device, PCI_COMMAND, PCI_COMMAND_MASTER, decoding(device) | PCI_COMMAND_NO_LINE);
}

void pci_enable(const struct pci_config_ops *ops, const struct pci_device *device)
{
    change(ops, device, PCI_COMMAND, 0, decoding(device) | PCI_COMMAND_MASTER);
}

void pci_line_allow(const struct pci_config_ops *ops, const struct pci_device *device)
{
    change(ops, device, PCI_COMMAND, PCI_COMMAND_NO_LINE, 0);
}

/* §6.8.1: one message. The data register's place depends on the address's width. */
void pci_msi_set(const struct pci_config_ops *ops, const struct pci_device *device, uint64_t address, uint32_t data)
{
    uint32_t at = device->msi_offset, control = get(ops, device, at + 2);
    uint32_t data_at = at + (control & MSI_WIDE ? 12 : 8);
    ops->write(ops->context, device->bus_id, at + 4, 4, (uint32_t)address);
    if (control & MSI_WIDE)
        ops->write(ops->context, device->bus_id, at + 8, 4, (uint32_t)(address >> 32));
    set(ops, device, data_at, data & 0xffff);
    if ((control & MSI_MASKS) && data_at + 8 <= 0x100) /* §6.8.1.7 */
        ops->write(ops->context, device->bus_id, data_at + 4, 4, 0);
    set(ops, device, at + 2, (control & ~MSI_COUNT) | MSI_ENABLE);
}

void pci_msix_set(const struct pci_config_ops *ops, const struct pci_device *device, bool enable)
{
    change(ops, device, device->msix.offset + 2u, MSIX_ENABLE | MSIX_MASK_ALL, enable ? MSIX_ENABLE : MSIX_MASK_ALL);
}
