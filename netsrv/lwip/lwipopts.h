/* lwIP 2.2.1 as netsrv uses it: no system layer, raw API, all memory from netsrv/heap.c (limits there, not here). */
#pragma once

/* ---- system ---- */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_HOOK_FILENAME "lwip_hooks.h"

/* ---- memory: free lists that grow, in memory that the device can read ---- */
#define MEM_ALIGNMENT 8
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC heap_alloc
#define MEM_CUSTOM_CALLOC heap_calloc
#define MEM_CUSTOM_FREE heap_free
#define MEMP_MEM_MALLOC 1
#define PBUF_LINK_ENCAPSULATION_HLEN 16 /* room for the driver's header before each frame (nic->tx_headroom) */
#define MEMCPY(to, from, length) packet_copy(to, from, length)
/* What waits for a neighbour's address may outlive the client whose memory it refers to: only such packets are copied. */
#define PBUF_NEEDS_COPY(p) (!((p)->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS))

/* ---- what there is ---- */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ARP 1
#define ARP_QUEUEING 1
#define LWIP_ICMP 1
#define LWIP_RAW 0
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* it takes seconds before the address may be used; gratuitous ARP goes out */
#define LWIP_DNS 1
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_HWADDRHINT 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define IPV6_FRAG_COPYHEADER 1 /* its bookkeeping does not fit into a fragment header with 64-bit pointers */
#define IP_REASS_MAX_PBUFS 24
#define MEMP_NUM_REASSDATA 8

/* ---- TCP ---- */
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256 * 1024)    /* the largest receive ring (NET_SIZE_MAX); each connection's own is set in sockets.c */
#define TCP_SND_BUF (96 * 1024) /* more costs a longer walk over the queue at each write */
#define TCP_SND_QUEUELEN 512
#define TCP_SNDLOWAT (32 * 1024)
#define TCP_OVERSIZE 0
#define TCP_WND_UPDATE_THRESHOLD TCP_MSS /* consumption comes in batches already, and rings may be as small as 2 KiB */
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES (64 * 1024)
#define TCP_OOSEQ_MAX_PBUFS 48
#define LWIP_TCP_SACK_OUT 1
#define TCP_LISTEN_BACKLOG 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 2 /* the slot's, and what the trace was told (tell.c) */
#define LWIP_TCP_RTO_TIME 1000      /* RFC 6298: 1 s */
#define TCP_MSL 15000               /* 30 s of TIME_WAIT; past NET_PCBS_MAX control blocks the oldest are recycled */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they compare with pool sizes that are not used */

/* ---- counters for NET_STATS ---- */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define MEMP_STATS 1
#define MIB2_STATS 1
