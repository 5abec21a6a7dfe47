/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "host/topology.h"

enum plab_status plab_bench_worker_create(struct plab_bench_worker *worker,
                                          struct plab_bench_shared *shared,
                                          const struct plab_bench_config *config,
                                          const struct plab_pin_slot *slot,
                                          struct plab_error *err) {
    worker->shared = shared;
    worker->algo = config->algo;
    worker->blob_len = plab_bench_blob_bytes(config->algo);
    worker->slot = *slot;
    worker->checksum = shared->empty;
    worker->pieces = calloc(config->samples, sizeof *worker->pieces);
    if (worker->pieces == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %zu samples", config->samples);
    }
    enum plab_status status =
        plab_pages_map(&worker->scratchpad, worker->lanes * config->algo->scratchpad_bytes,
                       config->pages, slot->numa_node, err);
    if (status == PLAB_OK) {
        status = plab_hasher_create(&worker->hasher, config->algo, config->kernels, worker->lanes,
                                    worker->scratchpad.addr);
        if (status != PLAB_OK) {
            plab_fail(err, status, "not enough memory for a hasher");
        }
    }
    return status;
}

void plab_bench_worker_destroy(struct plab_bench_worker *worker) {
    plab_hasher_destroy(&worker->hasher);
    plab_pages_unmap(&worker->scratchpad);
    free(worker->pieces);
    worker->pieces = NULL;
}

enum plab_status plab_bench_worker_seed(struct plab_bench_worker *worker,
                                        const struct plab_seed_view *seed, struct plab_error *err) {
    if (worker->algo->needs_seed) {
        plab_hasher_set_seed(worker->hasher, seed->cache,
                             plab_seed_view_dataset(seed, worker->slot.numa_node),
                             seed->dataset_items);
    }
    plab_hasher_set_height(worker->hasher, PLAB_BENCH_HEIGHT);
    return plab_hasher_check(worker->hasher, worker->blob_len, err);
}

static bool cancelled(const struct plab_bench_worker *worker) {
    return atomic_load_explicit(worker->shared->cancel, memory_order_relaxed);
}

static void begin_stream(struct plab_bench_worker *worker) {
    plab_nonce_stream_init(&worker->stream, worker->algo, worker->hasher, worker->lanes,
                           worker->blob, worker->blob_len);
}

static unsigned take_warm_nonces(void *cookie, uint32_t *nonces, unsigned count) {
    struct plab_bench_worker *worker = cookie;
    struct plab_bench_shared *shared = worker->shared;
    if (atomic_load(&shared->phase) != PLAB_BENCH_PHASE_WARMUP || cancelled(worker)) {
        return 0;
    }
    uint32_t first = PLAB_BENCH_HASHES_MAX + atomic_fetch_add(&shared->next_warm, count);
    for (unsigned i = 0; i < count; i++) {
        nonces[i] = first + i;
    }
    return count;
}

static void warm_up(struct plab_bench_worker *worker) {
    struct plab_stream_hash found[PLAB_RX_LANES_MAX];
    uint64_t start_ns = plab_clock_ns();
    unsigned count;
    begin_stream(worker);
    while ((count = plab_nonce_stream_next(&worker->stream, take_warm_nonces, worker, found)) > 0) {
        atomic_store(&worker->warm_ns, plab_clock_ns() - start_ns);
        atomic_fetch_add(&worker->warm_hashes, count);
    }
}

/* Takes the next nonces; none when the run is over. All nonces that were taken get hashed. */
static unsigned take_nonces(void *cookie, uint32_t *nonces, unsigned count) {
    struct plab_bench_worker *worker = cookie;
    struct plab_bench_shared *shared = worker->shared;
    if (cancelled(worker)) {
        return 0;
    }
    /* Threads go on until the last one has its last sample, so that this one isn't measured on a
     * machine that is emptier than it was before. */
    if (!shared->fixed && atomic_load(&shared->sampling) == 0 &&
        atomic_load(&shared->next) >= shared->least) {
        return 0;
    }
    uint64_t first = atomic_fetch_add(&shared->next, count);
    uint64_t left = first < shared->limit ? shared->limit - first : 0;
    unsigned taken = left < count ? (unsigned)left : count;
    for (unsigned i = 0; i < taken; i++) {
        nonces[i] = (uint32_t)(first + i);
    }
    return taken;
}

/* Where the clocks stood when the open piece began. */
struct marks {
    uint64_t wall_ns, cpu_ns, switches, hashes;
};

static uint64_t involuntary_switches(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw : 0;
}

static void close_piece(struct plab_bench_worker *worker, struct marks *open, uint64_t now_ns) {
    size_t index = atomic_load_explicit(&worker->closed, memory_order_relaxed);
    struct marks now = {now_ns, plab_clock_thread_cpu_ns(), involuntary_switches(), 0};
    worker->pieces[index] = (struct plab_bench_piece){
        .hashes = open->hashes,
        .wall_ns = now.wall_ns - open->wall_ns,
        .cpu_ns = now.cpu_ns - open->cpu_ns,
        .involuntary_switches = now.switches - open->switches,
    };
    *open = now;
    atomic_store(&worker->closed, index + 1);
}

/* Called after each group of hashes of the measurement. */
static void count_hashes(struct plab_bench_worker *worker, struct marks *open, unsigned count) {
    struct plab_bench_shared *shared = worker->shared;
    size_t index = atomic_load_explicit(&worker->closed, memory_order_relaxed);
    uint64_t now_ns = plab_clock_ns();
    /* With a fixed number of hashes the last piece takes what is left, however long. */
    size_t last = shared->fixed ? shared->samples - 1 : shared->samples;
    open->hashes += count;
    if (index < last && now_ns >= shared->grid_start_ns + (index + 1) * shared->sample_ns) {
        close_piece(worker, open, now_ns);
        if (!shared->fixed && index + 1 == shared->samples) {
            atomic_fetch_sub(&shared->sampling, 1);
        }
    }
}

static void measure(struct plab_bench_worker *worker) {
    struct marks open = {plab_clock_ns(), plab_clock_thread_cpu_ns(), involuntary_switches(), 0};
    struct plab_stream_hash found[PLAB_RX_LANES_MAX];
    unsigned count;
    begin_stream(worker);
    while ((count = plab_nonce_stream_next(&worker->stream, take_nonces, worker, found)) > 0) {
        for (unsigned i = 0; i < count; i++) {
            plab_checksum_add(&worker->checksum, found[i].nonce, found[i].pow_value);
        }
        count_hashes(worker, &open, count);
    }
    if (worker->shared->fixed && open.hashes > 0) {
        close_piece(worker, &open, plab_clock_ns());
    }
}

void *plab_bench_worker_main(void *cookie) {
    struct plab_bench_worker *worker = cookie;
    if (worker->slot.cpu >= 0) {
        worker->pinned = plab_topology_bind_thread((unsigned)worker->slot.cpu, NULL) == PLAB_OK;
    }
    warm_up(worker);
    if (atomic_load(&worker->shared->phase) == PLAB_BENCH_PHASE_MEASURE) {
        measure(worker);
    }
    atomic_fetch_sub(&worker->shared->running, 1);
    return NULL;
}
