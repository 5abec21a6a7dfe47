/* SPDX-License-Identifier: BSD-3-Clause */
/* Variable difficulty on simulated miners, whose shares come as a Poisson process. */
#include <math.h>

#include "base/bucket.h"
#include "base/prng.h"
#include "pool/vardiff.h"
#include "tests/harness.h"

#define SECOND UINT64_C(1000000000)

static const struct plab_vardiff_config config = {
    .start = 1000, .min = 1, .max = UINT64_MAX / 2, .target_ms = 10000, .window_shares = 16};

struct miner {
    struct plab_vardiff vardiff;
    struct plab_prng prng;
    uint64_t now_ns;
    double rate_hps;
};

/* Runs until `shares` shares were found, with a tick each second; returns the mean gap in seconds.
 */
static double mine(struct miner *miner, unsigned shares) {
    uint64_t began_ns = miner->now_ns;
    for (unsigned found = 0; found < shares;) {
        double uniform = (double)(plab_prng_next(&miner->prng) >> 11) * 0x1p-53;
        double gap_s = -log(1 - uniform) * (double)miner->vardiff.difficulty / miner->rate_hps;
        /* Forgetting the rest of a gap at a tick changes nothing: the process has no memory. */
        if (gap_s >= 1) {
            miner->now_ns += SECOND;
            plab_vardiff_tick(&miner->vardiff, miner->now_ns);
            continue;
        }
        miner->now_ns += (uint64_t)(gap_s * 1e9);
        plab_vardiff_share(&miner->vardiff, miner->vardiff.difficulty, miner->now_ns);
        found++;
    }
    return (double)(miner->now_ns - began_ns) / 1e9 / shares;
}

TEST(vardiff, converges_for_slow_and_fast_miners) {
    static const double rates_hps[] = {2, 20, 100, 5000, 1e6};
    for (size_t i = 0; i < sizeof rates_hps / sizeof *rates_hps; i++) {
        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct miner miner = {.prng = {seed}, .now_ns = SECOND, .rate_hps = rates_hps[i]};
            plab_vardiff_init(&miner.vardiff, &config, miner.now_ns);
            mine(&miner, 60);
            CHECK_MSG(miner.now_ns < 3600 * SECOND, "%g H/s took %g s to warm up", rates_hps[i],
                      (double)miner.now_ns / 1e9);
            double gap_s = mine(&miner, 400);
            CHECK_MSG(gap_s > 7 && gap_s < 14, "%g H/s, seed %llu: a share each %g s", rates_hps[i],
                      (unsigned long long)seed, gap_s);
        }
    }
}

/* Changes of difficulty during so many shares, and how often one went back on the one before. */
struct unrest {
    unsigned changes, reversals;
    double log_square; /* mean square of the distance to the ideal, in e-folds */
};

static struct unrest watch(struct miner *miner, unsigned shares) {
    struct unrest unrest = {0};
    uint64_t before = miner->vardiff.difficulty;
    bool went_up = false;
    for (unsigned i = 0; i < shares; i++) {
        mine(miner, 1);
        uint64_t now = miner->vardiff.difficulty;
        double away = log((double)now / (miner->rate_hps * 10));
        unrest.log_square += away * away / shares;
        if (now != before) {
            unrest.reversals += unrest.changes > 0 && (now > before) != went_up;
            unrest.changes++;
            went_up = now > before;
            before = now;
        }
    }
    return unrest;
}

/* An estimate from 16 shares alone misses by 25 %: it would move each other time. */
TEST(vardiff, does_not_oscillate) {
    struct unrest sum = {0};
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct miner miner = {.prng = {seed}, .now_ns = SECOND, .rate_hps = 5000};
        plab_vardiff_init(&miner.vardiff, &config, miner.now_ns);
        mine(&miner, 200);
        struct unrest unrest = watch(&miner, 800); /* 50 windows */
        sum.changes += unrest.changes;
        sum.reversals += unrest.reversals;
        sum.log_square += unrest.log_square / 50;
    }
    CHECK_MSG(sum.changes < 250, "%u changes in 2500 windows", sum.changes);
    CHECK_MSG(sum.reversals < 150, "%u reversals in 2500 windows", sum.reversals);
    CHECK_MSG(sqrt(sum.log_square) < 0.2, "%.3f away from the ideal", sqrt(sum.log_square));
}

/* S17: many workers that find nothing, or all at once, end at the bounds and come back. */
TEST(vardiff, games_end_at_the_bounds) {
    struct plab_vardiff_config bounded = config;
    bounded.min = 100;
    bounded.max = 100000;
    struct miner miner = {.prng = {3}, .now_ns = SECOND, .rate_hps = 1000};
    plab_vardiff_init(&miner.vardiff, &bounded, miner.now_ns);
    for (int game = 0; game < 20; game++) {
        for (int i = 0; i < 200; i++) { /* saved up, all in one instant */
            plab_vardiff_share(&miner.vardiff, miner.vardiff.difficulty, miner.now_ns);
            CHECK(miner.vardiff.difficulty <= 100000);
        }
        for (int i = 0; i < 2000; i++) {
            miner.now_ns += SECOND;
            plab_vardiff_tick(&miner.vardiff, miner.now_ns);
            CHECK(miner.vardiff.difficulty >= 100);
        }
        CHECK_U64(miner.vardiff.difficulty, 100);
    }
    mine(&miner, 100); /* honest from now on */
    CHECK(miner.vardiff.difficulty > 5000 && miner.vardiff.difficulty < 20000);
}

/* S18 */
TEST(vardiff, clock_that_goes_back_or_jumps) {
    struct miner miner = {.prng = {4}, .now_ns = 7200 * SECOND, .rate_hps = 1000};
    plab_vardiff_init(&miner.vardiff, &config, miner.now_ns);
    mine(&miner, 300);
    uint64_t before = miner.vardiff.difficulty;
    CHECK(!plab_vardiff_tick(&miner.vardiff, SECOND));
    for (int i = 0; i < 3; i++) {
        plab_vardiff_share(&miner.vardiff, before, SECOND);
    }
    CHECK(miner.vardiff.difficulty >= before / 2 && miner.vardiff.difficulty <= 2 * before);
    before = miner.vardiff.difficulty;
    miner.now_ns += 3600 * SECOND; /* asleep for an hour: one halving, not hundreds */
    plab_vardiff_tick(&miner.vardiff, miner.now_ns);
    plab_vardiff_tick(&miner.vardiff, miner.now_ns);
    CHECK(miner.vardiff.difficulty >= before / 2);
    mine(&miner, 200);
    CHECK(miner.vardiff.difficulty > 5000 && miner.vardiff.difficulty < 20000);
}

/* Late shares of an easier job are worth what that job asked for. */
TEST(vardiff, late_shares_count_with_their_own_difficulty) {
    struct plab_vardiff vardiff;
    plab_vardiff_init(&vardiff, &config, 0);
    for (unsigned i = 1; i <= 16; i++) { /* four times too easy, at the time of difficulty 1000 */
        plab_vardiff_share(&vardiff, 250, i * 10 * SECOND);
    }
    CHECK(vardiff.difficulty < 300);
}

TEST(vardiff, follows_a_change_of_rate) {
    struct miner miner = {.prng = {9}, .now_ns = SECOND, .rate_hps = 1000};
    plab_vardiff_init(&miner.vardiff, &config, miner.now_ns);
    mine(&miner, 200);
    miner.rate_hps = 50;
    mine(&miner, 100);
    CHECK(miner.vardiff.difficulty > 250 && miner.vardiff.difficulty < 1000);
}

TEST(vardiff, burst_then_silence_decays) {
    struct plab_vardiff vardiff;
    uint64_t now_ns = SECOND;
    plab_vardiff_init(&vardiff, &config, now_ns);
    for (int i = 0; i < 100; i++) {
        plab_vardiff_share(&vardiff, vardiff.difficulty, now_ns); /* all in one instant */
    }
    uint64_t peak = vardiff.difficulty;
    CHECK(peak > 1000);
    CHECK(peak <= (UINT64_C(1000) << 40));
    for (int i = 0; i < 4000; i++) {
        now_ns += SECOND;
        plab_vardiff_tick(&vardiff, now_ns);
    }
    CHECK_U64(vardiff.difficulty, 1);
}

TEST(vardiff, bounds_hold) {
    struct plab_vardiff_config bounded = config;
    struct plab_vardiff vardiff;
    bounded.min = 500;
    bounded.max = 2000;
    plab_vardiff_init(&vardiff, &bounded, 0);
    for (int i = 0; i < 100; i++) {
        plab_vardiff_share(&vardiff, 1000, (uint64_t)i);
        CHECK(vardiff.difficulty <= 2000);
    }
    CHECK_U64(vardiff.difficulty, 2000);
    for (uint64_t s = 1; s < 1000; s++) {
        plab_vardiff_tick(&vardiff, s * SECOND);
    }
    CHECK_U64(vardiff.difficulty, 500);
}

TEST(vardiff, fixed_stays) {
    struct plab_vardiff vardiff;
    plab_vardiff_init(&vardiff, &config, 0);
    plab_vardiff_fix(&vardiff, 77);
    for (uint64_t s = 1; s < 100; s++) {
        CHECK(!plab_vardiff_share(&vardiff, 77, s));
        CHECK(!plab_vardiff_tick(&vardiff, s * 100 * SECOND));
    }
    CHECK_U64(vardiff.difficulty, 77);
    struct plab_vardiff_config bounded = config;
    bounded.min = 500;
    bounded.max = 2000;
    plab_vardiff_init(&vardiff, &bounded, 0);
    plab_vardiff_fix(&vardiff, 77);
    CHECK_U64(vardiff.difficulty, 500);
    plab_vardiff_fix(&vardiff, INT64_MAX);
    CHECK_U64(vardiff.difficulty, 2000);
}

TEST(vardiff, wishes) {
    static const struct {
        const char *login, *pass;
        bool good;
        uint64_t difficulty;
    } cases[] = {
        {"worker1", "x", true, 0},
        {"worker1+5000", "x", true, 5000},
        {"worker1", "d=300", true, 300},
        {"worker1", "name;d=300,x", true, 300},
        {"worker1+7", "d=300", true, 7},
        {"worker1", "bad=1", true, 0},
        {"worker1", "d=9223372036854775807", true, INT64_MAX},
        {"worker1", "d=0", false, 0},
        {"worker1", "d=-1", false, 0},
        {"worker1", "d=99999999999999999999", false, 0},
        {"worker1", "d=9223372036854775808", false, 0},
        {"worker1", "d=0x10", false, 0},
        {"worker1", "d=abc", false, 0},
        {"worker1", "d=", false, 0},
        {"w+NaN", "x", false, 0},
        {"w+1e400", "x", false, 0},
        {"w+0", "x", false, 0},
        {"w+-5", "x", false, 0},
        {"w+1.5", "x", false, 0},
        {"w+", "x", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t difficulty = 1;
        bool good = plab_vardiff_parse_wish(cases[i].login, cases[i].pass, &difficulty);
        CHECK_MSG(good == cases[i].good, "%s %s", cases[i].login, cases[i].pass);
        if (good) {
            CHECK_U64(difficulty, cases[i].difficulty);
        }
    }
}

TEST(vardiff, token_bucket) {
    struct plab_bucket bucket;
    plab_bucket_init(&bucket, 2, 5, 0);
    for (int i = 0; i < 5; i++) {
        CHECK(plab_bucket_take(&bucket, 0));
    }
    CHECK(!plab_bucket_take(&bucket, 0));
    CHECK(!plab_bucket_take(&bucket, SECOND / 4));
    CHECK(plab_bucket_take(&bucket, SECOND / 2));
    CHECK(!plab_bucket_take(&bucket, SECOND / 2));
    int taken = 0;
    while (plab_bucket_take(&bucket, 1000 * SECOND)) {
        taken++;
    }
    CHECK(taken == 5);
    CHECK(!plab_bucket_take(&bucket, 999 * SECOND)); /* S18: going back fills nothing */
    CHECK(!plab_bucket_take(&bucket, 1000 * SECOND + SECOND / 4));
    CHECK(plab_bucket_take(&bucket, 1000 * SECOND + SECOND / 2));
}
