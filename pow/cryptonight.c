/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/cryptonight.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/aes_soft.h"
#include "pow/blake256.h"
#include "pow/groestl256.h"
#include "pow/jh256.h"
#include "pow/keccak.h"
#include "pow/skein512.h"

#define BLOCKS 8 /* that explode and implode work on together */
#define BLOCK_BYTES 16
#define PIECE_BYTES (BLOCKS * BLOCK_BYTES)
#define ROUND_KEYS 10

/* Offsets in the 200-byte state. */
#define EXPLODE_KEY 0
#define IMPLODE_KEY 32
#define TEXT 64

const struct plab_cn_params plab_cn_params_0 = {PLAB_CN_V0, 0x80000, 0x1FFFF0, 0x200000};
const struct plab_cn_params plab_cn_params_1 = {PLAB_CN_V1, 0x80000, 0x1FFFF0, 0x200000};
const struct plab_cn_params plab_cn_params_2 = {PLAB_CN_V2, 0x80000, 0x1FFFF0, 0x200000};
const struct plab_cn_params plab_cn_params_r = {PLAB_CN_R, 0x80000, 0x1FFFF0, 0x200000};

static void load_text(const uint64_t state[25], struct plab_aes_block text[BLOCKS]) {
    for (unsigned i = 0; i < BLOCKS; i++) {
        text[i] = plab_aes_load((const uint8_t *)state + TEXT + BLOCK_BYTES * i);
    }
}

/* Ten full rounds: every one mixes columns, and there is no whitening before the first. */
static inline struct plab_aes_block encrypt(struct plab_aes_block block,
                                            const struct plab_aes_block keys[ROUND_KEYS]) {
    for (unsigned round = 0; round < ROUND_KEYS; round++) {
        block = plab_aes_enc_round(block, keys[round]);
    }
    return block;
}

void plab_cn_explode_c(const uint64_t state[25], uint8_t *pad, size_t pad_bytes) {
    struct plab_aes_block keys[ROUND_KEYS], text[BLOCKS];
    plab_aes256_expand10((const uint8_t *)state + EXPLODE_KEY, keys);
    load_text(state, text);
    for (size_t at = 0; at < pad_bytes; at += PIECE_BYTES) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            text[i] = encrypt(text[i], keys);
            plab_aes_store(pad + at + BLOCK_BYTES * i, text[i]);
        }
    }
}

void plab_cn_implode_c(uint64_t state[25], const uint8_t *pad, size_t pad_bytes) {
    struct plab_aes_block keys[ROUND_KEYS], text[BLOCKS];
    plab_aes256_expand10((const uint8_t *)state + IMPLODE_KEY, keys);
    load_text(state, text);
    for (size_t at = 0; at < pad_bytes; at += PIECE_BYTES) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            struct plab_aes_block block = plab_aes_load(pad + at + BLOCK_BYTES * i);
            text[i] = encrypt(plab_aes_xor(text[i], block), keys);
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        plab_aes_store((uint8_t *)state + TEXT + BLOCK_BYTES * i, text[i]);
    }
}

void plab_cn_squeeze(uint64_t state[25], plab_keccak_f1600_fn *permute, uint8_t out[32]) {
    const uint8_t *bytes = (const uint8_t *)state;
    permute(state);
    switch (bytes[0] & 3) {
    case 0:
        plab_blake256(bytes, PLAB_KECCAK_STATE_BYTES, out);
        break;
    case 1:
        plab_groestl256(bytes, PLAB_KECCAK_STATE_BYTES, out);
        break;
    case 2:
        plab_jh256(bytes, PLAB_KECCAK_STATE_BYTES, out);
        break;
    case 3:
        plab_skein512_256(bytes, PLAB_KECCAK_STATE_BYTES, out);
        break;
    }
}

static plab_cn_loop_fn *loop_kernel(const struct plab_kernels *kernels, enum plab_cn_base base) {
    switch (base) {
    case PLAB_CN_V0:
        return kernels->cn_loop_v0;
    case PLAB_CN_V1:
        return kernels->cn_loop_v1;
    case PLAB_CN_V2:
        return kernels->cn_loop_v2;
    case PLAB_CN_R:
        break;
    }
    return kernels->cn_loop_r;
}

void plab_cn_hash(const struct plab_cn_params *params, const struct plab_kernels *kernels,
                  uint8_t *pad, const struct plab_cnr_program *program, const uint8_t *input,
                  size_t input_len, uint8_t out[32]) {
    uint64_t state[25];
    assert(params->base != PLAB_CN_R || program != NULL);
    assert(params->base != PLAB_CN_V1 || input_len >= PLAB_CN_V1_INPUT_MIN_BYTES);
    plab_keccak_absorb(state, kernels->keccak_f1600, input, input_len);
    kernels->cn_explode(state, pad, params->pad_bytes);
    struct plab_cn_loop_args args = {.state = state,
                                     .pad = pad,
                                     .iterations = params->iterations,
                                     .mask = params->mask,
                                     .program = program};
    if (params->base == PLAB_CN_V1) {
        args.tweak = plab_load64_le(input + PLAB_CN_TWEAK_OFFSET) ^ state[24];
    }
    loop_kernel(kernels, params->base)(&args);
    kernels->cn_implode(state, pad, params->pad_bytes);
    plab_cn_squeeze(state, kernels->keccak_f1600, out);
}
