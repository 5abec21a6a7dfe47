/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/argon2d.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/blake2b.h"

#define VERSION 0x13
#define TYPE_D 0
#define CANCEL_EVERY_BLOCKS 512

/* BLAKE2b's G with the additions of RFC 9106 section 3.6: a + b + 2 * low32(a) * low32(b). */
static inline uint64_t add_mul(uint64_t a, uint64_t b) {
    return a + b + 2 * (uint64_t)(uint32_t)a * (uint32_t)b;
}

static inline void mix(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d) {
    *a = add_mul(*a, *b);
    *d = plab_rotr64(*d ^ *a, 32);
    *c = add_mul(*c, *d);
    *b = plab_rotr64(*b ^ *c, 24);
    *a = add_mul(*a, *b);
    *d = plab_rotr64(*d ^ *a, 16);
    *c = add_mul(*c, *d);
    *b = plab_rotr64(*b ^ *c, 63);
}

/* The permutation P on eight 16-byte registers: words `base + i * stride` and the one after each.
 */
static inline void permute(uint64_t *base, size_t stride) {
    uint64_t v[16];
    for (size_t i = 0; i < 8; i++) {
        v[2 * i] = base[i * stride];
        v[2 * i + 1] = base[i * stride + 1];
    }
    for (size_t i = 0; i < 4; i++) {
        mix(&v[i], &v[4 + i], &v[8 + i], &v[12 + i]);
    }
    for (size_t i = 0; i < 4; i++) {
        mix(&v[i], &v[4 + (i + 1) % 4], &v[8 + (i + 2) % 4], &v[12 + (i + 3) % 4]);
    }
    for (size_t i = 0; i < 8; i++) {
        base[i * stride] = v[2 * i];
        base[i * stride + 1] = v[2 * i + 1];
    }
}

/* next = G(prev, ref), xored onto the old content if wanted. */
static void make_block(const uint64_t *prev, const uint64_t *ref, uint64_t *next, bool with_xor) {
    uint64_t r[PLAB_ARGON2_BLOCK_WORDS], z[PLAB_ARGON2_BLOCK_WORDS];
    for (size_t i = 0; i < PLAB_ARGON2_BLOCK_WORDS; i++) {
        r[i] = z[i] = prev[i] ^ ref[i];
    }
    for (size_t row = 0; row < 8; row++) {
        permute(z + 16 * row, 2);
    }
    for (size_t column = 0; column < 8; column++) {
        permute(z + 2 * column, 16);
    }
    for (size_t i = 0; i < PLAB_ARGON2_BLOCK_WORDS; i++) {
        next[i] = r[i] ^ z[i] ^ (with_xor ? next[i] : 0);
    }
}

void plab_argon2_fill_c(const struct plab_argon2_run *run) {
    for (uint32_t block = run->first; block < run->end; block++) {
        const uint64_t *prev = plab_argon2_prev(run, block);
        make_block(prev, plab_argon2_reference(run, block, prev[0]), plab_argon2_next(run, block),
                   run->pass > 0);
    }
}

static void absorb_u32(struct plab_blake2b *hash, uint32_t value) {
    uint8_t bytes[4];
    plab_store32_le(bytes, value);
    plab_blake2b_update(hash, bytes, sizeof bytes);
}

static void absorb_sized(struct plab_blake2b *hash, const uint8_t *data, size_t len) {
    absorb_u32(hash, (uint32_t)len);
    plab_blake2b_update(hash, data, len);
}

void plab_argon2d_h0(const struct plab_argon2d_params *params, const uint8_t *password,
                     size_t password_len, const uint8_t *salt, size_t salt_len,
                     uint8_t h0[PLAB_ARGON2_H0_BYTES]) {
    struct plab_blake2b hash;
    plab_blake2b_init(&hash, PLAB_ARGON2_H0_BYTES, NULL, 0);
    absorb_u32(&hash, params->lanes);
    absorb_u32(&hash, 0); /* tag length */
    absorb_u32(&hash, params->memory_kib);
    absorb_u32(&hash, params->passes);
    absorb_u32(&hash, VERSION);
    absorb_u32(&hash, TYPE_D);
    absorb_sized(&hash, password, password_len);
    absorb_sized(&hash, salt, salt_len);
    absorb_u32(&hash, 0); /* secret */
    absorb_u32(&hash, 0); /* associated data */
    plab_blake2b_final(&hash, h0);
}

/* H'(h0 || index || lane), 1024 bytes: a chain of 64-byte hashes of which all but the last give 32
 * bytes. Source: RFC 9106 section 3.3. */
static void first_block(const uint8_t h0[PLAB_ARGON2_H0_BYTES], uint32_t index, uint32_t lane,
                        uint64_t *block) {
    uint8_t *out = (uint8_t *)block;
    uint8_t v[64];
    struct plab_blake2b hash;
    plab_blake2b_init(&hash, sizeof v, NULL, 0);
    absorb_u32(&hash, PLAB_ARGON2_BLOCK_BYTES);
    plab_blake2b_update(&hash, h0, PLAB_ARGON2_H0_BYTES);
    absorb_u32(&hash, index);
    absorb_u32(&hash, lane);
    plab_blake2b_final(&hash, v);
    size_t at = 0;
    for (; at + 64 < PLAB_ARGON2_BLOCK_BYTES; at += 32) {
        memcpy(out + at, v, 32);
        plab_blake2b_hash(v, sizeof v, v, sizeof v);
    }
    memcpy(out + at, v, sizeof v);
}

/* Fills the segment of run->pass, slice and lane, piece by piece. Returns false if cancelled. */
static bool fill_segment(struct plab_argon2_run *run, plab_argon2_fill_fn *fill,
                         const atomic_bool *cancel) {
    uint32_t segment_blocks = plab_argon2_segment_blocks(run);
    uint32_t first = run->pass == 0 && run->slice == 0 ? 2 : 0;
    for (run->first = first; run->first < segment_blocks; run->first = run->end) {
        if (cancel != NULL && atomic_load(cancel)) {
            return false;
        }
        uint32_t left = segment_blocks - run->first;
        run->end = run->first + (left < CANCEL_EVERY_BLOCKS ? left : CANCEL_EVERY_BLOCKS);
        fill(run);
    }
    return true;
}

bool plab_argon2d_fill(const struct plab_argon2d_params *params,
                       const uint8_t h0[PLAB_ARGON2_H0_BYTES], plab_argon2_fill_fn *fill,
                       uint64_t *memory, const atomic_bool *cancel) {
    assert(params->memory_kib % (PLAB_ARGON2_SLICES * params->lanes) == 0 &&
           params->memory_kib >= 2 * PLAB_ARGON2_SLICES * params->lanes);
    struct plab_argon2_run run = {.memory = memory,
                                  .lanes = params->lanes,
                                  .lane_blocks = params->memory_kib / params->lanes};
    for (uint32_t lane = 0; lane < params->lanes; lane++) {
        first_block(h0, 0, lane, plab_argon2_at(&run, lane, 0));
        first_block(h0, 1, lane, plab_argon2_at(&run, lane, 1));
    }
    for (run.pass = 0; run.pass < params->passes; run.pass++) {
        for (run.slice = 0; run.slice < PLAB_ARGON2_SLICES; run.slice++) {
            for (run.lane = 0; run.lane < params->lanes; run.lane++) {
                if (!fill_segment(&run, fill, cancel)) {
                    return false;
                }
            }
        }
    }
    return true;
}
