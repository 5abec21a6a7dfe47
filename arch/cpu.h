/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which instruction-set features can really be used: the processor has them *and* the operating
 * system saves their registers.
 */
#ifndef PLAB_ARCH_CPU_H
#define PLAB_ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* X(enumerator, name): one bit each; names are what --cpu-mask and reports use. */
#if defined(__x86_64__)
#define PLAB_CPU_FEATURE_LIST(X)                                                   \
    X(SSSE3, "ssse3")                                                              \
    X(SSE41, "sse4.1")                                                             \
    X(AES, "aes")                                                                  \
    X(AVX, "avx")                                                                  \
    X(AVX2, "avx2")                                                                \
    X(BMI2, "bmi2")                                                                \
    X(VAES, "vaes")                                                                \
    X(AVX512, "avx512") /* F + BW + DQ + VL, the set every 512-bit kernel needs */ \
    X(AVX512IFMA, "avx512ifma")                                                    \
    X(JIT, "jit") /* the system allows machine code made at run time */
#elif defined(__aarch64__)
#define PLAB_CPU_FEATURE_LIST(X)                              \
    X(NEON, "neon")                                           \
    X(AES, "aes")   /* FEAT_AES: AESE, AESMC, AESD, AESIMC */ \
    X(SHA3, "sha3") /* FEAT_SHA3: EOR3, RAX1, XAR, BCAX */
#else
#define PLAB_CPU_FEATURE_LIST(X)
#endif

enum plab_cpu_bit {
#define PLAB_CPU_BIT(feature, name) PLAB_CPU_BIT_##feature,
    PLAB_CPU_FEATURE_LIST(PLAB_CPU_BIT)
#undef PLAB_CPU_BIT
        PLAB_CPU_BIT_COUNT
};

enum plab_cpu_feature {
    PLAB_CPU_NONE = 0,
#define PLAB_CPU_FLAG(feature, name) PLAB_CPU_##feature = 1 << PLAB_CPU_BIT_##feature,
    PLAB_CPU_FEATURE_LIST(PLAB_CPU_FLAG)
#undef PLAB_CPU_FLAG
};

/* What an x86 processor says about itself, as read; zero where not supported. */
struct plab_cpuid_raw {
    uint32_t max_leaf;
    uint32_t leaf1_ecx, leaf1_edx;
    uint32_t leaf7_ebx, leaf7_ecx, leaf7_edx;
    uint64_t xcr0; /* 0 when OSXSAVE is not set */
};

/* Usable features of the processor in such a description, JIT aside: a pure function, tested with
 * recorded dumps. AVX needs OSXSAVE and XCR0[2:1] = 11b, AVX-512 XCR0[7:5] = 111b too. Returns 0 on
 * other architectures. Source: Intel SDM volume 1, sections 14.3 and 15.2. */
uint32_t plab_cpu_from_raw(const struct plab_cpuid_raw *raw);

/* Usable features of this machine (CPUID and XGETBV; getauxval(AT_HWCAP) on AArch64). */
uint32_t plab_cpu_detect(void);

/* Features that the processor offers, whether or not the operating system saves their registers:
 * for saying why one is not usable. The same as plab_cpu_detect() where the system answers for
 * both. */
uint32_t plab_cpu_offered(void);

/* Name of one feature bit (0 .. PLAB_CPU_BIT_COUNT - 1), a static string. */
const char *plab_cpu_bit_name(unsigned bit);

/* Writes the names of all set bits, separated by spaces, to `out` ("none" if there are none).
 * Returns `out`. */
const char *plab_cpu_names(uint32_t features, char *out, size_t out_cap);

/* Parses a mask for --cpu-mask: "all", "none" (or an empty text), or names separated by commas; a
 * leading "-" on every name takes them away from all. PLAB_E_USAGE names an unknown one and the
 * known ones. */
PLAB_NODISCARD enum plab_status plab_cpu_parse_mask(const char *text, uint32_t *mask,
                                                    struct plab_error *err);

#endif
