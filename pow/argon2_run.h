/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the blocks of a struct plab_argon2_run (pow/kernel.h) are and what they refer to, for all
 * kernels that fill. Block numbers are those of the run: counted within its segment.
 *
 * Source: RFC 9106 sections 3.4.1.1, 3.4.2.
 */
#ifndef PLAB_POW_ARGON2_RUN_H
#define PLAB_POW_ARGON2_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "pow/kernel.h"

#define PLAB_ARGON2_BLOCK_WORDS 128
#define PLAB_ARGON2_SLICES 4

static PLAB_ALWAYS_INLINE uint64_t *plab_argon2_at(const struct plab_argon2_run *run, uint32_t lane,
                                                   uint32_t index) {
    return run->memory + ((size_t)lane * run->lane_blocks + index) * PLAB_ARGON2_BLOCK_WORDS;
}

static PLAB_ALWAYS_INLINE uint32_t plab_argon2_segment_blocks(const struct plab_argon2_run *run) {
    return run->lane_blocks / PLAB_ARGON2_SLICES;
}

/* The block to write as number `block`. */
static PLAB_ALWAYS_INLINE uint64_t *plab_argon2_next(const struct plab_argon2_run *run,
                                                     uint32_t block) {
    return plab_argon2_at(run, run->lane, run->slice * plab_argon2_segment_blocks(run) + block);
}

/* The block before number `block`, which for the first of a lane is the lane's last. */
static PLAB_ALWAYS_INLINE const uint64_t *plab_argon2_prev(const struct plab_argon2_run *run,
                                                           uint32_t block) {
    uint32_t index = run->slice * plab_argon2_segment_blocks(run) + block;
    return plab_argon2_at(run, run->lane, (index == 0 ? run->lane_blocks : index) - 1);
}

/* Size of the set W: how many blocks may be referred to. */
static PLAB_ALWAYS_INLINE uint32_t plab_argon2_area(const struct plab_argon2_run *run,
                                                    uint32_t block, bool same_lane) {
    uint32_t segment_blocks = plab_argon2_segment_blocks(run);
    uint32_t finished =
        run->pass == 0 ? run->slice * segment_blocks : run->lane_blocks - segment_blocks;
    if (same_lane) {
        return finished + block - 1;
    }
    return finished - (block == 0);
}

/* The block that number `block` refers to when `j` is the first word of the block before it. */
static PLAB_ALWAYS_INLINE const uint64_t *plab_argon2_reference(const struct plab_argon2_run *run,
                                                                uint32_t block, uint64_t j) {
    uint32_t lane = run->lane;
    if (run->lanes > 1 && (run->pass > 0 || run->slice > 0)) {
        lane = (uint32_t)(j >> 32) % run->lanes;
    }
    uint32_t area = plab_argon2_area(run, block, lane == run->lane);
    uint64_t j1 = (uint32_t)j;
    uint64_t x = (j1 * j1) >> 32;
    uint32_t index = area - 1 - (uint32_t)((area * x) >> 32);
    if (run->pass > 0 && run->slice + 1 < PLAB_ARGON2_SLICES) {
        index += (run->slice + 1) * plab_argon2_segment_blocks(run);
    }
    return plab_argon2_at(run, lane, index < run->lane_blocks ? index : index - run->lane_blocks);
}

/* Called as soon as the first word of block `block` is in `next`: starts fetching what the block
 * after it refers to, and returns that; NULL at the end of the run. Fetching a kilobyte takes
 * longer than making one, so a kernel does the rest of the block in the shadow of this. */
static PLAB_ALWAYS_INLINE const uint64_t *
plab_argon2_look_ahead(const struct plab_argon2_run *run, uint32_t block, const uint64_t *next) {
    if (block + 1 == run->end) {
        return NULL;
    }
    const uint64_t *ref = plab_argon2_reference(run, block + 1, next[0]);
    for (size_t i = 0; i < PLAB_ARGON2_BLOCK_WORDS; i += 8) {
        __builtin_prefetch(ref + i);
    }
    return ref;
}

#endif
