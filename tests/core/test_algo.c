/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/algo.h"

#include "pow/cryptonight.h"
#include "pow/randomx.h"
#include "tests/harness.h"

TEST(algo, every_row_is_consistent_and_found_by_its_name) {
    size_t count = 0;
    const struct plab_algo *list = plab_algo_list(&count);
    CHECK_U64(count, 14);
    for (size_t i = 0; i < count; i++) {
        const struct plab_algo *found = NULL;
        CHECK(plab_algo_find(list[i].name, &found, NULL) == PLAB_OK);
        CHECK(found == &list[i]);
        CHECK((list[i].cn != NULL) == (list[i].family == PLAB_FAMILY_CRYPTONIGHT));
        CHECK((list[i].rx != NULL) == (list[i].family == PLAB_FAMILY_RANDOMX));
        CHECK_U64(list[i].nonce_offset,
                  list[i].no_pool ? PLAB_NONCE_OFFSET_MAX : PLAB_NONCE_OFFSET);
        CHECK(list[i].no_pool == (strcmp(list[i].name, "rx/yada") == 0));
        CHECK(list[i].needs_seed == (list[i].family == PLAB_FAMILY_RANDOMX));
        if (list[i].cn != NULL) {
            CHECK_U64(list[i].scratchpad_bytes, list[i].cn->pad_bytes);
            CHECK_U64(list[i].cn->mask + 16, list[i].cn->pad_bytes);
            CHECK(list[i].needs_height == (list[i].cn->base == PLAB_CN_R));
        } else {
            CHECK_U64(list[i].scratchpad_bytes, list[i].rx->l3_bytes);
            CHECK(list[i].has_commitment == list[i].rx->v2);
        }
    }
}

TEST(algo, what_has_no_pool_is_refused_with_the_reason) {
    const struct plab_algo *algo = NULL;
    struct plab_error err = {""};
    CHECK(plab_algo_find("rx/wow", &algo, NULL) == PLAB_OK);
    CHECK(plab_algo_check_pool(algo, &err) == PLAB_OK);
    CHECK(plab_algo_find("rx/yada", &algo, NULL) == PLAB_OK);
    CHECK(plab_algo_check_pool(algo, &err) == PLAB_E_USAGE);
    CHECK_STR(err.text,
              "rx/yada is for hash and bench only: its nonce is at byte 147, its blobs are "
              "no Monero blobs, and its pools write targets big-endian");
}

TEST(algo, unknown_name_suggests_the_nearest) {
    const struct plab_algo *found = NULL;
    struct plab_error err;
    CHECK(plab_algo_find("rx/O", &found, &err) == PLAB_E_USAGE);
    CHECK(found == NULL);
    CHECK_STR(err.text, "unknown algorithm 'rx/O', did you mean 'rx/0'?");
    CHECK(plab_algo_find("cn/rr", &found, &err) == PLAB_E_USAGE);
    CHECK_STR(err.text, "unknown algorithm 'cn/rr', did you mean 'cn/r'?");
    CHECK(plab_algo_find("rx/safex", &found, &err) == PLAB_E_USAGE);
    CHECK_STR(err.text, "unknown algorithm 'rx/safex', did you mean 'rx/sfx'?");
}

TEST(algo, unknown_name_far_from_all_lists_them) {
    const struct plab_algo *found = NULL;
    struct plab_error err;
    CHECK(plab_algo_find("sha256d-something", &found, &err) == PLAB_E_USAGE);
    CHECK_STR(err.text, "unknown algorithm 'sha256d-something', known are: cn/0, cn/1, cn/2, cn/r, "
                        "rx/0, rx/2, rx/wow, rx/arq, rx/graft, rx/sfx, rx/yada, rx/keva, rx/loki, "
                        "rx/xeq");
    CHECK(plab_algo_find("", &found, &err) == PLAB_E_USAGE);
    CHECK(plab_algo_find("CN/0", &found, NULL) == PLAB_E_USAGE);
}
