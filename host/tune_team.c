/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/tune_team.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/thread.h"
#include "host/topology.h"
#include "pow/nonce_stream.h"

/* What a pool's blob has at least. */
#define BLOB_BYTES 76

/* Nonces: a part for each round, in it one for each thread. A thread that comes to the next one's
 * part hashes what that one hashed; only time is measured. */
#define ROUND_SHIFT 26
#define THREAD_SHIFT 14

struct member {
    struct plab_tune_team *team;
    unsigned index;
    pthread_t thread;
    struct plab_pages scratchpads;
    struct plab_hasher *hashers[PLAB_TUNE_CANDIDATES_MAX];
    struct plab_nonce_stream stream;
    double rate_hps; /* of the last slice */
};

struct plab_tune_team {
    const struct plab_tune_config *config;
    struct member *members;
    unsigned started; /* threads that must be joined */
    unsigned lanes[PLAB_TUNE_CANDIDATES_MAX];
    uint8_t blob[PLAB_STREAM_BLOB_MAX];
    size_t blob_len;
    uint64_t slice_ns;
    atomic_uint timing; /* threads whose slice isn't over */

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t wake;
    bool stop;
    unsigned order; /* number of the slice */
    unsigned running;
    unsigned candidate, round; /* of the slice */
};

static bool is_cancelled(const struct plab_tune_team *team) {
    const atomic_bool *cancel = team->config->cancel;
    /* Relaxed: only the flag itself matters, no data comes with it. */
    return cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed);
}

/* ---- the threads ---- */

static unsigned take_nonces(void *cookie, uint32_t *nonces, unsigned count) {
    uint32_t *next = cookie;
    for (unsigned i = 0; i < count; i++) {
        nonces[i] = (*next)++;
    }
    return count;
}

static void run_slice(struct member *member, unsigned candidate, unsigned round) {
    struct plab_tune_team *team = member->team;
    struct plab_stream_hash found[PLAB_RX_LANES_MAX];
    uint32_t next = (uint32_t)round << ROUND_SHIFT | (uint32_t)member->index << THREAD_SHIFT;
    uint64_t hashes = 0, start_ns = 0, start_cpu_ns = 0;
    plab_nonce_stream_init(&member->stream, team->config->algo, member->hashers[candidate],
                           team->lanes[candidate], team->blob, team->blob_len);
    member->rate_hps = 0;
    /* Relaxed: the number alone matters. */
    while (!is_cancelled(team) && atomic_load_explicit(&team->timing, memory_order_relaxed) > 0) {
        unsigned count = plab_nonce_stream_next(&member->stream, take_nonces, &next, found);
        uint64_t now_ns = plab_clock_ns();
        if (start_ns == 0) {
            start_ns = now_ns;
            start_cpu_ns = plab_clock_thread_cpu_ns();
            continue;
        }
        hashes += count;
        if (member->rate_hps == 0 && now_ns - start_ns >= team->slice_ns) {
            uint64_t cpu_ns = plab_clock_thread_cpu_ns() - start_cpu_ns;
            member->rate_hps = (double)hashes * 1e9 / (double)(cpu_ns > 0 ? cpu_ns : 1);
            atomic_fetch_sub_explicit(&team->timing, 1, memory_order_relaxed);
        }
    }
}

static void *member_main(void *arg) {
    struct member *member = arg;
    struct plab_tune_team *team = member->team;
    const int cpu = team->config->slots[member->index].cpu;
    unsigned done = 0;
    if (cpu >= 0) {
        /* Refused: the scheduler places it, as it will the workers. */
        enum plab_status ignored = plab_topology_bind_thread((unsigned)cpu, NULL);
        (void)ignored;
    }
    pthread_mutex_lock(&team->lock);
    while (!team->stop) {
        if (team->order == done) {
            pthread_cond_wait(&team->wake, &team->lock);
            continue;
        }
        done = team->order;
        unsigned candidate = team->candidate, round = team->round;
        pthread_mutex_unlock(&team->lock);
        run_slice(member, candidate, round);
        pthread_mutex_lock(&team->lock);
        team->running--;
        pthread_cond_broadcast(&team->wake);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

/* ---- the caller ---- */

double plab_tune_team_slice(struct plab_tune_team *team, unsigned candidate, unsigned round) {
    const unsigned threads = team->config->threads;
    double rate_hps = 0;
    atomic_store(&team->timing, threads);
    pthread_mutex_lock(&team->lock);
    team->candidate = candidate;
    team->round = round;
    team->running = threads;
    team->order++;
    pthread_cond_broadcast(&team->wake);
    while (team->running > 0) {
        pthread_cond_wait(&team->wake, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
    for (unsigned i = 0; i < threads; i++) {
        rate_hps += team->members[i].rate_hps;
    }
    return is_cancelled(team) ? 0 : rate_hps;
}

static void unload(struct member *member) {
    for (unsigned i = 0; i < PLAB_TUNE_CANDIDATES_MAX; i++) {
        plab_hasher_destroy(&member->hashers[i]);
    }
}

static enum plab_status make_hasher(struct member *member, unsigned at,
                                    const struct plab_tune_choice *choice) {
    const struct plab_tune_config *config = member->team->config;
    struct plab_kernels kernels = *config->kernels;
    plab_tune_apply(choice, &kernels);
    enum plab_status status = plab_hasher_create(&member->hashers[at], config->algo, &kernels,
                                                 choice->lanes, member->scratchpads.addr);
    if (status == PLAB_OK) {
        const int node = config->slots[member->index].numa_node;
        plab_hasher_set_seed(member->hashers[at], config->seed->cache,
                             plab_seed_view_dataset(config->seed, node),
                             config->seed->dataset_items);
        status = plab_hasher_check(member->hashers[at], member->team->blob_len, NULL);
    }
    return status;
}

enum plab_status plab_tune_team_load(struct plab_tune_team *team,
                                     const struct plab_tune_choice *candidates, unsigned count) {
    enum plab_status status = PLAB_OK;
    assert(count <= PLAB_TUNE_CANDIDATES_MAX);
    for (unsigned i = 0; i < team->config->threads && status == PLAB_OK; i++) {
        unload(&team->members[i]);
        for (unsigned k = 0; k < count && status == PLAB_OK; k++) {
            team->lanes[k] = candidates[k].lanes;
            status = make_hasher(&team->members[i], k, &candidates[k]);
        }
    }
    return status;
}

/* ---- life ---- */

static void choose_blob(struct plab_tune_team *team) {
    const struct plab_algo *algo = team->config->algo;
    size_t least = algo->nonce_offset + PLAB_NONCE_BYTES;
    least = least > algo->min_input_bytes ? least : algo->min_input_bytes;
    team->blob_len = least > BLOB_BYTES ? least : BLOB_BYTES;
}

static enum plab_status start_members(struct plab_tune_team *team, unsigned lanes_max,
                                      struct plab_error *err) {
    const struct plab_tune_config *config = team->config;
    for (unsigned i = 0; i < config->threads; i++) {
        struct member *member = &team->members[i];
        member->team = team;
        member->index = i;
        enum plab_status status =
            plab_pages_map_cancellable(&member->scratchpads, /* many threads, much memory */
                                       lanes_max * config->algo->scratchpad_bytes, config->pages,
                                       config->slots[i].numa_node, config->cancel, err);
        if (status == PLAB_OK) {
            status = plab_thread_start(&member->thread, "t", (int)i, member_main, member, err);
        }
        if (status != PLAB_OK) {
            return status;
        }
        team->started++;
    }
    return PLAB_OK;
}

enum plab_status plab_tune_team_create(struct plab_tune_team **out,
                                       const struct plab_tune_config *config, unsigned lanes_max,
                                       struct plab_error *err) {
    struct plab_tune_team *team = *out = calloc(1, sizeof *team);
    struct member *members = calloc(config->threads, sizeof *members);
    if (team == NULL || members == NULL) {
        free(team);
        free(members);
        *out = NULL;
        return plab_fail(err, PLAB_E_NOMEM, "no memory for %u threads", config->threads);
    }
    team->config = config;
    team->members = members;
    team->slice_ns = config->setup->slice_ns > 0 ? config->setup->slice_ns : PLAB_TUNE_SLICE_NS;
    choose_blob(team);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    enum plab_status status = start_members(team, lanes_max, err);
    if (status != PLAB_OK) {
        plab_tune_team_destroy(out);
    }
    return status;
}

void plab_tune_team_destroy(struct plab_tune_team **team) {
    struct plab_tune_team *dying = *team;
    *team = NULL;
    if (dying == NULL) {
        return;
    }
    pthread_mutex_lock(&dying->lock);
    dying->stop = true;
    pthread_cond_broadcast(&dying->wake);
    pthread_mutex_unlock(&dying->lock);
    for (unsigned i = 0; i < dying->started; i++) {
        pthread_join(dying->members[i].thread, NULL);
    }
    for (unsigned i = 0; i < dying->config->threads; i++) {
        unload(&dying->members[i]);
        plab_pages_unmap(&dying->members[i].scratchpads);
    }
    pthread_cond_destroy(&dying->wake);
    pthread_mutex_destroy(&dying->lock);
    free(dying->members);
    free(dying);
}
