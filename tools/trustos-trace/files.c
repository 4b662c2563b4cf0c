#include "files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(char why[256], const char *name, const char *reason)
{
    snprintf(why, 256, "%.180s: %.70s", name, reason);
    return false;
}

static struct trace_file *file_new(struct trace *trace, const char *name)
{
    struct trace_file *more = realloc(trace->files, (trace->file_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    trace->files = more;
    more[trace->file_count] = (struct trace_file){.name = strdup(name), .bytes = (uint8_t *)""};
    return more[trace->file_count].name ? &more[trace->file_count++] : NULL;
}

bool files_add_bytes(struct trace *trace, const char *name, const uint8_t *bytes, size_t size)
{
    struct trace_file *file = file_new(trace, name);
    if (!file)
        return false;
    file->bytes = (uint8_t *)bytes;
    file->size = size;
    return true;
}

/* What cannot be mapped: a pipe. */
static bool read_all(struct trace_file *file, int descriptor)
{
    size_t room = 0;
    uint8_t *bytes = NULL;
    for (;;) {
        if (file->size == room) {
            room = room ? room * 2 : 1 << 16;
            uint8_t *more = realloc(bytes, room);
            if (!more)
                break;
            bytes = more;
        }
        ssize_t n = read(descriptor, bytes + file->size, room - file->size);
        if (n > 0) {
            file->size += (size_t)n;
        } else if (n == 0) {
            file->bytes = bytes;
            file->owner = FILE_ALLOCATED;
            return true;
        } else if (errno != EINTR) {
            break;
        }
    }
    free(bytes);
    return false;
}

static bool load(struct trace_file *file, int descriptor)
{
    struct stat about;
    if (fstat(descriptor, &about))
        return false;
    if (S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return false;
    }
    if (!S_ISREG(about.st_mode))
        return read_all(file, descriptor);
    if (!about.st_size)
        return true;
    void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED)
        return false;
    file->bytes = bytes;
    file->size = (size_t)about.st_size;
    file->owner = FILE_MAPPED;
    return true;
}

bool files_add(struct trace *trace, const char *folder, const char *name, char why[256])
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
    bool is_input = !folder && !strcmp(name, "-");
    int descriptor = is_input ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return fail(why, path, strerror(errno));
    struct trace_file *file = file_new(trace, path);
    bool ok = file && load(file, descriptor);
    if (!ok)
        fail(why, path, strerror(errno));
    close(descriptor);
    return ok;
}

static int is_stream(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && entry->d_type != DT_DIR && strcmp(entry->d_name, "metadata");
}

bool files_add_streams(struct trace *trace, const char *folder, char why[256])
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_stream, versionsort);
    bool ok = count >= 0 || fail(why, folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        ok = ok && files_add(trace, folder, entries[i]->d_name, why);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

void files_free(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->file_count; i++) {
        struct trace_file *file = &trace->files[i];
        if (file->owner == FILE_MAPPED)
            munmap(file->bytes, file->size);
        else if (file->owner == FILE_ALLOCATED)
            free(file->bytes);
        free(file->name);
    }
    free(trace->files);
}
