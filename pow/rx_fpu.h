/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The floating-point control word, as RandomX uses it. Each write is a barrier for memory accesses,
 * so operations on values in memory stay on their side of it.
 *
 * Source: [RXSPEC] section 4.3, table 4.3.1; Intel SDM volume 1 section 10.2.3; Arm ARM, FPCR.
 */
#ifndef PLAB_POW_RX_FPU_H
#define PLAB_POW_RX_FPU_H

#include <stdint.h>

/* Rounding modes by number: 0 to nearest even, 1 down, 2 up, 3 to zero. */

#if defined(__x86_64__)

/* All exceptions masked, denormals are zero, flush to zero. */
#define PLAB_RX_MXCSR 0x9FC0u

static inline uint64_t plab_rx_fpu_save(void) {
    uint32_t mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr)::"memory");
    return mxcsr;
}

static inline void plab_rx_fpu_restore(uint64_t saved) {
    uint32_t mxcsr = (uint32_t)saved;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr) : "memory");
}

static inline void plab_rx_fpu_set_rounding(unsigned mode) {
    plab_rx_fpu_restore(PLAB_RX_MXCSR | mode << 13);
}

/* The control word of each mode, as machine code loads it. */
static inline void plab_rx_fpu_controls(uint32_t control[4]) {
    for (unsigned mode = 0; mode < 4; mode++) {
        control[mode] = PLAB_RX_MXCSR | mode << 13;
    }
}

#elif defined(__aarch64__)

static inline uint64_t plab_rx_fpu_save(void) {
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr)::"memory");
    return fpcr;
}

static inline void plab_rx_fpu_restore(uint64_t saved) {
    __asm__ volatile("msr fpcr, %0" ::"r"(saved) : "memory");
}

/* Arm counts nearest, up, down, zero: RandomX's number with its two bits exchanged. */
static inline void plab_rx_fpu_set_rounding(unsigned mode) {
    plab_rx_fpu_restore((uint64_t)((mode >> 1 & 1) | (mode << 1 & 2)) << 22);
}

static inline void plab_rx_fpu_controls(uint32_t control[4]) {
    for (unsigned mode = 0; mode < 4; mode++) {
        control[mode] = ((mode >> 1 & 1) | (mode << 1 & 2)) << 22;
    }
}

#else

#include <fenv.h>

static inline uint64_t plab_rx_fpu_save(void) {
    return (uint64_t)fegetround();
}

static inline void plab_rx_fpu_restore(uint64_t saved) {
    fesetround((int)saved);
    __asm__ volatile("" ::: "memory");
}

static inline void plab_rx_fpu_set_rounding(unsigned mode) {
    static const int modes[4] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    plab_rx_fpu_restore((uint64_t)modes[mode & 3]);
}

static inline void plab_rx_fpu_controls(uint32_t control[4]) {
    control[0] = control[1] = control[2] = control[3] = 0; /* no machine code here */
}

#endif

#endif
