/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/blake256.h"

#include <string.h>

#include "base/bytes.h"
#include "pow/blake_sigma.h"

#define BLOCK_BYTES 64
#define ROUNDS 14

static const uint32_t initial_value[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                          0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

/* The first digits of pi. */
static const uint32_t constants[16] = {
    0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0, 0x082EFA98, 0xEC4E6C89,
    0x452821E6, 0x38D01377, 0xBE5466CF, 0x34E90C6C, 0xC0AC29B7, 0xC97C50DD, 0x3F84D5B5, 0xB5470917};

/* G on four words of v; `order` points at this call's pair of a permutation. */
static inline void mix(uint32_t v[16], const uint32_t m[16], const uint8_t order[2], unsigned a,
                       unsigned b, unsigned c, unsigned d) {
    v[a] += v[b] + (m[order[0]] ^ constants[order[1]]);
    v[d] = plab_rotr32(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = plab_rotr32(v[b] ^ v[c], 12);
    v[a] += v[b] + (m[order[1]] ^ constants[order[0]]);
    v[d] = plab_rotr32(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = plab_rotr32(v[b] ^ v[c], 7);
}

/* `bits` counts the message bits up to and including this block, 0 if it holds none. */
static void compress(uint32_t h[8], const uint8_t block[BLOCK_BYTES], uint64_t bits) {
    uint32_t v[16], m[16];
    for (unsigned i = 0; i < 16; i++) {
        m[i] = plab_load32_be(block + 4 * i);
    }
    memcpy(v, h, 8 * sizeof v[0]);
    memcpy(v + 8, constants, 8 * sizeof v[0]);
    v[12] ^= (uint32_t)bits;
    v[13] ^= (uint32_t)bits;
    v[14] ^= (uint32_t)(bits >> 32);
    v[15] ^= (uint32_t)(bits >> 32);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const uint8_t *order = plab_blake_sigma[round % 10];
        for (unsigned i = 0; i < 4; i++) { /* the columns */
            mix(v, m, order + 2 * i, i, 4 + i, 8 + i, 12 + i);
        }
        for (unsigned i = 0; i < 4; i++) { /* the diagonals */
            mix(v, m, order + 8 + 2 * i, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        h[i] ^= v[i] ^ v[i + 8];
    }
}

/* Padding: a one bit, zeros, a one bit, the length in bits; over two blocks if need be. A block
 * that holds no message bit is compressed with counter 0. */
static void compress_tail(uint32_t h[8], const uint8_t *data, size_t len, uint64_t total_bits) {
    uint8_t tail[2 * BLOCK_BYTES] = {0};
    size_t size = len + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    if (len > 0) {
        memcpy(tail, data, len);
    }
    tail[len] = 0x80;
    tail[size - 9] |= 0x01;
    plab_store64_be(tail + size - 8, total_bits);
    compress(h, tail, len > 0 ? total_bits : 0);
    if (size > BLOCK_BYTES) {
        compress(h, tail + BLOCK_BYTES, 0);
    }
}

void plab_blake256(const uint8_t *data, size_t len, uint8_t out[32]) {
    uint32_t h[8];
    uint64_t bits = 0, total_bits = (uint64_t)len * 8;
    memcpy(h, initial_value, sizeof h);
    for (; len >= BLOCK_BYTES; data += BLOCK_BYTES, len -= BLOCK_BYTES) {
        bits += 8 * BLOCK_BYTES;
        compress(h, data, bits);
    }
    compress_tail(h, data, len, total_bits);
    for (unsigned i = 0; i < 8; i++) {
        plab_store32_be(out + 4 * i, h[i]);
    }
}
