#include "lib/runtime.h"

struct status_words {
    const char *name, *text;
};

static const struct status_words words[] = {
#define X(name, value, text) [-(value)] = {#name, text},
    ERROR_LIST(X)
#undef X
};

static const struct status_words *words_of(status_t status)
{
    static const struct status_words unknown = {"ERR_UNKNOWN", "an error of an unknown number"};
    if (status > 0 || status <= -(status_t)(sizeof words / sizeof words[0]))
        return &unknown;
    return &words[-status];
}

const char *status_name(status_t status)
{
    return words_of(status)->name;
}

const char *status_text(status_t status)
{
    return words_of(status)->text;
}
