/* SPDX-License-Identifier: BSD-3-Clause */
/* Difficulty and target. A share is good when LE64(value bytes 24..31) < target (strict). */
#ifndef PLAB_STRATUM_TARGET_H
#define PLAB_STRATUM_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* floor((2^64 - 1) / difficulty); difficulty 0 counts as 1. */
uint64_t plab_target_from_difficulty(uint64_t difficulty);

/* floor((2^64 - 1) / target); target 0 gives UINT64_MAX. */
uint64_t plab_difficulty_from_target(uint64_t target);

/* Difficulty that a value meets: floor((2^64 - 1) / LE64(value[24..31])), UINT64_MAX for 0. */
uint64_t plab_difficulty_of_value(const uint8_t value[32]);

/* True when the value is below the target. */
bool plab_target_met(const uint8_t value[32], uint64_t target);

/* Parses a target as a pool sends it: 8 hex digits (expanded as XMRig does: t64 = floor((2^64 - 1)
 * / floor((2^32 - 1) / t32))) or 16 hex digits, little-endian. PLAB_E_INPUT for zero and for
 * everything else. */
PLAB_NODISCARD enum plab_status plab_target_parse(const char *hex, size_t len, uint64_t *target,
                                                  struct plab_error *err);

/* The target that a miner will really use when `difficulty` is sent in `target_bytes` (4 or 8)
 * bytes, and its text. The 4-byte form can't express difficulties above 2^32 - 1 (it stays there)
 * and rounds up: use 8 bytes above 100000. */
uint64_t plab_target_wire(uint64_t difficulty, unsigned target_bytes, char hex[17]);

/* Number of target bytes that suits a difficulty: 4 up to 100000, else 8. */
unsigned plab_target_bytes_for(uint64_t difficulty);

#endif
