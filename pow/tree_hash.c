/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/tree_hash.h"

#include <assert.h>
#include <string.h>

#include "pow/keccak.h"

void plab_cn_fast_hash(const uint8_t *data, size_t len, uint8_t out[32]) {
    uint64_t state[25];
    plab_keccak_absorb(state, plab_keccak_f1600_c, data, len);
    memcpy(out, state, 32);
}

/* Hashes[i] and hashes[i + 1] become hashes[to]; `to` is at most i. */
static void join(uint8_t (*hashes)[32], size_t i, size_t to) {
    uint8_t pair[64];
    memcpy(pair, hashes + i, sizeof pair);
    plab_cn_fast_hash(pair, sizeof pair, hashes[to]);
}

void plab_tree_hash(uint8_t (*hashes)[32], size_t count, uint8_t out[32]) {
    assert(count > 0);
    /* The tree is complete but for its lowest level: leaves at the end are joined until a power of
     * two is left, then level by level. */
    size_t width = 1;
    while (width * 2 < count) {
        width *= 2;
    }
    size_t single = width * 2 - count;
    for (size_t i = single, to = single; count > 1 && to < width; i += 2, to++) {
        join(hashes, i, to);
    }
    while (width > 1) {
        width /= 2;
        for (size_t to = 0; to < width; to++) {
            join(hashes, 2 * to, to);
        }
    }
    memcpy(out, hashes[0], 32);
}
