#include "output.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_stdout(const struct options *options)
{
    return !strcmp(options->output, "-");
}

FILE *output_open(const struct options *options)
{
    if (!options->output) {
        fputs("trustos-trace: -o FILE is missing\n", stderr);
        return NULL;
    }
    FILE *out = is_stdout(options) ? stdout : fopen(options->output, "w");
    if (!out)
        fprintf(stderr, "trustos-trace: %s: %s\n", options->output, strerror(errno));
    return out;
}

bool output_close(const struct options *options, FILE *out)
{
    bool ok = !fflush(out) && !ferror(out);
    if (!ok)
        fprintf(stderr, "trustos-trace: %s: %s\n", options->output, strerror(errno));
    if (is_stdout(options))
        return ok;
    struct stat about;
    if (!ok && !fstat(fileno(out), &about) && S_ISREG(about.st_mode))
        unlink(options->output);
    fclose(out);
    return ok;
}

void output_string(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if (*text < ' ' || *text > '~' || *text == '<')
            fprintf(out, "\\u%04x", (unsigned char)*text);
        else
            putc(*text, out);
    }
    putc('"', out);
}
