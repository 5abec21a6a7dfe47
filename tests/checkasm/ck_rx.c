/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernels of RandomX, and Keccak. */
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

static void invoke_fill_4r(plab_any_fn *fn, const struct ck_call *call) {
    ((plab_rx_fill_4r_fn *)fn)(call->at[0], call->at[1], call->buffer[1].bytes);
}

static void shape_hash(struct ck_call *call, struct plab_prng *rng, bool bench) {
    call->count = 2;
    call->buffer[0] = (struct ck_buffer){"in", choose_bytes(rng, bench), 64, CK_IN};
    call->buffer[1] = (struct ck_buffer){"out", LINE_BYTES, 1, CK_OUT};
}

static void invoke_hash(plab_any_fn *fn, const struct ck_call *call) {
    ((plab_rx_hash_1r_fn *)fn)(call->at[0], call->buffer[0].bytes, call->at[1]);
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

static void shape_argon2(struct ck_call *call, struct plab_prng *rng, bool bench) {
    call->count = 3;
    call->buffer[0] = (struct ck_buffer){"prev", 1024, 64, CK_IN};
    call->buffer[1] = (struct ck_buffer){"ref", 1024, 64, CK_IN};
    call->buffer[2] = (struct ck_buffer){"next", 1024, 64, CK_INOUT};
    call->with_xor = bench ? 1 : (int)plab_prng_below(rng, 2);
}

static void invoke_argon2(plab_any_fn *fn, const struct ck_call *call) {
    const uint64_t *prev = (const void *)call->at[0], *ref = (const void *)call->at[1];
    ((plab_argon2_block_fn *)fn)(prev, ref, (void *)call->at[2], call->with_xor);
}

const struct ck_kernel ck_keccak_f1600 = {shape_keccak, NULL, invoke_keccak};
const struct ck_kernel ck_rx_fill_1r = {shape_fill, NULL, invoke_fill_1r};
const struct ck_kernel ck_rx_fill_4r = {shape_fill, NULL, invoke_fill_4r};
const struct ck_kernel ck_rx_hash_1r = {shape_hash, NULL, invoke_hash};
const struct ck_kernel ck_rx_mix_v2 = {shape_mix, NULL, invoke_mix};
const struct ck_kernel ck_argon2_block = {shape_argon2, NULL, invoke_argon2};
