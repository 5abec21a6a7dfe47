/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run records of the machine and of its processes, once a second, beside the timeline:
 *
 *     host.csv        a row a second: the machine's sensors (lab/sensors.h), a column each
 *     processes.csv   a row a second and process (lab/procwatch.h)
 *     threads.csv     a row a second and thread: CPU time
 *
 * All on the run's clock. What the machine lacks is told, with the reason.
 */
#ifndef PLAB_LAB_RECORDERS_H
#define PLAB_LAB_RECORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lab/sensors.h"

struct plab_recorders;
struct plab_procwatch;

struct plab_recorders_config {
    const char *folder; /* where the tables go; borrowed, as are the next two */
    const char *sys_root, *proc_root;
    uint64_t start_ns; /* t_s counts from here */
};

/* Finds the sensors and creates the tables. Errors: PLAB_E_NOMEM, PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_recorders_open(struct plab_recorders **out,
                                                    const struct plab_recorders_config *config,
                                                    struct plab_error *err);

/* Watches a process that was just started; told again for the next one of that name. NULL without
 * memory: then it isn't watched. */
struct plab_procwatch *plab_recorders_watch(struct plab_recorders *recorders, int pid);

/* Writes a row of the machine's sensors. PLAB_E_IO names path and reason. */
PLAB_NODISCARD enum plab_status plab_recorders_host(struct plab_recorders *recorders,
                                                    uint64_t now_ns, struct plab_error *err);

/* Writes the rows of a watched process and its threads; nothing when it is gone. */
PLAB_NODISCARD enum plab_status plab_recorders_process(struct plab_recorders *recorders,
                                                       struct plab_procwatch *watch,
                                                       const char *name, unsigned instance, int pid,
                                                       uint64_t now_ns, struct plab_error *err);

/* What is not recorded, and why; complete once a process was watched. Borrowed. */
const struct plab_absence *plab_recorders_absent(const struct plab_recorders *recorders,
                                                 size_t *count);

/* Number of columns of host.csv beside the times. */
size_t plab_recorders_sensor_count(const struct plab_recorders *recorders);

/* Closes the tables and sets `*recorders` to NULL; NULL is fine. */
void plab_recorders_close(struct plab_recorders **recorders);

#endif
