/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RandomX's AES generators and hash, and the v2 register mix, with AES rounds in software.
 *
 * Source: [RXSPEC] sections 3.2 to 3.4; RandomX v2 design for the mix.
 */
#include "pow/aes_soft.h"
#include "pow/kernel.h"
#include "pow/rx_aes_keys.h"

const uint64_t plab_rx_gen_1r_keys[4][2] = {
    {UINT64_C(0x627166096DACA553), UINT64_C(0xB4F44917DBB5552B)},
    {UINT64_C(0x846A710D6D7CAF07), UINT64_C(0x0DA1DC4E1725D378)},
    {UINT64_C(0x9F947EC63F1262F1), UINT64_C(0x3E20E345F4C0794F)},
    {UINT64_C(0xB1BA317C6AEF8135), UINT64_C(0x4916915416314C88)},
};

const uint64_t plab_rx_gen_4r_keys[8][2] = {
    {UINT64_C(0xD1833DDB6421AADD), UINT64_C(0x99E5D23F2F546D2B)},
    {UINT64_C(0xB6913F55B20E3450), UINT64_C(0xA5DFCDE506F79D53)},
    {UINT64_C(0x515E7BAF5C3ED904), UINT64_C(0x171C02BF0AA4679F)},
    {UINT64_C(0xE78F5D0885623763), UINT64_C(0xD8DED291CD673785)},
    {UINT64_C(0xE3D6A7A6B5826F73), UINT64_C(0x229EFFB43D518B6D)},
    {UINT64_C(0x9C10B3D9C7566BF3), UINT64_C(0xB272B7D2E9024D4E)},
    {UINT64_C(0xF765A38BF273C9E7), UINT64_C(0xF63BEFA72BA9660A)},
    {UINT64_C(0x915839DE7A7CD609), UINT64_C(0xC0B0762D0C06D1FD)},
};

const uint64_t plab_rx_gen_4r_four_keys[8][2] = {
    {UINT64_C(0x7FFBE4A6F890465D), UINT64_C(0xCF359E95141F82B7)},
    {UINT64_C(0xFEE8278A6A55C450), UINT64_C(0x6741FFDCBD5C5AC3)},
    {UINT64_C(0xD524FDE4114C47A4), UINT64_C(0x3D324AACA7279AD2)},
    {UINT64_C(0x99A9AEFF810C3A2A), UINT64_C(0x76F6DB0842D3DBD9)},
    {UINT64_C(0x7FFBE4A6F890465D), UINT64_C(0xCF359E95141F82B7)},
    {UINT64_C(0xFEE8278A6A55C450), UINT64_C(0x6741FFDCBD5C5AC3)},
    {UINT64_C(0xD524FDE4114C47A4), UINT64_C(0x3D324AACA7279AD2)},
    {UINT64_C(0x99A9AEFF810C3A2A), UINT64_C(0x76F6DB0842D3DBD9)},
};

const uint64_t plab_rx_hash_1r_state[4][2] = {
    {UINT64_C(0x9FA856DE92B52C0D), UINT64_C(0xD7983AADCC82DB47)},
    {UINT64_C(0x15C7B798338D996E), UINT64_C(0xACE78057F59E125A)},
    {UINT64_C(0xAE62C7D06A770017), UINT64_C(0xE8A07CE45079506B)},
    {UINT64_C(0x07AD828D630A240C), UINT64_C(0x7E99494879A10005)},
};

const uint64_t plab_rx_hash_1r_extra_keys[2][2] = {
    {UINT64_C(0x8B24949FF6FA8389), UINT64_C(0x0689020190DC56BF)},
    {UINT64_C(0x51F4E03C61B263D1), UINT64_C(0xED18F99BEE1043C6)},
};

struct columns {
    struct plab_aes_block c[4];
};

static struct columns load_columns(const uint8_t *p) {
    return (struct columns){
        {plab_aes_load(p), plab_aes_load(p + 16), plab_aes_load(p + 32), plab_aes_load(p + 48)}};
}

static void store_columns(uint8_t *p, const struct columns *s) {
    for (int i = 0; i < 4; i++) {
        plab_aes_store(p + 16 * i, s->c[i]);
    }
}

static struct plab_aes_block key(const uint64_t words[2]) {
    return (struct plab_aes_block){words[0], words[1]};
}

void plab_rx_fill_1r_c(uint8_t state[64], uint8_t *out, size_t out_bytes) {
    const uint64_t(*k)[2] = plab_rx_gen_1r_keys;
    struct columns s = load_columns(state);
    for (size_t at = 0; at < out_bytes; at += 64) {
        s.c[0] = plab_aes_dec_round(s.c[0], key(k[0]));
        s.c[1] = plab_aes_enc_round(s.c[1], key(k[1]));
        s.c[2] = plab_aes_dec_round(s.c[2], key(k[2]));
        s.c[3] = plab_aes_enc_round(s.c[3], key(k[3]));
        store_columns(out + at, &s);
    }
    store_columns(state, &s);
}

void plab_rx_fill_4r_c(const uint64_t keys[8][2], uint8_t state[64], uint8_t *out,
                       size_t out_bytes) {
    const uint64_t(*k)[2] = keys;
    struct columns s = load_columns(state);
    for (size_t at = 0; at < out_bytes; at += 64) {
        for (int round = 0; round < 4; round++) {
            s.c[0] = plab_aes_dec_round(s.c[0], key(k[round]));
            s.c[1] = plab_aes_enc_round(s.c[1], key(k[round]));
            s.c[2] = plab_aes_dec_round(s.c[2], key(k[round + 4]));
            s.c[3] = plab_aes_enc_round(s.c[3], key(k[round + 4]));
        }
        store_columns(out + at, &s);
    }
    store_columns(state, &s);
}

/* One round of the hash: columns 0 and 2 encrypt, 1 and 3 decrypt. */
static struct columns hash_round(struct columns s, const struct columns *keys) {
    s.c[0] = plab_aes_enc_round(s.c[0], keys->c[0]);
    s.c[1] = plab_aes_dec_round(s.c[1], keys->c[1]);
    s.c[2] = plab_aes_enc_round(s.c[2], keys->c[2]);
    s.c[3] = plab_aes_dec_round(s.c[3], keys->c[3]);
    return s;
}

void plab_rx_hash_1r_c(const uint8_t *in, size_t in_bytes, uint8_t out[64]) {
    struct columns s;
    for (int i = 0; i < 4; i++) {
        s.c[i] = key(plab_rx_hash_1r_state[i]);
    }
    for (size_t at = 0; at < in_bytes; at += 64) {
        struct columns keys = load_columns(in + at);
        s = hash_round(s, &keys);
    }
    for (int i = 0; i < 2; i++) {
        struct plab_aes_block extra = key(plab_rx_hash_1r_extra_keys[i]);
        struct columns keys = {{extra, extra, extra, extra}};
        s = hash_round(s, &keys);
    }
    store_columns(out, &s);
}

void plab_rx_turn_1r_c(struct plab_rx_turn *turns, unsigned count, size_t pad_bytes) {
    for (unsigned i = 0; i < count; i++) {
        plab_rx_hash_1r_c(turns[i].pad, pad_bytes, turns[i].hash);
        plab_rx_fill_1r_c(turns[i].state, turns[i].pad, pad_bytes);
    }
}

void plab_rx_mix_v2_c(uint8_t f[64], const uint8_t e[64]) {
    struct columns s = load_columns(f);
    for (int i = 0; i < 4; i++) {
        struct plab_aes_block k = plab_aes_load(e + 16 * i);
        struct columns keys = {{k, k, k, k}};
        s = hash_round(s, &keys);
    }
    store_columns(f, &s);
}
