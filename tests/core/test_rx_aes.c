/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/attr.h"
#include "base/prng.h"
#include "pow/aes_soft.h"
#include "pow/blake2b.h"
#include "pow/kernel.h"
#include "pow/rx_aes_keys.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

static void check_label(const char *label, const void *table, size_t len) {
    uint8_t want[64];
    plab_blake2b_hash(want, len, label, strlen(label));
    CHECK_MEM((const uint8_t *)table, want, len);
}

TEST(rx_aes, keys_are_hashes_of_their_labels) {
    check_label("RandomX AesGenerator1R keys", plab_rx_gen_1r_keys, 64);
    check_label("RandomX AesGenerator4R keys 0-3", plab_rx_gen_4r_keys, 64);
    check_label("RandomX AesGenerator4R keys 4-7", plab_rx_gen_4r_keys + 4, 64);
    check_label("RandomX AesGenerator4R keys", plab_rx_gen_4r_four_keys, 64);
    check_label("RandomX AesGenerator4R keys", plab_rx_gen_4r_four_keys + 4, 64);
    check_label("RandomX AesHash1R state", plab_rx_hash_1r_state, 64);
    check_label("RandomX AesHash1R xkeys", plab_rx_hash_1r_extra_keys, 32);
}

TEST(rx_aes, generator_1r_known_answer) {
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/rx_generator_1r.txt");
    while (plab_vector_next(&file)) {
        uint8_t state[64], want[64];
        PLAB_ALIGNED(64) uint8_t out[64];
        CHECK_U64(plab_vector_hex(&file, 0, state, sizeof state), 64);
        size_t want_len = plab_vector_hex(&file, 1, want, sizeof want);
        plab_rx_fill_1r_c(state, out, sizeof out);
        CHECK_MEM(out, want, want_len);
        CHECK_MEM(state, out, sizeof out);
    }
    CHECK_U64(plab_vector_close(&file), 1);
}

TEST(rx_aes, generator_4r_continues_from_its_state) {
    uint8_t state[64] = {1, 2, 3}, state_of_halves[64] = {1, 2, 3};
    PLAB_ALIGNED(64) uint8_t whole[256], halves[256];
    plab_rx_fill_4r_c(plab_rx_gen_4r_keys, state, whole, 256);
    plab_rx_fill_4r_c(plab_rx_gen_4r_keys, state_of_halves, halves, 128);
    plab_rx_fill_4r_c(plab_rx_gen_4r_keys, state_of_halves, halves + 128, 128);
    CHECK_MEM(halves, whole, sizeof whole);
    CHECK_MEM(state, whole + 192, 64);
}

/* The order of rounds: the key outside, the register inside, odd registers decrypt. */
TEST(rx_aes, mix_v2_applies_every_e_to_every_f) {
    PLAB_ALIGNED(16) uint8_t f[64], e[64], want[64];
    struct plab_prng rng = {7};
    plab_prng_fill(&rng, f, sizeof f);
    plab_prng_fill(&rng, e, sizeof e);
    for (int reg = 0; reg < 4; reg++) {
        struct plab_aes_block x = plab_aes_load(f + 16 * reg);
        for (int i = 0; i < 4; i++) {
            struct plab_aes_block key = plab_aes_load(e + 16 * i);
            x = reg % 2 == 0 ? plab_aes_enc_round(x, key) : plab_aes_dec_round(x, key);
        }
        plab_aes_store(want + 16 * reg, x);
    }
    plab_rx_mix_v2_c(f, e);
    CHECK_MEM(f, want, sizeof want);
}
