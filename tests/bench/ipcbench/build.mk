TEST_SERVICES  += ipcbench ipcserver
ipcbench_SRCS  := $(addprefix tests/bench/ipcbench/,main.c measure.c round_trips.c caps.c recording.c)
ipcserver_SRCS := $(addprefix tests/bench/ipcbench/,server.c serve.c)
