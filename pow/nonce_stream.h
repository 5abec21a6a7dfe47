/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A blob hashed with one nonce after the other, in groups as large as the hasher has lanes and
 * without a gap between them: what miners and benchmarks do.
 */
#ifndef PLAB_POW_NONCE_STREAM_H
#define PLAB_POW_NONCE_STREAM_H

#include "pow/hasher.h"
#include "pow/randomx.h"

/* Largest blob: pools stay under 408 bytes. */
#define PLAB_STREAM_BLOB_MAX 512

/* Gives up to `count` nonces and returns how many: fewer, or 0, where they end. */
typedef unsigned plab_nonces_fn(void *cookie, uint32_t *nonces, unsigned count);

struct plab_stream_hash {
    uint32_t nonce;
    uint8_t hash[PLAB_HASH_BYTES];      /* raw */
    uint8_t pow_value[PLAB_HASH_BYTES]; /* what is compared with a target */
};

struct plab_nonce_stream {
    const struct plab_algo *algo;
    struct plab_hasher *hasher;
    unsigned lanes;
    size_t blob_len;
    uint8_t blob[PLAB_RX_LANES_MAX][PLAB_STREAM_BLOB_MAX]; /* the same but for the nonce */
    uint32_t nonce[PLAB_RX_LANES_MAX];                     /* under way */
    unsigned count;                                        /* under way; 0: nothing */
};

/* Begins with a blob of at most PLAB_STREAM_BLOB_MAX bytes that passed plab_hasher_check(). Borrows
 * the hasher, which has `lanes` lanes. An older stream of the same hasher ends, and what it had
 * under way is dropped. */
void plab_nonce_stream_init(struct plab_nonce_stream *stream, const struct plab_algo *algo,
                            struct plab_hasher *hasher, unsigned lanes, const uint8_t *blob,
                            size_t blob_len);

/* Hashes the next group and writes the results, in the order of the nonces, to `out`
 * (PLAB_RX_LANES_MAX). Takes nonces one group ahead. Returns how many there are; 0: all that
 * `take` ever gave have been hashed. */
unsigned plab_nonce_stream_next(struct plab_nonce_stream *stream, plab_nonces_fn *take,
                                void *cookie, struct plab_stream_hash *out);

#endif
