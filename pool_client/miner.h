/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A miner: a Stratum client (client.h) whose jobs feed worker threads (host/workers.h) and whose
 * shares go back to the pool. Runs in the foreground on the calling thread until its time is up, it
 * has enough shares, it is interrupted or can't go on.
 *
 * While there is no session the workers rest; a dataset that is being built is finished all the
 * same. A job that this build can't do (its algorithm, a missing seed or height) is refused with
 * its reason, and the workers rest until the next one. Seeds that change faster than datasets can
 * sensibly be built are taken up with a delay, the newest only.
 */
#ifndef PLAB_POOL_CLIENT_MINER_H
#define PLAB_POOL_CLIENT_MINER_H

#include "host/workers.h"
#include "pool_client/client.h"

struct plab_miner_config {
    struct plab_client_config client;   /* its log is used for the miner's lines too */
    struct plab_workers_config workers; /* plan, kernels, pages, rx_mode, lanes, tune, duty_percent;
                                           the callbacks are set by the miner */
    const struct plab_algo *algo;       /* for jobs that don't name one */
    uint64_t duration_ms;               /* the run ends after that; not 0 */
    uint64_t shares;                    /* ends the run when that many were accepted; 0: doesn't */
    uint64_t report_ms;                 /* between lines with rates */
    const char *stats_path;             /* a line of JSON a second is appended; NULL: none */
    plab_seed_progress_fn *progress;    /* shows builds, on the calling thread; may be NULL: the
                                              log has a line at their start and end in any case */
    void *progress_cookie;
};

struct plab_miner_result {
    uint64_t accepted, rejected, stale;
    uint64_t unanswered; /* sent, but the connection or the run ended before the answer */
    uint64_t not_sent;   /* held back by the rate limit, or lost in a full queue */
    uint64_t hashes;
    double duration_s;                      /* of the run */
    double hashing_s;                       /* during which the workers hashed */
    double latency_mean_ms, latency_max_ms; /* of answers; 0 without any */
    uint64_t jobs;                          /* taken up */
    uint64_t jobs_refused;
    uint64_t logins;
    bool interrupted;             /* SIGINT or SIGTERM */
    const struct plab_algo *algo; /* of the last job taken up; NULL: there was none */
    struct plab_workers_stats workers;
    struct plab_pages_report pages;
};

/* Runs it. Takes SIGINT and SIGTERM for the time of the run. `result` is filled in whatever the
 * outcome. PLAB_OK when the run came to its end; PLAB_E_FAILED when shares were rejected, or fewer
 * than `shares` accepted in time; PLAB_E_NETWORK or PLAB_E_PROTOCOL when no pool ever gave a
 * session; PLAB_E_UNSUPPORTED when no job could be taken up; PLAB_E_REFUSED by the lab-only rule;
 * PLAB_E_INTERRUPTED, PLAB_E_TERMINATED; what the workers report when they fail; PLAB_E_IO when the
 * statistics can't be opened. */
PLAB_NODISCARD enum plab_status plab_miner_run(const struct plab_miner_config *config,
                                               struct plab_miner_result *result,
                                               struct plab_error *err);

#endif
