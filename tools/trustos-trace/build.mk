HOST_TOOLS += trustos-trace
trace_reader_SRCS  := lib/trace_metadata.c $(addprefix tools/trustos-trace/,tsdl_lex.c tsdl.c layout.c known.c packet.c stream.c files.c trace.c names.c)
trustos-trace_SRCS := $(trace_reader_SRCS) $(addprefix tools/trustos-trace/,main.c print.c record.c recording.c connect.c report.c table.c model.c perfetto.c output.c)
trustos-trace_LIBS := -lm
