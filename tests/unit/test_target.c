/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "base/bytes.h"
#include "stratum/target.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

static uint64_t parse(const char *hex) {
    uint64_t target = 0;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_target_parse(hex, strlen(hex), &target, &err) == PLAB_OK, "%s", err.text);
    return target;
}

static void check_short(struct plab_vector_file *file, uint64_t difficulty) {
    char hex[17];
    CHECK_U64(plab_target_wire(difficulty, 4, hex), plab_vector_u64(file, 2));
    CHECK_U64(plab_difficulty_from_target(plab_vector_u64(file, 2)), plab_vector_u64(file, 3));
    if (strcmp(plab_vector_text(file, 1), "-") != 0) { /* else: only what we clamp it to */
        CHECK_STR(hex, plab_vector_text(file, 1));
        CHECK_U64(parse(hex), plab_vector_u64(file, 2));
    }
}

TEST(target, vectors) {
    struct plab_vector_file *file = plab_test_alloc(sizeof *file);
    plab_vector_open(file, "tests/vectors/stratum_targets.txt");
    while (plab_vector_next(file)) {
        uint64_t difficulty = plab_vector_u64(file, 0);
        char hex[17];
        check_short(file, difficulty);
        uint64_t t64 = plab_target_wire(difficulty, 8, hex);
        CHECK_STR(hex, plab_vector_text(file, 4));
        CHECK_U64(parse(hex), t64);
        CHECK_U64(t64, plab_target_from_difficulty(difficulty));
        CHECK_U64(plab_difficulty_from_target(t64), plab_vector_u64(file, 5));
    }
    CHECK_U64(plab_vector_close(file), 16);
    free(file);
}

TEST(target, upper_half_of_an_expanded_target_is_the_short_form) {
    char hex[17];
    for (uint64_t difficulty = 1; difficulty < 5000000; difficulty += difficulty / 50 + 1) {
        uint64_t t64 = plab_target_wire(difficulty, 4, hex);
        CHECK_U64(t64 >> 32, UINT32_MAX / difficulty);
    }
}

TEST(target, refuses_what_is_no_target) {
    static const char *const bad[] = {"",
                                      "0",
                                      "00",
                                      "123456",
                                      "0000000",
                                      "00000000",
                                      "ffffffff0",
                                      "ffffffffff",
                                      "0000000000000000",
                                      "fffffffffffffff",
                                      "fffffffg",
                                      "0xffffff",
                                      " fffffff",
                                      "ffffffffffffffffff"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        uint64_t target = 7;
        struct plab_error err = {.text = ""};
        CHECK_MSG(plab_target_parse(bad[i], strlen(bad[i]), &target, &err) == PLAB_E_INPUT,
                  "accepted \"%s\"", bad[i]);
        CHECK(err.text[0] != '\0' && target == 7);
    }
    CHECK_U64(parse("FFFFFF7F"), UINT64_C(0x7fffffffffffffff));
    CHECK_U64(parse("0100000000000000"), 1);
}

TEST(target, zero_is_never_divided_by) {
    CHECK_U64(plab_target_from_difficulty(0), UINT64_MAX);
    CHECK_U64(plab_difficulty_from_target(0), UINT64_MAX);
    char hex[17];
    CHECK_U64(plab_target_wire(0, 4, hex), UINT64_MAX);
    CHECK_STR(hex, "ffffffff");
}

TEST(target, share_rule_is_strict) {
    uint8_t value[32];
    memset(value, 0xff, sizeof value);
    plab_store64_le(value + 24, 1000);
    CHECK(!plab_target_met(value, 1000));
    CHECK(plab_target_met(value, 1001));
    CHECK_U64(plab_difficulty_of_value(value), UINT64_MAX / 1000);
    plab_store64_le(value + 24, 0);
    CHECK(plab_target_met(value, 1));
    CHECK_U64(plab_difficulty_of_value(value), UINT64_MAX);
}

TEST(target, width_suits_difficulty) {
    CHECK(plab_target_bytes_for(1) == 4 && plab_target_bytes_for(100000) == 4);
    CHECK(plab_target_bytes_for(100001) == 8 && plab_target_bytes_for(UINT64_MAX) == 8);
}
