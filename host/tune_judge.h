/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a candidate is better than the default, from paired measurements: pure functions. */
#ifndef PLAB_HOST_TUNE_JUDGE_H
#define PLAB_HOST_TUNE_JUDGE_H

#include <stdbool.h>

/* Rounds in which each candidate is measured once. */
#define PLAB_TUNE_ROUNDS 7

struct plab_tune_verdict {
    double ratio; /* median; 0 without rounds */
    unsigned wins;
    unsigned rounds;
    bool better;
};

/* `ratios` are the candidate's rate divided by the default's of the same round, `rounds` (at most
 * PLAB_TUNE_ROUNDS) of them. Better: all rounds were measured, more than two thirds of them are
 * above 1, and their median is above 1 by more than 1 % and by more than twice its standard error,
 * estimated from the median absolute deviation. */
struct plab_tune_verdict plab_tune_judge(const double *ratios, unsigned rounds);

/* True when the rounds that are left can't make it better any more, whatever they bring. */
bool plab_tune_hopeless(const double *ratios, unsigned rounds);

#endif
