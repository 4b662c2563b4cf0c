/* The way to jarvis: attaching, the shared buffers, and messages that wait while its queue is full.
 *
 * Rules
 *  - Nothing here blocks, save link_connect (a quarter of a second at most, at most four times a second).
 *  - A place is a session's buffer at jarvis. From link_open on jarvis writes into it, so the memory is given back only
 *    when jarvis said ENDED, or is dead: else an old session's answer could end in a new session's hands.
 *  - When jarvis dies (MSG_CLOSED with CONSOLE_BADGE_JARVIS): link_down; all places are gone, sessions ask anew. */
#pragma once
#include "rconsole/authority.h"

#define LINK_PLACES 30 /* sessions, and some that wait for ENDED */
enum { CONSOLE_BADGE_NETSRV = 1, CONSOLE_BADGE_JARVIS = 2 };

struct place {
    uint32_t session;      /* 0: free */
    handle_t memory, root; /* root: until it has gone to jarvis */
    struct jarvis_buffer *buffer;
    struct ring_view answer;
    bool opened, authority_sent, closing, close_sent, room_due, stop_due;
};

struct jarvis_link {
    handle_t jarvis, channel; /* HANDLE_NONE: not attached; rconsole's own */
    uint64_t retry_ns;
    struct place places[LINK_PLACES];
};

bool link_connect(struct jarvis_link *link, uint64_t now_ns); /* true: attached (now or before) */
void link_down(struct jarvis_link *link);
struct place *link_place(struct jarvis_link *link, uint32_t session); /* NULL: no memory or no place */
/* Sends OPEN and AUTHORITY where still due, and the request; true when all are on their way. */
bool link_ask(struct jarvis_link *link, struct place *place, const struct jarvis_open *about,
              const struct authority *authority, const char *text, size_t length, uint32_t serial);
void link_close(struct jarvis_link *link, struct place *place); /* the session is over */
void link_ended(struct jarvis_link *link, uint32_t session);    /* jarvis let go of it */
void link_room(struct jarvis_link *link, struct place *place);  /* the answer ring has room again */
void link_stop(struct jarvis_link *link, struct place *place);  /* the request that takes its time shall end */
/* Sends what waits. True: something still does, come again soon. */
bool link_pump(struct jarvis_link *link);
