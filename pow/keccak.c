/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/keccak.h"

#include <string.h>

#include "base/bytes.h"

#define ROUNDS 24
#define RATE_WORDS (PLAB_KECCAK_RATE_BYTES / 8)

/* FIPS 202 section 3.2.5, algorithm 5 (the output of its shift register). */
static const uint64_t round_constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
    0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* Rho and pi together walk the 24 lanes besides lane 0 in one cycle: each moves to the next place
 * of the cycle and is rotated by the triangular number that belongs to its step. */
static const uint8_t pi_lane[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                    15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
static const uint8_t rho_offset[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                       27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

static inline void theta(uint64_t s[25]) {
    uint64_t parity[5];
    for (unsigned x = 0; x < 5; x++) {
        parity[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
    }
    for (unsigned x = 0; x < 5; x++) {
        uint64_t d = parity[(x + 4) % 5] ^ plab_rotl64(parity[(x + 1) % 5], 1);
        for (unsigned y = 0; y < 25; y += 5) {
            s[x + y] ^= d;
        }
    }
}

static inline void rho_pi(uint64_t s[25]) {
    uint64_t moving = s[1];
    for (unsigned i = 0; i < 24; i++) {
        uint64_t next = s[pi_lane[i]];
        s[pi_lane[i]] = plab_rotl64(moving, rho_offset[i]);
        moving = next;
    }
}

static inline void chi(uint64_t s[25]) {
    for (unsigned y = 0; y < 25; y += 5) {
        uint64_t row[5];
        memcpy(row, s + y, sizeof row);
        for (unsigned x = 0; x < 5; x++) {
            s[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
        }
    }
}

void plab_keccak_f1600_c(uint64_t state[25]) {
    for (unsigned round = 0; round < ROUNDS; round++) {
        theta(state);
        rho_pi(state);
        chi(state);
        state[0] ^= round_constants[round];
    }
}

static void absorb_block(uint64_t state[25], const uint8_t *block) {
    for (unsigned i = 0; i < RATE_WORDS; i++) {
        state[i] ^= plab_load64_le(block + 8 * i);
    }
}

void plab_keccak_absorb(uint64_t state[25], plab_keccak_f1600_fn *permute, const uint8_t *data,
                        size_t len) {
    uint8_t last[PLAB_KECCAK_RATE_BYTES] = {0};
    memset(state, 0, PLAB_KECCAK_STATE_BYTES);
    for (; len >= sizeof last; data += sizeof last, len -= sizeof last) {
        absorb_block(state, data);
        permute(state);
    }
    if (len > 0) {
        memcpy(last, data, len);
    }
    last[len] = 0x01;
    last[sizeof last - 1] |= 0x80;
    absorb_block(state, last);
    permute(state);
}
