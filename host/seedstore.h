/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RandomX caches and datasets of one process: memory obtained once, rebuilt for each new seed.
 *
 * A store has `slots` caches (a pool keeps two: the current and the previous seed) and at most one
 * dataset, which belongs to the seed that was asked for last. It may be graded: only its first
 * items are precomputed, the cache gives the others when they are read. The cache is built by the
 * caller's thread, the dataset by helper threads that the store starts for the time of the build,
 * pinned to the given CPUs; the caller's thread waits and reports progress.
 *
 * On a machine with several NUMA nodes there may be a copy of the dataset for each of them: see
 * host/numaplan.h.
 */
#ifndef PLAB_HOST_SEEDSTORE_H
#define PLAB_HOST_SEEDSTORE_H

#include <stdatomic.h>

#include "host/numaplan.h"
#include "host/pages.h"
#include "pow/algo.h"
#include "pow/kernel.h"

struct plab_seedstore;
struct plab_rx_cache;

enum plab_rx_mode {
    PLAB_RX_AUTO,   /* fast if the memory is there, else light */
    PLAB_RX_FAST,   /* full dataset or an error */
    PLAB_RX_LIGHT,  /* cache only */
    PLAB_RX_GRADED, /* the part of the dataset that fits into a given size, or an error */
};

/* "auto", "fast", "light", "graded". */
const char *plab_rx_mode_name(enum plab_rx_mode mode);

/* Progress of a build, called from the building thread about ten times a second and at the end.
 * `stage` is a static string, "cache" or "dataset"; `done` runs from 0 to 1. */
typedef void plab_seed_progress_fn(void *cookie, const char *stage, double done, double elapsed_s);

struct plab_seedstore_config {
    const struct plab_algo *algo;       /* borrowed; decides memory sizes */
    const struct plab_kernels *kernels; /* copied */
    enum plab_rx_mode mode;
    uint64_t dataset_mem_bytes; /* PLAB_RX_GRADED: precompute what fits into that; 0 is light mode,
                                   the size of the dataset or more is fast mode */
    enum plab_page_policy pages;
    enum plab_numa_policy numa;
    unsigned slots;                  /* caches kept, 1 or more */
    bool ahead;                      /* plab_seedstore_build_ahead() may add one; every key that
                                        is asked for is then the newest */
    unsigned threads;                /* that fill the dataset, 1 or more */
    const int *cpus;                 /* `threads` OS indices or -1; NULL: not pinned; copied */
    const int *nodes;                /* NUMA node of each thread or -1; NULL: unknown; borrowed for
                                        plab_seedstore_create() */
    plab_seed_progress_fn *progress; /* may be NULL */
    void *progress_cookie;
    const atomic_bool *cancel; /* ends plab_seedstore_create() early (PLAB_E_INTERRUPTED) when it
                                  becomes true; borrowed for that call only; may be NULL */
};

/* A dataset as one NUMA node has it. */
struct plab_dataset_copy {
    int numa_node; /* OS index, PLAB_NUMA_ANY or PLAB_NUMA_SPREAD */
    const uint8_t *items;
};

/* What a seed gives to hashers. Valid until `slots` newer seeds were asked for (cache) or one newer
 * seed was (dataset). An older seed that is still in a slot has no dataset: it is for the few
 * hashes of a check, in light mode. */
struct plab_seed_view {
    const struct plab_rx_cache *cache;
    const uint8_t *dataset; /* the first copy; NULL in light mode */
    uint64_t dataset_items; /* precomputed: 0 in light mode, all in fast mode, else graded */
    const struct plab_dataset_copy *copies; /* NULL in light mode */
    unsigned copy_count;
    bool cache_ready; /* the cache had been built before it was asked for */
};

/* The copy of the dataset that a worker on a NUMA node (-1: any) should read; NULL in light mode.
 */
const uint8_t *plab_seed_view_dataset(const struct plab_seed_view *view, int numa_node);

/* Allocates the memory. PLAB_E_NOMEM names what is needed, what is there and what would fit (a part
 * of the dataset, light mode); with PLAB_RX_AUTO it falls back to light mode by itself.
 * PLAB_E_RESOURCE when huge pages are required and there are too few. */
PLAB_NODISCARD enum plab_status plab_seedstore_create(struct plab_seedstore **out,
                                                      const struct plab_seedstore_config *config,
                                                      struct plab_error *err);
void plab_seedstore_destroy(struct plab_seedstore **store);

/* The mode that was obtained: PLAB_RX_FAST, PLAB_RX_LIGHT or PLAB_RX_GRADED. */
enum plab_rx_mode plab_seedstore_mode(const struct plab_seedstore *store);

/* What a dataset is and how it lies, for reports. */
struct plab_dataset_report {
    uint64_t full_bytes;        /* of a whole one; 0: not RandomX, or unknown yet */
    uint64_t precomputed_bytes; /* of one copy */
    unsigned copies;            /* 0 in light mode */
    int numa_node;              /* of the first copy: OS index, PLAB_NUMA_ANY, PLAB_NUMA_SPREAD */
};
void plab_seedstore_dataset(const struct plab_seedstore *store, struct plab_dataset_report *report);

/* "2080 of 2080 MiB precomputed (100 %), 2 NUMA copies". Returns `out`. */
const char *plab_dataset_describe(const struct plab_dataset_report *report, char *out,
                                  size_t out_cap);

/* How much of a whole dataset is precomputed; 0 for an empty report. */
double plab_dataset_percent(const struct plab_dataset_report *report);

/* Adds the store's memory to a report; any thread. */
void plab_seedstore_pages(const struct plab_seedstore *store, struct plab_pages_report *report);

/* Gives the view of `key`, building it first when the store doesn't have it. No hasher may still
 * use the slot that is overwritten (the oldest), nor the dataset. When `*cancel` (may be NULL)
 * becomes true, ends within half a second: PLAB_E_INTERRUPTED. PLAB_E_INPUT for a key longer than
 * PLAB_RX_KEY_MAX_BYTES. One caller at a time. */
PLAB_NODISCARD enum plab_status plab_seedstore_get(struct plab_seedstore *store, const uint8_t *key,
                                                   size_t key_len, const atomic_bool *cancel,
                                                   struct plab_seed_view *view,
                                                   struct plab_error *err);

/* Builds the cache of a key that will be asked for soon, without progress, while hashers go on with
 * the seed that plab_seedstore_get() gave last; takes its memory at the first call. A second key
 * replaces the first. PLAB_OK when the cache is there; PLAB_E_NOMEM, PLAB_E_RESOURCE when there is
 * no memory to spare (twice a cache must be available); PLAB_E_INTERRUPTED; PLAB_E_INPUT as above.
 * Counts as a caller of plab_seedstore_get(). The store was created with `ahead`. */
PLAB_NODISCARD enum plab_status plab_seedstore_build_ahead(struct plab_seedstore *store,
                                                           const uint8_t *key, size_t key_len,
                                                           const atomic_bool *cancel,
                                                           struct plab_error *err);

#endif
