/* The kernel's log: a ring of text that system_info(INFO_LOG) reads, and the serial port for what the boot option
 * log= lets through. */
#pragma once
#include <abi/types.h>

enum klog_level { KLOG_ERROR = 0, KLOG_WARNING = 1, KLOG_INFO = 2, KLOG_DEBUG = 3, KLOG_SECRET = 4 };
/* SECRET: to the serial port whatever the level, and kept nowhere: the ring is open to observers. */
#define KLOG_SIZE 65536

/* "[    0.012345] kernel: text\n"; at most 240 bytes of text. %d %u %x %lx %lu %s %c %p and widths, no more. */
void klog(enum klog_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a task's line. */
void klog_text(enum klog_level level, const char *who, const char *text, size_t length);
void klog_set_level(enum klog_level level);
/* Text as it stands, to the ring and the serial port whatever the level: panics. */
void klog_raw(const char *text, size_t length);
/* Told of each line (its level and the position of its first byte); NULL at first, the trace sets it. */
extern void (*klog_observer)(enum klog_level level, uint64_t position);
/* Copies text from byte position *position on (moved forward to the oldest byte kept); returns bytes. */
size_t klog_read(uint64_t *position, char *buffer, size_t bytes);
uint64_t klog_end(void);
int ksnprintf(char *buffer, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
int kvsnprintf(char *buffer, size_t bytes, const char *format, __builtin_va_list args);

/* Stops the machine: other CPUs stop, the last 32 trace events, registers, a backtrace with symbols on the serial
 * port, then halt. regs may be NULL. */
struct trap_frame;
_Noreturn void panic(const struct trap_frame *regs, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define KASSERT(e) ((e) ? (void)0 : panic(NULL, "assertion failed: %s (%s:%d)", #e, __FILE__, __LINE__))
