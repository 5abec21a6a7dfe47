/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/tune_judge.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_GAIN 0.01

/* From a median absolute deviation to a standard deviation, and from that of a mean to that of a
 * median, both of a normal distribution. */
#define MAD_TO_SIGMA 1.4826
#define MEAN_TO_MEDIAN 1.2533

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(const double *values, unsigned count) {
    double sorted[PLAB_TUNE_ROUNDS];
    assert(count >= 1 && count <= PLAB_TUNE_ROUNDS);
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static double standard_error(const double *ratios, unsigned rounds, double middle) {
    double deviations[PLAB_TUNE_ROUNDS];
    for (unsigned i = 0; i < rounds; i++) {
        deviations[i] = fabs(ratios[i] - middle);
    }
    return MEAN_TO_MEDIAN * MAD_TO_SIGMA * median(deviations, rounds) / sqrt(rounds);
}

static unsigned count_wins(const double *ratios, unsigned rounds) {
    unsigned wins = 0;
    for (unsigned i = 0; i < rounds; i++) {
        wins += ratios[i] > 1;
    }
    return wins;
}

static bool enough(unsigned wins) {
    return 3 * wins > 2 * PLAB_TUNE_ROUNDS;
}

struct plab_tune_verdict plab_tune_judge(const double *ratios, unsigned rounds) {
    struct plab_tune_verdict verdict = {.rounds = rounds, .wins = count_wins(ratios, rounds)};
    if (rounds > 0) {
        verdict.ratio = median(ratios, rounds);
        double gain = verdict.ratio - 1;
        verdict.better = rounds == PLAB_TUNE_ROUNDS && enough(verdict.wins) && gain > LEAST_GAIN &&
                         gain > 2 * standard_error(ratios, rounds, verdict.ratio);
    }
    return verdict;
}

bool plab_tune_hopeless(const double *ratios, unsigned rounds) {
    return !enough(count_wins(ratios, rounds) + PLAB_TUNE_ROUNDS - rounds);
}
