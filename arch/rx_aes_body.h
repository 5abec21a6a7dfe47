/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of RandomX's AES generators and hash, shared by the architectures: see arch/v128.h.
 *
 * Four columns are four independent chains of rounds. In the generators columns 0 and 2 decrypt, 1
 * and 3 encrypt; in the hash and in the v2 mix it is the other way round.
 *
 * Source: [RXSPEC] sections 3.2 to 3.4; RandomX v2 design for the mix.
 */
#ifndef PLAB_ARCH_RX_AES_BODY_H
#define PLAB_ARCH_RX_AES_BODY_H

#include <stddef.h>

#include "arch/v128.h"
#include "pow/kernel.h"
#include "pow/rx_aes_keys.h"

struct rx_columns {
    v128 c0, c1, c2, c3;
};

static PLAB_ALWAYS_INLINE struct rx_columns rx_load(const void *p) {
    const uint8_t *bytes = p;
    return (struct rx_columns){v128_loadu(bytes), v128_loadu(bytes + 16), v128_loadu(bytes + 32),
                               v128_loadu(bytes + 48)};
}

static PLAB_ALWAYS_INLINE struct rx_columns rx_load_aligned(const uint8_t *p) {
    return (struct rx_columns){v128_load(p), v128_load(p + 16), v128_load(p + 32),
                               v128_load(p + 48)};
}

static PLAB_ALWAYS_INLINE void rx_store(uint8_t *p, struct rx_columns s) {
    v128_storeu(p, s.c0);
    v128_storeu(p + 16, s.c1);
    v128_storeu(p + 32, s.c2);
    v128_storeu(p + 48, s.c3);
}

static PLAB_ALWAYS_INLINE void rx_store_aligned(uint8_t *p, struct rx_columns s) {
    v128_store(p, s.c0);
    v128_store(p + 16, s.c1);
    v128_store(p + 32, s.c2);
    v128_store(p + 48, s.c3);
}

/* Chained rounds, see v128_settle(): `s` owes `owed`, the result owes `keys`. */
static PLAB_ALWAYS_INLINE struct rx_columns
rx_generator_round(struct rx_columns s, struct rx_columns owed, struct rx_columns keys) {
    return (struct rx_columns){
        v128_dec_next(s.c0, owed.c0, keys.c0), v128_enc_next(s.c1, owed.c1, keys.c1),
        v128_dec_next(s.c2, owed.c2, keys.c2), v128_enc_next(s.c3, owed.c3, keys.c3)};
}

static PLAB_ALWAYS_INLINE struct rx_columns
rx_hash_round(struct rx_columns s, struct rx_columns owed, struct rx_columns keys) {
    return (struct rx_columns){
        v128_enc_next(s.c0, owed.c0, keys.c0), v128_dec_next(s.c1, owed.c1, keys.c1),
        v128_enc_next(s.c2, owed.c2, keys.c2), v128_dec_next(s.c3, owed.c3, keys.c3)};
}

static PLAB_ALWAYS_INLINE struct rx_columns rx_settle(struct rx_columns s, struct rx_columns owed) {
    return (struct rx_columns){v128_settle(s.c0, owed.c0), v128_settle(s.c1, owed.c1),
                               v128_settle(s.c2, owed.c2), v128_settle(s.c3, owed.c3)};
}

static PLAB_ALWAYS_INLINE struct rx_columns rx_same_key(v128 key) {
    return (struct rx_columns){key, key, key, key};
}

/* Round `i` (0..3) of the second generator: one key for columns 0 and 1, another for 2 and 3. */
static PLAB_ALWAYS_INLINE struct rx_columns rx_keys_4r(const uint64_t keys[8][2], int i) {
    v128 left = v128_loadu(keys[i]);
    v128 right = v128_loadu(keys[i + 4]);
    return (struct rx_columns){left, left, right, right};
}

static PLAB_ALWAYS_INLINE void rx_fill_1r_body(uint8_t state[64], uint8_t *out, size_t out_bytes) {
    struct rx_columns keys = rx_load(plab_rx_gen_1r_keys);
    struct rx_columns s = rx_settle(rx_load(state), keys);

    for (size_t at = 0; at < out_bytes; at += 64) {
        s = rx_generator_round(s, keys, keys);
        rx_store_aligned(out + at, rx_settle(s, keys));
    }
    rx_store(state, rx_settle(s, keys));
}

static PLAB_ALWAYS_INLINE void rx_fill_4r_body(const uint64_t keys[8][2], uint8_t state[64],
                                               uint8_t *out, size_t out_bytes) {
    struct rx_columns k0 = rx_keys_4r(keys, 0), k1 = rx_keys_4r(keys, 1);
    struct rx_columns k2 = rx_keys_4r(keys, 2), k3 = rx_keys_4r(keys, 3);
    struct rx_columns s = rx_settle(rx_load(state), k3);

    for (size_t at = 0; at < out_bytes; at += 64) {
        s = rx_generator_round(s, k3, k0);
        s = rx_generator_round(s, k0, k1);
        s = rx_generator_round(s, k1, k2);
        s = rx_generator_round(s, k2, k3);
        rx_store_aligned(out + at, rx_settle(s, k3));
    }
    rx_store(state, rx_settle(s, k3));
}

/* The two closing rounds of the hash. */
static PLAB_ALWAYS_INLINE void rx_hash_close(struct rx_columns s, struct rx_columns owed,
                                             uint8_t out[64]) {
    struct rx_columns extra0 = rx_same_key(v128_loadu(plab_rx_hash_1r_extra_keys[0]));
    struct rx_columns extra1 = rx_same_key(v128_loadu(plab_rx_hash_1r_extra_keys[1]));
    s = rx_hash_round(s, owed, extra0);
    s = rx_hash_round(s, extra0, extra1);
    rx_store(out, rx_settle(s, extra1));
}

static PLAB_ALWAYS_INLINE void rx_hash_1r_body(const uint8_t *in, size_t in_bytes,
                                               uint8_t out[64]) {
    struct rx_columns s = rx_load(plab_rx_hash_1r_state);
    struct rx_columns owed = rx_same_key(v128_set(0, 0));

    for (size_t at = 0; at < in_bytes; at += 64) {
        struct rx_columns keys = rx_load_aligned(in + at);
        s = rx_hash_round(s, owed, keys);
        owed = keys;
    }
    rx_hash_close(s, owed, out);
}

/* Eight chains are enough to keep the AES units busy, so scratchpads take turns: two at once, which
 * lie megabytes apart, would make each load wait for a store with the same low address bits. */
static PLAB_ALWAYS_INLINE void rx_turn_1r_body(struct plab_rx_turn *turns, unsigned count,
                                               size_t pad_bytes) {
    struct rx_columns fill_keys = rx_load(plab_rx_gen_1r_keys);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *pad = turns[i].pad;
        struct rx_columns fill = rx_settle(rx_load(turns[i].state), fill_keys);
        struct rx_columns hash = rx_load(plab_rx_hash_1r_state);
        struct rx_columns owed = rx_same_key(v128_set(0, 0));

        for (size_t at = 0; at < pad_bytes; at += 64) {
            __builtin_prefetch(pad + at + PLAB_RX_TURN_AHEAD_BYTES);
            struct rx_columns keys = rx_load_aligned(pad + at);
            hash = rx_hash_round(hash, owed, keys);
            owed = keys;
            fill = rx_generator_round(fill, fill_keys, fill_keys);
            rx_store_aligned(pad + at, rx_settle(fill, fill_keys));
        }
        rx_hash_close(hash, owed, turns[i].hash);
        rx_store(turns[i].state, rx_settle(fill, fill_keys));
    }
}

static PLAB_ALWAYS_INLINE void rx_mix_v2_body(uint8_t f[64], const uint8_t e[64]) {
    struct rx_columns e_regs = rx_load_aligned(e);
    struct rx_columns k0 = rx_same_key(e_regs.c0), k1 = rx_same_key(e_regs.c1);
    struct rx_columns k2 = rx_same_key(e_regs.c2), k3 = rx_same_key(e_regs.c3);
    struct rx_columns s = rx_load_aligned(f);

    s = rx_hash_round(s, rx_same_key(v128_set(0, 0)), k0);
    s = rx_hash_round(s, k0, k1);
    s = rx_hash_round(s, k1, k2);
    s = rx_hash_round(s, k2, k3);
    rx_store_aligned(f, rx_settle(s, k3));
}

#endif
