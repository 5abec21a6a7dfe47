/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Argon2d's memory, without a tag: RandomX takes the filled memory itself as its cache.
 * Source: RFC 9106 section 3 (version 0x13); [RXSPEC] section 7.1.
 */
#ifndef PLAB_POW_ARGON2D_H
#define PLAB_POW_ARGON2D_H

#include <stdatomic.h>
#include <stdbool.h>

#include "pow/argon2_run.h"

#define PLAB_ARGON2_BLOCK_BYTES 1024
#define PLAB_ARGON2_H0_BYTES 64

struct plab_argon2d_params {
    uint32_t memory_kib; /* = blocks; a multiple of 4 * lanes, at least 8 * lanes */
    uint32_t passes;     /* at least 1 */
    uint32_t lanes;      /* at least 1; all are filled by the calling thread */
};

/* The first hash H0 for tag length 0, no secret and no associated data. */
void plab_argon2d_h0(const struct plab_argon2d_params *params, const uint8_t *password,
                     size_t password_len, const uint8_t *salt, size_t salt_len,
                     uint8_t h0[PLAB_ARGON2_H0_BYTES]);

/* Fills `memory` (memory_kib * 1024 bytes, 64-byte aligned): lane after lane, each memory_kib /
 * lanes blocks. Looks at `*cancel` (may be NULL) every few hundred blocks and returns false, with
 * the memory half done, once it is true; else returns true. */
bool plab_argon2d_fill(const struct plab_argon2d_params *params,
                       const uint8_t h0[PLAB_ARGON2_H0_BYTES], plab_argon2_fill_fn *fill,
                       uint64_t *memory, const atomic_bool *cancel);

#endif
