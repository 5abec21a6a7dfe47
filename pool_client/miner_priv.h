/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of a miner share: miner.c (life), miner_jobs.c (from the source to the workers),
 * miner_shares.c (and back), miner_report.c (what is told to people and programs). All of it runs
 * on the loop's thread but for the two functions that say otherwise.
 */
#ifndef PLAB_POOL_CLIENT_MINER_PRIV_H
#define PLAB_POOL_CLIENT_MINER_PRIV_H

#include <stdatomic.h>
#include <stdio.h>
#include <uv.h>

#include "base/bucket.h"
#include "pool_client/miner.h"
#include "pool_client/rates.h"
#include "pool_client/source.h"

#define PLAB_MINER_TICK_MS 1000    /* counts are sampled and told ... */
#define PLAB_MINER_WATCH_MS 500    /* ... and looked after what workers wait for */
#define PLAB_MINER_JOBS_KEPT 16    /* of which shares may still come */
#define PLAB_MINER_SEED_BURST 3    /* new seeds at once ... */
#define PLAB_MINER_SEED_PAUSE_S 10 /* ... and then one every so often */

/* What a share needs to know of its job. */
struct plab_taken_job {
    uint64_t number;
    const struct plab_algo *algo;
    uint64_t difficulty;
};

struct plab_miner {
    const struct plab_miner_config *config;
    const struct plab_log *log;
    struct plab_miner_result *result;
    struct plab_error *err;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t tick, watch, end;
    uv_signal_t sigint, sigterm;
    struct plab_source source;
    size_t guests_begun;
    struct plab_workers *workers;
    FILE *stats;

    uint64_t start_ns;
    uint64_t hashing_since_ns; /* 0: not hashing */
    uint64_t ticks, exhausted_looks;
    uint64_t exhausted_patience; /* seconds without nonces before the session is renewed */
    uint64_t exhausted_hashes;   /* counter when the nonces ended last */
    uint64_t open_shares;        /* sent and not answered */
    uint64_t answers;
    double latency_sum_ms;
    struct plab_rates rates;
    struct plab_rates *thread_rates; /* owned; one a thread, NULL without memory */
    double rate_max_hps;             /* highest over 10 s; negative: none yet */

    struct plab_job job;  /* last taken up, if any */
    struct plab_job held; /* waits for its turn to change the seed, if any */
    struct plab_bucket seeds;
    struct plab_taken_job taken[PLAB_MINER_JOBS_KEPT];
    struct plab_tune_choice told_choice;
    uint64_t told_ahead; /* caches built ahead, when the log last spoke of a build */
    struct plab_miner_best best;

    enum plab_status status;
    enum plab_workers_state state;
    atomic_uint progress_permille;        /* these are written by the builder's thread */
    _Atomic(const char *) progress_stage; /* a static string */
    _Atomic double progress_s;
    atomic_bool progress_news;
    bool stats_failed;
    bool told_pages; /* the log said what memory was obtained, since the last build */
    bool has_job;    /* `job` may be worked on: the session lasts, and it wasn't refused since */
    bool knows_job;  /* `job` was filled in once */
    bool holds;
    bool online;
    bool paused; /* by plab_miner_pause() */
    bool ending; /* waits for the last answers */
    bool ended;
};

/* ---- miner.c ---- */

/* Ends the run at once. */
void plab_miner_finish(struct plab_miner *miner, enum plab_status status);

/* ---- miner_jobs.c ---- */

/* A plab_client_events.on_job. */
void plab_miner_on_job(void *cookie, const struct plab_client_job *from);

/* Publishes the job that waited for its seed's turn, if that has come. */
void plab_miner_offer_held(struct plab_miner *miner);

/* The session is over: its jobs are worth nothing. A dataset that is being built is finished. */
void plab_miner_forget_jobs(struct plab_miner *miner);

/* How long, in seconds, the first time. */
uint64_t plab_miner_first_patience(const struct plab_miner *miner);

/* Renews the session when a job's nonces are used up and no other job comes; each
 * PLAB_MINER_WATCH_MS. */
void plab_miner_watch_exhaustion(struct plab_miner *miner);

/* ---- miner_shares.c ---- */

/* Sends what the workers found. */
void plab_miner_drain_shares(struct plab_miner *miner);

/* A plab_client_events.on_result. */
void plab_miner_on_result(void *cookie, const struct plab_client_result *result);

/* ---- miner_report.c ---- */

/* A plab_seed_progress_fn, from the builder's thread. */
void plab_miner_on_progress(void *cookie, const char *stage, double done, double elapsed_s);

/* Hands the newest progress on to the configuration's function. */
void plab_miner_tell_progress(struct plab_miner *miner);

/* The workers' state as of now, for times and the log. */
void plab_miner_note_state(struct plab_miner *miner, enum plab_workers_state state);

/* Takes samples of the counters, writes a line of statistics; once a tick. */
void plab_miner_sample(struct plab_miner *miner);

/* The line with rates and shares. */
void plab_miner_tell_rates(struct plab_miner *miner);

/* Opens the statistics, if any are wanted. PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_miner_open_stats(struct plab_miner *miner,
                                                      struct plab_error *err);

#endif
