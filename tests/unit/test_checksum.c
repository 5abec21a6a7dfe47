/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/checksum.h"

#include "base/attr.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

/* A made-up PoW value whose word 3 is `word`; the other bytes must not matter. */
static void add(struct plab_checksum *checksum, uint32_t nonce, uint64_t word) {
    uint8_t value[PLAB_HASH_BYTES];
    memset(value, (int)(nonce * 31 + 7), sizeof value);
    plab_store64_le(value + 24, word);
    plab_checksum_add(checksum, nonce, value);
}

static uint64_t word_of(uint32_t nonce) {
    struct plab_prng rng = {.state = nonce};
    return plab_prng_next(&rng);
}

static const struct plab_bench_sum plain[] = {{1, 0x10}, {3, 0x10 ^ 0x200 ^ 0x3000}};

TEST(checksum, prefixes_by_hand) {
    struct plab_checksum sum;
    uint64_t got;
    plab_checksum_init(&sum, plain, 2);
    CHECK(!plab_checksum_prefix(&sum, 1, &got));
    add(&sum, 0, 0x10);
    add(&sum, 2, 0x3000);
    CHECK(plab_checksum_prefix(&sum, 1, &got) && got == 0x10);
    CHECK(!plab_checksum_prefix(&sum, 3, &got)); /* nonce 1 is missing */
    add(&sum, 1, 0x200);
    CHECK(plab_checksum_prefix(&sum, 3, &got) && got == 0x3210);
    CHECK(!plab_checksum_prefix(&sum, 2, &got)); /* no bound there */
    add(&sum, 70000, 0xdead);                    /* beyond the last bound: counted, not summed */
    CHECK(plab_checksum_prefix(&sum, 3, &got) && got == 0x3210);
    CHECK_U64(plab_checksum_hashes(&sum), 4);
}

TEST(checksum, any_split_and_order_gives_the_same) {
    enum { N = 600, THREADS = 7 };
    struct plab_bench_sum bounds[] = {{1, 0}, {64, 0}, {500, 0}, {N, 0}};
    struct plab_checksum one, parts[THREADS];
    plab_checksum_init(&one, bounds, 4);
    for (uint32_t i = 0; i < N; i++) {
        add(&one, i, word_of(i));
    }
    for (size_t t = 0; t < THREADS; t++) {
        plab_checksum_init(&parts[t], bounds, 4);
    }
    for (uint32_t i = 0; i < N; i++) {
        uint32_t nonce = (i * 11 + 5) % N; /* a permutation: 11 and 600 are coprime */
        add(&parts[i % THREADS], nonce, word_of(nonce));
    }
    for (size_t t = 1; t < THREADS; t++) {
        plab_checksum_merge(&parts[0], &parts[t]);
    }
    for (size_t b = 0; b < 4; b++) {
        uint64_t want, got;
        CHECK(plab_checksum_prefix(&one, bounds[b].hashes, &want));
        CHECK(plab_checksum_prefix(&parts[0], bounds[b].hashes, &got));
        CHECK_U64(got, want);
    }
}

TEST(checksum, a_nonce_done_twice_is_no_prefix) {
    struct plab_checksum sum;
    uint64_t got;
    plab_checksum_init(&sum, plain, 2);
    add(&sum, 0, 5);
    add(&sum, 0, 5);
    add(&sum, 0, 5);
    CHECK(!plab_checksum_prefix(&sum, 1, &got));
}

TEST(checksum, more_bounds) {
    struct plab_checksum sum;
    struct plab_error err = {.text = ""};
    uint64_t got;
    plab_checksum_init(&sum, plain, 2);
    CHECK(plab_checksum_bound(&sum, 2, NULL) == PLAB_OK);
    CHECK(plab_checksum_bound(&sum, 3, NULL) == PLAB_OK); /* had it */
    CHECK(plab_checksum_bound(&sum, 9, NULL) == PLAB_OK);
    CHECK_U64(sum.bound_count, 4);
    for (uint32_t i = 0; i < 9; i++) {
        add(&sum, i, UINT64_C(1) << i);
    }
    CHECK(plab_checksum_prefix(&sum, 2, &got) && got == 3);
    CHECK(plab_checksum_prefix(&sum, 9, &got) && got == 511);
    for (uint32_t b = 10; sum.bound_count < PLAB_CHECKSUM_BOUNDS_MAX; b++) {
        CHECK(plab_checksum_bound(&sum, b, NULL) == PLAB_OK);
    }
    CHECK(plab_checksum_bound(&sum, 9999, &err) == PLAB_E_INPUT);
}

TEST(checksum, verdicts) {
    struct plab_checksum sum;
    plab_checksum_init(&sum, plain, 2);
    CHECK_U64(plab_checksum_verify(&sum, plain, 2).verified, 0);
    add(&sum, 0, 0x10);
    CHECK_U64(plab_checksum_verify(&sum, plain, 2).verified, 1);
    add(&sum, 1, 0x200);
    add(&sum, 2, 0x3001); /* one bit off */
    struct plab_verdict verdict = plab_checksum_verify(&sum, plain, 2);
    CHECK(verdict.wrong && verdict.verified == 0);
    CHECK_U64(verdict.wrong_hashes, 3);
    CHECK_U64(verdict.wrong_sum, 0x3211);
    CHECK_U64(verdict.wrong_expected, 0x3210);
}

TEST(checksum, tables_are_the_published_ones) {
    struct plab_vector_file file;
    size_t total = 0, count, algo_count, listed = 0;
    plab_vector_open(&file, "tests/vectors/bench_sums.txt");
    while (plab_vector_next(&file)) {
        const struct plab_algo *algo;
        CHECK(plab_algo_find(plab_vector_text(&file, 0), &algo, NULL) == PLAB_OK);
        const struct plab_bench_sum *sums = plab_bench_sums(algo, &count);
        size_t at = 0;
        while (at < count && sums[at].hashes != plab_vector_u64(&file, 1)) {
            at++;
        }
        CHECK_MSG(at < count, "%s line %d is not in the table", file.path, file.line);
        CHECK_U64(sums[at].sum, plab_vector_u64(&file, 2));
        total++;
    }
    plab_vector_close(&file);
    const struct plab_algo *algos = plab_algo_list(&algo_count);
    for (size_t i = 0; i < algo_count; i++) {
        const struct plab_bench_sum *sums = plab_bench_sums(&algos[i], &count);
        listed += count;
        CHECK_MSG(count > 0 && sums[0].hashes == 1, "%s: a run of one hash cannot be verified",
                  algos[i].name);
        CHECK(count <= PLAB_CHECKSUM_BOUNDS_MAX - 2);
        for (size_t k = 1; k < count; k++) {
            CHECK(sums[k - 1].hashes < sums[k].hashes);
        }
    }
    CHECK_U64(total, listed);
}
