/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/blake2b.h"

#include "tests/harness.h"
#include "tests/vector_file.h"

TEST(blake2b, keyed_known_answers) {
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/blake2b_512_keyed.txt");
    while (plab_vector_next(&file)) {
        uint8_t input[256], key[64], want[64], got[64];
        size_t input_len = plab_vector_hex(&file, 0, input, sizeof input);
        size_t key_len = plab_vector_hex(&file, 1, key, sizeof key);
        CHECK_U64(plab_vector_hex(&file, 2, want, sizeof want), 64);
        struct plab_blake2b hash;
        plab_blake2b_init(&hash, sizeof got, key, key_len);
        plab_blake2b_update(&hash, input, input_len);
        plab_blake2b_final(&hash, got);
        CHECK_MEM(got, want, sizeof want);
    }
    CHECK_U64(plab_vector_close(&file), 13);
}

/* RFC 7693 appendix A. */
TEST(blake2b, unkeyed_abc) {
    static const uint8_t want[8] = {0xba, 0x80, 0xa5, 0x3f, 0x98, 0x1c, 0x4d, 0x0d};
    uint8_t got[64];
    plab_blake2b_hash(got, sizeof got, "abc", 3);
    CHECK_MEM(got, want, sizeof want);
}

/* The block boundary is where a streaming hash goes wrong: a full last block is not compressed
 * before it is known to be the last. */
TEST(blake2b, pieces_give_the_hash_of_the_whole) {
    uint8_t data[300], whole[32], pieces[32];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (size_t len = 0; len <= sizeof data; len++) {
        plab_blake2b_hash(whole, sizeof whole, data, len);
        for (size_t step = 1; step < 140; step += 9) {
            struct plab_blake2b hash;
            plab_blake2b_init(&hash, sizeof pieces, NULL, 0);
            for (size_t at = 0; at < len; at += step) {
                plab_blake2b_update(&hash, data + at, len - at < step ? len - at : step);
            }
            plab_blake2b_final(&hash, pieces);
            CHECK_MEM(pieces, whole, sizeof whole);
        }
    }
}
