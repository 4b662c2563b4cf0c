SERVICES    += devmgr
devmgr_SRCS := devmgr/main.c devmgr/handlers.c devmgr/claims.c devmgr/interrupts.c devmgr/devices.c devmgr/faults.c devmgr/quarantine.c devmgr/config_access.c \
	devmgr/pci_scan.c devmgr/pci_caps.c devmgr/pci_bars.c devmgr/pci_control.c devmgr/pci_class.c
