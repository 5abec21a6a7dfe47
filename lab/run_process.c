/* SPDX-License-Identifier: BSD-3-Clause */
/* The processes of a run: started, shaped, ended. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/run_priv.h"

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
    process->role = slot->role;
    process->instance = slot->instances;
    process->foreign = slot->group != NULL && slot->group->command_count > 0;
    process->start_ns = plab_clock_ns();
    return true;
}

/* Of another program the login is told too: its words for it aren't ours. */
static void add_worker_fields(json_t *fields, const struct plab_run_slot *slot) {
    char login[PLAB_RUN_LOGIN_LEN];
    json_object_set_new(fields, "duty_percent", json_integer(slot->wanted_duty));
    json_object_set_new(fields, "label", json_string(slot->run->scenario->label));
    if (slot->group->command_count > 0) {
        json_object_set_new(fields, "login", json_string(plab_run_plan_login(slot, login)));
    }
}

static void tell_start(const struct plab_run_slot *slot, const struct plab_argv *argv) {
    json_t *words = json_array();
    for (size_t i = 0; i < argv->count; i++) {
        json_array_append_new(words, json_string(argv->items[i]));
    }
    json_t *fields = json_pack("{s:s, s:s, s:i, s:i, s:o}", "process", slot->name, "role",
                               plab_run_role_name(slot->role), "instance", (int)slot->instances,
                               "pid", slot->child.pid, "argv", words);
    if (fields != NULL && slot->role != PLAB_RUN_POOL) {
        json_object_set_new(fields, "mining", json_boolean(slot->role == PLAB_RUN_WORKER));
    }
    if (fields != NULL && slot->role == PLAB_RUN_WORKER) {
        add_worker_fields(fields, slot);
    }
    plab_run_add_event(slot->run, slot->child.start_ns, "process_start", fields);
}

/* Whose packets those of a control's own port are. */
static void tell_socket(const struct plab_run_slot *slot) {
    const struct plab_run_record *record = slot->run->record;
    const struct plab_scenario_network *network = &slot->run->scenario->network;
    const char *colon = strrchr(record->pool_address, ':');
    char local[sizeof record->pool_address + 8];
    if (slot->control == NULL || slot->control->port == 0 || colon == NULL) {
        return;
    }
    snprintf(local, sizeof local, "%.*s:%u",
             network->namespaces ? (int)sizeof network->client
                                 : (int)(colon - record->pool_address),
             network->namespaces ? network->client : record->pool_address, slot->control->port);
    plab_run_add_event(slot->run, slot->child.start_ns, "socket",
                       json_pack("{s:s, s:s}", "process", slot->name, "local", local));
}

static void on_child_exit(struct plab_child *child);

static uint64_t left_ms(const struct plab_run *run) {
    uint64_t gone = (plab_clock_ns() - run->record->start_ns) / 1000000;
    return gone < run->scenario->max_ms ? run->scenario->max_ms - gone : 0;
}

void plab_run_start_slot(struct plab_run_slot *slot) {
    struct plab_run *run = slot->run;
    struct plab_error why = {.text = "not enough memory to start a process"};
    struct plab_argv argv = {.count = 0}, env = {.count = 0};
    struct plab_enclosure enclosure;
    char log[PATH_MAX], stats[PATH_MAX], folder[PATH_MAX];
    if (!add_process(run, slot)) {
        plab_run_give_up(run, PLAB_E_NOMEM, &why);
        return;
    }
    plab_run_network_place(slot, folder, &enclosure);
    plab_run_plan_argv(slot, left_ms(run), &argv);
    plab_run_plan_env(slot, &env);
    plab_follow_init(&slot->follow, plab_run_path(run->record, stats, "raw/%s.%u.jsonl", slot->name,
                                                  slot->instances));
    slot->child.on_exit = on_child_exit;
    slot->child.cookie = slot;
    slot->running_duty = slot->wanted_duty;
    slot->running_threads = slot->wanted_threads;
    slot->running_rest = false;
    const struct plab_child_plan plan = {
        .argv = &argv,
        .env = &env,
        .guard = run->config->guard,
        .log_path = plab_run_path(run->record, log, "logs/%s.log", slot->name),
        .nice = slot->group != NULL ? (int)slot->group->nice : 0,
        .commanded = slot->group != NULL && slot->group->command_count == 0,
        .enclosure = enclosure,
    };
    enum plab_status status = plab_child_start(&slot->child, &run->loop, &plan, &why);
    struct plab_run_process *process = &run->record->processes[slot->process];
    process->pid = slot->child.pid;
    process->start_ns = slot->last.t_ns = slot->child.start_ns;
    if (status == PLAB_OK) {
        tell_start(slot, &argv);
        tell_socket(slot);
        plab_run_recorder_watch(slot);
    } else {
        slot->broken = true;
        plab_run_give_up(run, status, &why);
    }
    plab_argv_free(&argv);
    plab_argv_free(&env);
    slot->instances++;
}

/* A share of the time is told to a running worker; another number of threads is a new process. */
static void shape(struct plab_run_slot *slot, uint64_t grace_ms) {
    if (slot->wanted_duty == 0 || slot->wanted_threads != slot->running_threads) {
        plab_child_stop(&slot->child, grace_ms);
        return;
    }
    if (slot->wanted_duty != slot->running_duty) {
        plab_child_tell(&slot->child, "duty %u", slot->wanted_duty);
        slot->running_duty = slot->wanted_duty;
    }
    if (slot->wanted_rest != slot->running_rest) {
        plab_child_tell(&slot->child, "%s", slot->wanted_rest ? "pause" : "resume");
        slot->running_rest = slot->wanted_rest;
    }
}

void plab_run_reconcile(struct plab_run_slot *slot, uint64_t grace_ms) {
    if (!slot->child.running && slot->wanted_duty > 0 && !slot->broken && !slot->run->stopping) {
        plab_run_start_slot(slot);
    }
    if (slot->child.running) {
        shape(slot, grace_ms);
    }
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
    plab_run_add_event(slot->run, child->end_ns, "process_exit", fields);
    plab_run_recorder_instance_over(slot);
}

/* What a child's exit code says, as a status of ours: its reason is the run's. */
enum plab_status plab_run_status_of_exit(int exit_code, int signal) {
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

static bool is_whole_worker(const struct plab_run_slot *slot) {
    return slot->role == PLAB_RUN_WORKER && !slot->broken;
}

static void pool_is_gone(struct plab_run_slot *slot) {
    struct plab_run *run = slot->run;
    char how[40], tail[200];
    struct plab_error why;
    describe_exit(&slot->child, how);
    plab_run_folder_log_tail(run->record, slot->name, tail, sizeof tail);
    if (run->record->pool_address[0] == '\0') {
        plab_run_give_up(
            run,
            plab_fail(&why, plab_run_status_of_exit(slot->child.exit_code, slot->child.signal),
                      "the pool ended before it listened (%s): %s", how,
                      tail[0] != '\0' ? tail : "it said nothing"),
            &why);
        return;
    }
    plab_log_error(run->config->log, "the pool ended (%s); the run ends with it", how);
    plab_run_stop(run, PLAB_RUN_POOL_LOST);
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
    if (!plab_run_any(run, is_whole_worker)) {
        plab_run_stop(run, PLAB_RUN_WORKERS_LOST);
    }
}

/* A control that is at its end begins again, if that is wanted; one that can't do its work is left
 * out, and that is told. */
static void control_is_gone(struct plab_run_slot *slot) {
    char how[40], reason[160], tail[80];
    bool failed = slot->child.signal != 0 || slot->child.exit_code != 0;
    slot->broken = failed || !slot->control->repeat;
    if (failed) {
        describe_exit(&slot->child, how);
        plab_run_folder_log_tail(slot->run->record, slot->name, tail, sizeof tail);
        snprintf(reason, sizeof reason, "it ended with %s: %s", how, tail);
        plab_log_warn(slot->run->config->log, "%s: %s", slot->name, reason);
        plab_run_tell_absent(slot->run, slot->name, reason);
    }
}

static void on_child_exit(struct plab_child *child) {
    struct plab_run_slot *slot = child->cookie;
    struct plab_run *run = slot->run;
    record_exit(slot);
    if (!child->asked && !slot->broken) {
        static void (*const is_gone[])(struct plab_run_slot *) = {
            [PLAB_RUN_POOL] = pool_is_gone,
            [PLAB_RUN_CONTROL] = control_is_gone,
            [PLAB_RUN_WORKER] = worker_is_gone};
        is_gone[slot->role](slot);
    }
    if (run->stopping) {
        plab_run_go_on_stopping(run);
    } else {
        plab_run_reconcile(slot, PLAB_RUN_GRACE_MS);
    }
}
