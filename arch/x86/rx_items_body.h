/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of dataset items by vectors. The including file defines LANES, what a large block has
 * (LARGE_GROUPS, LARGE_SCALARS), HAS_GROUPS, start_group() and end_group(), and is compiled for its
 * instruction set.
 *
 * Large blocks are for most of a long list. What is left over, and the short lists of lockstep
 * hashing, are groups and pairs of them, all of which go through a round together, or scalar items:
 * their code comes from the second level cache each time and should be short.
 */
#include <string.h>

#include "arch/x86/rx_items.h"
#include "base/attr.h"

enum { SCALAR, LARGE, GROUP, PAIR, FORMS };

#define LARGE_ITEMS (LARGE_GROUPS * LANES + LARGE_SCALARS)
#define PART (RX_ITEMS_BATCH / LARGE_ITEMS * LARGE_ITEMS)

static const struct rx_items_shape shape_of[FORMS] = {
    [SCALAR] = {0, 1, RX_ITEMS_ASK_AFTER},
    [LARGE] = {LARGE_GROUPS, LARGE_SCALARS, RX_ITEMS_ASK_BESIDE},
    [GROUP] = {1, 0, RX_ITEMS_ASK_AFTER},
    [PAIR] = {2, 0, RX_ITEMS_ASK_AFTER},
};

/* Most groups of a part, or of a list that is short. */
#define GROUPS_MAX 4

/* A group takes as long as so many scalar items. */
#define GROUP_MIN 4

/* How a part of a list is cut up; in this order. */
struct cut {
    size_t blocks;  /* large ones */
    size_t grouped; /* items in groups, of which the last may have lanes to spare */
    size_t scalars;
};

static struct cut cut_list(size_t count) {
    if (!HAS_GROUPS) {
        const size_t blocks = count <= RX_ITEMS_FEW ? 0 : count / LARGE_ITEMS;
        return (struct cut){blocks, 0, count - blocks * LARGE_ITEMS};
    }
    const bool is_short = count <= GROUPS_MAX * LANES && count % LARGE_ITEMS != 0;
    const size_t blocks = is_short ? 0 : count / LARGE_ITEMS;
    const size_t rest = count - blocks * LARGE_ITEMS, odd = rest % LANES;
    const size_t scalars = odd < GROUP_MIN ? odd : 0;
    return (struct cut){blocks, rest - scalars, scalars};
}

/* A block before the first round, and after the last. */
static void start_block(const struct plab_rx_cache *cache, unsigned form, const uint64_t *numbers,
                        uint64_t *state, const uint64_t **lines) {
    for (unsigned i = 0; i < shape_of[form].groups; i++) {
        start_group(cache, numbers, state, lines);
        numbers += LANES;
        state += LANES * PLAB_RX_ITEM_WORDS;
        lines += LANES;
    }
    rx_items_start(cache, numbers, shape_of[form].scalars, state, lines);
}

static void end_block(unsigned form, uint64_t *out, const uint64_t *state, bool stream) {
    for (unsigned i = 0; i < shape_of[form].groups; i++) {
        end_group(out, state, stream);
        out += LANES * PLAB_RX_ITEM_WORDS;
        state += LANES * PLAB_RX_ITEM_WORDS;
    }
    memcpy(out, state, shape_of[form].scalars * PLAB_RX_ITEM_BYTES);
}

/* Groups have a place of their own, since what is behind a list's items is not ours. */
struct groups {
    PLAB_ALIGNED(64) uint64_t state[GROUPS_MAX * LANES * PLAB_RX_ITEM_WORDS];
    const uint64_t *lines[GROUPS_MAX * LANES];
};

static size_t group_count(const struct cut *cut) {
    return (cut->grouped + LANES - 1) / LANES;
}

static void start_groups(const struct plab_rx_cache *cache, const uint64_t *numbers,
                         const struct cut *cut, struct groups *groups) {
    for (size_t i = 0; i < cut->grouped; i += LANES) {
        uint64_t padded[LANES];
        for (size_t lane = 0; lane < LANES; lane++) {
            padded[lane] = numbers[i + lane < cut->grouped ? i + lane : 0];
        }
        start_block(cache, GROUP, padded, groups->state + i * PLAB_RX_ITEM_WORDS,
                    groups->lines + i);
    }
}

static void run_groups(const struct plab_rx_cache *cache, const struct cut *cut, uint32_t program,
                       struct groups *groups) {
    const size_t pairs = group_count(cut) / 2, paired = pairs * 2 * LANES;
    rx_items_run(cache, PAIR, program, groups->state, groups->lines, pairs);
    rx_items_run(cache, GROUP, program, groups->state + paired * PLAB_RX_ITEM_WORDS,
                 groups->lines + paired, group_count(cut) % 2);
}

static void end_groups(struct groups *groups, const struct cut *cut, uint64_t *state) {
    for (size_t i = 0; i < cut->grouped; i += LANES) {
        uint64_t *group = groups->state + i * PLAB_RX_ITEM_WORDS;
        end_group(group, group, false);
    }
    memcpy(state, groups->state, cut->grouped * PLAB_RX_ITEM_BYTES);
}

/* Large blocks have, too, and leave it when they are done; the room behind their lines is for
 * RX_ITEMS_ASK_BESIDE. */
struct large {
    PLAB_ALIGNED(64) uint64_t state[PART * PLAB_RX_ITEM_WORDS];
    const uint64_t *lines[PART + LARGE_ITEMS];
};

static void run_large(const struct plab_rx_cache *cache, uint32_t program, struct large *large,
                      size_t blocks) {
    for (size_t i = 0; i < LARGE_ITEMS && blocks > 0; i++) {
        large->lines[blocks * LARGE_ITEMS + i] = large->lines[i];
        __builtin_prefetch(large->lines[i]);
    }
    rx_items_run(cache, LARGE, program, large->state, large->lines, blocks);
}

static void end_large(const struct large *large, size_t items, uint64_t *out) {
    const bool stream = (uintptr_t)out % 64 == 0;
    for (size_t i = 0; i < items * PLAB_RX_ITEM_WORDS; i += LARGE_ITEMS * PLAB_RX_ITEM_WORDS) {
        end_block(LARGE, out + i, large->state + i, stream);
    }
    _mm_sfence(); /* in order with what announces them */
}

/* Computes `count` items, PART at most, and meanwhile prefetches for the `ahead` next. */
static void compute_part(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                         size_t ahead, uint64_t *state) {
    const uint64_t *lines[RX_ITEMS_FEW];
    struct large large;
    struct groups groups;
    const struct cut cut = cut_list(count);
    const size_t first = cut.blocks * LARGE_ITEMS, scalar = count - cut.scalars;
    uint64_t *const scalars = state + scalar * PLAB_RX_ITEM_WORDS;
    const uint32_t programs = cache->params->cache_accesses;

    for (size_t i = 0; i < first; i += LARGE_ITEMS) {
        start_block(cache, LARGE, numbers + i, large.state + i * PLAB_RX_ITEM_WORDS,
                    large.lines + i);
    }
    start_groups(cache, numbers + first, &cut, &groups);
    rx_items_start(cache, numbers + scalar, cut.scalars, scalars, lines);
    for (uint32_t i = 0; i < programs; i++) {
        size_t from = count + ahead * i / programs, to = count + ahead * (i + 1) / programs;
        rx_items_fetch(cache, numbers + from, to - from);
        run_large(cache, i, &large, cut.blocks);
        run_groups(cache, &cut, i, &groups);
        rx_items_run(cache, SCALAR, i, scalars, lines, cut.scalars);
    }
    if (first > 0) {
        end_large(&large, first, state);
    }
    end_groups(&groups, &cut, state + first * PLAB_RX_ITEM_WORDS);
}

static void items_vector(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                         uint8_t *out) {
    uint64_t *state = (uint64_t *)(void *)out;
    size_t part = rx_items_part(count, PART);
    rx_items_fetch(cache, numbers, part);
    while (count > 0) {
        count -= part;
        size_t ahead = rx_items_part(count, PART);
        compute_part(cache, numbers, part, ahead, state);
        numbers += part;
        state += part * PLAB_RX_ITEM_WORDS;
        part = ahead;
    }
}

static plab_rx_items_fn *make(const struct rx_items_vector *vector,
                              const struct plab_rx_ss_program *program, uint32_t programs,
                              struct plab_codemem *code) {
    const struct rx_items_maker maker = {vector, true, HAS_GROUPS ? FORMS : GROUP, shape_of};
    return plab_rx_items_compile(&maker, program, programs, code) ? items_vector : NULL;
}
