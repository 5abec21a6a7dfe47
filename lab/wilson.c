/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/wilson.h"

#include <math.h>

#define Z 1.959963984540054 /* 97.5 % quantile of the normal distribution */

struct plab_interval plab_wilson(unsigned hits, unsigned trials) {
    if (trials == 0) {
        return (struct plab_interval){NAN, NAN};
    }
    double n = trials, p = hits / n, whole = 1 + Z * Z / n;
    double middle = (p + Z * Z / (2 * n)) / whole;
    double half = Z / whole * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n));
    return (struct plab_interval){fmax(middle - half, 0), fmin(middle + half, 1)};
}
