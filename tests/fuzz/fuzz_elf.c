/* Any bytes: what elf_parse accepts keeps every promise of init/elf.h. Half of the inputs get a good header, so that the
 * fuzzer reaches the segments. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include "init/elf.h"

static void mend(uint8_t *file, size_t size)
{
    Elf64_Ehdr header;
    if (size < sizeof header + sizeof(Elf64_Phdr))
        return;
    memcpy(&header, file, sizeof header);
    memcpy(header.e_ident, "\177ELF\2\1\1", 7);
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phoff = sizeof header;
    header.e_phnum = (uint16_t)((size - sizeof header) / sizeof(Elf64_Phdr) % 12);
    memcpy(file, &header, sizeof header);
}

static void check(const struct elf_image *image, size_t size)
{
    uint64_t end = USER_BASE;
    bool entry = false;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        bool both = (s->protection & PROT_WRITE) && (s->protection & PROT_EXEC);
        if (s->first_page < end || s->first_page % PAGE_SIZE || s->pages == 0 || both ||
            s->pages > (USER_TOP - s->first_page) / PAGE_SIZE || s->file_offset > size ||
            s->file_bytes > size - s->file_offset || s->lead >= PAGE_SIZE ||
            s->file_bytes > s->pages * PAGE_SIZE - s->lead)
            abort();
        end = s->first_page + s->pages * PAGE_SIZE;
        entry |= (s->protection & PROT_EXEC) && image->entry >= s->first_page && image->entry < end;
    }
    if (!entry || end != image->end || image->pages > ELF_IMAGE_MAX / PAGE_SIZE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_image image;
    if (size == 0)
        return 0;
    uint8_t *file = malloc(size);
    memcpy(file, data, size);
    if (data[size - 1] & 1)
        mend(file, size);
    if (elf_parse(file, size, &image) == OK)
        check(&image, size);
    free(file);
    return 0;
}
