/* SPDX-License-Identifier: BSD-3-Clause */
/* Dataset items from a cache. Source: [RXSPEC] section 7.3. */
#include <string.h>

#include "base/attr.h"
#include "pow/rx_cache.h"

/* Items that are asked for at once: enough for any kernel to overlap its waits. */
#define FILL_ITEMS 2048

const uint64_t plab_rx_item_xor[PLAB_RX_ITEM_WORDS] = {
    0,
    UINT64_C(9298411001130361340),
    UINT64_C(12065312585734608966),
    UINT64_C(9306329213124626780),
    UINT64_C(5281919268842080866),
    UINT64_C(10536153434571861004),
    UINT64_C(3398623926847679864),
    UINT64_C(9549104520008361294),
};

static uint64_t first_word(uint64_t item) {
    return (item + 1) * PLAB_RX_ITEM_MULTIPLIER;
}

void plab_rx_dataset_item(const struct plab_rx_cache *cache, uint64_t item,
                          uint64_t out[PLAB_RX_ITEM_WORDS]) {
    uint64_t r[PLAB_RX_ITEM_WORDS];
    for (int reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        r[reg] = first_word(item) ^ plab_rx_item_xor[reg];
    }
    uint64_t index = item;
    for (uint32_t i = 0; i < cache->params->cache_accesses; i++) {
        const struct plab_rx_ss_program *program = &cache->program[i];
        const uint64_t *line = plab_rx_cache_line(cache, index);
        __builtin_prefetch(line);
        plab_rx_ss_run(program, r);
        for (int reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
            r[reg] ^= line[reg];
        }
        index = r[program->address_reg];
    }
    memcpy(out, r, sizeof r);
}

/* A batch of items side by side, r[register][item], so that each decoded instruction serves them
 * all and the waits for cache lines overlap. */
struct batch {
    PLAB_ALIGNED(64) uint64_t r[PLAB_RX_ITEM_WORDS][PLAB_RX_SS_BATCH];
    const uint64_t *line[PLAB_RX_SS_BATCH];
};

static void batch_init(struct batch *batch, const struct plab_rx_cache *cache,
                       const uint64_t *numbers) {
    for (int i = 0; i < PLAB_RX_SS_BATCH; i++) {
        for (int reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
            batch->r[reg][i] = first_word(numbers[i]) ^ plab_rx_item_xor[reg];
        }
        batch->line[i] = plab_rx_cache_line(cache, numbers[i]);
        __builtin_prefetch(batch->line[i]);
    }
}

static void batch_mix_lines(struct batch *batch) {
    for (int i = 0; i < PLAB_RX_SS_BATCH; i++) {
        for (int reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
            batch->r[reg][i] ^= batch->line[i][reg];
        }
    }
}

static void batch_next_lines(struct batch *batch, const struct plab_rx_cache *cache,
                             uint8_t address_reg) {
    for (int i = 0; i < PLAB_RX_SS_BATCH; i++) {
        batch->line[i] = plab_rx_cache_line(cache, batch->r[address_reg][i]);
        __builtin_prefetch(batch->line[i]);
    }
}

static void compute_batch(const struct plab_rx_cache *cache, const uint64_t *numbers,
                          uint8_t *out) {
    struct batch batch;
    batch_init(&batch, cache, numbers);
    for (uint32_t i = 0; i < cache->params->cache_accesses; i++) {
        plab_rx_ss_run_batch(&cache->program[i], batch.r);
        batch_mix_lines(&batch);
        batch_next_lines(&batch, cache, cache->program[i].address_reg);
    }
    for (int i = 0; i < PLAB_RX_SS_BATCH; i++) {
        for (int reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
            memcpy(out + i * PLAB_RX_ITEM_BYTES + reg * 8, &batch.r[reg][i], 8);
        }
    }
}

static void items_portable(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                           uint8_t *out) {
    size_t done = 0;
    for (; count - done >= PLAB_RX_SS_BATCH; done += PLAB_RX_SS_BATCH) {
        compute_batch(cache, numbers + done, out + done * PLAB_RX_ITEM_BYTES);
    }
    for (; done < count; done++) {
        uint64_t item[PLAB_RX_ITEM_WORDS];
        plab_rx_dataset_item(cache, numbers[done], item);
        memcpy(out + done * PLAB_RX_ITEM_BYTES, item, sizeof item);
    }
}

plab_rx_items_fn *plab_rx_items_make_c(const struct plab_rx_ss_program *program, uint32_t programs,
                                       struct plab_codemem *code) {
    (void)program, (void)programs, (void)code;
    return items_portable;
}

void plab_rx_dataset_fill(const struct plab_rx_cache *cache, uint64_t first, uint64_t count,
                          uint8_t *out) {
    uint64_t numbers[FILL_ITEMS];
    for (uint64_t done = 0; done < count; done += FILL_ITEMS) {
        uint64_t part = count - done < FILL_ITEMS ? count - done : FILL_ITEMS;
        for (uint64_t i = 0; i < part; i++) {
            numbers[i] = first + done + i;
        }
        cache->items(cache, numbers, part, out + done * PLAB_RX_ITEM_BYTES);
    }
}
