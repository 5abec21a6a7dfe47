/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A benchmark run: allocate and build -> warm up -> take samples -> verify.
 *
 * Every thread is pinned, has a hasher of its own and takes nonces from one counter, so the hashes
 * that were done are always nonces 0 .. H-1, whatever the number of threads. A thread's sample ends
 * with the first hash that it completes after the sample's time is over, and is divided by the time
 * that it really took: a slow hash makes a sample longer, not wrong. The rate of a sample is the
 * sum of its threads' rates. Warm-up hashes count neither for rates nor for the checksum.
 */
#ifndef PLAB_BENCH_RUN_H
#define PLAB_BENCH_RUN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "bench/checksum.h"
#include "bench/stats.h"
#include "host/pages.h"
#include "host/pinplan.h"
#include "host/seedstore.h"
#include "host/tune.h"
#include "pow/kernel.h"

/* A timed run always completes at least this many hashes, if need be after its last sample, and
 * reports their checksum: so it is the same for every timed run of an algorithm. */
#define PLAB_BENCH_SET_HASHES 32

/* Most hashes of a run; warm-up nonces lie above. */
#define PLAB_BENCH_HASHES_MAX UINT32_C(0x80000000)

enum plab_bench_stage {
    PLAB_BENCH_CACHE,
    PLAB_BENCH_DATASET,
    PLAB_BENCH_TUNING,
    PLAB_BENCH_WARMUP,
    PLAB_BENCH_SAMPLES,
    PLAB_BENCH_VERIFY, /* completing PLAB_BENCH_SET_HASHES */
};

/* What is going on, about ten times a second, from the thread that called plab_bench_run(). */
struct plab_bench_progress {
    enum plab_bench_stage stage;
    double done;      /* of the stage, 0..1 */
    double elapsed_s; /* of the stage */
    size_t samples_done;
    double rate_hps; /* so far; 0 before there is one */
};
typedef void plab_bench_progress_fn(void *cookie, const struct plab_bench_progress *progress);

struct plab_bench_config {
    const struct plab_algo *algo;       /* borrowed */
    const struct plab_kernels *kernels; /* borrowed */
    const struct plab_pin_plan *plan;   /* threads and CPUs; borrowed */
    enum plab_page_policy pages;
    enum plab_rx_mode rx_mode;  /* ignored unless RandomX, as are the next two */
    uint64_t dataset_mem_bytes; /* of PLAB_RX_GRADED */
    enum plab_numa_policy numa;
    unsigned lanes;                    /* hashes that a thread has under way at a time; 0: what
                                          suits, see host/tune.h */
    struct plab_tune_setup tune;       /* RandomX over a whole dataset */
    size_t samples;                    /* 1 .. PLAB_STATS_MAX */
    uint64_t sample_ns;                /* aim; raised to twice the time of a hash */
    uint64_t warmup_ns;                /* at least; every thread does at least one hash */
    uint64_t hashes;                   /* not 0: do exactly these, in about `samples` samples, and
                                          ignore sample_ns; at most PLAB_BENCH_HASHES_MAX */
    const struct plab_bench_sum *sums; /* what is right: plab_bench_sums(); borrowed */
    size_t sum_count;                  /* at most PLAB_CHECKSUM_BOUNDS_MAX - 1 */
    uint64_t seed;                     /* of the bootstrap */
    const atomic_bool *cancel;         /* ends the run within a hash when true; may be NULL */
    plab_bench_progress_fn *progress;  /* may be NULL */
    void *progress_cookie;
};

/* One sample, all threads together. */
struct plab_bench_sample {
    double rate_hps;
    uint64_t hashes;
    uint64_t wall_ns; /* longest of the threads */
    uint64_t cpu_ns;  /* sum of the threads */
    uint64_t involuntary_switches;
};

struct plab_bench_thread {
    int cpu; /* OS index, or -1 */
    int numa_node;
    bool pinned;
    uint64_t hashes; /* of the samples */
    double rate_hps;
};

struct plab_bench_result {
    enum plab_rx_mode rx_mode;          /* obtained; PLAB_RX_AUTO unless RandomX */
    struct plab_dataset_report dataset; /* empty unless RandomX */
    struct plab_tuning tuning;          /* how each thread hashed */
    struct plab_pages_report pages;
    double alloc_s, cache_s, dataset_s, warmup_s; /* what each step took; 0 if there was none */

    uint64_t sample_ns; /* aim that was used */
    size_t sample_count;
    struct plab_bench_sample *samples; /* owned */
    unsigned thread_count;
    struct plab_bench_thread *threads; /* owned */
    unsigned pinned;
    struct plab_stats stats; /* of the samples' rates, H/s; zero without samples */

    uint64_t hashes;     /* of all samples */
    double elapsed_s;    /* of all samples: the longest of the threads */
    double cpu_rate_hps; /* hashes per second of CPU time */
    double cpu_share;    /* CPU time / wall time of the threads, 1: nobody else ran on our CPUs */
    double steal_share;  /* of the machine's CPU time while sampling */
    uint64_t involuntary_switches;

    uint64_t checksum;        /* of the first `checksum_hashes` nonces */
    uint32_t checksum_hashes; /* config->hashes or PLAB_BENCH_SET_HASHES; 0: interrupted before */
    uint64_t completed;       /* nonces 0 .. completed - 1 were hashed */
    struct plab_verdict verdict;
    bool interrupted;
};

/* Runs it. PLAB_OK: measured; whether the hashes were right stands in `out->verdict`.
 * PLAB_E_INTERRUPTED: cancelled, `out` has what was completed, perhaps no sample. Others
 * (PLAB_E_NOMEM, PLAB_E_RESOURCE ...): no result. Free `out` in every case. */
PLAB_NODISCARD enum plab_status plab_bench_run(struct plab_bench_result *out,
                                               const struct plab_bench_config *config,
                                               struct plab_error *err);

/* Gives back what a result owns and zeroes it; a zeroed one is fine. */
void plab_bench_result_free(struct plab_bench_result *result);

/* The status with which a program that ran it should end: PLAB_E_MISMATCH for a wrong checksum (the
 * text names it), PLAB_E_INTERRUPTED, PLAB_E_FAILED when nothing could be verified,
 * PLAB_E_UNTRUSTED when there are labels and `strict` is set, else PLAB_OK. */
PLAB_NODISCARD enum plab_status plab_bench_verdict(const struct plab_bench_result *result,
                                                   size_t label_count, bool strict,
                                                   struct plab_error *err);

#endif
