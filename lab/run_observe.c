/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Evidence that only a living process gives: now and then a sample of each (lab/sample.h), and each
 * detector that looks at living processes, twice: at once, for processes that live for seconds
 * only, and when there is more to be found. Both are processes of their own, one at a time: tracing
 * would get in the way of waiting for children.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/program.h"
#include "lab/run_priv.h"

#define FIRST_AFTER_NS UINT64_C(3000000000) /* a miner has begun to hash by then, in light mode */
#define EVERY_NS UINT64_C(10000000000)
/* Of detectors: by the first, a client has logged in and got its job. */
static const uint64_t look_after_ns[] = {UINT64_C(700000000), UINT64_C(10000000000)};
#define LOOKS 40 /* in light mode most of the time goes into dataset items, in the default mode */
#define LOOK_INTERVAL_MS 10
#define SYSCALLS_MS 1000 /* a tenth of the time; it slows down who makes many */
#define STOP_GRACE_MS 100

/* Adds up what the samples say that they cost. Nobody else can tell: when processes are reaped,
 * their times are one sum, that of the workers with them. */
static void count_cost(struct plab_run *run) {
    char path[PATH_MAX], *line = NULL;
    size_t cap = 0;
    FILE *lines = fopen(plab_run_path(run->record, path, "raw/observed.jsonl"), "re");
    if (lines != NULL && fseek(lines, run->observed_at, SEEK_SET) == 0) {
        while (getline(&line, &cap, lines) > 0) {
            json_t *sample = json_loads(line, 0, NULL);
            run->sampling_cpu_s += json_number_value(json_object_get(sample, "cpu_s"));
            json_decref(sample);
        }
        run->observed_at = ftell(lines);
    }
    free(line);
    if (lines != NULL) {
        fclose(lines);
    }
}

/* It wrote what it saw, or why it couldn't; others needn't wait for the next second. */
static void on_sampled(struct plab_child *child) {
    struct plab_run *run = child->cookie;
    struct plab_error why = {.text = ""};
    count_cost(run);
    enum plab_status status =
        run->stopping ? PLAB_OK : plab_run_observe_tick(run, plab_clock_ns(), &why);
    if (status != PLAB_OK) {
        plab_run_give_up(run, status, &why);
    }
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
    plab_argv_add(&argv, "--syscalls=%dms", SYSCALLS_MS);
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

/* The next such detector whose time at this process has come; NULL: none. */
static const struct plab_detector_file *next_live(struct plab_run_slot *slot, uint64_t now_ns) {
    const struct plab_run_config *config = slot->run->config;
    if (!slot->child.running || slot->live_rounds == PLAB_ARRAY_LEN(look_after_ns) ||
        now_ns - slot->child.start_ns < look_after_ns[slot->live_rounds]) {
        return NULL;
    }
    for (; slot->live_next < config->detector_count; slot->live_next++) {
        const struct plab_detector_file *file = &config->detectors[slot->live_next];
        if (file->detector->native == NULL && strcmp(file->detector->input, "process") == 0) {
            return file;
        }
    }
    slot->live_next = 0;
    slot->live_rounds++;
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

/* Lets a detector look at a process, `urgent`: at a young one. PLAB_OK too when none is due. */
static enum plab_status look_if_due(struct plab_run *run, bool urgent, uint64_t now_ns,
                                    struct plab_error *err) {
    for (size_t i = 0; i < run->slot_count && !run->sampler.running; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        bool young = now_ns - slot->child.start_ns < FIRST_AFTER_NS;
        const struct plab_detector_file *file = young || !urgent ? next_live(slot, now_ns) : NULL;
        enum plab_status status = file != NULL ? look(slot, file, err) : PLAB_OK;
        if (status != PLAB_OK) {
            return status;
        }
    }
    return PLAB_OK;
}

static enum plab_status sample_if_due(struct plab_run *run, uint64_t now_ns,
                                      struct plab_error *err) {
    struct plab_run_slot *due = NULL;
    for (size_t i = 0; i < run->slot_count; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        if (is_due(slot, now_ns) && (due == NULL || slot->sampled_ns < due->sampled_ns)) {
            due = slot;
        }
    }
    return due != NULL && !run->sampler.running ? sample(due, now_ns, err) : PLAB_OK;
}

/* Looks at young processes are the most urgent, they may be gone soon; then samples, at their
 * times; so that many processes don't keep them from each other. */
enum plab_status plab_run_observe_tick(struct plab_run *run, uint64_t now_ns,
                                       struct plab_error *err) {
    if (run->config->guard == NULL || run->sampler.running) {
        return PLAB_OK;
    }
    run->sampler.cookie = run;
    enum plab_status status = look_if_due(run, true, now_ns, err);
    if (status == PLAB_OK) {
        status = sample_if_due(run, now_ns, err);
    }
    return status == PLAB_OK ? look_if_due(run, false, now_ns, err) : status;
}

void plab_run_observe_stop(struct plab_run *run) {
    if (run->sampler.running) {
        plab_child_stop(&run->sampler, STOP_GRACE_MS);
    }
}
