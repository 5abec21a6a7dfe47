/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/verifier.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "host/pages.h"
#include "host/seedstore.h"
#include "pow/hasher.h"
#include "pow/randomx.h"

#define SLOTS_MAX 2
#define NS_PER_S UINT64_C(1000000000)
#define GATHER_NS UINT64_C(2000000) /* for shares that belong together; a tenth of a light hash */

/* A store of one cache, so that it is the verifier who says which seed gives way to a new one. */
struct slot {
    struct plab_seedstore *store;
    bool ready;
    uint8_t seed[PLAB_BLOCK_ID_BYTES];
    struct plab_seed_view view;
    unsigned users; /* threads hashing with it right now */
};

struct worker {
    struct plab_verifier *owner;
    pthread_t thread;
    bool started;
    struct plab_pages scratchpad;
    unsigned lanes; /* of `hasher`: tasks that it takes at a time */
    unsigned taken; /* the last time */
    struct plab_hasher *hasher;
};

/* Tasks that are hashed together. */
struct batch {
    unsigned count;
    struct plab_verify_task *task[PLAB_RX_LANES_MAX];
    struct slot *slot; /* RandomX: what all of them use */
};

struct list {
    struct plab_verify_task *first, **end;
    unsigned count;
};

struct plab_verifier {
    struct plab_verifier_config config;
    struct plab_kernels kernels;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a task, a seed, a slot, or the end */
    bool stopping;
    struct list waiting, done;
    unsigned in_flight; /* waiting or being hashed */
    struct plab_verifier_stats stats;
    struct worker *workers;
    /* RandomX only */
    pthread_t builder;
    bool builder_started;
    unsigned slot_count;
    struct slot slots[SLOTS_MAX];
    size_t wanted_count;
    uint8_t wanted[2][PLAB_BLOCK_ID_BYTES];
    struct slot *building; /* or NULL */
    atomic_bool cancel;
    enum plab_status failure;
    struct plab_error failure_text;
};

static void list_init(struct list *list) {
    list->first = NULL;
    list->end = &list->first;
    list->count = 0;
}

static void list_push(struct list *list, struct plab_verify_task *task) {
    task->next = NULL;
    *list->end = task;
    list->end = &task->next;
    list->count++;
}

/* Removes the task that `*link` points to. */
static struct plab_verify_task *list_remove(struct list *list, struct plab_verify_task **link) {
    struct plab_verify_task *task = *link;
    *link = task->next;
    if (list->end == &task->next) {
        list->end = link;
    }
    task->next = NULL;
    list->count--;
    return task;
}

static bool same_seed(const uint8_t *a, const uint8_t *b) {
    return memcmp(a, b, PLAB_BLOCK_ID_BYTES) == 0;
}

static bool is_wanted(const struct plab_verifier *verifier, const uint8_t *seed) {
    for (size_t i = 0; i < verifier->wanted_count; i++) {
        if (same_seed(verifier->wanted[i], seed)) {
            return true;
        }
    }
    return false;
}

static struct slot *ready_slot(struct plab_verifier *verifier, const uint8_t *seed) {
    for (unsigned i = 0; i < verifier->slot_count; i++) {
        if (verifier->slots[i].ready && same_seed(verifier->slots[i].seed, seed)) {
            return &verifier->slots[i];
        }
    }
    return NULL;
}

/* What a worker may take next: a task to hash (with `*slot` for RandomX), or one that is hopeless,
 * with its outcome set to something else than PLAB_VERIFY_HASHED. NULL: nothing now. */
static struct plab_verify_task *next_task(struct plab_verifier *verifier, struct slot **slot) {
    struct plab_verify_task **link = &verifier->waiting.first;
    for (; *link != NULL; link = &(*link)->next) {
        struct plab_verify_task *task = *link;
        *slot = NULL;
        task->outcome = PLAB_VERIFY_HASHED;
        if (!verifier->config.algo->needs_seed) {
            return list_remove(&verifier->waiting, link);
        }
        *slot = ready_slot(verifier, task->seed);
        if (*slot != NULL) {
            return list_remove(&verifier->waiting, link);
        }
        if (verifier->failure != PLAB_OK || !is_wanted(verifier, task->seed)) {
            task->outcome =
                verifier->failure != PLAB_OK ? PLAB_VERIFY_FAILED : PLAB_VERIFY_SEED_GONE;
            return list_remove(&verifier->waiting, link);
        }
    }
    return NULL;
}

/* Takes a task and, for RandomX, further ones of its seed: up to `most` that are hashed together.
 */
static void next_batch(struct plab_verifier *verifier, unsigned most, struct batch *batch) {
    struct plab_verify_task *first = next_task(verifier, &batch->slot);
    batch->task[0] = first;
    batch->count = first != NULL ? 1 : 0;
    if (first == NULL || batch->slot == NULL) {
        return;
    }
    for (struct plab_verify_task **link = &verifier->waiting.first;
         *link != NULL && batch->count < most;) {
        if (same_seed((*link)->seed, first->seed)) {
            struct plab_verify_task *task = list_remove(&verifier->waiting, link);
            task->outcome = PLAB_VERIFY_HASHED;
            batch->task[batch->count++] = task;
        } else {
            link = &(*link)->next;
        }
    }
}

/* Hashers check their input's size only: cheap enough to do before each group. */
static bool can_hash(const struct worker *worker, const struct batch *batch) {
    for (unsigned i = 0; i < batch->count; i++) {
        if (plab_hasher_check(worker->hasher, batch->task[i]->blob_len, NULL) != PLAB_OK) {
            return false;
        }
    }
    return true;
}

static void hash_batch(struct worker *worker, const struct batch *batch,
                       const struct plab_seed_view *view) {
    const struct plab_algo *algo = worker->owner->config.algo;
    struct plab_hash_input inputs[PLAB_RX_LANES_MAX];
    uint8_t hashes[PLAB_RX_LANES_MAX][PLAB_HASH_BYTES];
    const uint64_t began_ns = plab_clock_ns();
    if (view->cache != NULL) {
        plab_hasher_set_seed(worker->hasher, view->cache, view->dataset, view->dataset_items);
    }
    plab_hasher_set_height(worker->hasher, batch->task[0]->height);
    if (!can_hash(worker, batch)) {
        for (unsigned i = 0; i < batch->count; i++) {
            batch->task[i]->outcome = PLAB_VERIFY_FAILED;
        }
        return;
    }
    for (unsigned i = 0; i < batch->count; i++) {
        inputs[i] = (struct plab_hash_input){batch->task[i]->blob, batch->task[i]->blob_len};
    }
    plab_hasher_start(worker->hasher, inputs, batch->count);
    plab_hasher_next(worker->hasher, NULL, hashes);
    const uint64_t each_ns = (plab_clock_ns() - began_ns) / batch->count;
    for (unsigned i = 0; i < batch->count; i++) {
        struct plab_verify_task *task = batch->task[i];
        memcpy(task->hash, hashes[i], sizeof task->hash);
        plab_algo_pow_value(algo, task->blob, task->blob_len, task->hash, task->pow_value);
        task->verify_ns = each_ns;
    }
}

static void finish_task(struct plab_verifier *verifier, struct plab_verify_task *task) {
    if (task->outcome == PLAB_VERIFY_HASHED) {
        verifier->stats.hashes++;
        verifier->stats.hash_ns += task->verify_ns;
    }
    verifier->in_flight--;
    list_push(&verifier->done, task);
}

/* Called with the lock held, which is given up while hashing. */
static void work(struct worker *worker, const struct batch *batch) {
    struct plab_verifier *verifier = worker->owner;
    struct slot *slot = batch->slot;
    struct plab_seed_view view = {0};
    if (slot != NULL) {
        slot->users++;
        view = slot->view;
    }
    pthread_mutex_unlock(&verifier->lock);
    if (batch->task[0]->outcome == PLAB_VERIFY_HASHED) {
        hash_batch(worker, batch, &view);
    }
    pthread_mutex_lock(&verifier->lock);
    if (slot != NULL && --slot->users == 0 && !slot->ready) {
        pthread_cond_broadcast(&verifier->changed); /* the builder waits for this slot */
    }
    for (unsigned i = 0; i < batch->count; i++) {
        finish_task(verifier, batch->task[i]);
    }
}

/* Who was answered together comes back together, but one after another: without a moment's patience
 * the first would be hashed alone while the others wait for it, though four together take hardly
 * longer than two alone. Only where shares came together before; a share that is alone never waits.
 */
static void gather(struct worker *worker) {
    struct plab_verifier *verifier = worker->owner;
    const uint64_t until_ns = plab_clock_ns() + GATHER_NS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    while (worker->taken > 1 && verifier->waiting.count > 0 &&
           verifier->waiting.count < worker->lanes && !verifier->stopping &&
           plab_clock_ns() < until_ns) {
        pthread_cond_timedwait(&verifier->changed, &verifier->lock, &until);
    }
}

static void *worker_main(void *cookie) {
    struct worker *worker = cookie;
    struct plab_verifier *verifier = worker->owner;
    pthread_mutex_lock(&verifier->lock);
    while (!verifier->stopping) {
        struct batch batch;
        gather(worker);
        next_batch(verifier, worker->lanes, &batch);
        if (batch.count == 0) {
            pthread_cond_wait(&verifier->changed, &verifier->lock);
            continue;
        }
        worker->taken = batch.count;
        work(worker, &batch);
        pthread_mutex_unlock(&verifier->lock);
        verifier->config.notify(verifier->config.notify_cookie);
        pthread_mutex_lock(&verifier->lock);
    }
    pthread_mutex_unlock(&verifier->lock);
    return NULL;
}

static const uint8_t *seed_to_build(struct plab_verifier *verifier) {
    for (size_t i = 0; i < verifier->wanted_count; i++) {
        if (ready_slot(verifier, verifier->wanted[i]) == NULL) {
            return verifier->wanted[i];
        }
    }
    return NULL;
}

/* A slot without a wanted seed; there is one when a wanted seed isn't ready. Nobody may use it from
 * now on; returns when nobody does, or NULL at the end. */
static struct slot *vacate_slot(struct plab_verifier *verifier) {
    struct slot *slot = verifier->slots;
    while (slot->ready && is_wanted(verifier, slot->seed)) {
        slot++;
    }
    slot->ready = false;
    while (slot->users > 0 && !verifier->stopping) {
        pthread_cond_wait(&verifier->changed, &verifier->lock);
    }
    return verifier->stopping ? NULL : slot;
}

/* Called with the lock held, which is given up while building. */
static void build(struct plab_verifier *verifier, struct slot *slot) {
    const struct plab_log *log = verifier->config.log;
    char name[17];
    struct plab_error err = {.text = ""};
    plab_hex_encode(slot->seed, 8, name);
    verifier->building = slot;
    atomic_store(&verifier->cancel, false);
    pthread_mutex_unlock(&verifier->lock);
    plab_log_info(log, "building the RandomX cache of seed %s..., shares wait until it is ready",
                  name);
    uint64_t began_ns = plab_clock_ns();
    enum plab_status status = plab_seedstore_get(slot->store, slot->seed, sizeof slot->seed,
                                                 &verifier->cancel, &slot->view, &err);
    double took_s = (double)(plab_clock_ns() - began_ns) / 1e9;
    pthread_mutex_lock(&verifier->lock);
    verifier->building = NULL;
    if (status == PLAB_OK) {
        slot->ready = true;
        verifier->stats.seed_builds++;
        plab_log_info(log, "cache of seed %s... ready after %.1f s", name, took_s);
    } else if (status != PLAB_E_INTERRUPTED) {
        verifier->failure = status;
        verifier->failure_text = err;
        plab_log_error(log, "cannot build the RandomX cache: %s", err.text);
    }
    pthread_cond_broadcast(&verifier->changed);
}

static void *builder_main(void *cookie) {
    struct plab_verifier *verifier = cookie;
    pthread_mutex_lock(&verifier->lock);
    while (!verifier->stopping && verifier->failure == PLAB_OK) {
        if (seed_to_build(verifier) == NULL) {
            pthread_cond_wait(&verifier->changed, &verifier->lock);
            continue;
        }
        struct slot *slot = vacate_slot(verifier);
        /* Looked up again: waiting for the slot may have taken a while. */
        const uint8_t *seed = seed_to_build(verifier);
        if (slot != NULL && seed != NULL) {
            memcpy(slot->seed, seed, sizeof slot->seed);
            build(verifier, slot);
        }
    }
    pthread_mutex_unlock(&verifier->lock);
    /* After a failure the tasks that wait for a seed come back through the workers; tell the owner.
     */
    verifier->config.notify(verifier->config.notify_cookie);
    return NULL;
}

void plab_verifier_want_seeds(struct plab_verifier *verifier,
                              const uint8_t current[PLAB_BLOCK_ID_BYTES],
                              const uint8_t *announced) {
    if (!verifier->config.algo->needs_seed) {
        return;
    }
    pthread_mutex_lock(&verifier->lock);
    memcpy(verifier->wanted[0], current, PLAB_BLOCK_ID_BYTES);
    verifier->wanted_count = 1;
    if (announced != NULL && verifier->slot_count > 1) {
        memcpy(verifier->wanted[1], announced, PLAB_BLOCK_ID_BYTES);
        verifier->wanted_count = 2;
    }
    if (verifier->building != NULL && !is_wanted(verifier, verifier->building->seed)) {
        atomic_store(&verifier->cancel, true);
    }
    pthread_cond_broadcast(&verifier->changed);
    pthread_mutex_unlock(&verifier->lock);
}

bool plab_verifier_submit(struct plab_verifier *verifier, struct plab_verify_task *task) {
    pthread_mutex_lock(&verifier->lock);
    bool room = verifier->in_flight < verifier->config.queue_max && !verifier->stopping;
    if (room) {
        list_push(&verifier->waiting, task);
        verifier->in_flight++;
        if (verifier->in_flight > verifier->stats.queue_peak) {
            verifier->stats.queue_peak = verifier->in_flight;
        }
        pthread_cond_broadcast(&verifier->changed);
    }
    pthread_mutex_unlock(&verifier->lock);
    return room;
}

struct plab_verify_task *plab_verifier_take(struct plab_verifier *verifier) {
    pthread_mutex_lock(&verifier->lock);
    struct plab_verify_task *task = NULL;
    if (verifier->done.first != NULL) {
        task = list_remove(&verifier->done, &verifier->done.first);
    }
    pthread_mutex_unlock(&verifier->lock);
    return task;
}

void plab_verifier_stats(struct plab_verifier *verifier, struct plab_verifier_stats *stats) {
    pthread_mutex_lock(&verifier->lock);
    *stats = verifier->stats;
    stats->queue_now = verifier->in_flight;
    pthread_mutex_unlock(&verifier->lock);
}

enum plab_status plab_verifier_error(struct plab_verifier *verifier, struct plab_error *err) {
    pthread_mutex_lock(&verifier->lock);
    enum plab_status status = verifier->failure;
    if (status != PLAB_OK && err != NULL) {
        *err = verifier->failure_text;
    }
    pthread_mutex_unlock(&verifier->lock);
    return status;
}

static enum plab_status start_worker(struct plab_verifier *verifier, struct worker *worker,
                                     struct plab_error *err) {
    const struct plab_algo *algo = verifier->config.algo;
    worker->owner = verifier;
    worker->lanes = plab_hasher_lanes_default(algo, &verifier->kernels, false);
    enum plab_status status = plab_pages_map(
        &worker->scratchpad, worker->lanes * algo->scratchpad_bytes, PLAB_PAGES_AUTO, -1, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = plab_hasher_create(&worker->hasher, algo, &verifier->kernels, worker->lanes,
                                worker->scratchpad.addr);
    if (status != PLAB_OK) {
        return plab_fail(err, status, "no memory for the hasher of a verification thread");
    }
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start a verification thread");
    }
    worker->started = true;
    return PLAB_OK;
}

static enum plab_status start_builder(struct plab_verifier *verifier, struct plab_error *err) {
    struct plab_seedstore_config config = {.algo = verifier->config.algo,
                                           .kernels = &verifier->kernels,
                                           .mode = PLAB_RX_LIGHT,
                                           .pages = PLAB_PAGES_AUTO,
                                           .slots = 1,
                                           .threads = 1};
    verifier->slot_count = verifier->config.seeds_rotate ? SLOTS_MAX : 1;
    for (unsigned i = 0; i < verifier->slot_count; i++) {
        enum plab_status status = plab_seedstore_create(&verifier->slots[i].store, &config, err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    if (pthread_create(&verifier->builder, NULL, builder_main, verifier) != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start the thread that builds caches");
    }
    verifier->builder_started = true;
    return PLAB_OK;
}

static enum plab_status start_threads(struct plab_verifier *verifier, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    if (verifier->config.algo->needs_seed) {
        status = start_builder(verifier, err);
    }
    for (unsigned i = 0; i < verifier->config.threads && status == PLAB_OK; i++) {
        status = start_worker(verifier, &verifier->workers[i], err);
    }
    return status;
}

/* Its times are those of plab_clock_ns(). */
static void init_condition(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum plab_status plab_verifier_create(struct plab_verifier **out,
                                      const struct plab_verifier_config *config,
                                      struct plab_error *err) {
    struct plab_verifier *verifier = calloc(1, sizeof *verifier);
    *out = NULL;
    if (verifier == NULL ||
        (verifier->workers = calloc(config->threads, sizeof *verifier->workers)) == NULL) {
        free(verifier);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the verifier");
    }
    verifier->config = *config;
    verifier->kernels = *config->kernels;
    verifier->config.kernels = &verifier->kernels;
    list_init(&verifier->waiting);
    list_init(&verifier->done);
    pthread_mutex_init(&verifier->lock, NULL);
    init_condition(&verifier->changed);
    enum plab_status status = start_threads(verifier, err);
    if (status != PLAB_OK) {
        plab_verifier_destroy(&verifier);
        return status;
    }
    *out = verifier;
    return PLAB_OK;
}

/* Ends all threads; what they had begun is finished. */
static void join_threads(struct plab_verifier *verifier) {
    pthread_mutex_lock(&verifier->lock);
    verifier->stopping = true;
    atomic_store(&verifier->cancel, true);
    pthread_cond_broadcast(&verifier->changed);
    pthread_mutex_unlock(&verifier->lock);
    for (unsigned i = 0; i < verifier->config.threads; i++) {
        if (verifier->workers[i].started) {
            pthread_join(verifier->workers[i].thread, NULL);
            verifier->workers[i].started = false;
        }
    }
    if (verifier->builder_started) {
        pthread_join(verifier->builder, NULL);
        verifier->builder_started = false;
    }
}

struct plab_verify_task *plab_verifier_abandon(struct plab_verifier *verifier) {
    join_threads(verifier);
    *verifier->done.end = verifier->waiting.first;
    struct plab_verify_task *all = verifier->done.first;
    list_init(&verifier->waiting);
    list_init(&verifier->done);
    verifier->in_flight = 0;
    return all;
}

void plab_verifier_destroy(struct plab_verifier **verifier) {
    struct plab_verifier *last = *verifier;
    *verifier = NULL;
    if (last == NULL) {
        return;
    }
    join_threads(last);
    for (unsigned i = 0; i < last->config.threads; i++) {
        plab_hasher_destroy(&last->workers[i].hasher);
        plab_pages_unmap(&last->workers[i].scratchpad);
    }
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        plab_seedstore_destroy(&last->slots[i].store);
    }
    pthread_cond_destroy(&last->changed);
    pthread_mutex_destroy(&last->lock);
    free(last->workers);
    free(last);
}
