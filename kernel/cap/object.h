/* Kernel objects and who pays for them.
 *
 * Rules
 *  - Kernel lock held throughout.
 *  - An object lives while something refers to it: each capability counts one, and so does each kernel structure that
 *    points to it (a mapping, a pin, a bound signal). object_unref() of the last one destroys it.
 *  - Every byte and page that a task causes to exist is charged to its account. An account outlives its task while
 *    objects are still charged to it; then its quota goes back to the account that it came from. */
#pragma once
#include <abi/errors.h>
#include <abi/object.h>
#include <abi/types.h>

struct account {
    uint64_t limit_bytes, used_bytes; /* used <= limit; a child's whole limit counts as used here */
    uint64_t lent_bytes;              /* of used: the limits of children */
    uint32_t refs;                    /* the task and each charged object */
    struct account *parent;           /* where the limit came from; NULL for the first */
};

struct object {
    uint32_t type; /* enum object_type */
    uint32_t refs;
    uint64_t id;             /* unique since boot */
    struct account *account; /* who pays for the object itself */
    uint32_t bytes;          /* what it was charged with */
    uint32_t capabilities;   /* how many of refs are capabilities */
};

/* A child account with its limit taken from parent. NULL: parent's quota or kernel memory used up. */
struct account *account_create(struct account *parent, uint64_t limit_bytes);
void account_ref(struct account *account);
void account_unref(struct account *account);
status_t MUST_CHECK account_charge(struct account *account, uint64_t bytes);
void account_release(struct account *account, uint64_t bytes);

/* Zeroed object of the type's size, one reference, charged. NULL with *status telling why. */
struct object *object_create(enum object_type type, struct account *account, status_t *status);
void object_ref(struct object *object);
void object_unref(struct object *object);
extern uint64_t object_counts[OBJECT_TYPE_COUNT];

/* How each type is made and ends; one row a type, in object_types.c. */
struct slab_cache;
struct object_class {
    struct slab_cache *cache;
    void (*destroy)(struct object *object); /* last reference gone: release what it holds */
    void (*unnamed)(struct object *object); /* last capability gone, references may remain */
};
extern const struct object_class object_classes[OBJECT_TYPE_COUNT];
