/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CryptoNight: absorb, explode, loop, implode, squeeze. Explode, loop and implode are kernels; the
 * portable ones are in cryptonight.c and cn_loop.c.
 * Source: [CNS008]; Monero, src/crypto/slow-hash.c, for variants 1, 2 and 4.
 */
#ifndef PLAB_POW_CRYPTONIGHT_H
#define PLAB_POW_CRYPTONIGHT_H

#include "pow/kernel.h"

/* cn/1 takes 8 bytes from here for its tweak, so shorter input is not defined. */
#define PLAB_CN_TWEAK_OFFSET 35
#define PLAB_CN_V1_INPUT_MIN_BYTES (PLAB_CN_TWEAK_OFFSET + 8)

/* Which main loop; each builds on what the one before it added, but for cn/1's tweaks. */
enum plab_cn_base {
    PLAB_CN_V0,
    PLAB_CN_V1, /* tweaks two stores */
    PLAB_CN_V2, /* shuffles the neighbours of a block, divides, takes a root */
    PLAB_CN_R,  /* shuffles, runs a random program */
};

/* One variant. */
struct plab_cn_params {
    enum plab_cn_base base;
    uint32_t iterations; /* rounds of one AES half and one multiply half each */
    uint32_t mask;       /* offsets in the scratchpad, a multiple of 16 */
    size_t pad_bytes;    /* size of the scratchpad */
};

extern const struct plab_cn_params plab_cn_params_0;
extern const struct plab_cn_params plab_cn_params_1;
extern const struct plab_cn_params plab_cn_params_2;
extern const struct plab_cn_params plab_cn_params_r;

struct plab_cnr_program; /* pow/cnr_program.h */

/* One hash. `pad` is 64-byte aligned and has params->pad_bytes; its content is lost. `program` is
 * needed for base PLAB_CN_R, else NULL. Base PLAB_CN_V1 needs PLAB_CN_V1_INPUT_MIN_BYTES of input.
 */
void plab_cn_hash(const struct plab_cn_params *params, const struct plab_kernels *kernels,
                  uint8_t *pad, const struct plab_cnr_program *program, const uint8_t *input,
                  size_t input_len, uint8_t out[32]);

/* The end of a hash: permutes `state` and hashes its 200 bytes with the function that its low two
 * bits choose. Source: [CNS008] section 5. */
void plab_cn_squeeze(uint64_t state[25], plab_keccak_f1600_fn *permute, uint8_t out[32]);

#endif
