/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/aes_soft.h"

#include "tests/harness.h"

static uint8_t gf_mul(uint8_t a, uint8_t b) {
    unsigned product = 0;
    for (unsigned bit = 0; bit < 8; bit++) {
        if (b >> bit & 1) {
            product ^= (unsigned)a << bit;
        }
    }
    for (unsigned bit = 15; bit >= 8; bit--) {
        if (product >> bit & 1) {
            product ^= 0x11Bu << (bit - 8);
        }
    }
    return (uint8_t)product;
}

/* FIPS 197 section 5.1.1: multiplicative inverse, then the affine map. */
static uint8_t derive_sbox(uint8_t value) {
    uint8_t inverse = 0;
    for (unsigned b = 1; b < 256; b++) {
        if (gf_mul(value, (uint8_t)b) == 1) {
            inverse = (uint8_t)b;
        }
    }
    unsigned doubled = inverse * 0x101u;
    return (uint8_t)(doubled ^ doubled >> 4 ^ doubled >> 5 ^ doubled >> 6 ^ doubled >> 7 ^ 0x63);
}

static uint32_t column(const uint8_t coefficients[4], uint8_t s, unsigned row) {
    uint32_t word = 0;
    for (unsigned i = 0; i < 4; i++) {
        word |= (uint32_t)gf_mul(s, coefficients[(i + 4 - row) % 4]) << 8 * i;
    }
    return word;
}

TEST(aes_soft, tables_follow_from_field_arithmetic) {
    static const uint8_t mix[4] = {2, 1, 1, 3}, inverse_mix[4] = {14, 9, 13, 11};
    for (unsigned value = 0; value < 256; value++) {
        uint8_t s = derive_sbox((uint8_t)value);
        for (unsigned row = 0; row < 4; row++) {
            CHECK_U64(plab_aes_enc_table[row][value], column(mix, s, row));
            CHECK_U64(plab_aes_dec_table[row][s], column(inverse_mix, (uint8_t)value, row));
        }
    }
}

/* FIPS 197 appendix B, round 1: from "start of round" to the start of round 2. */
TEST(aes_soft, encryption_round_of_fips_197_appendix_b) {
    static const uint8_t start[16] = {0x19, 0x3d, 0xe3, 0xbe, 0xa0, 0xf4, 0xe2, 0x2b,
                                      0x9a, 0xc6, 0x8d, 0x2a, 0xe9, 0xf8, 0x48, 0x08};
    static const uint8_t key[16] = {0xa0, 0xfa, 0xfe, 0x17, 0x88, 0x54, 0x2c, 0xb1,
                                    0x23, 0xa3, 0x39, 0x39, 0x2a, 0x6c, 0x76, 0x05};
    static const uint8_t want[16] = {0xa4, 0x9c, 0x7f, 0xf2, 0x68, 0x9f, 0x35, 0x2b,
                                     0x6b, 0x5b, 0xea, 0x43, 0x02, 0x6a, 0x50, 0x49};
    uint8_t got[16];
    plab_aes_store(got, plab_aes_enc_round(plab_aes_load(start), plab_aes_load(key)));
    CHECK_MEM(got, want, 16);
}

/* FIPS 197 appendix C.1, equivalent inverse cipher: round[1].istart, ik_sch, round[2].istart. */
TEST(aes_soft, decryption_round_of_fips_197_appendix_c1) {
    static const uint8_t start[16] = {0x7a, 0xd5, 0xfd, 0xa7, 0x89, 0xef, 0x4e, 0x27,
                                      0x2b, 0xca, 0x10, 0x0b, 0x3d, 0x9f, 0xf5, 0x9f};
    static const uint8_t key[16] = {0x13, 0xaa, 0x29, 0xbe, 0x9c, 0x8f, 0xaf, 0xf6,
                                    0xf7, 0x70, 0xf5, 0x80, 0x00, 0xf7, 0xbf, 0x03};
    static const uint8_t want[16] = {0x54, 0xd9, 0x90, 0xa1, 0x6b, 0xa0, 0x9a, 0xb5,
                                     0x96, 0xbb, 0xf4, 0x0e, 0xa1, 0x11, 0x70, 0x2f};
    uint8_t got[16];
    plab_aes_store(got, plab_aes_dec_round(plab_aes_load(start), plab_aes_load(key)));
    CHECK_MEM(got, want, 16);
}

/* FIPS 197 appendix A.3: key 60 3d eb 10 ...; words 8..11 and 36..39 of the schedule. */
TEST(aes_soft, key_schedule_of_fips_197_appendix_a3) {
    static const uint8_t key[32] = {0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe,
                                    0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
                                    0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7,
                                    0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4};
    static const uint8_t key2[16] = {0x9b, 0xa3, 0x54, 0x11, 0x8e, 0x69, 0x25, 0xaf,
                                     0xa5, 0x1a, 0x8b, 0x5f, 0x20, 0x67, 0xfc, 0xde};
    struct plab_aes_block keys[10];
    uint8_t got[16];
    plab_aes256_expand10(key, keys);
    plab_aes_store(got, keys[0]);
    CHECK_MEM(got, key, 16);
    plab_aes_store(got, keys[1]);
    CHECK_MEM(got, key + 16, 16);
    plab_aes_store(got, keys[2]);
    CHECK_MEM(got, key2, 16);
}
