/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/peers/team.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "host/thread.h"
#include "host/topology.h"

enum order { WAIT, GO, GO_HOME };

struct team {
    plab_team_fn *fn;
    void *cookie;
    bool cpu_time;
    _Atomic(enum order) order;
    atomic_uint ready;   /* threads that are pinned, or failed to be */
    atomic_uint refused; /* those that failed */
};

struct member {
    struct team *team;
    unsigned index;
    int cpu; /* -1: not pinned */
    pthread_t thread;
    double seconds;
};

static void *member_main(void *arg) {
    struct member *m = arg;
    struct team *team = m->team;
    if (m->cpu >= 0 && plab_topology_bind_thread((unsigned)m->cpu, NULL) != PLAB_OK) {
        atomic_fetch_add(&team->refused, 1);
    }
    atomic_fetch_add(&team->ready, 1);
    enum order order;
    while ((order = atomic_load(&team->order)) == WAIT) {
        sched_yield();
    }
    if (order == GO) {
        uint64_t (*clock_ns)(void) = team->cpu_time ? plab_clock_thread_cpu_ns : plab_clock_ns;
        uint64_t start_ns = clock_ns();
        team->fn(team->cookie, m->index);
        m->seconds = (double)(clock_ns() - start_ns) / 1e9;
    }
    return NULL;
}

enum plab_status plab_team_run(const struct plab_pin_plan *plan, unsigned threads, bool cpu_time,
                               plab_team_fn *fn, void *cookie, double *seconds,
                               struct plab_error *err) {
    assert(threads >= 1 && threads <= PLAB_TEAM_MAX && threads <= plan->threads);
    struct team team = {.fn = fn, .cookie = cookie, .cpu_time = cpu_time};
    struct member members[PLAB_TEAM_MAX];
    enum plab_status status = PLAB_OK;
    unsigned started = 0;
    for (; started < threads && status == PLAB_OK; started++) {
        members[started] =
            (struct member){.team = &team, .index = started, .cpu = plan->slots[started].cpu};
        status = plab_thread_start(&members[started].thread, "peer", (int)started, member_main,
                                   &members[started], err);
    }
    started -= status != PLAB_OK;
    while (atomic_load(&team.ready) < started) {
        sched_yield();
    }
    if (status == PLAB_OK && atomic_load(&team.refused) > 0) {
        status = plab_fail(err, PLAB_E_RESOURCE, "can't pin %u of %u threads",
                           atomic_load(&team.refused), threads);
    }
    atomic_store(&team.order, status == PLAB_OK ? GO : GO_HOME);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(members[i].thread, NULL);
        seconds[i] = members[i].seconds;
    }
    return status;
}
