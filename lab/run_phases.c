/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases of a run, by the clock, and the tick once a second. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "lab/run_priv.h"

#define TICK_MS 1000
#define PROGRESS_TICKS 10
/* A row that would come so shortly before a phase's end waits for it. */
#define TICK_MERGE_MS 300

/* ---- phases ---- */

void plab_run_tick(struct plab_run *run) {
    struct plab_error why = {.text = ""};
    enum plab_status status = run->timeline != NULL ? plab_run_recorder_tick(run, &why) : PLAB_OK;
    if (status != PLAB_OK) {
        plab_timeline_close(&run->timeline);
        plab_run_give_up(run, status, &why);
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
    plab_run_tick(run);
    plab_run_cable_tick(run);
    plab_run_watch_tick(run, plab_clock_ns());
    if (!run->stopping) {
        plab_run_hold_tick(run);
    }
    if (run->ticks % PROGRESS_TICKS == 0 && run->phase != PLAB_RUN_NO_PHASE) {
        tell_progress(run);
    }
    if (!run->stopping) {
        plab_run_arm_tick(run);
    }
}

/* Rows come each second since the run's or the phases' start, without drift, and one at each
 * phase's end, so that no row belongs to two phases. */
void plab_run_arm_tick(struct plab_run *run) {
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

void plab_run_end_phase(struct plab_run *run) {
    if (run->phase == PLAB_RUN_NO_PHASE) {
        return;
    }
    uv_timer_stop(&run->step_timer);
    plab_run_tick(run);
    const char *name = run->scenario->phases[run->phase].name;
    struct plab_run_phase *phase = &run->record->phases[run->phase];
    phase->end_ns = plab_clock_ns();
    run->phase = PLAB_RUN_NO_PHASE;
    plab_run_add_event(run, phase->end_ns, "phase_end", json_pack("{s:s}", "phase", name));
}

static void on_phase_over(uv_timer_t *timer);

static void tell_phase(struct plab_run *run) {
    const struct plab_scenario_phase *phase = &run->scenario->phases[run->phase];
    json_t *workers = json_object();
    char words[256] = "";
    size_t used = 0;
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        const struct plab_run_slot *slot = &run->slots[i];
        if (slot->role == PLAB_RUN_POOL) {
            continue;
        }
        json_object_set_new(workers, slot->name, json_integer(slot->wanted_duty));
        if (slot->wanted_duty > 0 && used < sizeof words) {
            used += (size_t)snprintf(words + used, sizeof words - used, "%s%s %u %%",
                                     used > 0 ? ", " : "", slot->name, slot->wanted_duty);
        }
    }
    plab_log_info(run->config->log, "phase %zu/%zu %s, %.0f s: %s", run->phase + 1,
                  run->scenario->phase_count, phase->name, (double)phase->duration_ms / 1000,
                  used > 0 ? words : "nobody");
    plab_run_add_event(run, run->record->phases[run->phase].start_ns, "phase_start",
                       json_pack("{s:s, s:i, s:i, s:f, s:o}", "phase", phase->name, "index",
                                 (int)run->phase, "load_percent", (int)phase->load_percent,
                                 "duration_s", (double)phase->duration_ms / 1000, "duty_percent",
                                 workers));
}

static bool is_wanted_worker(const struct plab_run_slot *slot) {
    return slot->role == PLAB_RUN_WORKER && slot->wanted_duty > 0;
}

static void on_step(uv_timer_t *timer);

/* Wants what the step or what is held says, of everybody. After a cut-out no worker is started just
 * to rest, and one that can't be told to is ended. */
static void want_step(struct plab_run *run) {
    const struct plab_scenario_phase *phase = &run->scenario->phases[run->phase];
    unsigned percent = plab_run_hold_percent(run, run->steps[run->step].percent);
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        plab_run_plan_want(slot, phase, percent);
        bool restless =
            slot->group != NULL && (!slot->child.running || slot->group->command_count > 0);
        if (run->record->cut_out.t_ns != 0 && restless) {
            slot->wanted_duty = 0;
        }
    }
}

static void reconcile_all(struct plab_run *run) {
    for (size_t i = PLAB_RUN_POOL_SLOT + 1; i < run->slot_count && !run->stopping; i++) {
        plab_run_reconcile(&run->slots[i], PLAB_RUN_GRACE_MS);
    }
}

void plab_run_apply_load(struct plab_run *run) {
    want_step(run);
    reconcile_all(run);
}

static void apply_step(struct plab_run *run) {
    reconcile_all(run);
    if (!run->stopping && run->step + 1 < run->step_count) {
        uint64_t gone_ms = (plab_clock_ns() - run->record->phases[run->phase].start_ns) / 1000000;
        uint64_t due_ms = run->steps[run->step + 1].at_ms;
        uv_timer_start(&run->step_timer, on_step, due_ms > gone_ms ? due_ms - gone_ms : 0, 0);
    }
}

static void on_step(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    run->step++;
    want_step(run);
    plab_run_add_event(run, plab_clock_ns(), "load",
                       json_pack("{s:s, s:i}", "phase", run->scenario->phases[run->phase].name,
                                 "load_percent", (int)run->steps[run->step].percent));
    apply_step(run);
}

/* Phases end at fixed times after the first one's start, however long it takes to change. */
void plab_run_begin_phase(struct plab_run *run, size_t index) {
    const struct plab_scenario_phase *phase = &run->scenario->phases[index];
    uint64_t now_ns = plab_clock_ns(), end_ns = run->phases_start_ns;
    run->phase = index;
    run->record->phases[index].start_ns = now_ns;
    for (size_t i = 0; i <= index; i++) {
        end_ns += run->scenario->phases[i].duration_ms * 1000000;
    }
    run->step = 0;
    run->step_count = plab_load_plan(phase, run->scenario->seed, index, run->steps);
    plab_run_hold_begin(run);
    want_step(run);
    if (!plab_run_any(run, is_wanted_worker)) {
        run->record->phases[index].hashes = 0; /* known without anybody telling */
    }
    tell_phase(run);
    apply_step(run);
    if (!run->stopping) {
        uint64_t due_ns = end_ns > now_ns ? end_ns - now_ns : 0;
        uv_timer_start(&run->phase_timer, on_phase_over, (due_ns + 999999) / 1000000, 0);
        plab_run_arm_tick(run);
    }
}

static void on_phase_over(uv_timer_t *timer) {
    struct plab_run *run = timer->data;
    size_t next = run->phase + 1;
    plab_run_end_phase(run);
    if (run->stopping) {
        return;
    }
    if (next == run->scenario->phase_count) {
        plab_run_stop(run, PLAB_RUN_COMPLETED);
    } else {
        plab_run_begin_phase(run, next);
    }
}
