/* The bytes behind a trace: files in memory. */
#pragma once
#include "trace.h"

/* All false with why[] set. `folder` may be NULL. */
bool files_add(struct trace *trace, const char *folder, const char *name, char why[256]); /* "-": standard input */
bool files_add_streams(struct trace *trace, const char *folder,
                       char why[256]); /* all but metadata and what is hidden */
bool files_add_bytes(struct trace *trace, const char *name, const uint8_t *bytes, size_t size); /* stay the caller's */
void files_free(struct trace *trace);
