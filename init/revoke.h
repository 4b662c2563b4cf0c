/* The order INIT_CAP_REVOKE: what ends with a capability, and how init ends it without ever blocking long.
 *
 * The kernel ends a tree of capabilities in bounded steps; between two of them init's loop serves others. One order at a
 * time: its caller waits for the answer, which comes with the last step. */
#pragma once
#include <abi/object.h>
#include <abi/types.h>

/* What follows for the service that holds it. */
enum revoke_way {
    REVOKE_ONLY = 0,    /* it ends; the service knows how to live without it */
    REVOKE_AND_RESTART, /* it ends, and the service starts anew */
    REVOKE_BY_RESTART,  /* the task is ended first: its device may write until devmgr, told by that, has quieted it */
};
/* Pure. from_init: it was derived from one of init's own capabilities; badge: the holder's, as init gives it. */
enum revoke_way revoke_way_of(const struct cap_info *cap, bool from_init, uint32_t badge);

struct service;
/* An order under way; all zero: none. */
struct revoking {
    uint32_t token; /* of the deferred answer; 0: none */
    handle_t task, handle;
    uint64_t count_before; /* capabilities in the machine */
    struct service *service;
    bool restart;
};

struct init;
struct msg;
status_t revoke_order(struct init *init, const struct msg *request, struct msg *reply);
void revoke_turn(struct init *init); /* the next step, if an order is under way */
