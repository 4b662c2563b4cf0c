SERVICES  += init
init_SRCS := init/main.c init/manifest.c init/manifest_rules.c init/affinity.c init/names.c init/revoke.c init/revoke_way.c init/lifecycle.c init/spawn.c \
	init/supervise.c init/elf.c init/tar.c
