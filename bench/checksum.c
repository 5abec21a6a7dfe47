/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/checksum.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

#define POW_WORD_OFFSET 24

void plab_checksum_init(struct plab_checksum *checksum, const struct plab_bench_sum *sums,
                        size_t count) {
    assert(count <= PLAB_CHECKSUM_BOUNDS_MAX);
    memset(checksum, 0, sizeof *checksum);
    for (size_t i = 0; i < count; i++) {
        checksum->bounds[i] = sums[i].hashes;
    }
    checksum->bound_count = count;
}

enum plab_status plab_checksum_bound(struct plab_checksum *checksum, uint32_t bound,
                                     struct plab_error *err) {
    size_t at = 0;
    while (at < checksum->bound_count && checksum->bounds[at] < bound) {
        at++;
    }
    if (at < checksum->bound_count && checksum->bounds[at] == bound) {
        return PLAB_OK;
    }
    if (checksum->bound_count == PLAB_CHECKSUM_BOUNDS_MAX) {
        return plab_fail(err, PLAB_E_INPUT, "a checksum has at most %d bounds",
                         PLAB_CHECKSUM_BOUNDS_MAX);
    }
    memmove(&checksum->bounds[at + 1], &checksum->bounds[at],
            (checksum->bound_count - at) * sizeof checksum->bounds[0]);
    checksum->bounds[at] = bound;
    checksum->bound_count++;
    return PLAB_OK;
}

void plab_checksum_add(struct plab_checksum *checksum, uint32_t nonce,
                       const uint8_t pow_value[PLAB_HASH_BYTES]) {
    size_t part = 0;
    while (part < checksum->bound_count && nonce >= checksum->bounds[part]) {
        part++;
    }
    checksum->part[part] ^= plab_load64_le(pow_value + POW_WORD_OFFSET);
    checksum->hashes[part]++;
}

void plab_checksum_merge(struct plab_checksum *checksum, const struct plab_checksum *other) {
    assert(checksum->bound_count == other->bound_count);
    for (size_t i = 0; i <= checksum->bound_count; i++) {
        checksum->part[i] ^= other->part[i];
        checksum->hashes[i] += other->hashes[i];
    }
}

uint64_t plab_checksum_hashes(const struct plab_checksum *checksum) {
    uint64_t hashes = 0;
    for (size_t i = 0; i <= checksum->bound_count; i++) {
        hashes += checksum->hashes[i];
    }
    return hashes;
}

bool plab_checksum_prefix(const struct plab_checksum *checksum, uint32_t hashes, uint64_t *sum) {
    uint32_t start = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < checksum->bound_count; i++) {
        /* A part that was counted twice is as wrong as one with a gap. */
        if (checksum->hashes[i] != checksum->bounds[i] - start) {
            return false;
        }
        total ^= checksum->part[i];
        start = checksum->bounds[i];
        if (start == hashes) {
            *sum = total;
            return true;
        }
    }
    return false;
}

struct plab_verdict plab_checksum_verify(const struct plab_checksum *checksum,
                                         const struct plab_bench_sum *sums, size_t count) {
    struct plab_verdict verdict = {.verified = 0};
    uint64_t sum;
    for (size_t i = 0; i < count; i++) {
        if (!plab_checksum_prefix(checksum, sums[i].hashes, &sum)) {
            continue;
        }
        if (sum != sums[i].sum) {
            return (struct plab_verdict){.wrong = true,
                                         .wrong_hashes = sums[i].hashes,
                                         .wrong_sum = sum,
                                         .wrong_expected = sums[i].sum};
        }
        verdict.verified = sums[i].hashes;
    }
    return verdict;
}
