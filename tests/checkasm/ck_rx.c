/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernels of RandomX, and Keccak. */
#include <stdlib.h>
#include <string.h>

#include "pow/argon2_run.h"
#include "pow/rx_cache.h"
#include "tests/checkasm/checkasm.h"

#define LINE_BYTES 64
#define BENCH_PAD_BYTES ((size_t)2 << 20)

/* Half of the time one of the first few multiples of a line, else any. */
static size_t choose_bytes(struct plab_prng *rng, bool bench) {
    if (bench) {
        return BENCH_PAD_BYTES;
    }
    uint64_t lines_max = plab_prng_below(rng, 2) == 0 ? 9 : CK_BYTES_MAX / LINE_BYTES;
    return LINE_BYTES * (1 + plab_prng_below(rng, lines_max));
}

static void shape_fill(struct ck_call *call, struct plab_prng *rng, bool bench) {
    call->count = 2;
    call->buffer[0] = (struct ck_buffer){"state", LINE_BYTES, 1, CK_INOUT};
    call->buffer[1] = (struct ck_buffer){"out", choose_bytes(rng, bench), 64, CK_OUT};
}

static void invoke_fill_1r(plab_any_fn *fn, const struct ck_call *call) {
    ((plab_rx_fill_1r_fn *)fn)(call->at[0], call->at[1], call->buffer[1].bytes);
}

static void shape_fill_4r(struct ck_call *call, struct plab_prng *rng, bool bench) {
    shape_fill(call, rng, bench);
    call->count = 3;
    call->buffer[2] = (struct ck_buffer){"keys", 8 * 16, 8, CK_IN};
}

static void invoke_fill_4r(plab_any_fn *fn, const struct ck_call *call) {
    const uint64_t(*keys)[2] = (const void *)call->at[2];
    ((plab_rx_fill_4r_fn *)fn)(keys, call->at[0], call->at[1], call->buffer[1].bytes);
}

static void shape_hash(struct ck_call *call, struct plab_prng *rng, bool bench) {
    call->count = 2;
    call->buffer[0] = (struct ck_buffer){"in", choose_bytes(rng, bench), 64, CK_IN};
    call->buffer[1] = (struct ck_buffer){"out", LINE_BYTES, 1, CK_OUT};
}

static void invoke_hash(plab_any_fn *fn, const struct ck_call *call) {
    ((plab_rx_hash_1r_fn *)fn)(call->at[0], call->buffer[0].bytes, call->at[1]);
}

#define TURNS_MAX 5

static void shape_turn(struct ck_call *call, struct plab_prng *rng, bool bench) {
    size_t count = bench ? 2 : 1 + plab_prng_below(rng, TURNS_MAX);
    size_t pad_bytes = bench ? BENCH_PAD_BYTES
                             : LINE_BYTES * (1 + plab_prng_below(rng, CK_BYTES_MAX / 64 / count));
    call->count = 3;
    call->buffer[0] = (struct ck_buffer){"states", LINE_BYTES * count, 1, CK_INOUT};
    call->buffer[1] = (struct ck_buffer){"pads", pad_bytes * count, 64, CK_INOUT};
    call->buffer[2] = (struct ck_buffer){"hashes", LINE_BYTES * count, 1, CK_OUT};
}

static void invoke_turn(plab_any_fn *fn, const struct ck_call *call) {
    struct plab_rx_turn turns[TURNS_MAX];
    size_t count = call->buffer[0].bytes / LINE_BYTES;
    size_t pad_bytes = call->buffer[1].bytes / count;
    for (size_t i = 0; i < count; i++) {
        turns[i].pad = call->at[1] + i * pad_bytes;
        memcpy(turns[i].state, call->at[0] + LINE_BYTES * i, LINE_BYTES);
    }
    ((plab_rx_turn_1r_fn *)fn)(turns, (unsigned)count, pad_bytes);
    for (size_t i = 0; i < count; i++) {
        memcpy(call->at[0] + LINE_BYTES * i, turns[i].state, LINE_BYTES);
        memcpy(call->at[2] + LINE_BYTES * i, turns[i].hash, LINE_BYTES);
    }
}

/* ---- dataset items, from a small cache in a buffer ---- */

#define ITEMS_MAX (CK_BYTES_MAX / PLAB_RX_ITEM_BYTES)
#define ITEMS_CODE_BYTES ((size_t)1 << 20)
#define BENCH_CACHE_BYTES ((size_t)64 << 20)

static const struct plab_rx_params items_params = {.cache_accesses = PLAB_RX_CACHE_ACCESSES_MAX};
static struct plab_rx_cache items_cache = {.params = &items_params};

/* A program that no generator makes: any instruction on any registers, constants from the corners.
 * A register that is subtracted from itself and then gets a constant takes a corner further. */
static void direct_program(struct plab_rx_ss_program *out, struct plab_prng *rng) {
    static const uint32_t corner[] = {0,          1,          2,          0x7FFFFFFF,
                                      0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF};
    out->size = 1 + (uint32_t)plab_prng_below(rng, 100);
    out->address_reg = (uint8_t)plab_prng_below(rng, 8);
    for (uint32_t i = 0; i < out->size; i++) {
        struct plab_rx_ss_instr *in = &out->instr[i];
        in->kind = (uint8_t)plab_prng_below(rng, PLAB_RX_SS_KIND_COUNT);
        in->dst = (uint8_t)plab_prng_below(rng, 8);
        in->src = (uint8_t)plab_prng_below(rng, 8);
        in->mod = (uint8_t)plab_prng_below(rng, 256);
        in->imm32 = corner[plab_prng_below(rng, sizeof corner / sizeof corner[0])];
        in->operand = (uint64_t)(int64_t)(int32_t)in->imm32;
        if (in->kind == PLAB_RX_SS_IROR_C) {
            in->imm32 = 1 + (uint32_t)plab_prng_below(rng, 63);
        } else if (in->kind == PLAB_RX_SS_IMUL_RCP) {
            in->operand = plab_rx_reciprocal(in->imm32 | 3);
        } else if (plab_prng_below(rng, 8) == 0) {
            in->kind = PLAB_RX_SS_ISUB_R;
            in->src = in->dst;
        }
    }
}

static void shape_items(struct ck_call *call, struct plab_prng *rng, bool bench) {
    struct plab_rx_blake_gen gen;
    uint8_t key[32];
    size_t count = bench ? 256 : 1 + plab_prng_below(rng, ITEMS_MAX);
    size_t memory_bytes = bench ? BENCH_CACHE_BYTES : CK_BYTES_MAX;
    plab_prng_fill(rng, key, sizeof key);
    plab_rx_blake_gen_init(&gen, key, sizeof key);
    for (uint32_t i = 0; i < PLAB_RX_CACHE_ACCESSES_MAX; i++) {
        plab_rx_ss_generate(&items_cache.program[i], &gen, PLAB_RX_SS_LATENCY_MAX);
        if (!bench && plab_prng_below(rng, 2) == 0) {
            direct_program(&items_cache.program[i], rng);
        }
    }
    items_cache.line_mask = memory_bytes / PLAB_RX_ITEM_BYTES - 1;
    call->count = 3;
    call->buffer[0] = (struct ck_buffer){"cache", memory_bytes, 64, CK_IN};
    call->buffer[1] = (struct ck_buffer){"numbers", 8 * count, 8, CK_IN};
    call->buffer[2] = (struct ck_buffer){"out", PLAB_RX_ITEM_BYTES * count, 8, CK_OUT};
}

static void invoke_items(plab_any_fn *fn, const struct ck_call *call) {
    struct plab_codemem *code = &items_cache.code;
    plab_rx_items_fn *items = NULL;
    if (code->bytes == 0 && plab_codemem_map(code, ITEMS_CODE_BYTES, NULL) != PLAB_OK) {
        abort(); /* without executable memory there is nothing to check */
    }
    items_cache.memory = (void *)call->at[0];
    if (plab_codemem_open(code)) {
        items =
            ((plab_rx_items_make_fn *)fn)(items_cache.program, PLAB_RX_CACHE_ACCESSES_MAX, code);
    }
    if (!plab_codemem_close(code) || items == NULL) {
        abort();
    }
    items = (plab_rx_items_fn *)ck_watch((plab_any_fn *)items);
    items(&items_cache, (const void *)call->at[1], call->buffer[1].bytes / 8, call->at[2]);
}

static void shape_mix(struct ck_call *call, struct plab_prng *rng, bool bench) {
    (void)rng, (void)bench;
    call->count = 2;
    call->buffer[0] = (struct ck_buffer){"f", LINE_BYTES, 16, CK_INOUT};
    call->buffer[1] = (struct ck_buffer){"e", LINE_BYTES, 16, CK_IN};
}

static void invoke_mix(plab_any_fn *fn, const struct ck_call *call) {
    ((plab_rx_mix_v2_fn *)fn)(call->at[0], call->at[1]);
}

static void shape_keccak(struct ck_call *call, struct plab_prng *rng, bool bench) {
    (void)rng, (void)bench;
    call->count = 1;
    call->buffer[0] = (struct ck_buffer){"state", 200, sizeof(uint64_t), CK_INOUT};
}

static void invoke_keccak(plab_any_fn *fn, const struct ck_call *call) {
    ((plab_keccak_f1600_fn *)fn)((void *)call->at[0]);
}

#define ARGON2_BLOCK_BYTES 1024
#define BENCH_ARGON2_BLOCKS 16384

/* A random piece of a random segment, half of the time from its start. */
static void shape_argon2(struct ck_call *call, struct plab_prng *rng, bool bench) {
    struct plab_argon2_run *run = &call->run;
    uint32_t blocks = bench ? BENCH_ARGON2_BLOCKS : CK_ARENA_BYTES / ARGON2_BLOCK_BYTES;
    run->lanes = 1 + (uint32_t)plab_prng_below(rng, bench ? 1 : 2);
    run->lane_blocks = blocks / run->lanes;
    run->pass = bench ? 1 : (uint32_t)plab_prng_below(rng, 2);
    run->slice = (uint32_t)plab_prng_below(rng, PLAB_ARGON2_SLICES);
    run->lane = (uint32_t)plab_prng_below(rng, run->lanes);
    run->end = plab_argon2_segment_blocks(run);
    run->first = run->pass == 0 && run->slice == 0 ? 2 : 0;
    if (!bench && plab_prng_below(rng, 2) == 0) {
        run->first += (uint32_t)plab_prng_below(rng, run->end - run->first);
    }
    call->count = 1;
    call->buffer[0] =
        (struct ck_buffer){"memory", (size_t)blocks * ARGON2_BLOCK_BYTES, 64, CK_INOUT};
}

static void invoke_argon2(plab_any_fn *fn, const struct ck_call *call) {
    struct plab_argon2_run run = call->run;
    run.memory = (void *)call->at[0];
    ((plab_argon2_fill_fn *)fn)(&run);
}

const struct ck_kernel ck_keccak_f1600 = {shape_keccak, NULL, invoke_keccak};
const struct ck_kernel ck_rx_fill_1r = {shape_fill, NULL, invoke_fill_1r};
const struct ck_kernel ck_rx_fill_4r = {shape_fill_4r, NULL, invoke_fill_4r};
const struct ck_kernel ck_rx_hash_1r = {shape_hash, NULL, invoke_hash};
const struct ck_kernel ck_rx_turn_1r = {shape_turn, NULL, invoke_turn};
const struct ck_kernel ck_rx_items_make = {shape_items, NULL, invoke_items};
const struct ck_kernel ck_rx_mix_v2 = {shape_mix, NULL, invoke_mix};
const struct ck_kernel ck_argon2_fill = {shape_argon2, NULL, invoke_argon2};
