SERVICES    += tracer
tracer_SRCS := $(addprefix rconsole/tracer/,main.c reader.c live.c place.c metadata.c) rconsole/login.c
