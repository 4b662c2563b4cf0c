# kernel: platform and memory
UNIT_TESTS += test_buddy test_slab test_boot_info test_acpi test_klog
test_buddy_SRCS     := tests/unit/test_buddy.c kernel/memory/buddy.c tests/unit/host_kernel.c
test_slab_SRCS      := tests/unit/test_slab.c kernel/memory/slab.c tests/unit/slab_host.c tests/unit/host_kernel.c
test_boot_info_SRCS := tests/unit/test_boot_info.c tests/unit/host_log.c kernel/x86/format.c \
                       $(addprefix kernel/x86/,boot_info.c boot_multiboot2.c boot_pvh.c)
test_acpi_SRCS      := tests/unit/test_acpi.c kernel/x86/acpi.c tests/unit/host_log.c
test_klog_SRCS      := tests/unit/test_klog.c kernel/x86/format.c kernel/x86/log.c

# lib, init, devmgr
UNIT_TESTS += test_ring test_ipc_dispatch test_manifest test_tar test_elf test_supervise test_pci
test_ring_SRCS         := tests/unit/test_ring.c lib/ring.c
test_ring_LIBS         := -lpthread
test_ipc_dispatch_SRCS := tests/unit/test_ipc_dispatch.c lib/ipc_dispatch.c
test_manifest_SRCS     := tests/unit/test_manifest.c init/manifest.c init/manifest_rules.c
test_tar_SRCS          := tests/unit/test_tar.c init/tar.c
test_elf_SRCS          := tests/unit/test_elf.c init/elf.c
test_supervise_SRCS    := tests/unit/test_supervise.c init/supervise.c
test_pci_SRCS          := tests/unit/test_pci.c $(addprefix devmgr/,pci_scan.c pci_caps.c pci_bars.c pci_control.c pci_class.c)
