/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paired measurements: the two sides do the same work in turns, A B, B A, A B ..., so that whatever
 * else happens on the machine happens to both; a pair gives one ratio, a row the median of them.
 * After each pair the results are compared bit for bit.
 */
#ifndef PLAB_BENCH_PEERS_CONTEST_H
#define PLAB_BENCH_PEERS_CONTEST_H

#include "bench/peers/ours.h"
#include "bench/peers/theirs.h"
#include "bench/stats.h"

#define PLAB_PEERS_PAIRS_MAX 1000

enum plab_side { PLAB_SIDE_OURS, PLAB_SIDE_THEIRS, PLAB_SIDE_COUNT };

/* What is measured on what. All borrowed. */
struct plab_contest {
    struct plab_ours *ours;
    struct plab_theirs *theirs;
    const struct plab_pin_plan *plan;
    unsigned pairs;                 /* 1 .. PLAB_PEERS_PAIRS_MAX */
    struct plab_ours_tuning tuning; /* of fast mode */
    bool cpu_time;                  /* count the time in which threads ran, not that of the clock */
    double turn_seconds;            /* roughly how long a turn of hashing takes the slower side */
};

/* One line of the result. */
struct plab_peers_row {
    char name[40];
    const char *unit; /* of the rates, e.g. "H/s" */
    unsigned threads;
    bool fast;     /* fast mode: `tuning` is what the tuner found */
    uint64_t work; /* hashes or items of a turn */
    size_t pairs;  /* taken */
    double rates[PLAB_SIDE_COUNT][PLAB_PEERS_PAIRS_MAX]; /* per second, one a pair */
    double ratios[PLAB_PEERS_PAIRS_MAX];                 /* ours over theirs */
    struct plab_stats rate[PLAB_SIDE_COUNT], ratio;
    struct plab_pages_report pages[PLAB_SIDE_COUNT]; /* rows of hashes only */
    struct plab_tuning tuning;                       /* the same */
};

/* Builds both caches for the key of all later rows, unmeasured. */
PLAB_NODISCARD enum plab_status plab_contest_build_caches(const struct plab_contest *contest,
                                                          struct plab_error *err);

/* Argon2 and what follows it, one thread, another key for each pair; the last one is that of every
 * later row. With `portable` the peer uses its portable Argon2d, for this row only. PLAB_E_MISMATCH
 * when the caches differ. */
PLAB_NODISCARD enum plab_status plab_contest_cache(const struct plab_contest *contest,
                                                   bool portable, struct plab_peers_row *row,
                                                   struct plab_error *err);

/* Items of the dataset, all threads; each pair takes the next `window_items` ones, no more than
 * ours has room for. PLAB_E_MISMATCH when items differ. */
PLAB_NODISCARD enum plab_status plab_contest_dataset(const struct plab_contest *contest,
                                                     uint64_t window_items,
                                                     struct plab_peers_row *row,
                                                     struct plab_error *err);

/* Computes the dataset from item `first` on in the peer's memory, with our code as it is the
 * faster: both sides read that one, so that neither has the better pages. */
PLAB_NODISCARD enum plab_status plab_contest_complete_dataset(const struct plab_contest *contest,
                                                              uint64_t first,
                                                              struct plab_error *err);

/* Hashes of `algo` with `threads` threads. PLAB_E_MISMATCH when hashes differ. */
PLAB_NODISCARD enum plab_status plab_contest_hashes(const struct plab_contest *contest,
                                                    const struct plab_algo *algo, bool fast,
                                                    enum plab_peers_style style, unsigned threads,
                                                    struct plab_peers_row *row,
                                                    struct plab_error *err);

#endif
