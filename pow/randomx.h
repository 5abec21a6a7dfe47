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
struct plab_hash_input; /* pow/hasher.h */

/* How often each instruction occurs: which of the 256 opcodes mean it. Source: [RXSPEC] tables
 * 5.2.1 to 5.5.1; the variants' configuration headers. */
enum plab_rx_opcodes {
    PLAB_RX_OPCODES_BASE, /* rx/0 and most others */
    PLAB_RX_OPCODES_WOW,
    PLAB_RX_OPCODES_GRAFT,
    PLAB_RX_OPCODES_LOKI,
    PLAB_RX_OPCODES_COUNT
};

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
    enum plab_rx_opcodes opcodes;
    bool four_keys; /* programs are generated with one set of AES keys for all columns: rx/wow */
    bool v2; /* gated CFROUND, AES mix of F and E, prefetch two iterations ahead, commitment */
};

/* rx/0 and rx/2, rx/wow (Wownero), rx/arq (ArQmA), rx/graft (Graft), rx/sfx (Safex), rx/yada
 * (YadaCoin), rx/keva (Kevacoin), rx/loki (Loki), rx/xeq (Equilibria). */
extern const struct plab_rx_params plab_rx_params_0, plab_rx_params_2, plab_rx_params_wow,
    plab_rx_params_arq, plab_rx_params_graft, plab_rx_params_sfx, plab_rx_params_yada,
    plab_rx_params_keva, plab_rx_params_loki, plab_rx_params_xeq;

/* Bytes of cache and dataset memory, and number of dataset items. */
size_t plab_rx_cache_bytes(const struct plab_rx_params *params);
size_t plab_rx_dataset_bytes(const struct plab_rx_params *params);
uint64_t plab_rx_dataset_items(const struct plab_rx_params *params);

/* True if caches and datasets of the two variants are interchangeable (rx/0 and rx/2; all others
 * differ). */
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

/* Machines that one VM has at most: what a batch of shares is verified in. */
#define PLAB_RX_LANES_MAX 8

/* What suits lockstep: the items of four machines, two of each, or in v2 of five, three of each,
 * fill vectors of eight, and the scratchpads of more don't share a core's caches well
 * (docs/performance.md). */
#define PLAB_RX_LANES_LOCKSTEP_V1 4
#define PLAB_RX_LANES_LOCKSTEP_V2 5

/* Of these, so many run in one loop over a dataset; more are taken in groups. */
#define PLAB_RX_LOOP_LANES_MAX 4

/* Creates a virtual machine for one thread, with `lanes` (1 .. PLAB_RX_LANES_MAX) machines that
 * work in turn on as many hashes: while one waits for memory, another computes. Borrows `params`
 * and, until destroyed, `scratchpads` (64-byte aligned, lanes * params->l3_bytes); copies
 * `*kernels`. Where the system allows no machine code, kernels that need it are replaced by
 * portable ones. Errors: PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_rx_vm_create(struct plab_rx_vm **out,
                                                  const struct plab_rx_params *params,
                                                  const struct plab_kernels *kernels,
                                                  unsigned lanes, void *scratchpads);

/* Frees it and sets `*vm` to NULL; NULL is fine. */
void plab_rx_vm_destroy(struct plab_rx_vm **vm);

/* What to read items from: the first `dataset_items` of the dataset (`dataset` is 64-byte aligned;
 * NULL if there are none). All of them: fast mode. Others are computed from the cache when they are
 * read: none precomputed is light mode, with the same hashes about ten times slower, and everything
 * between is a graded dataset. Both are borrowed until replaced; `cache` may be NULL if the dataset
 * is whole. Not between plab_rx_vm_start() and the end of its pipeline. */
void plab_rx_vm_set_seed(struct plab_rx_vm *vm, const struct plab_rx_cache *cache,
                         const uint8_t *dataset, uint64_t dataset_items);

/* Hashing is a pipeline, since the end of one hash and the start of the next go over the same
 * memory: start(A), next(B) gives the hashes of A, next(C) those of B, next(NULL) those of C and
 * ends it. Starting again drops what was under way. A seed must have been set. The thread's
 * floating-point control word is as before after each call. Source: [RXSPEC] section 2. */

/* Begins with `count` (1 .. lanes) inputs. */
void plab_rx_vm_start(struct plab_rx_vm *vm, const struct plab_hash_input *inputs, unsigned count);

/* Writes the hashes of the inputs given last to `out`, as many as there were; and begins with the
 * same number of further `inputs`, unless they are NULL. */
void plab_rx_vm_next(struct plab_rx_vm *vm, const struct plab_hash_input *inputs,
                     uint8_t (*out)[PLAB_HASH_BYTES]);

/* One hash, alone. */
void plab_rx_vm_hash(struct plab_rx_vm *vm, const uint8_t *input, size_t input_len,
                     uint8_t out[PLAB_HASH_BYTES]);

/* BLAKE2b-256(input || hash), what rx/2 compares with the target. Source: RandomX v2 design,
 * "Commitment". */
void plab_rx_commitment(const uint8_t *input, size_t input_len, const uint8_t hash[PLAB_HASH_BYTES],
                        uint8_t out[PLAB_HASH_BYTES]);

#endif
