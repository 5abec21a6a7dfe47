/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All ways to a RandomX hash against each other: 10 000 random inputs, over five keys for each
 * of five variants, scaled down so that a hash takes some dozen microseconds. Each has programs of
 * its own.
 */
#include <stdlib.h>

#include "arch/dispatch.h"
#include "base/prng.h"
#include "pow/hasher.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/rx_fixture.h"
#include "tests/vector_file.h"

/* A way is a row: more lanes, other kernels or another part of the dataset need no new code. */
static const struct way {
    const char *name;
    bool native;    /* the best kernels of this machine, else the portable ones */
    unsigned lanes; /* inputs hashed at once */
    unsigned dataset_percent;
} ways[] = {
    {"portable, light", false, 1, 0}, /* what the others are compared with */
    {"portable, full", false, 1, 100},
    {"portable, graded, 3 lanes", false, 3, 40},
    {"native, light", true, 1, 0},
    {"native, light, all lanes", true, PLAB_RX_LANES_MAX, 0},
    {"native, graded", true, 1, 40},
    {"native, graded, 5 lanes", true, 5, 75},
    {"native, full", true, 1, 100},
    {"native, full, 2 lanes", true, 2, 100},
    {"native, full, 7 lanes", true, 7, 100},
};

#define KEYS 5
#define INPUTS_PER_KEY 400
#define INPUT_MAX 96

/* 32 KiB of cache and 66 KiB of dataset. Seven iterations: a whole number of neither two nor three,
 * for which items are got together. */
#define SMALL(size)                                                                   \
    .argon_kib = 32, .argon_passes = 1, .argon_lanes = 1, .argon_salt = "small-rx",   \
    .cache_accesses = 8, .superscalar_latency = 170, .dataset_base_bytes = 64 * 1024, \
    .dataset_extra_bytes = 33 * 64, .program_size = (size), .program_iterations = 7,  \
    .program_count = 2, .l1_bytes = 1024, .l2_bytes = 2048, .l3_bytes = 8192

/* A key, and what each set of kernels makes of it. */
struct maker {
    struct plab_kernels kernels;
    uint64_t *memory;
    struct plab_rx_cache *cache;
};
struct bench {
    const struct plab_rx_params *params;
    struct maker maker[2]; /* portable, native */
    uint8_t *dataset;
    uint8_t *scratchpads;
    size_t count;
    struct plab_hash_input inputs[INPUTS_PER_KEY];
    uint8_t bytes[INPUTS_PER_KEY][INPUT_MAX];
    uint8_t want[INPUTS_PER_KEY][PLAB_HASH_BYTES];
    uint8_t got[INPUTS_PER_KEY][PLAB_HASH_BYTES];
};

static void open_bench(struct bench *b, const struct plab_rx_params *params) {
    b->params = params;
    plab_rx_test_kernels(&b->maker[0].kernels);
    plab_kernels_select(&b->maker[1].kernels, plab_cpu_detect());
    for (int i = 0; i < 2; i++) {
        struct maker *maker = &b->maker[i];
        maker->memory = plab_test_alloc(plab_rx_cache_bytes(params));
        CHECK(plab_rx_cache_create(&maker->cache, params, &maker->kernels, maker->memory) ==
              PLAB_OK);
    }
    b->dataset = plab_test_alloc(plab_rx_dataset_bytes(params));
    b->scratchpads = plab_test_alloc((size_t)PLAB_RX_LANES_MAX * params->l3_bytes);
}

static void close_bench(struct bench *b) {
    for (int i = 0; i < 2; i++) {
        plab_rx_cache_destroy(&b->maker[i].cache);
        free(b->maker[i].memory);
    }
    free(b->dataset);
    free(b->scratchpads);
}

/* Another key and other inputs of any length. */
static void draw(struct bench *b, struct plab_prng *rng) {
    uint8_t key[PLAB_RX_KEY_MAX_BYTES];
    size_t key_len = plab_prng_below(rng, sizeof key + 1);
    plab_prng_fill(rng, key, sizeof key);
    for (int i = 0; i < 2; i++) {
        CHECK(plab_rx_cache_build(b->maker[i].cache, key, key_len, NULL, NULL) == PLAB_OK);
    }
    plab_prng_fill(rng, b->bytes[0], sizeof b->bytes);
    for (size_t i = 0; i < b->count; i++) {
        size_t len = plab_prng_below(rng, INPUT_MAX + 1);
        b->inputs[i] = (struct plab_hash_input){b->bytes[i], len};
    }
}

/* Hashes all inputs in one pipeline, the last ones that fill no group in another. */
static void hash_all(struct plab_rx_vm *vm, const struct bench *b, size_t lanes,
                     uint8_t (*out)[PLAB_HASH_BYTES]) {
    for (size_t at = 0; at < b->count;) {
        size_t left = b->count - at;
        size_t group = left < lanes ? left : lanes;
        size_t end = at + left / group * group;
        plab_rx_vm_start(vm, &b->inputs[at], (unsigned)group);
        for (; at < end; at += group) {
            bool more = at + group < end;
            plab_rx_vm_next(vm, more ? &b->inputs[at + group] : NULL, out + at);
        }
    }
}

static void go(struct bench *b, const struct way *way, uint8_t (*out)[PLAB_HASH_BYTES]) {
    const struct maker *maker = &b->maker[way->native];
    uint64_t items = plab_rx_dataset_items(b->params) * way->dataset_percent / 100;
    struct plab_rx_vm *vm;
    CHECK(plab_rx_vm_create(&vm, b->params, &maker->kernels, way->lanes, b->scratchpads) ==
          PLAB_OK);
    /* What isn't filled in must not be read. */
    memset(b->dataset, 0xA5, plab_rx_dataset_bytes(b->params));
    plab_rx_dataset_fill(maker->cache, 0, items, b->dataset);
    plab_rx_vm_set_seed(vm, maker->cache, b->dataset, items);
    hash_all(vm, b, way->lanes, out);
    plab_rx_vm_destroy(&vm);
}

static void compare(const struct bench *b, const struct way *way, int key) {
    for (size_t i = 0; i < b->count; i++) {
        CHECK_MSG(memcmp(b->got[i], b->want[i], PLAB_HASH_BYTES) == 0,
                  "\"%s\" gives another hash than \"%s\" for input %zu of key %d", way->name,
                  ways[0].name, i, key);
    }
}

static size_t inputs_per_key(void) {
    if (plab_test_quick("most of the inputs for all ways to a hash")) {
        return 23;
    }
    return INPUTS_PER_KEY / MINI_SLOWNESS;
}

static void check_all_ways(const struct plab_rx_params *params) {
    struct plab_prng rng = {plab_test_seed("rx_ways")};
    struct bench *b = plab_test_alloc(sizeof *b);
    open_bench(b, params);
    b->count = inputs_per_key();
    for (int key = 0; key < KEYS; key++) {
        draw(b, &rng);
        go(b, &ways[0], b->want);
        for (size_t i = 1; i < PLAB_ARRAY_LEN(ways); i++) {
            go(b, &ways[i], b->got);
            compare(b, &ways[i], key);
        }
    }
    close_bench(b);
    free(b);
}

TEST(rx_ways, v1) {
    static const struct plab_rx_params params = {SMALL(256)};
    check_all_ways(&params);
}

TEST(rx_ways, v2) {
    static const struct plab_rx_params params = {SMALL(384), .v2 = true};
    check_all_ways(&params);
}

TEST(rx_ways, wow) {
    static const struct plab_rx_params params = {SMALL(256), .opcodes = PLAB_RX_OPCODES_WOW,
                                                 .four_keys = true};
    check_all_ways(&params);
}

TEST(rx_ways, graft) {
    static const struct plab_rx_params params = {SMALL(280), .opcodes = PLAB_RX_OPCODES_GRAFT};
    check_all_ways(&params);
}

TEST(rx_ways, loki) {
    static const struct plab_rx_params params = {SMALL(320), .opcodes = PLAB_RX_OPCODES_LOKI};
    check_all_ways(&params);
}
