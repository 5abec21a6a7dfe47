/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Argon2's block in registers of four words.
 *
 * A permutation P works on a 4 by 4 matrix of words, first on its columns, then on its diagonals.
 * A row of the block is such a matrix, one register a matrix row. In the columns of the block a
 * register holds half a matrix row of two of them. Both are how the block lies in memory.
 *
 * Source: RFC 9106 sections 3.5 and 3.6.
 */
#include <immintrin.h>

#include "arch/x86/kernels_x86.h"
#include "pow/argon2_run.h"

#define ROW_REGISTERS 4 /* in a row of the block */
#define BLOCK_REGISTERS 32

/* Four matrix rows, or halves of them. */
struct quad {
    __m256i a, b, c, d;
};

/* a + b + 2 * low32(a) * low32(b) in each word. */
static PLAB_ALWAYS_INLINE __m256i add_mul(__m256i a, __m256i b) {
    __m256i product = _mm256_mul_epu32(a, b);
    return _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(product, product));
}

static PLAB_ALWAYS_INLINE __m256i rotr_32(__m256i x) {
    return _mm256_shuffle_epi32(x, 0xB1);
}

static PLAB_ALWAYS_INLINE __m256i rotr_24(__m256i x) {
    return _mm256_shuffle_epi8(x, _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9,
                                                   10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15,
                                                   8, 9, 10));
}

static PLAB_ALWAYS_INLINE __m256i rotr_16(__m256i x) {
    return _mm256_shuffle_epi8(x, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15,
                                                   8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14,
                                                   15, 8, 9));
}

static PLAB_ALWAYS_INLINE __m256i rotr_63(__m256i x) {
    return _mm256_xor_si256(_mm256_srli_epi64(x, 63), _mm256_add_epi64(x, x));
}

static PLAB_ALWAYS_INLINE void mix(struct quad *q) {
    q->a = add_mul(q->a, q->b);
    q->d = rotr_32(_mm256_xor_si256(q->d, q->a));
    q->c = add_mul(q->c, q->d);
    q->b = rotr_24(_mm256_xor_si256(q->b, q->c));
    q->a = add_mul(q->a, q->b);
    q->d = rotr_16(_mm256_xor_si256(q->d, q->a));
    q->c = add_mul(q->c, q->d);
    q->b = rotr_63(_mm256_xor_si256(q->b, q->c));
}

/* Word k of the matrix rows b, c, d comes below word 0 of a for k = 1, 2, 3. */
static PLAB_ALWAYS_INLINE void to_diagonals(struct quad *q) {
    q->b = _mm256_permute4x64_epi64(q->b, 0x39);
    q->c = _mm256_permute4x64_epi64(q->c, 0x4E);
    q->d = _mm256_permute4x64_epi64(q->d, 0x93);
}

static PLAB_ALWAYS_INLINE void from_diagonals(struct quad *q) {
    q->b = _mm256_permute4x64_epi64(q->b, 0x93);
    q->c = _mm256_permute4x64_epi64(q->c, 0x4E);
    q->d = _mm256_permute4x64_epi64(q->d, 0x39);
}

/* The 4 registers of a row of prev xor ref. */
static PLAB_ALWAYS_INLINE struct quad load_row(const __m256i *prev, const __m256i *ref) {
    return (struct quad){_mm256_xor_si256(prev[0], ref[0]), _mm256_xor_si256(prev[1], ref[1]),
                         _mm256_xor_si256(prev[2], ref[2]), _mm256_xor_si256(prev[3], ref[3])};
}

static PLAB_ALWAYS_INLINE void store_row(__m256i *z, const struct quad *q) {
    z[0] = q->a;
    z[1] = q->b;
    z[2] = q->c;
    z[3] = q->d;
}

/* P on two rows of the block, so that one's latency hides the other's. */
static PLAB_ALWAYS_INLINE void permute_two_rows(const __m256i *prev, const __m256i *ref,
                                                __m256i *z) {
    struct quad upper = load_row(prev, ref);
    struct quad lower = load_row(prev + ROW_REGISTERS, ref + ROW_REGISTERS);
    mix(&upper);
    mix(&lower);
    to_diagonals(&upper);
    to_diagonals(&lower);
    mix(&upper);
    mix(&lower);
    from_diagonals(&upper);
    from_diagonals(&lower);
    store_row(z, &upper);
    store_row(z + ROW_REGISTERS, &lower);
}

/* Second words of the pairs of `x`, each with the first word of the same pair of `y` after it. */
static PLAB_ALWAYS_INLINE __m256i straddle(__m256i x, __m256i y) {
    return _mm256_castpd_si256(
        _mm256_shuffle_pd(_mm256_castsi256_pd(x), _mm256_castsi256_pd(y), 0x5));
}

/* The end of one register: xor with what went in, and with the old content if wanted. */
static PLAB_ALWAYS_INLINE void finish(__m256i x, const __m256i *prev, const __m256i *ref,
                                      __m256i *next, int with_xor) {
    x = _mm256_xor_si256(x, _mm256_xor_si256(*prev, *ref));
    *next = with_xor ? _mm256_xor_si256(x, *next) : x;
}

/* The columns of the block, two of them: P, and their part of the result, word 0 first. */
static PLAB_ALWAYS_INLINE void permute_two_columns(__m256i *z) {
    struct quad even = {z[0], z[8], z[16], z[24]};
    struct quad odd = {z[4], z[12], z[20], z[28]};
    mix(&even);
    mix(&odd);
    struct quad left = {even.a, straddle(even.b, odd.b), odd.c, straddle(odd.d, even.d)};
    struct quad right = {odd.a, straddle(odd.b, even.b), even.c, straddle(even.d, odd.d)};
    mix(&left);
    mix(&right);
    z[0] = left.a;
    z[4] = right.a;
    z[8] = straddle(right.b, left.b);
    z[12] = straddle(left.b, right.b);
    z[16] = right.c;
    z[20] = left.c;
    z[24] = straddle(left.d, right.d);
    z[28] = straddle(right.d, left.d);
}

static PLAB_ALWAYS_INLINE void finish_two_columns(const __m256i *z, const __m256i *prev,
                                                  const __m256i *ref, __m256i *next, int with_xor) {
    finish(z[0], prev, ref, next, with_xor);
    finish(z[4], prev + 4, ref + 4, next + 4, with_xor);
    finish(z[8], prev + 8, ref + 8, next + 8, with_xor);
    finish(z[12], prev + 12, ref + 12, next + 12, with_xor);
    finish(z[16], prev + 16, ref + 16, next + 16, with_xor);
    finish(z[20], prev + 20, ref + 20, next + 20, with_xor);
    finish(z[24], prev + 24, ref + 24, next + 24, with_xor);
    finish(z[28], prev + 28, ref + 28, next + 28, with_xor);
}

/* Everything but the first two columns, whose first word says what comes next. */
static PLAB_ALWAYS_INLINE void remaining_columns(__m256i *z, const __m256i *prev,
                                                 const __m256i *ref, __m256i *next, int with_xor) {
    for (size_t i = 1; i < ROW_REGISTERS; i++) {
        permute_two_columns(z + i);
        finish_two_columns(z + i, prev + i, ref + i, next + i, with_xor);
    }
}

static PLAB_ALWAYS_INLINE void fill(const struct plab_argon2_run *run, int with_xor) {
    const uint64_t *prev = plab_argon2_prev(run, run->first);
    const uint64_t *ref = plab_argon2_reference(run, run->first, prev[0]);
    uint64_t *next = plab_argon2_next(run, run->first);
    __m256i z[BLOCK_REGISTERS];

    for (uint32_t block = run->first; block < run->end; block++) {
        const __m256i *p = (const void *)prev, *r = (const void *)ref;
        __m256i *out = (void *)next;
        for (size_t i = 0; i < BLOCK_REGISTERS; i += 2 * ROW_REGISTERS) {
            permute_two_rows(p + i, r + i, z + i);
        }
        permute_two_columns(z);
        finish_two_columns(z, p, r, out, with_xor);
        const uint64_t *ahead = plab_argon2_look_ahead(run, block, next);
        remaining_columns(z, p, r, out, with_xor);
        prev = next;
        next += PLAB_ARGON2_BLOCK_WORDS;
        ref = ahead;
    }
}

void plab_argon2_fill_avx2(const struct plab_argon2_run *run) {
    if (run->pass > 0) {
        fill(run, 1);
    } else {
        fill(run, 0);
    }
}
