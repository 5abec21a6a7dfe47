/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shape of a phase's load over time, as steps: constant, a ramp, or hashing and resting in
 * turns with or without jitter. A pure function of the phase and the scenario's seed.
 */
#ifndef PLAB_LAB_LOAD_H
#define PLAB_LAB_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "lab/scenario.h"

#define PLAB_LOAD_STEPS_MAX 2048

struct plab_load_step {
    uint64_t at_ms;   /* since the phase's start */
    unsigned percent; /* 0: rest, with the connection kept */
};

/* Fills `steps`; the first is at 0. A phase has at most PLAB_LOAD_STEPS_MAX; further ones are left
 * out. Returns their number, 1 or more. */
size_t plab_load_plan(const struct plab_scenario_phase *phase, uint64_t seed, size_t index,
                      struct plab_load_step steps[PLAB_LOAD_STEPS_MAX]);

#endif
