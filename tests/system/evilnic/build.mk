TEST_SERVICES += evilnic
evilnic_SRCS := tests/system/evilnic/main.c tests/system/evilnic/attacks.c tests/system/evilnic/interrupts.c tests/system/evilnic/card.c tests/system/evilnic/virtio.c tests/system/evilnic/e1000e.c \
	drivers/pci.c drivers/virtio/transport.c drivers/virtio/virtqueue.c
