/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/peers/ours.h"

#include <stdlib.h>

#include "pow/hasher.h"
#include "pow/randomx.h"

struct ours_thread {
    struct plab_pages scratchpads; /* of all lanes */
    struct plab_hasher *hasher;
};

struct plab_ours {
    const struct plab_rx_params *params;
    struct plab_kernels kernels;
    const struct plab_pin_plan *plan; /* borrowed */
    struct plab_pages cache_pages, window;
    struct plab_rx_cache *cache;
    struct ours_thread *threads;
    enum plab_peers_style style;
    struct plab_tuning tuning; /* of the hashers */
};

static enum plab_status allocate(struct plab_ours *ours, uint64_t window_items,
                                 struct plab_error *err) {
    enum plab_status status = plab_pages_map(&ours->cache_pages, plab_rx_cache_bytes(ours->params),
                                             PLAB_PAGES_AUTO, -1, err);
    if (status == PLAB_OK) {
        status = plab_pages_map(&ours->window, (size_t)window_items * PLAB_RX_ITEM_BYTES,
                                PLAB_PAGES_AUTO, -1, err);
    }
    if (status == PLAB_OK) {
        ours->threads = calloc(ours->plan->threads, sizeof *ours->threads);
        status = ours->threads == NULL
                     ? PLAB_E_NOMEM
                     : plab_rx_cache_create(&ours->cache, ours->params, &ours->kernels,
                                            ours->cache_pages.addr);
        if (status != PLAB_OK) {
            plab_fail(err, status, "not enough memory for a cache");
        }
    }
    return status;
}

enum plab_status plab_ours_create(struct plab_ours **out, const struct plab_rx_params *params,
                                  const struct plab_kernels *kernels,
                                  const struct plab_pin_plan *plan, uint64_t window_items,
                                  struct plab_error *err) {
    struct plab_ours *ours = calloc(1, sizeof *ours);
    if (ours == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory");
    }
    ours->params = params;
    ours->kernels = *kernels;
    ours->plan = plan;
    enum plab_status status = allocate(ours, window_items, err);
    if (status != PLAB_OK) {
        plab_ours_destroy(&ours);
    }
    *out = ours;
    return status;
}

void plab_ours_destroy(struct plab_ours **ours) {
    if (*ours == NULL) {
        return;
    }
    if ((*ours)->threads != NULL) {
        plab_ours_close(*ours);
    }
    plab_rx_cache_destroy(&(*ours)->cache);
    plab_pages_unmap(&(*ours)->cache_pages);
    plab_pages_unmap(&(*ours)->window);
    free((*ours)->threads);
    free(*ours);
    *ours = NULL;
}

enum plab_status plab_ours_build_cache(struct plab_ours *ours, const uint8_t *key, size_t key_len,
                                       struct plab_error *err) {
    return plab_rx_cache_build(ours->cache, key, key_len, NULL, err);
}

const uint8_t *plab_ours_cache_memory(const struct plab_ours *ours) {
    return ours->cache_pages.addr;
}

uint8_t *plab_ours_window(const struct plab_ours *ours) {
    return ours->window.addr;
}

void plab_ours_fill(const struct plab_ours *ours, uint64_t first, uint64_t count, uint8_t *out) {
    plab_rx_dataset_fill(ours->cache, first, count, out);
}

/* ---- hashing ---- */

static enum plab_status open_thread(struct plab_ours *ours, unsigned thread,
                                    const struct plab_algo *algo, const uint8_t *dataset,
                                    struct plab_error *err) {
    struct ours_thread *t = &ours->threads[thread];
    struct plab_kernels kernels = ours->kernels;
    unsigned lanes = ours->tuning.choice.lanes;
    enum plab_status status =
        plab_pages_map(&t->scratchpads, lanes * algo->scratchpad_bytes, PLAB_PAGES_AUTO,
                       ours->plan->slots[thread].numa_node, err);
    if (status != PLAB_OK) {
        return status;
    }
    plab_tune_apply(&ours->tuning.choice, &kernels);
    status = plab_hasher_create(&t->hasher, algo, &kernels, lanes, t->scratchpads.addr);
    if (status != PLAB_OK) {
        return plab_fail(err, status, "not enough memory for a hasher");
    }
    plab_hasher_set_seed(t->hasher, ours->cache, dataset,
                         dataset != NULL ? plab_rx_dataset_items(algo->rx) : 0);
    return plab_hasher_check(t->hasher, PLAB_PEERS_BLOB_BYTES, err);
}

/* Tunes as the other verbs do; the dataset is not one of a seed store, so its view is made here. */
static enum plab_status tune(struct plab_ours *ours, const struct plab_algo *algo,
                             const uint8_t *dataset, unsigned threads,
                             const struct plab_ours_tuning *how) {
    const struct plab_seed_view seed = {
        .cache = ours->cache, .dataset = dataset, .dataset_items = plab_rx_dataset_items(algo->rx)};
    struct plab_pages_report memory = {0};
    plab_pages_add(&memory, &ours->cache_pages);
    const struct plab_tune_config config = {.setup = how->setup,
                                            .algo = algo,
                                            .kernels = &ours->kernels,
                                            .slots = ours->plan->slots,
                                            .threads = threads,
                                            .pages = PLAB_PAGES_AUTO,
                                            .seed = &seed,
                                            .memory = &memory,
                                            .lanes = how->lanes};
    return plab_tune_run(&ours->tuning, &config);
}

enum plab_status plab_ours_open(struct plab_ours *ours, const struct plab_algo *algo,
                                const uint8_t *dataset, enum plab_peers_style style,
                                unsigned threads, const struct plab_ours_tuning *tuning,
                                struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    plab_ours_close(ours);
    ours->style = style;
    if (style == PLAB_PEERS_STREAM && dataset != NULL) {
        status = tune(ours, algo, dataset, threads, tuning);
    } else {
        ours->tuning = (struct plab_tuning){.ratio = 1};
        plab_tune_default(&ours->tuning.choice, algo, &ours->kernels, dataset != NULL,
                          style == PLAB_PEERS_SINGLE ? 1 : 0);
    }
    for (unsigned i = 0; i < threads && status == PLAB_OK; i++) {
        status = open_thread(ours, i, algo, dataset, err);
    }
    return status;
}

void plab_ours_close(struct plab_ours *ours) {
    for (unsigned i = 0; i < ours->plan->threads; i++) {
        plab_hasher_destroy(&ours->threads[i].hasher);
        plab_pages_unmap(&ours->threads[i].scratchpads);
    }
}

/* The next `count` inputs of a pipeline. */
struct group {
    uint8_t blobs[PLAB_RX_LANES_MAX][PLAB_PEERS_BLOB_BYTES];
    struct plab_hash_input inputs[PLAB_RX_LANES_MAX];
};

static const struct plab_hash_input *group(struct group *group, uint32_t first, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        plab_peers_input(group->blobs[i], first + i);
        group->inputs[i] = (struct plab_hash_input){group->blobs[i], PLAB_PEERS_BLOB_BYTES};
    }
    return group->inputs;
}

static void hash_pipelined(struct plab_hasher *hasher, unsigned lanes, uint32_t first,
                           uint32_t count, uint8_t (*out)[PLAB_HASH_BYTES]) {
    struct group g;
    uint32_t end = first + count;
    while (first < end) {
        unsigned now = end - first < lanes ? end - first : lanes;
        plab_hasher_start(hasher, group(&g, first, now), now);
        for (; first + 2 * now <= end; first += now, out += now) {
            plab_hasher_next(hasher, group(&g, first + now, now), out);
        }
        plab_hasher_next(hasher, NULL, out);
        first += now;
        out += now;
    }
}

static void hash_singly(struct plab_hasher *hasher, uint32_t first, uint32_t count,
                        uint8_t (*out)[PLAB_HASH_BYTES]) {
    uint8_t blob[PLAB_PEERS_BLOB_BYTES];
    for (uint32_t i = 0; i < count; i++) {
        plab_peers_input(blob, first + i);
        plab_hasher_hash(hasher, blob, sizeof blob, out[i]);
    }
}

void plab_ours_hash(struct plab_ours *ours, unsigned thread, uint32_t first, uint32_t count,
                    uint8_t (*out)[PLAB_HASH_BYTES]) {
    struct plab_hasher *hasher = ours->threads[thread].hasher;
    uint32_t step = ours->style == PLAB_PEERS_BATCHES ? PLAB_PEERS_BATCH : count;
    if (ours->style == PLAB_PEERS_SINGLE) {
        hash_singly(hasher, first, count, out);
        return;
    }
    for (uint32_t i = 0; i < count; i += step) {
        hash_pipelined(hasher, ours->tuning.choice.lanes, first + i, step, out + i);
    }
}

const struct plab_tuning *plab_ours_tuning(const struct plab_ours *ours) {
    return &ours->tuning;
}

void plab_ours_pages(const struct plab_ours *ours, struct plab_pages_report *report) {
    plab_pages_add(report, &ours->cache_pages);
    plab_pages_add(report, &ours->window);
    for (unsigned i = 0; i < ours->plan->threads; i++) {
        plab_pages_add(report, &ours->threads[i].scratchpads);
    }
}
