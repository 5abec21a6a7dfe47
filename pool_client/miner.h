/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A miner: a source of jobs, pools (client.h) or a daemon (solo.h), whose jobs feed worker threads
 * (host/workers.h) and whose shares go back to it. Runs in the foreground on the calling thread
 * until its time is up, it has enough shares, it is told to stop, is interrupted or can't go on.
 *
 * While there is no session the workers rest; a dataset that is being built is finished all the
 * same. A job that this build can't do (its algorithm, a missing seed or height) is refused with
 * its reason, and the workers rest until the next one. Seeds that change faster than datasets can
 * sensibly be built are taken up with a delay, the newest only.
 *
 * Nonces: a job's top nonce byte (blob[42] of a Monero-style blob) is the pool's, is kept, and only
 * the 24 bits below it are scanned, when the run asks for it (`nicehash`), when the pool announced
 * the extension "nicehash", or when the nonce in the blob isn't zero, which is XMRig's rule too.
 * When a job's nonces are used up and no other job comes within some seconds, the session is
 * renewed; each time that brings nothing new, the patience doubles, up to minutes.
 */
#ifndef PLAB_POOL_CLIENT_MINER_H
#define PLAB_POOL_CLIENT_MINER_H

#include "host/workers.h"
#include "pool_client/client.h"
#include "pool_client/solo.h"

struct plab_miner; /* a run that is going on */

/* Something that lives on the miner's loop during a run: keys on a terminal, an HTTP API. */
struct plab_miner_guest {
    /* Before the first event, from plab_miner_run(). An error ends the run before it starts; `end`
     * is called all the same. */
    enum plab_status (*begin)(void *cookie, struct plab_miner *miner, struct uv_loop_s *loop,
                              struct plab_error *err);
    /* The run is over: close all handles; the loop runs until they are. May come from within the
     * guest's own call of plab_miner_stop(). */
    void (*end)(void *cookie);
    void *cookie;
};
#define PLAB_MINER_GUESTS_MAX 4

struct plab_miner_config {
    struct plab_client_config client;    /* its log is used for the miner's lines too */
    const struct plab_solo_config *solo; /* mine at that daemon; NULL: at the client's pools */
    struct plab_workers_config workers; /* plan, kernels, pages, rx_mode, lanes, tune, duty_percent,
                                           yields; the callbacks are set by the miner */
    const struct plab_algo *algo;       /* for jobs that don't name one */
    bool nicehash;                      /* the top nonce byte is the pool's, whatever it says */
    uint32_t first_nonce;               /* where each job's nonces begin, without the pool's byte */
    uint64_t patience_s;                /* without nonces before the session is renewed, at first;
                                           0: the usual one, 10 s */
    uint64_t duration_ms;               /* the run ends after that; not 0 */
    uint64_t shares;                    /* ends the run when that many were accepted; 0: doesn't */
    uint64_t report_ms;                 /* between lines with rates */
    const char *stats_path;             /* a line of JSON a second is appended; NULL: none */
    plab_seed_progress_fn *progress;    /* shows builds, on the calling thread; may be NULL: the
                                              log has a line at their start and end in any case */
    void *progress_cookie;
    struct plab_miner_guest guests[PLAB_MINER_GUESTS_MAX];
    size_t guest_count;
};

/* The best shares of a run: difficulties that their hashes meet, the highest first; 0: none. */
#define PLAB_MINER_BEST 10
struct plab_miner_best {
    uint64_t difficulty[PLAB_MINER_BEST];
};

struct plab_miner_result {
    uint64_t accepted, rejected, stale;
    uint64_t unanswered;          /* sent, but the connection or the run ended before the answer */
    uint64_t not_sent;            /* held back by the rate limit, or lost in a full queue */
    uint64_t accepted_difficulty; /* sum over the accepted shares */
    uint64_t hashes;
    double duration_s;                      /* of the run */
    double hashing_s;                       /* during which the workers hashed */
    double latency_mean_ms, latency_max_ms; /* of answers; 0 without any */
    double rate_max_hps;                    /* highest over 10 s; negative: too short a run */
    uint64_t jobs;                          /* taken up */
    uint64_t jobs_refused;
    uint64_t logins;
    bool interrupted;             /* SIGINT or SIGTERM */
    const struct plab_algo *algo; /* of the last job taken up; NULL: there was none */
    struct plab_client_stats client;
    struct plab_workers_stats workers;
    struct plab_pages_report pages;
};

/* Runs it. Takes SIGINT and SIGTERM for the time of the run. `result` is filled in whatever the
 * outcome. PLAB_OK when the run came to its end; PLAB_E_FAILED when shares were rejected, or fewer
 * than `shares` accepted in time; PLAB_E_NETWORK or PLAB_E_PROTOCOL when no pool ever gave a
 * session; PLAB_E_UNSUPPORTED when no job could be taken up; PLAB_E_REFUSED by the lab-only rule;
 * PLAB_E_INTERRUPTED, PLAB_E_TERMINATED; what the workers or a guest report when they fail;
 * PLAB_E_IO when the statistics can't be opened. */
PLAB_NODISCARD enum plab_status plab_miner_run(const struct plab_miner_config *config,
                                               struct plab_miner_result *result,
                                               struct plab_error *err);

/* ---- for guests, on the loop's thread ---- */

/* Windows of rates, in the order of all arrays of them. */
#define PLAB_MINER_WINDOWS 3
extern const unsigned plab_miner_windows_s[PLAB_MINER_WINDOWS]; /* 10, 60, 900 */

/* What a run looks like now. Rates are negative while they aren't known. */
struct plab_miner_snapshot {
    double uptime_s;
    double rate_hps[PLAB_MINER_WINDOWS];
    double rate_max_hps; /* highest over 10 s */
    enum plab_workers_state state;
    bool paused;                  /* by plab_miner_pause() */
    const struct plab_algo *algo; /* of the newest job; NULL: none yet */
    uint64_t difficulty, height;  /* of it */
    struct plab_miner_best best;
    struct plab_miner_result counts; /* up to now; all members but `interrupted` */
};
void plab_miner_snapshot(const struct plab_miner *miner, struct plab_miner_snapshot *out);

/* Rates of one worker (0 .. workers.threads - 1); negative while they aren't known. */
void plab_miner_thread_rates(const struct plab_miner *miner, unsigned thread,
                             double out[PLAB_MINER_WINDOWS]);

/* The workers hash nothing until plab_miner_resume(); the session stays, and so does time. The
 * newest job is then taken up where it was left. */
void plab_miner_pause(struct plab_miner *miner);
void plab_miner_resume(struct plab_miner *miner);

/* Changes the share of the time that is hashed, 1..100 percent. */
void plab_miner_set_duty(struct plab_miner *miner, unsigned percent);

/* Ends the run as if its time were up. */
void plab_miner_stop(struct plab_miner *miner);

/* Logs the line with rates and shares now. */
void plab_miner_tell(struct plab_miner *miner);

#endif
