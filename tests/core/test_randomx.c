/* SPDX-License-Identifier: BSD-3-Clause */
/* Caches, datasets and hashes. */
#include "pow/randomx.h"

#include <fenv.h>
#include <stdlib.h>

#include "base/prng.h"
#include "pow/blake2b.h"
#include "pow/rx_cache.h"
#include "pow/rx_fpu.h"
#include "tests/harness.h"
#include "tests/rx_fixture.h"
#include "tests/vector_file.h"

/* Everything that rx/0 and rx/2 do, over 32 KiB of cache and 130 KiB of dataset. */
#define SMALL_PARAMS                                                                   \
    .argon_kib = 32, .argon_passes = 2, .argon_lanes = 1, .argon_salt = "small-rx",    \
    .cache_accesses = 8, .superscalar_latency = 170, .dataset_base_bytes = 128 * 1024, \
    .dataset_extra_bytes = 33 * 64, .program_iterations = 256, .program_count = 4,     \
    .l1_bytes = 1024, .l2_bytes = 4096, .l3_bytes = 16384

static const struct plab_rx_params small_v1 = {SMALL_PARAMS, .program_size = 256, .v2 = false};
static const struct plab_rx_params small_v2 = {SMALL_PARAMS, .program_size = 384, .v2 = true};

static const struct plab_rx_params *params_of(const char *algo) {
    CHECK_MSG(strcmp(algo, "rx/0") == 0 || strcmp(algo, "rx/2") == 0, "%s", algo);
    return algo[3] == '0' ? &plab_rx_params_0 : &plab_rx_params_2;
}

/* Cache words and dataset items that were published for this key. */
static int check_intermediate(struct plab_rx_fixture *rx, const uint8_t *key, size_t key_len) {
    struct plab_vector_file file;
    int checked = 0;
    for (int kind = 0; kind < 2; kind++) {
        plab_vector_open(&file,
                         kind == 0 ? "tests/vectors/rx_cache.txt" : "tests/vectors/rx_dataset.txt");
        while (plab_vector_next(&file)) {
            uint8_t file_key[60];
            size_t file_key_len = plab_vector_hex(&file, 0, file_key, sizeof file_key);
            if (file_key_len != key_len || memcmp(file_key, key, key_len) != 0) {
                continue;
            }
            uint64_t index = plab_vector_u64(&file, 1), item[PLAB_RX_ITEM_WORDS];
            plab_rx_dataset_fill(rx->cache, kind == 0 ? 0 : index, 1, (uint8_t *)item);
            CHECK_U64(kind == 0 ? rx->cache_memory[index] : item[0], plab_vector_u64(&file, 2));
            checked++;
        }
        plab_vector_close(&file);
    }
    return checked;
}

static bool known(const char *field) {
    return strcmp(field, "?") != 0;
}

static void check_hash(struct plab_rx_fixture *rx, const struct plab_vector_file *file) {
    uint8_t input[256], want[32], hash[32], commitment[32];
    size_t input_len = plab_vector_hex(file, 2, input, sizeof input);
    plab_rx_fixture_hash(rx, params_of(plab_vector_text(file, 0)), NULL, 0, input, input_len, hash);
    if (known(plab_vector_text(file, 3))) {
        CHECK_U64(plab_vector_hex(file, 3, want, sizeof want), 32);
        CHECK_MSG(memcmp(hash, want, 32) == 0, "%s:%d: wrong hash", file->path, file->line);
    }
    if (known(plab_vector_text(file, 4))) {
        CHECK_U64(plab_vector_hex(file, 4, want, sizeof want), 32);
        plab_rx_commitment(input, input_len, hash, commitment);
        CHECK_MSG(memcmp(commitment, want, 32) == 0, "%s:%d: wrong commitment", file->path,
                  file->line);
    }
}

/* One test for all, because each key costs a cache of 256 MiB. */
TEST(randomx, known_answers) {
    struct plab_rx_fixture rx;
    struct plab_vector_file file;
    uint8_t key[60] = {0}, new_key[60];
    size_t key_len = 0;
    int keys = 0, intermediate = 0;
    bool quick = plab_test_quick("RandomX known answers of all keys but the first");
    plab_rx_fixture_open(&rx, &plab_rx_params_0);
    plab_vector_open(&file, "tests/vectors/rx_hash.txt");
    while (plab_vector_next(&file)) {
        size_t new_len = plab_vector_hex(&file, 1, new_key, sizeof new_key);
        if (keys == 0 || new_len != key_len || memcmp(new_key, key, key_len) != 0) {
            if (quick && keys == 1) {
                break;
            }
            memcpy(key, new_key, new_len);
            key_len = new_len;
            plab_rx_fixture_set_key(&rx, key, key_len);
            intermediate += check_intermediate(&rx, key, key_len);
            keys++;
        }
        check_hash(&rx, &file);
    }
    int vectors = plab_vector_close(&file);
    plab_rx_fixture_close(&rx);
    CHECK(quick || vectors == 17);
    CHECK(quick || keys == 4);
    CHECK_U64(intermediate, 7);
}

/* Items are read from the dataset or computed, all one way or mixed. */
static void check_modes_agree(const struct plab_rx_params *params) {
    struct plab_rx_fixture rx;
    struct plab_prng rng = {plab_test_seed("modes_agree")};
    plab_rx_fixture_open(&rx, params);
    uint64_t all = plab_rx_dataset_items(params);
    uint8_t *dataset = plab_test_alloc(plab_rx_dataset_bytes(params));
    for (int round = 0; round < 8; round++) {
        uint8_t key[32], input[100], light[32], full[32];
        plab_prng_fill(&rng, key, sizeof key);
        plab_prng_fill(&rng, input, sizeof input);
        plab_rx_fixture_set_key(&rx, key, sizeof key);
        plab_rx_dataset_fill(rx.cache, 0, all, dataset);
        size_t input_len = plab_prng_below(&rng, sizeof input + 1);
        plab_rx_fixture_hash(&rx, params, NULL, 0, input, input_len, light);
        plab_rx_fixture_hash(&rx, params, dataset, all, input, input_len, full);
        CHECK_MEM(full, light, sizeof light);
        uint64_t some = plab_prng_below(&rng, all);
        memset(dataset + some * PLAB_RX_ITEM_BYTES, 0xA5, (all - some) * PLAB_RX_ITEM_BYTES);
        plab_rx_fixture_hash(&rx, params, dataset, some, input, input_len, full);
        CHECK_MEM(full, light, sizeof light);
    }
    free(dataset);
    plab_rx_fixture_close(&rx);
}

TEST(randomx, light_graded_and_full_mode_agree_v1) {
    check_modes_agree(&small_v1);
}

TEST(randomx, light_graded_and_full_mode_agree_v2) {
    check_modes_agree(&small_v2);
}

/* Batches of items, and the single ones left over, for any start and count. */
TEST(randomx, dataset_ranges_fit_together) {
    struct plab_rx_fixture rx;
    plab_rx_fixture_open(&rx, &small_v1);
    plab_rx_fixture_set_key(&rx, (const uint8_t *)"range", 5);
    size_t items = plab_rx_dataset_items(&small_v1);
    uint8_t *whole = plab_test_alloc(items * 64), *part = plab_test_alloc(64 * 64);
    plab_rx_dataset_fill(rx.cache, 0, items, whole);
    for (uint64_t first = items - 70; first < items; first++) {
        for (uint64_t count = 0; count <= items - first && count <= 64; count += 7) {
            plab_rx_dataset_fill(rx.cache, first, count, part);
            CHECK_MEM(part, whole + first * 64, count * 64);
        }
    }
    free(whole);
    free(part);
    plab_rx_fixture_close(&rx);
}

TEST(randomx, rounding_of_the_caller_is_kept_and_does_not_matter) {
    static const int modes[4] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    struct plab_rx_fixture rx;
    uint8_t want[32], got[32];
    plab_rx_fixture_open(&rx, &small_v1);
    plab_rx_fixture_set_key(&rx, (const uint8_t *)"round", 5);
    plab_rx_fixture_hash(&rx, &small_v1, NULL, 0, (const uint8_t *)"x", 1, want);
    for (int i = 0; i < 4; i++) {
        fesetround(modes[i]);
        uint64_t before = plab_rx_fpu_save(); /* fegetround() looks at the x87 unit on x86 */
        plab_rx_fixture_hash(&rx, &small_v1, NULL, 0, (const uint8_t *)"x", 1, got);
        uint64_t after = plab_rx_fpu_save();
        fesetround(FE_TONEAREST);
        CHECK_U64(after, before);
        CHECK_MEM(got, want, sizeof want);
    }
    plab_rx_fixture_close(&rx);
}

/* [RXSPEC] section 7.3: words of a hash, two of them with a small change. */
TEST(randomx, item_constants_are_hash_words) {
    static const char label[] = "RandomX SuperScalarHash initialize";
    uint64_t words[8];
    plab_blake2b_hash((uint8_t *)words, sizeof words, label, sizeof label - 1);
    words[1] += (UINT64_C(1) << 33) + 700;
    words[3] += UINT64_C(1) << 14;
    for (int i = 1; i < 8; i++) {
        CHECK_U64(plab_rx_item_xor[i], words[i]);
    }
}

TEST(randomx, keys_that_are_too_long_are_refused) {
    static const uint8_t key[61];
    struct plab_rx_fixture rx;
    struct plab_error err = {""};
    plab_rx_fixture_open(&rx, &small_v1);
    CHECK_U64(plab_rx_cache_build(rx.cache, key, 61, NULL, &err), PLAB_E_INPUT);
    CHECK_STR(err.text, "RandomX key is 61 bytes long, 60 is the most");
    CHECK_U64(plab_rx_cache_build(rx.cache, key, 60, NULL, &err), PLAB_OK);
    CHECK_U64(plab_rx_cache_build(rx.cache, NULL, 0, NULL, &err), PLAB_OK);
    plab_rx_fixture_close(&rx);
}

TEST(randomx, building_a_cache_can_be_cancelled) {
    const atomic_bool cancel = true;
    struct plab_rx_fixture rx;
    struct plab_error err = {""};
    plab_rx_fixture_open(&rx, &small_v1);
    CHECK_U64(plab_rx_cache_build(rx.cache, (const uint8_t *)"k", 1, &cancel, &err),
              PLAB_E_INTERRUPTED);
    plab_rx_fixture_close(&rx);
}

TEST(randomx, sizes) {
    CHECK_U64(plab_rx_cache_bytes(&plab_rx_params_0), 268435456);
    CHECK_U64(plab_rx_dataset_items(&plab_rx_params_0), 34078719);
    CHECK_U64(plab_rx_dataset_bytes(&plab_rx_params_0), 2181038016);
}
