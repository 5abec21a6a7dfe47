/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Algorithms of the same shape as the real ones, but small: a hash takes a fraction of a
 * millisecond, a cache a few, so that tests of threads and seeds can run thousands of them.
 */
#ifndef PLAB_TESTS_MINI_ALGOS_H
#define PLAB_TESTS_MINI_ALGOS_H

#include "pow/algo.h"
#include "pow/cryptonight.h"
#include "pow/randomx.h"

/* Limits of time are for a machine that has the processor to spare; sanitizers get more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MINI_SLOWNESS 10
#else
#define MINI_SLOWNESS 1
#endif

static const struct plab_cn_params mini_cn_params PLAB_UNUSED = {
    .base = PLAB_CN_V0,
    .iterations = 64,
    .mask = 0x3FF0,
    .pad_bytes = 0x4000,
};
static const struct plab_algo mini_cn PLAB_UNUSED = {
    .name = "mini-cn",
    .family = PLAB_FAMILY_CRYPTONIGHT,
    .scratchpad_bytes = 0x4000,
    .nonce_offset = PLAB_NONCE_OFFSET,
    .cn = &mini_cn_params,
};

/* 256 KiB of cache; the base of the dataset is what differs between the minis. */
#define MINI_RX_PARAMS(dataset_base)                                                           \
    {                                                                                          \
        .argon_kib = 256, .argon_passes = 1, .argon_lanes = 1, .argon_salt = "RandomX\x03",    \
        .cache_accesses = 8, .superscalar_latency = 170, .dataset_base_bytes = (dataset_base), \
        .dataset_extra_bytes = 4160, .program_size = 256, .program_iterations = 16,            \
        .program_count = 2, .l1_bytes = 1024, .l2_bytes = 4096, .l3_bytes = 16384              \
    }
#define MINI_RX(rx_params)                                                           \
    {                                                                                \
        .name = "mini-rx", .family = PLAB_FAMILY_RANDOMX, .scratchpad_bytes = 16384, \
        .nonce_offset = PLAB_NONCE_OFFSET, .needs_seed = true, .rx = &(rx_params)    \
    }

static const struct plab_rx_params mini_rx_params PLAB_UNUSED = MINI_RX_PARAMS(UINT64_C(1) << 18);
static const struct plab_algo mini_rx PLAB_UNUSED = MINI_RX(mini_rx_params);

/* The same cache and dataset, another algorithm. */
static const struct plab_algo mini_rx_commitment PLAB_UNUSED = {
    .name = "mini-rx-commitment",
    .family = PLAB_FAMILY_RANDOMX,
    .scratchpad_bytes = 16384,
    .nonce_offset = PLAB_NONCE_OFFSET,
    .needs_seed = true,
    .has_commitment = true,
    .rx = &mini_rx_params,
};

/* A dataset that takes minutes to fill, and one that no machine can hold. */
static const struct plab_rx_params slow_rx_params PLAB_UNUSED = MINI_RX_PARAMS(UINT64_C(1) << 29);
static const struct plab_algo slow_rx PLAB_UNUSED = MINI_RX(slow_rx_params);
static const struct plab_rx_params giant_rx_params PLAB_UNUSED = MINI_RX_PARAMS(UINT64_C(1) << 46);
static const struct plab_algo giant_rx PLAB_UNUSED = MINI_RX(giant_rx_params);

#endif
