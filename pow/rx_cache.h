/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of a RandomX cache, for the files that compute items from it. */
#ifndef PLAB_POW_RX_CACHE_H
#define PLAB_POW_RX_CACHE_H

#include "base/codemem.h"
#include "pow/randomx.h"
#include "pow/rx_superscalar.h"

#define PLAB_RX_CACHE_ACCESSES_MAX 8

/* Item of a dataset or line of a cache. */
#define PLAB_RX_ITEM_WORDS 8

/* Word 0 of an item's first register state is (item + 1) times this; words 1..7 are word 0 xor
 * these. tests/core/test_rx_dataset.c derives them. Source: [RXSPEC] section 7.3. */
#define PLAB_RX_ITEM_MULTIPLIER UINT64_C(6364136223846793005)
extern const uint64_t plab_rx_item_xor[PLAB_RX_ITEM_WORDS];

struct plab_rx_cache {
    const struct plab_rx_params *params;
    struct plab_kernels kernels;
    uint64_t *memory;   /* borrowed */
    uint64_t line_mask; /* number of lines - 1 */
    struct plab_rx_ss_program program[PLAB_RX_CACHE_ACCESSES_MAX];
    struct plab_codemem code; /* of `items`; empty where no machine code is used or allowed */
    plab_rx_items_fn *items;  /* computes items; NULL until the cache is built */
};

/* Cache line for any 64-bit index. */
static inline const uint64_t *plab_rx_cache_line(const struct plab_rx_cache *cache,
                                                 uint64_t index) {
    return cache->memory + (index & cache->line_mask) * PLAB_RX_ITEM_WORDS;
}

/* One dataset item, for light mode. Source: [RXSPEC] section 7.3. */
void plab_rx_dataset_item(const struct plab_rx_cache *cache, uint64_t item,
                          uint64_t out[PLAB_RX_ITEM_WORDS]);

#endif
