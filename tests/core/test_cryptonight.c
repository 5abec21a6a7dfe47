/* SPDX-License-Identifier: BSD-3-Clause */
#include <fenv.h>
#include <stdlib.h>

#include "base/prng.h"
#include "pow/cn_math.h"
#include "pow/cnr_program.h"
#include "pow/cryptonight.h"
#include "pow/keccak.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

static const struct plab_kernels portable = {
    .keccak_f1600 = plab_keccak_f1600_c,
    .cn_explode = plab_cn_explode_c,
    .cn_implode = plab_cn_implode_c,
    .cn_loop_v0 = plab_cn_loop_v0_c,
    .cn_loop_v1 = plab_cn_loop_v1_c,
    .cn_loop_v2 = plab_cn_loop_v2_c,
    .cn_loop_r = plab_cn_loop_r_c,
};

/* Fields: [height] input hash. */
static int check_file(const char *path, const struct plab_cn_params *params) {
    struct plab_vector_file file;
    struct plab_cnr_program program;
    int input_field = params->base == PLAB_CN_R ? 1 : 0;
    uint8_t *pad = plab_test_alloc(params->pad_bytes);
    uint8_t input[512], want[32], got[32];
    plab_vector_open(&file, path);
    while (plab_vector_next(&file)) {
        size_t len = plab_vector_hex(&file, input_field, input, sizeof input);
        CHECK_U64(plab_vector_hex(&file, input_field + 1, want, sizeof want), sizeof want);
        if (params->base == PLAB_CN_R) {
            plab_cnr_generate(&program, plab_vector_u64(&file, 0));
        }
        plab_cn_hash(params, &portable, pad, &program, input, len, got);
        CHECK_MSG(memcmp(got, want, sizeof want) == 0, "%s:%d: wrong hash", path, file.line);
    }
    free(pad);
    return plab_vector_close(&file);
}

TEST(cryptonight, cn_0) {
    CHECK_U64(check_file("tests/vectors/cn_0.txt", &plab_cn_params_0), 12);
}

TEST(cryptonight, cn_1) {
    CHECK_U64(check_file("tests/vectors/cn_1.txt", &plab_cn_params_1), 12);
}

TEST(cryptonight, cn_2) {
    CHECK_U64(check_file("tests/vectors/cn_2.txt", &plab_cn_params_2), 19);
}

TEST(cryptonight, cn_r) {
    CHECK_U64(check_file("tests/vectors/cn_r.txt", &plab_cn_params_r), 15);
}

/* Program in the file's form: 7 bytes an instruction. */
static size_t encode_program(const struct plab_cnr_program *program, uint8_t *out) {
    for (uint32_t i = 0; i < program->count; i++) {
        const struct plab_cnr_instruction *instruction = &program->code[i];
        uint8_t *to = out + 7 * i;
        to[0] = instruction->op;
        to[1] = instruction->dst;
        to[2] = instruction->src;
        plab_store32_be(to + 3, instruction->constant);
    }
    return 7 * (size_t)program->count;
}

TEST(cryptonight, cn_r_programs) {
    struct plab_vector_file file;
    struct plab_cnr_program program;
    uint8_t want[7 * PLAB_CNR_INSTRUCTIONS_MAX], got[7 * PLAB_CNR_INSTRUCTIONS_MAX];
    plab_vector_open(&file, "tests/vectors/cn_r_program.txt");
    while (plab_vector_next(&file)) {
        plab_cnr_generate(&program, plab_vector_u64(&file, 0));
        CHECK_U64(program.height, plab_vector_u64(&file, 0));
        CHECK_U64(program.count, plab_vector_u64(&file, 1));
        size_t len = plab_vector_hex(&file, 2, want, sizeof want);
        CHECK_U64(encode_program(&program, got), len);
        CHECK_MSG(memcmp(got, want, len) == 0, "%s:%d: wrong program", file.path, file.line);
    }
    CHECK_U64(plab_vector_close(&file), 15);
}

/* What kernels and code generators may rely on, for heights without known programs. */
TEST(cryptonight, cn_r_programs_keep_their_bounds) {
    struct plab_prng rng = {1};
    for (unsigned i = 0; i < 2000; i++) {
        struct plab_cnr_program program;
        plab_cnr_generate(&program, i < 1000 ? 1788000 + i : plab_prng_next(&rng));
        CHECK(program.count >= PLAB_CNR_INSTRUCTIONS_MIN);
        CHECK(program.count <= PLAB_CNR_INSTRUCTIONS_MAX);
        for (uint32_t j = 0; j < program.count; j++) {
            const struct plab_cnr_instruction *instruction = &program.code[j];
            CHECK(instruction->op <= PLAB_CNR_XOR && instruction->dst < 4);
            CHECK(instruction->src < PLAB_CNR_REGISTERS);
            CHECK(instruction->op == PLAB_CNR_ADD || instruction->constant == 0);
        }
    }
}

/* The definition, bit by bit: Monero, src/crypto/variant2_int_sqrt.h, integer version. */
static uint32_t slow_root(uint64_t n) {
    uint64_t r = UINT64_C(1) << 63;
    for (uint64_t bit = UINT64_C(1) << 60; bit != 0; bit >>= 2) {
        uint64_t trial = r + bit;
        if (n >= trial) {
            n -= trial;
            r = trial + bit;
        }
        r >>= 1;
    }
    return (uint32_t)(2 * r + (n > r));
}

TEST(cryptonight, int_root_known_answers) {
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/cn_int_sqrt.txt");
    while (plab_vector_next(&file)) {
        uint64_t n = plab_vector_u64(&file, 0);
        CHECK_U64(plab_cn_int_root(n), plab_vector_u64(&file, 1));
        CHECK_U64(slow_root(n), plab_vector_u64(&file, 1));
    }
    CHECK_U64(plab_vector_close(&file), 10);
}

/* The places where an estimate is most likely to be one off: both sides of each step of the root.
 */
static void check_root_steps(unsigned count) {
    struct plab_prng rng = {2};
    for (unsigned i = 0; i < count; i++) {
        /* Smallest n whose root is `root`: (root + 2^33)^2 / 4 - 2^64, rounded up. */
        uint64_t root = 1 + plab_prng_below(&rng, 3558067407);
        unsigned __int128 sum = root + (UINT64_C(1) << 33);
        uint64_t n = (uint64_t)((sum * sum + 3) / 4);
        CHECK_U64(plab_cn_int_root(n), root);
        CHECK_U64(plab_cn_int_root(n - 1), root - 1);
        uint64_t any = plab_prng_next(&rng) >> (i % 64);
        CHECK_U64(plab_cn_int_root(any), slow_root(any));
    }
}

/* In every rounding mode, as RandomX leaves threads in odd ones while it runs: the estimate is too
 * large by one in some, too small in others. */
TEST(cryptonight, int_root_is_exact_at_its_steps) {
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    for (unsigned i = 0; i < 4; i++) {
        CHECK_U64(fesetround(modes[i]), 0);
        check_root_steps(50000);
    }
    fesetround(FE_TONEAREST);
}

TEST(cryptonight, division_keeps_32_bits_of_a_33_bit_quotient) {
    /* 2^64 - 1 = (2^33 - 4) (2^31 + 1) + 3, 2^63 = (2^32 - 2) (2^31 + 1) + 2 */
    CHECK_U64(plab_cn_divide(UINT64_MAX, 0x80000001), 0x3FFFFFFFC);
    CHECK_U64(plab_cn_divide(UINT64_C(1) << 63, 0x80000001), 0x2FFFFFFFE);
}

/* The truth table of cn/1's byte tweak, from one round over a chosen scratchpad: b is the only
 * thing that differs, so the stored byte shows it. */
TEST(cryptonight, v1_changes_only_two_bits_of_the_first_store) {
    static const uint8_t flips[8] = {0x10, 0x00, 0x30, 0x00, 0x10, 0x10, 0x30, 0x10};
    uint8_t *pad_v0 = plab_test_alloc(4096), *pad_v1 = plab_test_alloc(4096);
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t state[25] = {0};
        state[3] = (uint64_t)byte << 24; /* byte 11 of b */
        struct plab_cn_loop_args args = {
            .state = state, .pad = pad_v0, .iterations = 1, .mask = 0xFF0};
        memset(pad_v0, 0, 4096);
        memset(pad_v1, 0, 4096);
        plab_cn_loop_v0_c(&args);
        args.pad = pad_v1;
        plab_cn_loop_v1_c(&args);
        /* The AES round of zeros gives 0x63 everywhere: the second store is elsewhere. */
        unsigned t = pad_v0[11];
        CHECK_U64(t, byte ^ 0x63);
        CHECK_U64(t ^ pad_v1[11], flips[(t >> 3 & 6) | (t & 1)]);
        pad_v1[11] = pad_v0[11];
        CHECK_MEM(pad_v1, pad_v0, 4096);
    }
    free(pad_v0);
    free(pad_v1);
}
