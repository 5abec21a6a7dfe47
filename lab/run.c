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
#define GRACE_MS 5000
#define HURRY_WORKER_MS 800
#define HURRY_POOL_MS 600
#define POOL_START_MS 20000
#define PORT_POLL_MS 20
#define TICK_MS 1000
#define PROGRESS_TICKS 10
/* A row that would come so shortly before a phase's end waits for it. */
#define TICK_MERGE_MS 300

static const char *const end_names[] = {
    [PLAB_RUN_COMPLETED] = "completed",       [PLAB_RUN_INTERRUPTED] = "interrupted",
    [PLAB_RUN_TERMINATED] = "terminated",     [PLAB_RUN_LIMIT] = "time_limit",
    [PLAB_RUN_POOL_LOST] = "pool_lost",       [PLAB_RUN_WORKERS_LOST] = "workers_lost",
    [PLAB_RUN_WRITE_FAILED] = "write_failed", [PLAB_RUN_START_FAILED] = "start_failed",
};

const char *plab_run_end_name(enum plab_run_end end) {
    return end_names[end];
}

void plab_run_record_free(struct plab_run_record *record) {
    free(record->processes);
    record->processes = NULL;
    record->process_count = record->process_cap = 0;
}

static void stop_run(struct plab_run *run, enum plab_run_end end);

/* ---- failures of the laboratory itself ---- */

/* The first failure counts; what follows from it doesn't hide it. */
static void give_up(struct plab_run *run, enum plab_status status, const struct plab_error *why) {
    enum plab_run_end end = status == PLAB_E_IO ? PLAB_RUN_WRITE_FAILED : PLAB_RUN_START_FAILED;
    stop_run(run, end);
    if (run->status == PLAB_OK) {
        run->status = status;
        run->err = *why;
        run->record->end = end;
    }
}

static void add_event(struct plab_run *run, uint64_t t_ns, const char *event, json_t *fields) {
    struct plab_error why = {.text = ""};
    if (run->truth == NULL) {
        json_decref(fields);
        return;
    }
    enum plab_status status = plab_truth_add(run->truth, t_ns, event, fields, &why);
    if (status != PLAB_OK) {
        plab_truth_close(&run->truth);
        give_up(run, status, &why);
    }
}

void plab_run_tell_absent(struct plab_run *run, const char *family, const char *reason) {
    struct plab_run_record *record = run->record;
    if (record->absent_count < PLAB_RUN_ABSENT_MAX) {
        struct plab_absence *absence = &record->absent[record->absent_count++];
        absence->family = family;
        snprintf(absence->reason, sizeof absence->reason, "%s", reason);
    }
    add_event(run, plab_clock_ns(), "recorder_absent",
              json_pack("{s:s, s:s}", "recorder", family, "reason", reason));
}

/* ---- processes ---- */

static bool add_process(struct plab_run *run, struct plab_run_slot *slot) {
    struct plab_run_record *record = run->record;
    if (record->process_count == record->process_cap) {
        size_t cap = record->process_cap != 0 ? 2 * record->process_cap : 16;
        void *larger = realloc(record->processes, cap * sizeof *record->processes);
        if (larger == NULL) {
            return false;
        }
        record->processes = larger;
        record->process_cap = cap;
    }
    slot->process = record->process_count++;
    struct plab_run_process *process = &record->processes[slot->process];
    memset(process, 0, sizeof *process);
    memcpy(process->name, slot->name, sizeof process->name);
    process->worker = slot->group != NULL;
    process->instance = slot->instances;
    process->start_ns = plab_clock_ns();
    return true;
}

static void tell_start(const struct plab_run_slot *slot, const struct plab_argv *argv) {
    json_t *words = json_array();
    for (size_t i = 0; i < argv->count; i++) {
        json_array_append_new(words, json_string(argv->items[i]));
    }
    json_t *fields = json_pack("{s:s, s:s, s:i, s:i, s:o}", "process", slot->name, "role",
                               slot->group != NULL ? "worker" : "pool", "instance",
                               (int)slot->instances, "pid", slot->child.pid, "argv", words);
    if (fields != NULL && slot->group != NULL) {
        json_object_set_new(fields, "duty_percent", json_integer(slot->wanted_duty));
        json_object_set_new(fields, "label", json_string(slot->run->scenario->label));
    }
    add_event(slot->run, slot->child.start_ns, "process_start", fields);
}

static void on_child_exit(struct plab_child *child);

static uint64_t left_ms(const struct plab_run *run) {
    uint64_t gone = (plab_clock_ns() - run->record->start_ns) / 1000000;
    return gone < run->scenario->max_ms ? run->scenario->max_ms - gone : 0;
}

static void start_slot(struct plab_run_slot *slot) {
    struct plab_run *run = slot->run;
    struct plab_error why = {.text = "not enough memory to start a process"};
    struct plab_argv argv = {.count = 0};
    char log[PATH_MAX], stats[PATH_MAX];
    if (!add_process(run, slot)) {
        give_up(run, PLAB_E_NOMEM, &why);
        return;
    }
    plab_run_plan_argv(slot, left_ms(run), &argv);
    plab_follow_init(&slot->follow, plab_run_path(run->record, stats, "raw/%s.%u.jsonl", slot->name,
                                                  slot->instances));
    slot->child.on_exit = on_child_exit;
    slot->child.cookie = slot;
    slot->running_duty = slot->wanted_duty;
    enum plab_status status =
        plab_child_start(&slot->child, &run->loop, &argv, run->config->guard,
                         plab_run_path(run->record, log, "logs/%s.log", slot->name), &why);
    struct plab_run_process *process = &run->record->processes[slot->process];
    process->pid = slot->child.pid;
    process->start_ns = slot->last.t_ns = slot->child.start_ns;
    if (status == PLAB_OK) {
        tell_start(slot, &argv);
        plab_run_recorder_watch(slot);
    } else {
        slot->broken = true;
        give_up(run, status, &why);
    }
    plab_argv_free(&argv);
    slot->instances++;
}

/* Makes a worker be what the phase wants. A new duty is a new process: `mine` takes it at its
 * start. */
static void reconcile(struct plab_run_slot *slot, uint64_t grace_ms) {
    if (slot->child.running) {
        if (slot->wanted_duty != slot->running_duty) {
            plab_child_stop(&slot->child, grace_ms);
        }
    } else if (slot->wanted_duty > 0 && !slot->broken && !slot->run->stopping) {
        start_slot(slot);
    }
}

static bool any_worker(const struct plab_run *run, bool (*is)(const struct plab_run_slot *slot)) {
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        if (is(&run->slots[i])) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct plab_run_slot *slot) {
    return slot->wanted_duty > 0;
}

static bool is_running(const struct plab_run_slot *slot) {
    return slot->child.running;
}

static bool is_whole(const struct plab_run_slot *slot) {
    return !slot->broken;
}

/* ---- the end ---- */

static void close_timers(struct plab_run *run) {
    uv_close((uv_handle_t *)&run->phase_timer, NULL);
    uv_close((uv_handle_t *)&run->tick_timer, NULL);
    uv_close((uv_handle_t *)&run->limit_timer, NULL);
    uv_close((uv_handle_t *)&run->port_timer, NULL);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(run->signals); i++) {
        uv_close((uv_handle_t *)&run->signals[i], NULL);
    }
}

static bool in_a_hurry(const struct plab_run *run) {
    enum plab_run_end end = run->record->end;
    return end == PLAB_RUN_INTERRUPTED || end == PLAB_RUN_TERMINATED;
}

/* First the workers, so that their last shares are answered, then the pool, then the loop ends. */
static void go_on_stopping(struct plab_run *run) {
    struct plab_run_slot *pool = &run->slots[PLAB_RUN_POOL_SLOT];
    if (any_worker(run, is_running)) {
        return;
    }
    if (pool->child.running) {
        plab_child_stop(&pool->child, in_a_hurry(run) ? HURRY_POOL_MS : GRACE_MS);
    } else if (!uv_is_closing((uv_handle_t *)&run->phase_timer)) {
        close_timers(run);
    }
}

static void end_phase(struct plab_run *run);

static void stop_run(struct plab_run *run, enum plab_run_end end) {
    if (run->stopping) {
        return;
    }
    run->stopping = true;
    run->record->end = end;
    end_phase(run);
    uv_timer_stop(&run->phase_timer);
    uv_timer_stop(&run->tick_timer);
    uv_timer_stop(&run->port_timer);
    plab_run_observe_stop(run);
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        run->slots[i].wanted_duty = 0;
        reconcile(&run->slots[i], in_a_hurry(run) ? HURRY_WORKER_MS : GRACE_MS);
    }
    go_on_stopping(run);
}

/* Somebody who asks twice doesn't wait for results. */
static void kill_all(struct plab_run *run) {
    for (size_t i = 0; i < run->slot_count; i++) {
        plab_child_stop(&run->slots[i].child, 0);
    }
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
    stop_run(run, number == SIGINT ? PLAB_RUN_INTERRUPTED : PLAB_RUN_TERMINATED);
}

static void on_limit(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    plab_log_warn(run->config->log, "the limit of %.0f s is reached",
                  (double)run->scenario->max_ms / 1000);
    stop_run(run, PLAB_RUN_LIMIT);
}

/* ---- a child has ended ---- */

static void describe_exit(const struct plab_child *child, char out[40]) {
    if (child->signal != 0) {
        snprintf(out, 40, "signal %d", child->signal);
    } else {
        snprintf(out, 40, "exit code %d", child->exit_code);
    }
}

static void record_exit(struct plab_run_slot *slot) {
    const struct plab_child *child = &slot->child;
    struct plab_run_process *process = &slot->run->record->processes[slot->process];
    process->end_ns = child->end_ns;
    process->exit_code = child->exit_code;
    process->signal = child->signal;
    process->asked = child->asked;
    process->killed = child->killed;
    json_t *fields = json_pack("{s:s, s:i, s:i, s:b, s:b}", "process", slot->name, "instance",
                               (int)process->instance, "pid", process->pid, "asked",
                               (int)child->asked, "killed", (int)child->killed);
    if (fields != NULL) {
        json_object_set_new(fields, child->signal != 0 ? "signal" : "exit_code",
                            json_integer(child->signal != 0 ? child->signal : child->exit_code));
    }
    add_event(slot->run, child->end_ns, "process_exit", fields);
    plab_run_recorder_instance_over(slot);
}

/* What a child's exit code says, as a status of ours: its reason is the run's. */
static enum plab_status status_of_exit(int exit_code, int signal) {
    static const enum plab_status passed_on[] = {
        PLAB_E_RESOURCE, PLAB_E_MISMATCH, PLAB_E_UNSUPPORTED, PLAB_E_NETWORK, PLAB_E_REFUSED,
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(passed_on); i++) {
        if (signal == 0 && exit_code == plab_status_exit_code(passed_on[i])) {
            return passed_on[i];
        }
    }
    return PLAB_E_FAILED;
}

static void pool_is_gone(struct plab_run_slot *slot) {
    struct plab_run *run = slot->run;
    char how[40], tail[200];
    struct plab_error why;
    describe_exit(&slot->child, how);
    plab_run_folder_log_tail(run->record, slot->name, tail, sizeof tail);
    if (run->record->pool_address[0] == '\0') {
        give_up(run,
                plab_fail(&why, status_of_exit(slot->child.exit_code, slot->child.signal),
                          "the pool ended before it listened (%s): %s", how,
                          tail[0] != '\0' ? tail : "it said nothing"),
                &why);
        return;
    }
    plab_log_error(run->config->log, "the pool ended (%s); the run ends with it", how);
    stop_run(run, PLAB_RUN_POOL_LOST);
}

static void worker_is_gone(struct plab_run_slot *slot) {
    struct plab_run *run = slot->run;
    char how[40], tail[200];
    describe_exit(&slot->child, how);
    plab_run_folder_log_tail(run->record, slot->name, tail, sizeof tail);
    plab_log_error(run->config->log, "%s ended by itself (%s): %s", slot->name, how,
                   tail[0] != '\0' ? tail : "it said nothing");
    slot->broken = true;
    run->record->unexpected_exits++;
    if (!any_worker(run, is_whole)) {
        stop_run(run, PLAB_RUN_WORKERS_LOST);
    }
}

static void on_child_exit(struct plab_child *child) {
    struct plab_run_slot *slot = child->cookie;
    struct plab_run *run = slot->run;
    record_exit(slot);
    if (!child->asked && !slot->broken) {
        if (slot->group == NULL) {
            pool_is_gone(slot);
        } else {
            worker_is_gone(slot);
        }
    }
    if (run->stopping) {
        go_on_stopping(run);
    } else {
        reconcile(slot, GRACE_MS);
    }
}

/* ---- phases ---- */

static void arm_tick(struct plab_run *run);

static void tick(struct plab_run *run) {
    struct plab_error why = {.text = ""};
    enum plab_status status = run->timeline != NULL ? plab_run_recorder_tick(run, &why) : PLAB_OK;
    if (status != PLAB_OK) {
        plab_timeline_close(&run->timeline);
        give_up(run, status, &why);
    }
}

/* A sign of life for who watches. */
static void tell_progress(const struct plab_run *run) {
    char rate[32] = "?", accepted[32] = "?";
    if (isfinite(run->rate_hps)) {
        snprintf(rate, sizeof rate, "%.1f", run->rate_hps);
    }
    if (isfinite(run->accepted)) {
        snprintf(accepted, sizeof accepted, "%.0f", run->accepted);
    }
    uint64_t gone_ns = plab_clock_ns() - run->record->phases[run->phase].start_ns;
    plab_log_info(run->config->log, "%s %.0f/%.0f s: %s H/s, %s shares accepted, CPU %.0f %%",
                  run->scenario->phases[run->phase].name, (double)gone_ns * 1e-9,
                  (double)run->scenario->phases[run->phase].duration_ms / 1000, rate, accepted,
                  run->host_busy_percent);
}

static void on_tick(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    run->ticks++;
    tick(run);
    if (run->ticks % PROGRESS_TICKS == 0 && run->phase != PLAB_RUN_NO_PHASE) {
        tell_progress(run);
    }
    if (!run->stopping) {
        arm_tick(run);
    }
}

/* Rows come each second since the run's or the phases' start, without drift, and one at each
 * phase's end, so that no row belongs to two phases. */
static void arm_tick(struct plab_run *run) {
    uint64_t base_ns = run->phase == PLAB_RUN_NO_PHASE ? run->record->start_ns
                                                       : run->record->phases[run->phase].start_ns;
    uint64_t gone_ms = (plab_clock_ns() - base_ns) / 1000000;
    uint64_t due_ms = TICK_MS - gone_ms % TICK_MS;
    if (due_ms < TICK_MERGE_MS) {
        due_ms += TICK_MS;
    }
    if (run->phase != PLAB_RUN_NO_PHASE) {
        uint64_t end_ms = run->scenario->phases[run->phase].duration_ms;
        if (gone_ms + due_ms + TICK_MERGE_MS > end_ms) {
            uv_timer_stop(&run->tick_timer);
            return;
        }
    }
    uv_timer_start(&run->tick_timer, on_tick, due_ms, 0);
}

static void end_phase(struct plab_run *run) {
    if (run->phase == PLAB_RUN_NO_PHASE) {
        return;
    }
    tick(run);
    const char *name = run->scenario->phases[run->phase].name;
    struct plab_run_phase *phase = &run->record->phases[run->phase];
    phase->end_ns = plab_clock_ns();
    run->phase = PLAB_RUN_NO_PHASE;
    add_event(run, phase->end_ns, "phase_end", json_pack("{s:s}", "phase", name));
}

static void on_phase_over(uv_timer_t *timer);

static void tell_phase(struct plab_run *run) {
    const struct plab_scenario_phase *phase = &run->scenario->phases[run->phase];
    json_t *workers = json_object();
    char words[256] = "";
    size_t used = 0;
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        const struct plab_run_slot *slot = &run->slots[i];
        json_object_set_new(workers, slot->name, json_integer(slot->wanted_duty));
        if (slot->wanted_duty > 0 && used < sizeof words) {
            used += (size_t)snprintf(words + used, sizeof words - used, "%s%s %u %%",
                                     used > 0 ? ", " : "", slot->name, slot->wanted_duty);
        }
    }
    plab_log_info(run->config->log, "phase %zu/%zu %s, %.0f s: %s", run->phase + 1,
                  run->scenario->phase_count, phase->name, (double)phase->duration_ms / 1000,
                  used > 0 ? words : "no worker");
    add_event(run, run->record->phases[run->phase].start_ns, "phase_start",
              json_pack("{s:s, s:i, s:i, s:f, s:o}", "phase", phase->name, "index", (int)run->phase,
                        "load_percent", (int)phase->load_percent, "duration_s",
                        (double)phase->duration_ms / 1000, "duty_percent", workers));
}

/* Phases end at fixed times after the first one's start, however long it takes to change. */
static void begin_phase(struct plab_run *run, size_t index) {
    const struct plab_scenario_phase *phase = &run->scenario->phases[index];
    uint64_t now_ns = plab_clock_ns(), end_ns = run->phases_start_ns;
    run->phase = index;
    run->record->phases[index].start_ns = now_ns;
    for (size_t i = 0; i <= index; i++) {
        end_ns += run->scenario->phases[i].duration_ms * 1000000;
    }
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        run->slots[i].wanted_duty = plab_run_plan_duty(&run->slots[i], phase);
    }
    if (!any_worker(run, is_wanted)) {
        run->record->phases[index].hashes = 0; /* known without anybody telling */
    }
    tell_phase(run);
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count && !run->stopping; i++) {
        reconcile(&run->slots[i], GRACE_MS);
    }
    if (!run->stopping) {
        uint64_t due_ns = end_ns > now_ns ? end_ns - now_ns : 0;
        uv_timer_start(&run->phase_timer, on_phase_over, (due_ns + 999999) / 1000000, 0);
        arm_tick(run);
    }
}

static void on_phase_over(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    size_t next = run->phase + 1;
    end_phase(run);
    if (run->stopping) {
        return;
    }
    if (next == run->scenario->phase_count) {
        stop_run(run, PLAB_RUN_COMPLETED);
    } else {
        begin_phase(run, next);
    }
}

/* ---- the beginning ---- */

/* True when the pool has told its port. The file is written at once or not at all, but by others.
 */
static bool read_port(const struct plab_run *run, unsigned *port) {
    char path[PATH_MAX], end = '\0';
    FILE *file = fopen(plab_run_path(run->record, path, "raw/pool.port"), "re");
    bool found = file != NULL && fscanf(file, "%5u%c", port, &end) == 2 && end == '\n' &&
                 *port > 0 && *port < 65536;
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static void on_port_poll(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    struct plab_error why;
    unsigned port;
    if (!read_port(run, &port)) {
        if (plab_clock_ns() - run->record->start_ns > POOL_START_MS * UINT64_C(1000000)) {
            give_up(run,
                    plab_fail(&why, PLAB_E_FAILED, "the pool didn't listen within %d s",
                              POOL_START_MS / 1000),
                    &why);
        }
        return;
    }
    uv_timer_stop(&run->port_timer);
    const char *listen = run->scenario->pool.listen;
    snprintf(run->record->pool_address, sizeof run->record->pool_address, "%.*s:%u",
             (int)(strrchr(listen, ':') - listen), listen, port);
    plab_log_info(run->config->log, "the pool listens on %s", run->record->pool_address);
    add_event(run, plab_clock_ns(), "pool_ready",
              json_pack("{s:s}", "address", run->record->pool_address));
    if (!run->stopping) {
        tick(run); /* what came before the phases has rows of its own */
    }
    if (!run->stopping) {
        run->phases_start_ns = plab_clock_ns();
        begin_phase(run, 0);
    }
}

static void tell_run_start(struct plab_run *run) {
    char wall[PLAB_CLOCK_ISO_LEN];
    const struct plab_run_record *record = run->record;
    plab_clock_iso(record->start_wall_ns, wall);
    add_event(run, record->start_ns, "run_start",
              json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:i}", "schema", "powlab-truth/1",
                        "run", record->id, "scenario", run->scenario->name, "label",
                        run->scenario->label, "seed", (json_int_t)run->scenario->seed, "wall", wall,
                        "wall_ns", (json_int_t)record->start_wall_ns, "version",
                        run->config->version, "pid", (int)getpid()));
}

static void init_handles(struct plab_run *run) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    uv_timer_t *timers[] = {&run->phase_timer, &run->tick_timer, &run->limit_timer,
                            &run->port_timer};
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

static void loop_until_over(struct plab_run *run) {
    init_handles(run);
    tell_run_start(run);
    plab_run_recorder_tell_absent(run);
    if (!run->stopping) {
        plab_log_info(run->config->log, "run %s, ends in about %.0f s, in %.0f s at the latest",
                      run->record->id, (double)plab_scenario_duration_ms(run->scenario) / 1000,
                      (double)run->scenario->max_ms / 1000);
        uv_timer_start(&run->limit_timer, on_limit, run->scenario->max_ms, 0);
        uv_timer_start(&run->port_timer, on_port_poll, PORT_POLL_MS, PORT_POLL_MS);
        run->slots[PLAB_RUN_POOL_SLOT].wanted_duty = 100;
        start_slot(&run->slots[PLAB_RUN_POOL_SLOT]);
    }
    if (!run->stopping) {
        arm_tick(run);
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
        if (!process->worker || process->asked) {
            continue;
        }
        enum plab_status status = status_of_exit(process->exit_code, process->signal);
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

/* The pool's process is the first. */
static enum plab_status pool_failure(const struct plab_run_record *record, struct plab_error *err) {
    const struct plab_run_process *pool = &record->processes[PLAB_RUN_POOL_SLOT];
    char tail[200];
    plab_run_folder_log_tail(record, pool->name, tail, sizeof tail);
    return plab_fail(err, status_of_exit(pool->exit_code, pool->signal),
                     "the pool ended during the run (%s %d): %s",
                     pool->signal != 0 ? "signal" : "exit code",
                     pool->signal != 0 ? pool->signal : pool->exit_code,
                     tail[0] != '\0' ? tail : "it said nothing");
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
        status = plab_summary_check(run->scenario, record, err);
    }
    return status;
}

/* Whatever happened: what there is is merged, counted and reported. */
static enum plab_status finish(struct plab_run *run, struct plab_error *err) {
    struct plab_error why = {.text = ""};
    char path[PATH_MAX];
    run->record->end_ns = plab_clock_ns();
    add_event(run, run->record->end_ns, "run_end",
              json_pack("{s:s, s:b}", "end", plab_run_end_name(run->record->end), "complete",
                        run->record->end == PLAB_RUN_COMPLETED));
    plab_truth_close(&run->truth);
    plab_run_recorder_finish(run);
    plab_run_folder_results(run->record);
    enum plab_status status = plab_run_folder_truth(run, &why);
    if (status != PLAB_OK) {
        give_up(run, status, &why);
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
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to report, not a death */
    plab_run_plan_slots(run);
    enum plab_status status = open_files(run, err);
    if (status == PLAB_OK) {
        loop_until_over(run);
        status = finish(run, err);
    } else {
        record->end = status == PLAB_E_IO ? PLAB_RUN_WRITE_FAILED : PLAB_RUN_START_FAILED;
        plab_truth_close(&run->truth);
        plab_run_recorder_finish(run);
    }
    uv_loop_close(&run->loop);
    free(run);
    return status;
}
