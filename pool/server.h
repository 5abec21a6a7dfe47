/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The local testnet pool: Stratum on lab addresses, every share checked with the real hash, blocks
 * on a simulated chain or handed to a daemon of a lab chain.
 *
 * A pool belongs to one thread, which runs it; only plab_pool_stop() may be called from others.
 */
#ifndef PLAB_POOL_SERVER_H
#define PLAB_POOL_SERVER_H

#include "base/log.h"
#include "net/labca.h"
#include "pool/ban.h"
#include "pool/event.h"
#include "pool_client/client.h"
#include "pow/algo.h"
#include "pow/kernel.h"

#define PLAB_POOL_LISTEN_MAX 8

struct plab_fault_script;
struct plab_pool;

struct plab_pool_config {
    const struct plab_algo *algo;       /* borrowed */
    const struct plab_kernels *kernels; /* copied */
    const struct plab_log *log;         /* borrowed; may be NULL */

    /* "ADDR:PORT" or "[ADDR]:PORT", port 0: any free one. In front may stand what is spoken there:
     * tcp:// (as without), tls://, auto:// (both, by the first byte), ws://, wss://. */
    const char *listen[PLAB_POOL_LISTEN_MAX];
    size_t listen_count; /* 1 or more */
    struct {
        struct plab_labca_config ca;
        const char *keylog_file; /* NULL: none; borrowed */
    } tls;                       /* of listeners that speak it */

    uint64_t difficulty;               /* of all sessions; 0: variable */
    uint64_t vardiff_start;            /* difficulty of a new session */
    uint64_t vardiff_target_ms;        /* wished mean time between shares of a session */
    uint64_t vardiff_min, vardiff_max; /* also of what a miner wishes */
    unsigned vardiff_window;           /* shares of an estimate */

    const char *daemon_url;      /* NULL: simulated chain */
    const char *wallet;          /* with a daemon; borrowed */
    uint64_t network_difficulty; /* simulated chain, as are the next three */
    uint64_t epoch_blocks;       /* blocks between two RandomX seeds; 0: one seed */
    uint64_t start_height;
    uint64_t chain_seed;
    uint64_t job_interval_ms; /* age at which jobs are renewed on the same tip; 1 or more */

    unsigned verify_threads; /* 1 or more */
    unsigned verify_queue;   /* shares waiting for their check */
    /* Shares of a hundred, drawn at random, that are hashed; the claims of the others are believed,
     * and none of them becomes a block. For load tests; not with `upstream`. */
    unsigned verify_percent;
    uint64_t duration_ms; /* end by itself; 0: never */
    bool handle_signals;  /* SIGINT and SIGTERM end the run */

    uint64_t handshake_deadline_ms; /* of TLS, from the connection on */
    unsigned handshakes_per_host;   /* connections of one address whose TLS isn't there yet */
    uint64_t login_deadline_ms; /* from the connection, or the end of its handshake, to a login */
    uint64_t idle_deadline_ms;  /* between two good requests */
    uint64_t ws_ping_ms;        /* between two pings of a WebSocket; one has to be answered */
    unsigned sessions_max;      /* connections, all together */
    unsigned sessions_per_host; /* connections of one address */
    unsigned bad_shares_max;    /* more than good ones, until the session is closed */
    uint64_t ban_ms;            /* how long a host that misbehaves is kept out; 0: never */
    bool ban_loopback;          /* the loopback address, too, which all of one machine share */
    const char *password;       /* that a miner must give as a part of its own; NULL: none */
    double submits_per_s;       /* of a session, in the long run */
    double submits_burst;

    const char *personality; /* whom it resembles (pool/personality.h); NULL: itself; borrowed */
    bool nicehash;           /* each session gets the top byte of its nonces */

    const char *web_listen; /* address of the web page (pool/web.h), NULL: none; borrowed */
    /* Proxy mode: work comes from another pool, whose list, TLS and login stand here. NULL: none;
     * borrowed during plab_pool_create(), its texts for good. */
    const struct plab_client_config *upstream;
    unsigned upstream_links_max; /* sessions with it, 1 to PLAB_SPLIT_LINKS_MAX */
    bool upstream_trust;         /* workers' shares are not hashed here */

    const struct plab_fault_script *faults; /* borrowed; NULL: none */

    plab_pool_event_fn *on_event; /* may be NULL */
    void *event_cookie;
    const struct plab_pool_durable *durable; /* of on_event; NULL: at once; borrowed */
    /* All listeners accept connections now, ports are known. May be NULL. An error ends the run. */
    enum plab_status (*on_ready)(void *cookie, struct plab_pool *pool, struct plab_error *err);
    void *ready_cookie;
};

/* Fills in everything that has a sensible default; `algo`, `kernels` and `listen` are the caller's.
 */
void plab_pool_config_init(struct plab_pool_config *config);

struct plab_pool_stats {
    uint64_t connections, refused_connections;
    uint64_t logins, refused_logins;
    uint64_t sessions_now;
    uint64_t verdicts[PLAB_VERDICT_COUNT];
    uint64_t rejected;      /* all verdicts but accepted */
    uint64_t unverified;    /* of the accepted ones: nobody hashed them */
    uint64_t accepted_work; /* sum of the difficulties of accepted shares */
    uint64_t jobs, templates;
    uint64_t blocks_found, blocks_accepted;
    uint64_t protocol_errors;
    uint64_t faults;                                                   /* on script */
    uint64_t upstream_links, upstream_logins, upstream_losses;         /* sessions with it */
    uint64_t upstream_forwarded, upstream_accepted, upstream_rejected; /* shares */
    uint64_t tls_sessions, tls_failures; /* handshakes that succeeded, that didn't */
    uint64_t accept_waits; /* times that accepting waited for want of file descriptors */
    uint64_t bans;         /* so far */
    uint64_t verified_hashes, verify_ns, seed_builds;
    uint64_t verify_queue_now, verify_queue_peak; /* shares waiting for their hash */
    uint64_t height;                              /* of the current template */
    double duration_s;                            /* of plab_pool_run() */
};

/* Binds all listeners, starts the verification threads, takes memory for the caches. Errors:
 * PLAB_E_USAGE (an address that can't be read), PLAB_E_REFUSED (one that isn't a lab address),
 * PLAB_E_RESOURCE (port in use), PLAB_E_NOMEM, those of plab_daemon_init(). */
PLAB_NODISCARD enum plab_status plab_pool_create(struct plab_pool **out,
                                                 const struct plab_pool_config *config,
                                                 struct plab_error *err);

/* Runs until stopped, at the end of the duration (PLAB_OK), on a signal (PLAB_E_INTERRUPTED,
 * PLAB_E_TERMINATED) or after a fault that leaves no sense in going on. Once in a pool's life. */
PLAB_NODISCARD enum plab_status plab_pool_run(struct plab_pool *pool, struct plab_error *err);

/* Ends plab_pool_run() soon, with PLAB_OK. Any thread, but not once that may have ended. */
void plab_pool_stop(struct plab_pool *pool);

/* Port of the web page; 0: there is none. */
uint16_t plab_pool_web_port(const struct plab_pool *pool);

/* Port of listener `index`. */
uint16_t plab_pool_port(const struct plab_pool *pool, size_t index);

struct plab_pool_tls {
    const char *ca_file;  /* what clients have to trust; borrowed from the pool */
    char fingerprint[65]; /* SHA-256 of the certificate that is shown, 64 hex digits */
};

/* What clients can check; false when no listener speaks TLS. */
bool plab_pool_tls(const struct plab_pool *pool, struct plab_pool_tls *out);

/* Counters; within the run only from its callbacks, or after it. */
void plab_pool_stats(const struct plab_pool *pool, struct plab_pool_stats *stats);

/* Who is banned now; rules as plab_pool_stats(), arguments and result as plab_bans_list(). */
size_t plab_pool_bans(const struct plab_pool *pool, struct plab_ban *out, size_t cap);

/* Frees it and sets `*pool` to NULL; NULL is fine. */
void plab_pool_destroy(struct plab_pool **pool);

#endif
