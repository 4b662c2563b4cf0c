#include "tools/trace-events/page.h"
#include <abi/trace_events.h>
#include <string.h>
#include "lib/trace_texts.h"

static const char intro[] =
    "# Every event of the trace\n\n"
    "This page is made by `make docs/trace-events.md` from `include/abi/trace_events.h` (the list from which the kernel's\n"
    "numbers, the metadata of the stream and the console's names come) and `include/abi/trace_texts.h` (what is said here).\n"
    "How to record and read a trace: [trace.md](trace.md).\n\n"
    "- An **event** is one 64-bit word, time and number, and up to three words of payload: its fields in order, two of 32 bits\n"
    "  to a word, the first one low. All is little-endian.\n"
    "- **Time** is nanoseconds since boot; an event has its low 48 bits (three days), its packet all of it. The machine does not\n"
    "  know the time of day: the clock's offset in the metadata is 0, so that readers show seconds since boot.\n"
    "- **Tasks, channels, signals and objects** are named by ids that are never used again while the machine runs. Task 0 is the\n"
    "  idle one; the kernel's own events have the task that ran.\n"
    "- Each boot has a **uuid** of its own, random, in every packet and in the metadata: recordings of two boots are two traces.\n"
    "- The **first payload word** is what `trace dump` and the panic dump show as payload.\n\n";

static void put_classes(FILE *out)
{
    fprintf(
        out,
        "## Classes\n\n"
        "The filter records or leaves out whole classes; `syscall` and `mem` are off until somebody asks for them.\n\n"
        "| class | bit of the mask | events |\n|---|---|---|\n");
#define C(bit, NAME, text)                                       \
    {                                                            \
        fprintf(out, "| `%s` | %d |", text, bit);                \
        for (size_t i = 0; i < trace_event_text_count; i++)      \
            if (!strcmp(trace_event_texts[i].event_class, text)) \
                fprintf(out, " %s", trace_event_texts[i].name);  \
        fprintf(out, " |\n");                                    \
    }
    TRACE_CLASSES(C)
#undef C
}

/* In a table's cell a bar is written with a backslash. */
static void put_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void put_event(FILE *out, const struct trace_event_text *event)
{
    fprintf(out, "| %u | **%s**<br>`%s` | %s | ", event->number, event->name, event->ctf_name, event->event_class);
    put_cell(out, event->what);
    fprintf(out, "<br>*Recorded by* ");
    put_cell(out, event->when);
    fprintf(out, " | ");
    for (size_t i = 0; i < event->field_count; i++) {
        fprintf(out, "%s`%s` %s: ", i ? "<br>" : "", event->fields[i].name, event->fields[i].type);
        put_cell(out, event->meanings[i]);
    }
    fprintf(out, " |\n");
}

static void put_enums(FILE *out)
{
    fprintf(
        out,
        "\n## Types\n\n"
        "`u` is an unsigned, `s` a signed number, `x` one that is shown in hexadecimal, each with its bits. These have names:\n\n"
        "| type | bits | values |\n|---|---|---|\n");
#define V(NAME, value, text) " " #value " " text ","
#define N(type, bytes, values)                                                                 \
    {                                                                                          \
        static const char list[] = values(V);                                                  \
        fprintf(out, "| `%s` | %d |%.*s |\n", #type, (bytes)*8, (int)(sizeof list - 2), list); \
    }
    TRACE_ENUMS(N)
#undef N
#undef V
}

void trace_events_page(FILE *out)
{
    fputs(intro, out);
    put_classes(out);
    fprintf(out, "\n## Events\n\n"
                 "The first name is the panic dump's and the console's, the second the one in the stream.\n\n"
                 "| number | event | class | what happened | fields |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < trace_event_text_count; i++)
        put_event(out, &trace_event_texts[i]);
    put_enums(out);
}
