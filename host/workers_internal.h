/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers.c (the owner's side), worker_thread.c (hashing) and seed_builder.c (seeds) share.
 *
 * One lock guards jobs, seeds and state. Hashing looks at one atomic only, the generation: when it
 * differs from the one a worker took its job with, the worker goes back to the lock.
 */
#ifndef PLAB_HOST_WORKERS_INTERNAL_H
#define PLAB_HOST_WORKERS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "host/share_queue.h"
#include "host/workers.h"
#include "pow/nonce_stream.h"
#include "pow/randomx.h"

/* Nonces of one piece of work, handed out in order. Jobs that differ only in what they are called
 * or in their target share one, so that no nonce is hashed twice. */
struct plab_nonce_space {
    uint64_t size;
    _Atomic uint64_t next; /* how many were handed out */
    atomic_uint refs;
};

/* A published job: never changed after it became visible, but for the atomics and `finished`. */
struct plab_snapshot {
    struct plab_job job;
    struct plab_seed_view view;      /* RandomX; set before it becomes current */
    struct plab_tune_choice choice;  /* set before it becomes current */
    struct plab_nonce_space *nonces; /* one reference */
    atomic_uint refs;
    unsigned finished; /* workers that found the nonce space used up; under the lock */
};

struct plab_worker {
    PLAB_ALIGNED(64) _Atomic uint64_t hashes; /* a cache line of its own: `owner` starts the next */
    PLAB_ALIGNED(64) struct plab_workers *owner;
    unsigned index;
    struct plab_pin_slot slot;
    pthread_t thread;
    uint64_t generation;            /* that its job was taken with */
    uint64_t window_ns;             /* start of the current duty window */
    const struct plab_algo *algo;   /* that `hasher` was made for */
    struct plab_tune_choice choice; /* that `hasher` was made with */
    struct plab_hasher *hasher;
    struct plab_nonce_stream stream;
    struct plab_pages scratchpad; /* written under the lock, for reports */
};

/* What a build makes ready. */
struct plab_seed_key {
    const struct plab_rx_params *rx;
    uint8_t seed[PLAB_SEED_BYTES];
};

struct plab_workers {
    struct plab_workers *self; /* for locking from functions that take a const one */
    struct plab_kernels kernels;
    enum plab_page_policy pages;
    enum plab_rx_mode rx_mode;
    uint64_t dataset_mem_bytes;
    enum plab_numa_policy numa;
    _Atomic unsigned duty_percent; /* relaxed: it only has to be seen soon */
    bool yields;
    void (*notify)(void *cookie);
    void *notify_cookie;
    plab_seed_progress_fn *progress;
    void *progress_cookie;

    unsigned threads;
    unsigned lanes; /* 0: what suits the dataset */
    struct plab_tune_setup tune;
    struct plab_worker *workers;
    unsigned workers_started; /* threads that must be joined */
    pthread_t builder;
    bool builder_started;

    struct plab_share_queue shares;
    _Atomic uint64_t generation; /* changed under the lock, read by hashing without */
    atomic_bool cancel_build;    /* changed under the lock, read by a build without */

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t wake;
    bool stop;
    bool notify_due; /* the state changed since the lock was taken */
    unsigned running, pinned;
    enum plab_workers_state state;
    enum plab_status failure;
    struct plab_error error;
    struct plab_snapshot *current; /* one reference, or NULL */
    struct plab_snapshot *pending; /* waits for its seed; one reference, or NULL */
    struct plab_snapshot *last;    /* published last, also when forgotten: its nonces go on should
                                      it come again; one reference, or NULL */
    unsigned seed_users;           /* workers whose job uses a seed of the store */
    struct plab_seedstore *store;  /* built into by the builder only */
    const struct plab_rx_params *store_rx;
    bool building; /* what is wanted now, or ahead */
    struct plab_seed_key building_key;
    bool ahead_tried; /* the seed of `ahead_key` was built ahead, or couldn't be */
    struct plab_seed_key ahead_key;
    bool ready; /* `ready_view` is that of `ready_key` */
    struct plab_seed_key ready_key;
    struct plab_seed_view ready_view;
    const struct plab_algo *tuned_algo; /* that `tuning` is for; NULL: none yet */
    struct plab_tuning tuning;
    uint64_t seed_builds, caches_ahead, ahead_builds;
    double last_build_s;
};

/* Takes the lock; gives it back, and then notifies the owner if the state changed meanwhile. */
void plab_workers_lock(struct plab_workers *workers);
void plab_workers_unlock(struct plab_workers *workers);

/* All of these need the lock. */

void plab_workers_set_state(struct plab_workers *workers, enum plab_workers_state state);

/* Gives a job that needs a seed the one that is ready, and how it is to be hashed. */
void plab_workers_equip(struct plab_workers *workers, struct plab_snapshot *snapshot);

/* Makes `snapshot` (one reference is taken over; NULL for none) the job of all workers. */
void plab_workers_set_current(struct plab_workers *workers, struct plab_snapshot *snapshot);

/* Ends all work with an error. */
void plab_workers_set_failed(struct plab_workers *workers, enum plab_status status,
                             const struct plab_error *err);

/* True if `job` needs a seed, and `key` is that. */
bool plab_seed_key_fits(const struct plab_seed_key *key, const struct plab_job *job);

/* True if `job` announces a next seed, and `key` is that. */
bool plab_seed_key_is_next(const struct plab_seed_key *key, const struct plab_job *job);

/* Without the lock. */

/* Drops a reference; the last one frees. NULL is fine. */
void plab_snapshot_release(struct plab_snapshot *snapshot);

/* The threads. Their arguments are the struct plab_worker and the struct plab_workers. */
void *plab_worker_main(void *arg);
void *plab_seed_builder_main(void *arg);

#endif
