#include "init/tar.h"

#include <string.h>

#define MODE_REGULAR '0'

struct ustar_header { /* POSIX.1-2017 pax, table "ustar Header Block" */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type, link_name[100], magic[6], version[2];
    char user[32], group[32], device_major[8], device_minor[8], prefix[155], padding[12];
};
_Static_assert(sizeof(struct ustar_header) == TAR_BLOCK, "a header is one block");

/* Octal digits up to a space, a NUL or the field's end. */
static bool octal(const char *field, size_t length, uint64_t *value)
{
    size_t i = 0;
    for (*value = 0; i < length && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0'); /* 11 digits at most: 33 bits */
    return i > 0 && (i == length || field[i] == ' ' || field[i] == 0);
}

/* The sum of all bytes, the checksum's own taken as spaces. */
static uint64_t checksum_of(const struct ustar_header *header)
{
    const uint8_t *bytes = (const uint8_t *)header;
    uint64_t sum = 8 * ' ';
    for (size_t i = 0; i < sizeof *header; i++)
        sum += bytes[i];
    for (size_t i = 0; i < sizeof header->checksum; i++)
        sum -= (uint8_t)header->checksum[i];
    return sum;
}

static bool header_valid(const struct ustar_header *header, uint64_t *size)
{
    uint64_t checksum;
    return memcmp(header->magic, "ustar", 5) == 0 && octal(header->checksum, sizeof header->checksum, &checksum) &&
           checksum == checksum_of(header) && octal(header->size, sizeof header->size, size);
}

static bool is_plain_file(const struct ustar_header *header)
{
    return (header->type == MODE_REGULAR || header->type == 0) && header->prefix[0] == 0 && header->name[0] != 0;
}

/* Reads the member at `offset`. *next is where the one after it begins. */
static status_t member_at(const uint8_t *archive, size_t size, size_t offset, struct tar_file *file, size_t *next,
                          bool *plain)
{
    struct ustar_header header;
    uint64_t bytes;
    if (offset >= size || size - offset < TAR_BLOCK || archive[offset] == 0)
        return ERR_NOT_FOUND;
    memcpy(&header, archive + offset, sizeof header);
    offset += TAR_BLOCK;
    if (!header_valid(&header, &bytes) || bytes > size - offset)
        return ERR_BAD_MESSAGE;
    memcpy(file->name, header.name, TAR_NAME_MAX);
    file->name[TAR_NAME_MAX] = 0;
    file->data = archive + offset;
    file->size = bytes;
    size_t padding = (size_t)(TAR_BLOCK - bytes % TAR_BLOCK) % TAR_BLOCK;
    *next = padding > size - offset - bytes ? size : offset + bytes + padding;
    *plain = is_plain_file(&header);
    return OK;
}

status_t tar_next(const uint8_t *archive, size_t size, size_t *offset, struct tar_file *file)
{
    for (;;) {
        size_t next;
        bool plain;
        status_t status = member_at(archive, size, *offset, file, &next, &plain);
        if (status != OK)
            return status;
        *offset = next;
        if (plain)
            return OK;
    }
}

status_t tar_find(const uint8_t *archive, size_t size, const char *name, struct tar_file *file)
{
    size_t offset = 0;
    for (;;) {
        status_t status = tar_next(archive, size, &offset, file);
        if (status != OK || strcmp(file->name, name) == 0)
            return status;
    }
}
