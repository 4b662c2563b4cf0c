SERVICES    += tracer
tracer_SRCS := $(addprefix rconsole/tracer/,main.c reader.c place.c metadata.c) rconsole/login.c
