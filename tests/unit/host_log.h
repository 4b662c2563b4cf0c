#pragma once
#include "kernel/x86/log.h"

extern char host_log_last[256];
extern unsigned host_log_lines;
