/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/jh256.h"

#include <string.h>

#include "base/bytes.h"

#define ROUNDS 42
#define BLOCK_BYTES 64
#define STATE_BYTES 128
#define NIBBLES 256         /* of the state */
#define CONSTANT_NIBBLES 64 /* of a round constant: one bit per nibble of the state */

static const uint8_t sbox[2][16] = {{9, 0, 4, 11, 13, 12, 3, 15, 1, 10, 2, 6, 7, 5, 8, 14},
                                    {3, 12, 6, 13, 5, 7, 1, 9, 15, 2, 0, 4, 11, 10, 14, 8}};

/* The round constant of round 0: the fractional part of the square root of 2. */
static const uint8_t first_constant[32] = {
    0x6A, 0x09, 0xE6, 0x67, 0xF3, 0xBC, 0xC9, 0x08, 0xB2, 0xFB, 0x13, 0x66, 0xEA, 0x95, 0x7D, 0x3E,
    0x3A, 0xDE, 0xC1, 0x75, 0x12, 0x77, 0x50, 0x99, 0xDA, 0x2F, 0x59, 0x0B, 0x06, 0x67, 0x32, 0x2A};

/* Doubles a nibble modulo x^4 + x + 1. */
static inline uint8_t double_nibble(uint8_t x) {
    return (uint8_t)((x << 1 ^ (x >> 3) * 0x13) & 0xF);
}

/* The linear layer L on each pair, then the permutation P of `count` nibbles: within each four the
 * last two swap; the even ones go to the first half, the odd ones to the second, where they swap in
 * pairs. */
static void mix_and_permute(const uint8_t *in, uint8_t *out, unsigned count) {
    for (unsigned i = 0; i < count; i += 2) {
        uint8_t right = in[i + 1] ^ double_nibble(in[i]);
        uint8_t left = in[i] ^ double_nibble(right);
        unsigned to = i / 2;
        unsigned swapped = to & 1; /* this pair is the second of its four */
        out[to] = swapped ? right : left;
        out[count / 2 + (to ^ 1)] = swapped ? left : right;
    }
}

static void round_function(uint8_t state[NIBBLES], const uint8_t constant[CONSTANT_NIBBLES]) {
    uint8_t substituted[NIBBLES];
    for (unsigned i = 0; i < NIBBLES; i++) {
        unsigned select = constant[i / 4] >> (3 - i % 4) & 1;
        substituted[i] = sbox[select][state[i]];
    }
    mix_and_permute(substituted, state, NIBBLES);
}

/* Round constants come from the round function of a smaller JH. */
static void next_constant(uint8_t constant[CONSTANT_NIBBLES]) {
    uint8_t substituted[CONSTANT_NIBBLES];
    for (unsigned i = 0; i < CONSTANT_NIBBLES; i++) {
        substituted[i] = sbox[0][constant[i]];
    }
    mix_and_permute(substituted, constant, CONSTANT_NIBBLES);
}

static inline unsigned bit_of(const uint8_t *bytes, unsigned index) {
    return bytes[index / 8] >> (7 - index % 8) & 1;
}

/* Position, in bits, of the top bit of nibble i; its other bits follow at distance 256. */
static inline unsigned bit_position(unsigned i) {
    return i / 2 + (i & 1) * 128;
}

static void group(const uint8_t h[STATE_BYTES], uint8_t state[NIBBLES]) {
    for (unsigned i = 0; i < NIBBLES; i++) {
        unsigned nibble = 0;
        for (unsigned k = 0; k < 4; k++) {
            nibble = nibble << 1 | bit_of(h, bit_position(i) + 256 * k);
        }
        state[i] = (uint8_t)nibble;
    }
}

static void ungroup(const uint8_t state[NIBBLES], uint8_t h[STATE_BYTES]) {
    memset(h, 0, STATE_BYTES);
    for (unsigned i = 0; i < NIBBLES; i++) {
        for (unsigned k = 0; k < 4; k++) {
            unsigned at = bit_position(i) + 256 * k;
            unsigned bit = state[i] >> (3 - k) & 1;
            h[at / 8] |= (uint8_t)(bit << (7 - at % 8));
        }
    }
}

/* The bijective function E8. */
static void permute(uint8_t h[STATE_BYTES]) {
    uint8_t state[NIBBLES], constant[CONSTANT_NIBBLES];
    for (unsigned i = 0; i < CONSTANT_NIBBLES; i++) {
        constant[i] = first_constant[i / 2] >> (i & 1 ? 0 : 4) & 0xF;
    }
    group(h, state);
    for (unsigned round = 0; round < ROUNDS; round++) {
        round_function(state, constant);
        next_constant(constant);
    }
    ungroup(state, h);
}

/* The compression function F8. */
static void compress(uint8_t h[STATE_BYTES], const uint8_t block[BLOCK_BYTES]) {
    for (unsigned i = 0; i < BLOCK_BYTES; i++) {
        h[i] ^= block[i];
    }
    permute(h);
    for (unsigned i = 0; i < BLOCK_BYTES; i++) {
        h[BLOCK_BYTES + i] ^= block[i];
    }
}

/* Padding: a one bit, zeros, the length in bits as 128-bit number; at least one whole block. */
static void compress_tail(uint8_t h[STATE_BYTES], const uint8_t *data, size_t len,
                          uint64_t total_bits) {
    uint8_t tail[2 * BLOCK_BYTES] = {0};
    size_t size = len == 0 ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    if (len > 0) {
        memcpy(tail, data, len);
    }
    tail[len] = 0x80;
    plab_store64_be(tail + size - 8, total_bits);
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        compress(h, tail + at);
    }
}

void plab_jh256(const uint8_t *data, size_t len, uint8_t out[32]) {
    static const uint8_t zero_block[BLOCK_BYTES];
    uint8_t h[STATE_BYTES] = {0x01, 0x00}; /* the digest's bits, big-endian */
    uint64_t total_bits = (uint64_t)len * 8;
    compress(h, zero_block);
    for (; len >= BLOCK_BYTES; data += BLOCK_BYTES, len -= BLOCK_BYTES) {
        compress(h, data);
    }
    compress_tail(h, data, len, total_bits);
    memcpy(out, h + STATE_BYTES - 32, 32);
}
