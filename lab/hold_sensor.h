/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a power or a temperature is held by: the energy counters of all packages together (RAPL;
 * that of the whole platform where there are none), or the hottest of the processor's own sensors.
 */
#ifndef PLAB_LAB_HOLD_SENSOR_H
#define PLAB_LAB_HOLD_SENSOR_H

#include "lab/hold.h"
#include "lab/sensors.h"

struct plab_hold_sensor {
    enum plab_hold_kind kind;
    struct plab_sensors sensors; /* owned; only those that count */
};

/* Finds them below the trees' roots. PLAB_E_UNSUPPORTED with the reason when there are none. */
PLAB_NODISCARD enum plab_status plab_hold_sensor_find(struct plab_hold_sensor *out,
                                                      enum plab_hold_kind kind,
                                                      const char *sys_root, const char *proc_root,
                                                      struct plab_error *err);

/* Watts or degrees Celsius; NAN when it can't be read, and for a power at the first reading. */
double plab_hold_sensor_read(struct plab_hold_sensor *sensor, uint64_t now_ns);

void plab_hold_sensor_free(struct plab_hold_sensor *sensor);

#endif
