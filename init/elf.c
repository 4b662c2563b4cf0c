#include "init/elf.h"

#include <elf.h>
#include <string.h>

static bool header_valid(const Elf64_Ehdr *header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
           header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_ident[EI_VERSION] == EV_CURRENT &&
           header->e_machine == EM_X86_64 && header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum > 0;
}

static bool table_inside(const Elf64_Ehdr *header, size_t size)
{
    return header->e_phoff <= size && header->e_phnum <= (size - header->e_phoff) / sizeof(Elf64_Phdr);
}

static status_t check_bounds(const Elf64_Phdr *p, size_t size)
{
    if (p->p_offset > size || p->p_filesz > size - p->p_offset || p->p_filesz > p->p_memsz)
        return ERR_BAD_MESSAGE;
    if (p->p_vaddr < USER_BASE || p->p_vaddr >= USER_TOP || p->p_memsz > USER_TOP - p->p_vaddr)
        return ERR_INVALID;
    if ((p->p_flags & PF_W) && (p->p_flags & PF_X))
        return ERR_INVALID;
    return p->p_memsz > ELF_IMAGE_MAX ? ERR_TOO_LONG : OK;
}

static uint32_t protection_of(uint32_t flags)
{
    return PROT_READ | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

static status_t add_segment(struct elf_image *image, const Elf64_Phdr *p)
{
    uint64_t first = p->p_vaddr & ~(PAGE_SIZE - 1);
    uint64_t end = (p->p_vaddr + p->p_memsz + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    if (image->segment_count == ELF_SEGMENTS_MAX)
        return ERR_TOO_LONG;
    if (first < image->end) /* not ascending, or two protections on one page */
        return ERR_INVALID;
    image->segments[image->segment_count++] = (struct elf_segment){
        .first_page = first,
        .pages = (end - first) >> PAGE_SHIFT,
        .lead = p->p_vaddr - first,
        .file_offset = p->p_offset,
        .file_bytes = p->p_filesz,
        .protection = protection_of(p->p_flags),
    };
    image->end = end;
    image->pages += (end - first) >> PAGE_SHIFT;
    return image->pages > ELF_IMAGE_MAX >> PAGE_SHIFT ? ERR_TOO_LONG : OK;
}

static status_t take_header(const Elf64_Phdr *p, size_t size, struct elf_image *image)
{
    if (p->p_type == PT_INTERP || p->p_type == PT_DYNAMIC || p->p_type == PT_TLS)
        return ERR_NOT_SUPPORTED;
    if (p->p_type != PT_LOAD || p->p_memsz == 0)
        return OK;
    status_t status = check_bounds(p, size);
    return status == OK ? add_segment(image, p) : status;
}

static bool entry_executable(const struct elf_image *image)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        if ((s->protection & PROT_EXEC) && image->entry >= s->first_page + s->lead &&
            image->entry < s->first_page + s->lead + s->file_bytes)
            return true;
    }
    return false;
}

status_t elf_parse(const uint8_t *file, size_t size, struct elf_image *image)
{
    Elf64_Ehdr header;
    *image = (struct elf_image){0};
    if (size < sizeof header)
        return ERR_BAD_MESSAGE;
    memcpy(&header, file, sizeof header);
    if (!header_valid(&header) || !table_inside(&header, size))
        return ERR_BAD_MESSAGE;
    if (header.e_type != ET_EXEC)
        return ERR_NOT_SUPPORTED;
    image->entry = header.e_entry;
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr p; /* the file may lie at any address: copy */
        memcpy(&p, file + header.e_phoff + i * sizeof p, sizeof p);
        status_t status = take_header(&p, size, image);
        if (status != OK)
            return status;
    }
    return entry_executable(image) ? OK : ERR_INVALID;
}
