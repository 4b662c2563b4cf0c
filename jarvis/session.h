/* The sessions that rconsole opened: buffer, authority, and the answer on its way.
 *
 * Rules
 *  - A line is run when its REQUEST is taken; the answer goes into the ring at once, and what does not fit waits in `rest`
 *    until ROOM. Until the last byte is in the ring further lines of that session are not taken (rconsole sends none).
 *  - The buffer is shared with rconsole: its text is copied before it is read, its ring indices are clamped (lib/ring).
 *  - ENDED is sent when a session's buffer and capabilities are let go: rconsole may use the memory again only then.
 *  - When rconsole is gone (CLOSED, or a second ATTACH) all sessions end. */
#pragma once
#include "jarvis/executor.h"
#include <lib/ipc.h>
#include <lib/ring.h>

#define REST_TOTAL_MAX 262144u /* answers that wait, all sessions together */

struct session {
    struct session_facts who; /* number 0: free */
    struct authority authority;
    struct dialogue dialogue;
    handle_t memory;
    struct jarvis_buffer *buffer;
    struct ring_view ring;
    char *rest; /* what did not fit the ring yet */
    uint32_t rest_length, rest_at, serial, action;
    bool busy, tell, ended; /* tell: a CONSOLE_ANSWER waits to be sent; ended: it is the last one */
};

struct sessions {
    struct session all[JARVIS_SESSIONS_MAX];
    handle_t console; /* rconsole's channel; HANDLE_NONE: not attached */
    uint32_t rest_total, untold;
};

void sessions_attach(struct sessions *sessions, handle_t console); /* takes the handle */
void sessions_end_all(struct sessions *sessions);
status_t session_open(struct sessions *sessions, const struct jarvis_open *open,
                      handle_t memory); /* takes it when OK */
status_t session_authority(struct sessions *sessions, const struct jarvis_authority *about,
                           const handle_t caps[CAP_KINDS]);
status_t session_request(struct sessions *sessions, const struct jarvis_request *request);
status_t session_room(struct sessions *sessions, uint32_t number);
status_t session_close(struct sessions *sessions, uint32_t number);
status_t session_stop(struct sessions *sessions, uint32_t number); /* the request that takes its time ends now */
/* Requests that take their time go on here (watch.h), when it is due and after anything that happened. */
void sessions_turn(struct sessions *sessions);
uint64_t sessions_due(const struct sessions *sessions);
void sessions_tell(struct sessions *sessions); /* sends what could not be sent before */
