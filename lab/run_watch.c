/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Detectors that watch the whole machine beside a run, such as Falco, and their canaries: since
 * they see processes only while these live, the canaries are processes of the run too, on no side
 * of it.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lab/program.h"
#include "lab/run_priv.h"

/* The first round may come before a slow watcher sees anything; a later one doesn't. */
#define FIRST_ROUND_NS UINT64_C(2000000000)
#define NEXT_ROUND_NS UINT64_C(15000000000)
#define CANARY_GRACE_MS 100

static bool is_watch(const struct plab_detector_file *file) {
    return file->detector->native == NULL && strcmp(file->detector->input, "events") == 0;
}

static void go_on(struct plab_run *run) {
    if (run->stopping) {
        plab_run_go_on_stopping(run);
    }
}

static void on_watch_over(struct plab_child *child) {
    struct plab_run_watch *watch = child->cookie;
    char reason[120];
    if (!child->asked) {
        snprintf(reason, sizeof reason, "it ended by itself (%s %d)",
                 child->signal != 0 ? "signal" : "exit code",
                 child->signal != 0 ? child->signal : child->exit_code);
        plab_run_tell_absent(watch->run, watch->file->detector->name, reason);
    }
    go_on(watch->run);
}

static void on_canary_over(struct plab_child *child) {
    struct plab_run_watch *watch = child->cookie;
    char name[80];
    snprintf(name, sizeof name, "canary-%.50s-%s", watch->file->detector->name,
             child == &watch->fire ? "fire" : "quiet");
    plab_run_add_event(watch->run, child->end_ns, "process_exit",
                       json_pack("{s:s, s:i, s:i}", "process", name, "instance",
                                 (int)watch->rounds - 1, "pid", child->pid));
    go_on(watch->run);
}

/* ---- starting ---- */

static enum plab_status start_watch(struct plab_run_watch *watch, struct plab_error *err) {
    struct plab_run *run = watch->run;
    struct plab_argv argv = {.count = 0};
    char path[PATH_MAX], folder[PATH_MAX];
    plab_run_path(run->record, folder, "raw/live");
    const struct plab_program_inputs inputs = {.out = folder};
    char **words = plab_program_argv(watch->file, &inputs);
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        plab_argv_add(&argv, "%s", words[i]);
    }
    plab_program_free_argv(words);
    watch->child.on_exit = on_watch_over;
    watch->child.cookie = watch;
    const struct plab_child_plan plan = {
        .argv = &argv,
        .guard = run->config->guard,
        .log_path =
            plab_run_path(run->record, path, "raw/live/%s.out", watch->file->detector->name)};
    enum plab_status status = plab_child_start(&watch->child, &run->loop, &plan, err);
    plab_argv_free(&argv);
    return status;
}

/* Without the program nothing is started: detection says so later. */
void plab_run_watch_start(struct plab_run *run) {
    for (size_t i = 0; i < run->config->detector_count; i++) {
        const struct plab_detector_file *file = &run->config->detectors[i];
        struct plab_error why = {.text = ""};
        if (!is_watch(file) || run->watch_count == PLAB_RUN_WATCHES_MAX ||
            !plab_program_is_there(file, &why)) {
            continue;
        }
        struct plab_run_watch *watch = &run->watches[run->watch_count++];
        watch->run = run;
        watch->file = file;
        if (start_watch(watch, &why) != PLAB_OK) {
            plab_run_tell_absent(run, file->detector->name, why.text);
        }
    }
}

/* It lives for a second, since some watchers only look now and then. */
static void start_canary(struct plab_run_watch *watch, struct plab_child *child, const char *which,
                         const char *words) {
    struct plab_run *run = watch->run;
    struct plab_argv argv = {.count = 0};
    struct plab_error why = {.text = ""};
    char path[PATH_MAX];
    plab_argv_add(&argv, "sh");
    plab_argv_add(&argv, "-c");
    plab_argv_add(&argv, "sleep 1; :");
    plab_argv_add(&argv, "powlab-canary");
    plab_argv_add(&argv, "%s", words);
    child->on_exit = on_canary_over;
    child->cookie = watch;
    const struct plab_child_plan plan = {
        .argv = &argv,
        .guard = run->config->guard,
        .log_path = plab_run_path(run->record, path, "raw/live/canaries.log")};
    if (plab_child_start(child, &run->loop, &plan, &why) != PLAB_OK) {
        plab_run_tell_absent(run, watch->file->detector->name, why.text);
    } else {
        snprintf(path, sizeof path, "canary-%.50s-%s", watch->file->detector->name, which);
        plab_run_add_event(run, child->start_ns, "process_start",
                           json_pack("{s:s, s:s, s:i, s:i}", "process", path, "role", "canary",
                                     "instance", (int)watch->rounds - 1, "pid", child->pid));
    }
    plab_argv_free(&argv);
}

void plab_run_watch_tick(struct plab_run *run, uint64_t now_ns) {
    for (size_t i = 0; i < run->watch_count && !run->stopping; i++) {
        struct plab_run_watch *watch = &run->watches[i];
        const struct plab_detector_canary *canary = watch->file->detector->canary;
        uint64_t since_ns = watch->rounds == 0 ? watch->child.start_ns : watch->round_ns;
        uint64_t wait_ns = watch->rounds == 0 ? FIRST_ROUND_NS : NEXT_ROUND_NS;
        if (watch->child.running && !watch->fire.running && !watch->quiet.running &&
            now_ns - since_ns >= wait_ns) {
            watch->round_ns = now_ns;
            watch->rounds++;
            start_canary(watch, &watch->fire, "fire", canary->fire);
            start_canary(watch, &watch->quiet, "quiet", canary->quiet);
        }
    }
}

bool plab_run_watch_stop(struct plab_run *run, uint64_t grace_ms) {
    bool any = false;
    for (size_t i = 0; i < run->watch_count; i++) {
        struct plab_run_watch *watch = &run->watches[i];
        plab_child_stop(&watch->fire, CANARY_GRACE_MS);
        plab_child_stop(&watch->quiet, CANARY_GRACE_MS);
        plab_child_stop(&watch->child, grace_ms);
        any = any || watch->fire.running || watch->quiet.running || watch->child.running;
    }
    return any;
}
