/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of dataset items by vectors. The including file defines LANES, start_group() and
 * end_group(), and is compiled for its instruction set.
 *
 * Three forms of code: scalar items for what is left over (and for lists too short for a vector),
 * single groups for lists of a few dozen, and wide blocks for the long ones.
 */
#include <string.h>

#include "arch/x86/rx_items.h"
#include "base/attr.h"

enum { SCALAR, GROUP, WIDE };

#ifndef WIDE_GROUPS
#define WIDE_GROUPS 1
#define WIDE_SCALARS 2
#endif
#define WIDE_ITEMS (WIDE_GROUPS * LANES + WIDE_SCALARS)

/* Items that go through a round one behind the other. */
#define BATCH 256
/* This many left-over items are quicker in a group that is not full. */
#ifndef GROUP_MIN
#define GROUP_MIN 4
#endif

/* How a part of a list is cut up; in this order. */
struct cut {
    size_t wide, groups, scalars; /* blocks of each form */
    size_t padded;                /* items in a group that is not full, 0: there is none */
};

static struct cut cut_list(size_t count) {
    struct cut cut = {.wide = count / WIDE_ITEMS};
    while (cut.wide > 0 && (count - cut.wide * WIDE_ITEMS) % LANES > WIDE_SCALARS) {
        cut.wide--;
    }
    count -= cut.wide * WIDE_ITEMS;
    cut.groups = count / LANES;
    count -= cut.groups * LANES;
    if (count >= GROUP_MIN) {
        cut.padded = count;
    } else {
        cut.scalars = count;
    }
    return cut;
}

/* Blocks of `groups` groups and `scalars` items each: before the first round, and after the last.
 */
static void start_blocks(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t blocks,
                         unsigned groups, unsigned scalars, uint64_t *state,
                         const uint64_t **lines) {
    for (; blocks > 0; blocks--) {
        for (unsigned i = 0; i < groups; i++) {
            start_group(cache, numbers, state, lines);
            numbers += LANES;
            state += LANES * PLAB_RX_ITEM_WORDS;
            lines += LANES;
        }
        rx_items_start(cache, numbers, scalars, state, lines);
        numbers += scalars;
        state += scalars * PLAB_RX_ITEM_WORDS;
        lines += scalars;
    }
}

static void end_blocks(size_t blocks, unsigned groups, unsigned scalars, uint64_t *state) {
    for (; blocks > 0; blocks--) {
        for (unsigned i = 0; i < groups; i++) {
            end_group(state);
            state += LANES * PLAB_RX_ITEM_WORDS;
        }
        state += scalars * PLAB_RX_ITEM_WORDS;
    }
}

static void compute_part(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                         uint64_t *state) {
    const uint64_t *lines[BATCH], *padded_lines[LANES];
    PLAB_ALIGNED(64) uint64_t padded[LANES * PLAB_RX_ITEM_WORDS];
    struct cut cut = cut_list(count);
    size_t group = cut.wide * WIDE_ITEMS, scalar = group + cut.groups * LANES;

    rx_items_fetch_out(state, count);
    start_blocks(cache, numbers, cut.wide, WIDE_GROUPS, WIDE_SCALARS, state, lines);
    start_blocks(cache, numbers + group, cut.groups, 1, 0, state + group * 8, lines + group);
    rx_items_start(cache, numbers + scalar, cut.scalars, state + scalar * 8, lines + scalar);
    if (cut.padded > 0) {
        uint64_t padded_numbers[LANES];
        for (size_t i = 0; i < LANES; i++) {
            padded_numbers[i] = numbers[scalar + (i < cut.padded ? i : 0)];
        }
        start_group(cache, padded_numbers, padded, padded_lines);
    }
    for (uint32_t i = 0; i < cache->params->cache_accesses; i++) {
        if (cut.wide > 0) {
            rx_items_run(cache, WIDE, i, state, lines, cut.wide);
        }
        if (cut.groups > 0) {
            rx_items_run(cache, GROUP, i, state + group * 8, lines + group, cut.groups);
        }
        if (cut.padded > 0) {
            rx_items_run(cache, GROUP, i, padded, padded_lines, 1);
        }
        if (cut.scalars > 0) {
            rx_items_run(cache, SCALAR, i, state + scalar * 8, lines + scalar, cut.scalars);
        }
    }
    end_blocks(cut.wide, WIDE_GROUPS, WIDE_SCALARS, state);
    end_blocks(cut.groups, 1, 0, state + group * 8);
    if (cut.padded > 0) {
        end_group(padded);
        memcpy(state + scalar * 8, padded, cut.padded * PLAB_RX_ITEM_BYTES);
    }
}

static void items_vector(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                         uint8_t *out) {
    while (count > 0) {
        size_t part = count < BATCH ? count : BATCH;
        compute_part(cache, numbers, part, (uint64_t *)(void *)out);
        numbers += part;
        out += part * PLAB_RX_ITEM_BYTES;
        count -= part;
    }
}

static plab_rx_items_fn *make(const struct rx_items_vector *vector,
                              const struct plab_rx_ss_program *program, uint32_t programs,
                              struct plab_codemem *code) {
    struct rx_items_shape shapes[RX_ITEMS_FORMS] = {
        [SCALAR] = {vector, 0, 1, true},
        [GROUP] = {vector, 1, 0, true},
        [WIDE] = {vector, WIDE_GROUPS, WIDE_SCALARS, true},
    };
    bool done = plab_rx_items_compile(program, programs, shapes, RX_ITEMS_FORMS, code);
    return done ? items_vector : NULL;
}
