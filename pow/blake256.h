/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BLAKE-256, the SHA-3 finalist with 14 rounds (not BLAKE2), without salt.
 * Source: Aumasson, Henzen, Meier, Phan, "SHA-3 proposal BLAKE", version 1.3, section 2.1.
 */
#ifndef PLAB_POW_BLAKE256_H
#define PLAB_POW_BLAKE256_H

#include <stddef.h>
#include <stdint.h>

/* Writes the digest of `len` bytes of `data` to `out`, which may overlap `data`. */
void plab_blake256(const uint8_t *data, size_t len, uint8_t out[32]);

#endif
