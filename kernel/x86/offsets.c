/* What the assembler files know of the kernel's structs, proved: offsets.inc is the one list for both. */
#include "kernel/ipc/ipc.h"
#include "kernel/memory/memory_object.h"
#include "kernel/sched/kernel_lock.h"
#include "kernel/trace/trace.h"
#include <abi/syscall.h>

#define OFFSET(name, offset, type, member) _Static_assert(offsetof(struct type, member) == (offset), #name);
#include "kernel/x86/offsets.inc"
#undef OFFSET

/* ipc_short.asm's other numbers */
_Static_assert(SYS_channel_call == 1 && SYS_channel_reply_recv == 2 && SYS_COUNT == 43, "system call numbers");
_Static_assert(TASK_READY == 1 && TASK_RECEIVING == 2 && TASK_REPLYING == 4, "task states");
_Static_assert(OBJECT_CHANNEL == 3 && RIGHT_CHANNEL_SEND == 1 << 18 && RIGHT_CHANNEL_RECV == 1 << 19, "rights");
_Static_assert(CAP_ENTRIES_PER_PAGE == 256 && sizeof(struct cap_entry) == 16, "capability table");
_Static_assert(offsetof(struct cap_entry, cap) == 0 && offsetof(struct cap_entry, handle) == 8, "capability table");
_Static_assert(TASKS_MAX == 1024 && MSG_BATCH_MAX == 64, "limits");
_Static_assert(USER_BASE == 0x1000 && USER_TOP == 0x7ffffffff000 && sizeof(struct msg) == 256, "user memory");
_Static_assert(MSG_CALL == 1 && MSG_REPLY == 2 && offsetof(struct msg_header, token) == 12, "message header");
_Static_assert(TRACE_ContextSwitch == 2 && TRACE_SyscallEntry == 3 && TRACE_SyscallExit == 4, "trace events");
_Static_assert(TRACE_IpcCall == 7 && TRACE_IpcReply == 8, "trace events");
_Static_assert(TRACE_SWITCH_CALL == 1 && TRACE_SWITCH_REPLY == 2, "reasons of a switch");
_Static_assert(TRACE_CLASS_SYSCALL == 2, "trace classes");
_Static_assert(TRACE_SHORT_NOTHING<TRACE_SHORT_USUAL && TRACE_SHORT_USUAL == 1 && TRACE_SHORT_ALL> TRACE_SHORT_USUAL
                       &&TRACE_SHORT_GENERAL == 3,
               "what the short path records");
_Static_assert(TRACE_BURST_WORDS_MAX >= 10, "room for a burst");
