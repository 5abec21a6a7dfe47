/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a machine tells of itself beside CPU time: frequencies, temperatures, fans, throttling,
 * power, pressure, memory, context switches. Found once, then read once a second.
 *
 * Readers take the roots of the trees ("/sys", "/proc"), so that tests use trees of other machines'
 * shape. A family that a machine lacks is told with the reason, never as zeros.
 *
 * Sources: the kernel's sysfs ABI documents (cpufreq, thermal, hwmon, powercap, x86
 * thermal_throttle), proc(5), Documentation/accounting/psi.
 */
#ifndef PLAB_LAB_SENSORS_H
#define PLAB_LAB_SENSORS_H

#include <stddef.h>

#include "base/status.h"
#include "lab/probe.h"

#define PLAB_SENSORS_MAX 512
#define PLAB_SENSOR_NAME_MAX 64
#define PLAB_ABSENCES_MAX 8

struct plab_sensor {
    char name[PLAB_SENSOR_NAME_MAX]; /* of the column, its unit at the end: "cpu0_mhz" */
    const char *family;              /* static: "frequency", "temperature" ... */
    struct plab_probe probe;
};

struct plab_absence {
    const char *family;
    char reason[160];
};

struct plab_sensors {
    size_t count, absent_count;
    struct plab_sensor *items; /* owned */
    struct plab_absence absent[PLAB_ABSENCES_MAX];
};

/* Finds what there is and can be read. PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_sensors_find(struct plab_sensors *out, const char *sys_root,
                                                  const char *proc_root, struct plab_error *err);

/* Reads all: `values` has a place for each; NAN where nothing could be read. */
void plab_sensors_read(struct plab_sensors *sensors, uint64_t now_ns, double *values);

void plab_sensors_free(struct plab_sensors *sensors);

#endif
