/* SPDX-License-Identifier: BSD-3-Clause */
/* BLAKE2b with any output length and an optional key. Source: RFC 7693. */
#ifndef PLAB_POW_BLAKE2B_H
#define PLAB_POW_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define PLAB_BLAKE2B_BLOCK_BYTES 128
#define PLAB_BLAKE2B_MAX_BYTES 64

/* A hash under way. */
struct plab_blake2b {
    uint64_t h[8];
    uint64_t length; /* bytes compressed so far; messages stay below 2^64 bytes */
    size_t out_len;
    size_t fill; /* bytes waiting in `block` */
    uint8_t block[PLAB_BLAKE2B_BLOCK_BYTES];
};

/* Starts a hash of `out_len` bytes (1..64) with a key of `key_len` bytes (0..64; `key` may be NULL
 * when 0). */
void plab_blake2b_init(struct plab_blake2b *ctx, size_t out_len, const uint8_t *key,
                       size_t key_len);

/* Appends `len` bytes to the message. */
void plab_blake2b_update(struct plab_blake2b *ctx, const void *data, size_t len);

/* Writes the hash, as long as plab_blake2b_init() was told. The context is spent. */
void plab_blake2b_final(struct plab_blake2b *ctx, uint8_t *out);

/* Unkeyed hash of one piece. `out` and `data` may overlap. [RXSPEC]'s Hash256 and Hash512 are this
 * with 32 and 64 bytes. */
void plab_blake2b_hash(uint8_t *out, size_t out_len, const void *data, size_t len);

#endif
