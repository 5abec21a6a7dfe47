/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of cn_explode and cn_implode, shared by the architectures: see arch/v128.h.
 *
 * Eight blocks are independent of each other, so eight AES rounds are in flight: enough to hide the
 * latency of the round (3 to 4 cycles at two a cycle on x86, 2 to 3 on Arm).
 *
 * Source: [CNS008] sections 3 and 5.
 */
#ifndef PLAB_ARCH_CN_AES_BODY_H
#define PLAB_ARCH_CN_AES_BODY_H

#include <stddef.h>

#include "arch/v128.h"

#define CN_PIECE_BYTES 128
#define CN_ROUND_KEYS 10

/* Words of the Keccak state. */
#define CN_EXPLODE_KEY 0
#define CN_IMPLODE_KEY 4
#define CN_TEXT 8

/* The first ten round keys of AES-256. Source: FIPS 197 section 5.2. */
static PLAB_ALWAYS_INLINE void cn_expand_key(const uint64_t key[4],
                                             v128 round_keys[CN_ROUND_KEYS]) {
    uint32_t w[4 * CN_ROUND_KEYS];
    uint32_t rcon = 1;

    memcpy(w, key, 32);
    for (int i = 8; i < 4 * CN_ROUND_KEYS; i++) {
        uint32_t t = w[i - 1];
        if (i % 8 == 0) {
            t = plab_rotr32(v128_sub_word(t), 8) ^ rcon;
            rcon <<= 1; /* 1, 2, 4, 8: never needs the field's reduction */
        } else if (i % 8 == 4) {
            t = v128_sub_word(t);
        }
        w[i] = w[i - 8] ^ t;
    }
    for (int i = 0; i < CN_ROUND_KEYS; i++) {
        round_keys[i] = v128_loadu(&w[4 * i]);
    }
}

/* One round on each block. Written out, so that the blocks stay in registers with every compiler.
 */
static PLAB_ALWAYS_INLINE void cn_round8(v128 x[8], v128 owed, v128 key) {
    x[0] = v128_enc_next(x[0], owed, key);
    x[1] = v128_enc_next(x[1], owed, key);
    x[2] = v128_enc_next(x[2], owed, key);
    x[3] = v128_enc_next(x[3], owed, key);
    x[4] = v128_enc_next(x[4], owed, key);
    x[5] = v128_enc_next(x[5], owed, key);
    x[6] = v128_enc_next(x[6], owed, key);
    x[7] = v128_enc_next(x[7], owed, key);
}

/* The blocks owe k[9] before and after. */
static PLAB_ALWAYS_INLINE void cn_ten_rounds8(v128 x[8], const v128 k[CN_ROUND_KEYS]) {
    cn_round8(x, k[9], k[0]);
    cn_round8(x, k[0], k[1]);
    cn_round8(x, k[1], k[2]);
    cn_round8(x, k[2], k[3]);
    cn_round8(x, k[3], k[4]);
    cn_round8(x, k[4], k[5]);
    cn_round8(x, k[5], k[6]);
    cn_round8(x, k[6], k[7]);
    cn_round8(x, k[7], k[8]);
    cn_round8(x, k[8], k[9]);
}

static PLAB_ALWAYS_INLINE void cn_load_text(v128 x[8], const uint64_t state[25], v128 owed) {
    x[0] = v128_settle(v128_loadu(state + CN_TEXT), owed);
    x[1] = v128_settle(v128_loadu(state + CN_TEXT + 2), owed);
    x[2] = v128_settle(v128_loadu(state + CN_TEXT + 4), owed);
    x[3] = v128_settle(v128_loadu(state + CN_TEXT + 6), owed);
    x[4] = v128_settle(v128_loadu(state + CN_TEXT + 8), owed);
    x[5] = v128_settle(v128_loadu(state + CN_TEXT + 10), owed);
    x[6] = v128_settle(v128_loadu(state + CN_TEXT + 12), owed);
    x[7] = v128_settle(v128_loadu(state + CN_TEXT + 14), owed);
}

static PLAB_ALWAYS_INLINE void cn_explode_body(const uint64_t state[25], uint8_t *pad,
                                               size_t pad_bytes) {
    v128 k[CN_ROUND_KEYS], x[8];

    cn_expand_key(state + CN_EXPLODE_KEY, k);
    cn_load_text(x, state, k[9]);
    for (size_t at = 0; at < pad_bytes; at += CN_PIECE_BYTES) {
        uint8_t *piece = pad + at;
        cn_ten_rounds8(x, k);
        v128_store(piece, v128_settle(x[0], k[9]));
        v128_store(piece + 16, v128_settle(x[1], k[9]));
        v128_store(piece + 32, v128_settle(x[2], k[9]));
        v128_store(piece + 48, v128_settle(x[3], k[9]));
        v128_store(piece + 64, v128_settle(x[4], k[9]));
        v128_store(piece + 80, v128_settle(x[5], k[9]));
        v128_store(piece + 96, v128_settle(x[6], k[9]));
        v128_store(piece + 112, v128_settle(x[7], k[9]));
    }
}

static PLAB_ALWAYS_INLINE void cn_implode_body(uint64_t state[25], const uint8_t *pad,
                                               size_t pad_bytes) {
    v128 k[CN_ROUND_KEYS], x[8];

    cn_expand_key(state + CN_IMPLODE_KEY, k);
    cn_load_text(x, state, k[9]);
    for (size_t at = 0; at < pad_bytes; at += CN_PIECE_BYTES) {
        const uint8_t *piece = pad + at;
        x[0] = v128_xor(x[0], v128_load(piece));
        x[1] = v128_xor(x[1], v128_load(piece + 16));
        x[2] = v128_xor(x[2], v128_load(piece + 32));
        x[3] = v128_xor(x[3], v128_load(piece + 48));
        x[4] = v128_xor(x[4], v128_load(piece + 64));
        x[5] = v128_xor(x[5], v128_load(piece + 80));
        x[6] = v128_xor(x[6], v128_load(piece + 96));
        x[7] = v128_xor(x[7], v128_load(piece + 112));
        cn_ten_rounds8(x, k);
    }
    for (int i = 0; i < 8; i++) {
        v128_storeu(state + CN_TEXT + 2 * i, v128_settle(x[i], k[9]));
    }
}

#endif
