HOST_TOOLS += trace-events
trace_page_SRCS   := tools/trace-events/page.c lib/trace_texts.c
trace-events_SRCS := tools/trace-events/main.c $(trace_page_SRCS)
