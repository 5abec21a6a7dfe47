/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One attempt at one pool: resolve, connect, log in, serve, end. A link is never reused; the client
 * makes a new one for the next attempt, so no state of an old session can leak into a new one.
 */
#ifndef PLAB_POOL_CLIENT_LINK_PRIV_H
#define PLAB_POOL_CLIENT_LINK_PRIV_H

#include <uv.h>

#include "net/stream.h"
#include "pool_client/client.h"
#include "pool_client/resolve_priv.h"
#include "stratum/frame.h"
#include "stratum/ws.h"

#define PLAB_REQUESTS_MAX 256 /* unanswered ones */
#define PLAB_LINK_READ_BYTES 16384

struct plab_link;

/* What a link tells its owner. */
struct plab_link_events {
    void (*up)(void *cookie, struct plab_link *link); /* logged in; a job follows */
    void (*job)(void *cookie, struct plab_link *link, const struct plab_stratum_job *job);
    void (*result)(void *cookie, const struct plab_client_result *result);
    /* The pool wants to be reconnected to there. Only while it is up, and if that is allowed. */
    void (*redirect)(void *cookie, struct plab_link *link, const char *host, uint16_t port);
    /* The link failed by itself. Called once, not after plab_link_close(). */
    void (*down)(void *cookie, struct plab_link *link, enum plab_status status, const char *reason);
    void (*gone)(void *cookie); /* its memory is free; the last event of every link */
    void *cookie;
};

/* Creates a link and starts it. `config`, `tls` (for a pool with TLS), `events` and `sequence` (the
 * next request id, shared by all links of a client) are borrowed until `gone`. NULL when there is
 * no memory; then no event comes. */
struct plab_link *plab_link_open(uv_loop_t *loop, const struct plab_client_config *config,
                                 struct plab_tls_context *tls, const struct plab_url *pool,
                                 uint64_t *sequence, const struct plab_link_events *events);

/* Ends it silently. It frees itself when the loop has run. */
void plab_link_close(struct plab_link *link);

/* Ends it with a `down` event. */
void plab_link_fail(struct plab_link *link, enum plab_status status, const char *fmt, ...)
    PLAB_PRINTF(3, 4);

/* Sends a share; false when too many requests are unanswered, or the link has just failed. */
bool plab_link_submit(struct plab_link *link, const struct plab_client_share *share,
                      const struct plab_stratum_job *job);

unsigned plab_link_extensions(const struct plab_link *link);

/* The address that it is connected to, "127.0.0.1:3333"; "" before. Returns `out`. */
const char *plab_link_address(const struct plab_link *link, char out[PLAB_NETGUARD_NAME_LEN]);

/* Describes the TLS session; false when there is none. */
bool plab_link_describe_tls(const struct plab_link *link, struct plab_tls_info *out);

/* The numeric form of a pool's address, if it is one (port included). */
bool plab_link_numeric(const struct plab_url *pool, struct sockaddr_storage *out);

/* ---- between link.c (transport) and session.c (protocol) ---- */

enum plab_link_phase {
    PLAB_LINK_RESOLVING,
    PLAB_LINK_CONNECTING,
    PLAB_LINK_LOGGING_IN,
    PLAB_LINK_ONLINE,
    PLAB_LINK_ENDED,
};

enum plab_request_kind {
    PLAB_REQUEST_LOGIN,
    PLAB_REQUEST_SUBMIT,
    PLAB_REQUEST_KEEPALIVE,
};

struct plab_request {
    enum plab_request_kind kind;
    int64_t id;
    uint64_t deadline_ms; /* UINT64_MAX: may stay unanswered */
    uint64_t sent_ns;
    uint64_t job_number, tag;
    char *line; /* owned; NULL: sent */
    size_t line_len;
};

/* What happens often is logged the first, second, fourth, eighth ... time. */
struct plab_odd_counts {
    unsigned bad_line, bad_message, bad_job, early_job, unknown_id, redirect;
};

struct plab_link {
    const struct plab_client_config *config;
    const struct plab_link_events *events;
    struct plab_tls_context *tls; /* NULL: plain */
    uint64_t *sequence;
    struct plab_url pool;
    char name[PLAB_URL_NAME_LEN];
    enum plab_link_phase phase;

    struct plab_resolve *resolve; /* while it goes on */
    struct plab_stream *stream;   /* NULL: none (yet, or any more) */
    struct plab_stream_home home;
    unsigned streams; /* that the loop knows of, closed ones included */
    uv_timer_t timer;
    bool timer_open;
    struct sockaddr_storage *addresses; /* owned */
    size_t address_count, address_next;
    char last_connect_error[160];

    uint64_t connect_deadline_ms;
    uint64_t keepalive_at_ms; /* UINT64_MAX: none, as for the next one */
    uint64_t work_at_ms;      /* when work is asked for */
    uint64_t line_since_ms;   /* a line is incomplete since; UINT64_MAX: none is */

    struct plab_frame frame;
    struct plab_link_ws *ws; /* owned; NULL: lines */
    unsigned bad_lines;
    struct plab_request requests[PLAB_REQUESTS_MAX];
    size_t request_count;
    char session_id[PLAB_STRATUM_ID_MAX + 1];
    unsigned extensions;
    bool half_logged_in;         /* the first answer of two is there */
    bool welcome;                /* logged in; a job may be missing still */
    uint64_t target;             /* of jobs that have none of their own; 0: none yet */
    struct plab_stratum_job job; /* newest */
    bool job_is_new;             /* not handed out yet */
    struct plab_odd_counts odd;
    char buffer[PLAB_LINK_READ_BYTES];
};

/* link.c: sends a message that the dialect built, as its transport has it; false when that failed,
 * and then the link has ended. */
bool plab_link_say(struct plab_link *link, const char *line, size_t len);

/* link.c: sends bytes as they are; false as above. */
bool plab_link_send(struct plab_link *link, const void *bytes, size_t len);

/* link.c: sets the timer to the nearest deadline. */
void plab_link_arm(struct plab_link *link);

/* session.c: begins the session on a connected socket. */
void plab_link_login(struct plab_link *link);

/* session.c: sends a keepalive and plans the next. */
void plab_link_keepalive(struct plab_link *link);

/* session.c: asks for work and plans the next time. */
void plab_link_ask_work(struct plab_link *link);

/* session.c: reports all shares that are on their way as unanswered. */
void plab_link_forget_requests(struct plab_link *link);

/* session.c: hands out the newest job, if it wasn't yet. */
void plab_link_hand_out_job(struct plab_link *link);

/* session.c: takes a line (a plab_frame_fn, `cookie` is the link). */
bool plab_link_on_frame(void *cookie, enum plab_frame_event event, const char *line, size_t len);

/* ---- link_ws.c: a link that speaks WebSocket ---- */

/* Makes link->ws; false without memory. Frees it; NULL is fine. */
PLAB_NODISCARD bool plab_link_ws_begin(struct plab_link *link);
void plab_link_ws_end(struct plab_link *link);

/* Asks for WebSocket on a connected socket. The login follows the answer. */
void plab_link_ws_hello(struct plab_link *link);

/* Sends a message without its LF, in a masked frame; false when the link has ended. */
bool plab_link_ws_say(struct plab_link *link, enum plab_ws_opcode opcode, const char *text,
                      size_t len);

/* Takes bytes of the pool. True when more of a message has to come; `*anew`: not of the one that
 * was incomplete before. */
bool plab_link_ws_bytes(struct plab_link *link, const char *bytes, size_t len, bool *anew);

/* Sends the close frame, if that is possible; once. `link->ws` may be NULL. */
void plab_link_ws_part(struct plab_link *link, unsigned code);

#endif
