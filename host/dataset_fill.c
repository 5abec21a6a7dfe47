/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/dataset_fill.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "host/thread.h"
#include "host/topology.h"
#include "pow/randomx.h"

#define NS_PER_S 1e9
#define PROGRESS_NS 100000000

/* Items that a helper takes at once: enough for the items' kernels to fetch ahead, and a few
 * milliseconds of work, so that a cancel is seen soon even on a busy machine. */
#define CHUNK_ITEMS 1024

/* One fill, shared by its helpers. */
struct fill {
    const struct plab_dataset_fill *config;
    _Atomic uint64_t next; /* first item that nobody took yet */
    _Atomic uint64_t done; /* items finished */
    uint64_t start_ns;
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

/* Computes a chunk once; the other nodes get it while it is in this CPU's cache. */
static void fill_chunk(const struct plab_dataset_fill *config, uint64_t first, uint64_t count) {
    size_t at = first * PLAB_RX_ITEM_BYTES;
    plab_rx_dataset_fill(config->cache, first, count, config->copies[0] + at);
    for (unsigned i = 1; i < config->copy_count; i++) {
        memcpy(config->copies[i] + at, config->copies[0] + at, count * PLAB_RX_ITEM_BYTES);
    }
}

static void fill_chunks(struct fill *fill) {
    const struct plab_dataset_fill *config = fill->config;
    while (!is_cancelled(config->cancel)) {
        /* Relaxed: it only has to give each chunk to one helper; joining publishes the items. */
        uint64_t first = atomic_fetch_add_explicit(&fill->next, CHUNK_ITEMS, memory_order_relaxed);
        if (first >= config->items) {
            return;
        }
        uint64_t left = config->items - first, count = left < CHUNK_ITEMS ? left : CHUNK_ITEMS;
        fill_chunk(config, first, count);
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

static uint64_t items_done(const struct fill *fill) {
    /* Relaxed: a number for people, and after joining for completeness. */
    return atomic_load_explicit(&fill->done, memory_order_relaxed);
}

static void tell(const struct fill *fill) {
    const struct plab_dataset_fill *config = fill->config;
    if (config->progress != NULL) {
        config->progress(config->progress_cookie, "dataset",
                         (double)items_done(fill) / (double)config->items,
                         (double)(plab_clock_ns() - fill->start_ns) / NS_PER_S);
    }
}

static void wait_for_helpers(struct fill *fill) {
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
            tell(fill);
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
    const struct plab_dataset_fill *config = fill->config;
    unsigned started = 0;
    enum plab_status status = PLAB_OK;
    fill->running = config->threads; /* before any of them can count itself out */
    for (; started < config->threads && status == PLAB_OK; started++) {
        struct helper *helper = &helpers[started];
        helper->fill = fill;
        helper->cpu = config->cpus != NULL ? config->cpus[started] : -1;
        status = plab_thread_start(&helper->thread, "ds", (int)started, helper_main, helper, err);
    }
    if (status != PLAB_OK) {
        started--;
        pthread_mutex_lock(&fill->lock);
        fill->running -= config->threads - started;
        pthread_mutex_unlock(&fill->lock);
    }
    wait_for_helpers(fill);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(helpers[i].thread, NULL);
    }
    if (started == 0) {
        return status;
    }
    tell(fill);
    return PLAB_OK;
}

enum plab_status plab_dataset_fill(const struct plab_dataset_fill *config, struct plab_error *err) {
    struct fill fill = {.config = config, .start_ns = plab_clock_ns()};
    struct helper *helpers = calloc(config->threads, sizeof *helpers);
    if (helpers == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory to start %u threads", config->threads);
    }
    fill_init(&fill);
    enum plab_status status = run_helpers(&fill, helpers, err);
    fill_free(&fill);
    free(helpers);
    if (status == PLAB_OK && items_done(&fill) < config->items) {
        status = plab_fail(err, PLAB_E_INTERRUPTED, "building the RandomX dataset was cancelled");
    }
    return status;
}
