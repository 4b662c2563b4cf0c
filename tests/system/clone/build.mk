# For the sources of a test service that starts children: $(clone_SRCS)
clone_SRCS := tests/system/clone/clone.c tests/system/clone/option.c
