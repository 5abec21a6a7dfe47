/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of dataset items by vectors. The including file defines LANES, GROUP_MIN, start_group() and
 * end_group(), and is compiled for its instruction set.
 *
 * Three forms of code: wide blocks for most of a list, a single group for what is left over if that
 * is GROUP_MIN items or more, and scalar items for less. Short lists, of light mode, have no block.
 */
#include <string.h>

#include "arch/x86/rx_items.h"
#include "base/attr.h"

enum { SCALAR, WIDE, GROUP };

/* A vector with two scalar items in its shadow; they are a tenth more to compute, or nothing if the
 * core has nothing else to do. */
#define WIDE_SCALARS 2
#define WIDE_ITEMS (LANES + WIDE_SCALARS)

/* How a part of a list is cut up; in this order. */
struct cut {
    size_t blocks; /* wide ones */
    size_t group;  /* items in the group, which may have lanes to spare; 0: there is none */
    size_t scalars;
};

static struct cut cut_list(size_t count) {
    size_t rest = count % WIDE_ITEMS;
    size_t group = rest < GROUP_MIN ? 0 : rest < LANES ? rest : LANES;
    return (struct cut){count / WIDE_ITEMS, group, rest - group};
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

/* A group that has a place of its own, since what is behind its items is not ours. */
struct group {
    PLAB_ALIGNED(64) uint64_t state[LANES * PLAB_RX_ITEM_WORDS];
    const uint64_t *lines[LANES];
};

static void start_partial_group(const struct plab_rx_cache *cache, const uint64_t *numbers,
                                size_t count, struct group *group) {
    uint64_t padded[LANES];
    for (size_t i = 0; i < LANES; i++) {
        padded[i] = numbers[i < count ? i : 0];
    }
    start_group(cache, padded, group->state, group->lines);
}

static void run_rounds(const struct plab_rx_cache *cache, const struct cut *cut, uint32_t program,
                       uint64_t *state, const uint64_t **lines, struct group *group) {
    size_t scalar = cut->blocks * WIDE_ITEMS + cut->group;
    if (cut->blocks > 0) {
        rx_items_run(cache, WIDE, program, state, lines, cut->blocks);
    }
    if (cut->group > 0) {
        rx_items_run(cache, GROUP, program, group->state, group->lines, 1);
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
    struct group group;
    struct cut cut = cut_list(count);
    size_t first = cut.blocks * WIDE_ITEMS, scalar = first + cut.group;
    uint32_t programs = cache->params->cache_accesses;

    start_blocks(cache, numbers, cut.blocks, state, lines);
    if (cut.group > 0) {
        start_partial_group(cache, numbers + first, cut.group, &group);
    }
    rx_items_start(cache, numbers + scalar, cut.scalars, state + scalar * PLAB_RX_ITEM_WORDS,
                   lines + scalar);
    for (uint32_t i = 0; i < programs; i++) {
        size_t from = count + ahead * i / programs, to = count + ahead * (i + 1) / programs;
        rx_items_fetch(cache, numbers + from, to - from, state + from * PLAB_RX_ITEM_WORDS);
        run_rounds(cache, &cut, i, state, lines, &group);
    }
    end_blocks(state, cut.blocks);
    if (cut.group > 0) {
        end_group(group.state);
        memcpy(state + first * PLAB_RX_ITEM_WORDS, group.state, cut.group * PLAB_RX_ITEM_BYTES);
    }
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
    bool done = plab_rx_items_compile(program, programs, shapes,
                                      GROUP_MIN < WIDE_ITEMS ? GROUP + 1 : GROUP, code);
    return done ? items_vector : NULL;
}
