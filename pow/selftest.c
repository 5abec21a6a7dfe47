/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/selftest.h"

#include <string.h>

#include "base/hex.h"
#include "pow/blake256.h"
#include "pow/blake2b.h"
#include "pow/groestl256.h"
#include "pow/hasher.h"
#include "pow/jh256.h"
#include "pow/randomx.h"
#include "pow/skein512.h"
#include "pow/tree_hash.h"

#define RX_KEY "test key 000"

/* A run under way. */
struct run {
    const struct plab_kernels *kernels;
    const struct plab_selftest_memory *memory;
    plab_selftest_report_fn *report;
    void *user;
    struct plab_error *err;
    bool failed;
};

static void report(struct run *run, const char *name, enum plab_selftest_result result) {
    if (run->report != NULL) {
        run->report(run->user, name, result);
    }
}

/* Compares and reports; the first difference becomes the error's text. */
static void compare(struct run *run, const char *name, const uint8_t *got, size_t len,
                    const char *want) {
    char hex[2 * PLAB_BLAKE2B_MAX_BYTES + 1];
    plab_hex_encode(got, len, hex);
    if (strcmp(hex, want) == 0) {
        report(run, name, PLAB_SELFTEST_PASSED);
        return;
    }
    if (!run->failed) {
        (void)plab_fail(run->err, PLAB_E_MISMATCH, "self-test of %s: got %s, want %s", name, hex,
                        want);
    }
    run->failed = true;
    report(run, name, PLAB_SELFTEST_FAILED);
}

/* Digests of the empty string. Source: monero@0aa9c51bd8eb:tests/hash/the files
 * tests-extra-blake.txt, -groestl, -jh, -skein and tests-fast.txt, line 1. */
static const struct {
    const char *name;
    void (*hash)(const uint8_t *data, size_t len, uint8_t out[32]);
    const char *want;
} digests[] = {
    {"blake256", plab_blake256, "716f6e863f744b9ac22c97ec7b76ea5f5908bc5b2f67c61510bfc4751384ea7a"},
    {"groestl256", plab_groestl256,
     "1a52d11d550039be16107f9c58db9ebcc417f16f736adb2502567119f0083467"},
    {"jh256", plab_jh256, "46e64619c18bb0a92a5e87185a47eef83ca747b8fcc8e1412921357e326df434"},
    {"skein512_256", plab_skein512_256,
     "39ccc4554a8b31853b9de7a1fe638a24cce6b35a55f2431009e18780335d2621"},
    {"keccak256", plab_cn_fast_hash,
     "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
};

/* BLAKE2b-512 of "abc". Source: RFC 7693 appendix A. */
static const char blake2b_abc[] =
    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";

static void check_digests(struct run *run) {
    uint8_t got[PLAB_BLAKE2B_MAX_BYTES];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(digests); i++) {
        digests[i].hash(NULL, 0, got);
        compare(run, digests[i].name, got, 32, digests[i].want);
    }
    plab_blake2b_hash(got, sizeof got, "abc", 3);
    compare(run, "blake2b", got, sizeof got, blake2b_abc);
}

/* The permutation of the zero state: its first four words. Source: the Keccak team's
 * KeccakF-1600-IntermediateValues.txt. */
static void check_keccak_kernel(struct run *run) {
    uint64_t state[25] = {0};
    run->kernels->keccak_f1600(state);
    compare(run, "keccak_f1600", (const uint8_t *)state, 32,
            "e7dde140798f25f18a47c033f9ccd584eea95aa61e2698d54d49806f304715bd");
}

#define TEXT_44 "This is a test This is a test This is a test"

/* One hash each; of cn/0 one for each function that can come last. */
struct known_hash {
    const char *name;
    const char *algo;
    const char *input;
    uint64_t height; /* cn/r */
    bool pow_value;  /* compare the commitment */
    const char *want;
};

/* Source: monero@0aa9c51bd8eb:tests/hash/tests-slow.txt, -2, -4; xmr-stak@67cf951b15cc:
 * xmrstak/backend/cpu/minethd.cpp; MoneroOcean/node-powhash@2507f7e10c43:tests/cryptonight.txt */
static const struct known_hash cryptonight[] = {
    {"cn/0 (BLAKE)", "cn/0", "de omnibus dubitandum", 0, false,
     "2f8e3df40bd11f9ac90c743ca8e32bb391da4fb98612aa3b6cdc639ee00b31f5"},
    {"cn/0 (Groestl)", "cn/0", "This is a test", 0, false,
     "a084f01d1437a09c6985401b60d43554ae105802c5f5d8a9b3253649c0be6605"},
    {"cn/0 (JH)", "cn/0", "caveat emptor", 0, false,
     "bbec2cacf69866a8e740380fe7b818fc78f8571221742d729d9d02d7f8989b87"},
    {"cn/0 (Skein)", "cn/0", "ex nihilo nihil fit", 0, false,
     "b1257de4efc5ce28c6b40ceb1c6c8f812a64634eb3e81c5220bee9b2b76a6f05"},
    {"cn/1", "cn/1", TEXT_44, 0, false,
     "0157c5ee188bbec8975285a3064ee92065217672fd69a1aebd0766c7b56ee0bd"},
    {"cn/2", "cn/2", TEXT_44, 0, false,
     "353fdc068fd47b03c04b9431e005e00b68c2168a3cc7335c8b9b308156591a4f"},
    {"cn/r", "cn/r", TEXT_44, 1806260, false,
     "f759588ad57e758467295443a9bd71490abff8e9dad1b95b6bf2f5d0d78387bc"},
};

/* With RX_KEY. Source: tevador/RandomX@9fbab826dac4:src/tests/tests.cpp. */
static const struct known_hash randomx[] = {
    {"rx/0", "rx/0", "This is a test", 0, false,
     "639183aae1bf4c9a35884cb46b09cad9175f04efd7684e7262a0ac1c2f0b4e3f"},
    {"rx/2", "rx/2", "Lorem ipsum dolor sit amet", 0, false,
     "9e2c772c12fd48f93c14c97fdc89d556264d9100597023f44d9163e279012ecf"},
    {"rx/2 (commitment)", "rx/2", "This is a test", 0, true,
     "133be717399046b03ae82ce8ddd9d1ee4d3ea7fca03a50dec09b6848cbb98e18"},
};

/* `cache` is NULL for CryptoNight. */
static enum plab_status check_hash(struct run *run, const struct known_hash *known,
                                   const struct plab_rx_cache *cache) {
    const uint8_t *input = (const uint8_t *)known->input;
    size_t len = strlen(known->input);
    const struct plab_algo *algo = NULL;
    struct plab_hasher *hasher = NULL;
    uint8_t hash[PLAB_HASH_BYTES], value[PLAB_HASH_BYTES];
    enum plab_status status = plab_algo_find(known->algo, &algo, run->err);
    if (status != PLAB_OK) {
        return status;
    }
    status = plab_hasher_create(&hasher, algo, run->kernels, 1, run->memory->scratchpad);
    if (status != PLAB_OK) {
        return plab_fail(run->err, status, "self-test of %s: no memory for it", known->name);
    }
    plab_hasher_set_height(hasher, known->height);
    plab_hasher_set_seed(hasher, cache, NULL, 0);
    plab_hasher_hash(hasher, input, len, hash);
    plab_hasher_destroy(&hasher);
    plab_algo_pow_value(algo, input, len, hash, value);
    compare(run, known->name, known->pow_value ? value : hash, PLAB_HASH_BYTES, known->want);
    return PLAB_OK;
}

static enum plab_status check_cryptonight(struct run *run) {
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cryptonight) && status == PLAB_OK; i++) {
        status = check_hash(run, &cryptonight[i], NULL);
    }
    return status;
}

/* All of them share one cache, and so one key. */
static enum plab_status check_randomx(struct run *run) {
    struct plab_rx_cache *cache = NULL;
    if (run->memory->rx_cache == NULL) {
        for (size_t i = 0; i < PLAB_ARRAY_LEN(randomx); i++) {
            report(run, randomx[i].name, PLAB_SELFTEST_LEFT_OUT);
        }
        return PLAB_OK;
    }
    enum plab_status status =
        plab_rx_cache_create(&cache, &plab_rx_params_0, run->kernels, run->memory->rx_cache);
    if (status != PLAB_OK) {
        return plab_fail(run->err, status, "self-test: no memory for a RandomX cache");
    }
    status = plab_rx_cache_build(cache, (const uint8_t *)RX_KEY, sizeof RX_KEY - 1, NULL, run->err);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(randomx) && status == PLAB_OK; i++) {
        status = check_hash(run, &randomx[i], cache);
    }
    plab_rx_cache_destroy(&cache);
    return status;
}

enum plab_status plab_selftest_run(const struct plab_kernels *kernels,
                                   const struct plab_selftest_memory *memory,
                                   plab_selftest_report_fn *report_fn, void *user,
                                   struct plab_error *err) {
    struct run run = {
        .kernels = kernels, .memory = memory, .report = report_fn, .user = user, .err = err};
    check_digests(&run);
    check_keccak_kernel(&run);
    enum plab_status status = check_cryptonight(&run);
    if (status == PLAB_OK) {
        status = check_randomx(&run);
    }
    return status == PLAB_OK && run.failed ? PLAB_E_MISMATCH : status;
}
