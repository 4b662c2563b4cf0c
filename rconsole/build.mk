SERVICES      += rconsole
rconsole_SRCS := $(addprefix rconsole/,main.c session.c lobby.c output.c commands.c console_line.c login.c authority.c jarvis_link.c)
