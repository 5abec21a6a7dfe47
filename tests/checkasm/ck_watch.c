/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a call must leave as it was, beyond memory: the registers that belong to the caller, the
 * stack pointer, and on x86-64 the direction flag and clean upper halves of vector registers.
 *
 * C can't look: its own code would have used the registers by then. So a piece of assembly stands
 * between caller and callee. It puts known values into the registers, calls, writes down what it
 * finds, and gives the caller its own values back, so that even a broken callee can be reported.
 *
 * Sources: System V ABI for x86-64, section 3.2.1; Procedure Call Standard for AArch64, section 6;
 * Intel SDM volume 1, section 13.3 for XGETBV with ECX = 1.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <string.h>

#include "arch/cpu.h"
#include "base/attr.h"
#include "tests/checkasm/checkasm.h"

/* Calls the target with the arguments it gets, which must all be in registers. */
void ck_trampoline(void);

#if defined(__x86_64__)

static const char *const names[] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};
#define REGISTERS PLAB_ARRAY_LEN(names)

/* Read and written by the assembly, which knows the offsets. */
struct watch {
    uint64_t target;               /* 0 */
    uint64_t own[REGISTERS + 1];   /* 8: the caller's, then its stack pointer */
    uint64_t found[REGISTERS + 1]; /* 64: after the call */
    uint64_t stack_pointer;        /* 120: what the last of `found` should be */
    uint64_t flags;                /* 128: after the call */
    uint64_t in_use;               /* 136: XINUSE after the call */
    uint64_t ask_in_use;           /* 144 */
    uint64_t known[REGISTERS];     /* 152: in the registers before the call */
};

__asm__(".text\n"
        ".globl ck_trampoline\n"
        ".hidden ck_trampoline\n"
        ".type ck_trampoline, @function\n"
        "ck_trampoline:\n"
        "    lea ck_watch_state(%rip), %r11\n"
        "    mov %rbx, 8(%r11)\n"
        "    mov %rbp, 16(%r11)\n"
        "    mov %r12, 24(%r11)\n"
        "    mov %r13, 32(%r11)\n"
        "    mov %r14, 40(%r11)\n"
        "    mov %r15, 48(%r11)\n"
        "    mov %rsp, 56(%r11)\n"
        "    sub $8, %rsp\n"
        "    mov %rsp, 120(%r11)\n"
        "    cmpl $0, 144(%r11)\n"
        "    je 1f\n"
        "    vzeroupper\n"
        "1:  mov 152(%r11), %rbx\n"
        "    mov 160(%r11), %rbp\n"
        "    mov 168(%r11), %r12\n"
        "    mov 176(%r11), %r13\n"
        "    mov 184(%r11), %r14\n"
        "    mov 192(%r11), %r15\n"
        "    call *(%r11)\n"
        "    lea ck_watch_state(%rip), %r11\n"
        "    mov %rbx, 64(%r11)\n"
        "    mov %rbp, 72(%r11)\n"
        "    mov %r12, 80(%r11)\n"
        "    mov %r13, 88(%r11)\n"
        "    mov %r14, 96(%r11)\n"
        "    mov %r15, 104(%r11)\n"
        "    mov %rsp, 112(%r11)\n"
        "    mov 120(%r11), %rsp\n"
        "    pushfq\n"
        "    popq 128(%r11)\n"
        "    cld\n"
        "    cmpl $0, 144(%r11)\n"
        "    je 2f\n"
        "    mov %rax, %r10\n"
        "    mov $1, %ecx\n"
        "    xgetbv\n"
        "    mov %eax, 136(%r11)\n"
        "    vzeroupper\n"
        "    mov %r10, %rax\n"
        "2:  mov 8(%r11), %rbx\n"
        "    mov 16(%r11), %rbp\n"
        "    mov 24(%r11), %r12\n"
        "    mov 32(%r11), %r13\n"
        "    mov 40(%r11), %r14\n"
        "    mov 48(%r11), %r15\n"
        "    mov 56(%r11), %rsp\n"
        "    ret\n"
        ".size ck_trampoline, . - ck_trampoline\n");

#elif defined(__aarch64__)

static const char *const names[] = {"x19", "x20", "x21", "x22", "x23", "x24", "x25",
                                    "x26", "x27", "x28", "x29", "d8",  "d9",  "d10",
                                    "d11", "d12", "d13", "d14", "d15"};
#define REGISTERS PLAB_ARRAY_LEN(names)

/* Read and written by the assembly, which knows the offsets. */
struct watch {
    uint64_t target;               /* 0 */
    uint64_t own[REGISTERS];       /* 8: the caller's */
    uint64_t stack_pointer;        /* 160 */
    uint64_t link;                 /* 168: the caller's x30 */
    uint64_t found[REGISTERS + 1]; /* 176: after the call, then the stack pointer */
    uint64_t known[REGISTERS];     /* 336: in the registers before the call */
};

__asm__(".text\n"
        ".globl ck_trampoline\n"
        ".hidden ck_trampoline\n"
        ".type ck_trampoline, %function\n"
        ".macro ck_registers op, base\n"
        "    \\op x19, x20, [x16, #\\base]\n"
        "    \\op x21, x22, [x16, #\\base + 16]\n"
        "    \\op x23, x24, [x16, #\\base + 32]\n"
        "    \\op x25, x26, [x16, #\\base + 48]\n"
        "    \\op x27, x28, [x16, #\\base + 64]\n"
        "    \\op d8, d9, [x16, #\\base + 88]\n"
        "    \\op d10, d11, [x16, #\\base + 104]\n"
        "    \\op d12, d13, [x16, #\\base + 120]\n"
        "    \\op d14, d15, [x16, #\\base + 136]\n"
        ".endm\n"
        "ck_trampoline:\n"
        "    adrp x16, ck_watch_state\n"
        "    add x16, x16, :lo12:ck_watch_state\n"
        "    ck_registers stp, 8\n"
        "    str x29, [x16, #88]\n"
        "    mov x17, sp\n"
        "    stp x17, x30, [x16, #160]\n"
        "    ck_registers ldp, 336\n"
        "    ldr x29, [x16, #416]\n"
        "    ldr x17, [x16]\n"
        "    blr x17\n"
        "    adrp x16, ck_watch_state\n"
        "    add x16, x16, :lo12:ck_watch_state\n"
        "    ck_registers stp, 176\n"
        "    str x29, [x16, #256]\n"
        "    mov x17, sp\n"
        "    str x17, [x16, #328]\n"
        "    ck_registers ldp, 8\n"
        "    ldr x29, [x16, #88]\n"
        "    ldp x17, x30, [x16, #160]\n"
        "    mov sp, x17\n"
        "    ret\n"
        ".size ck_trampoline, . - ck_trampoline\n");

#else
#error "checkasm does not know this architecture's calling convention"
#endif

extern struct watch ck_watch_state;
struct watch ck_watch_state;
static bool watching;
static const char *broken; /* the first thing that a call did not preserve */

#if defined(__x86_64__)

#define FLAG_DIRECTION (1u << 10)
/* Bits 128 to 255 and 256 to 511 of vector registers 0 to 15. */
#define XINUSE_UPPER_HALVES UINT64_C(0x44)

static const char *broken_state(void) {
    const struct watch *w = &ck_watch_state;
    if (w->found[REGISTERS] != w->stack_pointer) {
        return "the stack pointer";
    }
    if ((w->flags & FLAG_DIRECTION) != 0) {
        return "the direction flag";
    }
    return (w->in_use & XINUSE_UPPER_HALVES) != 0 ? "clean upper halves of vector registers" : NULL;
}

static void clean(float *unused) {
    (void)unused;
    __asm__ volatile("vzeroupper" ::: "memory");
}

static void dirty(float *unused) {
    (void)unused;
    __asm__ volatile("vcmptrue_uqps %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
}

/* Something for which the compiler takes 256-bit registers. */
__attribute__((target("avx"), noinline)) static void compiled(float *values) {
    __m256 x = _mm256_loadu_ps(values);
    _mm256_storeu_ps(values, _mm256_add_ps(x, x));
}

static bool leaves_dirty(void (*fn)(float *values)) {
    float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint32_t eax, edx;
    fn(values);
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(1) : "memory");
    clean(values);
    return (eax & XINUSE_UPPER_HALVES) != 0;
}

/* Not all processors and emulators have XINUSE or say when a state is clean; and a compiler that
 * does not optimise (gcc below -O2) leaves dirt in every function. */
bool ck_watch_sees_upper_halves(void) {
    uint32_t eax = 13, ebx, ecx = 1, edx;
    if ((plab_cpu_detect() & PLAB_CPU_AVX) == 0) {
        return false;
    }
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return (eax & 4) != 0 && !leaves_dirty(clean) && leaves_dirty(dirty) && !leaves_dirty(compiled);
}

#else

static const char *broken_state(void) {
    const struct watch *w = &ck_watch_state;
    return w->found[REGISTERS] != w->stack_pointer ? "the stack pointer" : NULL;
}

bool ck_watch_sees_upper_halves(void) {
    return false;
}

#endif

/* Looks at what the last call left. */
static void settle(void) {
    const struct watch *w = &ck_watch_state;
    for (size_t i = 0; broken == NULL && i < REGISTERS; i++) {
        if (w->found[i] != w->known[i]) {
            broken = names[i];
        }
    }
    if (broken == NULL) {
        broken = broken_state();
    }
}

static void expect_nothing(void) {
    struct watch *w = &ck_watch_state;
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < REGISTERS; i++) {
        w->known[i] = w->found[i] = UINT64_C(0xC5A1B7E300000001) + (i << 40);
    }
#if defined(__x86_64__)
    static int sees_upper_halves = -1;
    if (sees_upper_halves < 0) {
        sees_upper_halves = ck_watch_sees_upper_halves();
    }
    w->ask_in_use = (uint64_t)sees_upper_halves;
#endif
}

void ck_watch_begin(void) {
    expect_nothing();
    broken = NULL;
    watching = true;
}

const char *ck_watch_end(void) {
    settle();
    watching = false;
    return broken;
}

plab_any_fn *ck_watch(plab_any_fn *fn) {
    if (!watching) {
        return fn;
    }
    settle();
    expect_nothing();
    ck_watch_state.target = (uint64_t)(uintptr_t)fn;
    return ck_trampoline;
}
