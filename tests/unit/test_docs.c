/* docs/architecture.md tells the truth: its tables of services and of boot options are those of the sources.
 * `build/unit/test_docs print` writes the rows as they should be. Runs from the top of the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <abi/boot_options.h>
#include <proto/devmgr.h>
#include "init/manifest.h"

#define PAGE "docs/architecture.md"

struct right_name {
    uint32_t right;
    const char *name;
};
static const struct right_name service_rights[] = {{RIGHT_MINT, "mint"},
                                                   {RIGHT_TRANSFER, "transfer"},
                                                   {SERVICE_READ, "READ"},
                                                   {SERVICE_WRITE, "WRITE"},
                                                   {SERVICE_ADMIN, "ADMIN"},
                                                   {SERVICE_ATTACH, "ATTACH"},
                                                   {SERVICE_LISTEN, "LISTEN"},
                                                   {SERVICE_CONNECT, "CONNECT"},
                                                   {DEVMGR_CLASS_NETWORK, "CLASS_NETWORK"},
                                                   {DEVMGR_CLASS_STORAGE, "CLASS_STORAGE"},
                                                   {DEVMGR_CLASS_DISPLAY, "CLASS_DISPLAY"}};
static const struct right_name trace_rights[] = {{RIGHT_MINT, "mint"},
                                                 {RIGHT_TRANSFER, "transfer"},
                                                 {RIGHT_TRACE_EMIT, "emit"},
                                                 {RIGHT_TRACE_OBSERVE, "observe"},
                                                 {RIGHT_TRACE_CONTROL, "control"}};
static const struct right_name root_rights[] = {
    {RIGHT_MINT, "mint"}, {RIGHT_TRANSFER, "transfer"}, {RIGHT_ROOT_DEVICE, "devices"}, {RIGHT_ROOT_TASK, "tasks"}};

static char row[1024];
static size_t used;

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(row + used, sizeof row - used, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof row - used);
    used += (size_t)n;
}

static void add_rights(const struct right_name *names, size_t count, uint32_t rights)
{
    for (size_t i = 0; i < count; i++)
        if (rights & names[i].right) {
            add(" %s", names[i].name);
            rights &= ~names[i].right;
        }
    assert_int_equal(rights, 0); /* a right without a name here */
}
#define ADD_RIGHTS(names, rights) add_rights(names, sizeof(names) / sizeof(names)[0], rights)

static void add_caps(const struct manifest_entry *e)
{
    for (size_t i = 0; i < MANIFEST_CAPS_MAX && e->caps[i].name; i++) {
        add("%s%s:", i ? "; " : "", e->caps[i].name);
        if (strcmp(e->caps[i].name, "root") == 0)
            ADD_RIGHTS(root_rights, e->caps[i].rights);
        else
            ADD_RIGHTS(trace_rights, e->caps[i].rights);
    }
    if (e->init_rights) {
        add("; init:");
        ADD_RIGHTS(service_rights, e->init_rights);
    }
}

static void add_links(const struct manifest_entry *e)
{
    for (size_t i = 0; i < MANIFEST_LINKS_MAX && e->links[i].service; i++) {
        add("%s%s:", i ? "; " : "", e->links[i].service);
        ADD_RIGHTS(service_rights, e->links[i].rights);
    }
    if (!e->links[0].service)
        add("nobody");
}

static const char *service_row(const struct manifest_entry *e)
{
    used = 0;
    add("| `%s` | %u | ", e->name, e->priority);
    if (e->boot_option)
        add("with `%s`", e->boot_option);
    else
        add("always");
    add(" | %u KiB", e->quota_pages * 4);
    if (e->quota_percent)
        add(" or %u %%", e->quota_percent);
    add(" | ");
    add_caps(e);
    add(" | ");
    add_links(e);
    add(" |\n");
    return row;
}

static const char *option_row(const char *name, bool value, const char *reader, const char *text)
{
    used = 0;
    add("| `%s%s` | %s | %s |\n", name, value ? "=" : "", reader, text);
    return row;
}

static char page[65536];

static int read_page(void **state)
{
    (void)state;
    FILE *file = fopen(PAGE, "r");
    if (!file)
        return -1;
    page[fread(page, 1, sizeof page - 1, file)] = 0;
    return fclose(file);
}

static void has(const char *wanted)
{
    if (!strstr(page, wanted))
        fail_msg(PAGE " lacks this row (build/unit/test_docs print writes them all):\n%s", wanted);
}

static void the_table_of_services_is_the_manifest(void **state)
{
    (void)state;
    for (size_t i = 0; i < manifest_count; i++)
        has(service_row(&manifest[i]));
}

static void the_table_of_boot_options_is_the_list(void **state)
{
    (void)state;
#define X(name, value, reader, text) has(option_row(name, value, reader, text));
    BOOT_OPTIONS(X)
#undef X
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table_of_services_is_the_manifest),
                                       cmocka_unit_test(the_table_of_boot_options_is_the_list)};
    if (argc < 2 || strcmp(argv[1], "print") != 0)
        return cmocka_run_group_tests(tests, read_page, NULL);
    for (size_t i = 0; i < manifest_count; i++)
        fputs(service_row(&manifest[i]), stdout);
#define X(name, value, reader, text) fputs(option_row(name, value, reader, text), stdout);
    BOOT_OPTIONS(X)
#undef X
    return 0;
}
