/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a pool is doing, in numbers: made from its events, kept in bounded memory, read by the web
 * page, the JSON API and /metrics. No I/O and no clock: time comes with the events.
 *
 * An event costs a constant amount of work (a share O(1), a login one allocation), so that watching
 * a pool doesn't slow it down; what is expensive (quantiles, rates, lists) is computed when asked.
 *
 * Hash rates are estimates from accepted work: a share of difficulty d stands for d hashes on
 * average. With n shares in a window the standard error is about 1/sqrt(n).
 */
#ifndef PLAB_POOL_METRICS_H
#define PLAB_POOL_METRICS_H

#include "pool/event.h"
#include "pool/server.h"

#define PLAB_METRICS_HISTORY 3600 /* samples kept, one a second */
#define PLAB_METRICS_LATENCIES                                                                     \
    1024                             /* newest of hashed shares, of the last minute, for quantiles \
                                      */
#define PLAB_METRICS_RECENT 32       /* shares, jobs and blocks kept of each */
#define PLAB_METRICS_WORKERS 1024    /* sessions that are followed one by one */
#define PLAB_METRICS_WORKER_SLOTS 20 /* of 30 s: a worker's rate is that of ten minutes */
#define PLAB_METRICS_TEXT 64         /* bytes of a peer's text that are kept, with the NUL */
#define PLAB_METRICS_BUCKETS 13      /* of the latency histogram, the last without an upper end */

/* Windows of the pool's rate: 1 min, 10 min, 1 h. */
#define PLAB_METRICS_WINDOWS 3
extern const unsigned plab_metrics_windows_s[PLAB_METRICS_WINDOWS];

/* Upper ends of the latency buckets in seconds, ascending; one fewer than buckets. */
extern const double plab_metrics_bucket_s[PLAB_METRICS_BUCKETS - 1];

struct plab_metrics_share {
    uint64_t t_ns;
    uint32_t session;
    char login[PLAB_METRICS_TEXT];
    enum plab_verdict verdict;
    uint64_t height, difficulty, share_difficulty; /* the last 0: was not hashed */
    uint64_t latency_ns;
};

struct plab_metrics_job {
    uint64_t t_ns;
    uint32_t session;
    char job_id[24];
    uint64_t height, difficulty;
};

struct plab_metrics_block {
    uint64_t t_ns;
    uint32_t session;
    uint64_t height;
    uint8_t id[PLAB_BLOCK_ID_BYTES];
    bool accepted;
};

/* The newest PLAB_METRICS_RECENT of each kind: index i % PLAB_METRICS_RECENT, i < count. */
struct plab_metrics_recent {
    uint64_t shares, jobs, blocks; /* so far */
    struct plab_metrics_share share[PLAB_METRICS_RECENT];
    struct plab_metrics_job job[PLAB_METRICS_RECENT];
    struct plab_metrics_block block[PLAB_METRICS_RECENT];
};

/* A session that logged in. */
struct plab_metrics_worker {
    struct plab_metrics_worker *next; /* in its bucket */
    uint32_t session;
    char login[PLAB_METRICS_TEXT], agent[PLAB_METRICS_TEXT], rig_id[PLAB_METRICS_TEXT];
    char peer[PLAB_METRICS_TEXT];
    uint64_t since_ns, last_share_ns; /* the latter 0: none */
    uint64_t difficulty;              /* of its newest job */
    uint64_t accepted, rejected, work;
    uint64_t slot_work[PLAB_METRICS_WORKER_SLOTS];
    uint64_t slot; /* number of the newest, counted from the clock's zero */
};

/* A sample of counters and gauges. */
struct plab_metrics_point {
    uint64_t t_ns;
    uint64_t work, accepted, rejected;     /* so far */
    uint32_t sessions, queue;              /* now */
    float latency_median_s, latency_p99_s; /* of the last minute; negative: no share */
};

struct plab_metrics_latency {
    uint64_t t_ns, latency_ns;
};

struct plab_metrics {
    uint64_t began_ns;
    uint64_t height, network_difficulty;
    uint8_t tip[PLAB_BLOCK_ID_BYTES], seed[PLAB_BLOCK_ID_BYTES];
    bool has_template, has_seed;
    uint64_t accepted, rejected, work;
    uint64_t latency_count[PLAB_METRICS_BUCKETS]; /* not cumulative */
    uint64_t latency_sum_ns;
    uint64_t latencies; /* so far; the ring holds the newest */
    struct plab_metrics_latency latency[PLAB_METRICS_LATENCIES];
    struct plab_metrics_recent recent;
    size_t worker_count, workers_missed; /* the latter: logged in while the table was full */
    struct plab_metrics_worker *workers[PLAB_METRICS_WORKERS]; /* buckets by session */
    uint64_t points;                                           /* so far */
    struct plab_metrics_point point[PLAB_METRICS_HISTORY];
};

/* Begins at `now_ns`; `metrics` needs no other preparation. */
void plab_metrics_init(struct plab_metrics *metrics, uint64_t now_ns);

/* Frees what it allocated. */
void plab_metrics_free(struct plab_metrics *metrics);

/* Takes an event; without memory for a worker, it is only counted. */
void plab_metrics_event(struct plab_metrics *metrics, const struct plab_pool_event *event);

/* Takes a sample, to be called every second. */
void plab_metrics_sample(struct plab_metrics *metrics, uint64_t now_ns, uint64_t sessions,
                         uint64_t queue);

struct plab_metrics_rate {
    double window_s; /* really covered: less than asked for while the pool is young */
    double rate_hps; /* negative: under a second of history */
    uint64_t shares; /* accepted ones in it */
};

/* The pool's rate over the last `window_s` seconds before `now_ns`. */
struct plab_metrics_rate plab_metrics_rate(const struct plab_metrics *metrics, unsigned window_s,
                                           uint64_t now_ns);

/* A worker's rate over its last ten minutes, or since its login; negative under a second. */
double plab_metrics_worker_rate(const struct plab_metrics_worker *worker, uint64_t now_ns);

struct plab_metrics_quantiles {
    size_t count; /* of shares; 0: the rest is 0 too */
    double median_s, p99_s, max_s;
};

/* Of the hashed shares of the last minute, at most PLAB_METRICS_LATENCIES of them. */
struct plab_metrics_quantiles plab_metrics_latency(const struct plab_metrics *metrics,
                                                   uint64_t now_ns);

/* Fills `out` with the workers, those with most accepted work first; returns how many, at most
 * `cap`. Borrowed until the next event. */
size_t plab_metrics_workers(const struct plab_metrics *metrics,
                            const struct plab_metrics_worker **out, size_t cap);

/* The history in at most `cap` points, evenly spaced, the newest last; returns how many. */
size_t plab_metrics_history(const struct plab_metrics *metrics, struct plab_metrics_point *out,
                            size_t cap);

#endif
