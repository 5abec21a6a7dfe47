/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Skein-512 with 256 bits of output. Source: Ferguson et al., "The Skein hash function family",
 * version 1.3, sections 3.3 to 3.5.
 */
#ifndef PLAB_POW_SKEIN512_H
#define PLAB_POW_SKEIN512_H

#include <stddef.h>
#include <stdint.h>

/* Writes the digest of `len` bytes of `data` to `out`, which may overlap `data`. */
void plab_skein512_256(const uint8_t *data, size_t len, uint8_t out[32]);

#endif
