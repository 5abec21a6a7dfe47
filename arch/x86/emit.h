/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing x86-64 machine code. Instructions are given as their bytes, least significant first, in
 * one integer: the encodings stand in the callers, beside the instruction in words.
 *
 * Source: Intel SDM volume 2, chapter 2 (formats) and the instruction pages.
 */
#ifndef PLAB_ARCH_X86_EMIT_H
#define PLAB_ARCH_X86_EMIT_H

#include <stdint.h>
#include <string.h>

/* plab_emit() stores 8 bytes whatever it is given: this much room beyond the end is needed. */
#define PLAB_EMIT_SLACK 8

/* Appends the low `count` (1..8) bytes of `bytes` at `*at`. */
static inline void plab_emit(uint8_t **at, uint64_t bytes, unsigned count) {
    memcpy(*at, &bytes, 8);
    *at += count;
}

static inline void plab_emit32(uint8_t **at, uint32_t value) {
    memcpy(*at, &value, 4);
    *at += 4;
}

static inline void plab_emit64(uint8_t **at, uint64_t value) {
    memcpy(*at, &value, 8);
    *at += 8;
}

/* A distance for a jump or a RIP-relative operand: from the end of its four bytes at `field`. */
static inline uint32_t plab_emit_distance(const uint8_t *field, const uint8_t *target) {
    return (uint32_t)(target - (field + 4));
}

#endif
