TEST_SERVICES += shoot
shoot_SRCS := $(addprefix tests/system/shoot/,main.c crew.c round.c ways.c pattern.c writer.c churner.c) $(clone_SRCS)
