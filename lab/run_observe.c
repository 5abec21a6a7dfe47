/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Evidence that only a living process gives: now and then a sample of each (lab/sample.h), and once
 * each detector that looks at living processes. Both are processes of their own, one at a time:
 * tracing would get in the way of waiting for children.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lab/program.h"
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

/* ---- detectors at living processes ---- */

/* The next such detector for this process; NULL when all have looked. */
static const struct plab_detector_file *next_live(struct plab_run_slot *slot) {
    const struct plab_run_config *config = slot->run->config;
    for (; slot->live_next < config->detector_count; slot->live_next++) {
        const struct plab_detector_file *file = &config->detectors[slot->live_next];
        if (file->detector->native == NULL && strcmp(file->detector->input, "process") == 0) {
            return file;
        }
    }
    return NULL;
}

static enum plab_status look(struct plab_run_slot *slot, const struct plab_detector_file *file,
                             struct plab_error *err) {
    struct plab_run *run = slot->run;
    struct plab_argv argv = {.count = 0};
    char pid[16], path[PATH_MAX], folder[PATH_MAX];
    snprintf(pid, sizeof pid, "%d", slot->child.pid);
    plab_run_path(run->record, folder, "raw/live");
    const struct plab_program_inputs inputs = {.target = pid, .out = folder};
    char **words = plab_program_argv(file, &inputs);
    slot->live_next++;
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        plab_argv_add(&argv, "%s", words[i]);
    }
    plab_program_free_argv(words);
    run->sampler.on_exit = on_sampled;
    const struct plab_child_plan plan = {
        .argv = &argv,
        .guard = run->config->guard,
        .log_path = plab_run_path(run->record, path, "raw/live/%s.%s#%u.out", file->detector->name,
                                  slot->name, slot->instances - 1)};
    enum plab_status status = plab_child_start(&run->sampler, &run->loop, &plan, err);
    plab_argv_free(&argv);
    return status;
}

/* Samples first: they are due at their times, the others only once. */
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
    if (due != NULL) {
        return sample(due, now_ns, err);
    }
    for (size_t i = 0; i < run->slot_count; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        bool sampled = slot->child.running && slot->sampled_ns > slot->child.start_ns;
        const struct plab_detector_file *file = sampled ? next_live(slot) : NULL;
        if (file != NULL) {
            return look(slot, file, err);
        }
    }
    return PLAB_OK;
}

void plab_run_observe_stop(struct plab_run *run) {
    if (run->sampler.running) {
        plab_child_stop(&run->sampler, STOP_GRACE_MS);
    }
}
