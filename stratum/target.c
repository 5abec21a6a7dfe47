/* SPDX-License-Identifier: BSD-3-Clause */
#include "stratum/target.h"

#include "base/bytes.h"
#include "base/hex.h"
#include "base/log.h"

/* Above this difficulty the rounding of the 4-byte form becomes visible. */
#define SHORT_FORM_MAX 100000

uint64_t plab_target_from_difficulty(uint64_t difficulty) {
    return UINT64_MAX / (difficulty > 0 ? difficulty : 1);
}

uint64_t plab_difficulty_from_target(uint64_t target) {
    return target > 0 ? UINT64_MAX / target : UINT64_MAX;
}

uint64_t plab_difficulty_of_value(const uint8_t value[32]) {
    return plab_difficulty_from_target(plab_load64_le(value + 24));
}

bool plab_target_met(const uint8_t value[32], uint64_t target) {
    return plab_load64_le(value + 24) < target;
}

/* The 64-bit target that miners make of 4 bytes. `t32` > 0. */
static uint64_t expand(uint32_t t32) {
    return UINT64_MAX / (UINT32_MAX / t32);
}

enum plab_status plab_target_parse(const char *hex, size_t len, uint64_t *target,
                                   struct plab_error *err) {
    uint8_t bytes[8] = {0};
    size_t count = 0;
    char shown[40];
    if ((len != 8 && len != 16) ||
        plab_hex_decode(hex, len, bytes, sizeof bytes, &count, NULL) != PLAB_OK) {
        return plab_fail(err, PLAB_E_INPUT, "target \"%s\" is not 8 or 16 hex digits",
                         plab_log_escape(hex, len, shown, sizeof shown));
    }
    uint64_t value = plab_load64_le(bytes);
    if (value == 0) {
        return plab_fail(err, PLAB_E_INPUT, "target is zero: no hash could ever meet it");
    }
    *target = count == 4 ? expand((uint32_t)value) : value;
    return PLAB_OK;
}

uint64_t plab_target_wire(uint64_t difficulty, unsigned target_bytes, char hex[17]) {
    uint8_t bytes[8];
    if (target_bytes == 8) {
        uint64_t t64 = plab_target_from_difficulty(difficulty);
        plab_store64_le(bytes, t64);
        plab_hex_encode(bytes, 8, hex);
        return t64;
    }
    uint64_t asked = difficulty > 0 ? difficulty : 1;
    uint32_t t32 = asked <= UINT32_MAX ? UINT32_MAX / (uint32_t)asked : 1;
    plab_store32_le(bytes, t32);
    plab_hex_encode(bytes, 4, hex);
    return expand(t32);
}

unsigned plab_target_bytes_for(uint64_t difficulty) {
    return difficulty <= SHORT_FORM_MAX ? 4 : 8;
}
