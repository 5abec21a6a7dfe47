/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/algo.h"

#include <string.h>

#include "base/suggest.h"
#include "pow/cryptonight.h"
#include "pow/randomx.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static const struct plab_algo algorithms[] = {
    {
        .name = "cn/0",
        .note = "CryptoNight as first published",
        .family = PLAB_FAMILY_CRYPTONIGHT,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .cn = &plab_cn_params_0,
    },
    {
        .name = "cn/1",
        .note = "Monero from April 2018 (version 7)",
        .family = PLAB_FAMILY_CRYPTONIGHT,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .min_input_bytes = PLAB_CN_V1_INPUT_MIN_BYTES,
        .cn = &plab_cn_params_1,
    },
    {
        .name = "cn/2",
        .note = "Monero from October 2018 (version 8)",
        .family = PLAB_FAMILY_CRYPTONIGHT,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .cn = &plab_cn_params_2,
    },
    {
        .name = "cn/r",
        .note = "Monero from March 2019 (version 10)",
        .family = PLAB_FAMILY_CRYPTONIGHT,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_height = true,
        .cn = &plab_cn_params_r,
    },
    {
        .name = "rx/0",
        .note = "RandomX: Monero from November 2019",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_0,
    },
    {
        .name = "rx/2",
        .note = "RandomX version 2, with commitment",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .has_commitment = true,
        .rx = &plab_rx_params_2,
    },
    {
        .name = "rx/wow",
        .note = "Wownero",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 1 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_wow,
    },
    {
        .name = "rx/arq",
        .note = "ArQmA",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 256 * KIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_arq,
    },
    {
        .name = "rx/graft",
        .note = "Graft",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_graft,
    },
    {
        .name = "rx/sfx",
        .note = "Safex",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_sfx,
    },
    {
        .name = "rx/yada",
        .note = "YadaCoin; hash and bench only",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET_MAX,
        .needs_seed = true,
        .no_pool = true,
        .rx = &plab_rx_params_yada,
    },
    {
        .name = "rx/keva",
        .note = "Kevacoin",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 1 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_keva,
    },
    {
        .name = "rx/loki",
        .note = "Loki, before its proof of stake",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 2 * MIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_loki,
    },
    {
        .name = "rx/xeq",
        .note = "Equilibria",
        .family = PLAB_FAMILY_RANDOMX,
        .scratchpad_bytes = 256 * KIB,
        .nonce_offset = PLAB_NONCE_OFFSET,
        .needs_seed = true,
        .rx = &plab_rx_params_xeq,
    },
};

const struct plab_algo *plab_algo_list(size_t *count) {
    *count = PLAB_ARRAY_LEN(algorithms);
    return algorithms;
}

/* "cn/0, cn/1, ..." for a message. */
static void join_names(char *out, size_t out_cap) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < PLAB_ARRAY_LEN(algorithms); i++) {
        size_t len = strlen(algorithms[i].name);
        size_t comma = i > 0 ? 2 : 0;
        if (used + comma + len >= out_cap) {
            return;
        }
        memcpy(out + used, ", ", comma);
        memcpy(out + used + comma, algorithms[i].name, len + 1);
        used += comma + len;
    }
}

static enum plab_status fail_unknown(const char *name, struct plab_error *err) {
    const char *names[PLAB_ARRAY_LEN(algorithms)];
    char known[200];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(algorithms); i++) {
        names[i] = algorithms[i].name;
    }
    const char *nearest = plab_suggest(name, names, PLAB_ARRAY_LEN(algorithms));
    if (nearest != NULL) {
        return plab_fail(err, PLAB_E_USAGE, "unknown algorithm '%.40s', did you mean '%s'?", name,
                         nearest);
    }
    join_names(known, sizeof known);
    return plab_fail(err, PLAB_E_USAGE, "unknown algorithm '%.40s', known are: %s", name, known);
}

enum plab_status plab_algo_find(const char *name, const struct plab_algo **out,
                                struct plab_error *err) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(algorithms); i++) {
        if (strcmp(name, algorithms[i].name) == 0) {
            *out = &algorithms[i];
            return PLAB_OK;
        }
    }
    return fail_unknown(name, err);
}

enum plab_status plab_algo_check_pool(const struct plab_algo *algo, struct plab_error *err) {
    if (algo->no_pool) {
        return plab_fail(err, PLAB_E_USAGE,
                         "%s is for hash and bench only: its nonce is at byte %u, its blobs are no "
                         "Monero blobs, and its pools write targets big-endian",
                         algo->name, (unsigned)algo->nonce_offset);
    }
    return PLAB_OK;
}
