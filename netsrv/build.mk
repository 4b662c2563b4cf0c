SERVICES += netsrv
netsrv_SRCS := netsrv/main.c netsrv/loop.c netsrv/service.c netsrv/clients.c netsrv/slots.c netsrv/tcp.c netsrv/work.c netsrv/listeners.c netsrv/events.c \
	netsrv/scope.c netsrv/presented.c netsrv/command.c netsrv/interface.c netsrv/tell.c netsrv/receive.c netsrv/merge.c netsrv/transmit.c netsrv/dma.c netsrv/heap.c netsrv/checksum.c netsrv/port.c \
	netsrv/address.c netsrv/address_parse.c drivers/pci.c drivers/e1000/registers.c drivers/e1000/device.c drivers/e1000/ring.c drivers/e1000/net.c \
	drivers/virtio/transport.c drivers/virtio/virtqueue.c drivers/virtio/net.c
netsrv_LIBS := lwip
