/* SPDX-License-Identifier: BSD-3-Clause */
/* Time: one monotonic clock for everything that is measured, wall time only for stamps. */
#ifndef PLAB_BASE_CLOCK_H
#define PLAB_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. Comparable between processes of one machine. */
uint64_t plab_clock_ns(void);

/* CLOCK_REALTIME in nanoseconds since 1970, for stamps that people read. */
uint64_t plab_clock_wall_ns(void);

/* CPU time of the calling thread in nanoseconds. */
uint64_t plab_clock_thread_cpu_ns(void);

/* CPU time of the whole process in nanoseconds. */
uint64_t plab_clock_process_cpu_ns(void);

/* Length of an ISO 8601 UTC stamp with its NUL: "2026-01-31T23:59:59.123Z". */
#define PLAB_CLOCK_ISO_LEN 25

/* Formats a wall time as ISO 8601 UTC with milliseconds. */
void plab_clock_iso(uint64_t wall_ns, char out[PLAB_CLOCK_ISO_LEN]);

/* Sleeps for `ns` nanoseconds or until a signal arrives. */
void plab_clock_sleep_ns(uint64_t ns);

#endif
