/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dataset items, 4 at once: one in each 64-bit lane. ymm0..7 are the words, ymm15 is 0, the others
 * are free.
 */
#include <immintrin.h>

#include "arch/x86/kernels_x86.h"
#include "arch/x86/rx_items.h"

#define LANES 4
#define VECTOR_BYTES 32
#define ZERO 15

/* ---- code of a group ---- */

static void emit(struct ss_emit *e, unsigned op, unsigned d, unsigned a, unsigned b) {
    ss_vex(e, op, true, d, a, ss_reg(b), 0);
}

static void emit_imm(struct ss_emit *e, unsigned op, unsigned d, unsigned a, unsigned b,
                     unsigned imm) {
    ss_vex(e, op, true, d, a, ss_reg(b), 1);
    ss_bytes(e, imm, 1);
}

static void emit_srl(struct ss_emit *e, unsigned d, unsigned a, unsigned count) {
    emit_imm(e, SS_GROUP_VSHIFT, 2, d, a, count);
}

static void emit_sll(struct ss_emit *e, unsigned d, unsigned a, unsigned count) {
    emit_imm(e, SS_GROUP_VSHIFT, 6, d, a, count);
}

/* High halves of all words; what is above them does not matter to a multiplication. */
static void emit_high(struct ss_emit *e, unsigned d, unsigned a) {
    emit_imm(e, SS_VPSHUFD, d, 0, a, 0xF5);
}

/* Low word of a product, from the low half's product in ymm10 and the mixed ones in ymm8, ymm9. */
static void emit_mul_sum(struct ss_emit *e, unsigned d) {
    emit(e, SS_VPADDQ, 8, 8, 9);
    emit_sll(e, 8, 8, 32);
    emit(e, SS_VPADDQ, d, 10, 8);
}

static void emit_mul(struct ss_emit *e, unsigned d, unsigned s) {
    emit_high(e, 8, d);
    emit_high(e, 9, s);
    emit(e, SS_VPMULUDQ, 8, 8, s);
    emit(e, SS_VPMULUDQ, 9, 9, d);
    emit(e, SS_VPMULUDQ, 10, d, s);
    emit_mul_sum(e, d);
}

static void emit_mul_constant(struct ss_emit *e, unsigned d, const uint8_t *constant) {
    emit_high(e, 8, d);
    ss_vex(e, SS_VPMULUDQ, true, 8, 8, ss_data(constant), 0);
    ss_vex(e, SS_VPMULUDQ, true, 9, d, ss_data(constant + VECTOR_BYTES), 0);
    ss_vex(e, SS_VPMULUDQ, true, 10, d, ss_data(constant), 0);
    emit_mul_sum(e, d);
}

/* From `a`, less `factor` in the lanes where `sign` is negative. */
static void emit_sign(struct ss_emit *e, unsigned a, unsigned sign, unsigned factor) {
    emit(e, SS_VPCMPGTQ, 12, ZERO, sign);
    emit(e, SS_VPANDQ, 12, 12, factor);
    emit(e, SS_VPSUBQ, a, a, 12);
}

static void emit_mulh(struct ss_emit *e, unsigned d, unsigned s, bool sign) {
    emit_high(e, 8, d);
    emit_high(e, 9, s);
    emit(e, SS_VPMULUDQ, 10, d, s);
    emit(e, SS_VPMULUDQ, 11, 8, s);
    emit(e, SS_VPMULUDQ, 12, d, 9);
    emit(e, SS_VPMULUDQ, 8, 8, 9);
    emit_srl(e, 10, 10, 32);
    emit(e, SS_VPADDQ, 11, 11, 10);
    emit_imm(e, SS_VPBLENDD, 10, 11, ZERO, 0xAA);
    emit(e, SS_VPADDQ, 9, 12, 10);
    emit_srl(e, 11, 11, 32);
    emit(e, SS_VPADDQ, 8, 8, 11);
    emit_srl(e, 9, 9, 32);
    if (sign) {
        emit_sign(e, 8, d, s);
        emit_sign(e, 9, s, d);
    }
    emit(e, SS_VPADDQ, d, 8, 9);
}

static void emit_rotate(struct ss_emit *e, unsigned d, unsigned count) {
    emit_srl(e, 8, d, count);
    emit_sll(e, d, d, 64 - count);
    emit(e, SS_VPORQ, d, d, 8);
}

static void emit_step(struct ss_emit *e, unsigned group, const struct plab_rx_ss_instr *in,
                      const uint8_t *constant) {
    (void)group;
    unsigned d = in->dst, s = in->src, shift = in->mod >> 2 & 3;
    switch ((enum plab_rx_ss_kind)in->kind) {
    case PLAB_RX_SS_ISUB_R:
        emit(e, SS_VPSUBQ, d, d, s);
        break;
    case PLAB_RX_SS_IXOR_R:
        emit(e, SS_VPXORQ, d, d, s);
        break;
    case PLAB_RX_SS_IADD_RS:
        if (shift != 0) {
            emit_sll(e, 8, s, shift);
            s = 8;
        }
        emit(e, SS_VPADDQ, d, d, s);
        break;
    case PLAB_RX_SS_IMUL_R:
        emit_mul(e, d, s);
        break;
    case PLAB_RX_SS_IROR_C:
        emit_rotate(e, d, in->imm32 & 63);
        break;
    case PLAB_RX_SS_IADD_C7:
    case PLAB_RX_SS_IADD_C8:
    case PLAB_RX_SS_IADD_C9:
        ss_vex(e, SS_VPADDQ, true, d, d, ss_data(constant), 0);
        break;
    case PLAB_RX_SS_IXOR_C7:
    case PLAB_RX_SS_IXOR_C8:
    case PLAB_RX_SS_IXOR_C9:
        ss_vex(e, SS_VPXORQ, true, d, d, ss_data(constant), 0);
        break;
    case PLAB_RX_SS_IMULH_R:
    case PLAB_RX_SS_ISMULH_R:
        emit_mulh(e, d, s, in->kind == PLAB_RX_SS_ISMULH_R);
        break;
    case PLAB_RX_SS_IMUL_RCP:
        emit_mul_constant(e, d, constant);
        break;
    case PLAB_RX_SS_KIND_COUNT:
        __builtin_unreachable();
    }
}

/* For all lanes; of a reciprocal its high half, too. */
static void emit_constant(struct ss_emit *e, const struct plab_rx_ss_instr *in) {
    unsigned vectors = in->kind == PLAB_RX_SS_IMUL_RCP ? 2 : 1;
    for (unsigned i = 0; i < vectors * LANES; i++) {
        ss_bytes(e, i < LANES ? in->operand : in->operand >> 32, 8);
    }
}

static void emit_enter(struct ss_emit *e) {
    emit(e, SS_VPXORQ, ZERO, ZERO, ZERO);
}

static void emit_load(struct ss_emit *e, unsigned group) {
    (void)group;
    for (unsigned reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        ss_vex(e, SS_VMOVDQU64_LOAD, true, reg, 0, ss_mem(RX_ITEMS_STATE, reg * VECTOR_BYTES), 0);
    }
}

/* Mixes words `reg` and `reg` + 1 of four lines (at rax, rdx, r8, r9): two lines in the halves of a
 * vector, then even and odd words of two such vectors. */
static void emit_mix_two(struct ss_emit *e, unsigned reg) {
    for (unsigned i = 0; i < 2; i++) {
        static const unsigned low[2] = {SS_RAX, SS_RDX}, high[2] = {SS_R8, SS_R9};
        ss_vex(e, SS_VMOVDQU64_LOAD, false, 8 + i, 0, ss_mem(low[i], reg * 8), 0);
        ss_vex(e, SS_VINSERTI128, true, 8 + i, 8 + i, ss_mem(high[i], reg * 8), 1);
        ss_bytes(e, 1, 1);
    }
    emit(e, SS_VPUNPCKLQDQ, 10, 8, 9);
    emit(e, SS_VPUNPCKHQDQ, 11, 8, 9);
    emit(e, SS_VPXORQ, reg, reg, 10);
    emit(e, SS_VPXORQ, reg + 1, reg + 1, 11);
}

static void emit_store(struct ss_emit *e, unsigned reg) {
    ss_vex(e, SS_VMOVDQU64_STORE, true, reg, 0, ss_mem(RX_ITEMS_STATE, reg * VECTOR_BYTES), 0);
}

static void emit_mix(struct ss_emit *e, unsigned group, unsigned next) {
    (void)group;
    static const unsigned line[LANES] = {SS_RAX, SS_RDX, SS_R8, SS_R9};
    for (unsigned lane = 0; lane < LANES; lane++) {
        ss_int(e, SS_MOV_LOAD, line[lane], ss_mem(RX_ITEMS_LINES, 8 * lane), 0);
    }
    for (unsigned reg = 0; reg < PLAB_RX_ITEM_WORDS; reg += 2) {
        emit_mix_two(e, reg);
    }
    if (next == RX_ITEMS_NO_NEXT) {
        return;
    }
    emit_store(e, next);
    for (unsigned lane = 0; lane < LANES; lane++) {
        ss_int(e, SS_MOV_LOAD, SS_RDX, ss_mem(RX_ITEMS_STATE, next * VECTOR_BYTES + 8 * lane), 0);
        plab_rx_items_emit_next_line(e, 8 * lane);
    }
}

static void emit_save(struct ss_emit *e, unsigned group) {
    (void)group;
    for (unsigned reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        emit_store(e, reg);
    }
}

static const struct rx_items_vector vector_avx2 = {LANES,     emit_constant, emit_enter, emit_load,
                                                   emit_step, emit_mix,      emit_save};

/* ---- the lists ---- */

static PLAB_ALWAYS_INLINE void start_group(const struct plab_rx_cache *cache,
                                           const uint64_t *numbers, uint64_t *state,
                                           const uint64_t **lines) {
    uint64_t first[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        lines[lane] = plab_rx_cache_line(cache, numbers[lane]);
        first[lane] = (numbers[lane] + 1) * PLAB_RX_ITEM_MULTIPLIER;
    }
    __m256i r0 = _mm256_loadu_si256((const __m256i *)first);
    for (int reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        __m256i mix = _mm256_set1_epi64x((long long)plab_rx_item_xor[reg]);
        _mm256_storeu_si256((__m256i *)(state + reg * LANES), _mm256_xor_si256(r0, mix));
    }
}

/* Past the caches, which items of a long list don't come back to, where the alignment allows it. */
static PLAB_ALWAYS_INLINE void put_half(__m256i *out, __m256i half, bool stream) {
    if (stream) {
        _mm256_stream_si256(out, half);
    } else {
        _mm256_storeu_si256(out, half);
    }
}

/* From words of all lanes to items; `out` may be `state`. */
static PLAB_ALWAYS_INLINE void end_group(uint64_t *out, const uint64_t *state, bool stream) {
    __m256i in[PLAB_RX_ITEM_WORDS], pair[PLAB_RX_ITEM_WORDS];
    for (int i = 0; i < PLAB_RX_ITEM_WORDS; i++) {
        in[i] = _mm256_loadu_si256((const __m256i *)(state + i * LANES));
    }
    for (int i = 0; i < PLAB_RX_ITEM_WORDS; i += 2) { /* of items 0 and 2, of items 1 and 3 */
        pair[i] = _mm256_unpacklo_epi64(in[i], in[i + 1]);
        pair[i + 1] = _mm256_unpackhi_epi64(in[i], in[i + 1]);
    }
    for (int half = 0; half < 2; half++) { /* four words of each item */
        for (int i = 0; i < 2; i++) {
            __m256i a = pair[4 * half + i], b = pair[4 * half + i + 2];
            __m256i *to = (__m256i *)(out + half * LANES);
            put_half(to + 2 * i, _mm256_permute2x128_si256(a, b, 0x20), stream);
            put_half(to + 2 * (i + 2), _mm256_permute2x128_si256(a, b, 0x31), stream);
        }
    }
}

#define LARGE_GROUPS 1
#define LARGE_SCALARS 4 /* on the ports that vectors leave free: docs/performance.md */
#define HAS_GROUPS 0    /* without scalar items a group is no quicker than they are */

#include "arch/x86/rx_items_body.h"

plab_rx_items_fn *plab_rx_items_make_avx2(const struct plab_rx_ss_program *program,
                                          uint32_t programs, struct plab_codemem *code) {
    return make(&vector_avx2, program, programs, code);
}
