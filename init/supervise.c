#include "init/supervise.h"

static uint64_t wait_after(uint32_t tries)
{
    uint64_t wait = SUPERVISE_FIRST_WAIT_NS;
    for (uint32_t i = 1; i < tries && wait < SUPERVISE_LONGEST_WAIT_NS; i++)
        wait *= 2;
    return wait < SUPERVISE_LONGEST_WAIT_NS ? wait : SUPERVISE_LONGEST_WAIT_NS;
}

void supervise_started(struct supervision *s)
{
    s->state = SERVICE_STARTING;
    s->starts++;
}

void supervise_ready(struct supervision *s, uint64_t now_ns)
{
    s->state = SERVICE_UP;
    s->ready_ns = now_ns;
}

void supervise_died(struct supervision *s, enum restart_policy policy, uint64_t now_ns)
{
    bool was_healthy = s->state == SERVICE_UP && now_ns - s->ready_ns >= SUPERVISE_HEALTHY_NS;
    s->tries = was_healthy ? 1 : s->tries + 1;
    s->due_ns = now_ns + wait_after(s->tries);
    s->state = s->tries > SUPERVISE_TRIES ? SERVICE_GIVEN_UP : SERVICE_BACKING_OFF;
    if (policy == RESTART_NEVER)
        s->state = SERVICE_STOPPED;
}

void supervise_give_up(struct supervision *s)
{
    s->state = SERVICE_GIVEN_UP;
}

void supervise_stop(struct supervision *s)
{
    s->state = SERVICE_STOPPED;
    s->tries = 0;
}

void supervise_start_now(struct supervision *s, uint64_t now_ns)
{
    s->tries = 0;
    supervise_follow(s, now_ns);
}

void supervise_follow(struct supervision *s, uint64_t now_ns)
{
    s->state = SERVICE_BACKING_OFF;
    s->due_ns = now_ns;
}

bool supervise_alive(const struct supervision *s)
{
    return s->state == SERVICE_STARTING || s->state == SERVICE_UP;
}

uint64_t supervise_due(const struct supervision *s)
{
    return s->state == SERVICE_BACKING_OFF ? s->due_ns : DEADLINE_NEVER;
}
