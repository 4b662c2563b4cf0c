/* Reading an ELF64 program (System V gABI, chapters 4 and 5).
 *
 * Pure: no system call. The file is material to judge: whatever its bytes are, nothing outside it is read, and what
 * elf_parse accepts is safe to load:
 *  - segments ascend, share no page, lie in [USER_BASE, USER_TOP) and come to ELF_IMAGE_MAX at most;
 *  - each one's bytes lie inside the file; none is writable and executable at once;
 *  - the entry lies in an executable segment. */
#pragma once
#include <abi/errors.h>
#include <abi/memory.h>

#define ELF_SEGMENTS_MAX 8
#define ELF_IMAGE_MAX (64ul << 20)

struct elf_segment {
    uint64_t first_page; /* address of its first page */
    size_t pages;
    size_t lead;                    /* bytes before the data in the first page */
    size_t file_offset, file_bytes; /* what to copy; the rest is zero */
    uint32_t protection;            /* PROT_ bits */
};

struct elf_image {
    uint64_t entry, end; /* end: address behind the last page */
    size_t pages;        /* of all segments */
    size_t segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
};

/* OK; ERR_BAD_MESSAGE: broken or not ELF64 for x86_64; ERR_NOT_SUPPORTED: not a static program; ERR_TOO_LONG: too many
 * segments or too large; ERR_INVALID: a segment that must not be (addresses, W and X, overlap). */
status_t elf_parse(const uint8_t *file, size_t size, struct elf_image *image) MUST_CHECK;
