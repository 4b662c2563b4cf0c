TEST_SERVICES  += ipcbench ipcserver
ipcbench_SRCS  := tests/bench/ipcbench/main.c tests/bench/ipcbench/caps.c tests/bench/ipcbench/recording.c
ipcserver_SRCS := tests/bench/ipcbench/server.c
