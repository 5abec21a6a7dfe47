/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Holds a package power or a temperature by changing how much of the time workers hash: a
 * controller and its hard cut-out, as a pure function of what was read.
 *
 * Power follows the load at once, with an unknown slope, and never falls below what the machine
 * takes when idle. The controller only integrates; its step is scaled by power a percent as read,
 * which is never less than the slope, so that it can't overshoot for ever. A temperature follows
 * slowly: proportional to its change and to what is missing (PI in velocity form, so that a bound
 * of the duty winds nothing up).
 */
#ifndef PLAB_LAB_HOLD_H
#define PLAB_LAB_HOLD_H

#include <stdbool.h>

enum plab_hold_kind { PLAB_HOLD_NONE, PLAB_HOLD_POWER, PLAB_HOLD_TEMPERATURE };

struct plab_hold {
    enum plab_hold_kind kind;
    double target, cutout; /* W or °C; target < cutout */
};

enum plab_hold_verdict {
    PLAB_HOLD_GO_ON,
    PLAB_HOLD_CUT_OUT, /* a reading reached the cut-out */
    PLAB_HOLD_BLIND,   /* nothing could be read for too long */
};

struct plab_hold_state {
    double percent; /* what is to be set, 1 to `most` */
    double most;    /* percent, 1 to 100 */
    double last;    /* reading before; NAN: none */
    double blind_s; /* since the last reading */
};

/* Begins low, at a tenth: a power may be reached from below only. */
void plab_hold_begin(struct plab_hold_state *state, unsigned most);

/* Takes a reading (NAN: there was none), `seconds` after the one before, and sets state->percent.
 * Once it has said anything but PLAB_HOLD_GO_ON, the workers are to be paused for good. */
enum plab_hold_verdict plab_hold_step(const struct plab_hold *hold, struct plab_hold_state *state,
                                      double reading, double seconds);

/* Word for people and reports: "W" or "°C". */
const char *plab_hold_unit(enum plab_hold_kind kind);

#endif
