TEST_SERVICES += sysfuzz
sysfuzz_SRCS := $(addprefix tests/system/sysfuzz/,main.c slots.c leak.c worker.c scripts.c scripts_large.c calls.c draw.c learn.c pool.c trap.asm) $(clone_SRCS)
