/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A checksum over many hashes that doesn't depend on their order, so that it is the same for any
 * number of threads, any kernels, any page size and any RandomX mode.
 *
 * The work is fixed: a blob of plab_bench_blob_bytes() zero bytes with a 32-bit little-endian nonce
 * at the algorithm's offset; RandomX uses a key of 32 zero bytes, cn/r the height
 * PLAB_BENCH_HEIGHT. The sum of nonces 0 .. N-1 is the XOR of LE64(bytes 24..31) of their PoW
 * values (rx/2: commitments). For rx/0, rx/2 and rx/wow these are the sums that XMRig's offline
 * benchmark publishes for several threads. Source:
 * xmrig@b2ca72480c58:src/backend/common/benchmark/BenchState_test.h.
 *
 * Each accumulator belongs to one thread; merged, they know the sum of every prefix of the nonces
 * that ends at one of their bounds.
 */
#ifndef PLAB_BENCH_CHECKSUM_H
#define PLAB_BENCH_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/sums.h"
#include "pow/algo.h"

#define PLAB_BENCH_BLOB_BYTES 112
#define PLAB_BENCH_BLOB_MAX (PLAB_NONCE_OFFSET_MAX + PLAB_NONCE_BYTES)
#define PLAB_BENCH_SEED_BYTES 32
#define PLAB_BENCH_HEIGHT UINT64_C(1806260)

#define PLAB_CHECKSUM_BOUNDS_MAX 48

struct plab_checksum {
    size_t bound_count;
    uint32_t bounds[PLAB_CHECKSUM_BOUNDS_MAX]; /* ascending, all different */
    /* part[i] covers nonces from bounds[i - 1] up to but without bounds[i]; the last one the rest.
     */
    uint64_t part[PLAB_CHECKSUM_BOUNDS_MAX + 1];
    uint64_t hashes[PLAB_CHECKSUM_BOUNDS_MAX + 1];
};

/* PLAB_BENCH_BLOB_BYTES, or what it takes to end with the nonce if that lies behind them. */
static inline size_t plab_bench_blob_bytes(const struct plab_algo *algo) {
    size_t least = algo->nonce_offset + PLAB_NONCE_BYTES;
    return least > PLAB_BENCH_BLOB_BYTES ? least : PLAB_BENCH_BLOB_BYTES;
}

/* Empties it and gives it one bound for each known sum. */
void plab_checksum_init(struct plab_checksum *checksum, const struct plab_bench_sum *sums,
                        size_t count);

/* Adds one more bound (1 or more) to an empty accumulator; one that it has already is fine.
 * PLAB_E_INPUT when there are PLAB_CHECKSUM_BOUNDS_MAX. */
PLAB_NODISCARD enum plab_status plab_checksum_bound(struct plab_checksum *checksum, uint32_t bound,
                                                    struct plab_error *err);

/* Adds one result. */
void plab_checksum_add(struct plab_checksum *checksum, uint32_t nonce,
                       const uint8_t pow_value[PLAB_HASH_BYTES]);

/* Adds all of `other`, which must have the same bounds. */
void plab_checksum_merge(struct plab_checksum *checksum, const struct plab_checksum *other);

/* All hashes that were added. */
uint64_t plab_checksum_hashes(const struct plab_checksum *checksum);

/* Sum of nonces 0 .. hashes - 1. False when `hashes` is no bound or not all of them were added. */
bool plab_checksum_prefix(const struct plab_checksum *checksum, uint32_t hashes, uint64_t *sum);

/* What a comparison with known sums found. */
struct plab_verdict {
    uint32_t verified; /* hashes of the longest completed prefix with a known sum, if it agrees */
    bool wrong;        /* some completed prefix disagrees; the shortest such is: */
    uint32_t wrong_hashes;
    uint64_t wrong_sum, wrong_expected;
};

/* Compares every completed prefix with its known sum. `verified` is 0 if there was none, or one
 * disagrees. */
struct plab_verdict plab_checksum_verify(const struct plab_checksum *checksum,
                                         const struct plab_bench_sum *sums, size_t count);

#endif
