/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/hold_sensor.h"

#include <math.h>
#include <string.h>

/* In order of preference; of the first that is there, all count. Words are parts of the columns'
 * names in host.csv. Sources: the drivers coretemp, k10temp, zenpower, x86_pkg_temp_thermal,
 * intel_rapl, and device trees' names of zones. */
static const char *const power_words[] = {"_package_", "_psys_"};
static const char *const temperature_words[] = {"x86_pkg_temp", "coretemp", "k10temp",
                                                "zenpower",     "cpu",      "soc"};

static bool counts(const struct plab_sensor *sensor, const char *family, const char *word) {
    return strcmp(sensor->family, family) == 0 && strstr(sensor->name, word) != NULL;
}

/* Keeps the sensors that count; how many that are. */
static size_t keep(struct plab_sensors *sensors, const char *family, const char *word) {
    size_t kept = 0;
    for (size_t i = 0; i < sensors->count; i++) {
        if (counts(&sensors->items[i], family, word)) {
            sensors->items[kept++] = sensors->items[i];
        }
    }
    if (kept > 0) {
        sensors->count = kept;
    }
    return kept;
}

static const char *why_absent(const struct plab_sensors *sensors, const char *family) {
    for (size_t i = 0; i < sensors->absent_count; i++) {
        if (strcmp(sensors->absent[i].family, family) == 0) {
            return sensors->absent[i].reason;
        }
    }
    return "none of its sensors is the processor's";
}

enum plab_status plab_hold_sensor_find(struct plab_hold_sensor *out, enum plab_hold_kind kind,
                                       const char *sys_root, const char *proc_root,
                                       struct plab_error *err) {
    bool power = kind == PLAB_HOLD_POWER;
    const char *family = power ? "power" : "temperature";
    const char *const *words = power ? power_words : temperature_words;
    size_t count = power ? PLAB_ARRAY_LEN(power_words) : PLAB_ARRAY_LEN(temperature_words);
    memset(out, 0, sizeof *out);
    out->kind = kind;
    enum plab_status status = plab_sensors_find(&out->sensors, sys_root, proc_root, err);
    for (size_t i = 0; status == PLAB_OK && i < count; i++) {
        if (keep(&out->sensors, family, words[i]) > 0) {
            return PLAB_OK;
        }
    }
    if (status == PLAB_OK) {
        status = plab_fail(err, PLAB_E_UNSUPPORTED, "this machine shows no %s to hold: %s", family,
                           why_absent(&out->sensors, family));
        plab_hold_sensor_free(out);
    }
    return status;
}

double plab_hold_sensor_read(struct plab_hold_sensor *sensor, uint64_t now_ns) {
    double values[PLAB_SENSORS_MAX], sum = 0, hottest = NAN;
    plab_sensors_read(&sensor->sensors, now_ns, values);
    for (size_t i = 0; i < sensor->sensors.count; i++) {
        sum += values[i]; /* NAN when one is */
        hottest = fmax(hottest, values[i]);
    }
    return sensor->kind == PLAB_HOLD_POWER ? sum : hottest;
}

void plab_hold_sensor_free(struct plab_hold_sensor *sensor) {
    plab_sensors_free(&sensor->sensors);
}
