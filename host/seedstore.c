/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/seedstore.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "host/thread.h"
#include "host/topology.h"
#include "pow/randomx.h"

#define MIB (UINT64_C(1) << 20)
#define NS_PER_S 1e9
#define PROGRESS_NS 100000000

/* Items that a helper takes at once: a few milliseconds of work, so that a cancel is seen soon even
 * on a busy machine. */
#define CHUNK_ITEMS 256

struct slot {
    struct plab_pages memory;
    struct plab_rx_cache *cache;
    uint8_t key[PLAB_RX_KEY_MAX_BYTES];
    size_t key_len;
    uint64_t built; /* counts builds; 0: nothing usable in here */
};

struct plab_seedstore {
    struct plab_seedstore_config config;
    int *cpus; /* owned copy, or NULL */
    struct plab_kernels kernels;
    enum plab_rx_mode mode;
    struct slot *slots;
    struct plab_pages dataset; /* unmapped in light mode */
    uint64_t builds;
    uint64_t dataset_build; /* build that the dataset belongs to; 0: none */
};

/* ---- dataset ---- */

/* One fill of the dataset, shared by its helpers. */
struct fill {
    struct plab_seedstore *store;
    const struct plab_rx_cache *cache;
    const atomic_bool *cancel;
    uint64_t items;
    _Atomic uint64_t next; /* first item that nobody took yet */
    _Atomic uint64_t done; /* items finished */
    pthread_mutex_t lock;
    pthread_cond_t finished;
    unsigned running; /* helpers; under the lock */
};

struct helper {
    struct fill *fill;
    pthread_t thread;
    int cpu;
};

static bool is_cancelled(const atomic_bool *cancel) {
    /* Relaxed: only the flag itself matters, no data comes with it. */
    return cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed);
}

static void fill_chunks(struct fill *fill) {
    uint8_t *dataset = fill->store->dataset.addr;
    while (!is_cancelled(fill->cancel)) {
        /* Relaxed: it only has to give each chunk to one helper; joining publishes the items. */
        uint64_t first = atomic_fetch_add_explicit(&fill->next, CHUNK_ITEMS, memory_order_relaxed);
        if (first >= fill->items) {
            return;
        }
        uint64_t left = fill->items - first, count = left < CHUNK_ITEMS ? left : CHUNK_ITEMS;
        plab_rx_dataset_fill(fill->cache, first, count, dataset + first * PLAB_RX_ITEM_BYTES);
        /* Relaxed: a number for the progress line and, after joining, for completeness. */
        atomic_fetch_add_explicit(&fill->done, count, memory_order_relaxed);
    }
}

static void *helper_main(void *arg) {
    struct helper *helper = arg;
    struct fill *fill = helper->fill;
    if (helper->cpu >= 0) {
        /* Refused: the scheduler places it; the items are the same. */
        enum plab_status ignored = plab_topology_bind_thread((unsigned)helper->cpu, NULL);
        (void)ignored;
    }
    fill_chunks(fill);
    pthread_mutex_lock(&fill->lock);
    fill->running--;
    pthread_cond_signal(&fill->finished);
    pthread_mutex_unlock(&fill->lock);
    return NULL;
}

static void tell(const struct plab_seedstore *store, const char *stage, double done,
                 uint64_t start_ns) {
    if (store->config.progress != NULL) {
        store->config.progress(store->config.progress_cookie, stage, done,
                               (double)(plab_clock_ns() - start_ns) / NS_PER_S);
    }
}

static double fraction_done(const struct fill *fill) {
    /* Relaxed: a number for people. */
    return (double)atomic_load_explicit(&fill->done, memory_order_relaxed) / (double)fill->items;
}

static void wait_for_helpers(struct fill *fill, uint64_t start_ns) {
    pthread_mutex_lock(&fill->lock);
    while (fill->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += PROGRESS_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        int timed_out = pthread_cond_timedwait(&fill->finished, &fill->lock, &until);
        if (timed_out != 0 && fill->running > 0) {
            pthread_mutex_unlock(&fill->lock);
            tell(fill->store, "dataset", fraction_done(fill), start_ns);
            pthread_mutex_lock(&fill->lock);
        }
    }
    pthread_mutex_unlock(&fill->lock);
}

static void fill_init(struct fill *fill) {
    pthread_condattr_t attributes;
    pthread_mutex_init(&fill->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&fill->finished, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void fill_free(struct fill *fill) {
    pthread_cond_destroy(&fill->finished);
    pthread_mutex_destroy(&fill->lock);
}

/* Starts as many helpers as the system allows; an error only if not one starts. */
static enum plab_status run_helpers(struct fill *fill, struct helper *helpers,
                                    struct plab_error *err) {
    const struct plab_seedstore_config *config = &fill->store->config;
    uint64_t start_ns = plab_clock_ns();
    unsigned started = 0;
    enum plab_status status = PLAB_OK;
    fill->running = config->threads; /* before any of them can count itself out */
    for (; started < config->threads && status == PLAB_OK; started++) {
        struct helper *helper = &helpers[started];
        helper->fill = fill;
        helper->cpu = fill->store->cpus != NULL ? fill->store->cpus[started] : -1;
        status = plab_thread_start(&helper->thread, "ds", (int)started, helper_main, helper, err);
    }
    if (status != PLAB_OK) {
        started--;
        pthread_mutex_lock(&fill->lock);
        fill->running -= config->threads - started;
        pthread_mutex_unlock(&fill->lock);
    }
    wait_for_helpers(fill, start_ns);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(helpers[i].thread, NULL);
    }
    if (started == 0) {
        return status;
    }
    tell(fill->store, "dataset", fraction_done(fill), start_ns);
    return PLAB_OK;
}

static enum plab_status build_dataset(struct plab_seedstore *store, const struct slot *slot,
                                      const atomic_bool *cancel, struct plab_error *err) {
    struct fill fill = {
        .store = store,
        .cache = slot->cache,
        .cancel = cancel,
        .items = plab_rx_dataset_items(store->config.algo->rx),
    };
    struct helper *helpers = calloc(store->config.threads, sizeof *helpers);
    if (helpers == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory to start %u threads", store->config.threads);
    }
    store->dataset_build = 0;
    fill_init(&fill);
    enum plab_status status = run_helpers(&fill, helpers, err);
    fill_free(&fill);
    free(helpers);
    if (status == PLAB_OK && atomic_load_explicit(&fill.done, memory_order_relaxed) < fill.items) {
        status = plab_fail(err, PLAB_E_INTERRUPTED, "building the RandomX dataset was cancelled");
    }
    if (status == PLAB_OK) {
        store->dataset_build = slot->built;
    }
    return status;
}

/* ---- caches ---- */

static enum plab_status build_cache(struct plab_seedstore *store, struct slot *slot,
                                    const uint8_t *key, size_t key_len, const atomic_bool *cancel,
                                    struct plab_error *err) {
    uint64_t start_ns = plab_clock_ns();
    tell(store, "cache", 0, start_ns);
    slot->built = 0;
    enum plab_status status = plab_rx_cache_build(slot->cache, key, key_len, cancel, err);
    if (status == PLAB_OK) {
        memcpy(slot->key, key, key_len);
        slot->key_len = key_len;
        slot->built = ++store->builds;
        tell(store, "cache", 1, start_ns);
    }
    return status;
}

static struct slot *find_slot(const struct plab_seedstore *store, const uint8_t *key,
                              size_t key_len) {
    for (unsigned i = 0; i < store->config.slots; i++) {
        struct slot *slot = &store->slots[i];
        if (slot->built != 0 && slot->key_len == key_len && memcmp(slot->key, key, key_len) == 0) {
            return slot;
        }
    }
    return NULL;
}

static struct slot *oldest_slot(const struct plab_seedstore *store) {
    struct slot *oldest = &store->slots[0];
    for (unsigned i = 1; i < store->config.slots; i++) {
        if (store->slots[i].built < oldest->built) {
            oldest = &store->slots[i];
        }
    }
    return oldest;
}

enum plab_status plab_seedstore_get(struct plab_seedstore *store, const uint8_t *key,
                                    size_t key_len, const atomic_bool *cancel,
                                    struct plab_seed_view *view, struct plab_error *err) {
    *view = (struct plab_seed_view){0};
    if (key_len > PLAB_RX_KEY_MAX_BYTES) {
        return plab_fail(err, PLAB_E_INPUT, "RandomX key is %zu bytes long, %d is the most",
                         key_len, PLAB_RX_KEY_MAX_BYTES);
    }
    struct slot *slot = find_slot(store, key, key_len);
    enum plab_status status = PLAB_OK;
    if (slot == NULL) {
        slot = oldest_slot(store);
        status = build_cache(store, slot, key, key_len, cancel, err);
    }
    bool newest = slot->built == store->builds;
    if (status == PLAB_OK && store->mode == PLAB_RX_FAST && newest &&
        store->dataset_build != slot->built) {
        status = build_dataset(store, slot, cancel, err);
    }
    if (status == PLAB_OK) {
        view->cache = slot->cache;
        if (store->dataset_build == slot->built) {
            view->dataset = store->dataset.addr;
            view->dataset_items = plab_rx_dataset_items(store->config.algo->rx);
        }
    }
    return status;
}

/* ---- life ---- */

static enum plab_status map_caches(struct plab_seedstore *store, struct plab_error *err) {
    const struct plab_seedstore_config *config = &store->config;
    for (unsigned i = 0; i < config->slots; i++) {
        struct slot *slot = &store->slots[i];
        enum plab_status status =
            plab_pages_map_cancellable(&slot->memory, plab_rx_cache_bytes(config->algo->rx),
                                       config->pages, -1, config->cancel, err);
        if (status != PLAB_OK) {
            return status;
        }
        status = plab_rx_cache_create(&slot->cache, config->algo->rx, &store->kernels,
                                      slot->memory.addr);
        if (status != PLAB_OK) {
            return plab_fail(err, status, "no memory for a RandomX cache");
        }
    }
    return PLAB_OK;
}

/* Memory that the light and the fast mode need together with what there is, in one line. */
static enum plab_status fast_mode_does_not_fit(const struct plab_seedstore *store,
                                               struct plab_error *err) {
    const struct plab_rx_params *params = store->config.algo->rx;
    uint64_t cache = store->config.slots * (uint64_t)plab_rx_cache_bytes(params);
    uint64_t available = plab_memory_available_bytes();
    return plab_fail(err, PLAB_E_NOMEM,
                     "%s in fast mode needs %llu MiB more memory for its dataset, but %llu MiB are "
                     "available; light mode needs %llu MiB",
                     store->config.algo->name,
                     (unsigned long long)(plab_rx_dataset_bytes(params) / MIB),
                     (unsigned long long)(available / MIB), (unsigned long long)(cache / MIB));
}

static enum plab_status map_dataset(struct plab_seedstore *store, struct plab_error *err) {
    const struct plab_seedstore_config *config = &store->config;
    if (config->mode == PLAB_RX_LIGHT) {
        return PLAB_OK;
    }
    enum plab_status status =
        plab_pages_map_cancellable(&store->dataset, plab_rx_dataset_bytes(config->algo->rx),
                                   config->pages, -1, config->cancel, err);
    if (status == PLAB_OK) {
        store->mode = PLAB_RX_FAST;
        return PLAB_OK;
    }
    if (status != PLAB_E_NOMEM) {
        return status;
    }
    return config->mode == PLAB_RX_AUTO ? PLAB_OK : fast_mode_does_not_fit(store, err);
}

static enum plab_status store_init(struct plab_seedstore *store,
                                   const struct plab_seedstore_config *config,
                                   struct plab_error *err) {
    store->config = *config;
    store->config.cpus = NULL; /* borrowed ones: copied below */
    store->kernels = *config->kernels;
    store->mode = PLAB_RX_LIGHT;
    store->slots = calloc(config->slots, sizeof *store->slots);
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
    enum plab_status status = map_caches(store, err);
    return status == PLAB_OK ? map_dataset(store, err) : status;
}

enum plab_status plab_seedstore_create(struct plab_seedstore **out,
                                       const struct plab_seedstore_config *config,
                                       struct plab_error *err) {
    assert(config->algo->rx != NULL && config->slots > 0 && config->threads > 0);
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for RandomX seeds");
    }
    enum plab_status status = store_init(*out, config, err);
    if (status != PLAB_OK) {
        plab_seedstore_destroy(out);
        return status;
    }
    (*out)->config.kernels = &(*out)->kernels;
    (*out)->config.cancel = NULL; /* was borrowed for this call */
    return PLAB_OK;
}

void plab_seedstore_destroy(struct plab_seedstore **store) {
    struct plab_seedstore *dying = *store;
    *store = NULL;
    if (dying == NULL) {
        return;
    }
    for (unsigned i = 0; dying->slots != NULL && i < dying->config.slots; i++) {
        if (dying->slots[i].cache != NULL) {
            plab_rx_cache_destroy(&dying->slots[i].cache);
        }
        plab_pages_unmap(&dying->slots[i].memory);
    }
    plab_pages_unmap(&dying->dataset);
    free(dying->cpus);
    free(dying->slots);
    free(dying);
}

enum plab_rx_mode plab_seedstore_mode(const struct plab_seedstore *store) {
    return store->mode;
}

void plab_seedstore_pages(const struct plab_seedstore *store, struct plab_pages_report *report) {
    for (unsigned i = 0; i < store->config.slots; i++) {
        plab_pages_add(report, &store->slots[i].memory);
    }
    if (store->mode == PLAB_RX_FAST) {
        plab_pages_add(report, &store->dataset);
    }
}
