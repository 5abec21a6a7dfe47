/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Worker threads: pinned, each with its own hasher and scratchpad, hashing an immutable job
 * snapshot.
 *
 * The owner publishes a job; workers see the new generation after at most one group of hashes
 * (host/tune.h) and take disjoint parts of the nonce space. A value below the
 * target becomes a share in a bounded queue; `notify` tells the owner (from a worker's thread: it
 * may only wake a loop), who drains the queue until it is empty. Nothing is allocated between job
 * and share. A job with a new RandomX seed makes the workers wait while a builder thread rebuilds
 * cache and dataset; a still newer seed cancels that build.
 */
#ifndef PLAB_HOST_WORKERS_H
#define PLAB_HOST_WORKERS_H

#include "host/pages.h"
#include "host/pinplan.h"
#include "host/seedstore.h"
#include "host/tune.h"
#include "pow/algo.h"
#include "pow/kernel.h"

#define PLAB_BLOB_MAX_BYTES 408
#define PLAB_SEED_BYTES 32

/* A piece of work, copied by plab_workers_publish(). */
struct plab_job {
    const struct plab_algo *algo; /* borrowed as long as the workers live */
    uint8_t blob[PLAB_BLOB_MAX_BYTES];
    size_t blob_len; /* at least algo->nonce_offset + PLAB_NONCE_BYTES */
    uint64_t target; /* share: LE64(pow value bytes 24..31) < target; UINT64_MAX: every hash */
    uint64_t height; /* cn/r */
    uint8_t seed[PLAB_SEED_BYTES]; /* RandomX */
    bool has_next_seed;            /* RandomX: it changes soon; its cache is built ahead, at low
                                      priority, if there is memory for a second one */
    uint8_t next_seed[PLAB_SEED_BYTES];
    bool nicehash;        /* the nonce's top byte (blob[42]) belongs to the pool and is kept */
    uint32_t first_nonce; /* counter starts here (without the pool's byte) and ends at its top */
    uint64_t cookie;      /* the owner's; comes back with each share */
};

struct plab_share {
    uint64_t cookie;                    /* of the job */
    uint32_t nonce;                     /* as a number; in the blob it is little-endian */
    uint8_t hash[PLAB_HASH_BYTES];      /* the raw hash */
    uint8_t pow_value[PLAB_HASH_BYTES]; /* what was compared: commitment for rx/2, else the hash */
    uint64_t found_ns;                  /* plab_clock_ns() */
    unsigned worker;
};

enum plab_workers_state {
    PLAB_WORKERS_IDLE,     /* no job, or paused */
    PLAB_WORKERS_BUILDING, /* cache or dataset for a new seed */
    PLAB_WORKERS_HASHING,
    PLAB_WORKERS_EXHAUSTED, /* the job's nonce space is used up: the owner needs a new job */
    PLAB_WORKERS_FAILED,    /* see plab_workers_error() */
};

struct plab_workers;

struct plab_workers_config {
    const struct plab_pin_plan *plan;   /* threads and CPUs; copied */
    const struct plab_kernels *kernels; /* copied */
    enum plab_page_policy pages;
    enum plab_rx_mode rx_mode;
    uint64_t dataset_mem_bytes; /* of PLAB_RX_GRADED, see host/seedstore.h */
    enum plab_numa_policy numa;
    unsigned lanes;               /* hashes that a thread has under way at a time; 0: what suits */
    struct plab_tune_setup tune;  /* RandomX over a whole dataset: after the first one is built;
                                     what it points to is borrowed as long as the workers live */
    unsigned duty_percent;        /* 1..100: share of each 100 ms that a worker hashes */
    bool yields;                  /* sched_yield() after each group of hashes, as XMRig does unless
                                     told otherwise: a system call for nothing if it is alone */
    void (*notify)(void *cookie); /* shares waiting, or the state changed; any thread, also from
                                     within a call of this interface; may be NULL */
    void *notify_cookie;
    plab_seed_progress_fn *progress; /* from the builder's thread, "tuning" included; may be NULL */
    void *progress_cookie;
};

/* Shares that wait at most; further ones are dropped and counted. */
#define PLAB_WORKERS_QUEUE_SHARES 256

/* Starts the threads; they wait for a job. Returns when all are bound (or weren't allowed to be:
 * see the statistics). Errors: PLAB_E_NOMEM, PLAB_E_RESOURCE. */
PLAB_NODISCARD enum plab_status plab_workers_create(struct plab_workers **out,
                                                    const struct plab_workers_config *config,
                                                    struct plab_error *err);

/* Stops hashing at the next hash, cancels a build, joins all threads (under a second), frees, and
 * sets
 * `*workers` to NULL; NULL is fine. */
void plab_workers_destroy(struct plab_workers **workers);

/* Hands over a new job; replaces any older one, also a failed one. The same work as before under
 * another cookie or target goes on with the nonces that are left, also after a pause. A hash that
 * is under way may still give a share of the old job. PLAB_E_INPUT when the algorithm can't hash
 * this blob (plab_hasher_check()'s rules) or the nonce space is empty; then the old job goes on. */
PLAB_NODISCARD enum plab_status plab_workers_publish(struct plab_workers *workers,
                                                     const struct plab_job *job,
                                                     struct plab_error *err);

/* Forgets the job: workers idle until the next one. */
void plab_workers_pause(struct plab_workers *workers);

/* Changes the share of the time that workers hash, 1..100, from the next window of 100 ms on. */
void plab_workers_set_duty(struct plab_workers *workers, unsigned percent);

/* Takes the oldest waiting share; false if there is none. */
bool plab_workers_take_share(struct plab_workers *workers, struct plab_share *share);

enum plab_workers_state plab_workers_state(const struct plab_workers *workers);

/* Text of the failure in state PLAB_WORKERS_FAILED, and its status; PLAB_OK in any other state. */
enum plab_status plab_workers_error(const struct plab_workers *workers, struct plab_error *err);

struct plab_workers_stats {
    unsigned threads;
    unsigned pinned;         /* threads really bound */
    uint64_t hashes;         /* of all threads since the start */
    uint64_t shares_dropped; /* queue was full */
    uint64_t seed_builds;
    uint64_t caches_ahead;     /* of these, seeds whose cache had been built ahead */
    uint64_t ahead_builds;     /* caches that were built ahead, used or not */
    double last_build_s;       /* how long the workers waited for the last seed's cache, dataset */
    enum plab_rx_mode rx_mode; /* obtained; PLAB_RX_AUTO before the first RandomX job */
    struct plab_dataset_report dataset; /* empty before the first RandomX job */
    bool tuned;                         /* `tuning` is there: a RandomX seed was built */
    struct plab_tuning tuning;          /* of the algorithm whose seed was built last */
};
void plab_workers_stats(const struct plab_workers *workers, struct plab_workers_stats *stats);

/* Hashes of one thread since the start. */
uint64_t plab_workers_thread_hashes(const struct plab_workers *workers, unsigned thread);

/* Adds all memory of the workers (scratchpads, caches, datasets) to a report. */
void plab_workers_pages(const struct plab_workers *workers, struct plab_pages_report *report);

#endif
