/* Kernel objects.
 *
 * Rules
 *  - Kernel lock held throughout.
 *  - An object lives while something refers to it: each capability counts one, and so does each kernel structure that
 *    points to it (a mapping, a pin, a bound signal). object_unref() of the last one destroys it.
 *  - It lies in a page of the account that pays for it (object_account). */
#pragma once
#include "kernel/cap/account.h"
#include <abi/object.h>

struct object {
    uint32_t type; /* enum object_type */
    uint32_t refs;
    uint64_t id;           /* unique since boot */
    uint32_t capabilities; /* how many of refs are capabilities */
    uint32_t reserved;
};

/* Zeroed object of the type's size, one reference. NULL with *status telling why. */
struct object *object_create(enum object_type type, struct account *account, status_t *status);
uint64_t object_id_next(void);          /* of the next one that is made */
void object_end(struct object *object); /* for object_unref only */
static inline void object_ref(struct object *object)
{
    object->refs++;
}
static inline void object_unref(struct object *object)
{
    if (--object->refs == 0)
        object_end(object);
}
void object_free(struct object *object); /* for a type's destroy that went on later */
struct account *object_account(const struct object *object);
extern uint64_t object_counts[OBJECT_TYPE_COUNT];

/* How each type is made and ends; one row a type, in object_types.c. */
struct object_class {
    uint32_t bytes;
    /* Last reference gone: release what it holds. False: that takes a while; it calls object_free() when done. */
    bool (*destroy)(struct object *object);
    void (*unnamed)(struct object *object); /* last capability gone, references may remain */
};
extern const struct object_class object_classes[OBJECT_TYPE_COUNT];
