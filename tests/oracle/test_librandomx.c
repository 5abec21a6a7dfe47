/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rx/0 against librandomx (1.1, which has no v2): caches, dataset items and hashes for random keys
 * and inputs. New ones at each run; PLAB_TEST_SEED repeats a run.
 */
#include <randomx.h>
#include <stdlib.h>

#include "base/prng.h"
#include "tests/harness.h"
#include "tests/rx_fixture.h"
#include "tests/vector_file.h"

#define KEYS 3
#define HASHES_PER_KEY 6
#define RANGES_PER_KEY 6
#define RANGE_MAX_ITEMS 100

struct pair {
    struct plab_rx_fixture ours;
    struct plab_prng rng;
    randomx_flags flags;
    randomx_cache *cache;
    randomx_dataset *dataset; /* its memory is only touched where items are asked for */
    randomx_vm *light, *full;
    uint8_t *range;
};

static void open_pair(struct pair *p, const char *test) {
    p->rng = (struct plab_prng){plab_test_seed(test)};
    plab_rx_fixture_open(&p->ours, &plab_rx_params_0);
    p->flags = randomx_get_flags();
    p->cache = randomx_alloc_cache(p->flags);
    p->dataset = randomx_alloc_dataset(RANDOMX_FLAG_DEFAULT);
    p->light = NULL;
    p->range = plab_test_alloc(RANGE_MAX_ITEMS * PLAB_RX_ITEM_BYTES);
    CHECK(p->cache != NULL && p->dataset != NULL);
}

static void close_pair(struct pair *p) {
    randomx_destroy_vm(p->light);
    randomx_release_dataset(p->dataset);
    randomx_release_cache(p->cache);
    free(p->range);
    plab_rx_fixture_close(&p->ours);
}

static void set_random_key(struct pair *p, bool shortest) {
    uint8_t key[PLAB_RX_KEY_MAX_BYTES];
    size_t key_len = shortest ? 0 : 1 + plab_prng_below(&p->rng, sizeof key);
    plab_prng_fill(&p->rng, key, sizeof key);
    plab_rx_fixture_set_key(&p->ours, key, key_len);
    randomx_init_cache(p->cache, key, key_len);
    if (p->light == NULL) {
        p->light = randomx_create_vm(p->flags, p->cache, NULL);
        CHECK(p->light != NULL);
    } else {
        randomx_vm_set_cache(p->light, p->cache);
    }
}

/* The first member of randomx_cache has always been the pointer to its memory; the interface offers
 * no way to it. */
static void compare_caches(const struct pair *p) {
    uint8_t *memory;
    memcpy(&memory, p->cache, sizeof memory);
    CHECK_MEM(p->ours.cache_memory, memory, plab_rx_cache_bytes(&plab_rx_params_0));
}

static void compare_items(struct pair *p) {
    const uint8_t *theirs = randomx_get_dataset_memory(p->dataset);
    uint64_t items = plab_rx_dataset_items(&plab_rx_params_0);
    CHECK_U64(items, randomx_dataset_item_count());
    for (int i = 0; i < RANGES_PER_KEY; i++) {
        uint64_t count = 1 + plab_prng_below(&p->rng, RANGE_MAX_ITEMS);
        uint64_t first = i == 0 ? items - count : plab_prng_below(&p->rng, items - count);
        randomx_init_dataset(p->dataset, p->cache, first, count);
        plab_rx_dataset_fill(p->ours.cache, first, count, p->range);
        CHECK_MSG(
            memcmp(p->range, theirs + first * PLAB_RX_ITEM_BYTES, count * PLAB_RX_ITEM_BYTES) == 0,
            "items %llu to %llu differ", (unsigned long long)first,
            (unsigned long long)(first + count - 1));
    }
}

static void compare_hashes(struct pair *p) {
    for (int i = 0; i < HASHES_PER_KEY; i++) {
        uint8_t input[200], ours[32], theirs[32];
        size_t input_len = i == 0 ? 0 : plab_prng_below(&p->rng, sizeof input + 1);
        plab_prng_fill(&p->rng, input, sizeof input);
        plab_rx_fixture_hash(&p->ours, &plab_rx_params_0, NULL, 0, input, input_len, ours);
        randomx_calculate_hash(p->light, input, input_len, theirs);
        CHECK_MSG(memcmp(ours, theirs, 32) == 0, "hash %d of %zu bytes differs", i, input_len);
    }
}

TEST(librandomx, caches_items_and_hashes_agree) {
    static struct pair p;
    open_pair(&p, "librandomx");
    for (int i = 0; i < KEYS; i++) {
        set_random_key(&p, i == 0);
        compare_caches(&p);
        compare_items(&p);
        compare_hashes(&p);
    }
    close_pair(&p);
}
