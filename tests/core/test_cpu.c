/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/cpu.h"
#include "arch/dispatch.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

#define ALL ((UINT32_C(1) << PLAB_CPU_BIT_COUNT) - 1)

static uint32_t parse(const char *text) {
    struct plab_error err = {""};
    uint32_t mask = 0xDEAD;
    enum plab_status status = plab_cpu_parse_mask(text, &mask, &err);
    CHECK_MSG(status == PLAB_OK, "%s: %s", text, err.text);
    return mask;
}

TEST(cpu, recorded_dumps) {
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/cpuid.txt");
    while (plab_vector_next(&file)) {
        struct plab_cpuid_raw raw = {
            .max_leaf = (uint32_t)plab_vector_u64(&file, 1),
            .leaf1_ecx = (uint32_t)plab_vector_u64(&file, 2),
            .leaf1_edx = (uint32_t)plab_vector_u64(&file, 3),
            .leaf7_ebx = (uint32_t)plab_vector_u64(&file, 4),
            .leaf7_ecx = (uint32_t)plab_vector_u64(&file, 5),
            .leaf7_edx = (uint32_t)plab_vector_u64(&file, 6),
            .xcr0 = plab_vector_u64(&file, 7),
        };
#if defined(__x86_64__)
        uint32_t want = parse(plab_vector_text(&file, 8));
#else
        uint32_t want = 0;
#endif
        uint32_t got = plab_cpu_from_raw(&raw);
        CHECK_MSG(got == want, "%s: got 0x%x, want 0x%x", plab_vector_text(&file, 0), got, want);
    }
    CHECK_U64(plab_vector_close(&file), 26);
}

TEST(cpu, detected_features_are_consistent) {
    uint32_t features = plab_cpu_detect();
    CHECK((features & ~ALL) == 0);
    CHECK((features & ~plab_cpu_offered()) == 0 && (plab_cpu_offered() & ~ALL) == 0);
#if defined(__x86_64__)
    CHECK((features & PLAB_CPU_AVX2) == 0 || (features & PLAB_CPU_AVX) != 0);
    CHECK((features & PLAB_CPU_VAES) == 0 || (features & PLAB_CPU_AVX2) != 0);
    CHECK((features & PLAB_CPU_AVX512) == 0 || (features & PLAB_CPU_AVX2) != 0);
    CHECK(!(features & PLAB_CPU_SSSE3) == !__builtin_cpu_supports("ssse3"));
    CHECK(!(features & PLAB_CPU_SSE41) == !__builtin_cpu_supports("sse4.1"));
    CHECK(!(features & PLAB_CPU_AES) == !__builtin_cpu_supports("aes"));
    CHECK(!(features & PLAB_CPU_AVX) == !__builtin_cpu_supports("avx"));
    CHECK(!(features & PLAB_CPU_AVX2) == !__builtin_cpu_supports("avx2"));
#endif
}

TEST(cpu, mask_all_and_none) {
    CHECK_U64(parse("all"), ALL);
    CHECK_U64(parse("none"), 0);
    CHECK_U64(parse(""), 0);
}

TEST(cpu, mask_of_each_name) {
    for (unsigned bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        char minus[64];
        snprintf(minus, sizeof minus, "-%s", plab_cpu_bit_name(bit));
        CHECK_U64(parse(plab_cpu_bit_name(bit)), UINT32_C(1) << bit);
        CHECK_U64(parse(minus), ALL & ~(UINT32_C(1) << bit));
    }
}

#if defined(__x86_64__) || defined(__aarch64__)

/* One more name than "aes" that this architecture has. */
#if defined(__x86_64__)
#define OTHER "sse4.1"
#define OTHER_BIT PLAB_CPU_SSE41
#else
#define OTHER "neon"
#define OTHER_BIT PLAB_CPU_NEON
#endif

TEST(cpu, mask_lists) {
    CHECK_U64(parse("aes," OTHER), PLAB_CPU_AES | OTHER_BIT);
    CHECK_U64(parse("-" OTHER ",-aes"), ALL & ~(uint32_t)(PLAB_CPU_AES | OTHER_BIT));
}

TEST(cpu, mask_errors) {
    static const char *const bad[] = {"aes,",        ",aes",     "-",         "aes,-" OTHER,
                                      "-aes," OTHER, "AES",      " aes",      "aes aes",
                                      "all,aes",     "none,aes", "--aes,-aes"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        struct plab_error err = {""};
        uint32_t mask = 0xDEAD;
        enum plab_status status = plab_cpu_parse_mask(bad[i], &mask, &err);
        CHECK_MSG(status == PLAB_E_USAGE, "\"%s\" was accepted", bad[i]);
        CHECK_U64(mask, 0xDEAD);
        CHECK(err.text[0] != '\0');
    }
}

TEST(cpu, mask_error_names_the_word_and_the_known_ones) {
    struct plab_error err;
    uint32_t mask;
    CHECK(plab_cpu_parse_mask("aes,aess", &mask, &err) == PLAB_E_USAGE);
    CHECK_MSG(strstr(err.text, "\"aess\"") != NULL, "%s", err.text);
    CHECK_MSG(strstr(err.text, "did you mean \"aes\"") != NULL, "%s", err.text);
    CHECK_MSG(strstr(err.text, OTHER) != NULL, "%s", err.text);
}

TEST(cpu, mask_error_survives_a_very_long_word) {
    struct plab_error err;
    uint32_t mask;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK(plab_cpu_parse_mask(text, &mask, &err) == PLAB_E_USAGE);
    CHECK(strstr(err.text, "aes") != NULL);
}

TEST(cpu, names) {
    char text[128];
    CHECK_STR(plab_cpu_names(0, text, sizeof text), "none");
    CHECK_STR(plab_cpu_names(PLAB_CPU_AES, text, sizeof text), "aes");
    plab_cpu_names(PLAB_CPU_AES | OTHER_BIT, text, sizeof text);
    CHECK_STR(text, OTHER " aes");
    CHECK_STR(plab_cpu_names(PLAB_CPU_AES | OTHER_BIT, text, sizeof OTHER), OTHER);
    CHECK_STR(plab_cpu_names(0, text, 4), "");
}

TEST(dispatch, selects_the_last_usable_candidate) {
    struct plab_kernels kernels;
    plab_kernels_select(&kernels, ALL);
    CHECK(kernels.cn_explode != plab_cn_explode_c);
    CHECK(strcmp(kernels.isa[PLAB_KERNEL_cn_explode], "c") != 0);
    plab_kernels_select(&kernels, PLAB_CPU_AES); /* one of two needed bits */
    CHECK(kernels.cn_explode == plab_cn_explode_c);
}

#endif

TEST(dispatch, nothing_usable_gives_the_portable_kernels) {
    struct plab_kernels kernels;
    plab_kernels_select(&kernels, 0);
    for (int id = 0; id < PLAB_KERNEL_COUNT; id++) {
        CHECK_STR(kernels.isa[id], "c");
    }
#define CHECK_PORTABLE(kernel, type) CHECK(kernels.kernel == plab_##kernel##_c);
    PLAB_KERNEL_LIST(CHECK_PORTABLE)
#undef CHECK_PORTABLE
}

TEST(dispatch, every_kernel_starts_with_a_portable_candidate) {
    for (int id = 0; id < PLAB_KERNEL_COUNT; id++) {
        const struct plab_candidate *c = plab_candidates((enum plab_kernel_id)id);
        CHECK_STR(c->isa, "c");
        CHECK_U64(c->features, 0);
        for (c++; c->isa != NULL; c++) {
            CHECK_MSG(c->features != 0 && (c->features & ~ALL) == 0 && c->fn != NULL, "%s/%s",
                      plab_kernel_name((enum plab_kernel_id)id), c->isa);
        }
    }
}

TEST(dispatch, names) {
    CHECK_STR(plab_kernel_name(PLAB_KERNEL_keccak_f1600), "keccak_f1600");
    CHECK_STR(plab_kernel_name(PLAB_KERNEL_argon2_fill), "argon2_fill");
}
