/* SPDX-License-Identifier: BSD-3-Clause */
/* Fills a dataset, or its first items, with many threads: one helper for each worker, on its CPU.
 */
#ifndef PLAB_HOST_DATASET_FILL_H
#define PLAB_HOST_DATASET_FILL_H

#include "host/seedstore.h"

struct plab_dataset_fill {
    const struct plab_rx_cache *cache;
    uint64_t items;                  /* first ones of the dataset, 1 or more */
    uint8_t *const *copies;          /* memory for them, `copy_count` times (NUMA); computed once */
    unsigned copy_count;             /* 1 or more */
    unsigned threads;                /* 1 or more */
    const int *cpus;                 /* `threads` OS indices or -1; NULL: not pinned */
    const atomic_bool *cancel;       /* may be NULL */
    plab_seed_progress_fn *progress; /* about ten times a second and at the end; may be NULL */
    void *progress_cookie;
};

/* Runs it; everything is borrowed for the call. PLAB_E_INTERRUPTED when cancelled, within a few
 * milliseconds; PLAB_E_NOMEM, PLAB_E_RESOURCE when no thread could be started. */
PLAB_NODISCARD enum plab_status plab_dataset_fill(const struct plab_dataset_fill *config,
                                                  struct plab_error *err);

#endif
