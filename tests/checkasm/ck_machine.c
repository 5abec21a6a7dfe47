/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/perf_event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/attr.h"
#include "tests/checkasm/checkasm.h"

#if defined(__x86_64__)
#include <x86intrin.h>

/* MXCSR: rounding in bits 13 and 14, flush-to-zero bit 15, denormals-are-zero bit 6, sticky flags
 * in bits 0 to 5. Source: Intel SDM volume 1, section 10.2.3. */
#define FP_STICKY UINT64_C(0x3F)
static const uint64_t fp_mode_bits[CK_FP_MODES] = {0, 0x2000, 0x4000, 0x6000, 0xE040};
#define FP_MODE_MASK UINT64_C(0xE040)

static uint64_t fp_read(void) {
    return _mm_getcsr();
}

static void fp_write(uint64_t word) {
    _mm_setcsr((unsigned)word);
}

#elif defined(__aarch64__)

/* FPCR: rounding in bits 22 and 23 (1 is up, 2 down), flush-to-zero bit 24; its exception flags
 * live in another register. Source: Arm ARM, FPCR. */
#define FP_STICKY UINT64_C(0)
static const uint64_t fp_mode_bits[CK_FP_MODES] = {0, 0x800000, 0x400000, 0xC00000, 0x1C00000};
#define FP_MODE_MASK UINT64_C(0x1C00000)

static uint64_t fp_read(void) {
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
}

static void fp_write(uint64_t word) {
    __asm__ volatile("msr fpcr, %0" : : "r"(word));
}

#else
#error "checkasm does not know this architecture's FP control word"
#endif

const char *ck_fp_mode_name(unsigned mode) {
    static const char *const names[CK_FP_MODES] = {
        "rounding to nearest",
        "rounding down",
        "rounding up",
        "rounding to zero",
        "rounding to zero, denormals flushed",
    };
    return names[mode];
}

uint64_t ck_fp_get(void) {
    return fp_read() & ~FP_STICKY;
}

void ck_fp_set_mode(unsigned mode) {
    fp_write((fp_read() & ~FP_MODE_MASK) | fp_mode_bits[mode]);
}

#define ALTERNATE_STACK_BYTES 65536

static const int caught_signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, CK_SIGNAL_TIME_UP};
static sigjmp_buf call_env;
static volatile sig_atomic_t call_running;

static void on_signal(int signal_number) {
    if (call_running) {
        call_running = 0;
        siglongjmp(call_env, signal_number);
    }
    if (signal_number == CK_SIGNAL_TIME_UP) {
        return; /* a moment after the call had ended */
    }
    /* A fault of checkasm itself: let it end the program in the usual way. */
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void ck_machine_init(void) {
    static char stack_bytes[ALTERNATE_STACK_BYTES];
    /* A broken kernel may have lost the stack. */
    stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof stack_bytes};
    sigaltstack(&stack, NULL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_NODEFER | SA_ONSTACK;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(caught_signals); i++) {
        sigaction(caught_signals[i], &action, NULL);
    }
}

static unsigned call_limit_ms = CK_LIMIT_MS;

void ck_set_limit(unsigned limit_ms) {
    call_limit_ms = limit_ms;
}

/* CPU time of this program; 0 ms stops the clock. */
static void start_clock(unsigned limit_ms) {
    struct itimerval limit = {
        .it_value = {.tv_sec = limit_ms / 1000, .tv_usec = (suseconds_t)(limit_ms % 1000) * 1000}};
    setitimer(ITIMER_PROF, &limit, NULL);
}

struct ck_outcome ck_guarded_call(const struct ck_kernel *kernel, plab_any_fn *fn,
                                  const struct ck_call *call, unsigned mode) {
    struct ck_outcome outcome = {0, true, NULL};
    uint64_t clean = fp_read() & ~FP_STICKY;
    int signal_number = sigsetjmp(call_env, 1);

    if (signal_number == 0) {
        ck_fp_set_mode(mode);
        uint64_t before = ck_fp_get();
        ck_watch_begin();
        start_clock(call_limit_ms);
        call_running = 1;
        kernel->invoke(ck_watch(fn), call);
        call_running = 0;
        outcome.fp_preserved = ck_fp_get() == before;
    } else {
        outcome.signal = signal_number;
    }
    start_clock(0);
    outcome.broken = ck_watch_end();
    fp_write(clean);
    return outcome;
}

/* Core cycles of this thread in user mode; -1 when the kernel says no. */
static int open_cycle_counter(void) {
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_HARDWARE;
    attr.config = PERF_COUNT_HW_CPU_CYCLES;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static int cycle_counter(void) {
    static int fd = -2;
    if (fd == -2) {
        fd = open_cycle_counter();
    }
    return fd;
}

const char *ck_cycles_unit(void) {
#if defined(__x86_64__)
    return cycle_counter() >= 0 ? "cycles" : "TSC ticks";
#else
    return cycle_counter() >= 0 ? "cycles" : "(no counter)";
#endif
}

uint64_t ck_cycles(void) {
    uint64_t count = 0;
    if (cycle_counter() >= 0) {
        return read(cycle_counter(), &count, sizeof count) == sizeof count ? count : 0;
    }
#if defined(__x86_64__)
    count = __rdtsc();
#endif
    return count;
}
