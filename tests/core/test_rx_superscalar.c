/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/rx_superscalar.h"

#include "base/bytes.h"
#include "base/prng.h"
#include "pow/blake2b.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

static void digest(const struct plab_rx_ss_program *program, uint8_t out[32]) {
    uint8_t record[8];
    struct plab_blake2b hash;
    plab_blake2b_init(&hash, 32, NULL, 0);
    for (uint32_t i = 0; i < program->size; i++) {
        const struct plab_rx_ss_instr *in = &program->instr[i];
        record[0] = in->kind;
        record[1] = in->dst;
        record[2] = in->src;
        record[3] = in->mod;
        plab_store32_le(record + 4, in->imm32);
        plab_blake2b_update(&hash, record, sizeof record);
    }
    plab_blake2b_final(&hash, out);
}

TEST(rx_superscalar, programs_have_the_published_digests) {
    static struct plab_rx_ss_program program;
    struct plab_rx_blake_gen gen = {.at = 0};
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/rx_superscalar.txt");
    for (uint64_t number = 0; plab_vector_next(&file); number++) {
        uint8_t key[60], want[32], got[32];
        size_t key_len = plab_vector_hex(&file, 0, key, sizeof key);
        CHECK_U64(plab_vector_u64(&file, 1), number);
        CHECK_U64(plab_vector_hex(&file, 2, want, sizeof want), 32);
        if (number == 0) {
            plab_rx_blake_gen_init(&gen, key, key_len);
        }
        plab_rx_ss_generate(&program, &gen, 170);
        digest(&program, got);
        CHECK_MEM(got, want, sizeof want);
    }
    CHECK_U64(plab_vector_close(&file), 10);
}

TEST(rx_superscalar, reciprocal_known_answers) {
    struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/rx_reciprocal.txt");
    while (plab_vector_next(&file)) {
        CHECK_U64(plab_rx_reciprocal((uint32_t)plab_vector_u64(&file, 0)),
                  plab_vector_u64(&file, 1));
    }
    CHECK_U64(plab_vector_close(&file), 7);
}

/* The batch runs as vector code; each lane must be what the single path gives. */
TEST(rx_superscalar, batch_equals_single_runs) {
    static struct plab_rx_ss_program program;
    struct plab_prng rng = {11};
    for (int round = 0; round < 20; round++) {
        uint8_t key[32];
        uint64_t batch[8][PLAB_RX_SS_BATCH], single[PLAB_RX_SS_BATCH][8];
        struct plab_rx_blake_gen gen;
        plab_prng_fill(&rng, key, sizeof key);
        plab_rx_blake_gen_init(&gen, key, sizeof key);
        plab_rx_ss_generate(&program, &gen, 170);
        for (int item = 0; item < PLAB_RX_SS_BATCH; item++) {
            for (int reg = 0; reg < 8; reg++) {
                batch[reg][item] = single[item][reg] = plab_prng_next(&rng);
            }
            plab_rx_ss_run(&program, single[item]);
        }
        plab_rx_ss_run_batch(&program, batch);
        for (int item = 0; item < PLAB_RX_SS_BATCH; item++) {
            for (int reg = 0; reg < 8; reg++) {
                CHECK_U64(batch[reg][item], single[item][reg]);
            }
        }
    }
}
