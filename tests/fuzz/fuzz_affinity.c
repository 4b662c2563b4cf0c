/* Any value of the boot option affinity=: no byte behind it is read, a fault points into it, and a service gets CPUs when
 * and only when there is none. */
#include <stdlib.h>
#include <string.h>
#include "init/affinity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct manifest_entry entries[] = {{.name = "a"}, {.name = "netsrv"}, {.name = "b-2"}};
    uint64_t masks[3] = {0};
    char *value = malloc(size + !size); /* its own, so that the sanitizer sees its end */
    if (!value)
        abort();
    memcpy(value, data, size);
    struct affinity_fault fault = affinity_read(value, size, entries, 3, masks);
    bool given = masks[0] || masks[1] || masks[2];
    if (given == (fault.why != NULL))
        abort();
    if (fault.why && (fault.text < value || fault.length > size - (size_t)(fault.text - value)))
        abort();
    free(value);
    return 0;
}
