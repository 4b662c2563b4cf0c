/* Where all of lwIP's objects come from: free lists by size in pinned memory, grown page-wise up to a limit, so that an
 * idle netsrv is small and a busy one does not fail at a pool's fixed size.
 *
 * Rules
 *  - Objects are aligned to 8 bytes and lie in memory that the device can read (packet headers go out uncopied).
 *  - One size (TCP's control blocks) has a limit in number: past it NULL makes lwIP recycle connections in TIME_WAIT.
 *  - Memory once grown stays in the free lists.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

void heap_init(size_t limit_bytes, size_t counted_size, uint32_t counted_limit);
void *heap_alloc(size_t bytes);
void *heap_calloc(size_t count, size_t bytes);
void heap_free(void *object);
size_t heap_used(void);  /* bytes in objects that are out */
size_t heap_grown(void); /* bytes taken so far */
size_t heap_limit(void); /* bytes */
