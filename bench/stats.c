/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"

/* Makes the MAD of normal values an estimate of their sigma: 1 / Phi^-1(3/4). */
#define MAD_TO_SIGMA 1.482602218505602

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
}

double plab_stats_quantile_sorted(const double *sorted, size_t count, double q) {
    double position = q * (double)(count - 1);
    size_t below = (size_t)position;
    if (below + 1 >= count) {
        return sorted[count - 1];
    }
    double part = position - (double)below;
    return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

static double median_of(double *scratch, size_t count) {
    sort(scratch, count);
    return plab_stats_quantile_sorted(scratch, count, 0.5);
}

static void fill_order(struct plab_stats *out, const double *samples, double *scratch) {
    memcpy(scratch, samples, out->count * sizeof *scratch);
    out->median = median_of(scratch, out->count);
    out->min = scratch[0];
    out->max = scratch[out->count - 1];
    for (size_t i = 0; i < out->count; i++) {
        scratch[i] = fabs(samples[i] - out->median);
    }
    out->mad_sigma = MAD_TO_SIGMA * median_of(scratch, out->count);
}

static void fill_moments(struct plab_stats *out, const double *samples) {
    double n = (double)out->count, sum = 0, squares = 0;
    for (size_t i = 0; i < out->count; i++) {
        sum += samples[i];
    }
    out->mean = sum / n;
    for (size_t i = 0; i < out->count; i++) {
        squares += (samples[i] - out->mean) * (samples[i] - out->mean);
    }
    out->stddev = out->count > 1 ? sqrt(squares / (n - 1)) : 0;
    out->cv = out->mean > 0 ? out->stddev / out->mean : 0;
}

static void fill_slope(struct plab_stats *out, const double *samples) {
    size_t n = out->count;
    double centre = (double)(n - 1) / 2, sxx = 0, sxy = 0, residual = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)i - centre;
        sxx += x * x;
        sxy += x * (samples[i] - out->mean);
    }
    out->slope = n > 1 ? sxy / sxx : 0;
    for (size_t i = 0; i < n; i++) {
        double e = samples[i] - out->mean - out->slope * ((double)i - centre);
        residual += e * e;
    }
    out->slope_stderr = n > 2 ? sqrt(residual / (double)(n - 2) / sxx) : 0;
    out->drift = out->median > 0 ? out->slope * (double)(n - 1) / out->median : 0;
}

static void fill_interval(struct plab_stats *out, const double *samples, double *scratch,
                          double *medians, uint64_t seed) {
    struct plab_prng rng = {.state = seed};
    for (size_t r = 0; r < PLAB_STATS_RESAMPLES; r++) {
        for (size_t i = 0; i < out->count; i++) {
            scratch[i] = samples[plab_prng_below(&rng, out->count)];
        }
        medians[r] = median_of(scratch, out->count);
    }
    sort(medians, PLAB_STATS_RESAMPLES);
    out->ci_low = plab_stats_quantile_sorted(medians, PLAB_STATS_RESAMPLES, 0.025);
    out->ci_high = plab_stats_quantile_sorted(medians, PLAB_STATS_RESAMPLES, 0.975);
}

enum plab_status plab_stats_compute(struct plab_stats *out, const double *samples, size_t count,
                                    uint64_t seed, struct plab_error *err) {
    memset(out, 0, sizeof *out);
    if (count == 0 || count > PLAB_STATS_MAX) {
        return plab_fail(err, PLAB_E_INPUT, "%zu samples: statistics need 1 to %d", count,
                         PLAB_STATS_MAX);
    }
    double *scratch = malloc((count + PLAB_STATS_RESAMPLES) * sizeof *scratch);
    if (scratch == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %zu samples", count);
    }
    out->count = count;
    fill_order(out, samples, scratch);
    fill_moments(out, samples);
    fill_slope(out, samples);
    fill_interval(out, samples, scratch, scratch + count, seed);
    free(scratch);
    return PLAB_OK;
}
