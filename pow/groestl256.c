/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/groestl256.h"

#include <string.h>

#include "base/bytes.h"
#include "pow/aes_soft.h"

#define COLUMNS 8
#define ROUNDS 10
#define BLOCK_BYTES 64

/* The state is an 8 x 8 matrix of bytes, filled column by column: word j is column j, its low byte
 * row 0. */
static const uint8_t shift_p[8] = {0, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t shift_q[8] = {1, 3, 5, 7, 0, 2, 4, 6};

/* Doubles eight bytes at once in AES's field. */
static inline uint64_t double_bytes(uint64_t x) {
    uint64_t high_bits = x >> 7 & UINT64_C(0x0101010101010101);
    return (x << 1 & UINT64_C(0xFEFEFEFEFEFEFEFE)) ^ high_bits * 0x1B;
}

/* MixBytes of one column by the circulant matrix (2 2 3 4 5 3 5 7): the rotation by k brings the
 * byte of row i + k to row i, and each coefficient is a sum of 1, 2 and 4. */
static inline uint64_t mix_column(uint64_t x) {
    uint64_t r1 = plab_rotr64(x, 8), r2 = plab_rotr64(x, 16), r3 = plab_rotr64(x, 24);
    uint64_t r4 = plab_rotr64(x, 32), r5 = plab_rotr64(x, 40), r6 = plab_rotr64(x, 48);
    uint64_t r7 = plab_rotr64(x, 56);
    uint64_t times1 = r2 ^ r4 ^ r5 ^ r6 ^ r7;
    uint64_t times2 = x ^ r1 ^ r2 ^ r5 ^ r7;
    uint64_t times4 = r3 ^ r4 ^ r6 ^ r7;
    return times1 ^ double_bytes(times2 ^ double_bytes(times4));
}

/* SubBytes, ShiftBytes and MixBytes. */
static void substitute_shift_mix(uint64_t x[COLUMNS], const uint8_t shift[8]) {
    uint64_t in[COLUMNS];
    memcpy(in, x, sizeof in);
    for (unsigned j = 0; j < COLUMNS; j++) {
        uint64_t column = 0;
        for (unsigned row = 0; row < 8; row++) {
            uint8_t byte = (uint8_t)(in[(j + shift[row]) % COLUMNS] >> 8 * row);
            column |= (uint64_t)plab_aes_sbox[byte] << 8 * row;
        }
        x[j] = mix_column(column);
    }
}

static void permute_p(uint64_t x[COLUMNS]) {
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned j = 0; j < COLUMNS; j++) {
            x[j] ^= j << 4 ^ round;
        }
        substitute_shift_mix(x, shift_p);
    }
}

static void permute_q(uint64_t x[COLUMNS]) {
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned j = 0; j < COLUMNS; j++) {
            x[j] ^= ~((uint64_t)(j << 4 ^ round) << 56);
        }
        substitute_shift_mix(x, shift_q);
    }
}

/* h = P(h xor m) xor Q(m) xor h */
static void compress(uint64_t h[COLUMNS], const uint8_t block[BLOCK_BYTES]) {
    uint64_t p[COLUMNS], q[COLUMNS];
    for (unsigned j = 0; j < COLUMNS; j++) {
        q[j] = plab_load64_le(block + 8 * j);
        p[j] = h[j] ^ q[j];
    }
    permute_p(p);
    permute_q(q);
    for (unsigned j = 0; j < COLUMNS; j++) {
        h[j] ^= p[j] ^ q[j];
    }
}

/* Padding: a one bit, zeros, the number of blocks. */
static void compress_tail(uint64_t h[COLUMNS], const uint8_t *data, size_t len, uint64_t blocks) {
    uint8_t tail[2 * BLOCK_BYTES] = {0};
    size_t size = len + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    if (len > 0) {
        memcpy(tail, data, len);
    }
    tail[len] = 0x80;
    plab_store64_be(tail + size - 8, blocks + size / BLOCK_BYTES);
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        compress(h, tail + at);
    }
}

void plab_groestl256(const uint8_t *data, size_t len, uint8_t out[32]) {
    uint64_t h[COLUMNS] = {0}, p[COLUMNS];
    uint64_t blocks = len / BLOCK_BYTES;
    h[7] = UINT64_C(256) << 40; /* the digest's bits, big-endian in the last bytes */
    for (; len >= BLOCK_BYTES; data += BLOCK_BYTES, len -= BLOCK_BYTES) {
        compress(h, data);
    }
    compress_tail(h, data, len, blocks);
    memcpy(p, h, sizeof p);
    permute_p(p);
    for (unsigned j = 0; j < 4; j++) {
        plab_store64_le(out + 8 * j, h[4 + j] ^ p[4 + j]);
    }
}
