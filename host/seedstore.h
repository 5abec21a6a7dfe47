/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RandomX caches and datasets of one process: memory obtained once, rebuilt for each new seed.
 *
 * A store has `slots` caches (a pool keeps two: the current and the previous seed) and at most one
 * dataset, which belongs to the seed that was built last. The cache is built by the caller's
 * thread, the dataset by helper threads that the store starts for the time of the build, pinned to
 * the given CPUs; the caller's thread waits and reports progress.
 */
#ifndef PLAB_HOST_SEEDSTORE_H
#define PLAB_HOST_SEEDSTORE_H

#include <stdatomic.h>

#include "host/pages.h"
#include "pow/algo.h"
#include "pow/kernel.h"

struct plab_seedstore;
struct plab_rx_cache;

enum plab_rx_mode {
    PLAB_RX_AUTO,  /* fast if the memory is there, else light */
    PLAB_RX_FAST,  /* full dataset or an error */
    PLAB_RX_LIGHT, /* cache only */
};

/* Progress of a build, called from the building thread about ten times a second and at the end.
 * `stage` is "cache" or "dataset", `done` runs from 0 to 1. */
typedef void plab_seed_progress_fn(void *cookie, const char *stage, double done, double elapsed_s);

struct plab_seedstore_config {
    const struct plab_algo *algo;       /* borrowed; decides memory sizes */
    const struct plab_kernels *kernels; /* copied */
    enum plab_rx_mode mode;
    enum plab_page_policy pages;
    unsigned slots;                  /* caches kept, 1 or more */
    unsigned threads;                /* that fill the dataset, 1 or more */
    const int *cpus;                 /* `threads` OS indices or -1; NULL: not pinned; copied */
    plab_seed_progress_fn *progress; /* may be NULL */
    void *progress_cookie;
    const atomic_bool *cancel; /* ends plab_seedstore_create() early (PLAB_E_INTERRUPTED) when it
                                  becomes true; borrowed for that call only; may be NULL */
};

/* What a seed gives to hashers. Valid until `slots` newer seeds were built (cache) or one newer
 * seed was built (dataset). An older seed that is still in a slot has no dataset: it is for the few
 * hashes of a check, in light mode. */
struct plab_seed_view {
    const struct plab_rx_cache *cache;
    const uint8_t *dataset; /* NULL in light mode */
    uint64_t dataset_items; /* precomputed: 0 in light mode, all in fast mode, else graded */
};

/* Allocates the memory. PLAB_E_NOMEM names what is needed, what is there and what would fit (light
 * mode); with PLAB_RX_AUTO it falls back to light mode by itself. PLAB_E_RESOURCE when huge pages
 * are required and there are too few. */
PLAB_NODISCARD enum plab_status plab_seedstore_create(struct plab_seedstore **out,
                                                      const struct plab_seedstore_config *config,
                                                      struct plab_error *err);
void plab_seedstore_destroy(struct plab_seedstore **store);

/* The mode that was obtained: PLAB_RX_FAST or PLAB_RX_LIGHT. */
enum plab_rx_mode plab_seedstore_mode(const struct plab_seedstore *store);

/* Adds the store's memory to a report. */
void plab_seedstore_pages(const struct plab_seedstore *store, struct plab_pages_report *report);

/* Gives the view of `key`, building it first when the store doesn't have it. No hasher may still
 * use the slot that is overwritten (the oldest), nor the dataset. When `*cancel` (may be NULL)
 * becomes true, ends within half a second: PLAB_E_INTERRUPTED. PLAB_E_INPUT for a key longer than
 * PLAB_RX_KEY_MAX_BYTES. One caller at a time. */
PLAB_NODISCARD enum plab_status plab_seedstore_get(struct plab_seedstore *store, const uint8_t *key,
                                                   size_t key_len, const atomic_bool *cancel,
                                                   struct plab_seed_view *view,
                                                   struct plab_error *err);

#endif
