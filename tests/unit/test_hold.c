/* SPDX-License-Identifier: BSD-3-Clause */
/* The controller at simulated machines, and its sensors at trees of several shapes. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/prng.h"
#include "lab/hold_sensor.h"
#include "tests/harness.h"

#define SECOND UINT64_C(1000000000)

/* A machine: power answers at once, a temperature with a time constant; both late by `delay` s. */
struct plant {
    const char *name;
    double idle, per_percent, tau_s; /* tau 0: at once */
    double noise, step;              /* of the sensor */
    unsigned delay;
    double y, late[8];
};

static double live(struct plant *plant, double percent, struct plab_prng *rng) {
    for (unsigned i = 7; i > 0; i--) {
        plant->late[i] = plant->late[i - 1];
    }
    plant->late[0] = percent;
    double goal = plant->idle + plant->per_percent * plant->late[plant->delay];
    plant->y += (goal - plant->y) * (plant->tau_s > 0 ? 1 - exp(-1 / plant->tau_s) : 1);
    double noise = ((double)(plab_prng_next(rng) >> 11) * 0x1p-53 * 2 - 1) * plant->noise;
    double y = plant->y + noise;
    return plant->step > 0 ? round(y / plant->step) * plant->step : y;
}

/* Runs for `seconds`; the second half must stay within `within` of the target. */
static void hold(struct plant plant, struct plab_hold what, double seconds, double within) {
    struct plab_hold_state state;
    struct plab_prng rng = {7};
    plab_hold_begin(&state, 100);
    plant.y = plant.idle;
    for (unsigned t = 0; t < (unsigned)seconds; t++) {
        double reading = live(&plant, state.percent, &rng);
        CHECK(plab_hold_step(&what, &state, reading, 1) == PLAB_HOLD_GO_ON);
        CHECK(state.percent >= 1 && state.percent <= 100);
        CHECK_MSG(t < seconds / 2 || fabs(reading - what.target) <= within,
                  "%s: %.2f instead of %.2f after %u s at %.1f %%", plant.name, reading,
                  what.target, t, state.percent);
    }
}

TEST(hold, powers_of_several_machines) {
    static const struct plant plants[] = {
        {.name = "a laptop", .idle = 3, .per_percent = 0.15, .noise = 0.1},
        {.name = "a desktop", .idle = 20, .per_percent = 1, .noise = 1, .delay = 1},
        {.name = "a server", .idle = 120, .per_percent = 3, .noise = 3, .delay = 2},
        {.name = "no idle power", .per_percent = 0.5, .delay = 1},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(plants); i++) {
        for (unsigned percent = 10; percent <= 90; percent += 20) {
            double target = plants[i].idle + plants[i].per_percent * percent;
            struct plab_hold what = {PLAB_HOLD_POWER, target, 2 * target};
            hold(plants[i], what, 120, 4 * plants[i].per_percent);
        }
    }
}

TEST(hold, temperatures_of_several_machines) {
    static const struct plant plants[] = {
        {.name = "thin", .idle = 45, .per_percent = 0.5, .tau_s = 5, .step = 1, .delay = 1},
        {.name = "cooled well", .idle = 35, .per_percent = 0.3, .tau_s = 20, .noise = 0.3},
        {.name = "big sink", .idle = 30, .per_percent = 0.6, .tau_s = 60, .step = 1, .delay = 1},
        {.name = "slow", .idle = 40, .per_percent = 0.4, .tau_s = 120, .step = 0.1, .delay = 2},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(plants); i++) {
        double target = round(plants[i].idle + plants[i].per_percent * 60);
        struct plab_hold what = {PLAB_HOLD_TEMPERATURE, target, target + 15};
        hold(plants[i], what, 900, 2);
    }
}

/* Out of reach, the duty stays at its bound, and comes back at once when that changes. */
TEST(hold, bounds_wind_nothing_up) {
    const struct plab_hold what = {PLAB_HOLD_TEMPERATURE, 80, 95};
    struct plab_hold_state state;
    plab_hold_begin(&state, 60);
    CHECK(state.percent == 10);
    for (int i = 0; i < 1000; i++) {
        CHECK(plab_hold_step(&what, &state, 50, 1) == PLAB_HOLD_GO_ON);
    }
    CHECK(state.percent == 60);
    CHECK(plab_hold_step(&what, &state, 82, 1) == PLAB_HOLD_GO_ON);
    CHECK(state.percent < 10);
    plab_hold_begin(&state, 0);
    CHECK(state.percent == 1 && state.most == 1);
}

TEST(hold, cut_out_and_blindness) {
    const struct plab_hold what = {PLAB_HOLD_POWER, 20, 30};
    struct plab_hold_state state;
    plab_hold_begin(&state, 100);
    CHECK(plab_hold_step(&what, &state, 29.9, 1) == PLAB_HOLD_GO_ON);
    CHECK(plab_hold_step(&what, &state, 30, 1) == PLAB_HOLD_CUT_OUT);
    CHECK(plab_hold_step(&what, &state, INFINITY, 1) == PLAB_HOLD_GO_ON); /* no reading */
    double percent = state.percent;
    for (int i = 0; i < 4; i++) {
        CHECK(plab_hold_step(&what, &state, NAN, 1) == PLAB_HOLD_GO_ON);
    }
    CHECK(state.percent == percent);
    CHECK(plab_hold_step(&what, &state, NAN, 1) == PLAB_HOLD_BLIND);
    CHECK(plab_hold_step(&what, &state, 20, 1) == PLAB_HOLD_GO_ON);
    CHECK(plab_hold_step(&what, &state, NAN, 5) == PLAB_HOLD_GO_ON);
}

/* ---- sensors in sysfs ---- */

#define TREES "tests/vectors/sensors/"

static enum plab_status find(struct plab_hold_sensor *sensor, enum plab_hold_kind kind,
                             const char *tree, struct plab_error *err) {
    char sys[64], proc[64];
    snprintf(sys, sizeof sys, TREES "%s/sys", tree);
    snprintf(proc, sizeof proc, TREES "%s/proc", tree);
    return plab_hold_sensor_find(sensor, kind, sys, proc, err);
}

TEST(hold, sensors_of_several_machines) {
    struct plab_hold_sensor sensor;
    struct plab_error err = {.text = ""};
    CHECK_MSG(find(&sensor, PLAB_HOLD_TEMPERATURE, "laptop", &err) == PLAB_OK, "%s", err.text);
    CHECK(plab_hold_sensor_read(&sensor, SECOND) == 61); /* x86_pkg_temp, not acpitz's 27.8 */
    plab_hold_sensor_free(&sensor);
    CHECK(find(&sensor, PLAB_HOLD_TEMPERATURE, "board", &err) == PLAB_OK);
    CHECK(fabs(plab_hold_sensor_read(&sensor, SECOND) - 48.312) < 1e-9);
    plab_hold_sensor_free(&sensor);
    /* The package alone: core and dram are parts of it or beside it. */
    CHECK(find(&sensor, PLAB_HOLD_POWER, "laptop", &err) == PLAB_OK);
    CHECK_U64(sensor.sensors.count, 1);
    CHECK(isnan(plab_hold_sensor_read(&sensor, SECOND)));
    CHECK(plab_hold_sensor_read(&sensor, 2 * SECOND) == 0);
    plab_hold_sensor_free(&sensor);
    CHECK(find(&sensor, PLAB_HOLD_POWER, "board", &err) == PLAB_E_UNSUPPORTED);
    CHECK_MSG(strstr(err.text, "no power to hold: no RAPL domain") != NULL, "%s", err.text);
    CHECK(find(&sensor, PLAB_HOLD_TEMPERATURE, "vm", &err) == PLAB_E_UNSUPPORTED);
    CHECK(strstr(err.text, "neither thermal zones nor hwmon") != NULL);
}

/* A tree with the one sensor of coretemp. */
static void make_tree(char root[64], char sensor[128]) {
    static const char *const folders[] = {"class", "class/hwmon", "class/hwmon/hwmon0"};
    struct plab_error err = {.text = ""};
    char path[128];
    strcpy(root, "/tmp/powlab-hold.XXXXXX");
    CHECK(mkdtemp(root) != NULL);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(folders); i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        CHECK(mkdir(path, 0755) == 0);
    }
    snprintf(path, sizeof path, "%s/class/hwmon/hwmon0/name", root);
    CHECK_MSG(plab_file_write(path, "coretemp\n", 9, &err) == PLAB_OK, "%s", err.text);
    snprintf(sensor, 128, "%s/class/hwmon/hwmon0/temp1_input", root);
}

static void show(const char *sensor, double celsius) {
    FILE *file = fopen(sensor, "w");
    CHECK(file != NULL && fprintf(file, "%.0f\n", celsius * 1000) > 0);
    CHECK(fclose(file) == 0);
}

/* The whole loop but for its clock: the file's temperature follows the duty, the duty the file. It
 * comes to its target and stays; then the fan fails, and the cut-out ends it. */
TEST(hold, a_sensor_in_sysfs_that_follows_the_duty) {
    struct plant plant = {.name = "sysfs", .idle = 35, .per_percent = 0.5, .tau_s = 20, .y = 35};
    const struct plab_hold what = {PLAB_HOLD_TEMPERATURE, 60, 75};
    enum plab_hold_verdict verdict = PLAB_HOLD_GO_ON;
    struct plab_hold_sensor sensor;
    struct plab_hold_state state;
    struct plab_prng rng = {7};
    struct plab_error err = {.text = ""};
    char root[64], file[128], command[80];
    make_tree(root, file);
    show(file, plant.y);
    CHECK_MSG(plab_hold_sensor_find(&sensor, what.kind, root, "/proc", &err) == PLAB_OK, "%s",
              err.text);
    plab_hold_begin(&state, 100);
    unsigned t = 0;
    for (; t < 900 && verdict == PLAB_HOLD_GO_ON; t++) {
        if (t == 600) {
            plant.idle = 80;
        }
        show(file, live(&plant, state.percent, &rng));
        double reading = plab_hold_sensor_read(&sensor, t * SECOND);
        verdict = plab_hold_step(&what, &state, reading, 1);
        CHECK_MSG(t < 300 || t >= 600 || (fabs(reading - 60) < 1 && fabs(state.percent - 50) < 3),
                  "%.2f degrees at %.1f %% after %u s", reading, state.percent, t);
    }
    CHECK_MSG(verdict == PLAB_HOLD_CUT_OUT, "%.1f degrees in the end", plant.y);
    CHECK_MSG(t > 601 && plant.y < 77, "%.1f degrees after %u s", plant.y, t);
    CHECK(unlink(file) == 0); /* a sensor that vanishes is told within seconds */
    for (t = 0; t < 6; t++) {
        verdict = plab_hold_step(&what, &state, plab_hold_sensor_read(&sensor, t * SECOND), 1);
    }
    CHECK(verdict == PLAB_HOLD_BLIND);
    plab_hold_sensor_free(&sensor);
    snprintf(command, sizeof command, "rm -r %s", root);
    CHECK(system(command) == 0);
}
