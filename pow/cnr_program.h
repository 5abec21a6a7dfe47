/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The random program of cn/r, one per block height, and its interpreter. A main loop runs it once
 * per round. Source: Monero, src/crypto/variant4_random_math.h (variant 4).
 */
#ifndef PLAB_POW_CNR_PROGRAM_H
#define PLAB_POW_CNR_PROGRAM_H

#include <stdint.h>

#include "base/bytes.h"

#define PLAB_CNR_INSTRUCTIONS_MIN 60
#define PLAB_CNR_INSTRUCTIONS_MAX 70
#define PLAB_CNR_REGISTERS 9

/* The numbers are part of the generator's definition. */
enum plab_cnr_op {
    PLAB_CNR_MUL, /* dst = dst * src */
    PLAB_CNR_ADD, /* dst = dst + src + constant */
    PLAB_CNR_SUB, /* dst = dst - src */
    PLAB_CNR_ROR, /* dst = dst rotated right by src mod 32 */
    PLAB_CNR_ROL, /* dst = dst rotated left by src mod 32 */
    PLAB_CNR_XOR, /* dst = dst xor src */
};

/* All arithmetic is modulo 2^32. */
struct plab_cnr_instruction {
    uint8_t op;  /* enum plab_cnr_op */
    uint8_t dst; /* 0..3 */
    uint8_t src; /* 0..8; may equal dst for MUL, ROR and ROL */
    uint32_t constant;
};

struct plab_cnr_program {
    uint64_t height;
    uint32_t count;
    struct plab_cnr_instruction code[PLAB_CNR_INSTRUCTIONS_MAX];
};

/* Generates the program for blocks of that height: some ten microseconds, no memory. */
void plab_cnr_generate(struct plab_cnr_program *program, uint64_t height);

/* Runs the program: r[0..3] persist from round to round, r[4..8] are constants of the round. */
static inline void plab_cnr_run(const struct plab_cnr_program *program,
                                uint32_t r[PLAB_CNR_REGISTERS]) {
    const struct plab_cnr_instruction *end = program->code + program->count;
    for (const struct plab_cnr_instruction *i = program->code; i < end; i++) {
        uint32_t src = r[i->src];
        uint32_t *dst = &r[i->dst];
        switch ((enum plab_cnr_op)i->op) {
        case PLAB_CNR_MUL:
            *dst *= src;
            break;
        case PLAB_CNR_ADD:
            *dst += src + i->constant;
            break;
        case PLAB_CNR_SUB:
            *dst -= src;
            break;
        case PLAB_CNR_ROR:
            *dst = plab_rotr32(*dst, src);
            break;
        case PLAB_CNR_ROL:
            *dst = plab_rotl32(*dst, src);
            break;
        case PLAB_CNR_XOR:
            *dst ^= src;
            break;
        }
    }
}

#endif
