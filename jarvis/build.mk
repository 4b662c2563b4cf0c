SERVICES    += jarvis
jarvis_SRCS := $(addprefix jarvis/,main.c session.c executor.c planner.c tools.c tools_system.c tools_tasks.c tools_network.c \
               tools_devices.c tools_services.c tools_caps.c tools_caps_tree.c tools_caps_revoke.c tools_numa.c numa_view.c numa_draw.c numa_notes.c cap_text.c cap_tree.c \
               caps_world.c tools_trace.c tools_trace_filter.c trace_filter.c trace_cursor.c \
               watch.c watch_subject.c watch_summary.c figures.c operation_names.c tools_crash.c tools_log.c tools_session.c render.c units.c answer.c \
               json_writer.c world.c parser.c slots.c grammar.c words.c fold.c values.c lexicon.c lexicon_en.c lexicon_fr.c \
               lexicon_names.c)
