/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include "lab/fidelity.h"

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
}

/* The area between the two empirical distribution functions. */
double plab_fidelity_wasserstein(double *a, size_t a_count, double *b, size_t b_count) {
    double area = 0, last = NAN;
    if (a_count == 0 || b_count == 0) {
        return NAN;
    }
    sort(a, a_count);
    sort(b, b_count);
    for (size_t i = 0, k = 0; i < a_count || k < b_count;) {
        double next = i < a_count && (k == b_count || a[i] <= b[k]) ? a[i] : b[k];
        if (!isnan(last)) {
            double gap = (double)i / (double)a_count - (double)k / (double)b_count;
            area += fabs(gap) * (next - last);
        }
        while (i < a_count && a[i] <= next) {
            i++;
        }
        while (k < b_count && b[k] <= next) {
            k++;
        }
        last = next;
    }
    return area;
}

double plab_fidelity_ks(double *a, size_t a_count, double *b, size_t b_count) {
    double most = 0;
    if (a_count == 0 || b_count == 0) {
        return NAN;
    }
    sort(a, a_count);
    sort(b, b_count);
    for (size_t i = 0, k = 0; i < a_count && k < b_count;) {
        double next = a[i] <= b[k] ? a[i] : b[k];
        while (i < a_count && a[i] <= next) {
            i++;
        }
        while (k < b_count && b[k] <= next) {
            k++;
        }
        most = fmax(most, fabs((double)i / (double)a_count - (double)k / (double)b_count));
    }
    return most;
}

double plab_fidelity_ks_exponential(double *a, size_t count) {
    double sum = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        sum += a[i];
    }
    if (count == 0 || sum <= 0) {
        return NAN;
    }
    sort(a, count);
    for (size_t i = 0; i < count; i++) {
        double below = 1 - exp(-a[i] * (double)count / sum);
        most = fmax(most, fabs(below - (double)i / (double)count));
        most = fmax(most, fabs(below - (double)(i + 1) / (double)count));
    }
    return most;
}

double plab_fidelity_apart(double *a, size_t a_count, double *b, size_t b_count) {
    double apart = 0, sum_a = 0, sum_b = 0;
    if (a_count == 0 || b_count == 0) {
        return NAN;
    }
    sort(a, a_count);
    sort(b, b_count);
    for (size_t i = 1; i <= a_count || i <= b_count; i++) { /* from the end: the largest first */
        double x = i <= a_count ? a[a_count - i] : 0, y = i <= b_count ? b[b_count - i] : 0;
        apart += fabs(x - y);
        sum_a += x;
        sum_b += y;
    }
    return apart > 0 ? apart / fmax(sum_a, sum_b) : 0;
}

double plab_fidelity_relative(double a, double b) {
    double larger = fmax(fabs(a), fabs(b));
    return larger > 0 ? fabs(a - b) / larger : a - b; /* NAN stays NAN */
}
