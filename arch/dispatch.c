/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/dispatch.h"

#if defined(__x86_64__)
#include "arch/x86/kernels_x86.h"
#define AESNI(kernel) \
    {"aesni", PLAB_CPU_SSE41 | PLAB_CPU_AES, (plab_any_fn *)plab_##kernel##_aesni},
#define AVX2(kernel) {"avx2", PLAB_CPU_AVX2 | PLAB_CPU_BMI2, (plab_any_fn *)plab_##kernel##_avx2},
#define AVX512(kernel) \
    {"avx512", PLAB_CPU_AVX512 | PLAB_CPU_BMI2, (plab_any_fn *)plab_##kernel##_avx512},
#define VAES512(kernel)                                                         \
    {"vaes512", PLAB_CPU_AES | PLAB_CPU_VAES | PLAB_CPU_AVX512 | PLAB_CPU_BMI2, \
     (plab_any_fn *)plab_##kernel##_vaes512},
#define CE(kernel)
#define RX_COMPILER(kernel)                                                                       \
    {"x64", PLAB_CPU_JIT, (plab_any_fn *)plab_##kernel##_x64},                                    \
        {"aesni", PLAB_CPU_JIT | PLAB_CPU_AES, (plab_any_fn *)plab_##kernel##_aesni},             \
        {"avx2", PLAB_CPU_JIT | PLAB_CPU_AES | PLAB_CPU_AVX2 | PLAB_CPU_BMI2,                     \
         (plab_any_fn *)plab_##kernel##_avx2},                                                    \
        {"avx512", PLAB_CPU_JIT | PLAB_CPU_AES | PLAB_CPU_AVX2 | PLAB_CPU_BMI2 | PLAB_CPU_AVX512, \
         (plab_any_fn *)plab_##kernel##_avx512},
#define RX_ITEMS(kernel)                                                               \
    {"x64", PLAB_CPU_JIT, (plab_any_fn *)plab_##kernel##_x64},                         \
        {"bmi2", PLAB_CPU_JIT | PLAB_CPU_BMI2, (plab_any_fn *)plab_##kernel##_bmi2},   \
        {"avx2", PLAB_CPU_JIT | PLAB_CPU_AVX2 | PLAB_CPU_BMI2,                         \
         (plab_any_fn *)plab_##kernel##_avx2},                                         \
        {"avx512", PLAB_CPU_JIT | PLAB_CPU_AVX512 | PLAB_CPU_BMI2,                     \
         (plab_any_fn *)plab_##kernel##_avx512},                                       \
        {"ifma", PLAB_CPU_JIT | PLAB_CPU_AVX512 | PLAB_CPU_AVX512IFMA | PLAB_CPU_BMI2, \
         (plab_any_fn *)plab_##kernel##_ifma},
#elif defined(__aarch64__)
#include "arch/arm/kernels_arm.h"
#define AESNI(kernel)
#define AVX2(kernel)
#define AVX512(kernel)
#define RX_COMPILER(kernel)
#define VAES512(kernel)
#define CE(kernel) {"ce", PLAB_CPU_NEON | PLAB_CPU_AES, (plab_any_fn *)plab_##kernel##_ce},
#define RX_ITEMS(kernel)
#else
#define AESNI(kernel)
#define AVX2(kernel)
#define AVX512(kernel)
#define RX_COMPILER(kernel)
#define VAES512(kernel)
#define CE(kernel)
#define RX_ITEMS(kernel)
#endif

/* One array per kernel, worst to best. */
#define CANDIDATES(kernel, ...)                                  \
    static const struct plab_candidate kernel##_candidates[] = { \
        {"c", 0, (plab_any_fn *)plab_##kernel##_c}, __VA_ARGS__{NULL, 0, NULL}}

CANDIDATES(keccak_f1600, );
CANDIDATES(cn_explode, AESNI(cn_explode) CE(cn_explode));
CANDIDATES(cn_implode, AESNI(cn_implode) CE(cn_implode));
CANDIDATES(cn_loop_v0, AESNI(cn_loop_v0) CE(cn_loop_v0));
CANDIDATES(cn_loop_v1, AESNI(cn_loop_v1) CE(cn_loop_v1));
CANDIDATES(cn_loop_v2, AESNI(cn_loop_v2) CE(cn_loop_v2));
CANDIDATES(cn_loop_r, AESNI(cn_loop_r) CE(cn_loop_r));
CANDIDATES(rx_fill_1r, AESNI(rx_fill_1r) CE(rx_fill_1r));
CANDIDATES(rx_fill_4r, AESNI(rx_fill_4r) CE(rx_fill_4r));
CANDIDATES(rx_hash_1r, AESNI(rx_hash_1r) CE(rx_hash_1r));
CANDIDATES(rx_mix_v2, AESNI(rx_mix_v2) CE(rx_mix_v2));
CANDIDATES(rx_turn_1r, AESNI(rx_turn_1r) VAES512(rx_turn_1r) CE(rx_turn_1r));
CANDIDATES(rx_items_make, RX_ITEMS(rx_items_make));
CANDIDATES(rx_step_make, RX_COMPILER(rx_step_make));
CANDIDATES(rx_loop_make, RX_COMPILER(rx_loop_make));
CANDIDATES(argon2_fill, AVX2(argon2_fill) AVX512(argon2_fill));

static const struct plab_candidate *const candidates[PLAB_KERNEL_COUNT] = {
#define KERNEL_CANDIDATES(kernel, type) [PLAB_KERNEL_##kernel] = kernel##_candidates,
    PLAB_KERNEL_LIST(KERNEL_CANDIDATES)
#undef KERNEL_CANDIDATES
};

static const char *const kernel_names[PLAB_KERNEL_COUNT] = {
#define KERNEL_NAME(kernel, type) [PLAB_KERNEL_##kernel] = #kernel,
    PLAB_KERNEL_LIST(KERNEL_NAME)
#undef KERNEL_NAME
};

const struct plab_candidate *plab_candidates(enum plab_kernel_id id) {
    return candidates[id];
}

const char *plab_kernel_name(enum plab_kernel_id id) {
    return kernel_names[id];
}

static const struct plab_candidate *best_candidate(enum plab_kernel_id id, uint32_t features) {
    const struct plab_candidate *best = candidates[id];
    for (const struct plab_candidate *c = best; c->isa != NULL; c++) {
        if ((c->features & ~features) == 0) {
            best = c;
        }
    }
    return best;
}

void plab_kernels_select(struct plab_kernels *out, uint32_t features) {
    const struct plab_candidate *best;
#define SELECT_KERNEL(kernel, type)                        \
    best = best_candidate(PLAB_KERNEL_##kernel, features); \
    out->kernel = (type *)best->fn;                        \
    out->isa[PLAB_KERNEL_##kernel] = best->isa;
    PLAB_KERNEL_LIST(SELECT_KERNEL)
#undef SELECT_KERNEL
    out->hints = (struct plab_rx_hints){PLAB_PREFETCH_NTA, PLAB_PREFETCH_T0};
}

const char *plab_prefetch_name(enum plab_prefetch prefetch) {
    static const char *const names[] = {"nta", "t0", "t1", "t2", "off"};
    return names[prefetch];
}
