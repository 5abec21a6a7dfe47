/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated chain: determinism, form, heights, seed rotation. */
#include "pool/chain.h"
#include "tests/harness.h"

static const struct plab_algo rx = {
    .name = "rx/0", .family = PLAB_FAMILY_RANDOMX, .needs_seed = true};
static const struct plab_algo cn = {.name = "cn/1", .family = PLAB_FAMILY_CRYPTONIGHT};

static struct plab_chain_config configure(const struct plab_algo *algo) {
    return (struct plab_chain_config){.algo = algo,
                                      .prng_seed = 42,
                                      .start_height = 1000,
                                      .difficulty = 5000,
                                      .tx_max = 24,
                                      .instance = 7};
}

static size_t next_blob(struct plab_chain *chain, uint8_t out[PLAB_BLOCK_HASHING_MAX]) {
    struct plab_template *tmpl;
    CHECK(plab_chain_template(chain, 1700000000, &tmpl, NULL) == PLAB_OK);
    size_t len = plab_template_hashing_blob(tmpl, 0, out);
    plab_template_unref(&tmpl);
    return len;
}

TEST(chain, equal_seeds_give_equal_chains) {
    struct plab_chain_config config = configure(&rx);
    struct plab_chain a, b, c;
    uint8_t blob_a[PLAB_BLOCK_HASHING_MAX], blob_b[PLAB_BLOCK_HASHING_MAX], id[32];
    plab_chain_init(&a, &config);
    plab_chain_init(&b, &config);
    config.prng_seed = 43;
    plab_chain_init(&c, &config);
    for (int i = 0; i < 20; i++) {
        size_t len = next_blob(&a, blob_a);
        CHECK_U64(next_blob(&b, blob_b), len);
        CHECK_MEM(blob_a, blob_b, len);
        next_blob(&c, blob_b);
        CHECK(memcmp(blob_a, blob_b, 76) != 0);
        plab_block_id(blob_a, len, id);
        plab_chain_advance(&a, id);
        plab_chain_advance(&b, id);
    }
    CHECK_U64(a.height, 1020);
}

TEST(chain, templates_are_monero_blocks_on_the_tip) {
    const struct plab_algo *algos[] = {&rx, &cn};
    static const uint64_t major[] = {16, 7};
    for (size_t i = 0; i < 2; i++) {
        struct plab_chain_config config = configure(algos[i]);
        struct plab_chain chain;
        struct plab_template *tmpl;
        plab_chain_init(&chain, &config);
        CHECK(plab_chain_template(&chain, 1700000000, &tmpl, NULL) == PLAB_OK);
        CHECK_U64(tmpl->block.major, major[i]);
        CHECK_U64(tmpl->block.timestamp, 1700000000);
        CHECK_U64(tmpl->block.height, 1000);
        CHECK_U64(tmpl->block.unlock_time, 1060);
        CHECK_MEM(tmpl->blob + tmpl->block.prev_id_at, chain.tip, 32);
        CHECK(tmpl->info.has_seed == algos[i]->needs_seed);
        plab_template_unref(&tmpl);
    }
}

TEST(chain, seeds_rotate_and_the_next_one_is_announced) {
    struct plab_chain_config config = configure(&rx);
    struct plab_chain chain;
    uint8_t announced[32] = {0}, current[32] = {0};
    bool was_announced = false;
    config.epoch_blocks = 8;
    CHECK_U64(plab_chain_lead(&config), 2);
    plab_chain_init(&chain, &config);
    for (uint64_t i = 0; i < 40; i++) {
        struct plab_template *tmpl;
        CHECK(plab_chain_template(&chain, 1700000000, &tmpl, NULL) == PLAB_OK);
        const struct plab_template_info *info = &tmpl->info;
        if (i % 8 == 0 && i > 0) {
            CHECK(was_announced);
            CHECK_MEM(info->seed, announced, 32);
            CHECK(memcmp(info->seed, current, 32) != 0);
        } else if (i > 0) {
            CHECK_MEM(info->seed, current, 32);
        }
        CHECK(info->has_next_seed == (i % 8 >= 6));
        was_announced = info->has_next_seed;
        memcpy(announced, info->next_seed, 32);
        memcpy(current, info->seed, 32);
        plab_template_unref(&tmpl);
        plab_chain_advance(&chain, current);
    }
}

TEST(chain, without_epochs_the_seed_stays) {
    struct plab_chain_config config = configure(&rx);
    CHECK_U64(plab_chain_epoch(&config, 1000000), 0);
    config.epoch_blocks = 1;
    CHECK_U64(plab_chain_epoch(&config, 1003), 3);
    CHECK_U64(plab_chain_lead(&config), 1);
    config.epoch_blocks = 2048;
    CHECK_U64(plab_chain_lead(&config), 64);
}
