/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/hasher.h"

#include <stdlib.h>

#include "base/hex.h"
#include "pow/randomx.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

/* Portable kernels only: which ones a machine gets is arch/dispatch's business. */
#define MEMBER(kernel, type) .kernel = plab_##kernel##_c,
static const struct plab_kernels portable = {PLAB_KERNEL_LIST(MEMBER)};
#undef MEMBER

static const struct plab_algo *find(const char *name) {
    const struct plab_algo *algo = NULL;
    CHECK(plab_algo_find(name, &algo, NULL) == PLAB_OK);
    return algo;
}

static struct plab_hasher *create(const char *name, void *scratchpad) {
    struct plab_hasher *hasher = NULL;
    CHECK(plab_hasher_create(&hasher, find(name), &portable, 1, scratchpad) == PLAB_OK);
    return hasher;
}

static void check_hash(struct plab_hasher *hasher, const char *input, const char *want) {
    uint8_t hash[PLAB_HASH_BYTES];
    char hex[2 * PLAB_HASH_BYTES + 1];
    CHECK(plab_hasher_check(hasher, strlen(input), NULL) == PLAB_OK);
    plab_hasher_hash(hasher, (const uint8_t *)input, strlen(input), hash);
    plab_hex_encode(hash, sizeof hash, hex);
    CHECK_STR(hex, want);
}

/* Values from tests/vectors/cn_r.txt: going to another height and back. */
TEST(hasher, cn_r_follows_the_height) {
    void *pad = plab_test_alloc(find("cn/r")->scratchpad_bytes);
    struct plab_hasher *hasher = create("cn/r", pad);
    static const char text[] = "This is a test This is a test This is a test";
    static const char want[] = "f759588ad57e758467295443a9bd71490abff8e9dad1b95b6bf2f5d0d78387bc";
    plab_hasher_set_height(hasher, 1806260);
    check_hash(hasher, text, want);
    plab_hasher_set_height(hasher, 1806261);
    check_hash(hasher, "Lorem ipsum dolor sit amet, consectetur adipiscing",
               "5bb833deca2bdd7252a9ccd7b4ce0b6a4854515794b56c207262f7a5b9bdb566");
    plab_hasher_set_height(hasher, 1806260);
    check_hash(hasher, text, want);
    plab_hasher_destroy(&hasher);
    CHECK(hasher == NULL);
    plab_hasher_destroy(&hasher);
    free(pad);
}

TEST(hasher, cn_1_refuses_42_bytes) {
    uint8_t unused_pad[64];
    struct plab_hasher *hasher = create("cn/1", unused_pad);
    struct plab_error err;
    CHECK(plab_hasher_check(hasher, 42, &err) == PLAB_E_INPUT);
    CHECK_STR(err.text, "cn/1 needs an input of at least 43 bytes, this has 42");
    CHECK(plab_hasher_check(hasher, 43, &err) == PLAB_OK);
    CHECK(plab_hasher_check(hasher, 0, NULL) == PLAB_E_INPUT);
    plab_hasher_destroy(&hasher);
}

TEST(hasher, refuses_what_it_has_no_height_or_seed_for) {
    void *pad = plab_test_alloc(find("rx/0")->scratchpad_bytes);
    struct plab_error err;
    struct plab_hasher *hasher = create("cn/r", pad);
    CHECK(plab_hasher_check(hasher, 76, &err) == PLAB_E_INPUT);
    CHECK_STR(err.text, "cn/r needs the height of the block being mined, and none was given");
    plab_hasher_set_height(hasher, 0);
    CHECK(plab_hasher_check(hasher, 76, &err) == PLAB_OK);
    plab_hasher_destroy(&hasher);

    hasher = create("rx/0", pad);
    CHECK(plab_hasher_check(hasher, 76, &err) == PLAB_E_INPUT);
    CHECK_STR(err.text, "rx/0 needs a seed (key), and none was given");
    plab_hasher_destroy(&hasher);
    free(pad);
}

TEST(hasher, refuses_too_long_an_input) {
    uint8_t unused_pad[64];
    struct plab_hasher *hasher = create("cn/0", unused_pad);
    struct plab_error err;
    CHECK(plab_hasher_check(hasher, PLAB_INPUT_MAX_BYTES, &err) == PLAB_OK);
    CHECK(plab_hasher_check(hasher, PLAB_INPUT_MAX_BYTES + 1, &err) == PLAB_E_INPUT);
    CHECK_STR(err.text, "input of 4097 bytes: at most 4096 can be hashed");
    plab_hasher_destroy(&hasher);
}

/* From tests/vectors: rx/0, rx/2 and its commitment share one cache. */
TEST(hasher, randomx_in_light_mode) {
    static const char key[] = "test key 000", text[] = "Lorem ipsum dolor sit amet";
    struct plab_rx_cache *cache = NULL;
    const struct plab_rx_params *params = find("rx/0")->rx;
    void *memory = plab_test_alloc(plab_rx_cache_bytes(params));
    void *pad = plab_test_alloc(find("rx/0")->scratchpad_bytes);
    CHECK(plab_rx_cache_create(&cache, params, &portable, memory) == PLAB_OK);
    CHECK(plab_rx_cache_build(cache, (const uint8_t *)key, strlen(key), NULL, NULL) == PLAB_OK);

    struct plab_hasher *hasher = create("rx/0", pad);
    plab_hasher_set_seed(hasher, cache, NULL, 0);
    check_hash(hasher, text, "300a0adb47603dedb42228ccb2b211104f4da45af709cd7547cd049e9489c969");
    plab_hasher_destroy(&hasher);

    hasher = create("rx/2", pad);
    plab_hasher_set_seed(hasher, cache, NULL, 0);
    check_hash(hasher, text, "9e2c772c12fd48f93c14c97fdc89d556264d9100597023f44d9163e279012ecf");
    plab_hasher_destroy(&hasher);
    plab_rx_cache_destroy(&cache);
    free(memory);
    free(pad);
}

TEST(hasher, pow_value_is_the_commitment_only_where_the_algorithm_has_one) {
    static const char text[] = "Lorem ipsum dolor sit amet";
    uint8_t hash[PLAB_HASH_BYTES], value[PLAB_HASH_BYTES];
    char hex[2 * PLAB_HASH_BYTES + 1];
    size_t len = 0;
    CHECK(plab_hex_decode("9e2c772c12fd48f93c14c97fdc89d556264d9100597023f44d9163e279012ecf", 64,
                          hash, sizeof hash, &len, NULL) == PLAB_OK);
    plab_algo_pow_value(find("rx/2"), (const uint8_t *)text, strlen(text), hash, value);
    plab_hex_encode(value, sizeof value, hex);
    CHECK_STR(hex, "bf0234efe040906581d78d069804a309921e9b1881943eb03e61c7ec9ec4040b");
    plab_algo_pow_value(find("rx/0"), (const uint8_t *)text, strlen(text), hash, value);
    CHECK_MEM(value, hash, sizeof value);
}
