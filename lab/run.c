/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/run.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/prng.h"
#include "lab/run_priv.h"
#include "lab/summary.h"

/* Patience with children that were asked to end: in the ordinary way, and when somebody waits for
 * Ctrl-C, which is answered within two seconds altogether. */
#define HURRY_WORKER_MS 800
#define HURRY_POOL_MS 600
#define POOL_START_MS 20000
#define PORT_POLL_MS 20

static const char *const end_names[] = {
    [PLAB_RUN_COMPLETED] = "completed",       [PLAB_RUN_INTERRUPTED] = "interrupted",
    [PLAB_RUN_TERMINATED] = "terminated",     [PLAB_RUN_LIMIT] = "time_limit",
    [PLAB_RUN_POOL_LOST] = "pool_lost",       [PLAB_RUN_WORKERS_LOST] = "workers_lost",
    [PLAB_RUN_WRITE_FAILED] = "write_failed", [PLAB_RUN_START_FAILED] = "start_failed",
};

const char *plab_run_end_name(enum plab_run_end end) {
    return end_names[end];
}

const char *plab_run_role_name(enum plab_run_role role) {
    static const char *const names[] = {
        [PLAB_RUN_POOL] = "pool", [PLAB_RUN_CONTROL] = "control", [PLAB_RUN_WORKER] = "worker"};
    return names[role];
}

void plab_run_record_free(struct plab_run_record *record) {
    free(record->processes);
    record->processes = NULL;
    record->process_count = record->process_cap = 0;
}

/* ---- failures of the laboratory itself ---- */

/* The first failure counts; what follows from it doesn't hide it. */
void plab_run_give_up(struct plab_run *run, enum plab_status status, const struct plab_error *why) {
    enum plab_run_end end = status == PLAB_E_IO ? PLAB_RUN_WRITE_FAILED : PLAB_RUN_START_FAILED;
    plab_run_stop(run, end);
    if (run->status == PLAB_OK) {
        run->status = status;
        run->err = *why;
        run->record->end = end;
    }
}

void plab_run_add_event(struct plab_run *run, uint64_t t_ns, const char *event, json_t *fields) {
    struct plab_error why = {.text = ""};
    if (run->truth == NULL) {
        json_decref(fields);
        return;
    }
    enum plab_status status = plab_truth_add(run->truth, t_ns, event, fields, &why);
    if (status != PLAB_OK) {
        plab_truth_close(&run->truth);
        plab_run_give_up(run, status, &why);
    }
}

void plab_run_tell_absent(struct plab_run *run, const char *family, const char *reason) {
    struct plab_run_record *record = run->record;
    if (record->absent_count < PLAB_RUN_ABSENT_MAX) {
        struct plab_absence *absence = &record->absent[record->absent_count++];
        absence->family = family;
        snprintf(absence->reason, sizeof absence->reason, "%s", reason);
    }
    plab_run_add_event(run, plab_clock_ns(), "recorder_absent",
                       json_pack("{s:s, s:s}", "recorder", family, "reason", reason));
}

bool plab_run_any(const struct plab_run *run, bool (*is)(const struct plab_run_slot *slot)) {
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        if (run->slots[i].role != PLAB_RUN_POOL && is(&run->slots[i])) {
            return true;
        }
    }
    return false;
}

static bool is_running(const struct plab_run_slot *slot) {
    return slot->child.running;
}

/* ---- the end ---- */

static void close_timers(struct plab_run *run) {
    uv_close((uv_handle_t *)&run->phase_timer, NULL);
    uv_close((uv_handle_t *)&run->step_timer, NULL);
    uv_close((uv_handle_t *)&run->tick_timer, NULL);
    uv_close((uv_handle_t *)&run->limit_timer, NULL);
    uv_close((uv_handle_t *)&run->port_timer, NULL);
    plab_run_network_stop(run);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(run->signals); i++) {
        uv_close((uv_handle_t *)&run->signals[i], NULL);
    }
}

static bool in_a_hurry(const struct plab_run *run) {
    enum plab_run_end end = run->record->end;
    return end == PLAB_RUN_INTERRUPTED || end == PLAB_RUN_TERMINATED;
}

/* A proxy before the pool that it hands shares to. True while one runs. */
static bool stop_pools(struct plab_run *run) {
    for (size_t i = PLAB_RUN_POOL_SLOT; i <= PLAB_RUN_POOL_SLOT + 1 && i < run->slot_count; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        if (slot->role == PLAB_RUN_POOL && slot->child.running) {
            plab_child_stop(&slot->child, in_a_hurry(run) ? HURRY_POOL_MS : PLAB_RUN_GRACE_MS);
            return true;
        }
    }
    return false;
}

/* First all others, so that their last shares are answered, then the pools, then who watched them,
 * then the loop ends. */
void plab_run_go_on_stopping(struct plab_run *run) {
    if (plab_run_any(run, is_running) || stop_pools(run)) {
        return;
    }
    if (!plab_run_watch_stop(run, in_a_hurry(run) ? HURRY_POOL_MS : PLAB_RUN_GRACE_MS) &&
        !uv_is_closing((uv_handle_t *)&run->phase_timer)) {
        close_timers(run);
    }
}

void plab_run_stop(struct plab_run *run, enum plab_run_end end) {
    if (run->stopping) {
        return;
    }
    run->stopping = true;
    run->record->end = end;
    plab_run_end_phase(run);
    uv_timer_stop(&run->phase_timer);
    uv_timer_stop(&run->step_timer);
    uv_timer_stop(&run->tick_timer);
    uv_timer_stop(&run->port_timer);
    plab_run_observe_stop(run);
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        if (run->slots[i].role == PLAB_RUN_POOL) {
            continue;
        }
        run->slots[i].wanted_duty = 0;
        plab_run_reconcile(&run->slots[i], in_a_hurry(run) ? HURRY_WORKER_MS : PLAB_RUN_GRACE_MS);
    }
    plab_run_go_on_stopping(run);
}

/* Somebody who asks twice doesn't wait for results. */
static void kill_all(struct plab_run *run) {
    for (size_t i = 0; i < run->slot_count; i++) {
        plab_child_stop(&run->slots[i].child, 0);
    }
    plab_run_watch_stop(run, 0);
}

static void on_signal(uv_signal_t *handle, int number) {
    struct plab_run *run = handle->data;
    if (run->stopping && in_a_hurry(run)) {
        kill_all(run);
        return;
    }
    plab_log_warn(run->config->log, "%s: stopping workers and pool",
                  number == SIGINT ? "interrupted" : "terminated");
    if (run->stopping) { /* already ending, but not fast enough */
        run->record->end = number == SIGINT ? PLAB_RUN_INTERRUPTED : PLAB_RUN_TERMINATED;
        kill_all(run);
        return;
    }
    plab_run_stop(run, number == SIGINT ? PLAB_RUN_INTERRUPTED : PLAB_RUN_TERMINATED);
}

static void on_limit(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    plab_log_warn(run->config->log, "the limit of %.0f s is reached",
                  (double)run->scenario->max_ms / 1000);
    plab_run_stop(run, PLAB_RUN_LIMIT);
}

/* ---- the beginning ---- */

/* True when the pool has told its port. The file is written at once or not at all, but by others.
 */
static bool read_port(const struct plab_run *run, unsigned *port) {
    char path[PATH_MAX], end = '\0';
    FILE *file = fopen(
        plab_run_path(run->record, path, "raw/%s.port", run->slots[run->awaited_pool].name), "re");
    bool found = file != NULL && fscanf(file, "%5u%c", port, &end) == 2 && end == '\n' &&
                 *port > 0 && *port < 65536;
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static void start_pool(struct plab_run *run, size_t slot) {
    run->awaited_pool = slot;
    run->slots[slot].wanted_duty = 100;
    plab_run_start_slot(&run->slots[slot]);
}

static void take_address(const struct plab_run *run, unsigned port, char out[80]) {
    const char *listen = run->scenario->pool.listen;
    snprintf(out, 80, "%.*s:%u", (int)(strrchr(listen, ':') - listen), listen, port);
    plab_log_info(run->config->log, "the %s listens on %s",
                  out == run->record->second_address ? "second pool" : "pool", out);
}

static void on_port_poll(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    struct plab_error why;
    unsigned port;
    if (!read_port(run, &port)) {
        uint64_t start_ns = run->slots[run->awaited_pool].child.start_ns;
        if (plab_clock_ns() - start_ns > POOL_START_MS * UINT64_C(1000000)) {
            plab_run_give_up(run,
                             plab_fail(&why, PLAB_E_FAILED, "the pool didn't listen within %d s",
                                       POOL_START_MS / 1000),
                             &why);
        }
        return;
    }
    if (run->awaited_pool != PLAB_RUN_POOL_SLOT) {
        take_address(run, port, run->record->second_address);
        plab_run_add_event(run, plab_clock_ns(), "second_pool_ready",
                           json_pack("{s:s}", "address", run->record->second_address));
        plab_run_network_capture(run); /* a proxy logs in before it listens */
        start_pool(run, PLAB_RUN_POOL_SLOT);
        return;
    }
    uv_timer_stop(&run->port_timer);
    take_address(run, port, run->record->pool_address);
    plab_run_add_event(run, plab_clock_ns(), "pool_ready",
                       json_pack("{s:s}", "address", run->record->pool_address));
    if (run->scenario->second_pool.present) {
        plab_run_capture_widen(run);
    } else {
        plab_run_network_capture(run);
    }
    if (!run->stopping) {
        plab_run_tick(run); /* what came before the phases has rows of its own */
    }
    if (!run->stopping) {
        run->phases_start_ns = plab_clock_ns();
        plab_run_begin_phase(run, 0);
    }
}

static void tell_run_start(struct plab_run *run) {
    char wall[PLAB_CLOCK_ISO_LEN];
    const struct plab_run_record *record = run->record;
    plab_clock_iso(record->start_wall_ns, wall);
    plab_run_add_event(run, record->start_ns, "run_start",
                       json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:i}", "schema",
                                 "powlab-truth/1", "run", record->id, "scenario",
                                 run->scenario->name, "label", run->scenario->label, "seed",
                                 (json_int_t)run->scenario->seed, "wall", wall, "wall_ns",
                                 (json_int_t)record->start_wall_ns, "version", run->config->version,
                                 "pid", (int)getpid()));
}

static void init_handles(struct plab_run *run) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    uv_timer_t *timers[] = {&run->phase_timer, &run->step_timer, &run->tick_timer,
                            &run->limit_timer, &run->port_timer};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(timers); i++) {
        uv_timer_init(&run->loop, timers[i]);
        timers[i]->data = run;
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(run->signals); i++) {
        uv_signal_init(&run->loop, &run->signals[i]);
        run->signals[i].data = run;
        uv_signal_start(&run->signals[i], on_signal, numbers[i]);
    }
}

static enum plab_status open_files(struct plab_run *run, struct plab_error *err) {
    char path[PATH_MAX];
    enum plab_status status = plab_run_folder_make(run->config, run->record, err);
    if (status == PLAB_OK) {
        status = plab_truth_open(&run->truth,
                                 plab_run_path(run->record, path, "raw/lab-events.jsonl"), err);
    }
    if (status == PLAB_OK) {
        status = plab_run_recorder_open(run, err);
    }
    return status;
}

static void make_network(struct plab_run *run) {
    struct plab_error why = {.text = ""};
    enum plab_status status = run->stopping ? PLAB_OK : plab_run_network_open(run, &why);
    if (status != PLAB_OK) {
        plab_run_give_up(run, status, &why);
    }
}

static void loop_until_over(struct plab_run *run) {
    init_handles(run);
    tell_run_start(run);
    plab_run_recorder_tell_absent(run);
    make_network(run);
    if (!run->stopping) {
        plab_log_info(run->config->log, "run %s, ends in about %.0f s, in %.0f s at the latest",
                      run->record->id, (double)plab_scenario_duration_ms(run->scenario) / 1000,
                      (double)run->scenario->max_ms / 1000);
        uv_timer_start(&run->limit_timer, on_limit, run->scenario->max_ms, 0);
        uv_timer_start(&run->port_timer, on_port_poll, PORT_POLL_MS, PORT_POLL_MS);
        plab_run_watch_start(run);
    }
    if (!run->stopping) {
        start_pool(run, PLAB_RUN_POOL_SLOT + run->scenario->second_pool.present);
    }
    if (!run->stopping) {
        plab_run_arm_tick(run);
    }
    uv_run(&run->loop, UV_RUN_DEFAULT);
}

/* ---- the verdict ---- */

/* A wrong hash is the worst that can be told; else the first worker's failure counts. */
static enum plab_status check_workers(const struct plab_run_record *record,
                                      struct plab_error *err) {
    enum plab_status worst = PLAB_OK;
    for (size_t i = 0; i < record->process_count && worst != PLAB_E_MISMATCH; i++) {
        const struct plab_run_process *process = &record->processes[i];
        if (process->role != PLAB_RUN_WORKER || process->asked) {
            continue;
        }
        enum plab_status status =
            process->foreign ? PLAB_E_FAILED
                             : plab_run_status_of_exit(process->exit_code, process->signal);
        if (worst == PLAB_OK || status == PLAB_E_MISMATCH) {
            char tail[200];
            plab_run_folder_log_tail(record, process->name, tail, sizeof tail);
            worst = plab_fail(err, status, "%s ended by itself (%s %d): %s", process->name,
                              process->signal != 0 ? "signal" : "exit code",
                              process->signal != 0 ? process->signal : process->exit_code,
                              tail[0] != '\0' ? tail : "it said nothing");
        }
    }
    return worst;
}

/* The first pool that wasn't asked to end. */
static enum plab_status pool_failure(const struct plab_run_record *record, struct plab_error *err) {
    const struct plab_run_process *pool = &record->processes[0];
    for (size_t i = 1; i < record->process_count && (pool->asked || pool->role != PLAB_RUN_POOL);
         i++) {
        pool = &record->processes[i];
    }
    char tail[200];
    plab_run_folder_log_tail(record, pool->name, tail, sizeof tail);
    return plab_fail(err, plab_run_status_of_exit(pool->exit_code, pool->signal),
                     "the %s ended during the run (%s %d): %s", pool->name,
                     pool->signal != 0 ? "signal" : "exit code",
                     pool->signal != 0 ? pool->signal : pool->exit_code,
                     tail[0] != '\0' ? tail : "it said nothing");
}

static enum plab_status check_cut_out(const struct plab_run *run, struct plab_error *err) {
    const struct plab_run_cut_out *cut = &run->record->cut_out;
    const char *unit = plab_hold_unit(cut->hold.kind);
    if (cut->t_ns == 0) {
        return PLAB_OK;
    }
    const char *phase = run->scenario->phases[cut->phase].name;
    return isfinite(cut->reading)
               ? plab_fail(err, PLAB_E_FAILED,
                           "phase \"%s\" reached its cut-out of %.1f %s (%.1f %s): the workers "
                           "rested from then on",
                           phase, cut->hold.cutout, unit, cut->reading, unit)
               : plab_fail(err, PLAB_E_FAILED,
                           "phase \"%s\": its sensor couldn't be read any more: the workers rested "
                           "from then on",
                           phase);
}

static enum plab_status verdict(const struct plab_run *run, struct plab_error *err) {
    const struct plab_run_record *record = run->record;
    if (run->status != PLAB_OK) {
        *err = run->err;
        return run->status;
    }
    switch (record->end) {
    case PLAB_RUN_INTERRUPTED:
        return plab_fail(err, PLAB_E_INTERRUPTED, "interrupted; partial results are in %s",
                         record->folder);
    case PLAB_RUN_TERMINATED:
        return plab_fail(err, PLAB_E_TERMINATED, "terminated; partial results are in %s",
                         record->folder);
    case PLAB_RUN_LIMIT:
        return plab_fail(err, PLAB_E_FAILED, "stopped by the limit of %.0f s",
                         (double)run->scenario->max_ms / 1000);
    case PLAB_RUN_POOL_LOST:
        return pool_failure(record, err);
    default:
        break;
    }
    enum plab_status status = check_workers(record, err);
    if (status == PLAB_OK) {
        status = check_cut_out(run, err);
    }
    if (status == PLAB_OK) {
        status = plab_summary_check(run->scenario, record, err);
    }
    return status;
}

/* Whatever happened: what there is is merged, counted and reported. */
static enum plab_status finish(struct plab_run *run, struct plab_error *err) {
    struct plab_error why = {.text = ""};
    char path[PATH_MAX];
    plab_run_capture_stop(run);
    plab_run_network_close(run);
    run->record->end_ns = plab_clock_ns();
    plab_run_add_event(run, run->record->end_ns, "run_end",
                       json_pack("{s:s, s:b}", "end", plab_run_end_name(run->record->end),
                                 "complete", run->record->end == PLAB_RUN_COMPLETED));
    plab_truth_close(&run->truth);
    plab_run_recorder_finish(run);
    plab_run_folder_results(run->record);
    enum plab_status status = plab_run_folder_truth(run, &why);
    if (status == PLAB_OK) {
        status = plab_run_capture_files(run, &why);
    }
    if (status != PLAB_OK) {
        plab_run_give_up(run, status, &why);
    }
    enum plab_status result = verdict(run, err);
    status = plab_summary_write(run->config, run->record, result,
                                plab_run_path(run->record, path, "report.json"), &why);
    if (status != PLAB_OK && run->status == PLAB_OK) {
        *err = why;
        return status;
    }
    return result;
}

static void init_record(struct plab_run_record *record) {
    memset(record, 0, sizeof *record);
    record->start_ns = plab_clock_ns();
    record->start_wall_ns = plab_clock_wall_ns();
    record->lab_cpu_percent_of_one = NAN;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(record->phases); i++) {
        record->phases[i].hashes = NAN;
        record->phases[i].host_busy_percent = NAN;
        record->phases[i].workers_cpu_percent_of_one = NAN;
    }
    struct plab_prng rng = {record->start_wall_ns ^ (uint64_t)getpid() << 32};
    snprintf(record->id, sizeof record->id, "%08x", (unsigned)plab_prng_next(&rng));
}

enum plab_status plab_run_scenario(const struct plab_run_config *config,
                                   struct plab_run_record *record, struct plab_error *err) {
    init_record(record);
    struct plab_run *run = calloc(1, sizeof *run);
    if (run == NULL || uv_loop_init(&run->loop) != 0) {
        free(run);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a run");
    }
    run->config = config;
    run->scenario = config->scenario;
    run->record = record;
    run->phase = PLAB_RUN_NO_PHASE;
    signal(SIGPIPE, SIG_IGN); /* a child that doesn't read commands any more */
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to report, not a death */
    plab_run_plan_slots(run);
    enum plab_status status = plab_run_hold_open(run, err);
    if (status == PLAB_OK) {
        status = open_files(run, err);
    }
    if (status == PLAB_OK) {
        loop_until_over(run);
        status = finish(run, err);
    } else {
        record->end = status == PLAB_E_IO ? PLAB_RUN_WRITE_FAILED : PLAB_RUN_START_FAILED;
        plab_truth_close(&run->truth);
        plab_run_recorder_finish(run);
    }
    plab_run_hold_close(run);
    uv_loop_close(&run->loop);
    free(run);
    return status;
}
