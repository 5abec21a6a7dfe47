/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/argon2d.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "pow/blake2b.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

static void absorb(struct plab_blake2b *hash, uint32_t len, uint8_t value) {
    uint8_t bytes[36];
    plab_store32_le(bytes, len);
    memset(bytes + 4, value, len);
    plab_blake2b_update(hash, bytes, 4 + len);
}

/* The H0 of RFC 9106 section 5.1, which has a tag length, a secret and associated data that RandomX
 * has not. */
static void rfc_h0(uint8_t h0[64]) {
    static const uint32_t numbers[6] = {4, 32, 32, 3, 0x13, 0};
    struct plab_blake2b hash;
    plab_blake2b_init(&hash, 64, NULL, 0);
    plab_blake2b_update(&hash, numbers, sizeof numbers);
    absorb(&hash, 32, 1);
    absorb(&hash, 16, 2);
    absorb(&hash, 8, 3);
    absorb(&hash, 12, 4);
    plab_blake2b_final(&hash, h0);
}

/* RFC 9106 section 3.1, steps 7 and 8: xor the last block of each lane, hash to the tag. */
static void finish(const uint64_t *memory, uint32_t lanes, uint32_t lane_blocks, uint8_t tag[32]) {
    uint64_t last[PLAB_ARGON2_BLOCK_WORDS] = {0};
    for (uint32_t lane = 0; lane < lanes; lane++) {
        const uint64_t *block =
            memory + (size_t)((lane + 1) * lane_blocks - 1) * PLAB_ARGON2_BLOCK_WORDS;
        for (size_t i = 0; i < PLAB_ARGON2_BLOCK_WORDS; i++) {
            last[i] ^= block[i];
        }
    }
    static const uint32_t tag_len = 32;
    struct plab_blake2b hash;
    plab_blake2b_init(&hash, tag_len, NULL, 0);
    plab_blake2b_update(&hash, &tag_len, sizeof tag_len);
    plab_blake2b_update(&hash, last, sizeof last);
    plab_blake2b_final(&hash, tag);
}

/* 4 lanes and 3 passes, so cross-lane references and the xor of later passes are covered too. */
TEST(argon2d, fill_gives_the_tag_of_rfc_9106) {
    static const struct plab_argon2d_params params = {32, 3, 4};
    static const uint8_t want[32] = {0x51, 0x2b, 0x39, 0x1b, 0x6f, 0x11, 0x62, 0x97,
                                     0x53, 0x71, 0xd3, 0x09, 0x19, 0x73, 0x42, 0x94,
                                     0xf8, 0x68, 0xe3, 0xbe, 0x39, 0x84, 0xf3, 0xc1,
                                     0xa1, 0x3a, 0x4d, 0xb9, 0xfa, 0xbe, 0x4a, 0xcb};
    uint64_t *memory = plab_test_alloc(32 * PLAB_ARGON2_BLOCK_BYTES);
    uint8_t h0[64], tag[32];
    rfc_h0(h0);
    CHECK(plab_argon2d_fill(&params, h0, plab_argon2_fill_c, memory, NULL));
    finish(memory, 4, 8, tag);
    CHECK_MEM(tag, want, sizeof want);
    free(memory);
}

TEST(argon2d, cancelled_fill_says_so) {
    static const struct plab_argon2d_params params = {32, 3, 1};
    const atomic_bool cancel = true;
    uint64_t *memory = plab_test_alloc(32 * PLAB_ARGON2_BLOCK_BYTES);
    uint8_t h0[64];
    plab_argon2d_h0(&params, (const uint8_t *)"k", 1, (const uint8_t *)"RandomX\x03", 8, h0);
    CHECK(!plab_argon2d_fill(&params, h0, plab_argon2_fill_c, memory, &cancel));
    free(memory);
}
