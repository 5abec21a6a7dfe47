/* SPDX-License-Identifier: BSD-3-Clause */
/* Wilson's score interval of a proportion: honest for few trials, and at 0 and 1. Pure. */
#ifndef PLAB_LAB_WILSON_H
#define PLAB_LAB_WILSON_H

/* 0 to 1; NAN both when there was no trial. */
struct plab_interval {
    double low, high;
};

/* The 95 % interval of `hits` out of `trials` (at most so many). Source: E. B. Wilson, Probable
 * inference, the law of succession, and statistical inference, JASA 22 (1927), without correction
 * for continuity. */
struct plab_interval plab_wilson(unsigned hits, unsigned trials);

#endif
