/* Memory objects and mappings. */
#pragma once
#include <abi/types.h>

/* memory_create(pages, flags): zeroed pages, charged to the caller until the last capability and mapping are gone. */
#define MEMORY_CONTIGUOUS (1u << 0) /* one physical run (for device rings) */
#define MEMORY_DEVICE (1u << 1)     /* only as told by info: made with devmem_create */
/* From a NUMA node, or the next one that has any: for a task at home there. Else from the caller's home. ERR_NOT_FOUND:
 * there is no such node. */
#define MEMORY_NEAR(node) (((node) + 1u) << MEMORY_NEAR_SHIFT)
#define MEMORY_NEAR_SHIFT 8
#define MEMORY_NEAR_ANY (0xffu << MEMORY_NEAR_SHIFT)

/* memory_map(task, memory, address, offset_pages, pages, protection): address 0 lets the kernel choose; task is
 * HANDLE_NONE for the caller itself. Never writable and executable at once; page 0 and the kernel half never. */
#define PROT_READ 1u
#define PROT_WRITE 2u
#define PROT_EXEC 4u

#define USER_BASE 0x1000ul
#define USER_TOP 0x00007ffffffff000ul
