/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/cpu.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/codemem.h"
#include "base/suggest.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* The last entry keeps the array legal where the list of features is empty. */
static const char *const feature_names[PLAB_CPU_BIT_COUNT + 1] = {
#define FEATURE_NAME(feature, name) name,
    PLAB_CPU_FEATURE_LIST(FEATURE_NAME)
#undef FEATURE_NAME
        NULL,
};

#define ALL_FEATURES ((UINT32_C(1) << PLAB_CPU_BIT_COUNT) - 1)

#if defined(__x86_64__)

/* CPUID bits. Source: Intel SDM volume 2A, CPUID, leaves 1 and 7. */
#define LEAF1_ECX_SSSE3 (UINT32_C(1) << 9)
#define LEAF1_ECX_SSE41 (UINT32_C(1) << 19)
#define LEAF1_ECX_AES (UINT32_C(1) << 25)
#define LEAF1_ECX_OSXSAVE (UINT32_C(1) << 27)
#define LEAF1_ECX_AVX (UINT32_C(1) << 28)
#define LEAF7_EBX_AVX2 (UINT32_C(1) << 5)
#define LEAF7_EBX_BMI2 (UINT32_C(1) << 8)
#define LEAF7_EBX_AVX512F (UINT32_C(1) << 16)
#define LEAF7_EBX_AVX512DQ (UINT32_C(1) << 17)
#define LEAF7_EBX_AVX512IFMA (UINT32_C(1) << 21)
#define LEAF7_EBX_AVX512BW (UINT32_C(1) << 30)
#define LEAF7_EBX_AVX512VL (UINT32_C(1) << 31)
#define LEAF7_ECX_VAES (UINT32_C(1) << 9)
#define LEAF7_EBX_AVX512_SET \
    (LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512BW | LEAF7_EBX_AVX512VL)

/* State components that the operating system must save: XMM and YMM; opmask and both ZMM parts. */
#define XCR0_YMM UINT64_C(0x06)
#define XCR0_ZMM UINT64_C(0xE0)

static uint32_t when(bool condition, enum plab_cpu_feature feature) {
    return condition ? (uint32_t)feature : 0;
}

uint32_t plab_cpu_from_raw(const struct plab_cpuid_raw *raw) {
    uint32_t ecx1 = raw->leaf1_ecx;
    uint32_t ebx7 = raw->max_leaf >= 7 ? raw->leaf7_ebx : 0;
    uint32_t ecx7 = raw->max_leaf >= 7 ? raw->leaf7_ecx : 0;
    bool os_ymm = (ecx1 & LEAF1_ECX_OSXSAVE) != 0 && (raw->xcr0 & XCR0_YMM) == XCR0_YMM;
    bool avx = os_ymm && (ecx1 & LEAF1_ECX_AVX) != 0;
    bool avx2 = avx && (ebx7 & LEAF7_EBX_AVX2) != 0;
    bool avx512 = avx2 && (raw->xcr0 & XCR0_ZMM) == XCR0_ZMM &&
                  (ebx7 & LEAF7_EBX_AVX512_SET) == LEAF7_EBX_AVX512_SET;

    return when((ecx1 & LEAF1_ECX_SSSE3) != 0, PLAB_CPU_SSSE3) |
           when((ecx1 & LEAF1_ECX_SSE41) != 0, PLAB_CPU_SSE41) |
           when((ecx1 & LEAF1_ECX_AES) != 0, PLAB_CPU_AES) | when(avx, PLAB_CPU_AVX) |
           when(avx2, PLAB_CPU_AVX2) | when((ebx7 & LEAF7_EBX_BMI2) != 0, PLAB_CPU_BMI2) |
           when(avx2 && (ecx7 & LEAF7_ECX_VAES) != 0, PLAB_CPU_VAES) |
           when(avx512, PLAB_CPU_AVX512) |
           when(avx512 && (ebx7 & LEAF7_EBX_AVX512IFMA) != 0, PLAB_CPU_AVX512IFMA);
}

/* XCR0 by opcode-level asm: the _xgetbv() intrinsic would need -mxsave for this whole file. */
static uint64_t read_xcr0(void) {
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static struct plab_cpuid_raw read_raw(void) {
    struct plab_cpuid_raw raw = {0};
    uint32_t eax, ebx, ecx, edx;

    raw.max_leaf = (uint32_t)__get_cpuid_max(0, NULL);
    if (raw.max_leaf < 1) {
        return raw;
    }
    __cpuid(1, eax, ebx, raw.leaf1_ecx, raw.leaf1_edx);
    if (raw.max_leaf >= 7) {
        __cpuid_count(7, 0, eax, ebx, ecx, edx);
        raw.leaf7_ebx = ebx;
        raw.leaf7_ecx = ecx;
        raw.leaf7_edx = edx;
    }
    if ((raw.leaf1_ecx & LEAF1_ECX_OSXSAVE) != 0) {
        raw.xcr0 = read_xcr0();
    }
    return raw;
}

static bool machine_code_is_allowed(void) {
    struct plab_codemem code;
    bool allowed = plab_codemem_map(&code, 1, NULL) == PLAB_OK;
    plab_codemem_unmap(&code);
    return allowed;
}

uint32_t plab_cpu_detect(void) {
    struct plab_cpuid_raw raw = read_raw();
    return plab_cpu_from_raw(&raw) | when(machine_code_is_allowed(), PLAB_CPU_JIT);
}

uint32_t plab_cpu_offered(void) {
    struct plab_cpuid_raw raw = read_raw();
    raw.leaf1_ecx |= LEAF1_ECX_OSXSAVE; /* as if the system saved everything */
    raw.xcr0 = XCR0_YMM | XCR0_ZMM;
    return plab_cpu_from_raw(&raw) | PLAB_CPU_JIT;
}

#else

uint32_t plab_cpu_from_raw(const struct plab_cpuid_raw *raw) {
    (void)raw;
    return 0;
}

#if defined(__aarch64__)

/* Source: Linux, Documentation/arch/arm64/elf_hwcaps.rst; bits of arch/arm64's uapi/asm/hwcap.h. */
#define HWCAP_BIT_ASIMD (1ul << 1)
#define HWCAP_BIT_AES (1ul << 3)
#define HWCAP_BIT_SHA3 (1ul << 17)

uint32_t plab_cpu_detect(void) {
    unsigned long hwcap = getauxval(AT_HWCAP);
    uint32_t features = 0;

    if ((hwcap & HWCAP_BIT_ASIMD) == 0) {
        return 0; /* the other two work on NEON registers */
    }
    features |= PLAB_CPU_NEON;
    if ((hwcap & HWCAP_BIT_AES) != 0) {
        features |= PLAB_CPU_AES;
    }
    if ((hwcap & HWCAP_BIT_SHA3) != 0) {
        features |= PLAB_CPU_SHA3;
    }
    return features;
}

#else

uint32_t plab_cpu_detect(void) {
    return 0;
}

#endif

uint32_t plab_cpu_offered(void) {
    return plab_cpu_detect(); /* the kernel only reports what programs may use */
}

#endif

const char *plab_cpu_bit_name(unsigned bit) {
    return bit < PLAB_CPU_BIT_COUNT ? feature_names[bit] : "unknown";
}

/* Appends `word` to the text of length `*len` with `separator` in front unless it is the first; a
 * word that does not fit is left out. */
static void append_word(char *out, size_t out_cap, size_t *len, const char *separator,
                        const char *word) {
    const char *between = *len > 0 ? separator : "";
    size_t more = strlen(between) + strlen(word);
    if (*len + more >= out_cap) {
        return;
    }
    snprintf(out + *len, out_cap - *len, "%s%s", between, word);
    *len += more;
}

static const char *join_names(uint32_t features, const char *separator, char *out, size_t out_cap) {
    size_t len = 0;
    if (out_cap > 0) {
        out[0] = '\0';
    }
    for (unsigned bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        if ((features >> bit & 1) != 0) {
            append_word(out, out_cap, &len, separator, feature_names[bit]);
        }
    }
    if ((features & ALL_FEATURES) == 0) {
        append_word(out, out_cap, &len, separator, "none");
    }
    return out;
}

const char *plab_cpu_names(uint32_t features, char *out, size_t out_cap) {
    return join_names(features, " ", out, out_cap);
}

static bool text_is(const char *text, size_t len, const char *word) {
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

/* The bit of a name of `len` characters, or -1. */
static int find_bit(const char *text, size_t len) {
    for (int bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        if (text_is(text, len, feature_names[bit])) {
            return bit;
        }
    }
    return -1;
}

static enum plab_status fail_unknown(const char *text, size_t len, struct plab_error *err) {
    char known[256], word[32];
    size_t word_len = len < sizeof word - 1 ? len : sizeof word - 1;
    memcpy(word, text, word_len);
    word[word_len] = '\0';
    join_names(ALL_FEATURES, ", ", known, sizeof known);
    const char *nearest = plab_suggest(word, feature_names, PLAB_CPU_BIT_COUNT);
    return plab_fail(err, PLAB_E_USAGE,
                     "CPU mask: unknown feature \"%s\"%s%s%s; known here: all, none, %s", word,
                     nearest != NULL ? " (did you mean \"" : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "\"?)" : "", known);
}

enum plab_status plab_cpu_parse_mask(const char *text, uint32_t *mask, struct plab_error *err) {
    if (text[0] == '\0' || strcmp(text, "none") == 0) {
        *mask = 0;
        return PLAB_OK;
    }
    if (strcmp(text, "all") == 0) {
        *mask = ALL_FEATURES;
        return PLAB_OK;
    }
    bool take_away = text[0] == '-';
    uint32_t named = 0;
    for (const char *word = text;;) {
        bool minus = word[0] == '-';
        if (minus != take_away) {
            return plab_fail(err, PLAB_E_USAGE,
                             "CPU mask \"%s\": write \"-\" before every name or before none", text);
        }
        word += minus ? 1 : 0;
        size_t len = strcspn(word, ",");
        int bit = find_bit(word, len);
        if (bit < 0) {
            return fail_unknown(word, len, err);
        }
        named |= UINT32_C(1) << bit;
        if (word[len] == '\0') {
            break;
        }
        word += len + 1;
    }
    *mask = take_away ? ALL_FEATURES & ~named : named;
    return PLAB_OK;
}
