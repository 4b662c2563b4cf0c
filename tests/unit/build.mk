# kernel: platform and memory
UNIT_TESTS += test_buddy test_slab test_boot_info test_acpi test_klog
test_buddy_SRCS     := tests/unit/test_buddy.c kernel/memory/buddy.c tests/unit/host_kernel.c
test_slab_SRCS      := tests/unit/test_slab.c kernel/memory/slab.c tests/unit/slab_host.c tests/unit/host_kernel.c
test_boot_info_SRCS := tests/unit/test_boot_info.c tests/unit/host_log.c kernel/x86/format.c \
                       $(addprefix kernel/x86/,boot_info.c boot_multiboot2.c boot_pvh.c)
test_acpi_SRCS      := tests/unit/test_acpi.c kernel/x86/acpi.c tests/unit/host_log.c
test_klog_SRCS      := tests/unit/test_klog.c kernel/x86/format.c kernel/x86/log.c
