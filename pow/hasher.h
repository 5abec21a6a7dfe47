/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hash, as a value: create a hasher for an algorithm, give it a seed or a height, hash.
 *
 * One hasher belongs to one thread. It has one or more lanes, hashes that are under way at the same
 * time. It borrows its kernels, its scratchpads and, for RandomX, a cache or dataset that many
 * hashers share. Nothing is allocated after plab_hasher_create(), and
 * hashing cannot fail once plab_hasher_check() said that the input is good.
 */
#ifndef PLAB_POW_HASHER_H
#define PLAB_POW_HASHER_H

#include "pow/algo.h"
#include "pow/kernel.h"

struct plab_hasher;
struct plab_rx_cache; /* pow/randomx.h */

/* What is to be hashed; `data` is borrowed for the call. */
struct plab_hash_input {
    const uint8_t *data;
    size_t len;
};

/* Lanes that a hasher of `algo` can have at most. */
unsigned plab_hasher_lanes_max(const struct plab_algo *algo);

/* Lanes that suit `algo` with these kernels, before anything was measured: several over a whole
 * dataset, where one hash computes while another waits for memory; four or five where items are
 * computed, since they are computed together; one where programs are interpreted, so that a
 * group doesn't take seconds. */
unsigned plab_hasher_lanes_default(const struct plab_algo *algo, const struct plab_kernels *kernels,
                                   bool whole_dataset);

/* Creates a hasher with `lanes` lanes. Borrows `algo` and, until destroyed, `scratchpads` (64-byte
 * aligned, lanes * algo->scratchpad_bytes); copies `*kernels`. Errors: PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_hasher_create(struct plab_hasher **out,
                                                   const struct plab_algo *algo,
                                                   const struct plab_kernels *kernels,
                                                   unsigned lanes, void *scratchpads);

/* Frees it and sets `*hasher` to NULL; NULL is fine. */
void plab_hasher_destroy(struct plab_hasher **hasher);

/* RandomX: which cache to use from now on (borrowed, built), and the first `dataset_items` items of
 * the dataset made from it (64-byte aligned): all of them in fast mode, none in light mode, where
 * `dataset` may be NULL. See plab_rx_vm_set_seed(). */
void plab_hasher_set_seed(struct plab_hasher *hasher, const struct plab_rx_cache *cache,
                          const uint8_t *dataset, uint64_t dataset_items);

/* cn/r: height of the block being mined. Other algorithms ignore it. */
void plab_hasher_set_height(struct plab_hasher *hasher, uint64_t height);

/* PLAB_OK when `hasher` can hash `input_len` bytes now; else PLAB_E_INPUT with the reason: too
 * short (cn/1), too long, no height set (cn/r), no seed set (RandomX). */
PLAB_NODISCARD enum plab_status plab_hasher_check(const struct plab_hasher *hasher,
                                                  size_t input_len, struct plab_error *err);

/* One hash. The input must have passed plab_hasher_check(). */
void plab_hasher_hash(struct plab_hasher *hasher, const uint8_t *input, size_t input_len,
                      uint8_t out[PLAB_HASH_BYTES]);

/* Hashing as a pipeline, for those who always know what comes next: start(A), next(B) gives the
 * hashes of A, next(C) those of B, next(NULL) those of C and ends it. The end of one RandomX hash
 * and the start of the next are one pass over the scratchpad. Setting a seed or a height in between
 * is not allowed; starting again drops what was under way, at no cost. */

/* Begins with `count` (1 .. lanes) inputs, each checked; they are copied where needed. */
void plab_hasher_start(struct plab_hasher *hasher, const struct plab_hash_input *inputs,
                       unsigned count);

/* Writes the hashes of the inputs given last to `out`, as many as there were; and begins with the
 * same number of further `inputs`, unless they are NULL. */
void plab_hasher_next(struct plab_hasher *hasher, const struct plab_hash_input *inputs,
                      uint8_t (*out)[PLAB_HASH_BYTES]);

/* The value that is compared with a target: for rx/2 the commitment BLAKE2b-256(input || hash),
 * for all others the hash itself. Source: [RXSPEC] v2, section "Commitment". */
void plab_algo_pow_value(const struct plab_algo *algo, const uint8_t *input, size_t input_len,
                         const uint8_t hash[PLAB_HASH_BYTES], uint8_t out[PLAB_HASH_BYTES]);

#endif
