/* A connection: its login when one is asked for, its output, and the stream of port 2325. */
#include <stdlib.h>
#include <string.h>
#include "rconsole/tracer/tracer.h"

/* ---- coming and going ---- */

/* Since when it is the peer's turn: to log in, to take what lies there, to ask. DEADLINE_NEVER: it is ours. */
static uint64_t silent_since(const struct client *client)
{
    bool streams = client->admitted && client->kind == CLIENT_STREAM;
    return streams && !client->stalled ? DEADLINE_NEVER : client->heard_ns;
}

/* A place of somebody who is silent for long, and may be gone without a word, goes to who comes. */
static void place_take_back(struct tracer *t, struct client *client)
{
    log_info("a reader who is silent for %u s gives its place to another", (unsigned)(SILENT_NS / 1000000000u));
    net_client_set_user(&t->net, client->slot, NULL);
    net_client_abort(&t->net, client->slot);
    client_close(t, client);
}

static struct client *free_place(struct tracer *t, enum client_kind kind)
{
    unsigned first = kind == CLIENT_STREAM ? 0 : STREAMS_MAX, end = kind == CLIENT_STREAM ? STREAMS_MAX : CLIENTS_MAX;
    struct client *longest = &t->clients[first];
    for (unsigned i = first; i < end; i++) {
        if (!t->clients[i].kind)
            return &t->clients[i];
        if (silent_since(&t->clients[i]) < silent_since(longest))
            longest = &t->clients[i];
    }
    uint64_t since = silent_since(longest), now = clock_now();
    if (since == DEADLINE_NEVER || now - since < SILENT_NS)
        return NULL;
    place_take_back(t, longest);
    return longest;
}

/* Begins with what the flight recorder holds, or for a live view with what comes now. */
void client_admit(struct tracer *t, struct client *client)
{
    client->admitted = true;
    if (client->kind != CLIENT_STREAM)
        return;
    for (uint32_t cpu = 0; cpu < t->metadata.cpu_count; cpu++)
        place_start(&client->places[cpu], PLACE_OLDEST, cpu, kernel_read, client->packet);
    (void)trace_announce(cap_named("trace"));
    client->out = t->metadata.packets;
    client->out_left = t->metadata.bytes;
}

bool client_open(struct tracer *t, const struct net_event *accepted)
{
    enum client_kind kind = accepted->value == STREAM_PORT ? CLIENT_STREAM : CLIENT_LIVE;
    struct client *client = free_place(t, kind);
    struct place *places = client ? calloc(t->metadata.cpu_count, sizeof *places) : NULL;
    if (!places)
        return false;
    *client = (struct client){.kind = kind, .slot = accepted->slot, .places = places, .heard_ns = clock_now()};
    memcpy(client->address, accepted->address, sizeof client->address);
    net_client_set_user(&t->net, accepted->slot, client);
    if (!t->asks_token)
        client_admit(t, client);
    return true;
}

void client_close(struct tracer *t, struct client *client)
{
    (void)t;
    live_free(&client->live);
    free(client->places);
    client->places = NULL;
    client->kind = CLIENT_NONE;
}

static void say_and_end(struct client *client, const char *text)
{
    client->out = (const uint8_t *)text;
    client->out_left = (uint32_t)strlen(text);
    client->ended = true;
}

/* ---- login ---- */

static void login_line(struct tracer *t, struct client *client)
{
    static const char word[] = "login ";
    const size_t skip = sizeof word - 1;
    uint32_t length = client->line_length;
    if (length && client->line[length - 1] == '\r')
        length--;
    if (length < skip || memcmp(client->line, word, skip) != 0) {
        say_and_end(client, "this port asks for `login TOKEN` first\n");
        return;
    }
    client->answer_yes =
        login_try(&t->login, client->address, client->line + skip, length - skip, clock_now(), &client->answer_ns);
}

static void login_input(struct tracer *t, struct client *client)
{
    char c;
    while (!client->answer_ns && !client->ended && net_client_read(&t->net, client->slot, &c, 1)) {
        if (c == '\n')
            login_line(t, client);
        else if (client->line_length == sizeof client->line)
            say_and_end(client, "this line is too long for `login TOKEN`\n");
        else
            client->line[client->line_length++] = c;
    }
}

static void login_turn(struct tracer *t, struct client *client, uint64_t now_ns)
{
    if (!client->answer_ns || now_ns < client->answer_ns)
        return;
    client->answer_ns = 0;
    memset(client->line, 0, sizeof client->line);
    if (client->answer_yes)
        client_admit(t, client);
    else
        say_and_end(client, "wrong token\n");
}

/* ---- in and out ---- */

static void throw_away(struct tracer *t, struct client *client)
{
    void *at;
    uint32_t n;
    while ((n = net_client_peek(&t->net, client->slot, &at)))
        net_client_consume(&t->net, client->slot, n);
}

/* Requests, until one has an answer. */
static void live_input(struct tracer *t, struct client *client)
{
    const struct live_facts facts = {t->metadata.packets, t->metadata.bytes, t->metadata.cpu_count, kernel_read};
    enum live_result result = LIVE_MORE;
    uint8_t byte;
    while (result == LIVE_MORE && !client->out_left && net_client_read(&t->net, client->slot, &byte, 1))
        result = live_byte(&client->live, &facts, byte, client->heard_ns = clock_now());
    if (result == LIVE_ATTACHED)
        (void)trace_announce(cap_named("trace"));
    client->ended |= result == LIVE_END;
    client->out = client->live.answer;
    client->out_left = client->live.length;
}

/* What goes out behind an answer. */
static bool live_tail(struct client *client)
{
    client->out = client->live.tail;
    client->out_left = client->live.tail_length;
    client->live.tail_length = 0;
    return client->out_left;
}

/* Answers go out as room comes; the next request is read when the last answer is gone. */
static void live_turn(struct tracer *t, struct client *client)
{
    while (client_output(t, client)) {
        free(client->live.answer);
        client->live.answer = NULL;
        client->live.length = 0;
        if (!live_tail(client))
            live_input(t, client);
        if (!client->out_left && !client->ended)
            return;
    }
}

void client_input(struct tracer *t, struct client *client)
{
    if (!client->admitted && !client->ended)
        login_input(t, client);
    else if (client->kind == CLIENT_STREAM || client->ended)
        throw_away(t, client);
}

/* Who only listens may have shut his side (nc </dev/null); who still had to log in is done. */
void client_fin(struct tracer *t, struct client *client)
{
    client_input(t, client);
    if ((!client->admitted && !client->answer_ns) || client->kind == CLIENT_LIVE)
        client->ended = true;
}

/* False: the transmit ring is full, or there is nothing more to say. */
bool client_output(struct tracer *t, struct client *client)
{
    while (client->out_left) {
        uint32_t n = net_client_write(&t->net, client->slot, client->out, client->out_left);
        client->out += n;
        client->out_left -= n;
        client->stalled = client->out_left && net_client_want_room(&t->net, client->slot);
        if (n)
            client->heard_ns = clock_now();
        if (client->stalled)
            return false;
    }
    if (client->ended)
        net_client_close(&t->net, client->slot);
    return !client->ended;
}

static bool packet_from(struct client *client, uint32_t cpu, bool partial)
{
    client->out_left = place_next(&client->places[cpu], partial, cpu, kernel_read, client->packet);
    client->out = client->packet;
    return client->out_left != 0;
}

static bool whole_packet(struct tracer *t, struct client *client)
{
    for (uint32_t i = 0; i < t->metadata.cpu_count; i++) {
        client->next_cpu = (client->next_cpu + 1) % t->metadata.cpu_count;
        if (packet_from(client, client->next_cpu, false)) {
            client->moved++;
            return true;
        }
    }
    return false;
}

/* A poll is to find a few packets: one that finds more comes sooner next time, long before the ring is full; on a quiet
 * machine they are so rare that what the stream itself causes stays little. */
static uint64_t next_poll(uint64_t poll_ns, uint32_t moved)
{
    if (moved >= 4 * POLL_PACKETS)
        poll_ns /= 4;
    else if (moved >= 2 * POLL_PACKETS)
        poll_ns /= 2;
    else if (moved < POLL_PACKETS / 2)
        poll_ns *= 2;
    if (poll_ns < POLL_MIN_NS)
        return POLL_MIN_NS;
    return poll_ns < POLL_MAX_NS ? poll_ns : POLL_MAX_NS;
}

/* What is begun, at most once in FLUSH_NS. False: the transmit ring is full. */
static bool stream_flush(struct tracer *t, struct client *client, uint64_t now_ns)
{
    if (now_ns - client->flushed_ns < FLUSH_NS)
        return true;
    client->flushed_ns = now_ns;
    for (uint32_t cpu = 0; cpu < t->metadata.cpu_count; cpu++)
        if (packet_from(client, cpu, true) && !client_output(t, client))
            return false;
    return true;
}

/* Whole packets, when it is time; when the transmit ring is full meanwhile, the rest of them as room comes. */
static void stream_turn(struct tracer *t, struct client *client, uint64_t now_ns)
{
    client->polling |= now_ns >= client->due_ns;
    do {
        if (!client_output(t, client))
            return;
    } while (client->polling && whole_packet(t, client));
    if (!client->polling || !stream_flush(t, client, now_ns))
        return;
    client->poll_ns = next_poll(client->poll_ns, client->moved);
    client->due_ns = now_ns + client->poll_ns;
    client->polling = false;
    client->moved = 0;
}

void client_turn(struct tracer *t, struct client *client, uint64_t now_ns)
{
    if (!client->admitted)
        login_turn(t, client, now_ns);
    if (client->stalled)
        return;
    if (client->admitted && client->kind == CLIENT_STREAM && !client->ended)
        stream_turn(t, client, now_ns);
    else if (client->admitted && !client->ended)
        live_turn(t, client);
    else
        (void)client_output(t, client);
}

uint64_t client_due(const struct client *client)
{
    if (!client->kind || client->stalled || client->ended)
        return DEADLINE_NEVER;
    if (!client->admitted)
        return client->answer_ns ? client->answer_ns : DEADLINE_NEVER;
    return client->kind == CLIENT_STREAM ? client->due_ns : DEADLINE_NEVER;
}
