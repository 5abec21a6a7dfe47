/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the pool share: server.c, listener.c, certs.c, conn.c, session.c, work.c,
 * share.c, fault.c. Not for other folders. */
#ifndef PLAB_POOL_POOL_PRIV_H
#define PLAB_POOL_POOL_PRIV_H

#include <sys/socket.h>
#include <uv.h>

#include "base/bucket.h"
#include "base/netguard.h"
#include "net/acceptor.h"
#include "net/stream.h"
#include "pool/ban.h"
#include "pool/chain.h"
#include "pool/daemon_priv.h"
#include "pool/fault_script.h"
#include "pool/jobs.h"
#include "pool/personality.h"
#include "pool/roster.h"
#include "pool/server.h"
#include "pool/split.h"
#include "pool/vardiff.h"
#include "pool/verifier.h"
#include "pool/web.h"
#include "stratum/frame.h"
#include "stratum/msg.h"

#define PLAB_POOL_UNSENT_MAX (64u * 1024) /* bytes that a peer may leave unread */
#define PLAB_POOL_TICK_MS 250

/* What misdeeds cost a host (pool/ban.h); a ban comes above 20. */
#define PLAB_BLAME_SILENCE 1.0  /* connects and says nothing */
#define PLAB_BLAME_LOGIN 2.0    /* a login that can't be served */
#define PLAB_BLAME_PROTOCOL 5.0 /* breaks the protocol, or doesn't read */
#define PLAB_BLAME_PASSWORD 5.0 /* guesses */
#define PLAB_BLAME_SHARES 11.0  /* too many bad shares */

/* One client. The first half is its connection (conn.c), the second what it says (session.c). */
struct plab_session {
    struct plab_pool *pool;
    struct plab_roster_entry entry;
    uint32_t number; /* from 1, never used twice: what others keep instead of a pointer */
    const struct plab_listener *listener;
    struct plab_stream *stream; /* NULL: closed */
    struct plab_host_key host;
    char peer_name[PLAB_NETGUARD_NAME_LEN];
    bool securing;        /* the TLS handshake isn't over */
    bool finishing;       /* nothing is read any more; closes when the last answer is out */
    bool ending;          /* the end was sent */
    bool peer_ended;      /* it sends nothing any more */
    bool lingering;       /* until it does so: our end is out */
    bool closing;         /* freed soon, by the loop */
    unsigned pending;     /* shares being verified, or verified and not answered yet */
    uint64_t deadline_ns; /* of the login, later of silence, at last of closing */
    const char *reason;   /* of closing; static */

    struct plab_frame frame;
    struct plab_session_ws *ws; /* owned; NULL: lines */
    bool first_byte_seen, logged_in;
    struct plab_held_login *held; /* owned; NULL: none */
    unsigned held_answers;        /* to its shares, of the pool's */
    enum plab_tongue tongue;
    bool tongue_known;                  /* by the first request */
    const struct plab_personality *who; /* the pool is, for this client */
    const struct plab_voice *voice;
    uint64_t target;   /* of the newest job */
    uint64_t accepted; /* difficulty of all its good shares */
    char id[PLAB_SESSION_ID_LEN];
    char login[PLAB_STRATUM_TEXT_MAX + 1];
    struct plab_jobs jobs;
    struct plab_vardiff vardiff;
    struct plab_bucket requests, submits;
    int bad_score;
    struct plab_session_fault *fault; /* owned; NULL: no script */
    struct plab_split_place place;    /* in the nonce space of an upstream session */
};

/* A login whose answer waits. */
struct plab_held_login {
    uint64_t until_ns;
    struct plab_stratum_id id;
    struct plab_stratum_login login;
};

/* How clients speak at a listener. */
enum plab_listener_kind {
    PLAB_LISTENER_TCP, /* lines */
    PLAB_LISTENER_WS,  /* WebSocket */
};

struct plab_listener {
    struct plab_pool *pool;
    enum plab_listener_kind kind;
    enum plab_stream_security security;
    struct plab_acceptor *acceptor; /* NULL: not open */
    uint16_t port;                  /* stays when it is closed */
};

/* A block that was handed to the daemon. */
struct plab_found_block {
    struct plab_found_block *next;
    uint64_t tag, height;
    uint32_t session;
    uint8_t id[PLAB_BLOCK_ID_BYTES];
};

/* Answers to shares that wait until a record is durable, in order. */
struct plab_held_answer;
struct plab_held_answers {
    struct plab_held_answer *first, *last; /* owned */
};

struct plab_pool {
    struct plab_pool_config config;
    struct plab_kernels kernels;
    uv_loop_t loop;
    bool loop_open, running, ready, stopping;
    enum plab_status status; /* outcome of the run */
    struct plab_error error;
    struct plab_listener listeners[PLAB_POOL_LISTEN_MAX];
    struct plab_labca *labca;     /* NULL: no listener speaks TLS */
    struct plab_tls_context *tls; /* of new connections */
    char fingerprint[65];         /* of the certificate that it shows */
    uv_async_t verified, durable, stop;
    uv_timer_t tick, refresh, duration;
    uv_signal_t sigint, sigterm;
    bool handles_open;
    struct plab_verifier *verifier;
    struct plab_chain chain;
    struct plab_daemon daemon;
    struct plab_template *tmpl; /* on the tip; NULL until there is one */
    struct plab_roster roster;  /* of sessions */
    size_t tick_at;             /* place in it where the last tick ended */
    struct plab_bans bans;
    const struct plab_personality *personality;
    uint64_t id_key;         /* session ids can't be guessed from numbers */
    struct plab_prng sample; /* draws the shares that are hashed */
    struct plab_found_block *found;
    bool handed_in; /* the daemon has our block on this tip: a second would be its rival */
    uint64_t last_tag;
    uint64_t began_ns;
    struct plab_faults *faults;     /* owned; NULL: no script */
    struct plab_upstream *upstream; /* owned; NULL: work is our own */
    uint64_t events;                /* number of the last */
    bool unrecorded;                /* an event is not in the record: nothing more is */
    uint64_t refused;               /* shares, while the record is behind */
    struct plab_held_answers held;
    struct plab_pool_stats stats;
    struct plab_web *web; /* NULL: none */
    struct plab_web_facts web_facts;
    struct plab_stream_home home;
    char in[65536];                                  /* bytes as they come */
    char out[2 * PLAB_STRATUM_LINE_MAX];             /* a line being built */
    uint8_t frames[2 * PLAB_STRATUM_LINE_MAX + 256]; /* lines in WebSocket frames */
};

/* server.c */

/* True while the record is behind: shares are refused, without a record. */
bool plab_pool_is_behind(struct plab_pool *pool);

/* Fills in time and number and writes the record. False: it isn't recorded, nor will anything be,
 * and the run ends. */
bool plab_pool_emit(struct plab_pool *pool, struct plab_pool_event *event);
/* Ends the run with that outcome; the first one counts. */
void plab_pool_end(struct plab_pool *pool, enum plab_status status, const struct plab_error *err);

/* work.c */

/* What the daemon's bridge is to call. */
struct plab_daemon_events plab_work_daemon_events(struct plab_pool *pool);
/* First template of the simulated chain, or start of the daemon's bridge. */
void plab_work_start(struct plab_pool *pool);
/* The simulated chain's template on the current tip, for everybody. */
void plab_work_renew(struct plab_pool *pool);
/* A share that met the network's difficulty. */
void plab_work_found(struct plab_pool *pool, uint32_t session, struct plab_template *tmpl,
                     uint64_t extra_nonce, const uint8_t nonce[PLAB_BLOCK_NONCE_BYTES],
                     const uint8_t *hashing_blob, size_t len);
/* True when the template's parent is still the tip. */
bool plab_work_is_current(const struct plab_pool *pool, const struct plab_template *tmpl);
/* The newest template; takes the reference. The first one opens the doors. */
void plab_work_install(struct plab_pool *pool, struct plab_template *tmpl);
/* Makes a new job for a session and describes it for the wire; returns its number of target bytes.
 */
unsigned plab_work_make_job(struct plab_session *session, struct plab_stratum_job *wire);
/* Makes a new job and sends it as a notification. */
void plab_work_send_job(struct plab_session *session);

/* listener.c */

/* Opens all listeners of the configuration; nothing is accepted yet. Errors as plab_pool_create().
 */
PLAB_NODISCARD enum plab_status plab_listeners_open(struct plab_pool *pool, struct plab_error *err);
/* Begins to accept. */
void plab_listeners_run(struct plab_pool *pool);
/* How often accepting had to wait. */
uint64_t plab_listeners_waits(const struct plab_pool *pool);
void plab_listeners_close(struct plab_pool *pool);

/* certs.c */

/* Opens the lab CA and takes its server certificate. Errors as plab_labca_open(). */
PLAB_NODISCARD enum plab_status plab_certs_open(struct plab_pool *pool, struct plab_error *err);
/* Shows new connections another certificate of that kind. Nothing changes when it fails. */
PLAB_NODISCARD enum plab_status plab_certs_change(struct plab_pool *pool, enum plab_labca_flaw flaw,
                                                  struct plab_error *err);
void plab_certs_close(struct plab_pool *pool);

/* conn.c: the connection of a session */

/* Takes the socket `fd` that a listener accepted. */
void plab_conn_accept(struct plab_listener *listener, int fd, const struct sockaddr *peer);
/* Counts and logs a connection that was not taken. */
void plab_conn_refused(struct plab_pool *pool, const struct sockaddr *peer, const char *why);
/* Sends bytes as they are. A peer that doesn't read enough of what it was sent is closed. */
void plab_conn_send(struct plab_session *session, const void *bytes, size_t len);
/* The same past the faults of a script. */
void plab_conn_send_now(struct plab_session *session, const void *bytes, size_t len);
/* Deadlines and variable difficulty. */
void plab_conn_tick(struct plab_session *session, uint64_t now_ns);
/* Begins the time of silence anew: the peer said something good. */
void plab_conn_heard(struct plab_session *session, uint64_t now_ns);
/* Adds points to the score of the peer's host, which may be banned for it. */
void plab_conn_blame(struct plab_session *session, double points, const char *why);
/* Stops reading; closes when pending shares are answered and sent. `reason` is static. */
void plab_session_finish(struct plab_session *session, const char *reason);
/* Goes on with a finish when the last pending share was answered. */
void plab_session_settle(struct plab_session *session);
/* Closes at once; with `reset`, by RST. The session is freed later, by the loop. */
void plab_session_close(struct plab_session *session, const char *reason);
void plab_session_reset(struct plab_session *session, const char *reason);
/* The session of that number, or NULL when it is gone. */
struct plab_session *plab_session_find(struct plab_pool *pool, uint32_t number);
/* Of the roster, from 0. */
struct plab_session *plab_session_at(struct plab_pool *pool, size_t index);

/* session.c: what is said on it */

/* Prepares the protocol's half of a new session. */
void plab_session_begin(struct plab_session *session, uint64_t now_ns);
/* Gives back what it holds. */
void plab_session_end(struct plab_session *session);
/* Answers what had to wait. */
void plab_session_tick(struct plab_session *session, uint64_t now_ns);
/* The work that a held login waited for has come. */
void plab_session_resume_login(struct plab_session *session);
/* Takes bytes of the peer. */
void plab_session_bytes(struct plab_session *session, const char *bytes, size_t len);
/* Records a breach of the protocol and closes. */
void plab_session_violation(struct plab_session *session, const char *what);
/* Takes one message; false when no more is to be read for now. */
bool plab_session_message(struct plab_session *session, const char *text, size_t len,
                          uint64_t now_ns);
/* Settles how the client speaks. False when it changes its mind. */
bool plab_session_settle_tongue(struct plab_session *session, enum plab_tongue tongue);
/* Sends lines, however the client's transport has them. */
void plab_session_say(struct plab_session *session, const char *lines, size_t len);
/* Sends `len` bytes of pool->out, an answer: lines. */
void plab_session_send(struct plab_session *session, size_t len);
void plab_session_send_error(struct plab_session *session, const struct plab_stratum_id *id,
                             const char *message);
/* Answers a share; `text` is NULL for the verdict's own words. Returns the words. */
const char *plab_session_send_verdict(struct plab_session *session,
                                      const struct plab_stratum_id *id, enum plab_verdict verdict,
                                      const char *text);
/* Builds a job as this client wants it, into pool->out; returns its length, 0: it has to ask. */
size_t plab_session_build_job(struct plab_session *session, const struct plab_stratum_job *wire,
                              unsigned target_bytes);

/* ws.c: a session that speaks WebSocket; `session->ws` is not NULL, except where it may be */

/* The connection begins: makes session->ws, at a listener for it. False without memory. */
PLAB_NODISCARD bool plab_ws_begin(struct plab_session *session);
/* Frees it. May be NULL, as in the next three. */
void plab_ws_end(struct plab_session *session);
/* Sends the close frame, once; nothing can be said after it. A breach of WebSocket's own rules has
 * its own code. */
void plab_ws_part(struct plab_session *session, unsigned code, const char *reason);
/* Says that the host is banned, once. */
void plab_ws_tell_ban(struct plab_session *session);
/* Sends pings, and asks what became of the last. */
void plab_ws_tick(struct plab_session *session, uint64_t now_ns);
/* Takes bytes of the peer. */
void plab_ws_bytes(struct plab_session *session, const char *bytes, size_t len);
/* Sends each line as a text; nothing before the handshake is over. */
void plab_ws_say(struct plab_session *session, const char *lines, size_t len);
/* What the browser says that it is. */
const char *plab_ws_agent(const struct plab_session *session);

/* upstream.c */

/* Begins to connect, if there is an upstream pool. Errors as plab_client_create(). */
PLAB_NODISCARD enum plab_status plab_upstream_create(struct plab_pool *pool, uint64_t seed,
                                                     struct plab_error *err);
/* Sessions with it that were opened. */
unsigned plab_upstream_links(const struct plab_pool *pool);
/* Drops its sessions and the shares on their way; the loop must run. Fine to call twice. */
void plab_upstream_close(struct plab_pool *pool);
void plab_upstream_free(struct plab_pool *pool);

enum plab_upstream_join {
    PLAB_UPSTREAM_READY,
    PLAB_UPSTREAM_WAITS, /* for a job; plab_session_resume_login() follows */
    PLAB_UPSTREAM_FULL,
};
/* Gives a session its place, if it has none. */
enum plab_upstream_join plab_upstream_join(struct plab_session *session);
void plab_upstream_leave(struct plab_session *session);
/* The newest job of a link; NULL: none yet. Borrowed. */
struct plab_template *plab_upstream_tip(const struct plab_pool *pool, unsigned link);
/* Sends a share to the pool whose job it is for. PLAB_VERDICT_ACCEPTED: it was sent, and
 * plab_share_returned() follows with `cookie`; else why not. */
enum plab_verdict plab_upstream_forward(struct plab_pool *pool,
                                        const struct plab_template_info *info,
                                        struct plab_client_share *share, void *cookie);

/* fault.c: nothing happens without a script */

/* The session begins. False without memory. */
PLAB_NODISCARD bool plab_fault_begin(struct plab_session *session);
/* What may go wrong now? Each of these five may close the session. */
void plab_fault_connected(struct plab_session *session);
/* Returns the text to refuse the login with, or NULL. */
const char *plab_fault_login(struct plab_session *session, const char *login);
/* A job is about to be made and sent. */
void plab_fault_job(struct plab_session *session);
/* A submit came. */
void plab_fault_share(struct plab_session *session);
/* An answer is about to be sent. True when it is to be lost. */
bool plab_fault_drops_answer(struct plab_session *session);
/* Spoils a job before it goes out. */
void plab_fault_alter_job(struct plab_session *session, struct plab_stratum_job *job,
                          unsigned *target_bytes);
/* A job went out. */
void plab_fault_sent_job(struct plab_session *session, const struct plab_stratum_job *job,
                         unsigned target_bytes);
/* Takes bytes that have to wait; false when they may go. */
bool plab_fault_takes(struct plab_session *session, const void *bytes, size_t len);
/* True while bytes wait. */
bool plab_fault_waits(const struct plab_session *session);
/* The session is closed; later, its memory is given back. */
void plab_fault_end(struct plab_session *session);
void plab_fault_free(struct plab_session *session);

/* After the listeners. PLAB_E_USAGE when the script doesn't suit the pool; PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_faults_create(struct plab_pool *pool, struct plab_error *err);
/* The script's time begins. */
void plab_faults_open_doors(struct plab_pool *pool);
void plab_faults_close(struct plab_pool *pool);
void plab_faults_free(struct plab_pool *pool);
/* True when a script (may be NULL) has a fault of that kind. */
bool plab_faults_want(const struct plab_fault_script *script, enum plab_fault_kind kind);

/* share.c */

/* Judges a submit as far as that is cheap, and hands the rest to the verifier. */
void plab_share_submit(struct plab_session *session, const struct plab_stratum_id *id,
                       const struct plab_stratum_submit *submit, uint64_t now_ns);
/* A submit that could not even be read; `err` is the text to answer with. */
void plab_share_malformed(struct plab_session *session, const struct plab_stratum_id *id,
                          const struct plab_error *err, uint64_t now_ns);
/* The upstream pool has judged a share that was forwarded; `text` are its words, or NULL. */
void plab_share_returned(struct plab_pool *pool, void *share, enum plab_verdict verdict,
                         const char *text);
/* Frees a share that will never be answered. */
void plab_share_drop(void *share);
/* Answers all shares that the verifier has finished. */
void plab_share_collect(struct plab_pool *pool);
/* Sends the answers whose shares are durable by now. A fault of the ledger ends the run. */
void plab_share_release(struct plab_pool *pool);
/* Frees answers that will never be sent. */
void plab_share_drop_held(struct plab_pool *pool);
/* Frees shares that will never be answered. */
void plab_share_drop_all(struct plab_verify_task *list);

#endif
