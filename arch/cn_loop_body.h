/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of the CryptoNight main loops, shared by the architectures: see arch/v128.h.
 *
 * One hash is a chain of load, AES round, load, multiply; all else is placed so that it runs in the
 * shadow of that chain. The registers a and d live as 64-bit words, because the multiplication and
 * both addresses need them there; b, c and the shuffled blocks live as vectors.
 *
 * Source: [CNS008] section 4; Monero's variants 1, 2 and 4.
 */
#ifndef PLAB_ARCH_CN_LOOP_BODY_H
#define PLAB_ARCH_CN_LOOP_BODY_H

#include "arch/v128.h"
#include "pow/cn_math.h"
#include "pow/cnr_program.h"
#include "pow/kernel.h"

/* The high word of a block as variant 1 stores it: bits 4 and 5 of byte 11 (byte 3 of this word)
 * change, by a table of two-bit entries that bits 0, 4 and 5 of that byte select. */
static PLAB_ALWAYS_INLINE uint64_t cn_v1_tweak_byte(uint64_t hi) {
    uint32_t t = (uint32_t)(hi >> 24);
    uint32_t index = ((t >> 3 & 6) | (t & 1)) << 1;
    return hi ^ (uint64_t)(UINT32_C(0x75310) >> index & 0x30) << 24;
}

static PLAB_ALWAYS_INLINE void cn_loop_v0_v1_body(const struct plab_cn_loop_args *args,
                                                  int variant) {
    const uint64_t *s = args->state;
    uint8_t *pad = args->pad;
    uint64_t mask = args->mask;
    uint64_t a0 = s[0] ^ s[4], a1 = s[1] ^ s[5];
    v128 b = v128_set(s[2] ^ s[6], s[3] ^ s[7]);

    for (uint32_t i = args->iterations; i > 0; i--) {
        uint8_t *first = pad + (a0 & mask);
        v128 c = v128_aesenc(v128_load(first), v128_set(a0, a1));
        uint64_t c0 = v128_lo(c);
        v128 bc = v128_xor(b, c);
        if (variant == 1) {
            plab_store64_le(first, v128_lo(bc));
            plab_store64_le(first + 8, cn_v1_tweak_byte(v128_hi(bc)));
        } else {
            v128_store(first, bc);
        }

        /* This may be the block just stored. */
        uint8_t *second = pad + (c0 & mask);
        uint64_t d0 = plab_load64_le(second), d1 = plab_load64_le(second + 8);
        unsigned __int128 product = (unsigned __int128)c0 * d0;
        a0 += (uint64_t)(product >> 64);
        a1 += (uint64_t)product;
        plab_store64_le(second, a0);
        plab_store64_le(second + 8, variant == 1 ? a1 ^ args->tweak : a1);
        a0 ^= d0;
        a1 ^= d1;
        b = c;
    }
}

/* The three neighbours of a block in its 64-byte line. */
struct cn_line {
    v128 q1, q2, q3;
};

static PLAB_ALWAYS_INLINE struct cn_line cn_line_load(const uint8_t *pad, uint64_t at) {
    return (struct cn_line){v128_load(pad + (at ^ 0x10)), v128_load(pad + (at ^ 0x20)),
                            v128_load(pad + (at ^ 0x30))};
}

/* Writes the neighbours back, rotated, with the three registers added. */
static PLAB_ALWAYS_INLINE void cn_line_store(uint8_t *pad, uint64_t at, struct cn_line line, v128 a,
                                             v128 b, v128 b_old) {
    v128_store(pad + (at ^ 0x10), v128_add64(line.q3, b_old));
    v128_store(pad + (at ^ 0x20), v128_add64(line.q1, b));
    v128_store(pad + (at ^ 0x30), v128_add64(line.q2, a));
}

static PLAB_ALWAYS_INLINE v128 cn_line_sum(struct cn_line line) {
    return v128_xor(line.q1, v128_xor(line.q2, line.q3));
}

static PLAB_ALWAYS_INLINE void cn_loop_v2_body(const struct plab_cn_loop_args *args) {
    const uint64_t *s = args->state;
    uint8_t *pad = args->pad;
    uint64_t mask = args->mask;
    uint64_t a0 = s[0] ^ s[4], a1 = s[1] ^ s[5];
    v128 b = v128_set(s[2] ^ s[6], s[3] ^ s[7]);
    v128 b_old = v128_set(s[8] ^ s[10], s[9] ^ s[11]);
    uint64_t quotient = s[12], root = s[13];

    for (uint32_t i = args->iterations; i > 0; i--) {
        uint64_t at = a0 & mask;
        v128 a = v128_set(a0, a1);
        v128 c = v128_aesenc(v128_load(pad + at), a);
        uint64_t c0 = v128_lo(c);

        struct cn_line line = cn_line_load(pad, at);
        cn_line_store(pad, at, line, a, b, b_old);
        v128_store(pad + at, v128_xor(b, c));

        at = c0 & mask;
        uint64_t d0 = plab_load64_le(pad + at), d1 = plab_load64_le(pad + at + 8);
        d0 ^= quotient ^ root << 32;

        /* Needed only in the next iteration: division and root have that long to finish. */
        quotient = plab_cn_divide(v128_hi(c), (uint32_t)(c0 + 2 * root) | UINT32_C(0x80000001));
        root = plab_cn_int_root(c0 + quotient);

        unsigned __int128 product = (unsigned __int128)c0 * d0;
        uint64_t hi = (uint64_t)(product >> 64), lo = (uint64_t)product;
        line = cn_line_load(pad, at);
        line.q1 = v128_xor(line.q1, v128_set(hi, lo));
        a0 += hi ^ v128_lo(line.q2);
        a1 += lo ^ v128_hi(line.q2);
        cn_line_store(pad, at, line, a, b, b_old);
        plab_store64_le(pad + at, a0);
        plab_store64_le(pad + at + 8, a1);
        a0 ^= d0;
        a1 ^= d1;
        b_old = b;
        b = c;
    }
}

static PLAB_ALWAYS_INLINE uint64_t cn_join32(uint32_t lo, uint32_t hi) {
    return lo | (uint64_t)hi << 32;
}

static PLAB_ALWAYS_INLINE void cn_loop_r_body(const struct plab_cn_loop_args *args) {
    const uint64_t *s = args->state;
    uint8_t *pad = args->pad;
    uint64_t mask = args->mask;
    uint64_t a0 = s[0] ^ s[4], a1 = s[1] ^ s[5];
    v128 b = v128_set(s[2] ^ s[6], s[3] ^ s[7]);
    v128 b_old = v128_set(s[8] ^ s[10], s[9] ^ s[11]);
    uint32_t r[PLAB_CNR_REGISTERS] = {(uint32_t)s[12], (uint32_t)(s[12] >> 32), (uint32_t)s[13],
                                      (uint32_t)(s[13] >> 32)};

    for (uint32_t i = args->iterations; i > 0; i--) {
        uint64_t at = a0 & mask;
        v128 a = v128_set(a0, a1);
        v128 c = v128_aesenc(v128_load(pad + at), a);
        struct cn_line line = cn_line_load(pad, at);
        c = v128_xor(c, cn_line_sum(line));
        uint64_t c0 = v128_lo(c); /* the second sum does not reach the multiplier */
        cn_line_store(pad, at, line, a, b, b_old);
        v128_store(pad + at, v128_xor(b, c));

        at = c0 & mask;
        uint64_t d0 = plab_load64_le(pad + at), d1 = plab_load64_le(pad + at + 8);
        d0 ^= cn_join32(r[0] + r[1], r[2] + r[3]);
        unsigned __int128 product = (unsigned __int128)c0 * d0;

        r[4] = (uint32_t)a0;
        r[5] = (uint32_t)a1;
        r[6] = (uint32_t)v128_lo(b);
        r[7] = (uint32_t)v128_lo(b_old);
        r[8] = (uint32_t)v128_hi(b_old);
        plab_cnr_run(args->program, r);

        line = cn_line_load(pad, at);
        c = v128_xor(c, cn_line_sum(line));
        cn_line_store(pad, at, line, a, b, b_old);
        a0 = (a0 ^ cn_join32(r[2], r[3])) + (uint64_t)(product >> 64);
        a1 = (a1 ^ cn_join32(r[0], r[1])) + (uint64_t)product;
        plab_store64_le(pad + at, a0);
        plab_store64_le(pad + at + 8, a1);
        a0 ^= d0;
        a1 ^= d1;
        b_old = b;
        b = c;
    }
}
#endif
