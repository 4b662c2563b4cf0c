TEST_SERVICES += tracegen
tracegen_SRCS := tests/system/tracegen/main.c
