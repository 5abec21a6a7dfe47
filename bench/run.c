/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/sysload.h"
#include "bench/worker.h"

#define POLL_NS UINT64_C(50000000)
#define NS_PER_S 1e9

/* A sample that is shorter than a hash would have no thread's hash in it. */
#define HASHES_PER_SAMPLE 2

struct bench {
    const struct plab_bench_config *config;
    struct plab_bench_result *out;
    struct plab_seedstore *store;
    struct plab_seed_view seed;
    struct plab_bench_shared shared;
    struct plab_bench_worker *workers;
    unsigned started;
    uint64_t stage_start_ns;
    uint64_t build_start_ns;
};

static double seconds(uint64_t ns) {
    return (double)ns / NS_PER_S;
}

static double rate(uint64_t hashes, uint64_t ns) {
    return ns > 0 ? (double)hashes * NS_PER_S / (double)ns : 0;
}

static bool cancelled(const struct bench *bench) {
    return atomic_load_explicit(bench->shared.cancel, memory_order_relaxed);
}

static void report(const struct bench *bench, enum plab_bench_stage stage, double done,
                   size_t samples_done, double rate_hps) {
    if (bench->config->progress != NULL) {
        const struct plab_bench_progress progress = {
            .stage = stage,
            .done = done < 1 ? done : 1,
            .elapsed_s = seconds(plab_clock_ns() - bench->stage_start_ns),
            .samples_done = samples_done,
            .rate_hps = rate_hps,
        };
        bench->config->progress(bench->config->progress_cookie, &progress);
    }
}

/* ---- allocate and build ---- */

static void build_progress(void *cookie, const char *stage, double done, double elapsed_s) {
    struct bench *bench = cookie;
    bool dataset = strcmp(stage, "dataset") == 0;
    double since_start_s = seconds(plab_clock_ns() - bench->build_start_ns);
    (void)elapsed_s;
    if (!dataset) {
        bench->out->cache_s = since_start_s;
    } else {
        bench->out->dataset_s = since_start_s - bench->out->cache_s;
    }
    report(bench, dataset ? PLAB_BENCH_DATASET : PLAB_BENCH_CACHE, done, 0, 0);
}

static enum plab_status create_store(struct bench *bench, struct plab_error *err) {
    const struct plab_bench_config *config = bench->config;
    unsigned threads = config->plan->threads;
    int *cpus = malloc(2 * threads * sizeof *cpus); /* the CPUs, then their NUMA nodes */
    if (cpus == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %u threads", threads);
    }
    for (unsigned i = 0; i < threads; i++) {
        cpus[i] = config->plan->slots[i].cpu;
        cpus[threads + i] = config->plan->slots[i].numa_node;
    }
    const struct plab_seedstore_config store = {
        .algo = config->algo,
        .kernels = config->kernels,
        .mode = config->rx_mode,
        .dataset_mem_bytes = config->dataset_mem_bytes,
        .pages = config->pages,
        .numa = config->numa,
        .slots = 1,
        .threads = threads,
        .cpus = cpus,
        .nodes = cpus + threads,
        .progress = build_progress,
        .progress_cookie = bench,
    };
    enum plab_status status = plab_seedstore_create(&bench->store, &store, err);
    free(cpus);
    return status;
}

static enum plab_status build_seed(struct bench *bench, struct plab_error *err) {
    static const uint8_t key[PLAB_BENCH_SEED_BYTES];
    bench->build_start_ns = bench->stage_start_ns = plab_clock_ns();
    enum plab_status status =
        plab_seedstore_get(bench->store, key, sizeof key, bench->shared.cancel, &bench->seed, err);
    double build_s = seconds(plab_clock_ns() - bench->build_start_ns);
    bench->out->rx_mode = plab_seedstore_mode(bench->store);
    plab_seedstore_dataset(bench->store, &bench->out->dataset);
    if (bench->out->rx_mode == PLAB_RX_LIGHT) {
        bench->out->cache_s = build_s;
    } else {
        bench->out->dataset_s = build_s - bench->out->cache_s;
    }
    return status;
}

static void tune_progress(void *cookie, const char *stage, double done, double elapsed_s) {
    (void)stage;
    (void)elapsed_s;
    report(cookie, PLAB_BENCH_TUNING, done, 0, 0);
}

static enum plab_status tune(struct bench *bench) {
    const struct plab_bench_config *config = bench->config;
    struct plab_pages_report memory = {0};
    const struct plab_tune_config tune = {
        .setup = &config->tune,
        .algo = config->algo,
        .kernels = config->kernels,
        .slots = config->plan->slots,
        .threads = config->plan->threads,
        .pages = config->pages,
        .seed = bench->store != NULL ? &bench->seed : NULL,
        .memory = &memory,
        .lanes = config->lanes,
        .cancel = bench->shared.cancel,
        .progress = tune_progress,
        .progress_cookie = bench,
    };
    if (bench->store != NULL) {
        plab_seedstore_pages(bench->store, &memory);
    }
    bench->stage_start_ns = plab_clock_ns();
    return plab_tune_run(&bench->out->tuning, &tune);
}

static enum plab_status create_workers(struct bench *bench, struct plab_error *err) {
    const struct plab_tune_choice *choice = &bench->out->tuning.choice;
    struct plab_bench_config tuned = *bench->config;
    struct plab_kernels kernels = *tuned.kernels;
    unsigned count = tuned.plan->threads;
    plab_tune_apply(choice, &kernels);
    tuned.kernels = &kernels; /* hashers copy them */
    bench->workers =
        aligned_alloc(_Alignof(struct plab_bench_worker), count * sizeof *bench->workers);
    bench->out->threads = calloc(count, sizeof *bench->out->threads);
    if (bench->workers == NULL || bench->out->threads == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %u threads", count);
    }
    memset(bench->workers, 0, count * sizeof *bench->workers);
    bench->out->thread_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct plab_bench_worker *worker = &bench->workers[i];
        worker->lanes = choice->lanes;
        enum plab_status status =
            plab_bench_worker_create(worker, &bench->shared, &tuned, &tuned.plan->slots[i], err);
        if (status == PLAB_OK) {
            status = plab_bench_worker_seed(worker, &bench->seed, err);
        }
        if (status != PLAB_OK) {
            return status;
        }
        plab_pages_add(&bench->out->pages, &worker->scratchpad);
    }
    return PLAB_OK;
}

/* The seed comes first: how a thread hashes best depends on the dataset. */
static enum plab_status prepare(struct bench *bench, struct plab_error *err) {
    uint64_t start_ns = plab_clock_ns();
    enum plab_status status = PLAB_OK;
    if (bench->config->algo->needs_seed) {
        status = create_store(bench, err);
    }
    bench->out->alloc_s = seconds(plab_clock_ns() - start_ns);
    if (status == PLAB_OK && bench->store != NULL) {
        plab_seedstore_pages(bench->store, &bench->out->pages);
        status = build_seed(bench, err);
    }
    if (status == PLAB_OK) {
        status = tune(bench);
    }
    if (status == PLAB_OK) {
        start_ns = plab_clock_ns();
        status = create_workers(bench, err);
        bench->out->alloc_s += seconds(plab_clock_ns() - start_ns);
    }
    return status;
}

/* ---- measure ---- */

static enum plab_status start_workers(struct bench *bench, struct plab_error *err) {
    struct plab_bench_shared *shared = &bench->shared;
    atomic_store(&shared->running, bench->out->thread_count);
    for (unsigned i = 0; i < bench->out->thread_count; i++) {
        int error = pthread_create(&bench->workers[i].thread, NULL, plab_bench_worker_main,
                                   &bench->workers[i]);
        if (error != 0) {
            atomic_store(&shared->phase, PLAB_BENCH_PHASE_STOP);
            return plab_fail(err, PLAB_E_RESOURCE, "cannot start thread %u of %u: %s", i + 1,
                             bench->out->thread_count, strerror(error));
        }
        bench->started++;
    }
    return PLAB_OK;
}

static void join_workers(struct bench *bench) {
    for (unsigned i = 0; i < bench->started; i++) {
        pthread_join(bench->workers[i].thread, NULL);
    }
    bench->started = 0;
}

static bool all_warm(const struct bench *bench) {
    for (unsigned i = 0; i < bench->out->thread_count; i++) {
        if (atomic_load(&bench->workers[i].warm_hashes) == 0) {
            return false;
        }
    }
    return true;
}

static void warm_up(struct bench *bench) {
    uint64_t elapsed_ns = 0, aim_ns = bench->config->warmup_ns;
    bench->stage_start_ns = plab_clock_ns();
    while (!cancelled(bench) && (elapsed_ns < aim_ns || !all_warm(bench))) {
        uint64_t left_ns = elapsed_ns < aim_ns ? aim_ns - elapsed_ns : POLL_NS;
        plab_clock_sleep_ns(left_ns < POLL_NS ? left_ns : POLL_NS);
        elapsed_ns = plab_clock_ns() - bench->stage_start_ns;
        report(bench, PLAB_BENCH_WARMUP, aim_ns > 0 ? (double)elapsed_ns / (double)aim_ns : 1, 0,
               0);
    }
    bench->out->warmup_s = seconds(elapsed_ns);
}

/* The sample time, from what the warm-up learned about the length of a hash. */
static uint64_t choose_sample_ns(const struct bench *bench) {
    const struct plab_bench_config *config = bench->config;
    double slowest_ns = 0, rate_per_ns = 0;
    for (unsigned i = 0; i < bench->out->thread_count; i++) {
        double hashes = (double)atomic_load(&bench->workers[i].warm_hashes);
        double hash_ns =
            (double)atomic_load(&bench->workers[i].warm_ns) / (hashes > 0 ? hashes : 1);
        slowest_ns = hash_ns > slowest_ns ? hash_ns : slowest_ns;
        rate_per_ns += hash_ns > 0 ? 1 / hash_ns : 0;
    }
    double aim_ns = (double)config->sample_ns;
    if (config->hashes > 0) {
        aim_ns =
            rate_per_ns > 0 ? (double)config->hashes / rate_per_ns / (double)config->samples : 0;
    }
    double least_ns = HASHES_PER_SAMPLE * slowest_ns;
    return (uint64_t)(aim_ns > least_ns ? aim_ns : least_ns);
}

static size_t samples_done(const struct bench *bench) {
    size_t done = bench->config->samples;
    for (unsigned i = 0; i < bench->out->thread_count; i++) {
        size_t closed = atomic_load(&bench->workers[i].closed);
        done = closed < done ? closed : done;
    }
    return done;
}

static void report_sampling(const struct bench *bench) {
    uint64_t taken = atomic_load(&bench->shared.next);
    uint64_t elapsed_ns = plab_clock_ns() - bench->stage_start_ns;
    size_t done = samples_done(bench);
    double rate_hps = rate(taken, elapsed_ns);
    if (bench->config->hashes > 0) {
        report(bench, PLAB_BENCH_SAMPLES, (double)taken / (double)bench->config->hashes, done,
               rate_hps);
    } else if (done < bench->config->samples) {
        double all_ns = (double)bench->config->samples * (double)bench->shared.sample_ns;
        report(bench, PLAB_BENCH_SAMPLES, (double)elapsed_ns / all_ns, done, rate_hps);
    } else {
        report(bench, PLAB_BENCH_VERIFY, (double)taken / PLAB_BENCH_SET_HASHES, done, rate_hps);
    }
}

static void sample(struct bench *bench) {
    struct plab_sysload before, after;
    bench->shared.sample_ns = bench->out->sample_ns = choose_sample_ns(bench);
    bench->stage_start_ns = bench->shared.grid_start_ns = plab_clock_ns();
    plab_sysload_read(&before);
    atomic_store(&bench->shared.phase, PLAB_BENCH_PHASE_MEASURE);
    while (atomic_load(&bench->shared.running) > 0) {
        plab_clock_sleep_ns(POLL_NS);
        report_sampling(bench);
    }
    plab_sysload_read(&after);
    bench->out->steal_share = plab_sysload_steal_share(&before, &after);
}

/* ---- evaluate ---- */

/* How many samples every thread completed. With a fixed number of hashes a thread may have got none
 * (fewer hashes than threads) and doesn't count; threads end within one hash of each other. */
static size_t common_samples(const struct bench *bench) {
    size_t common = 0;
    for (unsigned i = 0; i < bench->out->thread_count; i++) {
        size_t closed = atomic_load(&bench->workers[i].closed);
        if (closed > 0 && (common == 0 || closed < common)) {
            common = closed;
        }
        if (closed == 0 && bench->config->hashes == 0) {
            return 0;
        }
    }
    return common;
}

static void join_piece(struct plab_bench_piece *whole, const struct plab_bench_piece *piece) {
    whole->hashes += piece->hashes;
    whole->wall_ns += piece->wall_ns;
    whole->cpu_ns += piece->cpu_ns;
    whole->involuntary_switches += piece->involuntary_switches;
}

static void add_to_sample(struct plab_bench_sample *sample, const struct plab_bench_piece *piece) {
    sample->hashes += piece->hashes;
    sample->wall_ns = piece->wall_ns > sample->wall_ns ? piece->wall_ns : sample->wall_ns;
    sample->cpu_ns += piece->cpu_ns;
    sample->involuntary_switches += piece->involuntary_switches;
    sample->rate_hps += rate(piece->hashes, piece->wall_ns);
}

/* Evaluates one thread, all its samples together, and adds each of them to the run's. */
static struct plab_bench_piece evaluate_thread(struct bench *bench,
                                               struct plab_bench_worker *worker, size_t common) {
    struct plab_bench_piece all = {.hashes = 0};
    size_t closed = atomic_load(&worker->closed);
    if (bench->config->hashes > 0) {
        /* What a thread has beyond the last common sample belongs to that one. */
        for (size_t k = common; k < closed; k++) {
            join_piece(&worker->pieces[common - 1], &worker->pieces[k]);
        }
    }
    for (size_t k = 0; k < common && k < closed; k++) {
        join_piece(&all, &worker->pieces[k]);
        add_to_sample(&bench->out->samples[k], &worker->pieces[k]);
    }
    return all;
}

static void evaluate_threads(struct bench *bench, size_t common) {
    struct plab_bench_result *out = bench->out;
    struct plab_bench_piece total = {.hashes = 0};
    for (unsigned i = 0; i < out->thread_count; i++) {
        struct plab_bench_worker *worker = &bench->workers[i];
        struct plab_bench_piece all = evaluate_thread(bench, worker, common);
        out->threads[i] = (struct plab_bench_thread){
            .cpu = worker->slot.cpu,
            .numa_node = worker->slot.numa_node,
            .pinned = worker->pinned,
            .hashes = all.hashes,
            .rate_hps = rate(all.hashes, all.wall_ns),
        };
        out->pinned += worker->pinned;
        out->elapsed_s =
            seconds(all.wall_ns) > out->elapsed_s ? seconds(all.wall_ns) : out->elapsed_s;
        join_piece(&total, &all);
    }
    out->hashes = total.hashes;
    out->involuntary_switches = total.involuntary_switches;
    out->cpu_rate_hps = rate(total.hashes, total.cpu_ns);
    out->cpu_share = total.wall_ns > 0 ? (double)total.cpu_ns / (double)total.wall_ns : 0;
}

static enum plab_status evaluate(struct bench *bench, struct plab_error *err) {
    struct plab_bench_result *out = bench->out;
    size_t common = common_samples(bench);
    out->samples = calloc(common + 1, sizeof *out->samples);
    double *rates = malloc((common + 1) * sizeof *rates);
    enum plab_status status = PLAB_OK;
    if (out->samples == NULL || rates == NULL) {
        status = plab_fail(err, PLAB_E_NOMEM, "not enough memory for %zu samples", common);
    } else {
        out->sample_count = common;
        evaluate_threads(bench, common);
        for (size_t k = 0; k < common; k++) {
            rates[k] = out->samples[k].rate_hps;
        }
        if (common > 0) {
            status = plab_stats_compute(&out->stats, rates, common, bench->config->seed, err);
        }
    }
    free(rates);
    return status;
}

static void verify(struct bench *bench) {
    struct plab_bench_result *out = bench->out;
    struct plab_checksum *all = &bench->shared.empty;
    uint32_t set = bench->config->hashes > 0 ? (uint32_t)bench->config->hashes
                                             : (uint32_t)PLAB_BENCH_SET_HASHES;
    for (unsigned i = 0; i < out->thread_count; i++) {
        plab_checksum_merge(all, &bench->workers[i].checksum);
    }
    out->completed = plab_checksum_hashes(all);
    out->checksum_hashes = plab_checksum_prefix(all, set, &out->checksum) ? set : 0;
    out->verdict = plab_checksum_verify(all, bench->config->sums, bench->config->sum_count);
}

/* ---- all of it ---- */

static enum plab_status init_shared(struct bench *bench, struct plab_error *err) {
    static const atomic_bool never = false;
    const struct plab_bench_config *config = bench->config;
    struct plab_bench_shared *shared = &bench->shared;
    if (config->hashes > PLAB_BENCH_HASHES_MAX || config->samples == 0 ||
        config->samples > PLAB_STATS_MAX || config->plan->threads == 0) {
        return plab_fail(err, PLAB_E_INPUT, "impossible benchmark: %zu samples, %llu hashes",
                         config->samples, (unsigned long long)config->hashes);
    }
    shared->cancel = config->cancel != NULL ? config->cancel : &never;
    shared->fixed = config->hashes > 0;
    shared->limit = shared->fixed ? config->hashes : PLAB_BENCH_HASHES_MAX;
    shared->least = shared->fixed ? config->hashes : PLAB_BENCH_SET_HASHES;
    shared->samples = config->samples;
    atomic_store(&shared->sampling, config->plan->threads);
    plab_checksum_init(&shared->empty, config->sums, config->sum_count);
    return plab_checksum_bound(&shared->empty, (uint32_t)shared->least, err);
}

static void tear_down(struct bench *bench) {
    for (unsigned i = 0; bench->workers != NULL && i < bench->out->thread_count; i++) {
        plab_bench_worker_destroy(&bench->workers[i]);
    }
    free(bench->workers);
    plab_seedstore_destroy(&bench->store);
}

static enum plab_status run(struct bench *bench, struct plab_error *err) {
    enum plab_status status = init_shared(bench, err);
    if (status == PLAB_OK) {
        status = prepare(bench, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    status = start_workers(bench, err);
    if (status == PLAB_OK) {
        warm_up(bench);
        sample(bench);
    }
    join_workers(bench);
    if (status == PLAB_OK) {
        status = evaluate(bench, err);
    }
    if (status == PLAB_OK) {
        verify(bench);
    }
    return status;
}

enum plab_status plab_bench_run(struct plab_bench_result *out,
                                const struct plab_bench_config *config, struct plab_error *err) {
    struct bench bench = {.config = config, .out = out};
    memset(out, 0, sizeof *out);
    enum plab_status status = run(&bench, err);
    if (status == PLAB_OK && cancelled(&bench)) {
        status = PLAB_E_INTERRUPTED;
    }
    out->interrupted = status == PLAB_E_INTERRUPTED;
    tear_down(&bench);
    return status;
}

void plab_bench_result_free(struct plab_bench_result *result) {
    free(result->samples);
    free(result->threads);
    memset(result, 0, sizeof *result);
}

enum plab_status plab_bench_verdict(const struct plab_bench_result *result, size_t label_count,
                                    bool strict, struct plab_error *err) {
    const struct plab_verdict *verdict = &result->verdict;
    if (verdict->wrong) {
        return plab_fail(err, PLAB_E_MISMATCH,
                         "wrong hashes: the checksum of the first %u is %016llx, not %016llx; the "
                         "rate is void",
                         (unsigned)verdict->wrong_hashes, (unsigned long long)verdict->wrong_sum,
                         (unsigned long long)verdict->wrong_expected);
    }
    if (result->interrupted) {
        return result->sample_count == 0
                   ? plab_fail(err, PLAB_E_INTERRUPTED, "stopped before the first sample")
                   : plab_fail(err, PLAB_E_INTERRUPTED, "stopped after %zu samples",
                               result->sample_count);
    }
    if (verdict->verified == 0) {
        return plab_fail(err, PLAB_E_FAILED, "no hash could be compared with a known checksum");
    }
    if (strict && label_count > 0) {
        return plab_fail(err, PLAB_E_UNTRUSTED,
                         "measured and verified, but with %zu label%s that --strict refuses",
                         label_count, label_count == 1 ? "" : "s");
    }
    return PLAB_OK;
}
