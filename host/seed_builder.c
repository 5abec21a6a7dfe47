/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that makes the seed of a pending job ready while the workers wait. */
#include <string.h>

#include "base/clock.h"
#include "host/workers_internal.h"

static void copy_cpus(const struct plab_workers *workers, int *cpus) {
    for (unsigned i = 0; i < workers->threads; i++) {
        cpus[i] = workers->workers[i].slot.cpu;
    }
}

static enum plab_status create_store(struct plab_workers *workers, const struct plab_algo *algo,
                                     struct plab_seedstore **store, struct plab_error *err) {
    int cpus[PLAB_PIN_MAX_THREADS];
    struct plab_seedstore_config config = {
        .algo = algo,
        .kernels = &workers->kernels,
        .mode = workers->rx_mode,
        .pages = workers->pages,
        .slots = 1,
        .threads = workers->threads,
        .cpus = cpus,
        .progress = workers->progress,
        .progress_cookie = workers->progress_cookie,
        .cancel = &workers->cancel_build,
    };
    copy_cpus(workers, cpus);
    return plab_seedstore_create(store, &config, err);
}

/* Exchanges the store that others see, and frees the old one. */
static void replace_store(struct plab_workers *workers, struct plab_seedstore *store,
                          const struct plab_rx_params *rx) {
    plab_workers_lock(workers);
    struct plab_seedstore *old = workers->store;
    workers->store = store;
    workers->store_rx = rx;
    plab_workers_unlock(workers);
    plab_seedstore_destroy(&old);
}

/* Builds without the lock; only this thread changes the store. */
static enum plab_status build(struct plab_workers *workers, const struct plab_algo *algo,
                              const uint8_t seed[PLAB_SEED_BYTES], struct plab_seed_view *view,
                              struct plab_error *err) {
    if (workers->store != NULL && !plab_rx_same_dataset(workers->store_rx, algo->rx)) {
        replace_store(workers, NULL, NULL);
    }
    if (workers->store == NULL) {
        struct plab_seedstore *store;
        enum plab_status status = create_store(workers, algo, &store, err);
        if (status != PLAB_OK) {
            return status;
        }
        replace_store(workers, store, algo->rx);
    }
    return plab_seedstore_get(workers->store, seed, PLAB_SEED_BYTES, &workers->cancel_build, view,
                              err);
}

static void publish_pending(struct plab_workers *workers) {
    struct plab_snapshot *snapshot = workers->pending;
    workers->pending = NULL;
    snapshot->view = workers->ready_view;
    plab_workers_set_current(workers, snapshot);
}

static void build_succeeded(struct plab_workers *workers, const struct plab_seed_view *view,
                            uint64_t start_ns) {
    workers->ready = true;
    workers->ready_key = workers->building_key;
    workers->ready_view = *view;
    workers->seed_builds++;
    workers->last_build_s = (double)(plab_clock_ns() - start_ns) / 1e9;
    if (workers->pending != NULL &&
        plab_seed_key_fits(&workers->ready_key, &workers->pending->job)) {
        publish_pending(workers);
    }
}

/* A failure only matters to the job that wanted this seed; another one gets its own attempt. */
static void build_failed(struct plab_workers *workers, enum plab_status status,
                         const struct plab_error *err) {
    if (status != PLAB_E_INTERRUPTED && workers->pending != NULL &&
        plab_seed_key_fits(&workers->building_key, &workers->pending->job)) {
        plab_workers_set_failed(workers, status, err);
    }
}

/* Builds what the pending job needs. Called and returns with the lock. */
static void serve_pending(struct plab_workers *workers) {
    const struct plab_job *job = &workers->pending->job;
    const struct plab_algo *algo = job->algo;
    struct plab_seed_key key = {.rx = algo->rx};
    struct plab_seed_view view;
    struct plab_error err = {""};
    memcpy(key.seed, job->seed, sizeof key.seed);
    workers->building = true;
    workers->building_key = key;
    workers->ready = false;
    /* Relaxed: set under the lock; the build that reads it starts after this. */
    atomic_store_explicit(&workers->cancel_build, false, memory_order_relaxed);
    plab_workers_unlock(workers);

    uint64_t start_ns = plab_clock_ns();
    enum plab_status status = build(workers, algo, key.seed, &view, &err);

    plab_workers_lock(workers);
    workers->building = false;
    if (status == PLAB_OK) {
        build_succeeded(workers, &view, start_ns);
    } else {
        build_failed(workers, status, &err);
    }
}

void *plab_seed_builder_main(void *arg) {
    struct plab_workers *workers = arg;
    plab_workers_lock(workers);
    while (!workers->stop) {
        if (workers->pending != NULL && workers->seed_users == 0) {
            serve_pending(workers);
            /* The owner must hear of a new state now, not when this thread sleeps. */
            plab_workers_unlock(workers);
            plab_workers_lock(workers);
        } else {
            pthread_cond_wait(&workers->wake, &workers->lock);
        }
    }
    plab_workers_unlock(workers);
    return NULL;
}
