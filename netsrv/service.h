/* The messages that netsrv answers: attaching, and questions. */
#pragma once
#include <lib/ipc.h>

extern const struct ipc_op service_ops[];
extern const size_t service_op_count;
/* Answers that come later go out there; scopes are capabilities of that channel. */
MUST_CHECK status_t service_init(handle_t channel);
void service_on_kernel_message(void *context, struct msg *m);
