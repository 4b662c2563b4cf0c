SERVICES      += rconsole
rconsole_SRCS := $(addprefix rconsole/,main.c session.c lobby.c output.c commands.c console_line.c login.c authority.c trace_keep.c jarvis_link.c)
