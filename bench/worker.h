/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread of a benchmark run: hashes, sums and times itself. Used by bench/run.c only.
 *
 * Threads share nothing that is written but the nonce counter; what the run reads while they work
 * is atomic, the rest is read after they were joined.
 */
#ifndef PLAB_BENCH_WORKER_H
#define PLAB_BENCH_WORKER_H

#include <pthread.h>

#include "bench/run.h"
#include "pow/nonce_stream.h"

enum plab_bench_phase {
    PLAB_BENCH_PHASE_WARMUP,
    PLAB_BENCH_PHASE_MEASURE,
    PLAB_BENCH_PHASE_STOP, /* a thread could not be started: nobody measures */
};

/* What all threads of a run look at. */
struct plab_bench_shared {
    PLAB_ALIGNED(64) _Atomic uint64_t next; /* next nonce of the measurement */
    PLAB_ALIGNED(64) atomic_int phase;
    _Atomic uint32_t next_warm; /* nonces of the warm-up, from PLAB_BENCH_HASHES_MAX */
    atomic_uint sampling;       /* threads that still have samples to take (timed runs) */
    atomic_uint running;        /* threads that didn't end yet */
    const atomic_bool *cancel;
    bool fixed;     /* ends with `limit` hashes, not with the samples */
    uint64_t limit; /* first nonce that isn't hashed */
    uint64_t least; /* hashes that a timed run completes before it ends */
    size_t samples;
    uint64_t grid_start_ns, sample_ns; /* sample k ends at start + (k + 1) sample_ns; set before
                                          the phase becomes MEASURE */
    struct plab_checksum empty;        /* with the run's bounds */
};

/* A sample of one thread. */
struct plab_bench_piece {
    uint64_t hashes, wall_ns, cpu_ns, involuntary_switches;
};

struct plab_bench_worker {
    PLAB_ALIGNED(64) _Atomic uint64_t warm_hashes;
    _Atomic uint64_t warm_ns;
    _Atomic size_t closed; /* pieces that are complete */
    struct plab_bench_shared *shared;
    const struct plab_algo *algo;
    struct plab_pin_slot slot;
    bool pinned; /* bound to slot.cpu */
    pthread_t thread;
    struct plab_pages scratchpad;
    unsigned lanes; /* of `hasher` */
    struct plab_hasher *hasher;
    struct plab_nonce_stream stream;
    struct plab_bench_piece *pieces; /* owned, shared->samples of them */
    struct plab_checksum checksum;
    uint8_t blob[PLAB_BENCH_BLOB_MAX];
    size_t blob_len;
};

/* Allocates what the thread needs, on its NUMA node. `worker` is zeroed but for its
 * lanes; destroy it also after an error. Borrows `shared`. */
PLAB_NODISCARD enum plab_status plab_bench_worker_create(struct plab_bench_worker *worker,
                                                         struct plab_bench_shared *shared,
                                                         const struct plab_bench_config *config,
                                                         const struct plab_pin_slot *slot,
                                                         struct plab_error *err);
void plab_bench_worker_destroy(struct plab_bench_worker *worker);

/* Gives the hasher its seed (RandomX) and height, and checks that it can do the work. */
PLAB_NODISCARD enum plab_status plab_bench_worker_seed(struct plab_bench_worker *worker,
                                                       const struct plab_seed_view *seed,
                                                       struct plab_error *err);

/* The thread: warms up until the phase changes, measures, ends. Takes a worker, returns NULL. */
void *plab_bench_worker_main(void *cookie);

#endif
