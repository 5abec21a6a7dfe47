/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arithmetic of cn/2: one division and one integer root per round. Inline, so that every kernel can
 * use it. Source: Monero, src/crypto/variant2_int_sqrt.h (the definition); the method is our own.
 */
#ifndef PLAB_POW_CN_MATH_H
#define PLAB_POW_CN_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* floor(2 * sqrt(2^64 + n)) - 2^33, exactly: 0 .. 3558067407, in any rounding mode.
 *
 * The double 1 + n / 2^64 has the estimate of its root at most one unit away from the result, which
 * exact integer comparisons then correct: with r = 2h + b the sums are r^2 / 4 + 2^32 r, to be
 * compared with n. */
static inline uint32_t plab_cn_int_root(uint64_t n) {
    const uint64_t one = UINT64_C(1023) << 52; /* bits of 1.0 */
    uint64_t bits = (n >> 12) + one;
    double x;
    memcpy(&x, &bits, sizeof x);
    x = sqrt(x);
    memcpy(&bits, &x, sizeof bits);
    uint64_t root = (bits - one) >> 19;

    uint64_t half = root >> 1, odd = root & 1;
    uint64_t square = half * (half + odd) + (root << 32);
    if (square + odd > n) {
        root--;
    } else if (square + (UINT64_C(1) << 32) < n - half) {
        root++;
    }
    return (uint32_t)root;
}

/* Quotient and remainder in one word: u32(dividend / divisor) + (dividend % divisor << 32).
 * `divisor` is 2^31 or more, so the quotient can need 33 bits (its top one is dropped, and a 32-bit
 * division instruction would trap) and the remainder always fits 32. */
static inline uint64_t plab_cn_divide(uint64_t dividend, uint32_t divisor) {
    return (uint32_t)(dividend / divisor) + (dividend % divisor << 32);
}

#endif
