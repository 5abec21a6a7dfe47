/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "pow/randomx.h"

/* Source: [RXSPEC] table 1.2.1; RandomX v2 changes the last two rows only. */
#define RX_0_PARAMS                                                                              \
    .argon_kib = 262144, .argon_passes = 3, .argon_lanes = 1, .argon_salt = "RandomX\x03",       \
    .cache_accesses = 8, .superscalar_latency = 170, .dataset_base_bytes = UINT64_C(2147483648), \
    .dataset_extra_bytes = 33554368, .program_iterations = 2048, .program_count = 8,             \
    .l1_bytes = 16384, .l2_bytes = 262144, .l3_bytes = 2097152

const struct plab_rx_params plab_rx_params_0 = {RX_0_PARAMS, .program_size = 256, .v2 = false};
const struct plab_rx_params plab_rx_params_2 = {RX_0_PARAMS, .program_size = 384, .v2 = true};

size_t plab_rx_cache_bytes(const struct plab_rx_params *params) {
    return (size_t)params->argon_kib * 1024;
}

uint64_t plab_rx_dataset_items(const struct plab_rx_params *params) {
    return (params->dataset_base_bytes + params->dataset_extra_bytes) / PLAB_RX_ITEM_BYTES;
}

size_t plab_rx_dataset_bytes(const struct plab_rx_params *params) {
    return (size_t)plab_rx_dataset_items(params) * PLAB_RX_ITEM_BYTES;
}

static bool same_cache(const struct plab_rx_params *a, const struct plab_rx_params *b) {
    return a->argon_kib == b->argon_kib && a->argon_passes == b->argon_passes &&
           a->argon_lanes == b->argon_lanes && strcmp(a->argon_salt, b->argon_salt) == 0;
}

bool plab_rx_same_dataset(const struct plab_rx_params *a, const struct plab_rx_params *b) {
    return same_cache(a, b) && a->cache_accesses == b->cache_accesses &&
           a->superscalar_latency == b->superscalar_latency &&
           a->dataset_base_bytes == b->dataset_base_bytes &&
           a->dataset_extra_bytes == b->dataset_extra_bytes;
}
