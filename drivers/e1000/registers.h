/* Registers of Intel's gigabit controllers, as far as the driver uses them.
 * Sections "S" are of the PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (317453, rev. 4.0:
 * 82540EM, 82545EM), sections "D" of the 82574 GbE Controller Family Datasheet (rev. 3.4). Both have them at the same
 * places unless a line says which. Where a chapter is given (D9, D10.2.4) the register is found in it by its name. */
#pragma once
#include <abi/types.h>

enum e1000_register {
    REG_CTRL = 0x0000,     /* S13.4.1, D10.2.2.1 */
    REG_STATUS = 0x0008,   /* S13.4.2, D10.2.2.2 */
    REG_EERD = 0x0014,     /* S13.4.4, D10.2.2.4 */
    REG_FCAL = 0x0028,     /* S13.4.9 and on: flow control, not used */
    REG_FCAH = 0x002c,     /* */
    REG_FCT = 0x0030,      /* */
    REG_ICR = 0x00c0,      /* S13.4.17, D10.2.4.1 */
    REG_ITR = 0x00c4,      /* S13.4.18, D10.2.4.2 */
    REG_IMS = 0x00d0,      /* S13.4.20, D10.2.4 */
    REG_IMC = 0x00d8,      /* S13.4.21, D10.2.4 */
    REG_IVAR = 0x00e4,     /* D10.2.4: which cause goes to which MSI-X vector */
    REG_EITR0 = 0x00e8,    /* D10.2.4: ITR of MSI-X vector 0 */
    REG_RCTL = 0x0100,     /* S13.4.22, D10.2.5.1 */
    REG_FCTTV = 0x0170,    /* S13.4: flow control transmit timer */
    REG_TCTL = 0x0400,     /* S13.4.33, D10.2.6.1 */
    REG_TIPG = 0x0410,     /* S13.4.34, D10.2.6 */
    REG_RDBAL = 0x2800,    /* S13.4.25, D10.2.5 */
    REG_RDBAH = 0x2804,    /* S13.4.26 */
    REG_RDLEN = 0x2808,    /* S13.4.27, D10.2.5.7 */
    REG_RDH = 0x2810,      /* S13.4.28 */
    REG_RDT = 0x2818,      /* S13.4.29 */
    REG_RDTR = 0x2820,     /* S13.4.30: to be left 0, ITR does it */
    REG_RADV = 0x282c,     /* S13.4.31: likewise */
    REG_TDBAL = 0x3800,    /* S13.4.36, D10.2.6 */
    REG_TDBAH = 0x3804,    /* S13.4.37 */
    REG_TDLEN = 0x3808,    /* S13.4.38 */
    REG_TDH = 0x3810,      /* S13.4.39 */
    REG_TDT = 0x3818,      /* S13.4.40 */
    REG_TIDV = 0x3820,     /* S13.4.41: no transmit interrupts, so no delay of them */
    REG_TXDCTL = 0x3828,   /* D10.2.6: when descriptors are fetched and written back */
    REG_STATS = 0x4000,    /* S13.7, D10.2.7: up to REG_STATS_END, cleared by reading */
    REG_CRCERRS = 0x4000,  /* S13.7.1 */
    REG_ALGNERRC = 0x4004, /* S13.7.2 */
    REG_RXERRC = 0x400c,   /* S13.7.4 */
    REG_MPC = 0x4010,      /* S13.7.5: no room in the FIFO */
    REG_RLEC = 0x4040,     /* S13.7: length errors */
    REG_ROC = 0x40ac,      /* S13.7.36: too long */
    REG_RJC = 0x40b0,      /* S13.7.37: too long, with a bad checksum */
    REG_STATS_END = 0x4100,
    REG_RXCSUM = 0x5000, /* S3.2.9, D10.2.5: receive checksum control */
    REG_MTA = 0x5200,    /* S13.5.1, D10.2.5: 128 words */
    REG_RAL0 = 0x5400,   /* S13.5.2, D10.2.5 */
    REG_RAH0 = 0x5404,   /* S13.5.3 */
    REG_END = 0x5408,    /* what the mapping must reach */
};
#define MTA_WORDS 128u

/* CTRL: S13.4.1, D10.2.2.1 */
#define CTRL_MASTER_DISABLE (1u << 2) /* D only */
#define CTRL_AUTO_SPEED (1u << 5)
#define CTRL_LINK_UP (1u << 6)
#define CTRL_LOSS_OF_SIGNAL_INVERTED (1u << 7)
#define CTRL_FORCE_SPEED (1u << 11)
#define CTRL_FORCE_DUPLEX (1u << 12)
#define CTRL_RESET (1u << 26)
#define CTRL_FLOW_CONTROL (3u << 27)
#define CTRL_VLAN (1u << 30)
#define CTRL_PHY_RESET (1u << 31)
/* STATUS: S13.4.2, D10.2.2.2 */
#define STATUS_LINK_UP (1u << 1)
#define STATUS_SPEED(status) ((status) >> 6 & 3u) /* 10, 100, 1000, 1000 Mb/s */
#define STATUS_MASTER (1u << 19)                  /* D only: requests are outstanding or allowed */
#define REGISTER_GONE 0xffffffffu                 /* PCI 3.0 §3.3.3.1: nobody answers */
/* EERD: S13.4.4, D10.2.2.4 */
#define EERD_START 1u
/* Interrupt causes: S13.4.17, D10.2.4.1 */
#define CAUSE_LINK (1u << 2)
#define CAUSE_RECEIVED (1u << 7)
#define CAUSE_RX_QUEUE0 (1u << 20) /* with MSI-X in place of the one before */
#define CAUSE_OTHER (1u << 24)
#define CAUSES_ALL 0xffffffffu
/* IVAR: D10.2.4: four bits each, the highest says that they are valid. All go to vector 0. */
#define IVAR_RX_QUEUE0 (8u << 0)
#define IVAR_TX_QUEUE0 (8u << 8)
#define IVAR_OTHER (8u << 16)
/* ITR: S13.4.18: in 256 ns. 128 us: 7,800 a second */
#define ITR_INTERVAL 500u
/* RCTL: S13.4.22, D10.2.5.1. Buffers of 2048 bytes: BSIZE and BSEX 0 */
#define RCTL_ENABLE (1u << 1)
#define RCTL_MULTICAST_ALL (1u << 4)
#define RCTL_BROADCAST (1u << 15)
#define RCTL_STRIP_CRC (1u << 26)
/* TCTL: S13.4.33, D10.2.6.1 */
#define TCTL_ENABLE (1u << 1)
#define TCTL_PAD_SHORT (1u << 3)
#define TCTL_COLLISION_THRESHOLD (0x0fu << 4)
#define TCTL_COLLISION_DISTANCE (0x40u << 12) /* full duplex */
#define TIPG_VALUE (10u | 8u << 10 | 6u << 20)
/* TXDCTL of the 82574: thresholds in descriptors, one is written back at a time */
#define TXDCTL_82574 (1u << 24 | 1u << 22 | 1u << 16 | 1u)
/* RXCSUM: IP and TCP checksums are checked */
#define RXCSUM_IP (1u << 8)
#define RXCSUM_TCP (1u << 9)
/* RAH: S13.5.3 */
#define RAH_VALID (1u << 31)
