/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that hash with one candidate after the other, all with the same one at a time. Used by
 * host/tune.c only; one thread at a time calls.
 */
#ifndef PLAB_HOST_TUNE_TEAM_H
#define PLAB_HOST_TUNE_TEAM_H

#include "host/tune.h"

struct plab_tune_team;

/* Candidates that are loaded at a time. */
#define PLAB_TUNE_CANDIDATES_MAX 5

/* Maps `lanes_max` scratchpads for each thread, which all candidates share, since only one of them
 * is under way, and starts the threads, on their CPUs. Borrows the config and what it points to
 * until destroyed. PLAB_E_NOMEM, PLAB_E_RESOURCE, with the reason. */
PLAB_NODISCARD enum plab_status plab_tune_team_create(struct plab_tune_team **out,
                                                      const struct plab_tune_config *config,
                                                      unsigned lanes_max, struct plab_error *err);

/* Ends the threads and frees; NULL is fine. */
void plab_tune_team_destroy(struct plab_tune_team **team);

/* Makes a hasher for each thread and for each of `count` candidates, in place of those of an
 * earlier call. Each has at most `lanes_max` lanes. PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_tune_team_load(struct plab_tune_team *team,
                                                    const struct plab_tune_choice *candidates,
                                                    unsigned count);

/* Hashes with a candidate for a slice and returns the rate of all threads together, in hashes a
 * second of CPU time, which others on the machine change least; 0 when cancelled. Slices with the
 * same `round` have the same nonces. A thread first does a group that isn't timed, is timed until
 * the first group that ends after the slice, and goes on until all were, so that nobody is measured
 * on an emptier machine. */
double plab_tune_team_slice(struct plab_tune_team *team, unsigned candidate, unsigned round);

#endif
