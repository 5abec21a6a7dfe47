/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/rates.h"
#include "tests/harness.h"

#define S UINT64_C(1000000000)

TEST(rates, unknown_until_the_window_is_full) {
    static struct plab_rates rates;
    CHECK(plab_rates_over(&rates, 10) < 0);
    for (uint64_t t = 0; t < 10; t++) {
        plab_rates_add(&rates, t * S, t * 50);
        CHECK(plab_rates_over(&rates, 10) < 0);
    }
    plab_rates_add(&rates, 10 * S, 500);
    CHECK(plab_rates_over(&rates, 10) > 49.99 && plab_rates_over(&rates, 10) < 50.01);
    CHECK(plab_rates_over(&rates, 60) < 0);
}

TEST(rates, each_window_sees_its_own_past) {
    static struct plab_rates rates;
    uint64_t hashes = 0;
    for (uint64_t t = 0; t < 3000; t++) { /* the ring wraps */
        hashes += t < 2980 ? 10 : 100;
        plab_rates_add(&rates, t * S, hashes);
    }
    CHECK(plab_rates_over(&rates, 10) > 99.9);
    double minute = (40 * 10 + 20 * 100) / 60.0;
    CHECK(plab_rates_over(&rates, 60) > minute - 0.1 && plab_rates_over(&rates, 60) < minute + 0.1);
    CHECK(plab_rates_over(&rates, 900) > 11.9 && plab_rates_over(&rates, 900) < 12.1);
}

TEST(rates, late_samples_lengthen_the_window) {
    static struct plab_rates rates;
    plab_rates_add(&rates, 0, 0);
    plab_rates_add(&rates, 20 * S, 200);
    CHECK(plab_rates_over(&rates, 10) > 9.9 && plab_rates_over(&rates, 10) < 10.1);
}
