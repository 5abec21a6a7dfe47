/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RandomX programs: compilers against the interpreter. A round has 1 to 4 machines with programs of
 * random words, of which half get directed operands: equal registers, r5, and immediates at which
 * sign extension, negation or a reciprocal go wrong.
 */
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "pow/rx_fpu.h"
#include "pow/rx_machine.h"
#include "tests/checkasm/checkasm.h"

#define LANES PLAB_RX_LOOP_LANES_MAX
#define PAD_BYTES (CK_BYTES_MAX / LANES)
#define BENCH_LANES 2
#define BENCH_PAD_BYTES ((size_t)2 << 20)
#define BENCH_DATASET_BYTES ((size_t)64 << 20)

/* What a machine is given and what it leaves behind, as bytes in a buffer. */
struct state {
    uint64_t r[8];
    uint64_t fe[16];
    uint32_t rounding, ma, mx, read, line[2];
    uint32_t control; /* word, which a program leaves as it had it */
};

static struct plab_rx_params params;
static struct plab_rx_program programs[LANES];
static struct plab_rx_hints hints;
static struct plab_codemem code;

static const uint32_t directed[] = {0,          1,          2,          3,          0x7FFFFFFF,
                                    0x80000000, 0x80000001, 0xFFFFFFFF, 0xFFFFFFFE, 0x40000000,
                                    64,         63,         0x00010000, 0xFFFF8000};

static void direct_word(uint8_t *word, struct plab_prng *rng) {
    if (plab_prng_below(rng, 2) == 0) {
        uint32_t imm = directed[plab_prng_below(rng, sizeof directed / sizeof *directed)];
        memcpy(word + 4, &imm, 4);
    }
    if (plab_prng_below(rng, 4) == 0) {
        word[1] = (uint8_t)(plab_prng_below(rng, 2) == 0 ? 5 : word[1]);
        word[2] = (uint8_t)(plab_prng_below(rng, 2) == 0 ? word[1] : word[2]);
    }
    if (plab_prng_below(rng, 32) == 0) {
        word[0] = 239; /* CFROUND, which is rare otherwise */
    }
}

static void make_programs(struct plab_prng *rng, unsigned count, bool bench) {
    static uint8_t all[LANES][PLAB_RX_PROGRAM_BYTES(PLAB_RX_PROGRAM_MAX)];
    for (unsigned i = 0; i < count; i++) {
        uint8_t *bytes = all[i];
        plab_prng_fill(rng, bytes, sizeof all[i]);
        if (!bench && plab_prng_below(rng, 2) == 0) {
            for (uint32_t k = 0; k < params.program_size; k++) {
                direct_word(bytes + PLAB_RX_PROGRAM_BYTES(k), rng);
            }
        }
        plab_rx_program_load(&programs[i], &params, bytes);
    }
}

static void make_params(struct plab_prng *rng, bool bench) {
    params = plab_rx_params_0;
    params.v2 = !bench && plab_prng_below(rng, 2) == 0;
    if (bench) {
        params.dataset_base_bytes = params.dataset_extra_bytes = BENCH_DATASET_BYTES / 2;
        return;
    }
    params.program_size = 8 * (uint32_t)(1 + plab_prng_below(rng, PLAB_RX_PROGRAM_MAX / 8));
    params.program_iterations = (uint32_t)(1 + plab_prng_below(rng, 12));
    params.l1_bytes = 512;
    params.l2_bytes = 1024;
    params.l3_bytes = PAD_BYTES;
    params.dataset_base_bytes = params.dataset_extra_bytes = CK_BYTES_MAX / 2;
}

/* QEMU's emulation reads 16 bytes for the 8 of CVTDQ2PD (seen with 7.2; a processor does not), so
 * that there the end of a scratchpad can't be at a page without access. */
static size_t slack_bytes(void) {
#if defined(__x86_64__)
    unsigned eax, vendor[3];
    __cpuid(0x40000000, eax, vendor[0], vendor[1], vendor[2]);
    return memcmp(vendor, "TCGTCGTCGTCG", sizeof vendor) == 0 ? 64 : 0;
#else
    return 0;
#endif
}

static void shape(struct ck_call *call, struct plab_prng *rng, bool bench) {
    const unsigned count = bench ? BENCH_LANES : 1 + (unsigned)plab_prng_below(rng, LANES);
    hints = (struct plab_rx_hints){PLAB_PREFETCH_NTA, PLAB_PREFETCH_T0};
    if (!bench) { /* they change nothing but the time */
        hints.item = (uint8_t)plab_prng_below(rng, PLAB_PREFETCH_OFF + 1);
        hints.lines = (uint8_t)plab_prng_below(rng, PLAB_PREFETCH_OFF + 1);
    }
    make_params(rng, bench);
    make_programs(rng, count, bench);
    call->count = 3;
    call->buffer[0] = (struct ck_buffer){
        "scratchpads", count * (size_t)params.l3_bytes + slack_bytes(), 64, CK_INOUT};
    call->buffer[1] = (struct ck_buffer){"registers", count * sizeof(struct state), 1, CK_INOUT};
    call->buffer[2] = (struct ck_buffer){
        "dataset", (size_t)(params.dataset_base_bytes + params.dataset_extra_bytes), 64, CK_IN};
}

static unsigned load(struct plab_rx_machine *machines, const struct ck_call *call) {
    const unsigned count = (unsigned)(call->buffer[1].bytes / sizeof(struct state));
    memset(machines, 0, LANES * sizeof *machines);
    for (unsigned i = 0; i < count; i++) {
        struct plab_rx_machine *m = &machines[i];
        struct state state;
        memcpy(&state, call->at[1] + i * sizeof state, sizeof state);
        m->scratchpad = call->at[0] + i * (size_t)params.l3_bytes;
        m->params = &params;
        m->mix_v2 = plab_rx_mix_v2_c;
        m->hints = hints;
        plab_rx_fpu_controls(m->control);
        plab_rx_machine_load(m, &programs[i]);
        m->rounding = state.rounding & 3;
        memcpy(m->r, state.r, sizeof state.r);
    }
    if (code.bytes == 0 &&
        plab_codemem_map(&code, LANES * PLAB_RX_MACHINE_CODE_BYTES, NULL) != PLAB_OK) {
        abort(); /* without executable memory there is nothing to check */
    }
    return count;
}

/* `left` is the control word after the last program. */
static void save(const struct plab_rx_machine *machines, unsigned count, uint32_t left,
                 const struct ck_call *call) {
    for (unsigned i = 0; i < count; i++) {
        const struct plab_rx_machine *m = &machines[i];
        struct state state = {.rounding = m->rounding,
                              .ma = m->ma,
                              .mx = m->mx,
                              .line = {m->line[0], m->line[1]},
                              .control = left};
        memcpy(state.r, m->r, sizeof state.r);
        memcpy(state.fe, m->fe, sizeof state.fe);
        memcpy(call->at[1] + i * sizeof state, &state, sizeof state);
    }
}

static void invoke_loop(plab_any_fn *fn, const struct ck_call *call) {
    static struct plab_rx_machine machines[LANES];
    const unsigned count = load(machines, call);
    plab_rx_loop_fn *loop = NULL;
    if (plab_codemem_open(&code)) {
        loop = ((plab_rx_loop_make_fn *)fn)(machines, count, &code);
    }
    if (!plab_codemem_close(&code) || loop == NULL) {
        abort();
    }
    loop = (plab_rx_loop_fn *)ck_watch((plab_any_fn *)loop);
    const uint64_t before = plab_rx_fpu_save();
    loop(machines, count, call->at[2]);
    const uint32_t left = (uint32_t)ck_fp_get();
    plab_rx_fpu_restore(before);
    save(machines, count, left, call);
}

static void invoke_steps(plab_any_fn *fn, const struct ck_call *call) {
    static struct plab_rx_machine machines[LANES];
    const unsigned count = load(machines, call);
    bool made = plab_codemem_open(&code) && ((plab_rx_step_make_fn *)fn)(machines, count, &code);
    if (!plab_codemem_close(&code) || !made) {
        abort();
    }
    const uint64_t before = plab_rx_fpu_save();
    for (uint32_t i = 0; i < params.program_iterations; i++) {
        for (unsigned k = 0; k < count; k++) {
            struct plab_rx_machine *m = &machines[k];
            ((plab_rx_step_fn *)ck_watch((plab_any_fn *)m->step))(m);
            plab_rx_machine_finish(m, call->at[2] + plab_rx_item_number(m, m->read) * 64);
        }
    }
    const uint32_t left = (uint32_t)ck_fp_get();
    plab_rx_fpu_restore(before);
    save(machines, count, left, call);
}

const struct ck_kernel ck_rx_step_make = {shape, NULL, invoke_steps};
const struct ck_kernel ck_rx_loop_make = {shape, NULL, invoke_loop};
