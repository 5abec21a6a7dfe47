/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * librandomx as the other side of `make bench-peers`: everything it can do is switched on (machine
 * code, hardware AES, its fastest Argon2, its pipelined interface, large pages).
 */
#ifndef PLAB_BENCH_PEERS_THEIRS_H
#define PLAB_BENCH_PEERS_THEIRS_H

#include <stdbool.h>

#include "bench/peers/work.h"
#include "host/pages.h"

struct plab_theirs;

/* True if the library that is linked knows RandomX v2. */
bool plab_theirs_have_v2(void);

/* Allocates a cache and a dataset, on explicit huge pages if the system has enough of them, else on
 * transparent ones. A dataset that is not meant to be `complete` only takes memory where it is
 * touched. Errors: PLAB_E_NOMEM, PLAB_E_UNSUPPORTED (no machine code on this processor). */
PLAB_NODISCARD enum plab_status plab_theirs_create(struct plab_theirs **out, unsigned threads,
                                                   bool complete, struct plab_error *err);
void plab_theirs_destroy(struct plab_theirs **theirs);

/* True if the library has a faster Argon2d than its portable one for this processor. */
bool plab_theirs_have_argon2(const struct plab_theirs *theirs);

/* Allocates the cache anew, to be built by the library's fastest Argon2d (as it is from the start)
 * or by its portable one. PLAB_E_NOMEM leaves it without a cache. */
PLAB_NODISCARD enum plab_status plab_theirs_set_argon2(struct plab_theirs *theirs, bool fastest,
                                                       struct plab_error *err);

/* Builds the cache for a key, with the calling thread. */
void plab_theirs_build_cache(struct plab_theirs *theirs, const uint8_t *key, size_t key_len);

/* Memory of the cache and of the dataset. */
const uint8_t *plab_theirs_cache_memory(const struct plab_theirs *theirs);
uint8_t *plab_theirs_dataset_memory(const struct plab_theirs *theirs);

/* Computes dataset items in their places. Threads may call it at once for different ranges. */
void plab_theirs_fill(struct plab_theirs *theirs, uint64_t first, uint64_t count);

/* Makes a machine for each of the first `threads` threads: fast mode over the dataset, which
 * somebody completed, or light mode over the cache; RandomX v2 if `v2`. Replaces those of an
 * earlier call. */
PLAB_NODISCARD enum plab_status plab_theirs_open(struct plab_theirs *theirs, bool v2, bool fast,
                                                 enum plab_peers_style style, unsigned threads,
                                                 struct plab_error *err);
void plab_theirs_close(struct plab_theirs *theirs);

/* Hashes of nonces first .. first + count - 1 with the machine of `thread`. `count` is a multiple
 * of PLAB_PEERS_BATCH. */
void plab_theirs_hash(struct plab_theirs *theirs, unsigned thread, uint32_t first, uint32_t count,
                      uint8_t (*out)[PLAB_HASH_BYTES]);

/* What this side asked for and got, as far as it can be known from outside: explicit huge pages, or
 * all transparent ones of the process that are not in `ours`. Without an incomplete dataset. */
void plab_theirs_pages(const struct plab_theirs *theirs, const struct plab_pages_report *ours,
                       struct plab_pages_report *report);

#endif
