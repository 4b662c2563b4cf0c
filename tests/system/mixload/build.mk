TEST_SERVICES += mixload
mixload_SRCS  := tests/system/mixload/main.c $(clone_SRCS)
