/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that makes the seed of a pending job ready while the workers wait, and the cache of an
 * announced one while they hash. */
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/thread.h"
#include "host/workers_internal.h"

/* About a tenth of what a worker gets where they compete: done in seconds, hardly felt. */
#define AHEAD_NICE 10

static void copy_places(const struct plab_workers *workers, int *cpus, int *nodes) {
    for (unsigned i = 0; i < workers->threads; i++) {
        cpus[i] = workers->workers[i].slot.cpu;
        nodes[i] = workers->workers[i].slot.numa_node;
    }
}

static enum plab_status create_store(struct plab_workers *workers, const struct plab_algo *algo,
                                     struct plab_seedstore **store, struct plab_error *err) {
    int cpus[PLAB_PIN_MAX_THREADS], nodes[PLAB_PIN_MAX_THREADS];
    struct plab_seedstore_config config = {
        .algo = algo,
        .kernels = &workers->kernels,
        .mode = workers->rx_mode,
        .dataset_mem_bytes = workers->dataset_mem_bytes,
        .pages = workers->pages,
        .numa = workers->numa,
        .slots = 1,
        .ahead = true,
        .threads = workers->threads,
        .cpus = cpus,
        .nodes = nodes,
        .progress = workers->progress,
        .progress_cookie = workers->progress_cookie,
        .cancel = &workers->cancel_build,
    };
    copy_places(workers, cpus, nodes);
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

/* Finds out how to hash `algo` over the first dataset that is built for it; the workers wait.
 * Without the lock; only this thread changes the tuning. */
static enum plab_status tune(struct plab_workers *workers, const struct plab_algo *algo,
                             const struct plab_seed_view *view, struct plab_tuning *tuning) {
    struct plab_pages_report memory = {0};
    struct plab_pin_slot slots[PLAB_PIN_MAX_THREADS];
    const struct plab_tune_config config = {
        .setup = &workers->tune,
        .algo = algo,
        .kernels = &workers->kernels,
        .slots = slots,
        .threads = workers->threads,
        .pages = workers->pages,
        .seed = view,
        .memory = &memory,
        .lanes = workers->lanes,
        .cancel = &workers->cancel_build,
        .progress = workers->progress,
        .progress_cookie = workers->progress_cookie,
    };
    for (unsigned i = 0; i < workers->threads; i++) {
        slots[i] = workers->workers[i].slot;
    }
    plab_seedstore_pages(workers->store, &memory);
    return plab_tune_run(tuning, &config);
}

static void publish_pending(struct plab_workers *workers) {
    struct plab_snapshot *snapshot = workers->pending;
    workers->pending = NULL;
    plab_workers_equip(workers, snapshot);
    plab_workers_set_current(workers, snapshot);
}

static void build_succeeded(struct plab_workers *workers, const struct plab_seed_view *view,
                            double build_s) {
    workers->ready = true;
    workers->ready_key = workers->building_key;
    workers->ready_view = *view;
    workers->seed_builds++;
    workers->caches_ahead += view->cache_ready;
    workers->last_build_s = build_s;
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

/* Relaxed: set under the lock; the build that reads it starts after this. */
static void begin_build(struct plab_workers *workers, const struct plab_seed_key *key) {
    workers->building = true;
    workers->building_key = *key;
    atomic_store_explicit(&workers->cancel_build, false, memory_order_relaxed);
}

/* Builds what the pending job needs. Called and returns with the lock. */
static void serve_pending(struct plab_workers *workers) {
    const struct plab_job *job = &workers->pending->job;
    const struct plab_algo *algo = job->algo;
    struct plab_seed_key key = {.rx = algo->rx};
    struct plab_seed_view view;
    struct plab_tuning tuning;
    struct plab_error err = {""};
    memcpy(key.seed, job->seed, sizeof key.seed);
    begin_build(workers, &key);
    workers->ready = workers->ahead_tried = false;
    plab_workers_unlock(workers);

    uint64_t start_ns = plab_clock_ns();
    enum plab_status status = build(workers, algo, key.seed, &view, &err);
    double build_s = (double)(plab_clock_ns() - start_ns) / 1e9;
    bool tunes = status == PLAB_OK && workers->tuned_algo != algo;
    if (tunes) {
        status = tune(workers, algo, &view, &tuning);
    }

    plab_workers_lock(workers);
    workers->building = false;
    if (status == PLAB_OK && tunes) {
        workers->tuned_algo = algo;
        workers->tuning = tuning;
    }
    if (status == PLAB_OK) {
        build_succeeded(workers, &view, build_s);
    } else {
        build_failed(workers, status, &err);
    }
}

/* ---- ahead ---- */

/* What a thread of its own does: a priority that is lowered can't be raised again without rights,
 * and the builder's next work may be urgent. */
struct ahead {
    struct plab_workers *workers;
    uint8_t seed[PLAB_SEED_BYTES];
    enum plab_status status;
};

static void *ahead_main(void *arg) {
    struct ahead *ahead = arg;
    struct plab_workers *workers = ahead->workers;
    /* Of this thread only, as Linux has it. Refused: it competes with the workers for a second. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), AHEAD_NICE);
    ahead->status = plab_seedstore_build_ahead(workers->store, ahead->seed, sizeof ahead->seed,
                                               &workers->cancel_build, NULL);
    return NULL;
}

/* True if the current job announces a seed that nobody tried to build yet. */
static bool wants_ahead(const struct plab_workers *workers) {
    if (workers->pending != NULL || workers->current == NULL || !workers->ready) {
        return false;
    }
    const struct plab_job *job = &workers->current->job;
    return job->has_next_seed && plab_seed_key_fits(&workers->ready_key, job) &&
           !(workers->ahead_tried && plab_seed_key_is_next(&workers->ahead_key, job));
}

/* Builds the announced cache. No memory, no thread: then it is built when it is needed. Called and
 * returns with the lock. */
static void build_ahead(struct plab_workers *workers) {
    const struct plab_job *job = &workers->current->job;
    struct plab_seed_key key = {.rx = job->algo->rx};
    struct ahead ahead = {.workers = workers, .status = PLAB_E_RESOURCE};
    pthread_t thread;
    memcpy(key.seed, job->next_seed, sizeof key.seed);
    memcpy(ahead.seed, key.seed, sizeof ahead.seed);
    begin_build(workers, &key);
    plab_workers_unlock(workers);

    if (plab_thread_start(&thread, "ahead", -1, ahead_main, &ahead, NULL) == PLAB_OK) {
        pthread_join(thread, NULL);
    }

    plab_workers_lock(workers);
    workers->building = false;
    workers->ahead_builds += ahead.status == PLAB_OK;
    workers->ahead_tried = ahead.status != PLAB_E_INTERRUPTED;
    workers->ahead_key = key;
}

/* ---- the thread ---- */

void *plab_seed_builder_main(void *arg) {
    struct plab_workers *workers = arg;
    plab_workers_lock(workers);
    while (!workers->stop) {
        if (workers->pending != NULL && workers->seed_users == 0) {
            serve_pending(workers);
            /* The owner must hear of a new state now, not when this thread sleeps. */
            plab_workers_unlock(workers);
            plab_workers_lock(workers);
        } else if (wants_ahead(workers)) {
            build_ahead(workers);
        } else {
            pthread_cond_wait(&workers->wake, &workers->lock);
        }
    }
    plab_workers_unlock(workers);
    return NULL;
}
