/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/hold.h"

#include <math.h>

#define BLIND_MAX_S 5.0
/* Of what is missing, made good in a second. A reading is a mean over the past second: one sample
 * of dead time, with which a share of 0.4 neither rings nor takes long. */
#define POWER_SHARE 0.4
/* Percent a degree of change, and a degree that is missing and a second. Packages answer with 0.2
 * to 1 °C a percent, within 5 to 60 s. */
#define PERCENT_PER_DEGREE 2.0
#define PERCENT_PER_DEGREE_SECOND (PERCENT_PER_DEGREE / 30)
/* A long gap between readings is no reason for a leap, and neither is a low reading: what was set
 * last may not show yet. */
#define STEP_MAX_S 2.0
#define RISE_MAX_PER_S 5.0
#define BEGIN_PERCENT 10.0

const char *plab_hold_unit(enum plab_hold_kind kind) {
    return kind == PLAB_HOLD_POWER ? "W" : "°C";
}

void plab_hold_begin(struct plab_hold_state *state, unsigned most) {
    *state = (struct plab_hold_state){
        .percent = fmin(BEGIN_PERCENT, fmax(1, most)), .most = fmax(1, most), .last = NAN};
}

static double change_of_power(const struct plab_hold *hold, const struct plab_hold_state *state,
                              double reading, double seconds) {
    double watts_per_percent = fmax(reading, 1e-3) / state->percent;
    double share = 1 - pow(1 - POWER_SHARE, seconds);
    return share * (hold->target - reading) / watts_per_percent;
}

static double change_of_temperature(const struct plab_hold *hold,
                                    const struct plab_hold_state *state, double reading,
                                    double seconds) {
    double rise = isnan(state->last) ? 0 : reading - state->last;
    return PERCENT_PER_DEGREE_SECOND * (hold->target - reading) * seconds -
           PERCENT_PER_DEGREE * rise;
}

enum plab_hold_verdict plab_hold_step(const struct plab_hold *hold, struct plab_hold_state *state,
                                      double reading, double seconds) {
    if (!isfinite(reading)) {
        state->blind_s += seconds;
        return state->blind_s > BLIND_MAX_S ? PLAB_HOLD_BLIND : PLAB_HOLD_GO_ON;
    }
    if (reading >= hold->cutout) {
        return PLAB_HOLD_CUT_OUT;
    }
    seconds = fmin(seconds, STEP_MAX_S);
    double change = hold->kind == PLAB_HOLD_POWER
                        ? change_of_power(hold, state, reading, seconds)
                        : change_of_temperature(hold, state, reading, seconds);
    change = fmin(change, RISE_MAX_PER_S * seconds);
    state->percent = fmin(fmax(state->percent + change, 1), state->most);
    state->last = reading;
    state->blind_s = 0;
    return PLAB_HOLD_GO_ON;
}
