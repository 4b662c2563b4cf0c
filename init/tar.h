/* Reading a ustar archive in memory (POSIX.1-2017 pax, "ustar Interchange Format").
 *
 * Pure: no system call, nothing copied, no state. The archive is material to judge: whatever its bytes are, nothing
 * outside [archive, archive + size) is read, and a file that is returned lies wholly inside.
 * Only regular files with a short name (no prefix) are seen; others are stepped over. A broken header ends the archive. */
#pragma once
#include <abi/errors.h>
#include <abi/types.h>

#define TAR_BLOCK 512
#define TAR_NAME_MAX 100

struct tar_file {
    char name[TAR_NAME_MAX + 1];
    const uint8_t *data; /* 512-byte aligned relative to the archive */
    size_t size;
};

/* The next regular file at or after *offset (start with 0), which moves behind it. OK, ERR_NOT_FOUND at the end, or
 * ERR_BAD_MESSAGE when the archive is broken there. */
status_t tar_next(const uint8_t *archive, size_t size, size_t *offset, struct tar_file *file) MUST_CHECK;
status_t tar_find(const uint8_t *archive, size_t size, const char *name, struct tar_file *file) MUST_CHECK;
