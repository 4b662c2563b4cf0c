TEST_SERVICES += smpbench
smpbench_SRCS  = $(addprefix tests/bench/smpbench/,main.c pair.c roles.c) \
                 $(addprefix tests/bench/ipcbench/,measure.c round_trips.c serve.c) $(clone_SRCS)
