/* SPDX-License-Identifier: BSD-3-Clause */
/* Primitives of RandomX against OpenSSL, on random data. */
#include <openssl/evp.h>

#include "base/prng.h"
#include "pow/aes_soft.h"
#include "pow/blake2b.h"
#include "tests/harness.h"
#include "tests/rx_fixture.h"

TEST(openssl, blake2b_512_of_random_data) {
    struct plab_prng rng = {plab_test_seed("openssl")};
    for (int i = 0; i < 500; i++) {
        uint8_t data[600], ours[64], theirs[64];
        size_t len = plab_prng_below(&rng, sizeof data + 1);
        plab_prng_fill(&rng, data, len);
        plab_blake2b_hash(ours, sizeof ours, data, len);
        CHECK(EVP_Digest(data, len, theirs, NULL, EVP_blake2b512(), NULL) == 1);
        CHECK_MEM(ours, theirs, sizeof theirs);
    }
}

/* OpenSSL has whole AES only, so AES-128 is put together from our rounds. What the rounds don't
 * give is taken from their tables: the second byte of a column of enc_table[0] is the bare S-box.
 */
static uint8_t sbox(uint8_t value) {
    return (uint8_t)(plab_aes_enc_table[0][value] >> 8);
}

static uint8_t inverse_sbox(uint8_t value) {
    uint8_t x = 0;
    while (sbox(x) != value) {
        x++;
    }
    return x;
}

/* SubBytes and ShiftRows, or their inverses. */
static struct plab_aes_block last_round(struct plab_aes_block x, bool encrypt) {
    uint8_t in[16], out[16];
    plab_aes_store(in, x);
    for (int i = 0; i < 16; i++) {
        int from = (encrypt ? i + 4 * (i % 4) : i + 16 - 4 * (i % 4)) % 16;
        out[i] = encrypt ? sbox(in[from]) : inverse_sbox(in[from]);
    }
    return plab_aes_load(out);
}

/* FIPS 197 section 5.2, for 128 bits. */
static void expand_key(const uint8_t key[16], struct plab_aes_block round_keys[11]) {
    uint8_t w[176], rcon = 1;
    memcpy(w, key, 16);
    for (int i = 16; i < 176; i += 4) {
        uint8_t word[4];
        memcpy(word, w + i - 4, 4);
        if (i % 16 == 0) {
            uint8_t first = word[0];
            word[0] = sbox(word[1]) ^ rcon;
            word[1] = sbox(word[2]);
            word[2] = sbox(word[3]);
            word[3] = sbox(first);
            rcon = (uint8_t)(rcon << 1 ^ (rcon >> 7) * 0x1B);
        }
        for (int j = 0; j < 4; j++) {
            w[i + j] = w[i - 16 + j] ^ word[j];
        }
    }
    for (int i = 0; i < 11; i++) {
        round_keys[i] = plab_aes_load(w + 16 * i);
    }
}

/* InvMixColumns: a decryption round behind a last encryption round, which undo each other but for
 * it. */
static struct plab_aes_block inverse_mix_columns(struct plab_aes_block x) {
    return plab_aes_dec_round(last_round(x, true), (struct plab_aes_block){0, 0});
}

static void our_aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16], bool encrypt) {
    struct plab_aes_block k[11];
    expand_key(key, k);
    struct plab_aes_block x = plab_aes_xor(plab_aes_load(in), k[encrypt ? 0 : 10]);
    for (int round = 1; round < 10; round++) {
        x = encrypt ? plab_aes_enc_round(x, k[round])
                    : plab_aes_dec_round(x, inverse_mix_columns(k[10 - round]));
    }
    plab_aes_store(out, plab_aes_xor(last_round(x, encrypt), k[encrypt ? 10 : 0]));
}

static void openssl_aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16],
                           bool encrypt) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    CHECK(ctx != NULL);
    CHECK(EVP_CipherInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL, encrypt) == 1);
    CHECK(EVP_CIPHER_CTX_set_padding(ctx, 0) == 1);
    CHECK(EVP_CipherUpdate(ctx, out, &len, in, 16) == 1 && len == 16);
    EVP_CIPHER_CTX_free(ctx);
}

TEST(openssl, aes_rounds_make_aes_128) {
    struct plab_prng rng = {plab_test_seed("openssl")};
    for (int i = 0; i < 400; i++) {
        uint8_t key[16], in[16], ours[16], theirs[16];
        plab_prng_fill(&rng, key, sizeof key);
        plab_prng_fill(&rng, in, sizeof in);
        our_aes128(key, in, ours, i % 2 == 0);
        openssl_aes128(key, in, theirs, i % 2 == 0);
        CHECK_MEM(ours, theirs, sizeof theirs);
    }
}
