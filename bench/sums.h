/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Known checksums of the benchmark's work (bench/checksum.h), so that a run of any length can be
 * verified: powers of two that were computed for this table, and for some RandomX variants the sums
 * that XMRig publishes. tests/vectors/bench_sums.txt has the same values with their origins.
 */
#ifndef PLAB_BENCH_SUMS_H
#define PLAB_BENCH_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "pow/algo.h"

/* The sum of nonces 0 .. hashes - 1. */
struct plab_bench_sum {
    uint32_t hashes;
    uint64_t sum;
};

/* The known sums of an algorithm, ascending by number of hashes, the first of them for one hash;
 * static. NULL and `*count` 0 for an unknown algorithm. */
const struct plab_bench_sum *plab_bench_sums(const struct plab_algo *algo, size_t *count);

#endif
