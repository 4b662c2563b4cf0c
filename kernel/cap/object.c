#include <string.h>
#include "kernel/cap/object.h"
#include "kernel/memory/slab.h"

uint64_t object_counts[OBJECT_TYPE_COUNT];
static uint64_t next_object_id = 1;

struct object *object_create(enum object_type type, struct account *account, status_t *status)
{
    uint32_t bytes = object_classes[type].bytes;
    *status = OK;
    struct object *object = slab_alloc(account, SLAB_CLASS_OF(bytes), status);
    if (!object)
        return NULL;
    memset(object, 0, bytes);
    object->type = type;
    object->refs = 1;
    object->id = next_object_id++;
    object_counts[type]++;
    return object;
}

uint64_t object_id_next(void)
{
    return next_object_id;
}

struct account *object_account(const struct object *object)
{
    return slab_account(object);
}

void object_free(struct object *object)
{
    object_counts[object->type]--;
    slab_free(object);
}

void object_end(struct object *object)
{
    const struct object_class *class = &object_classes[object->type];
    if (!class->destroy || class->destroy(object))
        object_free(object);
}
