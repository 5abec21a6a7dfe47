/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "pow/randomx.h"

/* What all variants have in common. */
#define RANDOMX                                                                           \
    .argon_kib = 262144, .cache_accesses = 8, .dataset_base_bytes = UINT64_C(2147483648), \
    .dataset_extra_bytes = 33554368, .l1_bytes = 16384

#define ARGON(passes, lanes, salt) \
    .argon_passes = (passes), .argon_lanes = (lanes), .argon_salt = (salt)
#define LATENCY(cycles) .superscalar_latency = (cycles)
#define PROGRAMS(count, iterations, size) \
    .program_count = (count), .program_iterations = (iterations), .program_size = (size)
#define PAD_KIB(l2, l3) .l2_bytes = (l2)*1024, .l3_bytes = (l3)*1024
#define OPCODES(name) .opcodes = PLAB_RX_OPCODES_##name

/* A row each. Source: [RXSPEC] table 1.2.1 and the RandomX v2 design; the others:
 * xmrig@b2ca72480c58:src/crypto/randomx/randomx.cpp, rx/loki from its history, rx/keva and rx/xeq
 * from MoneroOcean's fork of it. */
#define VARIANT(name) const struct plab_rx_params plab_rx_params_##name
/* clang-format off */
VARIANT(0)     = {RANDOMX, ARGON(3, 1, "RandomX\x03"), LATENCY(170), PROGRAMS(8, 2048, 256),
                  PAD_KIB(256, 2048), OPCODES(BASE)};
VARIANT(2)     = {RANDOMX, ARGON(3, 1, "RandomX\x03"), LATENCY(170), PROGRAMS(8, 2048, 384),
                  PAD_KIB(256, 2048), OPCODES(BASE), .v2 = true};
VARIANT(wow)   = {RANDOMX, ARGON(3, 1, "RandomWOW\x01"), LATENCY(170), PROGRAMS(16, 1024, 256),
                  PAD_KIB(128, 1024), OPCODES(WOW), .four_keys = true};
VARIANT(arq)   = {RANDOMX, ARGON(1, 1, "RandomARQ\x01"), LATENCY(170), PROGRAMS(4, 1024, 256),
                  PAD_KIB(128, 256), OPCODES(BASE)};
VARIANT(graft) = {RANDOMX, ARGON(3, 2, "RandomX-Graft\x01"), LATENCY(170), PROGRAMS(8, 2048, 280),
                  PAD_KIB(256, 2048), OPCODES(GRAFT)};
VARIANT(sfx)   = {RANDOMX, ARGON(3, 1, "RandomSFX\x01"), LATENCY(170), PROGRAMS(8, 2048, 256),
                  PAD_KIB(256, 2048), OPCODES(BASE)};
VARIANT(yada)  = {RANDOMX, ARGON(4, 1, "RandomXYadaCoin\x03"), LATENCY(150), PROGRAMS(8, 2048, 256),
                  PAD_KIB(256, 2048), OPCODES(BASE)};
VARIANT(keva)  = {RANDOMX, ARGON(3, 1, "RandomKV\x01"), LATENCY(170), PROGRAMS(8, 2048, 256),
                  PAD_KIB(128, 1024), OPCODES(BASE)};
VARIANT(loki)  = {RANDOMX, ARGON(4, 2, "RandomXL\x12"), LATENCY(170), PROGRAMS(7, 2048, 320),
                  PAD_KIB(256, 2048), OPCODES(LOKI)};
VARIANT(xeq)   = {RANDOMX, ARGON(1, 1, "RandomXEQ\x01"), LATENCY(170), PROGRAMS(4, 1024, 256),
                  PAD_KIB(128, 256), OPCODES(BASE)};
/* clang-format on */

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
