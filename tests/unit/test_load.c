/* SPDX-License-Identifier: BSD-3-Clause */
/* Shapes of load, as steps. */
#include "lab/load.h"
#include "tests/harness.h"

static struct plab_load_step steps[PLAB_LOAD_STEPS_MAX], again[PLAB_LOAD_STEPS_MAX];

TEST(load, constant_is_one_step) {
    const struct plab_scenario_phase phase = {
        .duration_ms = 9000, .load_percent = 40, .ramp_to_percent = 40};
    CHECK_U64(plab_load_plan(&phase, 1, 0, steps), 1);
    CHECK(steps[0].at_ms == 0 && steps[0].percent == 40);
}

TEST(load, a_ramp_goes_from_the_one_to_the_other) {
    const struct plab_scenario_phase phase = {
        .duration_ms = 5000, .load_percent = 100, .ramp_to_percent = 20};
    CHECK_U64(plab_load_plan(&phase, 1, 0, steps), 5);
    const unsigned want[] = {100, 80, 60, 40, 20};
    for (size_t i = 0; i < 5; i++) {
        CHECK_U64(steps[i].percent, want[i]);
        CHECK_U64(steps[i].at_ms, 1000 * i);
    }
    const struct plab_scenario_phase from_nothing = {
        .duration_ms = 1000, .load_percent = 0, .ramp_to_percent = 100};
    CHECK_U64(plab_load_plan(&from_nothing, 1, 0, steps), 2);
    CHECK_U64(steps[0].percent, 1); /* 0 would be a rest */
}

TEST(load, a_cycle_without_jitter_is_a_clock) {
    const struct plab_scenario_phase phase = {.duration_ms = 10000,
                                              .load_percent = 70,
                                              .ramp_to_percent = 70,
                                              .cycle_on_ms = 2000,
                                              .cycle_off_ms = 1000};
    size_t count = plab_load_plan(&phase, 1, 0, steps);
    CHECK_U64(count, 7);
    for (size_t i = 0; i < count; i++) {
        CHECK_U64(steps[i].percent, i % 2 == 0 ? 70 : 0);
        CHECK_U64(steps[i].at_ms, i / 2 * 3000 + i % 2 * 2000);
    }
}

TEST(load, jitter_is_bounded_and_comes_from_the_seed) {
    const struct plab_scenario_phase phase = {.duration_ms = 600000,
                                              .load_percent = 100,
                                              .ramp_to_percent = 100,
                                              .cycle_on_ms = 2000,
                                              .cycle_off_ms = 1000,
                                              .cycle_jitter_percent = 25};
    size_t count = plab_load_plan(&phase, 7, 2, steps);
    CHECK(count > 350 && count < 450);
    unsigned different = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t ms = steps[i].at_ms - steps[i - 1].at_ms, mean = i % 2 == 1 ? 2000 : 1000;
        CHECK(ms >= mean * 3 / 4 && ms <= mean * 5 / 4);
        different += ms != mean;
    }
    CHECK(different > count / 2);
    CHECK_U64(plab_load_plan(&phase, 7, 2, again), count);
    CHECK_MEM(steps, again, count * sizeof *steps);
    plab_load_plan(&phase, 8, 2, again);
    CHECK(memcmp(steps, again, 20 * sizeof *steps) != 0);
}

/* The next phase's lengths aren't this one's, begun a step later. */
TEST(load, phases_have_jitter_of_their_own) {
    const struct plab_scenario_phase phase = {.duration_ms = 200000,
                                              .load_percent = 100,
                                              .ramp_to_percent = 100,
                                              .cycle_on_ms = 1000,
                                              .cycle_off_ms = 1000,
                                              .cycle_jitter_percent = 50};
    unsigned same = 0;
    CHECK(plab_load_plan(&phase, 7, 0, steps) > 102 && plab_load_plan(&phase, 7, 1, again) > 102);
    for (size_t i = 0; i < 100; i++) {
        same += steps[i + 2].at_ms - steps[i + 1].at_ms == again[i + 1].at_ms - again[i].at_ms;
    }
    CHECK_MSG(same < 5, "%u of 100", same);
}

TEST(load, steps_are_bounded) {
    const struct plab_scenario_phase phase = {.duration_ms = 86400000,
                                              .load_percent = 100,
                                              .ramp_to_percent = 100,
                                              .cycle_on_ms = 500,
                                              .cycle_off_ms = 500};
    CHECK_U64(plab_load_plan(&phase, 1, 0, steps), PLAB_LOAD_STEPS_MAX);
}
