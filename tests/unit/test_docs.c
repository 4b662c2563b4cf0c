/* docs/architecture.md tells the truth: its tables of services and of boot options are those of the sources. So does
 * docs/threats.md: each test that it names is there, and each class of attack has a row.
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
#include <proto/net.h>
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

static void add_scope(const struct manifest_scope *scope)
{
    uint32_t badge = scope->badge, bits = scope->rights >> NET_HOST_BITS_SHIFT & 0x3f;
    if (scope->rights & SERVICE_LISTEN)
        add(", listen %u", badge & 0xffff);
    else if (badge == NET_SCOPE_ANY)
        add(", connect any");
    else
        add(", connect %u.%u.%u.%u/%u", badge >> 24, badge >> 16 & 0xff, badge >> 8 & 0xff, badge & 0xff, 32 - bits);
    if (scope->rights & RIGHT_MINT)
        add(" (mint)");
}

static void add_links(const struct manifest_entry *e)
{
    for (size_t i = 0; i < MANIFEST_LINKS_MAX && e->links[i].service; i++) {
        add("%s%s:", i ? "; " : "", e->links[i].service);
        ADD_RIGHTS(service_rights, e->links[i].rights);
        for (size_t k = 0; k < MANIFEST_SCOPES_MAX && e->links[i].scopes[k].badge; k++)
            add_scope(&e->links[i].scopes[k]);
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
    if (e->affinity)
        add(", on the CPUs 0x%llx", (unsigned long long)e->affinity);
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

/* ---- docs/threats.md ---- */

#define THREATS "docs/threats.md"
#define ATTACKS "tests/system/hostile/attacks.h"

static char threats[131072], source[262144];

static bool read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t n = fread(text, 1, size - 1, file);
    text[n] = 0;
    assert_int_equal(fclose(file), 0);
    assert_true(n < size - 1); /* raise the size */
    return true;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* `name` stands in text as a whole word; "name*": as the beginning of one. */
static bool has_word(const char *text, const char *name)
{
    size_t n = strlen(name);
    bool open = n && name[n - 1] == '*';
    n -= open;
    for (const char *at = strstr(text, name); !open && at; at = strstr(at + 1, name))
        if ((at == text || !is_word(at[-1])) && !is_word(at[n]))
            return true;
    for (const char *at = text; open && *at; at++)
        if ((at == text || !is_word(at[-1])) && strncmp(at, name, n) == 0)
            return true;
    return false;
}

/* "test_cap.x", "caps.x", "fuzz_x", "x.pml": the file that must be there; *name: what must stand in it, or NULL. */
static bool cited_file(const char *cited, char *path, size_t size, const char **name)
{
    const char *dot = strchr(cited, '.');
    int stem = dot ? (int)(dot - cited) : (int)strlen(cited);
    *name = dot ? dot + 1 : NULL;
    if (!dot && strncmp(cited, "fuzz_", 5) != 0)
        return false;
    if (!dot)
        snprintf(path, size, "tests/fuzz/%s.c", cited);
    else if (strcmp(dot, ".pml") == 0)
        snprintf(path, size, "tests/model/%s", cited);
    else
        snprintf(path, size, strncmp(cited, "test_", 5) ? "tests/system/test_%.*s.py" : "tests/unit/%.*s.c", stem,
                 cited);
    if (dot && strcmp(dot, ".pml") == 0)
        *name = NULL;
    return true;
}

/* The word between backticks at *at, which moves behind it; only those of rows and lists count. False at the end. */
static bool next_cited(const char **at, char *out, size_t size)
{
    for (const char *line = *at; *line; line = *at) {
        size_t n = strcspn(line, "\n");
        const char *open = memchr(line, '`', n);
        const char *close = open ? memchr(open + 1, '`', n - (size_t)(open + 1 - line)) : NULL;
        bool counts = line > threats && line[-1] == '\n' ? *line == '|' || *line == '-' : line != threats;
        if (close && counts && (size_t)(close - open) <= size) {
            memcpy(out, open + 1, (size_t)(close - open - 1));
            out[close - open - 1] = 0;
            *at = close + 1;
            return true;
        }
        *at = line + n + (line[n] == '\n');
    }
    return false;
}

static void every_test_that_the_threats_name_exists(void **state)
{
    (void)state;
    char cited[256], path[300];
    const char *at = threats, *name;
    unsigned found = 0;
    assert_true(read_file(THREATS, threats, sizeof threats));
    while (next_cited(&at, cited, sizeof cited)) {
        if (strspn(cited, "abcdefghijklmnopqrstuvwxyz0123456789_.*") != strlen(cited) ||
            !cited_file(cited, path, sizeof path, &name))
            continue; /* "hostile:CLASS", or no test's name */
        if (!read_file(path, source, sizeof source))
            fail_msg(THREATS " names %s: there is no %s", cited, path);
        if (name && !has_word(source, name))
            fail_msg(THREATS " names %s: it is not in %s", cited, path);
        found++;
    }
    assert_true(found > 60); /* or the page is read wrongly */
}

static void every_class_of_attack_has_a_row_in_the_threats(void **state)
{
    (void)state;
    char class[64], wanted[80];
    unsigned found = 0;
    assert_true(read_file(THREATS, threats, sizeof threats));
    assert_true(read_file(ATTACKS, source, sizeof source));
    for (const char *at = strstr(source, "\n    X("); at; at = strstr(at + 1, "\n    X(")) {
        assert_int_equal(sscanf(at, "\n    X(%63[A-Z_]", class), 1);
        snprintf(wanted, sizeof wanted, "`hostile:%s`", class);
        if (!strstr(threats, wanted))
            fail_msg(THREATS " has no row for %s", wanted);
        found++;
    }
    assert_true(found >= 60);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table_of_services_is_the_manifest),
                                       cmocka_unit_test(the_table_of_boot_options_is_the_list),
                                       cmocka_unit_test(every_test_that_the_threats_name_exists),
                                       cmocka_unit_test(every_class_of_attack_has_a_row_in_the_threats)};
    if (argc < 2 || strcmp(argv[1], "print") != 0)
        return cmocka_run_group_tests(tests, read_page, NULL);
    for (size_t i = 0; i < manifest_count; i++)
        fputs(service_row(&manifest[i]), stdout);
#define X(name, value, reader, text) fputs(option_row(name, value, reader, text), stdout);
    BOOT_OPTIONS(X)
#undef X
    return 0;
}
