/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks shares with the real hash, on threads of its own, so that the pool's loop never waits.
 *
 * The owner puts tasks into a bounded queue and is told, by `notify`, to take finished ones. A task
 * is the owner's memory and comes back exactly once; what it stands for may be gone by then.
 *
 * RandomX: the owner names the seed of the tip and the next one; a builder thread makes their
 * caches (light mode). While it works, shares of a seed that is ready are hashed as usual, shares
 * of a wanted seed wait, and shares of any other seed come back as PLAB_VERIFY_SEED_GONE.
 */
#ifndef PLAB_POOL_VERIFIER_H
#define PLAB_POOL_VERIFIER_H

#include <stdbool.h>

#include "base/log.h"
#include "daemon/block.h"
#include "pow/algo.h"
#include "pow/kernel.h"

enum plab_verify_outcome {
    PLAB_VERIFY_HASHED,
    PLAB_VERIFY_SEED_GONE,
    PLAB_VERIFY_FAILED, /* the hasher refused the input, or the seed couldn't be built */
};

struct plab_verify_task {
    struct plab_verify_task *next;        /* the verifier's */
    uint8_t blob[PLAB_BLOCK_HASHING_MAX]; /* with the nonce in place */
    size_t blob_len;
    uint64_t height;
    uint8_t seed[PLAB_BLOCK_ID_BYTES];
    enum plab_verify_outcome outcome;
    uint8_t hash[PLAB_HASH_BYTES];      /* raw */
    uint8_t pow_value[PLAB_HASH_BYTES]; /* what is compared with targets */
    uint64_t verify_ns;
};

struct plab_verifier_config {
    const struct plab_algo *algo;       /* borrowed */
    const struct plab_kernels *kernels; /* copied */
    unsigned threads;                   /* 1 or more */
    unsigned queue_max;                 /* tasks waiting or being hashed */
    bool seeds_rotate;                  /* RandomX: keep two caches (512 MiB), not one */
    const struct plab_log *log;         /* borrowed; may be NULL */
    void (*notify)(void *cookie);       /* finished tasks wait; any thread, must not block */
    void *notify_cookie;
};

struct plab_verifier;

/* Allocates scratchpads and caches and starts the threads. PLAB_E_NOMEM, PLAB_E_RESOURCE. */
PLAB_NODISCARD enum plab_status plab_verifier_create(struct plab_verifier **out,
                                                     const struct plab_verifier_config *config,
                                                     struct plab_error *err);

/* Cancels a build, joins all threads within half a second, frees. The owner must have taken nothing
 * for granted: call plab_verifier_abandon() first to get the tasks back. NULL is fine. */
void plab_verifier_destroy(struct plab_verifier **verifier);

/* Stops hashing and gives back all tasks, finished or not, as a list linked by `next`. */
struct plab_verify_task *plab_verifier_abandon(struct plab_verifier *verifier);

/* RandomX: the seed of the tip, and the announced next one or NULL. Other algorithms ignore it. */
void plab_verifier_want_seeds(struct plab_verifier *verifier,
                              const uint8_t current[PLAB_BLOCK_ID_BYTES], const uint8_t *announced);

/* Puts a task into the queue; false when the queue is full (the task stays the caller's). */
bool plab_verifier_submit(struct plab_verifier *verifier, struct plab_verify_task *task);

/* Takes the oldest finished task, NULL if there is none. */
struct plab_verify_task *plab_verifier_take(struct plab_verifier *verifier);

struct plab_verifier_stats {
    uint64_t hashes;
    uint64_t hash_ns; /* sum over all threads */
    uint64_t seed_builds;
    uint64_t queue_now, queue_peak; /* tasks waiting or being hashed */
};
void plab_verifier_stats(struct plab_verifier *verifier, struct plab_verifier_stats *stats);

/* PLAB_OK, or what made building a seed fail: shares can't be checked any more. */
PLAB_NODISCARD enum plab_status plab_verifier_error(struct plab_verifier *verifier,
                                                    struct plab_error *err);

#endif
