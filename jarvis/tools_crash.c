/* crash, crash_clear: what the last panic left. The text was made by the kernel before; it is shown as it was printed. */
#include "jarvis/tool.h"
#include <abi/crash.h>
#include <abi/trace_events.h>
#include <string.h>

static union {
    struct crash_head head;
    char bytes[CRASH_BYTES_MAX];
} record;

static const char *text_begin(void)
{
    return record.bytes + sizeof record.head;
}

/* OK, ERR_NOT_FOUND, or what the kernel says. */
static status_t record_read(const struct call *call)
{
    result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_CRASH, 0, record.bytes, sizeof record);
    if (n < 0)
        return (status_t)n;
    if ((size_t)n < sizeof record.head || record.head.text_bytes > (size_t)n - sizeof record.head)
        return ERR_IO;
    record.head.why[sizeof record.head.why - 1] = 0;
    record.head.kernel[sizeof record.head.kernel - 1] = 0;
    return OK;
}

static void say_record(struct answer *out)
{
    char up[UNIT_TEXT], why[CRASH_WHY_MAX];
    text_neutral(why, sizeof why, record.head.why, strlen(record.head.why));
    say(out, T(out, "The last run ended in a panic: %s\n", "La dernière exécution a fini en panique : %s\n"), why);
    say(out,
        T(out,
          "TRustOs %s had been up for %s; the time of day was not known. %u packets of the trace are kept with it.\n",
          "TRustOs %s tournait depuis %s ; l'heure du jour n'était pas connue. %u paquets de la trace sont gardés avec.\n"),
        record.head.kernel, time_text(up, record.head.uptime_ns, out->language),
        record.head.packet_bytes / TRACE_PACKET_SIZE);
}

/* Line by line: foreign text may move no cursor, but ends its lines. */
static void say_text(struct answer *out)
{
    const char *at = text_begin(), *end = at + record.head.text_bytes;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        answer_foreign(out, at, length);
        answer_bytes(out, "\n", 1);
        at += length + 1;
    }
    if (record.head.flags & CRASH_CUT)
        say(out, "%s", T(out, "(the end did not fit the record)\n", "(la fin ne tenait pas dans le rapport)\n"));
}

static void text_json(struct json *json)
{
    const char *at = text_begin(), *end = at + record.head.text_bytes;
    char line[320];
    json_open(json, "text", '[');
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        text_neutral(line, sizeof line, at, length < sizeof line - 1 ? length : sizeof line - 1);
        json_string(json, NULL, line);
        at += length + 1;
    }
    json_close(json);
}

static void record_json(struct answer *out, bool found)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_open(&json, "crash", '{');
    json_literal(&json, "found", found ? "true" : "false");
    if (found) {
        json_string(&json, "why", record.head.why);
        json_string(&json, "version", record.head.kernel);
        json_number(&json, "uptime_ns", record.head.uptime_ns);
        if (record.head.wall_ns)
            json_number(&json, "wall_ns", record.head.wall_ns);
        else
            json_literal(&json, "wall_ns", "null");
        json_number(&json, "trace_packets", record.head.packet_bytes / TRACE_PACKET_SIZE);
        json_literal(&json, "cut", record.head.flags & CRASH_CUT ? "true" : "false");
        text_json(&json);
    }
    json_close(&json);
    json_close(&json);
    answer_bytes(out, "\n", 1);
}

static void say_none(struct answer *out)
{
    say(out, "%s",
        T(out, "There is no crash record: the last run did not end in a panic, or the power was off since.\n",
          "Il n'y a pas de rapport de plantage : pas de panique la dernière fois, ou le courant a été coupé depuis.\n"));
}

status_t tool_crash(struct call *call)
{
    status_t status = record_read(call);
    if (status != OK && status != ERR_NOT_FOUND)
        return call_failed(call, CAP_TRACE, status);
    if (call->out->json) {
        record_json(call->out, status == OK);
    } else if (status == OK) {
        say_record(call->out);
        say_text(call->out);
    } else {
        say_none(call->out);
    }
    return OK;
}

status_t tool_crash_clear(struct call *call)
{
    result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_CRASH_CLEAR, 0, NULL, 0);
    if (n < 0 && n != ERR_NOT_FOUND)
        return call_failed(call, CAP_TRACE, (status_t)n);
    if (call->out->json) {
        struct json json = {.out = call->out};
        json_open(&json, NULL, '{');
        json_open(&json, "crash_clear", '{');
        json_literal(&json, "cleared", n < 0 ? "false" : "true");
        json_close(&json);
        json_close(&json);
        answer_bytes(call->out, "\n", 1);
    } else if (n < 0) {
        say_none(call->out);
    } else {
        say(call->out, "%s", T(call->out, "The crash record is gone.\n", "Le rapport de plantage est effacé.\n"));
    }
    return OK;
}
