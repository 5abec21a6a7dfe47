/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Argon2's block with the whole of it in 16 registers: two for each of its eight rows of 16 words.
 *
 * A permutation P works on a 4 by 4 matrix of words, first on its columns, then on its diagonals.
 * For the rows of the block a register holds one matrix row of two of them; for the columns of the
 * block it holds half a matrix row of four of them, which is how the block lies in memory anyway.
 *
 * Source: RFC 9106 sections 3.5 and 3.6.
 */
#include <immintrin.h>

#include "arch/x86/kernels_x86.h"
#include "pow/argon2_run.h"

/* Four matrix rows, or halves of them. */
struct quad {
    __m512i a, b, c, d;
};

/* a + b + 2 * low32(a) * low32(b) in each word. */
static PLAB_ALWAYS_INLINE __m512i add_mul(__m512i a, __m512i b) {
    __m512i product = _mm512_mul_epu32(a, b);
    return _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(product, product));
}

static PLAB_ALWAYS_INLINE void mix(struct quad *q) {
    q->a = add_mul(q->a, q->b);
    q->d = _mm512_ror_epi64(_mm512_xor_si512(q->d, q->a), 32);
    q->c = add_mul(q->c, q->d);
    q->b = _mm512_ror_epi64(_mm512_xor_si512(q->b, q->c), 24);
    q->a = add_mul(q->a, q->b);
    q->d = _mm512_ror_epi64(_mm512_xor_si512(q->d, q->a), 16);
    q->c = add_mul(q->c, q->d);
    q->b = _mm512_ror_epi64(_mm512_xor_si512(q->b, q->c), 63);
}

/* P on two rows of the block: x[0], x[1] and x[2], x[3]. */
static PLAB_ALWAYS_INLINE void permute_two_rows(__m512i x[4]) {
    struct quad q = {_mm512_shuffle_i64x2(x[0], x[2], 0x44), _mm512_shuffle_i64x2(x[0], x[2], 0xEE),
                     _mm512_shuffle_i64x2(x[1], x[3], 0x44),
                     _mm512_shuffle_i64x2(x[1], x[3], 0xEE)};
    mix(&q);
    q.b = _mm512_permutex_epi64(q.b, 0x39);
    q.c = _mm512_permutex_epi64(q.c, 0x4E);
    q.d = _mm512_permutex_epi64(q.d, 0x93);
    mix(&q);
    q.b = _mm512_permutex_epi64(q.b, 0x93);
    q.d = _mm512_permutex_epi64(q.d, 0x39);
    x[0] = _mm512_shuffle_i64x2(q.a, q.b, 0x44);
    x[1] = _mm512_shuffle_i64x2(q.c, q.d, 0x41); /* turns c back on the way */
    x[2] = _mm512_shuffle_i64x2(q.a, q.b, 0xEE);
    x[3] = _mm512_shuffle_i64x2(q.c, q.d, 0xEB);
}

/* Second words of the pairs of `x`, each with the first word of the same pair of `y` after it. */
static PLAB_ALWAYS_INLINE __m512i straddle(__m512i x, __m512i y) {
    return _mm512_castpd_si512(
        _mm512_shuffle_pd(_mm512_castsi512_pd(x), _mm512_castsi512_pd(y), 0x55));
}

/* P on four columns of the block: every other register from x[0]. */
static PLAB_ALWAYS_INLINE void permute_four_columns(__m512i x[15]) {
    struct quad even = {x[0], x[4], x[8], x[12]};
    struct quad odd = {x[2], x[6], x[10], x[14]};
    mix(&even);
    mix(&odd);
    struct quad left = {even.a, straddle(even.b, odd.b), odd.c, straddle(odd.d, even.d)};
    struct quad right = {odd.a, straddle(odd.b, even.b), even.c, straddle(even.d, odd.d)};
    mix(&left);
    mix(&right);
    x[0] = left.a;
    x[2] = right.a;
    x[4] = straddle(right.b, left.b);
    x[6] = straddle(left.b, right.b);
    x[8] = right.c;
    x[10] = left.c;
    x[12] = straddle(left.d, right.d);
    x[14] = straddle(right.d, left.d);
}

static PLAB_ALWAYS_INLINE void load_two_rows(__m512i x[4], const uint64_t *prev,
                                             const uint64_t *ref) {
    x[0] = _mm512_xor_si512(_mm512_load_si512(prev), _mm512_load_si512(ref));
    x[1] = _mm512_xor_si512(_mm512_load_si512(prev + 8), _mm512_load_si512(ref + 8));
    x[2] = _mm512_xor_si512(_mm512_load_si512(prev + 16), _mm512_load_si512(ref + 16));
    x[3] = _mm512_xor_si512(_mm512_load_si512(prev + 24), _mm512_load_si512(ref + 24));
    permute_two_rows(x);
}

/* The end of one register: xor with what went in, and with the old content if wanted. */
static PLAB_ALWAYS_INLINE void finish(__m512i x, const uint64_t *prev, const uint64_t *ref,
                                      uint64_t *next, int with_xor) {
    x = _mm512_ternarylogic_epi64(x, _mm512_load_si512(prev), _mm512_load_si512(ref), 0x96);
    if (with_xor) {
        x = _mm512_xor_si512(x, _mm512_load_si512(next));
    }
    _mm512_store_si512(next, x);
}

/* The ends of all but the first register of every other one from x[0]. */
static PLAB_ALWAYS_INLINE void finish_rows_1_to_7(const __m512i x[15], const uint64_t *prev,
                                                  const uint64_t *ref, uint64_t *next,
                                                  int with_xor) {
    finish(x[2], prev + 16, ref + 16, next + 16, with_xor);
    finish(x[4], prev + 32, ref + 32, next + 32, with_xor);
    finish(x[6], prev + 48, ref + 48, next + 48, with_xor);
    finish(x[8], prev + 64, ref + 64, next + 64, with_xor);
    finish(x[10], prev + 80, ref + 80, next + 80, with_xor);
    finish(x[12], prev + 96, ref + 96, next + 96, with_xor);
    finish(x[14], prev + 112, ref + 112, next + 112, with_xor);
}

static PLAB_ALWAYS_INLINE void fill(const struct plab_argon2_run *run, int with_xor) {
    const uint64_t *prev = plab_argon2_prev(run, run->first);
    const uint64_t *ref = plab_argon2_reference(run, run->first, prev[0]);
    uint64_t *next = plab_argon2_next(run, run->first);
    __m512i x[16];

    for (uint32_t block = run->first; block < run->end; block++) {
        load_two_rows(x, prev, ref);
        load_two_rows(x + 4, prev + 32, ref + 32);
        load_two_rows(x + 8, prev + 64, ref + 64);
        load_two_rows(x + 12, prev + 96, ref + 96);
        permute_four_columns(x);
        finish(x[0], prev, ref, next, with_xor);
        const uint64_t *ahead = plab_argon2_look_ahead(run, block, next);
        finish_rows_1_to_7(x, prev, ref, next, with_xor);
        permute_four_columns(x + 1);
        finish(x[1], prev + 8, ref + 8, next + 8, with_xor);
        finish_rows_1_to_7(x + 1, prev + 8, ref + 8, next + 8, with_xor);
        prev = next;
        next += PLAB_ARGON2_BLOCK_WORDS;
        ref = ahead;
    }
}

void plab_argon2_fill_avx512(const struct plab_argon2_run *run) {
    if (run->pass > 0) {
        fill(run, 1);
    } else {
        fill(run, 0);
    }
}
