/* SPDX-License-Identifier: BSD-3-Clause */
/* One worker: takes the current job, hashes nonces until there is another one. */
#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "host/topology.h"
#include "host/workers_internal.h"
#include "pow/randomx.h"

#define DUTY_WINDOW_NS UINT64_C(100000000)
#define NS_PER_S UINT64_C(1000000000)

/* ---- jobs ---- */

/* Waits for a job that this worker hasn't had yet; NULL when it is time to end. */
static struct plab_snapshot *take_job(struct plab_worker *worker) {
    struct plab_workers *workers = worker->owner;
    struct plab_snapshot *snapshot = NULL;
    plab_workers_lock(workers);
    /* Relaxed: the generation only changes under the lock, which is held. */
    while (!workers->stop && (workers->current == NULL ||
                              worker->generation == atomic_load_explicit(&workers->generation,
                                                                         memory_order_relaxed))) {
        pthread_cond_wait(&workers->wake, &workers->lock);
        worker->window_ns = plab_clock_ns(); /* idle time is no work */
    }
    if (!workers->stop) {
        snapshot = workers->current;
        worker->generation = atomic_load_explicit(&workers->generation, memory_order_relaxed);
        /* Relaxed: the reference that `current` holds keeps it alive until the lock is given back.
         */
        atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
        workers->seed_users += snapshot->view.cache != NULL;
    }
    plab_workers_unlock(workers);
    return snapshot;
}

static void give_back_job(struct plab_worker *worker, struct plab_snapshot *snapshot) {
    struct plab_workers *workers = worker->owner;
    if (snapshot->view.cache != NULL) {
        plab_workers_lock(workers);
        workers->seed_users--;
        if (workers->seed_users == 0) {
            pthread_cond_broadcast(&workers->wake); /* the builder may wait for it */
        }
        plab_workers_unlock(workers);
    }
    plab_snapshot_release(snapshot);
}

static bool job_is_current(const struct plab_worker *worker) {
    /* Relaxed: the number alone matters; the new job itself is fetched under the lock. */
    return atomic_load_explicit(&worker->owner->generation, memory_order_relaxed) ==
           worker->generation;
}

/* ---- preparing ---- */

static void drop_hasher(struct plab_worker *worker) {
    struct plab_pages old = worker->scratchpad;
    plab_hasher_destroy(&worker->hasher);
    worker->algo = NULL;
    plab_workers_lock(worker->owner);
    worker->scratchpad = (struct plab_pages){0};
    plab_workers_unlock(worker->owner);
    plab_pages_unmap(&old);
}

static enum plab_status make_hasher(struct plab_worker *worker, const struct plab_algo *algo,
                                    const struct plab_tune_choice *choice, struct plab_error *err) {
    struct plab_pages pages;
    struct plab_kernels kernels = worker->owner->kernels;
    drop_hasher(worker);
    enum plab_status status = plab_pages_map(&pages, choice->lanes * algo->scratchpad_bytes,
                                             worker->owner->pages, worker->slot.numa_node, err);
    if (status != PLAB_OK) {
        return status;
    }
    plab_workers_lock(worker->owner);
    worker->scratchpad = pages;
    plab_workers_unlock(worker->owner);
    plab_tune_apply(choice, &kernels);
    status = plab_hasher_create(&worker->hasher, algo, &kernels, choice->lanes, pages.addr);
    if (status != PLAB_OK) {
        return plab_fail(err, status, "no memory for a hasher of %s", algo->name);
    }
    worker->algo = algo;
    worker->choice = *choice;
    return PLAB_OK;
}

static enum plab_status prepare(struct plab_worker *worker, const struct plab_snapshot *snapshot,
                                struct plab_error *err) {
    const struct plab_job *job = &snapshot->job;
    if (worker->algo != job->algo || !plab_tune_same(&worker->choice, &snapshot->choice)) {
        enum plab_status status = make_hasher(worker, job->algo, &snapshot->choice, err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    if (job->algo->needs_seed) {
        plab_hasher_set_seed(worker->hasher, snapshot->view.cache,
                             plab_seed_view_dataset(&snapshot->view, worker->slot.numa_node),
                             snapshot->view.dataset_items);
    }
    if (job->algo->needs_height) {
        plab_hasher_set_height(worker->hasher, job->height);
    }
    return plab_hasher_check(worker->hasher, job->blob_len, err);
}

static void fail_job(struct plab_worker *worker, const struct plab_snapshot *snapshot,
                     enum plab_status status, const struct plab_error *err) {
    plab_workers_lock(worker->owner);
    if (worker->owner->current == snapshot) {
        plab_workers_set_failed(worker->owner, status, err);
    }
    plab_workers_unlock(worker->owner);
}

/* ---- hashing ---- */

static void nonces_used_up(struct plab_worker *worker, struct plab_snapshot *snapshot) {
    struct plab_workers *workers = worker->owner;
    plab_workers_lock(workers);
    snapshot->finished++;
    if (snapshot->finished == workers->threads && workers->current == snapshot) {
        plab_workers_set_state(workers, PLAB_WORKERS_EXHAUSTED);
    }
    plab_workers_unlock(workers);
}

static bool below_target(const struct plab_job *job, const uint8_t value[PLAB_HASH_BYTES]) {
    return job->target == UINT64_MAX || plab_load64_le(value + 24) < job->target;
}

static void found_hash(struct plab_worker *worker, const struct plab_job *job,
                       const struct plab_stream_hash *found) {
    struct plab_workers *workers = worker->owner;
    if (!below_target(job, found->pow_value)) {
        return;
    }
    struct plab_share share = {.cookie = job->cookie,
                               .nonce = found->nonce,
                               .worker = worker->index,
                               .found_ns = plab_clock_ns()};
    memcpy(share.hash, found->hash, sizeof share.hash);
    memcpy(share.pow_value, found->pow_value, sizeof share.pow_value);
    plab_share_queue_put(&workers->shares, &share);
    if (workers->notify != NULL) {
        workers->notify(workers->notify_cookie);
    }
}

static void sleep_until(struct plab_workers *workers, uint64_t until_ns) {
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                             .tv_nsec = (long)(until_ns % NS_PER_S)};
    int timed_out = 0;
    plab_workers_lock(workers);
    while (!workers->stop && timed_out == 0) {
        timed_out = pthread_cond_timedwait(&workers->wake, &workers->lock, &until);
    }
    plab_workers_unlock(workers);
}

/* Sleeps for the rest of the window once the worker's share of it is used. A hash may take longer
 * than its window: then the window grows, so that the share stays what was asked for. */
static void keep_duty(struct plab_worker *worker) {
    unsigned percent = atomic_load_explicit(&worker->owner->duty_percent, memory_order_relaxed);
    if (percent >= 100) {
        return;
    }
    uint64_t busy_ns = plab_clock_ns() - worker->window_ns;
    if (busy_ns < DUTY_WINDOW_NS / 100 * percent) {
        return;
    }
    uint64_t window_ns = busy_ns * 100 / percent;
    worker->window_ns += window_ns > DUTY_WINDOW_NS ? window_ns : DUTY_WINDOW_NS;
    sleep_until(worker->owner, worker->window_ns);
    worker->window_ns = plab_clock_ns();
}

/* Where the nonces of a job come from. */
struct nonce_source {
    struct plab_worker *worker;
    struct plab_snapshot *snapshot;
    uint32_t first;
    bool ended; /* there are no more */
};

static unsigned take_nonces(void *cookie, uint32_t *nonces, unsigned count) {
    struct nonce_source *source = cookie;
    struct plab_nonce_space *space = source->snapshot->nonces;
    if (source->ended || !job_is_current(source->worker)) {
        return 0;
    }
    /* Relaxed: it only has to give each nonce to one worker. */
    uint64_t at = atomic_fetch_add_explicit(&space->next, count, memory_order_relaxed);
    uint64_t left = at < space->size ? space->size - at : 0;
    unsigned taken = left < count ? (unsigned)left : count;
    source->ended = taken < count;
    for (unsigned i = 0; i < taken; i++) {
        nonces[i] = source->first + (uint32_t)(at + i);
    }
    return taken;
}

static void hash_job(struct plab_worker *worker, struct plab_snapshot *snapshot) {
    const struct plab_job *job = &snapshot->job;
    struct nonce_source source = {worker, snapshot, job->first_nonce, false};
    struct plab_nonce_stream *stream = &worker->stream;
    struct plab_stream_hash found[PLAB_RX_LANES_MAX];
    unsigned count;
    if (job->nicehash) {
        source.first |= plab_load32_le(job->blob + job->algo->nonce_offset) & UINT32_C(0xFF000000);
    }
    plab_nonce_stream_init(stream, job->algo, worker->hasher, worker->choice.lanes, job->blob,
                           job->blob_len);
    while ((count = plab_nonce_stream_next(stream, take_nonces, &source, found)) > 0) {
        /* Relaxed: a counter that only this thread writes and others read for statistics. */
        uint64_t hashes = atomic_load_explicit(&worker->hashes, memory_order_relaxed);
        atomic_store_explicit(&worker->hashes, hashes + count, memory_order_relaxed);
        for (unsigned i = 0; i < count; i++) {
            found_hash(worker, job, &found[i]);
        }
        if (!job_is_current(worker)) {
            return; /* what is under way is for the old one */
        }
        keep_duty(worker);
        if (worker->owner->yields) {
            sched_yield();
        }
    }
    if (source.ended) {
        nonces_used_up(worker, snapshot);
    }
}

/* ---- the thread ---- */

static void announce(struct plab_worker *worker) {
    struct plab_workers *workers = worker->owner;
    bool pinned = worker->slot.cpu >= 0 &&
                  plab_topology_bind_thread((unsigned)worker->slot.cpu, NULL) == PLAB_OK;
    worker->window_ns = plab_clock_ns();
    plab_workers_lock(workers);
    workers->running++;
    workers->pinned += pinned;
    pthread_cond_broadcast(&workers->wake);
    plab_workers_unlock(workers);
}

void *plab_worker_main(void *arg) {
    struct plab_worker *worker = arg;
    struct plab_snapshot *snapshot;
    announce(worker);
    while ((snapshot = take_job(worker)) != NULL) {
        struct plab_error err = {""};
        enum plab_status status = prepare(worker, snapshot, &err);
        if (status == PLAB_OK) {
            hash_job(worker, snapshot);
        } else {
            fail_job(worker, snapshot, status, &err);
        }
        give_back_job(worker, snapshot);
    }
    drop_hasher(worker);
    return NULL;
}
