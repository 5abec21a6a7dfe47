/* SPDX-License-Identifier: BSD-3-Clause */
/* Phases that hold a power or a temperature: what is read sets the load once a second. At the
 * cut-out the workers rest for the remainder of the run, whatever its phases say. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "lab/run_priv.h"

static const struct plab_scenario_phase *held_phase(const struct plab_run *run) {
    const struct plab_scenario_phase *phase =
        run->phase != PLAB_RUN_NO_PHASE ? &run->scenario->phases[run->phase] : NULL;
    return phase != NULL && phase->hold.kind != PLAB_HOLD_NONE ? phase : NULL;
}

enum plab_status plab_run_hold_open(struct plab_run *run, struct plab_error *err) {
    const struct plab_run_config *config = run->config;
    struct plab_error why = {.text = ""};
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        const struct plab_scenario_phase *phase = &run->scenario->phases[i];
        enum plab_hold_kind kind = phase->hold.kind;
        if (kind == PLAB_HOLD_NONE || run->hold_sensors[kind].kind == kind) {
            continue;
        }
        enum plab_status status = plab_hold_sensor_find(&run->hold_sensors[kind], kind,
                                                        config->sys_root, config->proc_root, &why);
        if (status != PLAB_OK) {
            return plab_fail(err, status, "phase \"%s\": %s", phase->name, why.text);
        }
    }
    return PLAB_OK;
}

void plab_run_hold_close(struct plab_run *run) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(run->hold_sensors); i++) {
        plab_hold_sensor_free(&run->hold_sensors[i]);
    }
}

void plab_run_hold_begin(struct plab_run *run) {
    const struct plab_scenario_phase *phase = held_phase(run);
    if (phase != NULL) {
        run->hold_ns = plab_clock_ns();
        plab_hold_begin(&run->hold, phase->load_percent);
        (void)plab_hold_sensor_read(&run->hold_sensors[phase->hold.kind], run->hold_ns);
    }
}

unsigned plab_run_hold_percent(const struct plab_run *run, unsigned otherwise) {
    if (run->record->cut_out.t_ns != 0) {
        return 0;
    }
    return held_phase(run) != NULL ? (unsigned)lround(run->hold.percent) : otherwise;
}

static json_t *reading_json(double reading) {
    return isfinite(reading) ? json_real(round(reading * 100) / 100) : json_null();
}

static void cut_out(struct plab_run *run, const struct plab_scenario_phase *phase, double reading,
                    uint64_t now_ns) {
    const char *unit = plab_hold_unit(phase->hold.kind);
    run->record->cut_out = (struct plab_run_cut_out){
        .t_ns = now_ns, .phase = run->phase, .hold = phase->hold, .reading = reading};
    plab_log_error(run->config->log, "cut-out at %.1f %s: %.1f %s; the workers rest from now on",
                   phase->hold.cutout, unit, reading, unit);
    plab_run_add_event(run, now_ns, "cut_out",
                       json_pack("{s:s, s:o, s:f, s:s}", "phase", phase->name, "reading",
                                 reading_json(reading), "limit", phase->hold.cutout, "unit", unit));
}

/* A change of less than a percent isn't told: it would be nothing but noise in the truth. */
void plab_run_hold_tick(struct plab_run *run) {
    const struct plab_scenario_phase *phase = held_phase(run);
    if (phase == NULL || run->record->cut_out.t_ns != 0) {
        return;
    }
    uint64_t now_ns = plab_clock_ns();
    unsigned before = plab_run_hold_percent(run, 0);
    double reading = plab_hold_sensor_read(&run->hold_sensors[phase->hold.kind], now_ns);
    enum plab_hold_verdict verdict =
        plab_hold_step(&phase->hold, &run->hold, reading, (double)(now_ns - run->hold_ns) * 1e-9);
    run->hold_ns = now_ns;
    if (verdict != PLAB_HOLD_GO_ON) {
        cut_out(run, phase, reading, now_ns);
    }
    unsigned percent = plab_run_hold_percent(run, 0);
    if (percent != before) {
        plab_run_add_event(run, now_ns, "load",
                           json_pack("{s:s, s:i, s:o}", "phase", phase->name, "load_percent",
                                     (int)percent, "reading", reading_json(reading)));
        plab_run_apply_load(run);
    }
}
