/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/argon2d.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/blake2b.h"

#define VERSION 0x13
#define TYPE_D 0
#define SLICES 4
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

void plab_argon2_block_c(const uint64_t prev[128], const uint64_t ref[128], uint64_t next[128],
                         int with_xor) {
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

/* Where in the run of filling a block is. */
struct position {
    uint32_t pass, slice, lane, index; /* index: within the lane's segment */
};

struct fill {
    const struct plab_argon2d_params *params;
    plab_argon2_block_fn *block;
    uint64_t *memory;
    uint32_t lane_blocks, segment_blocks;
};

static uint64_t *block_at(const struct fill *fill, uint32_t lane, uint32_t index) {
    return fill->memory + (size_t)(lane * fill->lane_blocks + index) * PLAB_ARGON2_BLOCK_WORDS;
}

/* Number of blocks that may be referred to. Source: RFC 9106 section 3.4.2, the set W. */
static uint32_t reference_area(const struct fill *fill, const struct position *at, bool same_lane) {
    uint32_t finished =
        at->pass == 0 ? at->slice * fill->segment_blocks : fill->lane_blocks - fill->segment_blocks;
    if (same_lane) {
        return finished + at->index - 1;
    }
    return finished - (at->index == 0);
}

/* The block that the random word `j` refers to. */
static const uint64_t *reference(const struct fill *fill, const struct position *at, uint64_t j) {
    uint32_t lane = (uint32_t)(j >> 32) % fill->params->lanes;
    if (at->pass == 0 && at->slice == 0) {
        lane = at->lane;
    }
    uint32_t area = reference_area(fill, at, lane == at->lane);
    uint64_t j1 = (uint32_t)j;
    uint64_t x = (j1 * j1) >> 32;
    uint32_t relative = area - 1 - (uint32_t)((area * x) >> 32);
    uint32_t start = at->pass == 0 ? 0 : (at->slice + 1) % SLICES * fill->segment_blocks;
    return block_at(fill, lane, (start + relative) % fill->lane_blocks);
}

/* One segment: a lane's part of a slice. Returns false if cancelled. */
static bool fill_segment(const struct fill *fill, struct position at, const atomic_bool *cancel) {
    bool first = at.pass == 0 && at.slice == 0;
    for (at.index = first ? 2 : 0; at.index < fill->segment_blocks; at.index++) {
        if (at.index % CANCEL_EVERY_BLOCKS == 0 && cancel != NULL && atomic_load(cancel)) {
            return false;
        }
        uint32_t index = at.slice * fill->segment_blocks + at.index;
        uint32_t prev_index = (index == 0 ? fill->lane_blocks : index) - 1;
        const uint64_t *prev = block_at(fill, at.lane, prev_index);
        const uint64_t *ref = reference(fill, &at, prev[0]);
        fill->block(prev, ref, block_at(fill, at.lane, index), at.pass > 0);
    }
    return true;
}

bool plab_argon2d_fill(const struct plab_argon2d_params *params,
                       const uint8_t h0[PLAB_ARGON2_H0_BYTES], plab_argon2_block_fn *block,
                       uint64_t *memory, const atomic_bool *cancel) {
    assert(params->memory_kib % (SLICES * params->lanes) == 0 &&
           params->memory_kib >= 2 * SLICES * params->lanes);
    struct fill fill = {params, block, memory, params->memory_kib / params->lanes,
                        params->memory_kib / params->lanes / SLICES};
    for (uint32_t lane = 0; lane < params->lanes; lane++) {
        first_block(h0, 0, lane, block_at(&fill, lane, 0));
        first_block(h0, 1, lane, block_at(&fill, lane, 1));
    }
    struct position at = {0};
    for (at.pass = 0; at.pass < params->passes; at.pass++) {
        for (at.slice = 0; at.slice < SLICES; at.slice++) {
            for (at.lane = 0; at.lane < params->lanes; at.lane++) {
                if (!fill_segment(&fill, at, cancel)) {
                    return false;
                }
            }
        }
    }
    return true;
}
