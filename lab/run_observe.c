/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Evidence that only a living process gives: now and then a sample of each (lab/sample.h), taken by
 * a process of its own, one at a time, since tracing would get in the way of waiting for children.
 */
#include "base/clock.h"
#include "lab/run_priv.h"

#define FIRST_AFTER_NS UINT64_C(3000000000) /* a miner has begun to hash by then, in light mode */
#define EVERY_NS UINT64_C(10000000000)
#define LOOKS 40 /* in light mode most of the time goes into dataset items, in the default mode */
#define LOOK_INTERVAL_MS 10
#define STOP_GRACE_MS 100

static void on_sampled(struct plab_child *child) {
    (void)child; /* it wrote what it saw, or why it couldn't */
}

static bool is_due(const struct plab_run_slot *slot, uint64_t now_ns) {
    uint64_t last = slot->sampled_ns > slot->child.start_ns ? slot->sampled_ns : 0;
    return slot->child.running && (last != 0 ? now_ns - last >= EVERY_NS
                                             : now_ns - slot->child.start_ns >= FIRST_AFTER_NS);
}

static enum plab_status sample(struct plab_run_slot *slot, uint64_t now_ns,
                               struct plab_error *err) {
    struct plab_run *run = slot->run;
    struct plab_argv argv = {.count = 0};
    char path[PATH_MAX];
    plab_argv_add(&argv, "%s", run->config->guard);
    plab_argv_add(&argv, "lab");
    plab_argv_add(&argv, "sample");
    plab_argv_add(&argv, "--looks=%d", LOOKS);
    plab_argv_add(&argv, "--interval=%dms", LOOK_INTERVAL_MS);
    plab_argv_add(&argv, "%d", slot->child.pid);
    slot->sampled_ns = now_ns;
    run->sampler.on_exit = on_sampled;
    const struct plab_child_plan plan = {
        .argv = &argv,
        .guard = run->config->guard,
        .log_path = plab_run_path(run->record, path, "raw/observed.jsonl")};
    enum plab_status status = plab_child_start(&run->sampler, &run->loop, &plan, err);
    plab_argv_free(&argv);
    return status;
}

enum plab_status plab_run_observe_tick(struct plab_run *run, uint64_t now_ns,
                                       struct plab_error *err) {
    struct plab_run_slot *due = NULL;
    if (run->config->guard == NULL || run->sampler.running) {
        return PLAB_OK;
    }
    for (size_t i = 0; i < run->slot_count; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        if (is_due(slot, now_ns) && (due == NULL || slot->sampled_ns < due->sampled_ns)) {
            due = slot;
        }
    }
    return due != NULL ? sample(due, now_ns, err) : PLAB_OK;
}

void plab_run_observe_stop(struct plab_run *run) {
    if (run->sampler.running) {
        plab_child_stop(&run->sampler, STOP_GRACE_MS);
    }
}
