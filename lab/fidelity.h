/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How alike two runs are, channel by channel: ours and an external miner's, say.
 *
 * A vector of distances, never one hidden number: each channel has its own statistic, value and
 * target, and a channel that one of the runs didn't record is absent, with the reason. Statistics
 * (all 0 for the same):
 *
 *   payload            Jaccard distance of the clients' masked lines (lab/speech.h)
 *   sizes up, down     1-Wasserstein distance of the lengths of the first packets with payload of
 *                      flows that mined, by the mean length; "up" is from the client
 *   flow size, rate    difference of bytes a packet and of packets a minute, by the larger
 *   flow score         how many of the nine conditions of lab/flow_score.h hold for the longest
 *                      flow of one and not for that of the other, by nine
 *   tls                0 when JA3 is the same, else 1
 *   keepalive          difference of the mean pauses before keepalived, in seconds
 *   share gaps         Kolmogorov-Smirnov distance between a run's gaps between shares, divided by
 *                      their mean, and those of the other
 *   poisson A, B       the same distance between a run's gaps and the exponential distribution
 *   cpu mean, cpu sd   of the workers' CPU time each second: difference by the larger
 *   switches, faults   voluntary context switches and minor faults a second, after the first ten
 *                      seconds: difference by the larger
 *                      (without seconds in which a sample was taken: each look at a process, and
 *                      each system call that is counted, makes it switch; so does cpu leave them)
 *   power              of all packages together, mean after ten seconds: difference by the larger
 *   memory, huge pages resident memory and explicit huge pages, medians: difference by the larger
 *   mappings           bytes of large mappings that belong to no file, resident ones: the largest
 *                      of one beside the largest of the other and so on, sum of the differences by
 *                      the larger sum
 *   rounding           total variation distance between how often the rounding modes were seen
 *   ipc, cache, branch instructions a cycle, cache misses an instruction, mispredictions a branch,
 *                      from hardware counters: difference by the larger
 *   syscalls           cosine distance of the system calls of the workers, by name
 *   sequences          Jaccard distance of their sequences of five (lab/syscalls.h)
 */
#ifndef PLAB_LAB_FIDELITY_H
#define PLAB_LAB_FIDELITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct plab_fidelity_channel {
    const char *name, *statistic; /* static */
    double distance;              /* NAN: absent */
    double target;                /* at most this; NAN: none is set */
    char reason[120];             /* of an absent one */
};

#define PLAB_FIDELITY_MAX 32

struct plab_fidelity {
    size_t count;
    struct plab_fidelity_channel channels[PLAB_FIDELITY_MAX];
};

/* Compares two run folders. PLAB_E_INPUT when one is no run's, PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_fidelity_compare(struct plab_fidelity *out, const char *run_a,
                                                      const char *run_b, struct plab_error *err);

/* ---- the statistics, pure; lists are sorted in place ---- */

/* 1-Wasserstein distance of two samples; NAN when one is empty. */
double plab_fidelity_wasserstein(double *a, size_t a_count, double *b, size_t b_count);

/* Kolmogorov-Smirnov distance of two samples; NAN when one is empty. */
double plab_fidelity_ks(double *a, size_t a_count, double *b, size_t b_count);

/* The same to the exponential distribution with the sample's mean. */
double plab_fidelity_ks_exponential(double *a, size_t count);

/* Sum of |a[i] - b[i]|, both in descending order and the shorter one filled up with zeros, by the
 * larger sum; values aren't negative. NAN when one is empty. */
double plab_fidelity_apart(double *a, size_t a_count, double *b, size_t b_count);

/* |a - b| by the larger of both; 0 for two zeros. */
double plab_fidelity_relative(double a, double b);

#endif
