#pragma once
#include "kernel/x86/log.h"

extern char host_log_first[256], host_log_last[256]; /* first: since host_log_lines was 0 */
extern unsigned host_log_lines;
