/* SPDX-License-Identifier: BSD-3-Clause */
/* Pinned threads that do a piece of work together, each timing its own part. */
#ifndef PLAB_BENCH_PEERS_TEAM_H
#define PLAB_BENCH_PEERS_TEAM_H

#include <stdbool.h>

#include "base/status.h"
#include "host/pinplan.h"

#define PLAB_TEAM_MAX 256

/* The part of thread `thread`. */
typedef void plab_team_fn(void *cookie, unsigned thread);

/* Runs `fn` on `threads` (1 .. PLAB_TEAM_MAX) threads, pinned to the first slots of `plan`, which
 * all start together, and returns when all are done. Seconds that each of them took go to
 * `seconds`: of the clock, or with `cpu_time` those in which it ran. PLAB_E_RESOURCE when the
 * system refuses a thread or a CPU; nothing was run then. */
PLAB_NODISCARD enum plab_status plab_team_run(const struct plab_pin_plan *plan, unsigned threads,
                                              bool cpu_time, plab_team_fn *fn, void *cookie,
                                              double *seconds, struct plab_error *err);

#endif
