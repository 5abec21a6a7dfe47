/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Groestl-256, the version of the SHA-3 final round.
 * Source: Gauravaram et al., "Groestl - a SHA-3 candidate", 2 March 2011, section 3.
 */
#ifndef PLAB_POW_GROESTL256_H
#define PLAB_POW_GROESTL256_H

#include <stddef.h>
#include <stdint.h>

/* Writes the digest of `len` bytes of `data` to `out`, which may overlap `data`. */
void plab_groestl256(const uint8_t *data, size_t len, uint8_t out[32]);

#endif
