TEST_SERVICES += load
load_SRCS := $(addprefix tests/system/load/,main.c crew.c kinds.c mayfly.c) $(clone_SRCS)
