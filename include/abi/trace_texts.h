/* What each event of abi/trace_events.h means, in a few words: for docs/trace-events.md (`make docs/trace-events.md`) and
 * for whoever shows events. T(Name, what happened, who records it and when, fields); fields: a D(name, meaning and unit) for
 * each of the event's, in any order. lib/trace_texts.c does not compile while an event or a field has none. */
#pragma once

/* clang-format off */
#define TRACE_TEXTS(T, D) \
    T(TimerTick, "the timer interrupt came", "the kernel; there is no tick, the timer is set for the next deadline or the end of a time slice", \
        D(tick, "when the kernel looked at the clock, ns since boot")) \
    T(ContextSwitch, "another task runs from here on", "the kernel, on each switch", \
        D(prev_task, "task that ran until now; 0: the CPU was idle") \
        D(next_task, "task that runs now; 0: the CPU is idle") \
        D(reason, "why the first one stopped")) \
    T(SyscallEntry, "a system call began", "the kernel, on entry, before it looks at the arguments", \
        D(task, "who calls") D(number, "which call: include/abi/syscall.h")) \
    T(SyscallExit, "a system call ended", "the kernel, when the task has its answer", \
        D(task, "who called") D(result, "low 32 bits of the answer; negative: an error of include/abi/errors.h")) \
    T(IpcSend, "messages went into a channel's queue", "the kernel, once for each send", \
        D(task, "who sends") D(channel, "object id of the channel") D(op, "operation of the first message") \
        D(count, "messages of the batch that were taken")) \
    T(IpcReceive, "messages came out of a channel's queue", "the kernel, when recv or reply_recv hands over a batch from the queue; a call that is switched straight to its server shows as IpcCall alone", \
        D(task, "who receives") D(channel, "object id of the channel") D(op, "operation of the first message") \
        D(count, "messages of the batch")) \
    T(IpcCall, "a task sent a request and waits for the answer", "the kernel, when the request is in the caller's slot", \
        D(task, "who calls") D(channel, "object id of the channel") D(op, "operation: include/proto/") \
        D(badge, "low half of the badge of the caller's capability")) \
    T(IpcReply, "a call was answered", "the kernel, for each answer", \
        D(task, "who answers") D(caller, "task that called") D(op, "operation, as in the answer") \
        D(status, "the answer's status; 0: OK")) \
    T(Wakeup, "a waiting task became ready", "the kernel; the task runs at its ContextSwitch", \
        D(task, "who was woken") D(by_task, "task that ran when it happened, which need not be the cause")) \
    T(Block, "a task waits", "the kernel, before the switch away from it", \
        D(task, "who waits") D(on, "what for") D(object, "object id of the channel it waits at")) \
    T(PageFault, "a task touched memory that it has not, or not so", "the kernel, before the UserFault that follows", \
        D(address, "what it touched") D(task, "whose access") D(error, "the processor's error code (Intel SDM 3A §4.7)")) \
    T(UserFault, "a task stopped by an exception", "the kernel, when it tells the supervisor", \
        D(ip, "instruction at which it stands") D(task, "who stopped") D(vector, "exception; 6: invalid opcode, 13: protection, 14: page fault")) \
    T(IrqEntry, "an interrupt came", "the kernel, before it is handled", \
        D(vector, "interrupt vector; 239 is the timer") D(task, "task that was interrupted; 0: the CPU was idle")) \
    T(IrqExit, "an interrupt was handled", "the kernel, after the end-of-interrupt; who was woken runs after this", \
        D(vector, "as in IrqEntry") D(task, "as in IrqEntry")) \
    T(SignalRaise, "doorbell bits were raised", "the kernel, on each signal_raise", \
        D(bits, "the bits, those that the capability may raise") D(signal, "object id of the signal") D(by_task, "who raised them")) \
    T(CapMint, "a capability with fewer rights was made", "the kernel, on cap_mint", \
        D(task, "who made it and holds it") D(handle, "the new one's handle") D(object, "id of the object it names") \
        D(rights, "its rights: include/abi/object.h")) \
    T(CapGrant, "a capability went from one task to another", "the kernel, on task_grant and for each capability in a message that arrived", \
        D(from_task, "who gave") D(to_task, "who has it now") D(object, "id of the object it names") D(rights, "its rights: include/abi/object.h")) \
    T(CapRevoke, "what was derived from a capability was ended", "the kernel, for each step of cap_revoke and task_revoke: a long one has several", \
        D(task, "who revoked") D(handle, "handle of the capability, in the table of who holds it") D(object, "id of the object it names") \
        D(count, "capabilities that ended in this step")) \
    T(CapClose, "a task gave a capability back", "the kernel, on cap_close", \
        D(task, "who closed it") D(handle, "the handle it had") D(object, "id of the object it named") \
        D(type, "the object's type: enum object_type")) \
    T(MemoryMap, "memory was mapped", "the kernel, for each mapping", \
        D(address, "where, in the task") D(task, "in whose memory") D(pages, "pages of 4 KiB")) \
    T(MemoryUnmap, "a mapping ended", "the kernel: unmapped, revoked, or the task is gone", \
        D(address, "where it was") D(task, "in whose memory") D(pages, "pages of 4 KiB")) \
    T(FrameAlloc, "page frames were given out", "the kernel, for objects, tables and memory", \
        D(address, "physical address") D(task, "who pays for them; 0: the kernel") D(order, "2 to the power of this many frames of 4 KiB")) \
    T(DmaPin, "memory was pinned for a device", "the kernel, on dma_pin", \
        D(address, "first address by which the device reaches it") D(device, "the device's bus id: bus << 8 | device << 3 | function") \
        D(pages, "pages of 4 KiB")) \
    T(TaskStart, "a task can run from now on", "the kernel, with a TaskName after it", \
        D(task, "the new task") D(by_task, "who started it")) \
    T(TaskExit, "a task ended", "the kernel: it exited or was killed; what it held is taken back after this", \
        D(task, "who ended") D(code, "low 32 bits of its exit code")) \
    T(LogLine, "a line was written to the log", "the kernel, for its own lines and for tasks' log_write", \
        D(task, "task that ran then: the writer, when it is a task's line") D(level, "0 error, 1 warning, 2 info, 3 debug") \
        D(position, "byte of the log at which the line begins: the console's log shows the text")) \
    T(UserEvent, "a task's own event without a name", "any task that may emit, by trace_emit", \
        D(task, "who emitted it: the kernel's word") D(event, "what the task says") D(value, "what the task says")) \
    T(IommuFault, "a device reached for memory that is not pinned for it", "the kernel, for each report of the IOMMU that is the first of its device", \
        D(address, "what it reached for; of a forged interrupt, its number in the remapping table") D(device, "the device's bus id: bus << 8 | device << 3 | function") \
        D(reason, "fault reason code of the Intel VT-d specification")) \
    T(TaskName, "the name of a task", "the kernel, when a task starts, and for all tasks when a reader asks", \
        D(task, "the task") D(node, "its home node") D(name_lo, "first 8 characters, the first one lowest") D(name_hi, "next 8 characters; zeros fill it up")) \
    T(CpuIpi, "a CPU interrupts another", "the kernel, by who sends it; not when the other will look anyway", \
        D(to_cpu, "who is interrupted") D(reason, "what for")) \
    T(Migrate, "a task will run on another CPU than it did", "the kernel, when it decides so: on the CPU that decides", \
        D(task, "the task") D(reason, "why") D(from_cpu, "where it ran last") D(to_cpu, "where it is to run")) \
    T(LockWait, "a CPU got the kernel lock after others", "the kernel, when it has waited for 1 us or more", \
        D(waited_ns, "how long, ns")) \
    T(LockHold, "a CPU gave the kernel lock back", "the kernel with several CPUs, when it held it for 100 us or more", \
        D(held_ns, "how long, ns")) \
    T(CpuNode, "where a CPU is", "the kernel, when a CPU starts, and for all CPUs when a reader asks", \
        D(cpu, "the CPU") D(node, "its NUMA node")) \
    T(ServiceRestart, "a service that ended runs again", "init, when the new one is started", \
        D(task, "init") D(new_task, "the service's new task") D(restarts, "restarts of this service so far") D(code, "low 32 bits of the old one's exit code")) \
    T(NetPacketIn, "packets came from the network", "netsrv: those of one flow within 4 ms, 256 at most, are one event, at the latest before the flow's next TcpState or TcpRetransmit", \
        D(task, "netsrv") D(bytes, "with the Ethernet headers, all packets together") \
        D(protocol, "EtherType << 16 | packets beyond the first << 8 | IP protocol") \
        D(ports, "local port << 16 | remote port; 0: none")) \
    T(NetPacketOut, "packets went to the network", "netsrv: those of one flow within 4 ms, 256 at most, are one event, at the latest before the flow's next TcpState or TcpRetransmit", \
        D(task, "netsrv") D(bytes, "with the Ethernet headers, all packets together") \
        D(protocol, "EtherType << 16 | packets beyond the first << 8 | IP protocol") \
        D(ports, "local port << 16 | remote port; 0: none")) \
    T(TcpState, "a TCP connection has another state", "netsrv, for each change", \
        D(task, "netsrv") D(state, "the new state") D(local_port, "ours") D(remote_port, "the peer's")) \
    T(TcpRetransmit, "TCP sent again what was not acknowledged", "netsrv, for each segment", \
        D(task, "netsrv") D(bytes, "payload of the segment") D(local_port, "ours") D(remote_port, "the peer's")) \
    T(JarvisPlan, "a request became a plan", "jarvis, before the plan's first step", \
        D(task, "jarvis") D(plan, "number of the plan since jarvis started") D(steps, "steps that it has") D(session, "session that asked")) \
    T(JarvisStep, "a step of a plan is done", "jarvis, for each step, those that undo one too", \
        D(task, "jarvis") D(plan, "number of the plan") D(step, "which of its steps, the first is 1") D(status, "what came of it; 0: OK"))
/* clang-format on */
