/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A Stratum client on a libuv loop: keeps one session with the first pool of a list that works,
 * hands out its jobs and takes shares. It knows nothing about hashing.
 *
 * Connecting: each address that a pool's name resolves to passes the lab-only rule before anything
 * is sent; one that isn't a lab address ends the client for good (PLAB_CLIENT_REFUSED). A pool that
 * can't be reached, doesn't answer in time, answers nonsense or refuses the login counts as failed
 * and is tried again with a growing, jittered pause. After `retries` failures in a row the next
 * pool of the list is tried; while a later one serves, the first is tried again now and then, and
 * takes over as soon as its login succeeds.
 *
 * What the pool says is believed only as far as it can be checked: a job that can't be used is
 * refused and logged, a repeated one is ignored, of a burst only the newest is handed out, an
 * answer counts as success only if it says so plainly.
 *
 * A notice "client.reconnect" is ignored unless `allow_reconnect`. Then it is followed when it
 * comes within a session and names the pool's own host or, in numbers, a lab address: the session
 * ends, which counts as a failure of the pool, so that notices can't chase the client about faster
 * than its pauses grow; the next attempt goes to the new place, and back to the listed one when
 * that gives no session.
 *
 * The nonce byte of pools with "nicehash" is reported, not interpreted.
 *
 * Everything runs on the loop's thread. The loop's owner must run it until it is empty after
 * plab_client_destroy().
 */
#ifndef PLAB_POOL_CLIENT_CLIENT_H
#define PLAB_POOL_CLIENT_CLIENT_H

#include "base/log.h"
#include "base/netguard.h"
#include "net/tls.h"
#include "pool_client/url.h"
#include "stratum/dialect.h"
#include "stratum/msg.h"

struct uv_loop_s; /* uv_loop_t */
struct plab_client;

enum plab_client_state {
    PLAB_CLIENT_CONNECTING, /* text: the pool */
    PLAB_CLIENT_ONLINE,     /* logged in; text: the pool */
    PLAB_CLIENT_OFFLINE,    /* text: why, and when the next try comes */
    PLAB_CLIENT_REFUSED,    /* the lab-only rule said no; nothing more will happen; text: why */
};

/* A job, valid during the call. */
struct plab_client_job {
    uint64_t number;     /* ours, never used twice; identifies the job in plab_client_submit() */
    unsigned extensions; /* PLAB_EXT_* of the session */
    const struct plab_stratum_job *job; /* borrowed */
};

enum plab_client_verdict {
    PLAB_SHARE_ACCEPTED,
    PLAB_SHARE_REJECTED,
    PLAB_SHARE_STALE,      /* rejected because the job was too old */
    PLAB_SHARE_UNANSWERED, /* the connection ended before the answer */
};

struct plab_client_result {
    enum plab_client_verdict verdict;
    uint64_t job_number;
    uint64_t tag;       /* as given to plab_client_submit() */
    double latency_ms;  /* submit to answer, or to the connection's end */
    const char *reason; /* the pool's words, escaped; "" when accepted; valid during the call */
};

/* All members of each may be used at any time by the client, until destroyed. From within a
 * callback, every function below may be called. */
struct plab_client_events {
    void (*on_job)(void *cookie, const struct plab_client_job *job);
    void (*on_result)(void *cookie, const struct plab_client_result *result);
    void (*on_state)(void *cookie, enum plab_client_state state, const char *text);
    void *cookie;
};

#define PLAB_CLIENT_POOLS_MAX 16

/* TLS, for the pools whose address asks for it. Texts are borrowed while the client is there. */
struct plab_client_tls {
    const char *ca_file; /* PEM; the pool's name or address is checked too; NULL: no check */
    bool has_pin;
    uint8_t pin[PLAB_TLS_PIN_BYTES]; /* the only certificate that counts */
    const char *sni; /* name to ask for; NULL: the pool's, unless it's an address; "": none */
    const char *keylog_file; /* secrets for the lab's captures; NULL: none */
};

struct plab_client_config {
    const struct plab_url *pools; /* in order of preference; copied */
    size_t pool_count;            /* 1 to PLAB_CLIENT_POOLS_MAX */
    struct plab_client_tls tls;
    const struct plab_dialect *dialect; /* how it speaks; NULL: as XMRig does; borrowed */
    struct plab_stratum_login login;    /* sent as it is */
    bool allow_reconnect;               /* follow client.reconnect, within the lab */
    bool keepalive;                     /* send them even if the pool doesn't announce it */
    unsigned retries; /* failures of a pool before the next one is tried, 1 or more */
    uint64_t retry_base_ms, retry_cap_ms;
    uint64_t connect_timeout_ms; /* name resolution included */
    uint64_t reply_timeout_ms;   /* for a complete answer, a complete line, and for a write */
    uint64_t keepalive_ms;       /* after the last line sent */
    double submits_per_s, submit_burst;
    uint64_t seed;              /* of the jitter */
    const struct plab_log *log; /* borrowed, may be NULL */
};

/* XMRig's dialect; times and limits as the field has them: 5 tries, 1 s to 30 s, 20 s, 20 s, 60 s,
 * 20 submits/s. */
void plab_client_defaults(struct plab_client_config *config);

/* PLAB_E_REFUSED when one of the pools is given by an address that isn't a lab one; PLAB_E_USAGE
 * when what TLS needs can't be used. */
PLAB_NODISCARD enum plab_status plab_client_check(const struct plab_client_config *config,
                                                  struct plab_error *err);

/* Creates a client, which connects as soon as the loop runs. Errors: PLAB_E_NOMEM; PLAB_E_REFUSED
 * when one of the pools is given by an address that isn't a lab one. */
PLAB_NODISCARD enum plab_status plab_client_create(struct plab_client **out, struct uv_loop_s *loop,
                                                   const struct plab_client_config *config,
                                                   const struct plab_client_events *events,
                                                   struct plab_error *err);

/* Closes everything and sets `*client` to NULL; no event comes any more. The memory is given back
 * when the loop has run. NULL is fine. */
void plab_client_destroy(struct plab_client **client);

/* A share for a job that was handed out. */
struct plab_client_share {
    uint64_t job_number;
    uint64_t tag; /* the caller's */
    uint8_t nonce[4];
    uint8_t result[PLAB_STRATUM_HASH];
    bool has_commitment;
    uint8_t commitment[PLAB_STRATUM_HASH];
};

enum plab_client_submitted {
    PLAB_SUBMIT_SENT,    /* on_result will be called once */
    PLAB_SUBMIT_STALE,   /* not sent: the job belongs to an earlier session or is long gone */
    PLAB_SUBMIT_LIMITED, /* not sent: too many shares, or too many unanswered ones */
};
enum plab_client_submitted plab_client_submit(struct plab_client *client,
                                              const struct plab_client_share *share);

/* Gives the session up and starts a new one after a pause, e.g. when the job is used up. */
void plab_client_renew(struct plab_client *client, const char *reason);

/* What became of one pool of the list. */
struct plab_client_tally {
    char name[PLAB_URL_NAME_LEN];
    uint64_t attempts; /* connections tried */
    uint64_t logins;   /* of these, that gave a session */
    uint64_t failures; /* attempts and sessions that ended, whatever the reason */
};

struct plab_client_stats {
    uint64_t logins;               /* sessions begun */
    uint64_t failures;             /* sessions and attempts that ended, whatever the reason */
    enum plab_status last_failure; /* PLAB_OK: none so far */
    char last_reason[400];         /* the pool's name and why; "" none so far */
    uint64_t redirects;            /* notices to reconnect that were followed */
    char address[PLAB_NETGUARD_NAME_LEN]; /* of the newest session's pool, in numbers; "" none */
    bool online;
    double online_s;                        /* how long; 0 offline */
    char tls_version[16];                   /* of the last session, "TLSv1.3"; "" plain */
    char tls_fingerprint[PLAB_TLS_PIN_LEN]; /* of its pool's certificate */
    size_t pool;                            /* that serves or is tried, an index of `tally` */
    size_t pool_count;
    struct plab_client_tally tally[PLAB_CLIENT_POOLS_MAX];
};
void plab_client_stats(const struct plab_client *client, struct plab_client_stats *stats);

#endif
