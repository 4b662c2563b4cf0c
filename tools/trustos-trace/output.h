/* Files that timeline and perfetto write. */
#pragma once
#include <stdio.h>
#include "commands.h"

FILE *output_open(const struct options *options); /* -o FILE, "-" for standard output; NULL: said why */
/* False, said why, and the file is gone: it was not written to its end. */
bool output_close(const struct options *options, FILE *out);
void output_string(FILE *out, const char *text); /* as JSON, in quotes; also safe inside <script> */
