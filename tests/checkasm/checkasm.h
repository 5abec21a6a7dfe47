/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * checkasm: every implementation of every kernel against the portable one, bit for bit.
 *
 * A kernel is described once (struct ck_kernel): which buffers it has and how it is called. The
 * engine knows nothing of hashes; it fills buffers, places them, calls, compares. It first proves
 * on deliberately broken kernels that it can fail (ck_selftest).
 *
 *   ck_main.c    options, list, the run          ck_engine.c   one candidate, many rounds
 *   ck_memory.c  guard pages, canaries, patterns ck_machine.c  signals, time, FP control, cycles
 *   ck_watch.c   the caller's registers          ck_selftest.c the broken kernels
 *   ck_cn.c ck_rx.c ck_rx_machine.c the kernels  ck_bench.c    paired timing
 */
#ifndef PLAB_TESTS_CHECKASM_H
#define PLAB_TESTS_CHECKASM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/dispatch.h"
#include "base/prng.h"
#include "pow/cnr_program.h"

/* ---- what a kernel looks like ---- */

enum ck_use {
    CK_IN,    /* must be unchanged after the call */
    CK_OUT,   /* written; what was there before does not matter */
    CK_INOUT, /* read and written */
};

struct ck_buffer {
    const char *name;
    size_t bytes; /* a multiple of `align`, at most CK_ARENA_BYTES in a check */
    size_t align; /* 1 .. 64, what the kernel's contract promises and not a byte more */
    enum ck_use use;
};

#define CK_BUFFERS_MAX 3
#define CK_ARENA_BYTES 32768
#define CK_BYTES_MAX 8192 /* what most kernels stay below */

/* One call: which buffers, where they are now, and the arguments that are not buffers. */
struct ck_call {
    unsigned count;
    struct ck_buffer buffer[CK_BUFFERS_MAX];
    uint8_t *at[CK_BUFFERS_MAX];
    uint32_t iterations, mask;       /* CryptoNight loops */
    uint64_t tweak;                  /* cn_loop_v1 */
    struct plab_cnr_program program; /* cn_loop_r */
    struct plab_argon2_run run;      /* argon2_fill; its memory is buffer 0 */
};

struct ck_kernel {
    /* Sets buffers and arguments: for a check small ones, edge sizes often; for a benchmark those
     * of real use. */
    void (*shape)(struct ck_call *call, struct plab_prng *rng, bool bench);
    /* Optional: changes some rounds' contents to reach corners that random data does not. Returns
     * a name for reports, or NULL when it changed nothing. */
    const char *(*craft)(struct ck_call *call, uint8_t *const content[], struct plab_prng *rng);
    void (*invoke)(plab_any_fn *fn, const struct ck_call *call);
};

/* The description of a kernel of pow/kernel.h. */
const struct ck_kernel *ck_kernel(enum plab_kernel_id id);

extern const struct ck_kernel ck_cn_explode, ck_cn_implode, ck_cn_loop_v0, ck_cn_loop_v1,
    ck_cn_loop_v2, ck_cn_loop_r;
extern const struct ck_kernel ck_keccak_f1600, ck_rx_fill_1r, ck_rx_fill_4r, ck_rx_hash_1r,
    ck_rx_turn_1r, ck_rx_mix_v2, ck_rx_items_make, ck_rx_step_make, ck_rx_loop_make, ck_argon2_fill;

/* ---- engine ---- */

#define CK_WHY_LEN 384

/* Runs `fn` against `reference` for `rounds` rounds of inputs from `seed`. True if all agree; else
 * `why` says what differs and in which circumstances. */
bool ck_check(const struct ck_kernel *kernel, plab_any_fn *reference, plab_any_fn *fn,
              uint64_t seed, unsigned rounds, char why[CK_WHY_LEN]);

/* Checks the engine itself; the counts of passed and failed are added to the two arguments. */
void ck_selftest(uint64_t seed, unsigned *passed, unsigned *failed);

/* Times `fn` against `reference` in pairs and prints one line. */
void ck_bench(const struct ck_kernel *kernel, plab_any_fn *reference, plab_any_fn *fn,
              const char *name, uint64_t seed);

/* Prints the head of the table that ck_bench() fills. */
void ck_bench_head(void);

/* ---- memory ---- */

enum ck_place {
    CK_MIDDLE,   /* a canary on each side, no more alignment than promised */
    CK_AT_END,   /* a canary before, a page without access right after the last byte */
    CK_AT_START, /* a page without access right before the first byte, a canary after */
    CK_PLACE_COUNT
};

const char *ck_place_name(enum ck_place place);

/* Memory for one buffer of up to CK_ARENA_BYTES bytes, between two pages without access. */
struct ck_arena {
    uint8_t *data;
    size_t data_bytes;
};

/* Ends the program with a message when there is no memory. */
void ck_arena_init(struct ck_arena *arena);
void ck_arena_free(struct ck_arena *arena);

/* Where `buffer` goes for `place`, with fresh canaries around it; misaligned as far as its contract
 * allows in CK_MIDDLE. */
uint8_t *ck_arena_place(struct ck_arena *arena, const struct ck_buffer *buffer, enum ck_place place,
                        struct plab_prng *rng);

/* Offset of a damaged canary byte from the buffer's start (negative before it), or 0 if whole. */
ptrdiff_t ck_arena_damage(const struct ck_arena *arena, const uint8_t *at, size_t bytes);

enum ck_pattern {
    CK_RANDOM,
    CK_ZEROS,
    CK_ONES,
    CK_ONE_HOT,  /* one bit set in the whole buffer */
    CK_COUNTING, /* 0, 1 .. 250, 0 .. */
    CK_PATTERN_COUNT
};

const char *ck_pattern_name(enum ck_pattern pattern);
void ck_pattern_fill(enum ck_pattern pattern, uint8_t *out, size_t bytes, struct plab_prng *rng);

/* ---- machine ---- */

/* Rounding modes and flush-to-zero, in this machine's own control word. */
#define CK_FP_MODES 5
const char *ck_fp_mode_name(unsigned mode);

/* The FP control word without its sticky exception flags. */
uint64_t ck_fp_get(void);
/* Mode 0 is the default one. */
void ck_fp_set_mode(unsigned mode);

/* Ends a call that has used up its CPU time: an emulated or busy machine is slow, but never by so
 * much. */
#define CK_SIGNAL_TIME_UP SIGPROF
#define CK_LIMIT_MS 20000

struct ck_outcome {
    int signal;         /* 0, or the signal that ended the call */
    bool fp_preserved;  /* control word after the call as before */
    const char *broken; /* what else of the caller's was not preserved ("rbx"), or NULL */
};

/* Makes SIGILL, SIGSEGV, SIGBUS and SIGFPE of a guarded call, and too long a one, an outcome
 * instead of the program's end. To be called once. */
void ck_machine_init(void);

/* Calls in FP mode `mode`; afterwards the default mode is on again. */
struct ck_outcome ck_guarded_call(const struct ck_kernel *kernel, plab_any_fn *fn,
                                  const struct ck_call *call, unsigned mode);

/* For a kernel's `invoke` that calls what the kernel has made: returns a function to call instead
 * of `fn`, at once and with the same arguments (six at most), which watches the registers that
 * belong to the caller, the stack pointer and, on x86-64, the direction flag and whether the upper
 * halves of vector registers are clean. In a benchmark it is `fn` itself. */
plab_any_fn *ck_watch(plab_any_fn *fn);

/* Around a guarded call; the end says what was not preserved, or NULL. */
void ck_watch_begin(void);
const char *ck_watch_end(void);

/* True if this machine tells whether upper halves are clean. */
bool ck_watch_sees_upper_halves(void);

/* CPU time that a guarded call may take from now on; CK_LIMIT_MS at first. */
void ck_set_limit(unsigned limit_ms);

/* A cycle counter: core cycles where the kernel lets us count them, else the time-stamp counter on
 * x86-64, else none. */
const char *ck_cycles_unit(void);
uint64_t ck_cycles(void);

#endif
