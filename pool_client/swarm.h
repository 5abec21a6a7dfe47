/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load for a lab pool: many light Stratum sessions in one process, for a limited time. No session
 * hashes; the shares are made up, with a result that meets the job's target by claim, and whether
 * the pool believes that is the pool's business.
 *
 * First all sessions connect and log in. Then, for the time given, they take jobs and hand in
 * shares, all together at a steady rate or at random moments; beside them other connections come
 * and go, each ended by an RST (churn). A session has one share under way at most: shares that are
 * due while all sessions wait for answers are sent later, and the measured rate tells.
 *
 * Answer times include the time that bytes wait in this process, which is one thread.
 */
#ifndef PLAB_POOL_CLIENT_SWARM_H
#define PLAB_POOL_CLIENT_SWARM_H

#include "base/log.h"
#include "base/status.h"
#include "pool_client/url.h"
#include "stratum/msg.h"

#define PLAB_SWARM_SESSIONS_MAX 1000000
#define PLAB_SWARM_CHURNERS 64        /* connections that come and go at the same time */
#define PLAB_SWARM_OTHER_FILES 64     /* that the process may need besides connections */
#define PLAB_SWARM_SOURCE_PORTS 25000 /* connections of one of our addresses */

struct plab_swarm_config {
    struct plab_url pool; /* with TLS, any certificate will do */
    struct plab_stratum_login login;
    uint32_t sessions;      /* may be 0 with churn */
    uint64_t connect_per_s; /* begun, sessions and churn each */
    uint64_t submit_per_s;  /* of all sessions together; 0: none */
    bool at_random; /* shares come as by chance (a Poisson process, always the same), not evenly */
    uint64_t duration_ms; /* after the logins */
    uint64_t patience_ms; /* for all logins together */
    uint64_t churn;       /* connections that come and go; every other one logs in before */
    /* At a pool on 127.0.0.0/8, more connections than this come from 127.0.0.2, .3 and so on. */
    uint32_t source_ports;
    bool handle_signals;        /* SIGINT and SIGTERM end the run */
    const struct plab_log *log; /* borrowed; may be NULL */
};

/* Fills in everything but the pool. */
void plab_swarm_defaults(struct plab_swarm_config *config);

struct plab_swarm_result {
    uint32_t logged_in;
    uint32_t not_in;       /* sessions that were refused, didn't connect, or not in time */
    uint32_t lost;         /* sessions that the pool ended later */
    double logins_s;       /* from the first connect to the last login */
    double load_s;         /* of what came after */
    uint64_t jobs;         /* pushed, of all sessions */
    uint32_t pushes;       /* new work that reached every session */
    uint32_t pushes_part;  /* that didn't, the last one before the end perhaps */
    double push_spread_s;  /* from the first session that got it to the last: longest */
    double push_typical_s; /* the same: mean */
    uint64_t push_first_ns, push_last_ns; /* plab_clock_ns() of both, of the longest */
    uint64_t submits, accepted, rejected;
    uint64_t unanswered; /* submits, when their session or the run ended */
    uint64_t errors;     /* lines that are no answer to anything */
    double submits_per_s;
    double answer_p50_s, answer_p99_s, answer_max_s; /* up to 4 % high; the last is exact */
    uint64_t churned, churn_logins, churn_failed;
    double churn_s;
    char trouble[160]; /* what went wrong first, safe to print; "" */
};

/* Runs to the end of the time (with churn only: of the churn). `out` is filled in whatever the
 * outcome. Errors: PLAB_E_REFUSED (no lab address), PLAB_E_NETWORK (not a
 * single session logged in, or the name doesn't resolve), PLAB_E_NOMEM, PLAB_E_RESOURCE;
 * PLAB_E_INTERRUPTED and PLAB_E_TERMINATED by a signal. Sessions that failed while others didn't
 * are told in `out` only. */
PLAB_NODISCARD enum plab_status plab_swarm_run(const struct plab_swarm_config *config,
                                               struct plab_swarm_result *out,
                                               struct plab_error *err);

#endif
