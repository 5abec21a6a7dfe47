/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scripts of faults: what goes wrong at a pool, when, and for whom. configs/README.md describes the
 * file, configs/faults/ has an example of each kind.
 *
 * A rule waits for an event (a connection, a login, a job, a share, an answer) or for a time,
 * narrows it down by number, pattern, window and chance, and then does one thing. What a script
 * can't do is leave the lab: a redirection names a lab address or the file is refused.
 */
#ifndef PLAB_POOL_FAULT_SCRIPT_H
#define PLAB_POOL_FAULT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "net/labca.h"

/* X(enumerator, name in scripts and records) */
#define PLAB_FAULT_LIST(X)                                                                  \
    X(STALL, "stall")                       /* nothing is sent for a while */               \
    X(HALF_LINE, "half_line")               /* the next line stops half-way */              \
    X(SLOW_BYTES, "slow_bytes")             /* a few bytes at a time */                     \
    X(RST, "rst")                           /* the connection is reset */                   \
    X(FIN, "fin")                           /* the connection is closed */                  \
    X(GARBAGE, "garbage")                   /* random bytes, or given ones */               \
    X(JOB_STORM, "job_storm")               /* many jobs in a row */                        \
    X(DUPLICATE_JOB, "duplicate_job")       /* the newest job once more */                  \
    X(STALE_SEED, "stale_seed")             /* a job with another seed */                   \
    X(SEED_CHANGE, "seed_change")           /* the chain really goes on to its next seed */ \
    X(WRONG_ALGO, "wrong_algo")             /* a job for another algorithm */               \
    X(BAD_TARGET, "bad_target")             /* a job with a target that can't be met */     \
    X(TLS_CERT_CHANGE, "tls_cert_change")   /* new connections see another certificate */   \
    X(RECONNECT_NOTICE, "reconnect_notice") /* client.reconnect, to a lab address */        \
    X(DROP_ANSWERS, "drop_answers")         /* an answer is not sent */                     \
    X(REFUSE_LOGIN, "refuse_login")         /* a login is answered by an error */           \
    X(EXTRA, "extra")                       /* a line of one's own */

enum plab_fault_kind {
#define PLAB_FAULT_ENUM(kind, name) PLAB_FAULT_##kind,
    PLAB_FAULT_LIST(PLAB_FAULT_ENUM)
#undef PLAB_FAULT_ENUM
        PLAB_FAULT_COUNT
};

/* X(enumerator, name in scripts) */
#define PLAB_FAULT_TRIGGER_LIST(X)                                   \
    X(CONNECT, "connect") /* a connection was taken */               \
    X(LOGIN, "login")     /* a login came, before it is answered */  \
    X(JOB, "job")         /* a job is about to be sent */            \
    X(SHARE, "share")     /* a submit came, before it is answered */ \
    X(ANSWER, "answer")   /* an answer is about to be sent */        \
    X(TIME, "time")       /* so long after the pool opened its doors */

enum plab_fault_trigger {
#define PLAB_FAULT_TRIGGER_ENUM(trigger, name) PLAB_FAULT_ON_##trigger,
    PLAB_FAULT_TRIGGER_LIST(PLAB_FAULT_TRIGGER_ENUM)
#undef PLAB_FAULT_TRIGGER_ENUM
        PLAB_FAULT_TRIGGER_COUNT
};

/* What follows a pause in the middle of a line. */
enum plab_fault_then {
    PLAB_FAULT_THEN_RESUME,
    PLAB_FAULT_THEN_FIN,
    PLAB_FAULT_THEN_RST,
};

#define PLAB_FAULT_RULES_MAX 64
#define PLAB_FAULT_TEXT_MAX 4096
#define PLAB_FAULT_HOST_LEN 64

struct plab_fault_rule {
    enum plab_fault_kind kind;

    enum plab_fault_trigger trigger;
    char *worker;        /* owned; pattern of fnmatch(3) for the login; NULL: everybody */
    uint32_t session;    /* only that number; 0: any */
    bool of_pool;        /* events are counted in the whole pool, not for each session */
    uint64_t nth, every; /* the nth event; each `every`th, from the nth on; 0: no such limit */
    uint64_t times;      /* that it happens at most; 0: no limit */
    double probability;  /* of each event that passed all that */
    uint64_t from_ms;    /* of time: when; else: not before */
    uint64_t until_ms;   /* not from then on; UINT64_MAX: no limit */
    uint64_t repeat_ms;  /* of time: again after so long; 0: once */

    uint64_t for_ms;      /* how long */
    uint64_t interval_ms; /* between two bytes or jobs */
    uint32_t bytes;       /* number of bytes */
    uint32_t count;       /* number of jobs */
    char *text;           /* owned; may be NULL */
    enum plab_fault_then then;
    uint64_t target;                /* as it goes over the wire, ... */
    unsigned target_bytes;          /* ... in 4 or 8 bytes */
    char host[PLAB_FAULT_HOST_LEN]; /* "": the pool's own */
    uint16_t port;                  /* 0: the pool's own */
    enum plab_labca_flaw flaw;
};

struct plab_fault_script {
    uint64_t seed;
    size_t rule_count;
    struct plab_fault_rule rules[PLAB_FAULT_RULES_MAX];
};

const char *plab_fault_name(enum plab_fault_kind kind);

/* Reads a script. Returns owned. PLAB_E_INPUT names file, line, column, key and remedy;
 * PLAB_E_REFUSED for a redirection out of the lab; PLAB_E_IO; PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_fault_script_load(struct plab_fault_script **out,
                                                       const char *path, struct plab_error *err);

/* The same from memory; `path` is for messages. */
PLAB_NODISCARD enum plab_status plab_fault_script_parse(struct plab_fault_script **out,
                                                        const char *text, size_t len,
                                                        const char *path, struct plab_error *err);

/* Frees it and sets `*script` to NULL; NULL is fine. */
void plab_fault_script_free(struct plab_fault_script **script);

#endif
