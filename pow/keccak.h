/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Keccak sponge with its original padding (0x01 ... 0x80), which CryptoNote kept; SHA-3 pads
 * with 0x06. The permutation is the kernel `keccak_f1600`. Source: Bertoni et al., "The Keccak
 * reference", version 3.0; FIPS 202 section 3 for the permutation.
 */
#ifndef PLAB_POW_KECCAK_H
#define PLAB_POW_KECCAK_H

#include "pow/kernel.h"

/* Bytes of input per permutation at capacity 512. */
#define PLAB_KECCAK_RATE_BYTES 136

/* Sets `state` to what it is after absorbing `len` bytes of `data`, padding and last permutation
 * included. The first 32 bytes are Keccak-256; CryptoNight uses all 200. */
void plab_keccak_absorb(uint64_t state[25], plab_keccak_f1600_fn *permute, const uint8_t *data,
                        size_t len);

#endif
