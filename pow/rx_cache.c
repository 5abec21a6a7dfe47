/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/rx_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pow/argon2d.h"

/* Room for the machine code of all programs, in several forms of up to a few dozen KiB each. */
#define PLAB_RX_ITEMS_CODE_BYTES ((size_t)1 << 20)

enum plab_status plab_rx_cache_create(struct plab_rx_cache **out,
                                      const struct plab_rx_params *params,
                                      const struct plab_kernels *kernels, void *memory) {
    uint64_t lines = plab_rx_cache_bytes(params) / PLAB_RX_ITEM_BYTES;
    assert((lines & (lines - 1)) == 0 && params->cache_accesses <= PLAB_RX_CACHE_ACCESSES_MAX);
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return PLAB_E_NOMEM;
    }
    (*out)->params = params;
    (*out)->kernels = *kernels;
    (*out)->memory = memory;
    (*out)->line_mask = lines - 1;
    return PLAB_OK;
}

void plab_rx_cache_destroy(struct plab_rx_cache **cache) {
    if (*cache != NULL) {
        plab_codemem_unmap(&(*cache)->code);
    }
    free(*cache);
    *cache = NULL;
}

static void generate_programs(struct plab_rx_cache *cache, const uint8_t *key, size_t key_len) {
    struct plab_rx_blake_gen gen;
    plab_rx_blake_gen_init(&gen, key, key_len);
    for (uint32_t i = 0; i < cache->params->cache_accesses; i++) {
        plab_rx_ss_generate(&cache->program[i], &gen, cache->params->superscalar_latency);
    }
}

/* Machine code for the programs where the kernels have it and the system allows it. */
static void make_items(struct plab_rx_cache *cache) {
    uint32_t programs = cache->params->cache_accesses;
    cache->items = NULL;
    if (cache->kernels.rx_items_make != plab_rx_items_make_c) {
        if (cache->code.bytes == 0) {
            /* Refused: the portable way below gives the same items. */
            enum plab_status ignored =
                plab_codemem_map(&cache->code, PLAB_RX_ITEMS_CODE_BYTES, NULL);
            (void)ignored;
        }
        if (plab_codemem_open(&cache->code)) {
            cache->items = cache->kernels.rx_items_make(cache->program, programs, &cache->code);
        }
        if (!plab_codemem_close(&cache->code)) {
            cache->items = NULL;
        }
    }
    if (cache->items == NULL) {
        cache->items = plab_rx_items_make_c(cache->program, programs, &cache->code);
    }
}

enum plab_status plab_rx_cache_build(struct plab_rx_cache *cache, const uint8_t *key,
                                     size_t key_len, const atomic_bool *cancel,
                                     struct plab_error *err) {
    const struct plab_rx_params *params = cache->params;
    if (key_len > PLAB_RX_KEY_MAX_BYTES) {
        return plab_fail(err, PLAB_E_INPUT, "RandomX key is %zu bytes long, %d is the most",
                         key_len, PLAB_RX_KEY_MAX_BYTES);
    }
    struct plab_argon2d_params argon = {params->argon_kib, params->argon_passes,
                                        params->argon_lanes};
    uint8_t h0[PLAB_ARGON2_H0_BYTES];
    plab_argon2d_h0(&argon, key, key_len, (const uint8_t *)params->argon_salt,
                    strlen(params->argon_salt), h0);
    if (!plab_argon2d_fill(&argon, h0, cache->kernels.argon2_fill, cache->memory, cancel)) {
        return plab_fail(err, PLAB_E_INTERRUPTED, "building the RandomX cache was cancelled");
    }
    generate_programs(cache, key, key_len);
    make_items(cache);
    return PLAB_OK;
}
