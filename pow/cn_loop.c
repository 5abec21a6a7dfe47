/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main loops of CryptoNight in portable C.
 *
 * Names follow the descriptions of the variants: registers a, b and (from cn/2 on) the b before it;
 * c is the AES half's result, d the block of the multiply half. Word 0 of a block is `lo`, word 1
 * is `hi`. One rule holds for all: the AES half has stored before the multiply half loads, as both
 * may hit the same block.
 */
#include <string.h>

#include "pow/aes_soft.h"
#include "pow/cn_math.h"
#include "pow/cnr_program.h"
#include "pow/kernel.h"

/* High and low half of a 128-bit product. */
struct product {
    uint64_t hi, lo;
};

static inline struct product multiply(uint64_t x, uint64_t y) {
    return (struct product){plab_mulh_u64(x, y), x * y};
}

/* Two additions, one per word, without a carry between them. */
static inline struct plab_aes_block add_words(struct plab_aes_block x, struct plab_aes_block y) {
    return (struct plab_aes_block){x.lo + y.lo, x.hi + y.hi};
}

static inline struct plab_aes_block state_xor(const uint64_t *state, unsigned i, unsigned j) {
    return (struct plab_aes_block){state[i] ^ state[j], state[i + 1] ^ state[j + 1]};
}

void plab_cn_loop_v0_c(const struct plab_cn_loop_args *args) {
    struct plab_aes_block a = state_xor(args->state, 0, 4);
    struct plab_aes_block b = state_xor(args->state, 2, 6);
    for (uint32_t i = 0; i < args->iterations; i++) {
        uint8_t *at = args->pad + (a.lo & args->mask);
        struct plab_aes_block c = plab_aes_enc_round(plab_aes_load(at), a);
        plab_aes_store(at, plab_aes_xor(b, c));

        at = args->pad + (c.lo & args->mask);
        struct plab_aes_block d = plab_aes_load(at);
        struct product p = multiply(c.lo, d.lo);
        a.lo += p.hi;
        a.hi += p.lo;
        plab_aes_store(at, a);
        a = plab_aes_xor(a, d);
        b = c;
    }
}

/* cn/1: changes bits 4 and 5 of byte 11 of a block, depending on bits 0, 4 and 5 of that byte. */
static inline struct plab_aes_block tweak_byte_11(struct plab_aes_block x) {
    unsigned t = plab_aes_byte(x, 11);
    unsigned index = 2 * ((t >> 3 & 6) | (t & 1));
    x.hi ^= (uint64_t)(0x75310 >> index & 0x30) << 24;
    return x;
}

void plab_cn_loop_v1_c(const struct plab_cn_loop_args *args) {
    struct plab_aes_block a = state_xor(args->state, 0, 4);
    struct plab_aes_block b = state_xor(args->state, 2, 6);
    for (uint32_t i = 0; i < args->iterations; i++) {
        uint8_t *at = args->pad + (a.lo & args->mask);
        struct plab_aes_block c = plab_aes_enc_round(plab_aes_load(at), a);
        plab_aes_store(at, tweak_byte_11(plab_aes_xor(b, c)));

        at = args->pad + (c.lo & args->mask);
        struct plab_aes_block d = plab_aes_load(at);
        struct product p = multiply(c.lo, d.lo);
        a.lo += p.hi;
        a.hi += p.lo;
        plab_aes_store(at, (struct plab_aes_block){a.lo, a.hi ^ args->tweak});
        a = plab_aes_xor(a, d);
        b = c;
    }
}

/* The three other blocks of a 64-byte line, at offset xor 0x10, 0x20 and 0x30. */
struct neighbours {
    struct plab_aes_block q1, q2, q3;
};

static inline struct neighbours load_neighbours(const uint8_t *pad, uint64_t offset) {
    return (struct neighbours){plab_aes_load(pad + (offset ^ 0x10)),
                               plab_aes_load(pad + (offset ^ 0x20)),
                               plab_aes_load(pad + (offset ^ 0x30))};
}

/* They move on by one place, and each has a register added to it. */
static inline void store_shuffled(uint8_t *pad, uint64_t offset, struct neighbours q,
                                  struct plab_aes_block a, struct plab_aes_block b,
                                  struct plab_aes_block older_b) {
    plab_aes_store(pad + (offset ^ 0x10), add_words(q.q3, older_b));
    plab_aes_store(pad + (offset ^ 0x20), add_words(q.q1, b));
    plab_aes_store(pad + (offset ^ 0x30), add_words(q.q2, a));
}

void plab_cn_loop_v2_c(const struct plab_cn_loop_args *args) {
    uint8_t *pad = args->pad;
    struct plab_aes_block a = state_xor(args->state, 0, 4);
    struct plab_aes_block b = state_xor(args->state, 2, 6);
    struct plab_aes_block older_b = state_xor(args->state, 8, 10);
    uint64_t division = args->state[12];
    uint64_t root = args->state[13]; /* 64 bits only here; all uses are modulo 2^32 */
    for (uint32_t i = 0; i < args->iterations; i++) {
        uint64_t offset = a.lo & args->mask;
        struct plab_aes_block c = plab_aes_enc_round(plab_aes_load(pad + offset), a);
        store_shuffled(pad, offset, load_neighbours(pad, offset), a, b, older_b);
        plab_aes_store(pad + offset, plab_aes_xor(b, c));

        offset = c.lo & args->mask;
        struct plab_aes_block d = plab_aes_load(pad + offset);
        d.lo ^= division ^ root << 32;
        division = plab_cn_divide(c.hi, (uint32_t)(c.lo + 2 * root) | 0x80000001);
        root = plab_cn_int_root(c.lo + division);

        struct product p = multiply(c.lo, d.lo);
        struct neighbours q = load_neighbours(pad, offset);
        q.q1.lo ^= p.hi;
        q.q1.hi ^= p.lo;
        p.hi ^= q.q2.lo;
        p.lo ^= q.q2.hi;
        store_shuffled(pad, offset, q, a, b, older_b); /* with a from before the addition */
        a.lo += p.hi;
        a.hi += p.lo;
        plab_aes_store(pad + offset, a);
        a = plab_aes_xor(a, d);
        older_b = b;
        b = c;
    }
}

static inline uint64_t join32(uint32_t low, uint32_t high) {
    return low | (uint64_t)high << 32;
}

static inline struct plab_aes_block xor_neighbours(struct plab_aes_block x, struct neighbours q) {
    return plab_aes_xor(x, plab_aes_xor(plab_aes_xor(q.q1, q.q2), q.q3));
}

void plab_cn_loop_r_c(const struct plab_cn_loop_args *args) {
    uint8_t *pad = args->pad;
    struct plab_aes_block a = state_xor(args->state, 0, 4);
    struct plab_aes_block b = state_xor(args->state, 2, 6);
    struct plab_aes_block older_b = state_xor(args->state, 8, 10);
    uint32_t r[PLAB_CNR_REGISTERS];
    memcpy(r, args->state + 12, 4 * sizeof r[0]);
    for (uint32_t i = 0; i < args->iterations; i++) {
        uint64_t offset = a.lo & args->mask;
        struct plab_aes_block c = plab_aes_enc_round(plab_aes_load(pad + offset), a);
        struct neighbours q = load_neighbours(pad, offset);
        store_shuffled(pad, offset, q, a, b, older_b);
        c = xor_neighbours(c, q);
        plab_aes_store(pad + offset, plab_aes_xor(b, c));

        offset = c.lo & args->mask;
        struct plab_aes_block d = plab_aes_load(pad + offset);
        d.lo ^= join32(r[0] + r[1], r[2] + r[3]);
        r[4] = (uint32_t)a.lo;
        r[5] = (uint32_t)a.hi;
        r[6] = (uint32_t)b.lo;
        r[7] = (uint32_t)older_b.lo;
        r[8] = (uint32_t)older_b.hi;
        plab_cnr_run(args->program, r);

        struct product p = multiply(c.lo, d.lo); /* c as the first shuffle left it */
        q = load_neighbours(pad, offset);
        store_shuffled(pad, offset, q, a, b, older_b); /* with a from before the program */
        c = xor_neighbours(c, q);
        a.lo = (a.lo ^ join32(r[2], r[3])) + p.hi;
        a.hi = (a.hi ^ join32(r[0], r[1])) + p.lo;
        plab_aes_store(pad + offset, a);
        a = plab_aes_xor(a, d);
        older_b = b;
        b = c;
    }
}
