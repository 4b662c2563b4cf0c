/* The archive reader, on archives made here and on broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "init/tar.h"

static uint8_t archive[16 * TAR_BLOCK];
static size_t size;

static void seal(uint8_t *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (unsigned i = 0; i < TAR_BLOCK; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
}

static uint8_t *add(const char *name, const char *text, char type)
{
    uint8_t *header = archive + size;
    memset(header, 0, 2 * TAR_BLOCK);
    strncpy((char *)header, name, 100);
    snprintf((char *)header + 124, 12, "%011o", (unsigned)strlen(text));
    header[156] = (uint8_t)type;
    memcpy(header + 257, "ustar", 6);
    memcpy(header + TAR_BLOCK, text, strlen(text));
    seal(header);
    size += TAR_BLOCK + (*text ? TAR_BLOCK : 0);
    return header;
}

static int fresh(void **state)
{
    (void)state;
    memset(archive, 0, sizeof archive);
    size = 0;
    return 0;
}

static void files_are_found_by_name(void **state)
{
    struct tar_file file;
    (void)state;
    add("init", "first", '0');
    add("folder/", "", '5');
    add("devmgr", "second", 0);
    assert_int_equal(tar_find(archive, size + 2 * TAR_BLOCK, "devmgr", &file), OK);
    assert_int_equal(file.size, 6);
    assert_memory_equal(file.data, "second", 6);
    assert_int_equal(tar_find(archive, size + 2 * TAR_BLOCK, "folder/", &file), ERR_NOT_FOUND);
    assert_int_equal(tar_find(archive, size + 2 * TAR_BLOCK, "netsrv", &file), ERR_NOT_FOUND);
}

static void walking_gives_each_once(void **state)
{
    struct tar_file file;
    size_t offset = 0;
    (void)state;
    add("a", "1", '0');
    add("b", "", '0');
    add("c", "3", '0');
    assert_int_equal(tar_next(archive, size, &offset, &file), OK);
    assert_string_equal(file.name, "a");
    assert_int_equal(tar_next(archive, size, &offset, &file), OK);
    assert_string_equal(file.name, "b");
    assert_int_equal(file.size, 0);
    assert_int_equal(tar_next(archive, size, &offset, &file), OK);
    assert_string_equal(file.name, "c");
    assert_int_equal(tar_next(archive, size, &offset, &file), ERR_NOT_FOUND);
}

static void a_name_may_fill_its_field(void **state)
{
    struct tar_file file;
    char name[101];
    (void)state;
    memset(name, 'x', 100);
    name[100] = 0;
    add(name, "1", '0');
    assert_int_equal(tar_find(archive, size, name, &file), OK);
}

static void a_cut_archive_gives_no_cut_file(void **state)
{
    struct tar_file file;
    (void)state;
    add("init", "text of the file", '0');
    for (size_t cut = 0; cut < TAR_BLOCK + 16; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* its exact size, so that ASan sees a byte too far */
        memcpy(copy, archive, cut);
        assert_int_not_equal(tar_find(copy, cut, "init", &file), OK);
        free(copy);
    }
    assert_int_equal(tar_find(archive, TAR_BLOCK + 16, "init", &file), OK); /* the padding may be missing */
}

static void a_broken_header_is_told(void **state)
{
    struct tar_file file;
    uint8_t *header = add("init", "text", '0');
    (void)state;
    header[0] = 'j';
    assert_int_equal(tar_find(archive, size, "jnit", &file), ERR_BAD_MESSAGE); /* checksum */
    header[0] = 'i';
    header[257] = 'U';
    seal(header);
    assert_int_equal(tar_find(archive, size, "init", &file), ERR_BAD_MESSAGE); /* magic */
    header[257] = 'u';
    memcpy(header + 124, "77777777777", 11);
    seal(header);
    assert_int_equal(tar_find(archive, size, "init", &file), ERR_BAD_MESSAGE); /* longer than the archive */
    memcpy(header + 124, "0000000000x", 11);
    seal(header);
    assert_int_equal(tar_find(archive, size, "init", &file), ERR_BAD_MESSAGE); /* no number */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(files_are_found_by_name, fresh),
        cmocka_unit_test_setup(walking_gives_each_once, fresh),
        cmocka_unit_test_setup(a_name_may_fill_its_field, fresh),
        cmocka_unit_test_setup(a_cut_archive_gives_no_cut_file, fresh),
        cmocka_unit_test_setup(a_broken_header_is_told, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
