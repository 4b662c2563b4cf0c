#include "kernel/cap/object.h"
#include "kernel/memory/slab.h"

static struct slab_cache account_cache = SLAB_CACHE("account", struct account);
uint64_t object_counts[OBJECT_TYPE_COUNT];
static uint64_t next_object_id = 1;

struct account *account_create(struct account *parent, uint64_t limit_bytes)
{
    if (parent && account_charge(parent, limit_bytes))
        return NULL;
    struct account *account = slab_alloc(&account_cache);
    if (!account) {
        if (parent)
            account_release(parent, limit_bytes);
        return NULL;
    }
    *account = (struct account){.limit_bytes = limit_bytes, .refs = 1, .parent = parent};
    if (parent) {
        account_ref(parent);
        parent->lent_bytes += limit_bytes;
    }
    return account;
}

void account_ref(struct account *account)
{
    account->refs++;
}

/* A chain of parents may end together: a loop, not a recursion. */
void account_unref(struct account *account)
{
    while (account && --account->refs == 0) {
        struct account *parent = account->parent;
        if (parent) {
            account_release(parent, account->limit_bytes);
            parent->lent_bytes -= account->limit_bytes;
        }
        slab_free(&account_cache, account);
        account = parent;
    }
}

status_t account_charge(struct account *account, uint64_t bytes)
{
    if (bytes > account->limit_bytes - account->used_bytes)
        return ERR_QUOTA;
    account->used_bytes += bytes;
    return OK;
}

void account_release(struct account *account, uint64_t bytes)
{
    account->used_bytes -= bytes;
}

struct object *object_create(enum object_type type, struct account *account, status_t *status)
{
    struct slab_cache *cache = object_classes[type].cache;
    *status = account_charge(account, cache->object_bytes);
    if (*status)
        return NULL;
    struct object *object = slab_alloc(cache);
    if (!object) {
        account_release(account, cache->object_bytes);
        *status = ERR_NO_MEMORY;
        return NULL;
    }
    object->type = type;
    object->refs = 1;
    object->id = next_object_id++;
    object->account = account;
    object->bytes = cache->object_bytes;
    account_ref(account);
    object_counts[type]++;
    return object;
}

void object_ref(struct object *object)
{
    object->refs++;
}

void object_unref(struct object *object)
{
    if (--object->refs)
        return;
    const struct object_class *class = &object_classes[object->type];
    struct account *account = object->account;
    uint32_t bytes = object->bytes;
    object_counts[object->type]--;
    if (class->destroy)
        class->destroy(object);
    slab_free(class->cache, object);
    account_release(account, bytes);
    account_unref(account);
}
