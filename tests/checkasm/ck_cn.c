/* SPDX-License-Identifier: BSD-3-Clause */
/* CryptoNight's kernels. */
#include <string.h>

#include "base/bytes.h"
#include "tests/checkasm/checkasm.h"

#define STATE_BYTES 200
#define PIECE_BYTES 128
#define BENCH_PAD_BYTES ((size_t)2 << 20)
#define BENCH_ITERATIONS 4096

enum { STATE, PAD };

static void set_state_and_pad(struct ck_call *call, enum ck_use state_use, enum ck_use pad_use,
                              size_t pad_bytes) {
    call->count = 2;
    call->buffer[STATE] = (struct ck_buffer){"state", STATE_BYTES, sizeof(uint64_t), state_use};
    call->buffer[PAD] = (struct ck_buffer){"pad", pad_bytes, 64, pad_use};
}

static size_t choose_pad_bytes(struct plab_prng *rng, bool bench) {
    static const uint8_t edges[] = {1, 2, 3, 4, 7, 8, 9};
    if (bench) {
        return BENCH_PAD_BYTES;
    }
    if (plab_prng_below(rng, 2) == 0) {
        return PIECE_BYTES * edges[plab_prng_below(rng, sizeof edges)];
    }
    return PIECE_BYTES * (1 + plab_prng_below(rng, CK_BYTES_MAX / PIECE_BYTES));
}

static void shape_explode(struct ck_call *call, struct plab_prng *rng, bool bench) {
    set_state_and_pad(call, CK_IN, CK_OUT, choose_pad_bytes(rng, bench));
}

static void invoke_explode(plab_any_fn *fn, const struct ck_call *call) {
    const uint64_t *state = (const void *)call->at[STATE];
    ((plab_cn_explode_fn *)fn)(state, call->at[PAD], call->buffer[PAD].bytes);
}

static void shape_implode(struct ck_call *call, struct plab_prng *rng, bool bench) {
    set_state_and_pad(call, CK_INOUT, CK_IN, choose_pad_bytes(rng, bench));
}

static void invoke_implode(plab_any_fn *fn, const struct ck_call *call) {
    uint64_t *state = (void *)call->at[STATE];
    ((plab_cn_implode_fn *)fn)(state, call->at[PAD], call->buffer[PAD].bytes);
}

/* Small pads are the hard ones: both blocks of a round often fall into one 64-byte line. */
static void shape_loop(struct ck_call *call, struct plab_prng *rng, bool bench) {
    static const uint32_t masks[] = {0x30, 0x70, 0xF0, 0x3F0, 0xFF0, 0x1FF0};
    static const uint32_t edges[] = {1, 2, 3, 4, 5};
    if (bench) {
        call->mask = BENCH_PAD_BYTES - 16;
        call->iterations = BENCH_ITERATIONS;
    } else {
        call->mask = masks[plab_prng_below(rng, PLAB_ARRAY_LEN(masks))];
        call->iterations = plab_prng_below(rng, 2) == 0
                               ? edges[plab_prng_below(rng, PLAB_ARRAY_LEN(edges))]
                               : 1 + (uint32_t)plab_prng_below(rng, 150);
    }
    call->tweak = plab_prng_next(rng);
    set_state_and_pad(call, CK_IN, CK_INOUT, (size_t)call->mask + 16);
}

static void shape_loop_r(struct ck_call *call, struct plab_prng *rng, bool bench) {
    shape_loop(call, rng, bench);
    plab_cnr_generate(&call->program, plab_prng_below(rng, 2) == 0 ? plab_prng_below(rng, 4000000)
                                                                   : plab_prng_next(rng));
}

static void invoke_loop(plab_any_fn *fn, const struct ck_call *call) {
    struct plab_cn_loop_args args = {
        .state = (const void *)call->at[STATE],
        .pad = call->at[PAD],
        .iterations = call->iterations,
        .mask = call->mask,
        .tweak = call->tweak,
        .program = &call->program,
    };
    ((plab_cn_loop_fn *)fn)(&args);
}

/* A zero block after ShiftRows, SubBytes (0 becomes 0x63) and MixColumns (which keeps a column of
 * equal bytes) is this in both words, so over a pad of zeros the first round's c is a ^ this. */
#define ZERO_BLOCK_ROUND UINT64_C(0x6363636363636363)

/* n around a step of cn/2's root: the root is r from n = ceil((r + 2^33)^2 / 4) - 2^64 on. */
static uint64_t choose_root_edge(struct plab_prng *rng) {
    uint64_t r = plab_prng_below(rng, UINT64_C(3558067407) + 1) + (UINT64_C(1) << 33);
    unsigned __int128 square = (unsigned __int128)r * r;
    uint64_t step = (uint64_t)((square + 3) >> 2); /* the 2^64 falls off */
    return step + plab_prng_below(rng, 5) - 2;
}

/* A dividend around a multiple of `divisor`, often with a quotient of 33 bits. */
static uint64_t choose_dividend(struct plab_prng *rng, uint32_t divisor) {
    uint64_t quotient = UINT64_MAX / divisor;
    if (plab_prng_below(rng, 2) == 0) {
        quotient = plab_prng_below(rng, quotient);
    }
    return plab_prng_below(rng, 8) == 0 ? UINT64_MAX
                                        : quotient * divisor + plab_prng_below(rng, 3) - 1;
}

/* Two rounds of which the first divides and takes the root of chosen numbers, and the second shows
 * the results. Without this, the steps where the floating-point estimate is off are met only once
 * in some hundred thousand rounds. */
static const char *craft_v2(struct ck_call *call, uint8_t *const content[], struct plab_prng *rng) {
    bool root = plab_prng_below(rng, 2) == 0;
    if (plab_prng_below(rng, 4) == 0) {
        return NULL;
    }
    uint64_t c0 = root ? choose_root_edge(rng) : plab_prng_next(rng);
    /* c1 = 0 makes the quotient 0, and c0 alone goes under the root. */
    uint64_t c1 = root ? 0 : choose_dividend(rng, (uint32_t)c0 | UINT32_C(0x80000001));
    uint64_t state[STATE_BYTES / 8] = {c0 ^ ZERO_BLOCK_ROUND, c1 ^ ZERO_BLOCK_ROUND};
    memset(content[PAD], 0, call->buffer[PAD].bytes);
    memcpy(content[STATE], state, sizeof state);
    call->iterations = 2;
    return root ? "step of the root" : "edge of the division";
}

const struct ck_kernel ck_cn_explode = {shape_explode, NULL, invoke_explode};
const struct ck_kernel ck_cn_implode = {shape_implode, NULL, invoke_implode};
const struct ck_kernel ck_cn_loop_v0 = {shape_loop, NULL, invoke_loop};
const struct ck_kernel ck_cn_loop_v1 = {shape_loop, NULL, invoke_loop};
const struct ck_kernel ck_cn_loop_v2 = {shape_loop, craft_v2, invoke_loop};
const struct ck_kernel ck_cn_loop_r = {shape_loop_r, NULL, invoke_loop};
