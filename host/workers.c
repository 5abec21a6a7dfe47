/* SPDX-License-Identifier: BSD-3-Clause */
/* The owner's side of the workers: life, jobs, shares, statistics. */
#include "host/workers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "host/thread.h"
#include "host/workers_internal.h"

#define NICEHASH_NONCES (UINT64_C(1) << 24)
#define ALL_NONCES (UINT64_C(1) << 32)

/* ---- shared with the threads ---- */

void plab_workers_lock(struct plab_workers *workers) {
    pthread_mutex_lock(&workers->lock);
}

void plab_workers_unlock(struct plab_workers *workers) {
    bool notify = workers->notify_due && workers->notify != NULL;
    workers->notify_due = false;
    pthread_mutex_unlock(&workers->lock);
    if (notify) {
        workers->notify(workers->notify_cookie);
    }
}

void plab_workers_set_state(struct plab_workers *workers, enum plab_workers_state state) {
    workers->notify_due |= workers->state != state;
    workers->state = state;
}

static void release_nonces(struct plab_nonce_space *nonces) {
    /* As with snapshots, below. */
    if (nonces != NULL && atomic_fetch_sub_explicit(&nonces->refs, 1, memory_order_acq_rel) == 1) {
        free(nonces);
    }
}

void plab_snapshot_release(struct plab_snapshot *snapshot) {
    /* Release: our reads of the job come before the free. Acquire: the one who frees comes after
     * all others. */
    if (snapshot != NULL &&
        atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) == 1) {
        release_nonces(snapshot->nonces);
        free(snapshot);
    }
}

void plab_workers_set_current(struct plab_workers *workers, struct plab_snapshot *snapshot) {
    plab_snapshot_release(workers->current);
    workers->current = snapshot;
    /* Relaxed: readers without the lock only compare it; whoever acts on it takes the lock. */
    atomic_fetch_add_explicit(&workers->generation, 1, memory_order_relaxed);
    plab_workers_set_state(workers, snapshot != NULL ? PLAB_WORKERS_HASHING : PLAB_WORKERS_IDLE);
    pthread_cond_broadcast(&workers->wake);
}

void plab_workers_equip(struct plab_workers *workers, struct plab_snapshot *snapshot) {
    const struct plab_algo *algo = snapshot->job.algo;
    bool whole = false;
    if (algo->needs_seed) {
        snapshot->view = workers->ready_view;
        whole = workers->ready_view.dataset_items >= plab_rx_dataset_items(algo->rx);
    }
    if (whole && workers->tuned_algo == algo) {
        snapshot->choice = workers->tuning.choice;
    } else {
        plab_tune_default(&snapshot->choice, algo, &workers->kernels, whole, workers->lanes);
    }
}

/* Ends the current and the pending job. */
static void forget_jobs(struct plab_workers *workers) {
    plab_snapshot_release(workers->pending);
    workers->pending = NULL;
    plab_workers_set_current(workers, NULL);
}

void plab_workers_set_failed(struct plab_workers *workers, enum plab_status status,
                             const struct plab_error *err) {
    forget_jobs(workers);
    workers->failure = status;
    workers->error = *err;
    plab_workers_set_state(workers, PLAB_WORKERS_FAILED);
}

bool plab_seed_key_fits(const struct plab_seed_key *key, const struct plab_job *job) {
    return job->algo->needs_seed && plab_rx_same_dataset(key->rx, job->algo->rx) &&
           memcmp(key->seed, job->seed, sizeof key->seed) == 0;
}

bool plab_seed_key_is_next(const struct plab_seed_key *key, const struct plab_job *job) {
    return job->algo->needs_seed && job->has_next_seed &&
           plab_rx_same_dataset(key->rx, job->algo->rx) &&
           memcmp(key->seed, job->next_seed, sizeof key->seed) == 0;
}

static void cancel_build(struct plab_workers *workers) {
    /* Relaxed: only the flag itself matters, no data comes with it. */
    atomic_store_explicit(&workers->cancel_build, true, memory_order_relaxed);
}

/* ---- jobs ---- */

static enum plab_status check_job(const struct plab_job *job, struct plab_error *err) {
    size_t least = job->algo->nonce_offset + PLAB_NONCE_BYTES;
    if (job->algo->min_input_bytes > least) {
        least = job->algo->min_input_bytes;
    }
    if (job->blob_len < least || job->blob_len > PLAB_BLOB_MAX_BYTES) {
        return plab_fail(err, PLAB_E_INPUT, "a blob for %s has %zu to %d bytes, this has %zu",
                         job->algo->name, least, PLAB_BLOB_MAX_BYTES, job->blob_len);
    }
    if (job->nicehash && job->first_nonce >= NICEHASH_NONCES) {
        return plab_fail(err, PLAB_E_INPUT,
                         "first nonce 0x%x leaves no room below the byte that belongs to the pool",
                         job->first_nonce);
    }
    return PLAB_OK;
}

/* True if both want the same hashes, whatever they are called. */
static bool same_work(const struct plab_job *a, const struct plab_job *b) {
    return a->algo == b->algo && a->blob_len == b->blob_len &&
           memcmp(a->blob, b->blob, a->blob_len) == 0 && a->height == b->height &&
           a->nicehash == b->nicehash && a->first_nonce == b->first_nonce &&
           (!a->algo->needs_seed || memcmp(a->seed, b->seed, sizeof a->seed) == 0);
}

/* The nonces that `before` (NULL: nothing) left over if it is the same work, else fresh ones. */
static struct plab_nonce_space *nonces_for(const struct plab_job *job,
                                           const struct plab_snapshot *before) {
    if (before != NULL && same_work(job, &before->job)) {
        /* Relaxed: the reference that `before` holds keeps it alive. */
        atomic_fetch_add_explicit(&before->nonces->refs, 1, memory_order_relaxed);
        return before->nonces;
    }
    struct plab_nonce_space *nonces = calloc(1, sizeof *nonces);
    if (nonces != NULL) {
        nonces->size = (job->nicehash ? NICEHASH_NONCES : ALL_NONCES) - job->first_nonce;
        atomic_init(&nonces->refs, 1);
    }
    return nonces;
}

static struct plab_snapshot *snapshot_new(const struct plab_job *job,
                                          const struct plab_snapshot *before) {
    struct plab_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        return NULL;
    }
    snapshot->job = *job;
    atomic_init(&snapshot->refs, 1);
    snapshot->nonces = nonces_for(job, before);
    if (snapshot->nonces == NULL) {
        plab_snapshot_release(snapshot);
        return NULL;
    }
    return snapshot;
}

/* Relaxed: the caller's reference keeps it alive. */
static void remember(struct plab_workers *workers, struct plab_snapshot *snapshot) {
    plab_snapshot_release(workers->last);
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    workers->last = snapshot;
}

/* Makes a job wait for its seed; the builder takes over. */
static void wait_for_seed(struct plab_workers *workers, struct plab_snapshot *snapshot) {
    workers->pending = snapshot;
    if (workers->building && !plab_seed_key_fits(&workers->building_key, &snapshot->job)) {
        cancel_build(workers);
    }
    plab_workers_set_state(workers, PLAB_WORKERS_BUILDING);
}

static void start_job(struct plab_workers *workers, struct plab_snapshot *snapshot) {
    if (workers->building && !plab_seed_key_is_next(&workers->building_key, &snapshot->job)) {
        cancel_build(workers); /* nobody waits for it any more */
    }
    plab_workers_equip(workers, snapshot);
    plab_workers_set_current(workers, snapshot);
}

enum plab_status plab_workers_publish(struct plab_workers *workers, const struct plab_job *job,
                                      struct plab_error *err) {
    enum plab_status status = check_job(job, err);
    if (status != PLAB_OK) {
        return status;
    }
    plab_workers_lock(workers);
    struct plab_snapshot *snapshot = snapshot_new(job, workers->last);
    if (snapshot == NULL) {
        plab_workers_unlock(workers);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a job");
    }
    enum plab_workers_state before = workers->state;
    bool notify_due = workers->notify_due;
    remember(workers, snapshot);
    forget_jobs(workers);
    workers->failure = PLAB_OK;
    workers->state = before; /* going through IDLE is not worth a notification */
    workers->notify_due = notify_due;
    if (job->algo->needs_seed &&
        !(workers->ready && plab_seed_key_fits(&workers->ready_key, job))) {
        wait_for_seed(workers, snapshot);
    } else {
        start_job(workers, snapshot);
    }
    plab_workers_unlock(workers);
    return PLAB_OK;
}

void plab_workers_pause(struct plab_workers *workers) {
    plab_workers_lock(workers);
    cancel_build(workers);
    forget_jobs(workers);
    workers->failure = PLAB_OK;
    plab_workers_unlock(workers);
}

void plab_workers_set_duty(struct plab_workers *workers, unsigned percent) {
    assert(percent >= 1 && percent <= 100);
    atomic_store_explicit(&workers->duty_percent, percent, memory_order_relaxed);
}

bool plab_workers_take_share(struct plab_workers *workers, struct plab_share *share) {
    return plab_share_queue_take(&workers->shares, share);
}

/* ---- reports ---- */

enum plab_workers_state plab_workers_state(const struct plab_workers *workers) {
    plab_workers_lock(workers->self);
    enum plab_workers_state state = workers->state;
    plab_workers_unlock(workers->self);
    return state;
}

enum plab_status plab_workers_error(const struct plab_workers *workers, struct plab_error *err) {
    plab_workers_lock(workers->self);
    enum plab_status status = workers->failure;
    if (status != PLAB_OK && err != NULL) {
        *err = workers->error;
    }
    plab_workers_unlock(workers->self);
    return status;
}

uint64_t plab_workers_thread_hashes(const struct plab_workers *workers, unsigned thread) {
    assert(thread < workers->threads);
    /* Relaxed: a statistic; nothing else is read because of it. */
    return atomic_load_explicit(&workers->workers[thread].hashes, memory_order_relaxed);
}

void plab_workers_stats(const struct plab_workers *workers, struct plab_workers_stats *stats) {
    *stats = (struct plab_workers_stats){.threads = workers->threads};
    for (unsigned i = 0; i < workers->threads; i++) {
        stats->hashes += plab_workers_thread_hashes(workers, i);
    }
    stats->shares_dropped = plab_share_queue_dropped(&workers->self->shares);
    plab_workers_lock(workers->self);
    stats->pinned = workers->pinned;
    stats->seed_builds = workers->seed_builds;
    stats->caches_ahead = workers->caches_ahead;
    stats->ahead_builds = workers->ahead_builds;
    stats->last_build_s = workers->last_build_s;
    stats->rx_mode = PLAB_RX_AUTO;
    if (workers->store != NULL) {
        stats->rx_mode = plab_seedstore_mode(workers->store);
        plab_seedstore_dataset(workers->store, &stats->dataset);
    }
    stats->tuned = workers->tuned_algo != NULL;
    stats->tuning = workers->tuning;
    plab_workers_unlock(workers->self);
}

void plab_workers_pages(const struct plab_workers *workers, struct plab_pages_report *report) {
    plab_workers_lock(workers->self);
    for (unsigned i = 0; i < workers->threads; i++) {
        plab_pages_add(report, &workers->workers[i].scratchpad);
    }
    if (workers->store != NULL) {
        plab_seedstore_pages(workers->store, report);
    }
    plab_workers_unlock(workers->self);
}

/* ---- life ---- */

static void init_lock(struct plab_workers *workers) {
    pthread_condattr_t attributes;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    plab_share_queue_init(&workers->shares);
}

static struct plab_workers *workers_new(const struct plab_workers_config *config) {
    const struct plab_pin_plan *plan = config->plan;
    struct plab_workers *workers = calloc(1, sizeof *workers);
    struct plab_worker *array =
        aligned_alloc(_Alignof(struct plab_worker), plan->threads * sizeof *array);
    if (workers == NULL || array == NULL) {
        free(workers);
        free(array);
        return NULL;
    }
    *workers = (struct plab_workers){
        .self = workers,
        .kernels = *config->kernels,
        .pages = config->pages,
        .rx_mode = config->rx_mode,
        .dataset_mem_bytes = config->dataset_mem_bytes,
        .numa = config->numa,
        .lanes = config->lanes,
        .tune = config->tune,
        .duty_percent = config->duty_percent,
        .yields = config->yields,
        .notify = config->notify,
        .notify_cookie = config->notify_cookie,
        .progress = config->progress,
        .progress_cookie = config->progress_cookie,
        .threads = plan->threads,
        .workers = array,
    };
    memset(array, 0, plan->threads * sizeof *array);
    for (unsigned i = 0; i < plan->threads; i++) {
        array[i].owner = workers;
        array[i].index = i;
        array[i].slot = plan->slots[i];
    }
    init_lock(workers);
    return workers;
}

static enum plab_status start_threads(struct plab_workers *workers, struct plab_error *err) {
    enum plab_status status =
        plab_thread_start(&workers->builder, "seed", -1, plab_seed_builder_main, workers, err);
    workers->builder_started = status == PLAB_OK;
    for (unsigned i = 0; i < workers->threads && status == PLAB_OK; i++) {
        struct plab_worker *worker = &workers->workers[i];
        status = plab_thread_start(&worker->thread, "w", (int)i, plab_worker_main, worker, err);
        workers->workers_started += status == PLAB_OK;
    }
    plab_workers_lock(workers);
    while (status == PLAB_OK && workers->running < workers->threads) {
        pthread_cond_wait(&workers->wake, &workers->lock);
    }
    plab_workers_unlock(workers);
    return status;
}

enum plab_status plab_workers_create(struct plab_workers **out,
                                     const struct plab_workers_config *config,
                                     struct plab_error *err) {
    assert(config->plan->threads > 0 && config->plan->threads <= PLAB_PIN_MAX_THREADS);
    assert(config->duty_percent >= 1 && config->duty_percent <= 100);
    *out = workers_new(config);
    if (*out == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for %u workers", config->plan->threads);
    }
    enum plab_status status = start_threads(*out, err);
    if (status != PLAB_OK) {
        plab_workers_destroy(out);
    }
    return status;
}

static void stop_threads(struct plab_workers *workers) {
    plab_workers_lock(workers);
    workers->stop = true;
    cancel_build(workers);
    forget_jobs(workers); /* the new generation ends hashing, the broadcast ends waiting */
    workers->notify_due = false;
    plab_workers_unlock(workers);
    for (unsigned i = 0; i < workers->workers_started; i++) {
        pthread_join(workers->workers[i].thread, NULL);
    }
    if (workers->builder_started) {
        pthread_join(workers->builder, NULL);
    }
}

void plab_workers_destroy(struct plab_workers **workers) {
    struct plab_workers *dying = *workers;
    *workers = NULL;
    if (dying == NULL) {
        return;
    }
    stop_threads(dying);
    plab_snapshot_release(dying->last);
    plab_seedstore_destroy(&dying->store);
    plab_share_queue_free(&dying->shares);
    pthread_cond_destroy(&dying->wake);
    pthread_mutex_destroy(&dying->lock);
    free(dying->workers);
    free(dying);
}
