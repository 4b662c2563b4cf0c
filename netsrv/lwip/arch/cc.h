/* lwIP's view of compiler and platform. Also compiled for the host, in tests. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BYTE_ORDER LITTLE_ENDIAN
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 0
#define LWIP_TIMEVAL_PRIVATE 0

#define PACK_STRUCT_BEGIN
#define PACK_STRUCT_STRUCT __attribute__((packed))
#define PACK_STRUCT_END

#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

uint16_t packet_sum(const void *bytes, int length); /* netsrv/checksum.c */
void *packet_copy(void *to, const void *from, size_t length);
#define LWIP_CHKSUM packet_sum

void *heap_alloc(size_t bytes); /* netsrv/heap.c */
void *heap_calloc(size_t count, size_t bytes);
void heap_free(void *object);

uint32_t net_random(void); /* netsrv/port.c */
#define LWIP_RAND() net_random()

_Noreturn void assert_failed(const char *expression, const char *file, int line); /* lib/runtime.h */
#define LWIP_PLATFORM_ASSERT(message) assert_failed(message, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(message) ((void)0)
