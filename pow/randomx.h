/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RandomX: cache, dataset and virtual machine. Source: [RXSPEC].
 *
 * A cache (256 MiB for rx/0) is made from a key with Argon2d; a dataset (2080 MiB) is computed from
 * the cache item by item. rx/0 and rx/2 share both. Memory is the caller's (host/ allocates it), so
 * that this file needs nothing but libc.
 */
#ifndef PLAB_POW_RANDOMX_H
#define PLAB_POW_RANDOMX_H

#include <stdatomic.h>

#include "pow/algo.h"
#include "pow/kernel.h"

#define PLAB_RX_ITEM_BYTES 64

struct plab_rx_cache;
struct plab_rx_vm;

/* Parameters of one variant. Source: [RXSPEC] table 1.2.1; units in the names. */
struct plab_rx_params {
    uint32_t argon_kib;
    uint32_t argon_passes;
    uint32_t argon_lanes;
    const char *argon_salt; /* without the NUL */
    uint32_t cache_accesses;
    uint32_t superscalar_latency;
    uint64_t dataset_base_bytes;  /* a power of two */
    uint64_t dataset_extra_bytes; /* a multiple of 64 */
    uint32_t program_size;        /* instructions: a multiple of 8, at most 384 */
    uint32_t program_iterations;
    uint32_t program_count;
    uint32_t l1_bytes, l2_bytes, l3_bytes; /* scratchpad levels, powers of two */
    bool v2; /* gated CFROUND, AES mix of F and E, prefetch two iterations ahead, commitment */
};

/* rx/0 and rx/2. */
extern const struct plab_rx_params plab_rx_params_0, plab_rx_params_2;

/* Bytes of cache and dataset memory, and number of dataset items. */
size_t plab_rx_cache_bytes(const struct plab_rx_params *params);
size_t plab_rx_dataset_bytes(const struct plab_rx_params *params);
uint64_t plab_rx_dataset_items(const struct plab_rx_params *params);

/* True if caches and datasets of the two variants are interchangeable (rx/0 and rx/2). */
bool plab_rx_same_dataset(const struct plab_rx_params *a, const struct plab_rx_params *b);

/* Creates an empty cache over `memory` (borrowed until destroyed; 64-byte aligned,
 * plab_rx_cache_bytes()). Errors: PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_rx_cache_create(struct plab_rx_cache **out,
                                                     const struct plab_rx_params *params,
                                                     const struct plab_kernels *kernels,
                                                     void *memory);
void plab_rx_cache_destroy(struct plab_rx_cache **cache);

/* Builds the cache for a key of 0..PLAB_RX_KEY_MAX_BYTES bytes (PLAB_E_INPUT above), about a
 * second. Looks at `*cancel` (may be NULL) every few milliseconds; when it becomes true, returns
 * PLAB_E_INTERRUPTED and leaves the cache unusable until built again. */
PLAB_NODISCARD enum plab_status plab_rx_cache_build(struct plab_rx_cache *cache, const uint8_t *key,
                                                    size_t key_len, const atomic_bool *cancel,
                                                    struct plab_error *err);

/* Computes dataset items first .. first + count - 1 into `out` (count * 64 bytes, 64-byte aligned).
 * Threads may call it at once for different ranges. Source: [RXSPEC] section 7.3. */
void plab_rx_dataset_fill(const struct plab_rx_cache *cache, uint64_t first, uint64_t count,
                          uint8_t *out);

/* Creates a virtual machine for one thread. Borrows `params` and, until destroyed, `scratchpad`
 * (64-byte aligned, params->l3_bytes); copies `*kernels`. Errors: PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_rx_vm_create(struct plab_rx_vm **out,
                                                  const struct plab_rx_params *params,
                                                  const struct plab_kernels *kernels,
                                                  void *scratchpad);

/* Frees it and sets `*vm` to NULL; NULL is fine. */
void plab_rx_vm_destroy(struct plab_rx_vm **vm);

/* What to read items from: the first `dataset_items` of them from `dataset` (64-byte aligned), the
 * others from the cache, which computes each item when it is read. All of
 * plab_rx_dataset_items() is fast mode, 0 light mode (the same hashes, about ten times slower),
 * anything between a graded dataset. Both are borrowed until replaced; `cache` may be NULL if the
 * dataset is complete, `dataset` if `dataset_items` is 0. */
void plab_rx_vm_set_seed(struct plab_rx_vm *vm, const struct plab_rx_cache *cache,
                         const uint8_t *dataset, uint64_t dataset_items);

/* The RandomX hash of any input. A seed must have been set. Changes the thread's floating-point
 * rounding during the call and restores it. Source: [RXSPEC] section 2. */
void plab_rx_vm_hash(struct plab_rx_vm *vm, const uint8_t *input, size_t input_len,
                     uint8_t out[PLAB_HASH_BYTES]);

/* BLAKE2b-256(input || hash), what rx/2 compares with the target. Source: RandomX v2 design,
 * "Commitment". */
void plab_rx_commitment(const uint8_t *input, size_t input_len, const uint8_t hash[PLAB_HASH_BYTES],
                        uint8_t out[PLAB_HASH_BYTES]);

#endif
