/* docs/trace-events.md, made of abi/trace_events.h and abi/trace_texts.h. */
#pragma once
#include <stdio.h>

void trace_events_page(FILE *out);
