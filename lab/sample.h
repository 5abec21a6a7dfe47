/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a detector on the host could see of one process, at one moment: its name, command line,
 * names of its environment variables, priority, rounding modes of its threads, system calls, large
 * mappings.
 *
 * As a JSON object:
 *   t_ns, event "sample", pid, comm, exe, argv[], env[] (names), nice, threads,
 *   rounding: {looks, threads: [{tid, seen[4]}]} or {absent: reason},
 *   syscalls: {seconds, calls, counts: {name: calls}, grams: {"name name name name name": times}}
 *     or {absent: reason} (lab/syscalls.h),
 *   maps: [{bytes, resident_bytes, huge_bytes, entropy_bits}] or {absent: reason},
 *   until_ns: from t_ns to here the process was stopped now and then, by the looks and the counting
 *   cpu_s: processor time of the process that takes the sample, since its start: what it costs
 */
#ifndef PLAB_LAB_SAMPLE_H
#define PLAB_LAB_SAMPLE_H

#include "base/status.h"

struct json_t; /* jansson */

struct plab_sample_plan {
    unsigned looks, interval_ms; /* at the rounding modes; time between two */
    unsigned window_ms;          /* of counting system calls; 0: they aren't counted */
};

/* Takes a sample; blocks for `looks` times `interval_ms`, and for the window. Returns owned in
 * `*out`. PLAB_E_RESOURCE when there is no such process; what else can't be seen stands in the
 * object as absent. */
PLAB_NODISCARD enum plab_status plab_sample_take(struct json_t **out, int pid,
                                                 const struct plab_sample_plan *plan,
                                                 struct plab_error *err);

#endif
