SERVICES += netbench
netbench_SRCS := netbench/main.c netbench/services.c netbench/pattern.c
