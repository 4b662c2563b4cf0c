/* trustos-trace: records the trace of a TRustOs machine and reads what was recorded. docs/trustos-trace.1 is its manual. */
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"

static const struct command {
    const char *name, *letters, *usage;
    int (*run)(const struct options *options);
} commands[] = {
    {"record", "o:t:T:i:wqh", "record HOST[:PORT] [-o DIR] [-t SECONDS] [-i SECONDS] [-w] [-q] [--token TOKEN]",
     command_record},
    {"print", "f:e:uh", "print [-u] [--from S] [--to S] DIR|FILE|-", command_print},
    {"report", "f:e:Fp:h", "report [--figures] [--from S] [--to S] [--pinned TASK=MASK] DIR|FILE|-", command_report},
    {"timeline", "o:f:e:h", "timeline -o FILE.html [--from S] [--to S] DIR|FILE|-", command_timeline},
    {"perfetto", "o:f:e:h", "perfetto -o FILE.json [--from S] [--to S] DIR|FILE|-", command_perfetto},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
                                             {"token", required_argument, NULL, 'T'},
                                             {"from", required_argument, NULL, 'f'},
                                             {"to", required_argument, NULL, 'e'},
                                             {"idle", required_argument, NULL, 'i'},
                                             {"seconds", required_argument, NULL, 't'},
                                             {"figures", no_argument, NULL, 'F'},
                                             {"pinned", required_argument, NULL, 'p'},
                                             {"wait", no_argument, NULL, 'w'},
                                             {"quiet", no_argument, NULL, 'q'},
                                             {"utc", no_argument, NULL, 'u'},
                                             {"help", no_argument, NULL, 'h'},
                                             {0}};

static int usage(FILE *to, const struct command *only)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (!only || only == &commands[i])
            fprintf(to, "%s trustos-trace %s\n", only || i == 0 ? "usage:" : "      ", commands[i].usage);
    }
    return to == stderr ? 2 : 0;
}

static bool number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && isfinite(*value) && *value >= 0)
        return true;
    fprintf(stderr, "trustos-trace: \"%s\" is no number of seconds\n", text);
    return false;
}

/* False: the letter is not this command's, or its argument is wrong. */
static bool option(const struct command *command, int letter, struct options *options)
{
    if (!strchr(command->letters, letter) || letter == '?')
        return false;
    switch (letter) {
    case 'o': options->output = optarg; return true;
    case 'T': options->token = optarg; return true;
    case 'f': return number(optarg, &options->from_s);
    case 'e': return number(optarg, &options->to_s);
    case 'i': return number(optarg, &options->idle_s);
    case 't': return number(optarg, &options->seconds);
    case 'p':
        if (options->pinned_count == PINNED_MAX)
            return false;
        options->pinned[options->pinned_count++] = optarg;
        return true;
    case 'F': options->figures = true; return true;
    case 'w': options->wait = true; return true;
    case 'q': options->quiet = true; return true;
    case 'u': options->utc = true; return true;
    }
    return false;
}

static int run(const struct command *command, int count, char **words)
{
    struct options options = {.to_s = INFINITY, .idle_s = 10};
    for (int letter; (letter = getopt_long(count, words, command->letters, long_options, NULL)) != -1;) {
        if (letter == 'h')
            return usage(stdout, command);
        if (!option(command, letter, &options))
            return usage(stderr, command);
    }
    if (optind != count - 1)
        return usage(stderr, command);
    options.target = words[optind];
    return command->run(&options);
}

int main(int count, char **words)
{
    if (count > 1 && (!strcmp(words[1], "-h") || !strcmp(words[1], "--help") || !strcmp(words[1], "help")))
        return usage(stdout, NULL);
    for (size_t i = 0; count > 1 && i < COMMANDS; i++) {
        if (!strcmp(words[1], commands[i].name))
            return run(&commands[i], count - 1, words + 1);
    }
    if (count > 1)
        fprintf(stderr, "trustos-trace: there is no command \"%s\"\n", words[1]);
    return usage(stderr, NULL);
}
