TEST_SERVICES += netprobe
netprobe_SRCS := $(addprefix tests/system/netprobe/,main.c attach.c scopes.c bulk.c probe.c)
