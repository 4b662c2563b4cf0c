/* log, service_log: the kernel's log, newest lines last. Lines are "[seconds.micros] who: text". */
#include "jarvis/tool.h"
#include <stdio.h>
#include <string.h>

#define LOG_BYTES 24576u
#define LINES_DEFAULT 30u
#define LINES_MAX 400u

struct want {
    uint32_t count;
    const char *who, *level; /* NULL: any */
    uint64_t from_ns;
};

static char text[LOG_BYTES + 1];

static uint64_t line_time(const char *line, size_t length)
{
    uint64_t ns = 0;
    for (size_t i = 0; i < length && line[i] != ']'; i++)
        if (line[i] >= '0' && line[i] <= '9' && ns < UINT64_MAX / 20)
            ns = ns * 10 + (uint64_t)(line[i] - '0');
    return ns * 1000; /* seconds and six digits of microseconds */
}

static bool has_word(const char *line, size_t length, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; n <= length && i <= length - n; i++) {
        size_t k = 0;
        while (k < n && (line[i + k] | 0x20) == word[k])
            k++;
        if (k == n)
            return true;
    }
    return false;
}

static bool is_of(const char *line, size_t length, const char *who)
{
    const char *end = memchr(line, ']', length);
    size_t n = strlen(who);
    if (!end || (size_t)(line + length - end) < n + 3)
        return false;
    return memcmp(end + 2, who, n) == 0 && end[2 + n] == ':';
}

/* Log lines carry no level in the text: these words tell what a line is about. */
static bool is_level(const char *line, size_t length, const char *level)
{
    static const char *const errors[] = {"error", "fail",    "fault",    "panic", "crash",
                                         "died",  "gave up", "given up", "killed"};
    static const char *const warnings[] = {"warning", "retry", "unknown", "ignored", "dropped", "lost", "late"};
    bool strict = level[0] == 'e';
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (has_word(line, length, errors[i]))
            return true;
    for (size_t i = 0; !strict && i < sizeof warnings / sizeof warnings[0]; i++)
        if (has_word(line, length, warnings[i]))
            return true;
    return false;
}

static bool wanted(const struct want *want, const char *line, size_t length)
{
    return length && line_time(line, length) >= want->from_ns && (!want->who || is_of(line, length, want->who)) &&
           (!want->level || is_level(line, length, want->level));
}

/* The newest lines that are wanted: where the first of them begins. */
static size_t choose(const struct want *want, size_t size)
{
    size_t end = size, first = size;
    uint32_t count = 0;
    while (end > 0 && count < want->count) {
        size_t start = end - 1;
        while (start > 0 && text[start - 1] != '\n')
            start--;
        if (wanted(want, text + start, end - 1 - start)) {
            first = start;
            count++;
        }
        end = start;
    }
    return first;
}

static void put_line(struct answer *out, struct sheet *sheet, char *line, size_t length)
{
    char copy[400];
    if (!out->json) {
        answer_foreign(out, line, length);
        answer_bytes(out, "\n", 1);
        return;
    }
    text_neutral(copy, sizeof copy, line, length);
    put_text(sheet, copy);
}

static unsigned show(struct call *call, const struct want *want, size_t size)
{
    static const struct column columns[] = {{.key = "line"}};
    struct sheet *sheet = call->out->json ? sheet_table(call->out, "log", columns, 1) : NULL;
    unsigned shown = 0;
    for (size_t at = choose(want, size); at < size;) {
        char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - (text + at)) : size - at;
        if (wanted(want, text + at, length)) {
            put_line(call->out, sheet, text + at, length);
            shown++;
        }
        at += length + 1;
    }
    if (sheet)
        sheet_end(sheet);
    return shown;
}

#define PIECE 256u /* what the kernel copies at once */

static result_t read_pieces(handle_t trace, uint64_t from)
{
    size_t size = 0;
    while (size < LOG_BYTES) {
        size_t want = LOG_BYTES - size < PIECE ? LOG_BYTES - size : PIECE;
        result_t n = world_info(trace, INFO_LOG, from + size, text + size, want);
        if (n < 0 || n > (result_t)want)
            return n < 0 ? n : ERR_IO;
        if (n == 0)
            break;
        size += (size_t)n;
    }
    return (result_t)size;
}

/* The end of the log, whole lines, into `text`; its size, or an ERR_ value. */
static result_t log_read(handle_t trace)
{
    struct system_info info;
    result_t n = world_info(trace, INFO_SYSTEM, 0, &info, sizeof info);
    if (n != 1)
        return n < 0 ? n : ERR_IO;
    uint64_t from = info.log_end > LOG_BYTES ? info.log_end - LOG_BYTES : 0;
    n = read_pieces(trace, from);
    if (n <= 0)
        return n;
    char *newline = from ? memchr(text, '\n', (size_t)n) : NULL;
    if (newline) { /* the first line was cut */
        n -= newline + 1 - text;
        memmove(text, newline + 1, (size_t)n);
    }
    return n;
}

status_t tool_log(struct call *call)
{
    struct want want = {.count = clause_number(call->request, call->clause, SLOT_count, LINES_DEFAULT),
                        .who = call_slot(call, SLOT_service),
                        .level = call_slot(call, SLOT_level)};
    uint64_t since = (uint64_t)clause_number(call->request, call->clause, SLOT_since, 0) * 1000000000u;
    uint64_t now = world_now();
    want.from_ns = since && since < now ? now - since : 0;
    want.count = since && !call_slot(call, SLOT_count) ? LINES_MAX : want.count < LINES_MAX ? want.count : LINES_MAX;
    if (want.count == 0) {
        answer_error(call->out, "argument", "%s",
                     T(call->out, "That would be 0 lines; `log 5` shows the last five.",
                       "Cela ferait 0 ligne ; `journal 5` montre les cinq dernières."));
        return ERR_INVALID;
    }
    result_t n = log_read(call->authority->caps[CAP_TRACE]);
    if (n < 0)
        return call_failed(call, CAP_TRACE, (status_t)n);
    unsigned shown = show(call, &want, (size_t)n);
    if (shown == 0)
        say(call->out,
            want.level
                ? T(call->out, "No: no such lines in the log.\n", "Non : pas de telles lignes dans le journal.\n")
                : T(call->out, "The log has nothing on that.\n", "Le journal ne dit rien là-dessus.\n"));
    return OK;
}
