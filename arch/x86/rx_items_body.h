/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of dataset items by vectors. The including file defines LANES, GROUP_MIN, start_group() and
 * end_group(), and is compiled for its instruction set.
 *
 * Three forms of code: wide blocks for most of a long list; groups for what is left over and for
 * short lists, of lockstep hashing, all of which go through a round together; and scalar items for
 * less than GROUP_MIN that are left then.
 */
#include <string.h>

#include "arch/x86/rx_items.h"
#include "base/attr.h"

enum { SCALAR, WIDE, GROUP };

/* A vector with two scalar items in its shadow; they are a tenth more to compute, or nothing if the
 * core has nothing else to do. */
#define WIDE_SCALARS 2
#define WIDE_ITEMS (LANES + WIDE_SCALARS)

/* Groups of a part at most, and whether there is code for them. */
#define GROUPS_MAX 4
#define HAS_GROUPS (GROUP_MIN < WIDE_ITEMS)

/* How a part of a list is cut up; in this order. */
struct cut {
    size_t blocks;  /* wide ones */
    size_t grouped; /* items in groups, of which the last may have lanes to spare */
    size_t scalars;
};

static struct cut cut_list(size_t count) {
    bool is_short = HAS_GROUPS && count <= GROUPS_MAX * LANES && count % WIDE_ITEMS != 0;
    size_t blocks = is_short ? 0 : count / WIDE_ITEMS;
    size_t rest = count - blocks * WIDE_ITEMS, odd = rest % LANES;
    size_t grouped = !HAS_GROUPS ? 0 : odd < GROUP_MIN ? rest - odd : rest;
    return (struct cut){blocks, grouped, rest - grouped};
}

/* Wide blocks before the first round, and after the last. */
static void start_blocks(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t blocks,
                         uint64_t *state, const uint64_t **lines) {
    for (size_t i = 0; i < blocks; i++) {
        start_group(cache, numbers, state, lines);
        rx_items_start(cache, numbers + LANES, WIDE_SCALARS, state + LANES * PLAB_RX_ITEM_WORDS,
                       lines + LANES);
        numbers += WIDE_ITEMS;
        state += WIDE_ITEMS * PLAB_RX_ITEM_WORDS;
        lines += WIDE_ITEMS;
    }
}

static void end_blocks(uint64_t *state, size_t blocks) {
    for (size_t i = 0; i < blocks; i++) {
        end_group(state + i * WIDE_ITEMS * PLAB_RX_ITEM_WORDS);
    }
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
    for (size_t i = 0; i < group_count(cut); i++) {
        uint64_t padded[LANES];
        for (size_t lane = 0; lane < LANES; lane++) {
            size_t at = i * LANES + lane;
            padded[lane] = numbers[at < cut->grouped ? at : 0];
        }
        start_group(cache, padded, groups->state + i * LANES * PLAB_RX_ITEM_WORDS,
                    groups->lines + i * LANES);
    }
}

static void end_groups(struct groups *groups, const struct cut *cut, uint64_t *state) {
    for (size_t i = 0; i < group_count(cut); i++) {
        end_group(groups->state + i * LANES * PLAB_RX_ITEM_WORDS);
    }
    memcpy(state, groups->state, cut->grouped * PLAB_RX_ITEM_BYTES);
}

static void run_rounds(const struct plab_rx_cache *cache, const struct cut *cut, uint32_t program,
                       uint64_t *state, const uint64_t **lines, struct groups *groups) {
    size_t scalar = cut->blocks * WIDE_ITEMS + cut->grouped;
    if (cut->blocks > 0) {
        rx_items_run(cache, WIDE, program, state, lines, cut->blocks);
    }
    if (cut->grouped > 0) {
        rx_items_run(cache, GROUP, program, groups->state, groups->lines, group_count(cut));
    }
    if (cut->scalars > 0) {
        rx_items_run(cache, SCALAR, program, state + scalar * PLAB_RX_ITEM_WORDS, lines + scalar,
                     cut->scalars);
    }
}

/* Computes `count` items, RX_ITEMS_BATCH at most, and meanwhile prefetches for the `ahead` next. */
static void compute_part(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                         size_t ahead, uint64_t *state) {
    const uint64_t *lines[RX_ITEMS_BATCH];
    struct groups groups;
    struct cut cut = cut_list(count);
    size_t first = cut.blocks * WIDE_ITEMS, scalar = first + cut.grouped;
    uint32_t programs = cache->params->cache_accesses;

    start_blocks(cache, numbers, cut.blocks, state, lines);
    start_groups(cache, numbers + first, &cut, &groups);
    rx_items_start(cache, numbers + scalar, cut.scalars, state + scalar * PLAB_RX_ITEM_WORDS,
                   lines + scalar);
    for (uint32_t i = 0; i < programs; i++) {
        size_t from = count + ahead * i / programs, to = count + ahead * (i + 1) / programs;
        rx_items_fetch(cache, numbers + from, to - from, state + from * PLAB_RX_ITEM_WORDS);
        run_rounds(cache, &cut, i, state, lines, &groups);
    }
    end_blocks(state, cut.blocks);
    end_groups(&groups, &cut, state + first * PLAB_RX_ITEM_WORDS);
}

static void items_vector(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                         uint8_t *out) {
    uint64_t *state = (uint64_t *)(void *)out;
    size_t part = rx_items_part(count);
    rx_items_fetch(cache, numbers, part, state);
    while (count > 0) {
        count -= part;
        size_t ahead = rx_items_part(count);
        compute_part(cache, numbers, part, ahead, state);
        numbers += part;
        state += part * PLAB_RX_ITEM_WORDS;
        part = ahead;
    }
}

static plab_rx_items_fn *make(const struct rx_items_vector *vector,
                              const struct plab_rx_ss_program *program, uint32_t programs,
                              struct plab_codemem *code) {
    struct rx_items_shape shapes[RX_ITEMS_FORMS] = {
        [SCALAR] = {NULL, 1, true},
        [WIDE] = {vector, WIDE_SCALARS, true},
        [GROUP] = {vector, 0, true},
    };
    bool done =
        plab_rx_items_compile(program, programs, shapes, HAS_GROUPS ? GROUP + 1 : GROUP, code);
    return done ? items_vector : NULL;
}
