/* SPDX-License-Identifier: BSD-3-Clause */
/* The RandomX variants of other coins. */
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/rx_fixture.h"
#include "tests/vector_file.h"

static bool is_monero(const struct plab_algo *algo) {
    return algo->rx == &plab_rx_params_0 || algo->rx == &plab_rx_params_2;
}

TEST(rx_variants, only_those_of_monero_share_a_dataset) {
    size_t count, shared = 0;
    const struct plab_algo *list = plab_algo_list(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (list[i].rx != NULL && list[k].rx != NULL) {
                bool same = plab_rx_same_dataset(list[i].rx, list[k].rx);
                CHECK_MSG(same == (i == k || (is_monero(&list[i]) && is_monero(&list[k]))),
                          "%s and %s", list[i].name, list[k].name);
                shared += same;
            }
        }
    }
    CHECK_U64(shared, 12); /* ten with themselves */
}

/* Each parameter that decides does so alone. */
TEST(rx_variants, any_parameter_of_the_dataset_makes_it_another) {
    const struct plab_rx_params *base = &plab_rx_params_0;
    struct plab_rx_params other[8];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(other); i++) {
        other[i] = *base;
    }
    other[0].argon_kib /= 2;
    other[1].argon_passes++;
    other[2].argon_lanes++;
    other[3].argon_salt = "RandomX\x04";
    other[4].cache_accesses--;
    other[5].superscalar_latency--;
    other[6].dataset_base_bytes /= 2;
    other[7].dataset_extra_bytes -= 64;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(other); i++) {
        CHECK_MSG(!plab_rx_same_dataset(base, &other[i]), "%zu", i);
        CHECK_MSG(!plab_rx_same_dataset(&other[i], base), "%zu", i);
    }
}

/* A fixture for the algorithm and key of the vector; reopened when either changes. */
struct state {
    struct plab_rx_fixture rx;
    const struct plab_algo *algo; /* NULL: closed */
    uint8_t key[60];
    size_t key_len;
};

/* True if that took a new cache. */
static bool follow(struct state *s, const struct plab_vector_file *file) {
    const struct plab_algo *algo;
    uint8_t key[60];
    size_t key_len = plab_vector_hex(file, 1, key, sizeof key);
    CHECK(plab_algo_find(plab_vector_text(file, 0), &algo, NULL) == PLAB_OK);
    bool same_key = key_len == s->key_len && memcmp(key, s->key, key_len) == 0;
    if (algo == s->algo && same_key) {
        return false;
    }
    if (algo != s->algo) {
        if (s->algo != NULL) {
            plab_rx_fixture_close(&s->rx);
        }
        plab_rx_fixture_open(&s->rx, algo->rx);
        s->algo = algo;
    }
    memcpy(s->key, key, key_len);
    s->key_len = key_len;
    plab_rx_fixture_set_key(&s->rx, key, key_len);
    return true;
}

TEST(rx_variants, known_answers) {
    struct state s = {.algo = NULL};
    struct plab_vector_file file;
    uint8_t input[256], want[32], hash[32];
    int caches = 0;
    bool quick = plab_test_quick("RandomX variants other than the first") || MINI_SLOWNESS > 1;
    plab_vector_open(&file, "tests/vectors/rx_variants.txt");
    while (plab_vector_next(&file)) {
        caches += follow(&s, &file);
        if (quick && caches > 1) {
            break;
        }
        size_t len = plab_vector_hex(&file, 2, input, sizeof input);
        CHECK_U64(plab_vector_hex(&file, 3, want, sizeof want), 32);
        plab_rx_fixture_hash(&s.rx, s.algo->rx, NULL, 0, input, len, hash);
        CHECK_MSG(memcmp(hash, want, 32) == 0, "%s:%d: wrong hash", file.path, file.line);
    }
    int vectors = plab_vector_close(&file);
    plab_rx_fixture_close(&s.rx);
    CHECK(quick || vectors == 16);
    CHECK(quick || caches == 10);
}
