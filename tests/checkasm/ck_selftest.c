/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A checker that cannot fail proves nothing: a toy kernel, one right implementation that must pass,
 * and many broken ones, each of which must be reported for its own reason.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "tests/checkasm/checkasm.h"

/* Enough to meet each size from 1 to 4 and each pattern and mode, whatever the seed. */
#define ROUNDS 200
/* A toy takes microseconds; the one that never returns makes everybody wait. */
#define TOY_LIMIT_MS 250

typedef void toy_fn(const uint8_t *in, uint8_t *out, size_t len);

static void shape_toy(struct ck_call *call, struct plab_prng *rng, bool bench) {
    size_t len_max = plab_prng_below(rng, 2) == 0 ? 4 : 300;
    size_t len = bench ? CK_BYTES_MAX : 1 + plab_prng_below(rng, len_max);
    call->count = 2;
    call->buffer[0] = (struct ck_buffer){"in", len, 1, CK_IN};
    call->buffer[1] = (struct ck_buffer){"out", len, 1, CK_OUT};
}

static void invoke_toy(plab_any_fn *fn, const struct ck_call *call) {
    ((toy_fn *)fn)(call->at[0], call->at[1], call->buffer[1].bytes);
}

static const struct ck_kernel toy = {shape_toy, NULL, invoke_toy};

static void toy_right(const uint8_t *in, uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(3 * in[i] + i);
    }
}

static void toy_wrong_bit(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    out[len - 1] ^= 0x80;
}

static void toy_wrong_for_all_ones(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    out[0] ^= in[0] == 0xFF && in[len / 2] == 0xFF && in[len - 1] == 0xFF;
}

static void toy_wrong_for_one_byte(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    out[0] ^= len == 1;
}

static void toy_forgets_last(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len - 1);
}

static void toy_writes_past_end(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    out[len] = 0;
}

static void toy_writes_before_start(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    *(out - 1) = 0;
}

static void toy_writes_far_past_end(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    out[len + 63] = 0;
}

static void toy_reads_past_end(const uint8_t *in, uint8_t *out, size_t len) {
    volatile uint8_t sink = ((const volatile uint8_t *)in)[len];
    (void)sink;
    toy_right(in, out, len);
}

static void toy_reads_before_start(const uint8_t *in, uint8_t *out, size_t len) {
    volatile uint8_t sink = *((const volatile uint8_t *)in - 1);
    (void)sink;
    toy_right(in, out, len);
}

static void toy_clobbers_input(const uint8_t *in, uint8_t *out, size_t len) {
    uint8_t *writable;
    memcpy(&writable, &in, sizeof writable); /* a cast would be warned about, rightly */
    toy_right(in, out, len);
    writable[len / 2] ^= 1;
}

static void toy_changes_rounding(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    ck_fp_set_mode(1);
}

static void toy_depends_on_rounding(const uint8_t *in, uint8_t *out, size_t len) {
    volatile double one = 1.0, three = 3.0;
    volatile double third = one / three, back = -one / three;
    toy_right(in, out, len);
    out[0] ^= third != -back; /* differs when rounding is up or down */
}

static void toy_illegal_instruction(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#else
    __asm__ volatile("udf #0");
#endif
}

static void toy_raises_fpe(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    raise(SIGFPE); /* a division by zero traps on x86 only */
}

static void toy_null_pointer(const uint8_t *in, uint8_t *out, size_t len) {
    volatile uintptr_t nowhere = 16;
    toy_right(in, out, len);
    memcpy(out, (const void *)nowhere, 1);
}

static void toy_never_returns(const uint8_t *in, uint8_t *out, size_t len) {
    toy_right(in, out, len);
    for (;;) {
        __asm__ volatile("");
    }
}

/* Functions of one instruction that break the calling convention: X(name, it, its report). They
 * are found out before anybody looks at their output. */
#if defined(__x86_64__)
#define LAWLESS_LIST(X)                       \
    X(rbx, "not %rbx", "preserve rbx")        \
    X(rbp, "not %rbp", "preserve rbp")        \
    X(r12, "not %r12", "preserve r12")        \
    X(r13, "not %r13", "preserve r13")        \
    X(r14, "not %r14", "preserve r14")        \
    X(r15, "not %r15", "preserve r15")        \
    X(stack, "ret $16", "preserve the stack") \
    X(direction, "std", "preserve the direction")
#elif defined(__aarch64__)
#define LAWLESS_LIST(X)                     \
    X(x19, "mvn x19, x19", "preserve x19")  \
    X(x22, "mvn x22, x22", "preserve x22")  \
    X(x28, "mvn x28, x28", "preserve x28")  \
    X(x29, "mvn x29, x29", "preserve x29")  \
    X(d8, "fmov d8, xzr", "preserve d8")    \
    X(d15, "fmov d15, xzr", "preserve d15") \
    X(stack, "sub sp, sp, #16", "preserve the stack")
#endif

#define LAWLESS_FUNCTION(name, instruction, report)                                        \
    void toy_lawless_##name(const uint8_t *in, uint8_t *out, size_t len);                  \
    __asm__(".pushsection .text\n.globl toy_lawless_" #name "\n.hidden toy_lawless_" #name \
            "\ntoy_lawless_" #name ":\n" instruction "\nret\n.popsection\n");
LAWLESS_LIST(LAWLESS_FUNCTION)
#if defined(__x86_64__)
LAWLESS_FUNCTION(vectors, "vcmptrue_uqps %ymm0, %ymm0, %ymm0", )
#endif
#undef LAWLESS_FUNCTION

/* Each with a word that its report must contain; none for the right one. */
struct toy_case {
    const char *name;
    toy_fn *fn;
    const char *report;
};

static const struct toy_case cases[] = {
    {"right", toy_right, NULL},
    {"wrong bit", toy_wrong_bit, "want"},
    {"wrong for all-1", toy_wrong_for_all_ones, "all-1"},
    {"wrong for the smallest size", toy_wrong_for_one_byte, "out=1)"},
    {"forgets the last byte", toy_forgets_last, "want"},
    {"writes past the end", toy_writes_past_end, "outside its buffer: out["},
    {"writes before the start", toy_writes_before_start, "outside its buffer: out[-1]"},
    {"writes 63 bytes past the end", toy_writes_far_past_end, "outside its buffer: out["},
    {"reads past the end", toy_reads_past_end, "Segmentation fault"},
    {"reads before the start", toy_reads_before_start, "Segmentation fault"},
    {"clobbers its input", toy_clobbers_input, "input changed"},
    {"changes the rounding mode", toy_changes_rounding, "control word"},
    {"depends on the rounding mode", toy_depends_on_rounding, "rounding "},
    {"illegal instruction", toy_illegal_instruction, "Illegal instruction"},
    {"arithmetic exception", toy_raises_fpe, "point exception"},
    {"null pointer", toy_null_pointer, "Segmentation fault"},
    {"never returns", toy_never_returns, "did not return"},
};

static const struct toy_case lawless_cases[] = {
#define LAWLESS_CASE(name, instruction, report) {"lawless: " #name, toy_lawless_##name, report},
    LAWLESS_LIST(LAWLESS_CASE)
#undef LAWLESS_CASE
};

#if defined(__x86_64__)
static const struct toy_case dirty_case = {"dirty vectors", toy_lawless_vectors,
                                           "preserve clean upper"};
#endif

static void run_case(const struct toy_case *toy_case, uint64_t seed, unsigned counts[2]) {
    char why[CK_WHY_LEN] = "not noticed";
    bool good =
        ck_check(&toy, (plab_any_fn *)toy_right, (plab_any_fn *)toy_case->fn, seed, ROUNDS, why);
    bool right = toy_case->report == NULL ? good : !good && strstr(why, toy_case->report) != NULL;
    counts[right]++;
    if (!right) {
        printf("FAIL  self-test, %s: %s\n", toy_case->name, why);
    }
}

void ck_selftest(uint64_t seed, unsigned *passed, unsigned *failed) {
    unsigned counts[2] = {0, 0};
    ck_set_limit(TOY_LIMIT_MS);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        run_case(&cases[i], seed, counts);
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(lawless_cases); i++) {
        run_case(&lawless_cases[i], seed, counts);
    }
#if defined(__x86_64__)
    if (ck_watch_sees_upper_halves()) {
        run_case(&dirty_case, seed, counts);
    }
#endif
    ck_set_limit(CK_LIMIT_MS);
    *failed += counts[false];
    *passed += counts[true];
}
