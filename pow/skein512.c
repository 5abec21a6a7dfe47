/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/skein512.h"

#include <string.h>

#include "base/bytes.h"

#define WORDS 8
#define ROUNDS 72
#define BLOCK_BYTES 64
#define OUTPUT_BITS 256

/* Kinds of blocks, in the tweak. */
#define TYPE_CONFIG 4
#define TYPE_MESSAGE 48
#define TYPE_OUTPUT 63
#define TWEAK_FIRST (UINT64_C(1) << 62)
#define TWEAK_FINAL (UINT64_C(1) << 63)

#define KEY_PARITY UINT64_C(0x1BD11BDAA9FC1A22)
#define CONFIG_SCHEMA UINT64_C(0x0000000133414853) /* "SHA3", version 1 */

static const uint8_t rotations[8][4] = {{46, 36, 19, 37}, {33, 27, 14, 42}, {17, 49, 36, 39},
                                        {44, 9, 54, 56},  {39, 30, 34, 24}, {13, 50, 10, 17},
                                        {25, 29, 39, 43}, {8, 35, 56, 22}};
static const uint8_t word_order[WORDS] = {2, 1, 4, 7, 6, 5, 0, 3};

static void add_subkey(uint64_t x[WORDS], const uint64_t key[9], const uint64_t tweak[3],
                       unsigned s) {
    for (unsigned i = 0; i < WORDS; i++) {
        x[i] += key[(s + i) % 9];
    }
    x[5] += tweak[s % 3];
    x[6] += tweak[(s + 1) % 3];
    x[7] += s;
}

static void threefish_round(uint64_t x[WORDS], const uint8_t rotation[4]) {
    uint64_t mixed[WORDS];
    for (unsigned j = 0; j < 4; j++) {
        mixed[2 * j] = x[2 * j] + x[2 * j + 1];
        mixed[2 * j + 1] = plab_rotl64(x[2 * j + 1], rotation[j]) ^ mixed[2 * j];
    }
    for (unsigned i = 0; i < WORDS; i++) {
        x[i] = mixed[word_order[i]];
    }
}

/* One UBI step: chain = Threefish(chain, tweak, block) xor block. */
static void compress(uint64_t chain[WORDS], const uint8_t block[BLOCK_BYTES], uint64_t position,
                     uint64_t flags) {
    uint64_t x[WORDS], key[9], tweak[3] = {position, flags, position ^ flags};
    key[8] = KEY_PARITY;
    for (unsigned i = 0; i < WORDS; i++) {
        key[i] = chain[i];
        key[8] ^= chain[i];
        x[i] = plab_load64_le(block + 8 * i);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % 4 == 0) {
            add_subkey(x, key, tweak, round / 4);
        }
        threefish_round(x, rotations[round % 8]);
    }
    add_subkey(x, key, tweak, ROUNDS / 4);
    for (unsigned i = 0; i < WORDS; i++) {
        chain[i] = x[i] ^ plab_load64_le(block + 8 * i);
    }
}

/* UBI over a whole string; only its last block may be partial, and an empty string is one block. */
static void ubi(uint64_t chain[WORDS], const uint8_t *data, size_t len, uint64_t type) {
    uint64_t flags = type << 56 | TWEAK_FIRST;
    uint64_t position = 0;
    uint8_t last[BLOCK_BYTES] = {0};
    for (; len > BLOCK_BYTES; data += BLOCK_BYTES, len -= BLOCK_BYTES) {
        position += BLOCK_BYTES;
        compress(chain, data, position, flags);
        flags &= ~TWEAK_FIRST;
    }
    if (len > 0) {
        memcpy(last, data, len);
    }
    compress(chain, last, position + len, flags | TWEAK_FINAL);
}

void plab_skein512_256(const uint8_t *data, size_t len, uint8_t out[32]) {
    static const uint8_t counter[8]; /* of the output's blocks: only block 0 is needed */
    uint8_t config[32] = {0};
    uint64_t chain[WORDS] = {0};
    plab_store64_le(config, CONFIG_SCHEMA);
    plab_store64_le(config + 8, OUTPUT_BITS);
    ubi(chain, config, sizeof config, TYPE_CONFIG);
    ubi(chain, data, len, TYPE_MESSAGE);
    ubi(chain, counter, sizeof counter, TYPE_OUTPUT);
    for (unsigned i = 0; i < OUTPUT_BITS / 64; i++) {
        plab_store64_le(out + 8 * i, chain[i]);
    }
}
