/* The kernel's events: the one list from which the C numbers, the TSDL, the console's names and docs come.
 * E(number, Name as the panic dump prints it, name as CTF prints it, class, fields)
 * fields: a sequence of F(type, name); types u32, u64, s32, s64, x32, x64 (hexadecimal), and the enumerations below.
 * They are packed in order into u64 payload words, 4-byte fields in pairs; at most three words.
 *
 * Events of class USER come from tasks, by trace_emit(): the first field is the task, which the kernel stamps, the second is
 * 32 bits wide and the rest is one word of the task's.
 * NetPacketIn, NetPacketOut: bytes with the Ethernet header; protocol is EtherType << 16 | the IP protocol (0 there when it is
 * no IP packet); ports is the local one << 16 | the remote one, 0 where there are none. Packets of one flow that come right
 * after each other may be told as one event: bytes is what they have together, and NET_PACKETS(protocol) how many they are.
 * TcpState: a listening port's remote port is 0. TcpRetransmit: bytes of payload, and one for a SYN or FIN.
 * ServiceRestart: restarts so far; code is what the task before ended with: task_exit's code, -1 when it was killed or stopped
 * by an order, ERR_FAULT after a fault. JarvisPlan: plans are numbered from 1 on. JarvisStep: steps from 1 on, with what came
 * of it.
 * CpuIpi is recorded by who sends it. Migrate: the task will run on another CPU than it did. LockWait, once the lock was got:
 * only waits of 1 us or more. LockHold, by who gives the lock back: only if held for 100 us or more. TaskName and CpuNode are
 * also said when a reader asks (TRACE_CONTROL_ANNOUNCE). */
#pragma once

/* Values with names. V(NAME, value, text) */
/* clang-format off */
#define TRACE_SWITCH_REASONS(V) /* why the task before stopped running */ \
    V(IDLE, 0, "idle")          /* it was the idle task */                \
    V(CALL, 1, "call")          /* it calls the next one */               \
    V(REPLY, 2, "reply")        /* it answered the next one and waits */  \
    V(WAIT, 3, "wait")          /* it waits: see its Block */             \
    V(URGENT, 4, "urgent")      /* the next one is more urgent */         \
    V(SLICE, 5, "slice")        /* its time slice is over, or it gave way */ \
    V(END, 6, "end")            /* it ended, or stands still after a fault */
#define TRACE_WAITS(V)          /* what for: as enum task_state */        \
    V(MESSAGE, 2, "message")    /* messages and signals */                \
    V(SERVER, 3, "server")      /* its call lies in the queue */          \
    V(REPLY, 4, "reply")        /* its call was taken */
#define TRACE_TCP_STATES(V)     /* RFC 9293 §3.3.2, in lwIP's order */    \
    V(CLOSED, 0, "closed")           V(LISTEN, 1, "listen")         V(SYN_SENT, 2, "syn_sent")     \
    V(SYN_RECEIVED, 3, "syn_received") V(ESTABLISHED, 4, "established") V(FIN_WAIT_1, 5, "fin_wait_1") \
    V(FIN_WAIT_2, 6, "fin_wait_2")   V(CLOSE_WAIT, 7, "close_wait") V(CLOSING, 8, "closing")       \
    V(LAST_ACK, 9, "last_ack")       V(TIME_WAIT, 10, "time_wait")
#define TRACE_IPI_REASONS(V)                                                 \
    V(WAKE, 0, "wake")              /* a task became ready for it */         \
    V(FLUSH, 1, "flush")            /* to forget translations */             \
    V(LEAVE, 2, "leave")            /* the task that it runs has ended */    \
    V(STARVING, 3, "starving")      /* to let the sender have the kernel lock */
#define TRACE_MIGRATE_REASONS(V)    /* as enum placement_reason, then what else moves a task */ \
    V(LAST_IDLE, 0, "last_idle") V(HOME_IDLE, 1, "home_idle") V(NEAR_IDLE, 2, "near_idle") V(PREEMPTS, 3, "preempts") \
    V(ELSEWHERE, 4, "elsewhere") V(WAITS, 5, "waits")                        \
    V(STEAL_NEAR, 6, "steal_near")  /* taken over by a CPU of the node where it waited */ \
    V(STEAL_FAR, 7, "steal_far")    /* by a CPU of another node */           \
    V(OVERDUE, 8, "overdue")        /* it waited for too long */             \
    V(CALLED, 9, "called")          /* a call took it along to the caller's CPU */
/* N(type, bytes, values) */
#define TRACE_ENUMS(N)                        \
    N(switch_reason, 8, TRACE_SWITCH_REASONS) \
    N(wait_for, 4, TRACE_WAITS)               \
    N(tcp_state, 4, TRACE_TCP_STATES)         \
    N(ipi_reason, 4, TRACE_IPI_REASONS)       \
    N(migrate_reason, 4, TRACE_MIGRATE_REASONS)
/* clang-format on */

#define V(NAME, value, text) TRACE_SWITCH_##NAME = value,
enum trace_switch_reason { TRACE_SWITCH_REASONS(V) };
#undef V
#define V(NAME, value, text) TRACE_WAIT_##NAME = value,
enum trace_wait_for { TRACE_WAITS(V) };
#undef V
#define V(NAME, value, text) TRACE_TCP_##NAME = value,
enum trace_tcp_state { TRACE_TCP_STATES(V) };
#undef V
#define V(NAME, value, text) TRACE_IPI_##NAME = value,
enum trace_ipi_reason { TRACE_IPI_REASONS(V) };
#undef V
#define V(NAME, value, text) TRACE_MIGRATE_##NAME = value,
enum trace_migrate_reason { TRACE_MIGRATE_REASONS(V) };
#undef V

/* clang-format off */
#define TRACE_EVENTS(E, F)                                                                                  \
    E(1, TimerTick, timer_tick, SCHED, F(u64, tick))                                                        \
    E(2, ContextSwitch, ctx_switch, SCHED, F(u32, prev_task) F(u32, next_task) F(switch_reason, reason))    \
    E(3, SyscallEntry, syscall_entry, SYSCALL, F(u32, task) F(u32, number))                                 \
    E(4, SyscallExit, syscall_exit, SYSCALL, F(u32, task) F(s32, result))                                   \
    E(5, IpcSend, ipc_send, IPC, F(u32, task) F(u32, channel) F(x32, op) F(u32, count))                     \
    E(6, IpcReceive, ipc_receive, IPC, F(u32, task) F(u32, channel) F(x32, op) F(u32, count))               \
    E(7, IpcCall, ipc_call, IPC, F(u32, task) F(u32, channel) F(x32, op) F(u32, badge))                     \
    E(8, IpcReply, ipc_reply, IPC, F(u32, task) F(u32, caller) F(x32, op) F(s32, status))                   \
    E(9, Wakeup, wakeup, SCHED, F(u32, task) F(u32, by_task))                                               \
    E(10, Block, block, SCHED, F(u32, task) F(wait_for, on) F(u64, object))                                 \
    E(11, PageFault, page_fault, FAULT, F(x64, address) F(u32, task) F(x32, error))                         \
    E(12, UserFault, user_fault, FAULT, F(x64, ip) F(u32, task) F(u32, vector))                             \
    E(13, IrqEntry, irq_entry, IRQ, F(u32, vector) F(u32, task))                                            \
    E(14, IrqExit, irq_exit, IRQ, F(u32, vector) F(u32, task))                                              \
    E(15, SignalRaise, signal_raise, IPC, F(x64, bits) F(u32, signal) F(u32, by_task))                      \
    E(16, CapMint, cap_mint, CAP, F(u32, task) F(x32, handle) F(u32, object) F(x32, rights))                \
    E(17, CapGrant, cap_grant, CAP, F(u32, from_task) F(u32, to_task) F(u32, object) F(x32, rights))        \
    E(18, CapRevoke, cap_revoke, CAP, F(u32, task) F(x32, handle) F(u32, object) F(u32, count))             \
    E(19, CapClose, cap_close, CAP, F(u32, task) F(x32, handle) F(u32, object) F(u32, type))                \
    E(20, MemoryMap, memory_map, MEM, F(x64, address) F(u32, task) F(u32, pages))                           \
    E(21, MemoryUnmap, memory_unmap, MEM, F(x64, address) F(u32, task) F(u32, pages))                       \
    E(22, FrameAlloc, frame_alloc, MEM, F(x64, address) F(u32, task) F(u32, order))                         \
    E(23, DmaPin, dma_pin, MEM, F(x64, address) F(u32, device) F(u32, pages))                               \
    E(24, TaskStart, task_start, TASK, F(u32, task) F(u32, by_task))                                        \
    E(25, TaskExit, task_exit, TASK, F(u32, task) F(s32, code))                                             \
    E(26, LogLine, log_line, LOG, F(u32, task) F(u32, level) F(u64, position))                              \
    E(28, UserEvent, user_event, USER, F(u32, task) F(u32, event) F(u64, value))                            \
    E(29, IommuFault, iommu_fault, FAULT, F(x64, address) F(x32, device) F(x32, reason))                    \
    E(30, TaskName, task_name, TASK, F(u32, task) F(u32, node) F(u64, name_lo) F(u64, name_hi))             \
    E(31, CpuIpi, cpu_ipi, SCHED, F(u32, to_cpu) F(ipi_reason, reason))                                     \
    E(32, Migrate, migrate, SCHED, F(u32, task) F(migrate_reason, reason) F(u32, from_cpu) F(u32, to_cpu))  \
    E(33, LockWait, lock_wait, SCHED, F(u64, waited_ns))                                                    \
    E(34, LockHold, lock_hold, SCHED, F(u64, held_ns))                                                      \
    E(35, CpuNode, cpu_node, TASK, F(u32, cpu) F(u32, node))                                                \
    E(64, ServiceRestart, service_restart, USER, F(u32, task) F(u32, new_task) F(u32, restarts) F(s32, code)) \
    E(65, NetPacketIn, net_packet_in, USER, F(u32, task) F(u32, bytes) F(x32, protocol) F(x32, ports))      \
    E(66, NetPacketOut, net_packet_out, USER, F(u32, task) F(u32, bytes) F(x32, protocol) F(x32, ports))    \
    E(67, TcpState, tcp_state, USER, F(u32, task) F(tcp_state, state) F(u32, local_port) F(u32, remote_port)) \
    E(68, TcpRetransmit, tcp_retransmit, USER, F(u32, task) F(u32, bytes) F(u32, local_port) F(u32, remote_port)) \
    E(69, JarvisPlan, jarvis_plan, USER, F(u32, task) F(u32, plan) F(u32, steps) F(u32, session))           \
    E(70, JarvisStep, jarvis_step, USER, F(u32, task) F(u32, plan) F(u32, step) F(s32, status))
/* clang-format on */

/* Classes: bits of the filter mask. C(bit, NAME, text) */
/* clang-format off */
#define TRACE_CLASSES(C)   \
    C(0, SCHED, "sched")   \
    C(1, SYSCALL, "syscall") \
    C(2, IPC, "ipc")       \
    C(3, IRQ, "irq")       \
    C(4, FAULT, "fault")   \
    C(5, CAP, "cap")       \
    C(6, MEM, "mem")       \
    C(7, TASK, "task")     \
    C(8, LOG, "log")       \
    C(9, USER, "user")
/* clang-format on */

enum trace_event_id {
#define F(type, name)
#define E(number, Name, name, class, fields) TRACE_##Name = number,
    TRACE_EVENTS(E, F)
#undef E
#undef F
        TRACE_EVENT_COUNT = 71
};

enum trace_class {
#define C(bit, NAME, text) TRACE_CLASS_##NAME = 1 << bit,
    TRACE_CLASSES(C)
#undef C
        TRACE_CLASS_ALL = 0x3ff,
    TRACE_CLASS_DEFAULT = TRACE_CLASS_ALL & ~(TRACE_CLASS_SYSCALL | TRACE_CLASS_MEM) /* recorded from boot on */
};

/* trace_control's operations. */
enum trace_control_op {
    TRACE_CONTROL_MASK =
        0, /* value: the classes to record from now on; answers the old mask. Takes RIGHT_TRACE_CONTROL */
    TRACE_CONTROL_ANNOUNCE = 1, /* a TaskName for every task, a CpuNode for every CPU. Takes RIGHT_TRACE_OBSERVE */
    /* value: a task's id; it is added to those whose events are recorded, and all others' are not (of an event in which two
     * tasks have a part, either counts). 0: everybody's again. Takes RIGHT_TRACE_CONTROL. ERR_NOT_FOUND: no such task;
     * ERR_TOO_LONG: TRACE_ONLY_MAX are chosen. TaskName, CpuNode and IommuFault are recorded whoever is chosen, and one
     * that ends stays chosen (docs/kernel.md) */
    TRACE_CONTROL_ONLY = 2,
};
#define TRACE_ONLY_MAX 8

/* Of NetPacketIn's and NetPacketOut's protocol: bits 8 to 15 are the number of packets beyond the first. */
#define NET_PACKETS(protocol) (((protocol) >> 8 & 0xff) + 1)
#define NET_IP_PROTOCOL(protocol) ((protocol)&0xff)

/* The packet, CTF 1.8: ../shared/design/trace.md. */
#define TRACE_PACKET_SIZE 4096
#define TRACE_PACKET_HEADER 80
#define TRACE_MAGIC 0xC1FC1FC1u
