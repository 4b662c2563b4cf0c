/* The subcommands: each is a file of its name. What they share of the command line is parsed in main.c. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PINNED_MAX 64
struct options {
    const char *target; /* a HOST[:PORT], or a trace's DIR or FILE */
    const char *output, *token;
    double from_s, to_s;    /* since boot; 0 and infinity when not given */
    double seconds, idle_s; /* record: ends by itself after; takes a silent connection for dead after. 0: never */
    bool wait, quiet, utc, figures;
    const char *pinned[PINNED_MAX]; /* report: TASK=MASK */
    unsigned pinned_count;
};

/* Each returns the exit status. */
int command_record(const struct options *options);
int command_print(const struct options *options);
int command_report(const struct options *options);
int command_timeline(const struct options *options);
int command_perfetto(const struct options *options);
