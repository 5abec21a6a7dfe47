/* SPDX-License-Identifier: BSD-3-Clause */
/* Monero blocks: real templates and blocks of a daemon, and what is no block. */
#include <stdlib.h>

#include "daemon/block.h"
#include "daemon/template.h"
#include "pow/tree_hash.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

#define BLOB_MAX 8192

static struct plab_vector_file file;
static uint8_t blob[BLOB_MAX], want[BLOB_MAX];

static size_t first_template(void) {
    plab_vector_open(&file, "tests/vectors/monero_template.txt");
    CHECK(plab_vector_next(&file));
    size_t len = plab_vector_hex(&file, 0, blob, sizeof blob);
    plab_vector_close(&file);
    return len;
}

TEST(block, varints) {
    static const struct {
        uint64_t value;
        size_t len;
        uint8_t bytes[10];
    } cases[] = {
        {0, 1, {0}},
        {127, 1, {0x7f}},
        {128, 2, {0x80, 1}},
        {300, 2, {0xac, 2}},
        {UINT64_MAX, 10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[10] = {0};
        size_t used = 0;
        uint64_t value = 1;
        CHECK_U64(plab_varint_write(cases[i].value, out), cases[i].len);
        CHECK_MEM(out, cases[i].bytes, cases[i].len);
        CHECK(plab_varint_read(out, sizeof out, &used, &value) == PLAB_OK);
        CHECK_U64(value, cases[i].value);
        CHECK_U64(used, cases[i].len);
        CHECK(plab_varint_read(out, cases[i].len - 1, &used, &value) == PLAB_E_INPUT);
    }
    static const uint8_t bad[][11] = {
        {0x80, 0},                                                       /* longer than needed */
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2},       /* 2^64 and more */
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0}, /* eleven bytes */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t used;
        uint64_t value;
        CHECK(plab_varint_read(bad[i], sizeof bad[i], &used, &value) == PLAB_E_INPUT);
    }
}

TEST(block, daemon_templates_give_the_daemons_hashing_blob) {
    plab_vector_open(&file, "tests/vectors/monero_template.txt");
    while (plab_vector_next(&file)) {
        struct plab_block block;
        struct plab_block_branch branch;
        struct plab_error err;
        uint8_t hashing[PLAB_BLOCK_HASHING_MAX];
        size_t len = plab_vector_hex(&file, 0, blob, sizeof blob);
        CHECK(plab_block_parse(blob, len, &block, &err) == PLAB_OK);
        CHECK_U64(block.height, plab_vector_u64(&file, 2));
        CHECK_U64(block.tx_count, plab_vector_u64(&file, 4));
        CHECK_U64(block.nonce_at, 39);
        CHECK(plab_block_check_reserved(&block, plab_vector_u64(&file, 3), 16, &err) == PLAB_OK);
        CHECK(plab_block_branch_make(&block, blob, &branch) == PLAB_OK);
        size_t want_len = plab_vector_hex(&file, 1, want, sizeof want);
        CHECK_U64(plab_block_hashing_blob(&block, blob, &branch, hashing), want_len);
        CHECK_MEM(hashing, want, want_len);
    }
    CHECK_U64(plab_vector_close(&file), 3);
}

TEST(block, mined_blocks_have_the_daemons_ids) {
    plab_vector_open(&file, "tests/vectors/monero_block.txt");
    while (plab_vector_next(&file)) {
        struct plab_block block;
        struct plab_block_branch branch;
        uint8_t hashing[PLAB_BLOCK_HASHING_MAX], hash[32];
        size_t len = plab_vector_hex(&file, 0, blob, sizeof blob);
        CHECK(plab_block_parse(blob, len, &block, NULL) == PLAB_OK);
        CHECK_U64(block.height, plab_vector_u64(&file, 3));
        plab_block_miner_tx_hash(&block, blob, hash);
        plab_vector_hex(&file, 2, want, sizeof want);
        CHECK_MEM(hash, want, 32);
        CHECK(plab_block_branch_make(&block, blob, &branch) == PLAB_OK);
        size_t hashing_len = plab_block_hashing_blob(&block, blob, &branch, hashing);
        plab_block_id(hashing, hashing_len, hash);
        plab_vector_hex(&file, 1, want, sizeof want);
        CHECK_MEM(hash, want, 32);
    }
    CHECK_U64(plab_vector_close(&file), 2);
}

/* The branch is a shortcut; the tree over all leaves is the definition. */
TEST(block, branch_agrees_with_the_tree_for_any_count) {
    enum { MAX = 140 };
    static uint8_t leaves[MAX][32], hashing[PLAB_BLOCK_HASHING_MAX], root[32];
    size_t fixed = first_template();
    fixed -= 1; /* the template ends in "no transactions" */
    for (size_t txs = 0; txs < MAX; txs++) {
        struct plab_block block;
        struct plab_block_branch branch;
        size_t at = fixed + plab_varint_write(txs, blob + fixed);
        for (size_t i = 0; i < txs * 32; i++) {
            blob[at + i] = (uint8_t)(i * 7 + txs);
        }
        CHECK(plab_block_parse(blob, at + txs * 32, &block, NULL) == PLAB_OK);
        CHECK(plab_block_branch_make(&block, blob, &branch) == PLAB_OK);
        size_t len = plab_block_hashing_blob(&block, blob, &branch, hashing);
        CHECK_U64(len, txs + 1 < 128 ? 76 : 77);
        plab_block_miner_tx_hash(&block, blob, leaves[0]);
        memcpy(leaves[1], blob + at, txs * 32);
        plab_tree_hash(leaves, txs + 1, root);
        CHECK_MEM(hashing + block.header_len, root, 32);
    }
}

TEST(block, version_1_is_hashed_whole) {
    /* The smallest block of that age: an output to a key, no extra, no signature type. */
    uint8_t old[200] = {1, 0, 5};
    size_t at = 3 + 32 + 4, tx_at = at;
    static const uint8_t tx_head[] = {1, 60, 1, 0xff, 9, 1, 7, 2};
    memcpy(old + at, tx_head, sizeof tx_head);
    at += sizeof tx_head + 32;
    old[at++] = 0; /* extra */
    size_t tx_len = at - tx_at;
    old[at++] = 0; /* transactions */
    struct plab_block block;
    uint8_t hash[32], whole[32];
    CHECK(plab_block_parse(old, at, &block, NULL) == PLAB_OK);
    CHECK_U64(block.height, 9);
    CHECK_U64(block.nonce_field_len, 0);
    plab_block_miner_tx_hash(&block, old, hash);
    plab_cn_fast_hash(old + tx_at, tx_len, whole);
    CHECK_MEM(hash, whole, 32);
}

TEST(block, every_cut_is_refused) {
    size_t len = first_template();
    struct plab_block block;
    struct plab_error err;
    for (size_t cut = 0; cut < len; cut++) {
        /* A heap copy of the exact size, so that ASan sees a read past the end. */
        uint8_t *copy = malloc(cut > 0 ? cut : 1);
        memcpy(copy, blob, cut);
        CHECK(plab_block_parse(copy, cut, &block, &err) == PLAB_E_INPUT);
        free(copy);
    }
    blob[len] = 0;
    CHECK(plab_block_parse(blob, len + 1, &block, &err) == PLAB_E_INPUT);
}

TEST(block, damaged_bytes_never_reach_outside) {
    size_t len = first_template();
    uint8_t *copy = malloc(len);
    struct plab_block block;
    for (size_t at = 0; at < len; at++) {
        for (unsigned value = 0; value < 256; value += 17) {
            memcpy(copy, blob, len);
            copy[at] = (uint8_t)value;
            if (plab_block_parse(copy, len, &block, NULL) == PLAB_OK) {
                uint8_t hash[32];
                CHECK(block.nonce_field_at + block.nonce_field_len <= len);
                CHECK(block.tx_hashes_at + block.tx_count * 32 <= len);
                plab_block_miner_tx_hash(&block, copy, hash);
            }
        }
    }
    free(copy);
}

TEST(block, hostile_counts) {
    /* Number of transactions 2^64 - 1: count * 32 would wrap. */
    size_t len = first_template() - 1;
    struct plab_block block;
    len += plab_varint_write(UINT64_MAX, blob + len);
    CHECK(plab_block_parse(blob, len, &block, NULL) == PLAB_E_INPUT);
    len = first_template() - 1;
    len += plab_varint_write((UINT64_MAX / 32) + 2, blob + len);
    memset(blob + len, 0, 64);
    CHECK(plab_block_parse(blob, len + 32, &block, NULL) == PLAB_E_INPUT);
}

TEST(block, reserved_bytes_must_be_in_the_extra_nonce) {
    size_t len = first_template();
    struct plab_block block;
    CHECK(plab_block_parse(blob, len, &block, NULL) == PLAB_OK);
    CHECK_U64(block.nonce_field_at, 126);
    CHECK_U64(block.nonce_field_len, 16);
    CHECK(plab_block_check_reserved(&block, 126, 16, NULL) == PLAB_OK);
    CHECK(plab_block_check_reserved(&block, 125, 16, NULL) == PLAB_E_INPUT);
    CHECK(plab_block_check_reserved(&block, 127, 16, NULL) == PLAB_E_INPUT);
    CHECK(plab_block_check_reserved(&block, len + 100, 1, NULL) == PLAB_E_INPUT);
    CHECK(plab_block_check_reserved(&block, SIZE_MAX, 16, NULL) == PLAB_E_INPUT);
}

TEST(block, template_writes_nonces_and_nothing_else) {
    struct plab_template_info info = {.height = 1, .difficulty = 100, .reserved_at = 126};
    struct plab_template *tmpl;
    struct plab_error err;
    size_t len = first_template();
    uint8_t a[PLAB_BLOCK_HASHING_MAX], b[PLAB_BLOCK_HASHING_MAX];
    static const uint8_t nonce[4] = {1, 2, 3, 4};
    CHECK(plab_template_create(&tmpl, blob, len, &info, &err) == PLAB_OK);
    size_t a_len = plab_template_hashing_blob(tmpl, 0, a);
    CHECK_U64(plab_template_hashing_blob(tmpl, 1, b), a_len);
    CHECK(memcmp(a, b, a_len) != 0);
    CHECK_MEM(a, b, 43);
    uint8_t *block = plab_template_block(tmpl, 7, nonce);
    CHECK(block != NULL);
    CHECK_MEM(block + 39, nonce, 4);
    CHECK_U64(block[126 + 8], 7);
    memset(block + 39, 0, 4);
    block[126 + 8] = 0;
    CHECK_MEM(block, blob, len);
    free(block);
    plab_template_unref(&tmpl);
    info.height = 2;
    CHECK(plab_template_create(&tmpl, blob, len, &info, &err) == PLAB_E_INPUT);
    info.height = 1;
    info.reserved_at = 500;
    CHECK(plab_template_create(&tmpl, blob, len, &info, &err) == PLAB_E_INPUT);
    CHECK(tmpl == NULL);
}

TEST(block, difficulty_at_the_edges) {
    uint8_t hash[32] = {0};
    CHECK(!plab_block_difficulty_met(hash, 0));
    CHECK(plab_block_difficulty_met(hash, UINT64_MAX));
    memset(hash, 0xff, 32);
    CHECK(plab_block_difficulty_met(hash, 1));
    CHECK(!plab_block_difficulty_met(hash, 2));
    memset(hash, 0, 32);
    hash[31] = 0x80; /* 2^255 */
    CHECK(plab_block_difficulty_met(hash, 1));
    CHECK(!plab_block_difficulty_met(hash, 2));
    hash[31] = 0x7f;
    memset(hash, 0xff, 31);
    CHECK(plab_block_difficulty_met(hash, 2));
    CHECK(!plab_block_difficulty_met(hash, 3));
    memset(hash, 0, 32);
    hash[0] = 1;
    CHECK(plab_block_difficulty_met(hash, UINT64_MAX));
}
