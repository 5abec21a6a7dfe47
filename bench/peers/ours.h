/* SPDX-License-Identifier: BSD-3-Clause */
/* powlab's side of `make bench-peers`. */
#ifndef PLAB_BENCH_PEERS_OURS_H
#define PLAB_BENCH_PEERS_OURS_H

#include "bench/peers/work.h"
#include "host/pages.h"
#include "host/pinplan.h"
#include "host/tune.h"
#include "pow/kernel.h"

struct plab_ours;

/* Allocates the cache of `params` and room for `window_items` dataset items. Borrows `plan` (one
 * slot a thread) until destroyed; copies `*kernels`. Errors: those of plab_pages_map(). */
PLAB_NODISCARD enum plab_status plab_ours_create(struct plab_ours **out,
                                                 const struct plab_rx_params *params,
                                                 const struct plab_kernels *kernels,
                                                 const struct plab_pin_plan *plan,
                                                 uint64_t window_items, struct plab_error *err);
void plab_ours_destroy(struct plab_ours **ours);

/* Builds the cache for a key, with the calling thread. */
PLAB_NODISCARD enum plab_status plab_ours_build_cache(struct plab_ours *ours, const uint8_t *key,
                                                      size_t key_len, struct plab_error *err);

/* Memory of the cache, plab_rx_cache_bytes(). */
const uint8_t *plab_ours_cache_memory(const struct plab_ours *ours);

/* Room for `window_items` dataset items, on the same pages as everything else. */
uint8_t *plab_ours_window(const struct plab_ours *ours);

/* Computes dataset items into `out` (64-byte aligned). Threads may call it at once. */
void plab_ours_fill(const struct plab_ours *ours, uint64_t first, uint64_t count, uint8_t *out);

/* How powlab is to hash streams in fast mode. Borrowed. */
struct plab_ours_tuning {
    const struct plab_tune_setup *setup;
    unsigned lanes; /* 0: what the tuner finds, or the default */
};

/* Makes a hasher of `algo` for each of the first `threads` threads: fast mode with a complete
 * `dataset`, light mode if it is NULL. Streams in fast mode are tuned with these threads first, as
 * in powlab bench; batches have powlab's default number of lanes, single hashes one. Replaces those
 * of an earlier call. */
PLAB_NODISCARD enum plab_status plab_ours_open(struct plab_ours *ours, const struct plab_algo *algo,
                                               const uint8_t *dataset, enum plab_peers_style style,
                                               unsigned threads,
                                               const struct plab_ours_tuning *tuning,
                                               struct plab_error *err);
void plab_ours_close(struct plab_ours *ours);

/* Hashes of nonces first .. first + count - 1 with the hasher of `thread`. `count` is
 * a multiple of PLAB_PEERS_BATCH. */
void plab_ours_hash(struct plab_ours *ours, unsigned thread, uint32_t first, uint32_t count,
                    uint8_t (*out)[PLAB_HASH_BYTES]);

/* What they were made with. */
const struct plab_tuning *plab_ours_tuning(const struct plab_ours *ours);

/* Adds all of this side's memory to a report. */
void plab_ours_pages(const struct plab_ours *ours, struct plab_pages_report *report);

#endif
