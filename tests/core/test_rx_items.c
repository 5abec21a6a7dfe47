/* SPDX-License-Identifier: BSD-3-Clause */
/* Every implementation of dataset items that this machine can run, on a cache of real size; small
 * caches are checkasm's. */
#include <stdlib.h>

#include "arch/dispatch.h"
#include "base/attr.h"
#include "base/prng.h"
#include "pow/rx_cache.h"
#include "tests/harness.h"
#include "tests/rx_fixture.h"
#include "tests/vector_file.h"

#define LIST 250
#define CODE_BYTES ((size_t)1 << 20)

/* The cache with its items computed by another implementation. */
static struct plab_rx_cache with_candidate(const struct plab_rx_cache *cache,
                                           const struct plab_candidate *candidate) {
    struct plab_rx_cache other = *cache;
    CHECK(plab_codemem_map(&other.code, CODE_BYTES, NULL) == PLAB_OK);
    CHECK(plab_codemem_open(&other.code));
    other.items = ((plab_rx_items_make_fn *)candidate->fn)(
        other.program, other.params->cache_accesses, &other.code);
    CHECK(plab_codemem_close(&other.code));
    CHECK_MSG(other.items != NULL, "%s", candidate->isa);
    return other;
}

static void check_published(const struct plab_rx_cache *cache, const char *isa) {
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/rx_dataset.txt");
    while (plab_vector_next(&file)) {
        uint64_t item[PLAB_RX_ITEM_WORDS];
        plab_rx_dataset_fill(cache, plab_vector_u64(&file, 1), 1, (uint8_t *)item);
        CHECK_MSG(item[0] == plab_vector_u64(&file, 2), "%s:%d: %s", file.path, file.line, isa);
    }
    plab_vector_close(&file);
}

/* Lists of all lengths, to memory with and without the alignment that streaming needs: the first
 * and the last item, and any. */
static void check_lists(const struct plab_rx_cache *cache, const struct plab_rx_cache *portable,
                        const char *isa, struct plab_prng *rng) {
    uint64_t items = plab_rx_dataset_items(cache->params), numbers[LIST];
    uint64_t want[LIST * PLAB_RX_ITEM_WORDS];
    PLAB_ALIGNED(64) uint64_t memory[LIST * PLAB_RX_ITEM_WORDS + 1];
    for (size_t i = 0; i < LIST; i++) {
        numbers[i] = i % 3 == 0 ? i : i % 3 == 1 ? items - 1 - i / 3 : plab_prng_below(rng, items);
    }
    portable->items(portable, numbers, LIST, (uint8_t *)want);
    for (size_t run = 0; run < 2 * (LIST + 1); run++) {
        const size_t count = run / 2;
        uint64_t *const got = memory + run % 2;
        memset(memory, 0, sizeof memory);
        cache->items(cache, numbers, count, (uint8_t *)got);
        CHECK_MSG(memcmp(got, want, count * PLAB_RX_ITEM_BYTES) == 0, "%s: list of %zu", isa,
                  count);
        for (size_t i = count * PLAB_RX_ITEM_WORDS; i < LIST * PLAB_RX_ITEM_WORDS; i++) {
            CHECK_MSG(got[i] == 0, "%s: wrote behind a list of %zu", isa, count);
        }
    }
}

TEST(rx_items, every_implementation_on_a_real_cache) {
    if (plab_test_quick("dataset items from a whole cache")) {
        return;
    }
    struct plab_rx_fixture rx;
    struct plab_prng rng = {plab_test_seed("every_implementation_on_a_real_cache")};
    uint32_t features = plab_cpu_detect();
    plab_rx_fixture_open(&rx, &plab_rx_params_0);
    plab_rx_fixture_set_key(&rx, (const uint8_t *)"test key 000", 12);
    const struct plab_candidate *candidate = plab_candidates(PLAB_KERNEL_rx_items_make);
    for (; candidate->isa != NULL; candidate++) {
        if ((candidate->features & ~features) == 0) {
            struct plab_rx_cache cache = with_candidate(rx.cache, candidate);
            check_published(&cache, candidate->isa);
            check_lists(&cache, rx.cache, candidate->isa, &rng);
            plab_codemem_unmap(&cache.code);
        }
    }
    plab_rx_fixture_close(&rx);
}

TEST(rx_items, too_little_memory_for_code_is_said) {
    static struct plab_rx_ss_program program[PLAB_RX_CACHE_ACCESSES_MAX];
    struct plab_rx_blake_gen gen;
    struct plab_codemem code;
    plab_rx_blake_gen_init(&gen, (const uint8_t *)"small", 5);
    for (int i = 0; i < PLAB_RX_CACHE_ACCESSES_MAX; i++) {
        plab_rx_ss_generate(&program[i], &gen, PLAB_RX_SS_LATENCY_MAX);
    }
    CHECK(plab_codemem_map(&code, 4096, NULL) == PLAB_OK);
    uint32_t features = plab_cpu_detect();
    const struct plab_candidate *candidate = plab_candidates(PLAB_KERNEL_rx_items_make);
    for (; candidate->isa != NULL; candidate++) {
        plab_rx_items_make_fn *make = (plab_rx_items_make_fn *)candidate->fn;
        if (make != plab_rx_items_make_c && (candidate->features & ~features) == 0) {
            for (size_t bytes = 0; bytes <= code.bytes; bytes += 512) {
                struct plab_codemem part = code;
                part.bytes = bytes;
                CHECK(plab_codemem_open(&part));
                CHECK_MSG(make(program, PLAB_RX_CACHE_ACCESSES_MAX, &part) == NULL, "%s",
                          candidate->isa);
                CHECK(plab_codemem_close(&part));
            }
        }
    }
    plab_codemem_unmap(&code);
}
