/* tracer: the trace on TCP. Port 2325 is the stream that describes itself (`nc HOST 2325 > t.ctf`), port 2326 the LTTng-live
 * viewer protocol. It holds the right to observe, nothing else, and nobody needs it: a fault in it touches no session.
 *
 * Each connection is a struct client with what its protocol needs. Output is kept in `out` until the transmit ring took it,
 * so a slow reader costs memory for one answer, and its loss shows when the kernel has overwritten what it did not read.
 * While nobody reads, nothing runs here. Connections that are gone without a word keep no places: those of who is silent for
 * SILENT_NS go to who comes when none is free. */
#pragma once
#include <lib/net_client.h>
#include <lib/runtime.h>
#include "rconsole/login.h"
#include "rconsole/tracer/live.h"
#include "rconsole/tracer/place.h"

#define STREAM_PORT 2325u
#define LIVE_PORT 2326u
#define STREAMS_MAX 8u
#define LIVES_MAX 4u
#define CLIENTS_MAX (STREAMS_MAX + LIVES_MAX)
#define FLUSH_NS 150000000ull
#define POLL_MAX_NS 50000000ull /* with FLUSH_NS: what happens is out within 200 ms */
#define POLL_MIN_NS 2000000ull
#define POLL_PACKETS 8u
#define SLOTS_SPARE 1u /* to hear of who comes when all places are taken */
#define SILENT_NS 45000000000ull
#define LOGIN_LINE_MAX 128u

struct metadata {
    const uint8_t *packets;
    uint32_t bytes, cpu_count;
};

enum client_kind { CLIENT_NONE = 0, CLIENT_STREAM, CLIENT_LIVE };

struct client {
    enum client_kind kind;
    uint32_t slot;
    uint8_t address[16];
    bool stalled;       /* the transmit ring is full: ROOM will come */
    bool ended;         /* close when `out` is gone */
    bool admitted;      /* said the token, or need not */
    bool answer_yes;    /* what the login's penalty ends with */
    uint64_t answer_ns; /* when; 0: no login under way */
    uint64_t heard_ns;  /* when it last said or took something */
    char line[LOGIN_LINE_MAX];
    uint32_t line_length;

    struct place *places; /* one a CPU */
    uint32_t next_cpu;    /* round robin */
    bool polling;         /* reads whole packets until there is none */
    uint32_t moved;       /* packets, in this poll */
    uint64_t due_ns;      /* when the next poll begins */
    uint64_t poll_ns;     /* from the last one to it */
    uint64_t flushed_ns;  /* when the last partial packets went out */
    const uint8_t *out;
    uint32_t out_left;
    struct live live;
    uint8_t packet[TRACE_PACKET_SIZE];
};

struct tracer {
    struct net_client net;
    handle_t channel, signal;
    struct login login;
    bool asks_token, net_up;
    struct metadata metadata;
    struct client clients[CLIENTS_MAX];
};

result_t kernel_read(uint32_t cpu, uint64_t sequence, void *buffer, uint64_t *second); /* a place_read */
status_t metadata_init(struct metadata *metadata) MUST_CHECK;

/* ---- reader.c ---- */
void client_admit(struct tracer *t, struct client *client);
bool client_output(struct tracer *t, struct client *client);          /* false: ended, or the transmit ring is full */
bool client_open(struct tracer *t, const struct net_event *accepted); /* false: no place for it */
void client_close(struct tracer *t, struct client *client);           /* after CLOSED */
void client_input(struct tracer *t, struct client *client);           /* DATA */
void client_fin(struct tracer *t, struct client *client);
void client_turn(struct tracer *t, struct client *client, uint64_t now_ns); /* moves what there is to move */
uint64_t client_due(const struct client *client); /* when it has something to do again, if nothing happens before */
