/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers of the hash functions that CryptoNight and CryptoNote are made of. */
#include <stdlib.h>

#include "pow/blake256.h"
#include "pow/groestl256.h"
#include "pow/jh256.h"
#include "pow/keccak.h"
#include "pow/skein512.h"
#include "pow/tree_hash.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

static int check_file(const char *path, void (*hash)(const uint8_t *, size_t, uint8_t *)) {
    struct plab_vector_file file;
    uint8_t input[1024], want[32], got[32];
    plab_vector_open(&file, path);
    while (plab_vector_next(&file)) {
        size_t len = plab_vector_hex(&file, 0, input, sizeof input);
        CHECK_U64(plab_vector_hex(&file, 1, want, sizeof want), sizeof want);
        hash(input, len, got);
        CHECK_MSG(memcmp(got, want, sizeof want) == 0, "%s:%d: wrong digest", path, file.line);
    }
    return plab_vector_close(&file);
}

TEST(hashes, blake256) {
    CHECK_U64(check_file("tests/vectors/blake256.txt", plab_blake256), 32);
}

TEST(hashes, groestl256) {
    CHECK_U64(check_file("tests/vectors/groestl256.txt", plab_groestl256), 32);
}

TEST(hashes, jh256) {
    CHECK_U64(check_file("tests/vectors/jh256.txt", plab_jh256), 32);
}

TEST(hashes, skein512_256) {
    CHECK_U64(check_file("tests/vectors/skein512_256.txt", plab_skein512_256), 32);
}

TEST(hashes, keccak256) {
    CHECK_U64(check_file("tests/vectors/keccak256.txt", plab_cn_fast_hash), 32);
}

static void tree_hash(const uint8_t *input, size_t len, uint8_t *out) {
    uint8_t hashes[32][32];
    CHECK(len % 32 == 0 && len <= sizeof hashes);
    memcpy(hashes, input, len);
    plab_tree_hash(hashes, len / 32, out);
}

TEST(hashes, tree_hash) {
    CHECK_U64(check_file("tests/vectors/tree_hash.txt", tree_hash), 11);
}

/* The empty input has no place that memcpy() may read from. */
TEST(hashes, empty_input_may_be_null) {
    uint8_t from_null[32], from_pointer[32], some = 0;
    plab_blake256(NULL, 0, from_null);
    plab_blake256(&some, 0, from_pointer);
    CHECK_MEM(from_null, from_pointer, 32);
    plab_groestl256(NULL, 0, from_null);
    plab_jh256(NULL, 0, from_null);
    plab_skein512_256(NULL, 0, from_null);
    plab_cn_fast_hash(NULL, 0, from_null);
}

/* Keccak's own known answer: the permutation of the all-zero state (first and last lane). */
TEST(hashes, keccak_f1600_of_zero) {
    uint64_t state[25] = {0};
    plab_keccak_f1600_c(state);
    CHECK_U64(state[0], 0xF1258F7940E1DDE7);
    CHECK_U64(state[24], 0xEAF1FF7B5CECA249);
}
