lib_SRCS := lib/crt.asm lib/runtime.c lib/status.c lib/ring.c \
	lib/ipc_dispatch.c lib/ipc_server.c lib/ipc_client.c lib/libc_syscall.c
lib_SRCS += lib/net_client.c lib/net_attach.c lib/net_layout.c
lib_SRCS += lib/trace_metadata.c lib/trace_texts.c
