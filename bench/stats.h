/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics of a short series of measurements: robust where a benchmark needs it (median, MAD),
 * classical where people expect it (mean, deviation). All functions are pure; a series is never
 * changed and no sample is ever dropped.
 */
#ifndef PLAB_BENCH_STATS_H
#define PLAB_BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Most samples that a series may have; bounds the cost of the bootstrap. */
#define PLAB_STATS_MAX 10000

/* What a series says, in the unit of its samples. With one sample all deviations are 0. */
struct plab_stats {
    size_t count;
    double median, min, max, mean;
    double stddev;          /* of the sample (n - 1) */
    double cv;              /* stddev / mean; 0 when the mean is 0 */
    double mad_sigma;       /* 1.4826 x median absolute deviation: sigma, if it were normal */
    double ci_low, ci_high; /* 95 % bootstrap confidence interval of the median */
    double slope;           /* least squares, per step from one sample to the next */
    double slope_stderr;    /* its standard error; 0 with fewer than three samples */
    double drift;           /* slope x (count - 1) / median: relative change over the series */
};

/* Quantile `q` (0..1) of `count` (1 or more) ascending values, linear between neighbours: position
 * q (count - 1). Source: Hyndman, Fan, "Sample quantiles in statistical packages", 1996, type 7. */
double plab_stats_quantile_sorted(const double *sorted, size_t count, double q);

/* Fills `out` from `count` samples, 1 .. PLAB_STATS_MAX, in the order in which they were taken.
 * `seed` starts the resampling: equal seeds and samples give equal intervals everywhere. Source of
 * the interval: Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, percentile method,
 * with PLAB_STATS_RESAMPLES resamples. Errors: PLAB_E_INPUT (count), PLAB_E_NOMEM. */
#define PLAB_STATS_RESAMPLES 2000
PLAB_NODISCARD enum plab_status plab_stats_compute(struct plab_stats *out, const double *samples,
                                                   size_t count, uint64_t seed,
                                                   struct plab_error *err);

#endif
