/* Any bytes: a walk ends, and every file lies inside the archive. Checksums are mended in half of the inputs, so that the
 * fuzzer gets past them. */
#include <stdlib.h>
#include <string.h>
#include "init/tar.h"

static volatile uint8_t kept; /* so that reading every byte is not optimized away */

static void mend(uint8_t *archive, size_t size)
{
    for (size_t at = 0; size - at >= TAR_BLOCK; at += TAR_BLOCK) {
        uint8_t *header = archive + at;
        unsigned sum = 0;
        memset(header + 148, ' ', 8);
        for (unsigned i = 0; i < TAR_BLOCK; i++)
            sum += header[i];
        for (int digit = 5; digit >= 0; digit--, sum >>= 3)
            header[148 + digit] = (uint8_t)('0' + (sum & 7));
        memcpy(header + 257, "ustar", 6);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tar_file file;
    size_t offset = 0, before = 0;
    if (size == 0)
        return 0;
    uint8_t *archive = malloc(size);
    memcpy(archive, data, size);
    if (data[size - 1] & 1)
        mend(archive, size);
    while (tar_next(archive, size, &offset, &file) == OK) {
        uint8_t sum = 0;
        if (offset <= before || offset > size || file.data < archive ||
            file.size > (size_t)(archive + size - file.data))
            abort();
        for (size_t i = 0; i < file.size; i++)
            sum ^= file.data[i];
        kept = sum;
        before = offset;
    }
    free(archive);
    return 0;
}
