/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/load.h"

#include "base/prng.h"

#define RAMP_STEPS_MAX 20
#define RAMP_STEP_MIN_MS 1000

static size_t plan_ramp(const struct plab_scenario_phase *phase, struct plab_load_step *steps) {
    uint64_t count = phase->duration_ms / RAMP_STEP_MIN_MS;
    count = count > RAMP_STEPS_MAX ? RAMP_STEPS_MAX : count < 2 ? 2 : count;
    int64_t from = phase->load_percent, to = phase->ramp_to_percent;
    for (uint64_t i = 0; i < count; i++) {
        int64_t percent = from + (to - from) * (int64_t)i / (int64_t)(count - 1);
        steps[i] = (struct plab_load_step){.at_ms = phase->duration_ms * i / count,
                                           .percent = (unsigned)(percent > 0 ? percent : 1)};
    }
    return (size_t)count;
}

/* A length within its jitter, evenly distributed. */
static uint64_t jittered(uint64_t ms, unsigned percent, struct plab_prng *prng) {
    uint64_t spread = ms * percent / 100;
    return spread > 0 ? ms - spread + plab_prng_next(prng) % (2 * spread + 1) : ms;
}

static size_t plan_cycle(const struct plab_scenario_phase *phase, struct plab_prng *prng,
                         struct plab_load_step *steps) {
    size_t count = 0;
    for (uint64_t at_ms = 0; at_ms < phase->duration_ms && count < PLAB_LOAD_STEPS_MAX; count++) {
        bool rests = count % 2 == 1;
        steps[count] =
            (struct plab_load_step){.at_ms = at_ms, .percent = rests ? 0 : phase->load_percent};
        at_ms += jittered(rests ? phase->cycle_off_ms : phase->cycle_on_ms,
                          phase->cycle_jitter_percent, prng);
    }
    return count;
}

size_t plab_load_plan(const struct plab_scenario_phase *phase, uint64_t seed, size_t index,
                      struct plab_load_step steps[PLAB_LOAD_STEPS_MAX]) {
    struct plab_prng prng = plab_prng_stream(seed, index);
    if (phase->cycle_on_ms > 0 && phase->load_percent > 0) {
        return plan_cycle(phase, &prng, steps);
    }
    if (phase->ramp_to_percent != phase->load_percent) {
        return plan_ramp(phase, steps);
    }
    steps[0] = (struct plab_load_step){.at_ms = 0, .percent = phase->load_percent};
    return 1;
}
