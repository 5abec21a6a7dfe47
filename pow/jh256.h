/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JH-256, the version of the SHA-3 final round (42 rounds).
 * Source: Wu, "The hash function JH", 16 January 2011, sections 3 to 5.
 */
#ifndef PLAB_POW_JH256_H
#define PLAB_POW_JH256_H

#include <stddef.h>
#include <stdint.h>

/* Writes the digest of `len` bytes of `data` to `out`, which may overlap `data`. */
void plab_jh256(const uint8_t *data, size_t len, uint8_t out[32]);

#endif
