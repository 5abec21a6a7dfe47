/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens in a pool, as records: the ledger writes them down, a laboratory takes them as
 * truth.
 */
#ifndef PLAB_POOL_EVENT_H
#define PLAB_POOL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/block.h"

/* X(enumerator, name in records) */
#define PLAB_POOL_EVENT_LIST(X)                                                                    \
    X(START, "start")     /* the pool listens; text: algorithm */                                  \
    X(CONNECT, "connect") /* peer */                                                               \
    X(LOGIN, "login") /* peer, login, agent, rig_id, difficulty; text: "" or why it was refused */ \
    X(JOB, "job")     /* job_id, height, difficulty */                                             \
    X(SHARE, "share") /* job_id, height, nonce, verdict, difficulty, share_difficulty, times */    \
    X(BLOCK, "block") /* height, id, accepted; text: the daemon's words, if any */                 \
    X(TEMPLATE, "template")     /* height, difficulty (network), id (parent), seed */              \
    X(PROTOCOL, "protocol")     /* text: what the peer did wrong */                                \
    X(FAULT, "fault")           /* text: kind (pool/fault_script.h); job_id, if it is a job's */   \
    X(BAN, "ban")               /* peer; text: why */                                              \
    X(DISCONNECT, "disconnect") /* text: why */                                                    \
    X(STOP, "stop")             /* text: why */

enum plab_pool_event_kind {
#define PLAB_POOL_EVENT_ENUM(kind, name) PLAB_POOL_EVENT_##kind,
    PLAB_POOL_EVENT_LIST(PLAB_POOL_EVENT_ENUM)
#undef PLAB_POOL_EVENT_ENUM
};

/* X(enumerator, name in records, text sent to the miner) */
#define PLAB_VERDICT_LIST(X)                                                               \
    X(ACCEPTED, "accepted", "OK")                                                          \
    X(STALE, "stale", "Block expired")                                                     \
    X(UNKNOWN_JOB, "unknown_job", "Invalid job id")                                        \
    X(DUPLICATE, "duplicate", "Duplicate share")                                           \
    X(LOW, "low", "Low difficulty share")                                                  \
    X(INVALID, "invalid", "Invalid share")                                                 \
    X(MALFORMED, "malformed", "Malformed share")                                           \
    X(WRONG_NONCE, "wrong_nonce", "Invalid nonce; is miner not compatible with NiceHash?") \
    X(UPSTREAM, "upstream", "Refused by the upstream pool")                                \
    X(OFFLINE, "offline", "The upstream pool is not connected, share was not forwarded")   \
    X(WRONG_ALGO, "wrong_algo", "Incorrect algorithm")                                     \
    X(UNAUTHENTICATED, "unauthenticated", "Unauthenticated")                               \
    X(THROTTLED, "throttled", "Too many submissions, slow down")                           \
    X(BUSY, "busy", "Verification queue is full, share was not checked")

/* What became of a share. */
enum plab_verdict {
#define PLAB_VERDICT_ENUM(kind, name, text) PLAB_VERDICT_##kind,
    PLAB_VERDICT_LIST(PLAB_VERDICT_ENUM)
#undef PLAB_VERDICT_ENUM
        PLAB_VERDICT_COUNT
};

const char *plab_verdict_name(enum plab_verdict verdict);
const char *plab_verdict_text(enum plab_verdict verdict);

/* One record. Members that a kind doesn't list are zero, NULL. Texts come from peers as they are.
 */
struct plab_pool_event {
    enum plab_pool_event_kind kind;
    uint64_t number;  /* of the record, from 1 without gaps */
    uint64_t t_ns;    /* plab_clock_ns() */
    uint32_t session; /* number, from 1; 0: none */
    const char *text;
    const char *peer, *login, *agent, *rig_id;
    const char *job_id;
    uint64_t height;
    uint64_t difficulty;
    uint64_t share_difficulty; /* that the hash really meets; 0: not hashed */
    uint64_t latency_ns;       /* from the submit's arrival to its verdict */
    uint64_t verify_ns;        /* of hashing */
    enum plab_verdict verdict;
    const uint8_t *nonce; /* 4 bytes */
    const uint8_t *id;    /* 32 bytes: block */
    const uint8_t *seed;  /* 32 bytes */
    bool accepted;
    bool unverified; /* SHARE: accepted because the miner says so; nobody hashed it */
};

/* Name of an event's kind, e.g. "share". */
const char *plab_pool_event_name(enum plab_pool_event_kind kind);

/* Receives records, on the pool's loop thread, before the answer goes out. An error ends the pool:
 * a record with holes is worse than none. Without a plab_pool_durable the record is durable when it
 * returns. */
typedef enum plab_status plab_pool_event_fn(void *cookie, const struct plab_pool_event *event,
                                            struct plab_error *err);

/* Where records become durable later than their function returns: the answers of accepted shares
 * wait for that. */
struct plab_pool_durable {
    void *cookie;
    /* From now on `notify` (any thread, not to call back) tells that number() has news. NULL ends
     * that; it isn't called any more then. */
    void (*watch)(void *cookie, void (*notify)(void *notify_cookie), void *notify_cookie);
    /* Number of the newest durable event, all before it being durable too; valid even with an
     * error, which says that no more will be. */
    enum plab_status (*number)(void *cookie, uint64_t *number, struct plab_error *err);
    /* So many events wait that only those should follow which can't be helped. */
    bool (*is_behind)(void *cookie);
    /* Returns when all events so far are durable, or will never be. */
    enum plab_status (*flush)(void *cookie, struct plab_error *err);
};

#endif
