TEST_SERVICES += hostile
hostile_SRCS  := $(addprefix tests/system/hostile/,main.c scene.c victim.c attacker.c table.c handles.c rights.c revoke.c replies.c \
                   messages.c pointers.c buffers.c mappings.c cpu.c leaks.c floods.c quotas.c deaths.c authority.c forgeries.c halves.c turns.c) $(clone_SRCS)
