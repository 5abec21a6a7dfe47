/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a thread hashes where features alone don't tell: how many hashes it has under way at a time,
 * how machine code asks for memory ahead, and which of two compilers makes that code. Chosen by
 * measuring, in a few seconds, for RandomX over a whole dataset; everywhere else the default holds.
 *
 * All threads of the plan are busy, pinned, and hash the same nonces with one candidate after the
 * other, in slices of less than 100 ms: A B C C B A A B C ... A candidate takes the place of the
 * default only if host/tune_judge.h calls it better. First the lanes, then the item prefetch, the
 * prefetch of scratchpad lines, and the compiler, each with what was chosen before.
 *
 * What was measured is kept in a small file (host/tune_cache.h) and found again by processor,
 * features, threads, algorithm, pages and program version.
 */
#ifndef PLAB_HOST_TUNE_H
#define PLAB_HOST_TUNE_H

#include "host/pinplan.h"
#include "host/seedstore.h"
#include "pow/algo.h"
#include "pow/kernel.h"

/* What is chosen. A value; the pointers are to static things. */
struct plab_tune_choice {
    unsigned lanes; /* hashes that a thread has under way at a time */
    struct plab_rx_hints hints;
    plab_rx_loop_make_fn *loop_make;
    const char *loop_isa; /* its name in arch/dispatch.h */
};

/* The choice without measuring: the hints and the compiler of `kernels`, and `lanes` as far as the
 * algorithm goes along, or with 0 plab_hasher_lanes_default(). */
void plab_tune_default(struct plab_tune_choice *out, const struct plab_algo *algo,
                       const struct plab_kernels *kernels, bool whole_dataset, unsigned lanes);

/* Puts hints and compiler of a choice into a set of kernels. */
void plab_tune_apply(const struct plab_tune_choice *choice, struct plab_kernels *kernels);

bool plab_tune_same(const struct plab_tune_choice *a, const struct plab_tune_choice *b);

enum plab_tune_mode {
    PLAB_TUNE_OFF,
    PLAB_TUNE_AUTO, /* what was measured before on such a machine, else measure */
};

/* What the program decides once. */
struct plab_tune_setup {
    enum plab_tune_mode mode;
    const char *cache_path; /* borrowed; NULL: measured each time */
    const char *version;    /* of the program; borrowed; NULL is "" */
    uint32_t features;      /* that `kernels` were chosen by */
    uint64_t slice_ns;      /* of a slice; 0: PLAB_TUNE_SLICE_NS */
    uint64_t limit_ns;      /* 0: PLAB_TUNE_LIMIT_NS */
};
#define PLAB_TUNE_SLICE_NS UINT64_C(75000000)

/* On a crowded machine: no round begins after that; what wasn't compared by then stays the default,
 * and nothing is put into the file. */
#define PLAB_TUNE_LIMIT_NS UINT64_C(10000000000)

enum plab_tuning_source {
    PLAB_TUNING_DEFAULT,  /* nothing was measured, see the note */
    PLAB_TUNING_MEASURED, /* now; the choice may still be the default */
    PLAB_TUNING_CACHED,   /* measured before */
};

/* "default", "measured", "cached". */
const char *plab_tuning_source_name(enum plab_tuning_source source);

/* A candidate that was measured against what it would replace. */
struct plab_tune_trial {
    char name[24];         /* "lanes 3", "item t0", "lines off", "loop avx2" */
    double ratio;          /* of rates: median of the rounds */
    unsigned wins, rounds; /* rounds with a ratio above 1, and rounds measured: fewer than
                              PLAB_TUNE_ROUNDS when it couldn't be chosen any more */
    bool taken;
};
#define PLAB_TUNE_TRIALS_MAX 12

struct plab_tuning {
    struct plab_tune_choice choice;
    enum plab_tuning_source source;
    double ratio;   /* to the default's rate: product of what was taken; 1 for the default */
    double seconds; /* that it took; 0 unless measured */
    unsigned trial_count;
    struct plab_tune_trial trials[PLAB_TUNE_TRIALS_MAX];
    char note[160]; /* why nothing, or not all, was measured; else "" */
};

struct plab_tune_config {
    const struct plab_tune_setup *setup;
    const struct plab_algo *algo;
    const struct plab_kernels *kernels; /* as chosen by features */
    const struct plab_pin_slot *slots;  /* `threads` of them */
    unsigned threads;
    enum plab_page_policy pages;            /* of scratchpads */
    const struct plab_seed_view *seed;      /* built; NULL: an algorithm without a seed */
    const struct plab_pages_report *memory; /* pages of cache and dataset; NULL as above */
    unsigned lanes;                         /* not 0: these and no others; the rest is tuned */
    const atomic_bool *cancel;              /* looked at after each group of hashes; may be NULL */
    plab_seed_progress_fn *progress;        /* stage "tuning", a few times a second; may be NULL */
    void *progress_cookie;
};

/* Finds the choice; everything is borrowed for the call. Never an error: without memory or threads,
 * and where there is nothing to tune, it is the default, with a note. PLAB_E_INTERRUPTED when
 * cancelled; `out` is the default then, too. */
PLAB_NODISCARD enum plab_status plab_tune_run(struct plab_tuning *out,
                                              const struct plab_tune_config *config);

/* "2 hashes a thread, items nta, lines t0, loop avx512; measured in 4.3 s: 1.08 x the default".
 * Returns `out`. */
#define PLAB_TUNING_TEXT 320
const char *plab_tuning_describe(const struct plab_tuning *tuning, char *out, size_t out_cap);

#endif
