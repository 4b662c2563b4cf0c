TEST_SERVICES += hostile
hostile_SRCS  := tests/system/hostile/main.c $(clone_SRCS)
