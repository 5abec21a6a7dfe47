/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/seedstore.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/dataset_fill.h"
#include "pow/randomx.h"

#define MIB (UINT64_C(1) << 20)
#define NS_PER_S 1e9

/* What `--dataset-mem` is proposed in, where there is not enough memory. */
#define PROPOSAL_BYTES (256 * MIB)

struct slot {
    struct plab_pages memory;    /* of its own; empty if it lies behind the dataset */
    struct plab_rx_cache *cache; /* NULL: has no memory yet */
    uint8_t key[PLAB_RX_KEY_MAX_BYTES];
    size_t key_len;
    bool built;
    uint64_t order; /* of the keys that were asked for; 0: nobody asked for this one yet */
};

struct plab_seedstore {
    struct plab_seedstore_config config;
    int *cpus; /* owned copy, or NULL */
    struct plab_kernels kernels;
    struct slot *slots;
    unsigned slot_count; /* with the one for building ahead, which is the last */
    uint64_t asked;      /* counts keys that were asked for: the newest slot's order */
    uint64_t cache_bytes;

    struct plab_numa_plan numa;
    uint64_t items;                                   /* to precompute; 0: light mode */
    uint64_t all_items;                               /* of a full dataset */
    struct plab_pages dataset[PLAB_MEMORY_NODES_MAX]; /* numa.copies of them, if `items` */
    struct plab_dataset_copy copies[PLAB_MEMORY_NODES_MAX];
    uint64_t dataset_order; /* of the slot that the dataset belongs to; 0: none */

    struct plab_seedstore *self; /* for locking from functions that take a const one */
    pthread_mutex_t lock; /* of all `memory` and `dataset`, after the creation: for reports */
};

/* ---- names ---- */

const char *plab_rx_mode_name(enum plab_rx_mode mode) {
    static const char *const names[] = {"auto", "fast", "light", "graded"};
    return (unsigned)mode < PLAB_ARRAY_LEN(names) ? names[mode] : "unknown";
}

const uint8_t *plab_seed_view_dataset(const struct plab_seed_view *view, int numa_node) {
    for (unsigned i = 0; i < view->copy_count; i++) {
        if (view->copies[i].numa_node == numa_node) {
            return view->copies[i].items;
        }
    }
    return view->dataset;
}

/* ---- builds ---- */

static void tell(const struct plab_seedstore *store, const char *stage, double done,
                 uint64_t start_ns) {
    if (store->config.progress != NULL) {
        store->config.progress(store->config.progress_cookie, stage, done,
                               (double)(plab_clock_ns() - start_ns) / NS_PER_S);
    }
}

static enum plab_status build_dataset(struct plab_seedstore *store, const struct slot *slot,
                                      const atomic_bool *cancel, struct plab_error *err) {
    const struct plab_seedstore_config *config = &store->config;
    uint8_t *copies[PLAB_MEMORY_NODES_MAX];
    for (unsigned i = 0; i < store->numa.copies; i++) {
        copies[i] = store->dataset[i].addr;
    }
    const struct plab_dataset_fill fill = {
        .cache = slot->cache,
        .items = store->items,
        .copies = copies,
        .copy_count = store->numa.copies,
        .threads = config->threads,
        .cpus = store->cpus,
        .cancel = cancel,
        .progress = config->progress,
        .progress_cookie = config->progress_cookie,
    };
    store->dataset_order = 0;
    enum plab_status status = plab_dataset_fill(&fill, err);
    if (status == PLAB_OK) {
        store->dataset_order = slot->order;
    }
    return status;
}

static enum plab_status build_cache(struct slot *slot, const uint8_t *key, size_t key_len,
                                    const atomic_bool *cancel, struct plab_error *err) {
    slot->built = false;
    slot->order = 0;
    enum plab_status status = plab_rx_cache_build(slot->cache, key, key_len, cancel, err);
    if (status == PLAB_OK) {
        memcpy(slot->key, key, key_len);
        slot->key_len = key_len;
        slot->built = true;
    }
    return status;
}

/* ---- slots ---- */

static struct slot *find_slot(const struct plab_seedstore *store, const uint8_t *key,
                              size_t key_len) {
    for (unsigned i = 0; i < store->slot_count; i++) {
        struct slot *slot = &store->slots[i];
        if (slot->built && slot->key_len == key_len && memcmp(slot->key, key, key_len) == 0) {
            return slot;
        }
    }
    return NULL;
}

/* The slot with memory that was asked for longest ago, or never. */
static struct slot *oldest_slot(const struct plab_seedstore *store) {
    struct slot *oldest = NULL;
    for (unsigned i = 0; i < store->slot_count; i++) {
        struct slot *slot = &store->slots[i];
        if (slot->cache != NULL && (oldest == NULL || slot->order < oldest->order)) {
            oldest = slot;
        }
    }
    return oldest;
}

static enum plab_status key_too_long(size_t key_len, struct plab_error *err) {
    return plab_fail(err, PLAB_E_INPUT, "RandomX key is %zu bytes long, %d is the most", key_len,
                     PLAB_RX_KEY_MAX_BYTES);
}

/* The slot of a key, built if it wasn't. */
static enum plab_status take_slot(struct plab_seedstore *store, const uint8_t *key, size_t key_len,
                                  const atomic_bool *cancel, struct slot **out,
                                  struct plab_error *err) {
    struct slot *slot = find_slot(store, key, key_len);
    enum plab_status status = PLAB_OK;
    if (slot == NULL) {
        uint64_t start_ns = plab_clock_ns();
        slot = oldest_slot(store);
        tell(store, "cache", 0, start_ns);
        status = build_cache(slot, key, key_len, cancel, err);
        if (status == PLAB_OK) {
            tell(store, "cache", 1, start_ns);
        }
    }
    bool newest = slot->order == store->asked && store->asked > 0;
    if (status == PLAB_OK && (slot->order == 0 || (store->config.ahead && !newest))) {
        slot->order = ++store->asked;
    }
    *out = slot;
    return status;
}

enum plab_status plab_seedstore_get(struct plab_seedstore *store, const uint8_t *key,
                                    size_t key_len, const atomic_bool *cancel,
                                    struct plab_seed_view *view, struct plab_error *err) {
    *view = (struct plab_seed_view){0};
    if (key_len > PLAB_RX_KEY_MAX_BYTES) {
        return key_too_long(key_len, err);
    }
    bool ready = find_slot(store, key, key_len) != NULL;
    struct slot *slot;
    enum plab_status status = take_slot(store, key, key_len, cancel, &slot, err);
    bool newest = slot->order == store->asked;
    if (status == PLAB_OK && store->items > 0 && newest && store->dataset_order != slot->order) {
        status = build_dataset(store, slot, cancel, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    view->cache = slot->cache;
    view->cache_ready = ready;
    if (store->items > 0 && store->dataset_order == slot->order) {
        view->dataset = store->copies[0].items;
        view->dataset_items = store->items;
        view->copies = store->copies;
        view->copy_count = store->numa.copies;
    }
    return PLAB_OK;
}

/* ---- memory ---- */

/* Gives a slot memory: what is left on the dataset's last page, if that is a large one. */
static enum plab_status map_slot(struct plab_seedstore *store, struct slot *slot,
                                 const atomic_bool *cancel, struct plab_error *err) {
    const struct plab_seedstore_config *config = &store->config;
    struct plab_pages memory = {.numa_node = PLAB_NUMA_ANY};
    pthread_mutex_lock(&store->lock);
    void *addr = plab_pages_take_rest(&store->dataset[0], store->cache_bytes);
    pthread_mutex_unlock(&store->lock);
    if (addr == NULL) {
        enum plab_status status = plab_pages_map_cancellable(
            &memory, store->cache_bytes, config->pages, store->numa.cache_node, cancel, err);
        if (status != PLAB_OK) {
            return status;
        }
        addr = memory.addr;
    }
    pthread_mutex_lock(&store->lock);
    slot->memory = memory;
    pthread_mutex_unlock(&store->lock);
    enum plab_status status =
        plab_rx_cache_create(&slot->cache, config->algo->rx, &store->kernels, addr);
    return status == PLAB_OK ? PLAB_OK : plab_fail(err, status, "no memory for a RandomX cache");
}

static enum plab_status map_slots(struct plab_seedstore *store, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    for (unsigned i = 0; i < store->config.slots && status == PLAB_OK; i++) {
        if (store->slots[i].cache == NULL) {
            status = map_slot(store, &store->slots[i], store->config.cancel, err);
        }
    }
    return status;
}

static void unmap_dataset(struct plab_seedstore *store) {
    for (unsigned i = 0; i < PLAB_ARRAY_LEN(store->dataset); i++) {
        plab_pages_unmap(&store->dataset[i]);
    }
}

static void free_slots(struct plab_seedstore *store) {
    for (unsigned i = 0; store->slots != NULL && i < store->slot_count; i++) {
        if (store->slots[i].cache != NULL) {
            plab_rx_cache_destroy(&store->slots[i].cache);
        }
        plab_pages_unmap(&store->slots[i].memory);
    }
}

static enum plab_status map_copies(struct plab_seedstore *store, struct plab_error *err) {
    const struct plab_seedstore_config *config = &store->config;
    enum plab_status status = PLAB_OK;
    for (unsigned i = 0; i < store->numa.copies && status == PLAB_OK; i++) {
        struct plab_pages *pages = &store->dataset[i];
        status = plab_pages_map_cancellable(pages, store->items * PLAB_RX_ITEM_BYTES, config->pages,
                                            store->numa.node[i], config->cancel, err);
        store->copies[i] = (struct plab_dataset_copy){store->numa.node[i], pages->addr};
    }
    return status;
}

/* Copies that aren't on nodes of their own (containers often forbid to choose) are good for
 * nothing. */
static bool copies_are_in_place(const struct plab_seedstore *store) {
    for (unsigned i = 0; i < store->numa.copies; i++) {
        if (store->dataset[i].numa_node != store->numa.node[i]) {
            return false;
        }
    }
    return true;
}

static enum plab_status map_dataset(struct plab_seedstore *store, struct plab_error *err) {
    enum plab_status status = map_copies(store, err);
    bool useless = status == PLAB_OK && !copies_are_in_place(store);
    if (store->numa.copies > 1 && (status == PLAB_E_NOMEM || useless)) {
        unmap_dataset(store);
        store->numa.copies = 1;
        store->numa.node[0] = PLAB_NUMA_SPREAD;
        status = map_copies(store, err);
    }
    return status;
}

/* Dataset first: the caches may find room on its last page. */
static enum plab_status map_everything(struct plab_seedstore *store, struct plab_error *err) {
    enum plab_status status = store->items > 0 ? map_dataset(store, err) : PLAB_OK;
    if (status == PLAB_OK) {
        status = map_slots(store, err);
    }
    if (status != PLAB_OK) {
        free_slots(store);
        unmap_dataset(store);
    }
    return status;
}

static unsigned long long mib_of(uint64_t bytes) {
    return (bytes + MIB - 1) / MIB;
}

/* "rx/0 in fast mode needs 2336 MiB ..., but 900 MiB are available; what fits: ..." */
static enum plab_status does_not_fit(const struct plab_seedstore *store, struct plab_error *err) {
    uint64_t caches = store->config.slots * store->cache_bytes;
    uint64_t available = plab_memory_available_bytes();
    uint64_t room = available - available / 32; /* what host/pages would let us take */
    uint64_t part = room > caches ? (room - caches) / PROPOSAL_BYTES * PROPOSAL_BYTES : 0;
    uint64_t dataset = store->items * PLAB_RX_ITEM_BYTES;
    char fits[160] = "nothing of it fits";
    if (room >= caches) {
        int used = 0;
        if (part > 0 && part < dataset) {
            used = snprintf(fits, sizeof fits, "what fits: --dataset-mem %lluMiB, or ",
                            (unsigned long long)(part / MIB));
        }
        snprintf(fits + used, sizeof fits - (size_t)used,
                 "%slight mode, which needs %llu MiB (--randomx-mode light)",
                 used > 0 ? "" : "what fits: ", mib_of(caches));
    }
    return plab_fail(
        err, PLAB_E_NOMEM,
        "%s in %s mode needs %llu MiB of memory (dataset %llu, cache %llu), but %llu "
        "MiB are available; %s",
        store->config.algo->name,
        plab_rx_mode_name(store->items < store->all_items ? PLAB_RX_GRADED : PLAB_RX_FAST),
        mib_of(dataset + caches), mib_of(dataset), mib_of(caches),
        (unsigned long long)(available / MIB), fits);
}

static void plan_numa(struct plab_seedstore *store) {
    const struct plab_seedstore_config *config = &store->config;
    struct plab_memory_node nodes[PLAB_MEMORY_NODES_MAX];
    const struct plab_numa_request request = {
        .policy = config->numa,
        .nodes = nodes,
        .node_count = plab_memory_nodes(nodes, PLAB_ARRAY_LEN(nodes)),
        .worker_nodes = config->nodes,
        .workers = config->threads,
        .dataset_bytes = store->items * PLAB_RX_ITEM_BYTES,
        .cache_bytes = store->slot_count * store->cache_bytes,
    };
    plab_numa_plan_make(&store->numa, &request);
}

static enum plab_status map_memory(struct plab_seedstore *store, struct plab_error *err) {
    plan_numa(store);
    enum plab_status status = map_everything(store, err);
    if (status != PLAB_E_NOMEM || store->items == 0) {
        return status;
    }
    if (store->config.mode != PLAB_RX_AUTO) {
        return does_not_fit(store, err);
    }
    store->items = 0;
    return map_everything(store, err);
}

/* ---- building ahead ---- */

/* A slot that nobody uses: not the newest. It gets its memory when it is needed first. */
static enum plab_status spare_slot(struct plab_seedstore *store, const atomic_bool *cancel,
                                   struct slot **out, struct plab_error *err) {
    struct slot *last = &store->slots[store->slot_count - 1];
    enum plab_status status = PLAB_OK;
    *out = oldest_slot(store);
    if (last->cache == NULL) {
        uint64_t available = plab_memory_available_bytes();
        if (available != 0 && available < 2 * store->cache_bytes) {
            return plab_fail(err, PLAB_E_NOMEM,
                             "%llu MiB of memory are too little to build the next cache ahead",
                             (unsigned long long)(available / MIB));
        }
        status = map_slot(store, last, cancel, err);
        *out = last;
    }
    return status;
}

enum plab_status plab_seedstore_build_ahead(struct plab_seedstore *store, const uint8_t *key,
                                            size_t key_len, const atomic_bool *cancel,
                                            struct plab_error *err) {
    assert(store->config.ahead);
    if (key_len > PLAB_RX_KEY_MAX_BYTES) {
        return key_too_long(key_len, err);
    }
    if (find_slot(store, key, key_len) != NULL) {
        return PLAB_OK;
    }
    struct slot *slot;
    enum plab_status status = spare_slot(store, cancel, &slot, err);
    return status == PLAB_OK ? build_cache(slot, key, key_len, cancel, err) : status;
}

/* ---- life ---- */

static uint64_t wanted_items(const struct plab_seedstore_config *config, uint64_t all) {
    uint64_t part = config->dataset_mem_bytes / PLAB_RX_ITEM_BYTES;
    switch (config->mode) {
    case PLAB_RX_LIGHT:
        return 0;
    case PLAB_RX_GRADED:
        return part < all ? part : all;
    case PLAB_RX_AUTO:
    case PLAB_RX_FAST:
        break;
    }
    return all;
}

static enum plab_status store_init(struct plab_seedstore *store,
                                   const struct plab_seedstore_config *config,
                                   struct plab_error *err) {
    const struct plab_rx_params *params = config->algo->rx;
    store->config = *config;
    store->kernels = *config->kernels;
    store->cache_bytes = plab_rx_cache_bytes(params);
    store->all_items = plab_rx_dataset_items(params);
    store->items = wanted_items(config, store->all_items);
    store->slot_count = config->slots + config->ahead;
    store->slots = calloc(store->slot_count, sizeof *store->slots);
    if (store->slots == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for %u RandomX caches", config->slots);
    }
    if (config->cpus != NULL) {
        store->cpus = calloc(config->threads, sizeof *store->cpus);
        if (store->cpus == NULL) {
            return plab_fail(err, PLAB_E_NOMEM, "no memory for a list of CPUs");
        }
        memcpy(store->cpus, config->cpus, config->threads * sizeof *store->cpus);
    }
    return map_memory(store, err);
}

enum plab_status plab_seedstore_create(struct plab_seedstore **out,
                                       const struct plab_seedstore_config *config,
                                       struct plab_error *err) {
    assert(config->algo->rx != NULL && config->slots > 0 && config->threads > 0);
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for RandomX seeds");
    }
    (*out)->self = *out;
    pthread_mutex_init(&(*out)->lock, NULL);
    enum plab_status status = store_init(*out, config, err);
    /* Were borrowed for this call, or are copied. */
    (*out)->config.kernels = NULL;
    (*out)->config.cpus = (*out)->config.nodes = NULL;
    (*out)->config.cancel = NULL;
    if (status != PLAB_OK) {
        plab_seedstore_destroy(out);
    }
    return status;
}

void plab_seedstore_destroy(struct plab_seedstore **store) {
    struct plab_seedstore *dying = *store;
    *store = NULL;
    if (dying == NULL) {
        return;
    }
    free_slots(dying);
    unmap_dataset(dying);
    pthread_mutex_destroy(&dying->lock);
    free(dying->cpus);
    free(dying->slots);
    free(dying);
}

/* ---- reports ---- */

enum plab_rx_mode plab_seedstore_mode(const struct plab_seedstore *store) {
    return store->items == 0                 ? PLAB_RX_LIGHT
           : store->items < store->all_items ? PLAB_RX_GRADED
                                             : PLAB_RX_FAST;
}

void plab_seedstore_dataset(const struct plab_seedstore *store,
                            struct plab_dataset_report *report) {
    *report = (struct plab_dataset_report){
        .full_bytes = store->all_items * PLAB_RX_ITEM_BYTES,
        .precomputed_bytes = store->items * PLAB_RX_ITEM_BYTES,
        .copies = store->items > 0 ? store->numa.copies : 0,
        .numa_node = store->items > 0 ? store->dataset[0].numa_node : PLAB_NUMA_ANY,
    };
}

const char *plab_dataset_describe(const struct plab_dataset_report *report, char *out,
                                  size_t out_cap) {
    int used = snprintf(out, out_cap, "%.0f of %.0f MiB precomputed (%.4g %%)",
                        (double)report->precomputed_bytes / 0x1p20,
                        (double)report->full_bytes / 0x1p20, plab_dataset_percent(report));
    if (used > 0 && (size_t)used < out_cap && report->copies > 1) {
        snprintf(out + used, out_cap - (size_t)used, ", %u NUMA copies", report->copies);
    } else if (used > 0 && (size_t)used < out_cap && report->numa_node == PLAB_NUMA_SPREAD) {
        snprintf(out + used, out_cap - (size_t)used, ", interleaved over NUMA nodes");
    }
    return out;
}

double plab_dataset_percent(const struct plab_dataset_report *report) {
    return report->full_bytes > 0
               ? (double)report->precomputed_bytes * 100 / (double)report->full_bytes
               : 0;
}

void plab_seedstore_pages(const struct plab_seedstore *store, struct plab_pages_report *report) {
    pthread_mutex_t *lock = &store->self->lock;
    pthread_mutex_lock(lock);
    for (unsigned i = 0; i < store->slot_count; i++) {
        plab_pages_add(report, &store->slots[i].memory);
    }
    for (unsigned i = 0; store->items > 0 && i < store->numa.copies; i++) {
        plab_pages_add(report, &store->dataset[i]);
    }
    pthread_mutex_unlock(lock);
}
