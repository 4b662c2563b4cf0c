/* The ELF reader: what it accepts is safe to map, and each way to be unsafe is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <string.h>
#include "init/elf.h"

static struct {
    Elf64_Ehdr header;
    Elf64_Phdr segments[10];
    uint8_t bytes[4096];
} file;
#define BYTES_AT offsetof(__typeof__(file), bytes)

static Elf64_Phdr segment(uint64_t address, uint64_t file_bytes, uint64_t memory_bytes, uint32_t flags)
{
    return (Elf64_Phdr){.p_type = PT_LOAD,
                        .p_flags = flags,
                        .p_offset = BYTES_AT,
                        .p_vaddr = address,
                        .p_filesz = file_bytes,
                        .p_memsz = memory_bytes};
}

static int fresh(void **state)
{
    (void)state;
    memset(&file, 0, sizeof file);
    memcpy(file.header.e_ident, "\177ELF\2\1\1", 7);
    file.header.e_type = ET_EXEC;
    file.header.e_machine = EM_X86_64;
    file.header.e_phentsize = sizeof(Elf64_Phdr);
    file.header.e_phoff = sizeof(Elf64_Ehdr);
    file.header.e_phnum = 3;
    file.header.e_entry = 0x400010;
    file.segments[0] = segment(0x400000, 4096, 4096, PF_R | PF_X);
    file.segments[1] = segment(0x401000, 100, 100, PF_R);
    file.segments[2] = segment(0x402008, 8, 5000, PF_R | PF_W);
    return 0;
}

static struct elf_image image;

static void refused(status_t status)
{
    assert_int_equal(elf_parse((const uint8_t *)&file, sizeof file, &image), status);
}

static void a_program_is_read(void **state)
{
    (void)state;
    refused(OK);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.pages, 4);
    assert_int_equal(image.end, 0x404000);
    assert_int_equal(image.segments[0].protection, PROT_READ | PROT_EXEC);
    assert_int_equal(image.segments[2].first_page, 0x402000);
    assert_int_equal(image.segments[2].lead, 8);
    assert_int_equal(image.segments[2].pages, 2);
    assert_int_equal(image.segments[2].protection, PROT_READ | PROT_WRITE);
}

static void what_is_no_static_program_is_refused(void **state)
{
    fresh(state);
    file.header.e_type = ET_DYN;
    refused(ERR_NOT_SUPPORTED);
    static const uint32_t types[] = {PT_INTERP, PT_DYNAMIC, PT_TLS};
    for (unsigned i = 0; i < 3; i++) {
        fresh(state);
        file.segments[1].p_type = types[i];
        refused(ERR_NOT_SUPPORTED);
    }
}

static void a_broken_header_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        fresh(state);
        file.header.e_ident[i] ^= 0x40;
        refused(ERR_BAD_MESSAGE);
    }
    fresh(state);
    file.header.e_machine = EM_386;
    refused(ERR_BAD_MESSAGE);
    fresh(state);
    file.header.e_phentsize = 32;
    refused(ERR_BAD_MESSAGE);
    fresh(state);
    file.header.e_phnum = 0;
    refused(ERR_BAD_MESSAGE);
    fresh(state);
    for (size_t cut = 0; cut < sizeof file.header; cut++)
        assert_int_equal(elf_parse((const uint8_t *)&file, cut, &image), ERR_BAD_MESSAGE);
}

static void a_table_outside_the_file_is_refused(void **state)
{
    static const uint64_t offsets[] = {sizeof file, sizeof file - 10, UINT64_MAX, UINT64_MAX - 55};
    for (unsigned i = 0; i < 4; i++) {
        fresh(state);
        file.header.e_phoff = offsets[i];
        refused(ERR_BAD_MESSAGE);
    }
    fresh(state);
    file.header.e_phnum = 0xffff;
    refused(ERR_BAD_MESSAGE);
}

static void bytes_outside_the_file_are_refused(void **state)
{
    fresh(state);
    file.segments[0].p_offset = sizeof file;
    refused(ERR_BAD_MESSAGE);
    fresh(state);
    file.segments[0].p_offset = UINT64_MAX;
    refused(ERR_BAD_MESSAGE);
    fresh(state);
    file.segments[1].p_filesz = 101; /* more than it has in memory */
    refused(ERR_BAD_MESSAGE);
}

static void addresses_that_are_not_the_tasks_are_refused(void **state)
{
    static const uint64_t addresses[] = {0, 0xfff, USER_TOP, UINT64_MAX - 50, 0xffffffff80000000};
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        fresh(state);
        file.segments[2].p_vaddr = addresses[i];
        refused(ERR_INVALID);
    }
    fresh(state);
    file.segments[2].p_vaddr = USER_TOP - 4096; /* its end is not */
    refused(ERR_INVALID);
}

static void writable_and_executable_at_once_is_refused(void **state)
{
    (void)state;
    file.segments[0].p_flags = PF_R | PF_W | PF_X;
    refused(ERR_INVALID);
}

static void two_segments_on_one_page_are_refused(void **state)
{
    fresh(state);
    file.segments[1].p_vaddr = 0x400ff0;
    refused(ERR_INVALID);
    fresh(state);
    file.segments[2].p_vaddr = 0x3ff000; /* not ascending */
    refused(ERR_INVALID);
}

static void the_entry_lies_in_code(void **state)
{
    static const uint64_t entries[] = {0, 0x3fffff, 0x401000, 0x402010, UINT64_MAX};
    for (unsigned i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        fresh(state);
        file.header.e_entry = entries[i];
        refused(ERR_INVALID);
    }
}

static void an_image_has_a_limit(void **state)
{
    fresh(state);
    file.segments[2].p_memsz = ELF_IMAGE_MAX + 1;
    refused(ERR_TOO_LONG);
    fresh(state);
    file.segments[2].p_memsz = ELF_IMAGE_MAX - PAGE_SIZE; /* together too large */
    refused(ERR_TOO_LONG);
    fresh(state);
    file.header.e_phnum = 9;
    for (unsigned i = 0; i < 9; i++)
        file.segments[i] = segment(0x400000 + i * PAGE_SIZE, 16, 16, PF_R | PF_X);
    refused(ERR_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_program_is_read, fresh),
        cmocka_unit_test_setup(what_is_no_static_program_is_refused, fresh),
        cmocka_unit_test_setup(a_broken_header_is_refused, fresh),
        cmocka_unit_test_setup(a_table_outside_the_file_is_refused, fresh),
        cmocka_unit_test_setup(bytes_outside_the_file_are_refused, fresh),
        cmocka_unit_test_setup(addresses_that_are_not_the_tasks_are_refused, fresh),
        cmocka_unit_test_setup(writable_and_executable_at_once_is_refused, fresh),
        cmocka_unit_test_setup(two_segments_on_one_page_are_refused, fresh),
        cmocka_unit_test_setup(the_entry_lies_in_code, fresh),
        cmocka_unit_test_setup(an_image_has_a_limit, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
