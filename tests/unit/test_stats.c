/* SPDX-License-Identifier: BSD-3-Clause */
/* Expected values were worked out by hand; the arithmetic stands in the comments. */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/attr.h"
#include "tests/harness.h"

#define CHECK_NEAR(got, want)                                                                \
    CHECK_MSG(fabs((got) - (want)) < 1e-9, "%s: got %.12g, want %.12g", #got, (double)(got), \
              (double)(want))

static struct plab_stats compute(const double *samples, size_t count) {
    struct plab_stats stats;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_stats_compute(&stats, samples, count, 1, &err) == PLAB_OK, "%s", err.text);
    return stats;
}

TEST(stats, quantiles_interpolate) {
    const double v[] = {10, 20, 30, 40};
    CHECK_NEAR(plab_stats_quantile_sorted(v, 4, 0), 10);
    CHECK_NEAR(plab_stats_quantile_sorted(v, 4, 0.25), 17.5); /* position 0.75 */
    CHECK_NEAR(plab_stats_quantile_sorted(v, 4, 0.5), 25);    /* position 1.5 */
    CHECK_NEAR(plab_stats_quantile_sorted(v, 4, 1), 40);
    CHECK_NEAR(plab_stats_quantile_sorted(v, 1, 0.7), 10);
}

TEST(stats, odd_series) {
    /* Sorted 1 2 4 6 9: median 4, deviations 3 2 0 2 5, their median 2. Mean 22/5 = 4.4; squares
     * 11.56 + 5.76 + 0.16 + 2.56 + 21.16 = 41.2, variance 10.3. */
    const double v[] = {9, 1, 4, 6, 2};
    struct plab_stats s = compute(v, 5);
    CHECK_U64(s.count, 5);
    CHECK_NEAR(s.median, 4);
    CHECK_NEAR(s.min, 1);
    CHECK_NEAR(s.max, 9);
    CHECK_NEAR(s.mad_sigma, 2 * 1.482602218505602);
    CHECK_NEAR(s.mean, 4.4);
    CHECK_NEAR(s.stddev, sqrt(10.3));
    CHECK_NEAR(s.cv, sqrt(10.3) / 4.4);
}

TEST(stats, slope_and_its_error) {
    /* x = -1.5 -0.5 0.5 1.5, mean 5: sxy = 1.5*3 + 0.5*1 + 0.5*2 + 1.5*2 = 9 with y - mean =
     * -3 -1 2 2; sxx = 5; slope 1.8. Residuals -0.3 -0.1 1.1 -0.7: squares 1.8;
     * stderr = sqrt(1.8 / 2 / 5). Median 5.5, drift 1.8 * 3 / 5.5. */
    const double v[] = {2, 4, 7, 7};
    struct plab_stats s = compute(v, 4);
    CHECK_NEAR(s.slope, 1.8);
    CHECK_NEAR(s.slope_stderr, sqrt(0.18));
    CHECK_NEAR(s.drift, 5.4 / 5.5);
}

TEST(stats, one_and_two_samples) {
    const double one[] = {7}, two[] = {3, 5};
    struct plab_stats s = compute(one, 1);
    CHECK_NEAR(s.median, 7);
    CHECK_NEAR(s.stddev + s.mad_sigma + s.slope + s.slope_stderr + s.drift + s.cv, 0);
    CHECK_NEAR(s.ci_low, 7);
    CHECK_NEAR(s.ci_high, 7);
    s = compute(two, 2);
    CHECK_NEAR(s.median, 4);
    CHECK_NEAR(s.slope, 2);
    CHECK_NEAR(s.slope_stderr, 0);
    CHECK_NEAR(s.drift, 0.5);
    CHECK_NEAR(s.ci_low, 3); /* a quarter of the resamples are 3 3, a quarter 5 5 */
    CHECK_NEAR(s.ci_high, 5);
}

TEST(stats, interval_of_three) {
    /* Resamples of 1 2 30: P(median = 1) = P(at least two 1s) = 7/27, so the 2.5 % quantile is 1
     * and the 97.5 % quantile 30; of 1 2 2 2 2 2 30 the median is 1 only with four 1s: 1.4 %. */
    const double wide[] = {30, 1, 2}, tight[] = {2, 2, 30, 2, 1, 2, 2};
    struct plab_stats s = compute(wide, 3);
    CHECK_NEAR(s.ci_low, 1);
    CHECK_NEAR(s.ci_high, 30);
    s = compute(tight, 7);
    CHECK_NEAR(s.ci_low, 2);
    CHECK_NEAR(s.ci_high, 2);
    CHECK_NEAR(s.mad_sigma, 0);
}

TEST(stats, equal_seeds_equal_intervals) {
    const double v[] = {5.1, 4.9, 5.3, 5.0, 4.7, 5.2, 5.15, 4.95};
    struct plab_stats a, b;
    CHECK(plab_stats_compute(&a, v, PLAB_ARRAY_LEN(v), 99, NULL) == PLAB_OK);
    CHECK(plab_stats_compute(&b, v, PLAB_ARRAY_LEN(v), 99, NULL) == PLAB_OK);
    CHECK(a.ci_low == b.ci_low && a.ci_high == b.ci_high);
    CHECK(a.ci_low <= a.median && a.median <= a.ci_high);
    CHECK(a.ci_low > a.min && a.ci_high < a.max);
}

TEST(stats, refuses_impossible_counts) {
    struct plab_stats s;
    struct plab_error err = {.text = ""};
    const double v[] = {1};
    CHECK(plab_stats_compute(&s, v, 0, 1, &err) == PLAB_E_INPUT);
    CHECK(plab_stats_compute(&s, v, PLAB_STATS_MAX + 1, 1, &err) == PLAB_E_INPUT);
    CHECK(strstr(err.text, "10001") != NULL);
}
