/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES rounds without AES instructions, for the portable kernels of CryptoNight and RandomX.
 *
 * Table based: fast enough, not constant-time (nothing here is secret). Source: FIPS 197; the
 * rounds are those of the x86 instructions AESENC and AESDEC.
 */
#ifndef PLAB_POW_AES_SOFT_H
#define PLAB_POW_AES_SOFT_H

#include <stdint.h>

#include "base/bytes.h"

/* A 16-byte block: bytes 0..7 in `lo`, 8..15 in `hi`, both little-endian. */
struct plab_aes_block {
    uint64_t lo, hi;
};

/* SubBytes of one byte. */
extern const uint8_t plab_aes_sbox[256];

/* table[row][byte]: SubBytes and MixColumns of a byte that ShiftRows leaves in that row; one
 * column, row 0 in the low byte. The inverse transformations in the second. */
extern const uint32_t plab_aes_enc_table[4][256];
extern const uint32_t plab_aes_dec_table[4][256];

/* The first ten round keys (of fifteen) of AES-256. Source: FIPS 197 section 5.2. */
void plab_aes256_expand10(const uint8_t key[32], struct plab_aes_block round_keys[10]);

static inline struct plab_aes_block plab_aes_load(const void *p) {
    const uint8_t *bytes = p;
    return (struct plab_aes_block){plab_load64_le(bytes), plab_load64_le(bytes + 8)};
}

static inline void plab_aes_store(void *p, struct plab_aes_block block) {
    uint8_t *bytes = p;
    plab_store64_le(bytes, block.lo);
    plab_store64_le(bytes + 8, block.hi);
}

static inline struct plab_aes_block plab_aes_xor(struct plab_aes_block a, struct plab_aes_block b) {
    return (struct plab_aes_block){a.lo ^ b.lo, a.hi ^ b.hi};
}

/* Byte i (0..15) of a block; i is always a constant. */
static inline uint8_t plab_aes_byte(struct plab_aes_block x, unsigned i) {
    return (uint8_t)((i < 8 ? x.lo : x.hi) >> 8 * (i % 8));
}

/* One column of the result; r0..r3 are the positions of the bytes that end up in its rows. */
static inline uint64_t plab_aes_column(const uint32_t table[4][256], struct plab_aes_block x,
                                       unsigned r0, unsigned r1, unsigned r2, unsigned r3) {
    return table[0][plab_aes_byte(x, r0)] ^ table[1][plab_aes_byte(x, r1)] ^
           table[2][plab_aes_byte(x, r2)] ^ table[3][plab_aes_byte(x, r3)];
}

/* AESENC: ShiftRows, SubBytes, MixColumns of `x`, then xor with `key`. */
static inline struct plab_aes_block plab_aes_enc_round(struct plab_aes_block x,
                                                       struct plab_aes_block key) {
    const uint32_t(*t)[256] = plab_aes_enc_table;
    uint64_t c0 = plab_aes_column(t, x, 0, 5, 10, 15);
    uint64_t c1 = plab_aes_column(t, x, 4, 9, 14, 3);
    uint64_t c2 = plab_aes_column(t, x, 8, 13, 2, 7);
    uint64_t c3 = plab_aes_column(t, x, 12, 1, 6, 11);
    return (struct plab_aes_block){(c0 | c1 << 32) ^ key.lo, (c2 | c3 << 32) ^ key.hi};
}

/* AESDEC: InvShiftRows, InvSubBytes, InvMixColumns of `x`, then xor with `key` (the equivalent
 * inverse cipher's round). */
static inline struct plab_aes_block plab_aes_dec_round(struct plab_aes_block x,
                                                       struct plab_aes_block key) {
    const uint32_t(*t)[256] = plab_aes_dec_table;
    uint64_t c0 = plab_aes_column(t, x, 0, 13, 10, 7);
    uint64_t c1 = plab_aes_column(t, x, 4, 1, 14, 11);
    uint64_t c2 = plab_aes_column(t, x, 8, 5, 2, 15);
    uint64_t c3 = plab_aes_column(t, x, 12, 9, 6, 3);
    return (struct plab_aes_block){(c0 | c1 << 32) ^ key.lo, (c2 | c3 << 32) ^ key.hi};
}

#endif
