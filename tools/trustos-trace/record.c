/* trustos-trace record: one loop over connections, in each one loop over what comes. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "commands.h"
#include "connect.h"
#include "recording.h"

#define PORT "2325"
#define CONNECT_S 5.0
#define BACKOFF_FIRST_S 0.2
#define BACKOFF_LAST_S 2.0

static volatile sig_atomic_t stop;

struct session {
    const struct options *options;
    struct recording recording;
    struct receiver receiver;
    double started_s, shown_s, heard_s;
    uint64_t shown_events;
    bool is_terminal, connected_once;
};
enum ended { ENDED_STOP, ENDED_AGAIN, ENDED_ERROR };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static bool is_over(const struct session *s)
{
    return stop || (s->options->seconds > 0 && now_s() - s->started_s >= s->options->seconds);
}

/* ---- what it says ---- */

static void say(struct session *s, const char *text)
{
    if (!s->options->quiet)
        fprintf(stderr, "%strustos-trace: %s\n", s->is_terminal ? "\r\033[K" : "", text);
}

static void complain(struct session *s, const char *text)
{
    fprintf(stderr, "%strustos-trace: %s\n", s->is_terminal ? "\r\033[K" : "", text);
}

static void losses_text(const struct recording_counts *c, char out[160])
{
    int n = snprintf(out, 160, "lost %" PRIu64 " events, %" PRIu64 " packets", c->lost_events, c->lost_packets);
    if (c->lost_before)
        snprintf(out + n, 160 - (size_t)n, " (and %" PRIu64 " events before the first packet)", c->lost_before);
}

/* On a terminal one line that changes twice a second, else a line every five seconds. */
static void show_progress(struct session *s)
{
    double now = now_s(), since = now - s->shown_s;
    struct recording_counts sum = recording_sum(&s->recording);
    char losses[160];
    if (s->options->quiet || since < (s->is_terminal ? 0.5 : 5.0))
        return;
    losses_text(&sum, losses);
    fprintf(stderr, "%s%7.1f s  %10.0f events/s  %" PRIu64 " events  %.1f MB  %s%s", s->is_terminal ? "\r\033[K" : "",
            now - s->started_s, (double)(sum.events - s->shown_events) / since, sum.events, (double)sum.bytes / 1e6,
            losses, s->is_terminal ? "" : "\n");
    s->shown_s = now;
    s->shown_events = sum.events;
}

static void show_directory(struct session *s)
{
    const struct recording_counts *c = &s->recording.counts;
    char losses[160], line[512];
    if (!s->recording.directory)
        return;
    losses_text(c, losses);
    snprintf(line, sizeof line, "%.120s: %" PRIu64 " events, %" PRIu64 " packets, %.1f MB; %s", s->recording.directory,
             c->events, c->packets, (double)c->bytes / 1e6, losses);
    say(s, line);
}

/* ---- one connection ---- */

static enum ended take_bytes(struct session *s, size_t size)
{
    struct ctf_error error = {0};
    char text[512], where[64] = "";
    s->heard_s = now_s();
    uint32_t directories = s->recording.opened;
    enum ctf_result result = receiver_took(&s->receiver, size, &error);
    if (s->recording.opened != directories && s->recording.directory) {
        snprintf(text, sizeof text, "recording into %.200s", s->recording.directory);
        say(s, text);
    }
    if (result == CTF_SHORT)
        return ENDED_AGAIN;
    if (error.in_metadata)
        snprintf(where, sizeof where, "metadata, line %u, ", error.line);
    if (s->recording.why[0])
        snprintf(text, sizeof text, "%s", s->recording.why);
    else
        snprintf(text, sizeof text, "%.100s: %soffset %" PRIu64 ": %s", s->options->target, where, error.offset,
                 error.text);
    complain(s, text);
    return ENDED_ERROR;
}

/* Reads until the connection or the recording ends. */
static enum ended receive(struct session *s, int socket, char why[256])
{
    s->heard_s = now_s();
    while (!is_over(s)) {
        struct pollfd p = {.fd = socket, .events = POLLIN};
        size_t room;
        show_progress(s);
        if (s->options->idle_s > 0 && now_s() - s->heard_s > s->options->idle_s) {
            snprintf(why, 256, "nothing came for %.0f s", s->options->idle_s);
            return ENDED_AGAIN;
        }
        if (poll(&p, 1, 100) <= 0)
            continue;
        uint8_t *to = receiver_room(&s->receiver, &room);
        ssize_t n = to ? recv(socket, to, room, 0) : -1;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0) {
            snprintf(why, 256, "%s", n ? strerror(errno) : "the other side closed the connection");
            return ENDED_AGAIN;
        }
        if (take_bytes(s, (size_t)n) == ENDED_ERROR)
            return ENDED_ERROR;
    }
    return ENDED_STOP;
}

static enum ended connection(struct session *s, char why[256])
{
    char login[300];
    int socket = connect_to(s->options->target, PORT, CONNECT_S, &stop, why);
    if (socket < 0)
        return ENDED_AGAIN;
    snprintf(login, sizeof login, "login %.256s\n", s->options->token ? s->options->token : "");
    if (s->options->token && !connect_send(socket, login)) {
        snprintf(why, 256, "the login could not be sent");
        close(socket);
        return ENDED_AGAIN;
    }
    enum ended ended = receive(s, socket, why);
    close(socket);
    return ended;
}

/* The connection is over: what is whole is on the disk, and the next one is another boot's. */
static void close_up(struct session *s, const char *why)
{
    char text[512];
    if (s->receiver.used) {
        snprintf(text, sizeof text, "offset %" PRIu64 ": the last packet was cut; its %zu bytes are left out",
                 s->receiver.stream.offset, s->receiver.used);
        say(s, text);
    }
    show_directory(s);
    if (why)
        say(s, why);
    recording_next_boot(&s->recording);
    receiver_reset(&s->receiver);
}

/* ---- all of them ---- */

static void pause_s(const struct session *s, double seconds)
{
    for (double end = now_s() + seconds; now_s() < end && !is_over(s);)
        poll(NULL, 0, 20);
}

static int run(struct session *s)
{
    double backoff = BACKOFF_FIRST_S;
    char why[256], line[400];
    while (!is_over(s)) {
        why[0] = 0;
        enum ended ended = connection(s, why);
        bool heard = s->receiver.stream.offset > 0;
        s->connected_once |= heard || ended == ENDED_STOP;
        snprintf(line, sizeof line, "%.250s; connecting anew", why);
        close_up(s, ended == ENDED_AGAIN && heard ? line : NULL);
        if (ended == ENDED_ERROR)
            return 1;
        if (!s->connected_once && !s->options->wait && !is_over(s)) {
            complain(s, why);
            return 1;
        }
        backoff = heard ? BACKOFF_FIRST_S : backoff * 2 < BACKOFF_LAST_S ? backoff * 2 : BACKOFF_LAST_S;
        if (ended == ENDED_AGAIN)
            pause_s(s, backoff);
    }
    if (s->connected_once || stop)
        return 0;
    complain(s, why);
    return 1;
}

int command_record(const struct options *options)
{
    static struct session s;
    struct sigaction action = {.sa_handler = on_signal};
    if (options->token && (strchr(options->token, '\n') || strlen(options->token) > 256)) {
        fprintf(stderr, "trustos-trace: a token is one line of at most 256 characters\n");
        return 2;
    }
    s = (struct session){.options = options, .started_s = now_s(), .shown_s = now_s(), .is_terminal = isatty(2)};
    recording_start(&s.recording, options->output ? options->output : "trace");
    s.receiver.recording = &s.recording;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    return run(&s);
}
