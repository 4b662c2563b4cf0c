/* Free lists by size: see heap.h. */
#include "netsrv/heap.h"

#include <string.h>

#include "netsrv/dma.h"

#define GROW_PAGES 16u

struct object {
    union {
        struct object *next; /* in the free list */
        uint64_t class;      /* in use: the header before the caller's bytes */
    };
};

/* Sizes with the header. The last one is for the counted size. */
static const uint16_t sizes[] = {40, 64, 104, 136, 200, 264, 520, 1032, 2056};
#define CLASSES (sizeof sizes / sizeof *sizes)
#define COUNTED CLASSES

static struct {
    struct object *free[CLASSES + 1];
    uint8_t *fresh; /* not yet cut */
    size_t fresh_bytes;
    size_t limit, grown, used;
    size_t counted_size; /* with the header */
    uint32_t counted, counted_limit;
} heap;

void heap_init(size_t limit_bytes, size_t counted_size, uint32_t counted_limit)
{
    memset(&heap, 0, sizeof heap);
    heap.limit = limit_bytes;
    heap.counted_size = ((counted_size + 7) & ~(size_t)7) + sizeof(struct object);
    heap.counted_limit = counted_limit;
}

static size_t class_of(size_t bytes)
{
    if (bytes == heap.counted_size)
        return COUNTED;
    size_t class = 0;
    while (class < CLASSES && sizes[class] < bytes)
        class ++;
    return class < CLASSES ? class : CLASSES + 1;
}

static size_t size_of(size_t class)
{
    return class == COUNTED ? heap.counted_size : sizes[class];
}

static bool grow(void)
{
    struct dma_area area;
    size_t bytes = GROW_PAGES * PAGE_SIZE;
    if (heap.limit - heap.grown < bytes || dma_area_new(&area, GROW_PAGES) != OK)
        return false;
    heap.grown += bytes;
    heap.fresh = area.address;
    heap.fresh_bytes = bytes;
    return true;
}

static struct object *cut(size_t class)
{
    size_t size = size_of(class);
    if (heap.fresh_bytes < size && !grow()) /* what was left is lost: at most one object a chunk */
        return NULL;
    struct object *object = (struct object *)heap.fresh;
    heap.fresh += size;
    heap.fresh_bytes -= size;
    return object;
}

void *heap_alloc(size_t bytes)
{
    size_t class = class_of(((bytes + 7) & ~(size_t)7) + sizeof(struct object));
    if (class > COUNTED || (class == COUNTED && heap.counted >= heap.counted_limit))
        return NULL;
    struct object *object = heap.free[class];
    if (object)
        heap.free[class] = object->next;
    else if (!(object = cut(class)))
        return NULL;
    heap.counted += class == COUNTED;
    heap.used += size_of(class);
    object->class = class;
    return object + 1;
}

void *heap_calloc(size_t count, size_t bytes)
{
    void *object = bytes && count > SIZE_MAX / bytes ? NULL : heap_alloc(count * bytes);
    if (object)
        memset(object, 0, count * bytes);
    return object;
}

void heap_free(void *pointer)
{
    struct object *object = (struct object *)pointer - 1;
    size_t class = object->class;
    ASSERT(class <= COUNTED);
    heap.counted -= class == COUNTED;
    heap.used -= size_of(class);
    object->next = heap.free[class];
    heap.free[class] = object;
}

size_t heap_used(void)
{
    return heap.used;
}

size_t heap_grown(void)
{
    return heap.grown;
}

size_t heap_limit(void)
{
    return heap.limit;
}
