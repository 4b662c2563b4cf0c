#include "tests/system/load/load.h"

#define CHILDREN 12

int64_t mayfly_code(uint64_t argument)
{
    return (int64_t)((argument * 0x9e3779b97f4a7c15ul) >> 16);
}

/* A small tree: what is revoked is gone, its root works on. */
static bool tree_holds(uint64_t argument)
{
    result_t root = signal_create(), children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        children[i] = cap_mint(i % 3 ? (handle_t)children[i - 1] : (handle_t)root, RIGHTS_ALL, 0);
    bool all = root > 0 && children[CHILDREN - 1] > 0;
    struct cap_info info;
    return all && cap_revoke((handle_t)root) == OK && signal_raise((handle_t)root, argument | 1) == OK &&
           cap_info((handle_t)children[argument % CHILDREN], &info) == ERR_BAD_HANDLE;
}

int64_t mayfly_run(uint64_t argument)
{
    if (!tree_holds(argument))
        return -1;
    if (mayfly_end(argument) == MAYFLY_FAULTS)
        *(volatile uint64_t *)(argument & 0xff8) = 0; /* page 0 is never mapped */
    while (mayfly_end(argument) == MAYFLY_SPINS) {}
    return mayfly_code(argument);
}
