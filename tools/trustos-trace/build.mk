HOST_TOOLS += trustos-trace
trace_reader_SRCS  := lib/trace_metadata.c $(addprefix tools/trustos-trace/,tsdl_lex.c tsdl.c layout.c known.c packet.c stream.c files.c trace.c table.c names.c)
trace_model_SRCS   := $(addprefix tools/trustos-trace/,model.c model_ready.c gaps.c processors.c)
trustos-trace_SRCS := $(trace_reader_SRCS) $(trace_model_SRCS) $(addprefix tools/trustos-trace/,main.c print.c record.c recording.c connect.c report.c report_table.c report_tasks.c report_calls.c report_told.c report_processors.c net_names.c mark.c perfetto.c output.c timeline.c)
trustos-trace_LIBS := -lm
trustos-trace_DATA := $(addprefix tools/trustos-trace/page/,timeline.css timeline.html timeline_view.js timeline_arrows.js timeline_svg.js timeline_input.js)
