/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TLS engine against OpenSSL's own other side: both roles, whole and byte by byte, and whatever
 * a peer can do wrong. T and a number: the case in the list of hostile input.
 */
#include "net/tls.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/prng.h"
#include "tests/harness.h"
#include "tests/unit/tls_peer.h"

#define DAY_S (INT64_C(24) * 60 * 60)
#define PIECES 2
static const size_t piece_sizes[PIECES] = {65536, 1};

/* One connection: our engine and OpenSSL. */
struct pair {
    struct plab_tls_context *context;
    struct plab_tls *tls;
    SSL_CTX *peer_context;
    struct tls_peer peer;
    size_t piece; /* bytes that are handed over at once */
    enum plab_status status;
    struct plab_error err;
    char got[65536]; /* plain text that our engine gave */
    size_t got_len;
};

static void take_plain(struct pair *pair) {
    size_t len;
    do {
        enum plab_status status = plab_tls_read(pair->tls, pair->got + pair->got_len,
                                                sizeof pair->got - pair->got_len, &len, &pair->err);
        pair->status = pair->status == PLAB_OK ? status : pair->status;
        pair->got_len += len;
    } while (len > 0);
}

static void feed(struct pair *pair, const void *bytes, size_t len) {
    enum plab_status status = plab_tls_feed(pair->tls, bytes, len, &pair->err);
    pair->status = pair->status == PLAB_OK ? status : pair->status;
    take_plain(pair);
}

static size_t carry_out(struct pair *pair) {
    size_t len;
    const char *bytes = plab_tls_output(pair->tls, &len);
    for (size_t at = 0; at < len; at += pair->piece) {
        tls_peer_feed(&pair->peer, bytes + at, len - at < pair->piece ? len - at : pair->piece);
    }
    plab_tls_output_sent(pair->tls);
    return len;
}

static size_t carry_in(struct pair *pair) {
    static char bytes[262144];
    size_t len = tls_peer_output(&pair->peer, bytes, sizeof bytes);
    for (size_t at = 0; at < len && pair->status == PLAB_OK; at += pair->piece) {
        feed(pair, bytes + at, len - at < pair->piece ? len - at : pair->piece);
    }
    return len;
}

/* Carries bytes to and fro until nobody has any. */
static void pump(struct pair *pair) {
    while (carry_out(pair) + carry_in(pair) > 0) {
    }
}

static void finish_pair(struct pair *pair) {
    tls_peer_end(&pair->peer);
    SSL_CTX_free(pair->peer_context);
    plab_tls_destroy(&pair->tls);
    plab_tls_context_unref(&pair->context);
}

/* Our client against a server with `identity`. */
static void start_client(struct pair *pair, size_t piece,
                         const struct plab_tls_client_config *config,
                         const struct plab_tls_identity *identity, const char *host,
                         int min_version, int max_version) {
    memset(pair, 0, sizeof *pair);
    pair->piece = piece;
    CHECK(plab_tls_client_context(&pair->context, config, &pair->err) == PLAB_OK);
    CHECK(plab_tls_create(&pair->tls, pair->context, host, NULL, &pair->err) == PLAB_OK);
    pair->peer_context = tls_peer_context(identity, min_version, max_version);
    tls_peer_begin(&pair->peer, pair->peer_context, true);
    feed(pair, NULL, 0);
}

/* Our server against a client. */
static void start_server(struct pair *pair, size_t piece, int min_version, int max_version) {
    memset(pair, 0, sizeof *pair);
    pair->piece = piece;
    CHECK(plab_tls_server_context(&pair->context, tls_lab_server(), NULL, &pair->err) == PLAB_OK);
    CHECK(plab_tls_create(&pair->tls, pair->context, NULL, NULL, &pair->err) == PLAB_OK);
    pair->peer_context = tls_peer_context(NULL, min_version, max_version);
    tls_peer_begin(&pair->peer, pair->peer_context, false);
}

static const struct plab_tls_client_config unchecked;

/* Text goes both ways and the end of the stream is understood. */
static void check_talk(struct pair *pair) {
    static char big[40000], back[sizeof big];
    size_t got = 0, len;
    memset(big, 'x', sizeof big);
    CHECK(plab_tls_state(pair->tls) == PLAB_TLS_OPEN && pair->peer.done);
    CHECK(plab_tls_write(pair->tls, big, sizeof big, &pair->err) == PLAB_OK);
    tls_peer_write(&pair->peer, "answer\n", 7);
    pump(pair);
    do {
        len = tls_peer_read(&pair->peer, back + got, sizeof back - got);
        got += len;
    } while (len > 0);
    CHECK_U64(got, sizeof big);
    CHECK_MEM(back, big, sizeof big);
    CHECK_U64(pair->got_len, 7);
    CHECK_MEM(pair->got, "answer\n", 7);
}

TEST(tls, client_talks_to_openssl) {
    static struct pair pair;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2 * PIECES; i++) {
        start_client(&pair, piece_sizes[i / 2], &unchecked, tls_lab_server(), NULL, versions[i % 2],
                     versions[i % 2]);
        pump(&pair);
        CHECK_MSG(pair.status == PLAB_OK, "%s", pair.err.text);
        check_talk(&pair);
        finish_pair(&pair);
    }
}

TEST(tls, server_talks_to_openssl) {
    static struct pair pair;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2 * PIECES; i++) {
        start_server(&pair, piece_sizes[i / 2], versions[i % 2], versions[i % 2]);
        pump(&pair);
        CHECK_MSG(pair.status == PLAB_OK, "%s", pair.err.text);
        check_talk(&pair);
        struct plab_tls_info info;
        plab_tls_describe(pair.tls, &info);
        CHECK_STR(info.version, i % 2 == 0 ? "TLSv1.2" : "TLSv1.3");
        CHECK_STR(info.cipher, SSL_get_cipher_name(pair.peer.ssl));
        CHECK_STR(info.peer, "");
        finish_pair(&pair);
    }
}

/* ---- what a client sends ---- */

/* Reads a big-endian number of `len` bytes. */
static unsigned number(const uint8_t *at, size_t len) {
    unsigned value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* The extensions of a client hello as decimal numbers, in order. */
static void list_extensions(const uint8_t *hello, size_t len, char *out) {
    const uint8_t *at = hello + 5 + 4 + 2 + 32; /* record, message, version, random */
    at += 1 + at[0];                            /* session id */
    at += 2 + number(at, 2);                    /* ciphers */
    at += 1 + at[0];                            /* compression */
    const uint8_t *end = at + 2 + number(at, 2);
    CHECK(end == hello + len);
    out[0] = '\0';
    for (at += 2; at < end; at += 4 + number(at + 2, 2)) {
        sprintf(out + strlen(out), "%s%u", out[0] != '\0' ? " " : "", number(at, 2));
    }
    CHECK(at == end);
}

static void client_extensions(const char *sni, char *out) {
    struct plab_tls_context *context;
    struct plab_tls *tls;
    size_t len;
    CHECK(plab_tls_client_context(&context, &unchecked, NULL) == PLAB_OK);
    CHECK(plab_tls_create(&tls, context, NULL, sni, NULL) == PLAB_OK);
    CHECK(plab_tls_feed(tls, NULL, 0, NULL) == PLAB_OK);
    const uint8_t *hello = plab_tls_output(tls, &len);
    list_extensions(hello, len, out);
    plab_tls_destroy(&tls);
    plab_tls_context_unref(&context);
}

/* As measured on XMRig 6.26 with OpenSSL 3.0: no name unless asked for, no ALPN (16), nothing to
 * resume (41). */
TEST(tls, client_hello_is_that_of_the_field) {
    char text[200];
    client_extensions(NULL, text);
    CHECK_STR(text, "11 10 35 22 23 13 43 45 51");
    client_extensions("localhost", text);
    CHECK_STR(text, "0 11 10 35 22 23 13 43 45 51");
}

static int note_sni(SSL *ssl, int *alert, void *cookie) {
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    snprintf(cookie, 64, "%s", name != NULL ? name : "");
    return SSL_TLSEXT_ERR_OK;
}

TEST(tls, server_hears_the_name) {
    static struct pair pair;
    char heard[64] = "nothing";
    start_client(&pair, 65536, &unchecked, tls_lab_server(), NULL, TLS1_2_VERSION, TLS1_3_VERSION);
    plab_tls_destroy(&pair.tls);
    CHECK(plab_tls_create(&pair.tls, pair.context, NULL, "pool.lab.test", NULL) == PLAB_OK);
    SSL_CTX_set_tlsext_servername_callback(pair.peer_context, note_sni);
    SSL_CTX_set_tlsext_servername_arg(pair.peer_context, heard);
    feed(&pair, NULL, 0);
    pump(&pair);
    CHECK_STR(heard, "pool.lab.test");
    finish_pair(&pair);
}

/* ---- certificates ---- */

/* A server's certificate as a test wants it. Returns owned. */
static struct plab_tls_identity *identity_for(const char *name, int64_t from_s, int64_t to_s,
                                              const struct plab_tls_identity *issuer) {
    struct plab_tls_identity *identity;
    const struct plab_certificate_wish wish = {
        .common_name = name, .names = &name, .name_count = 1, .from_s = from_s, .to_s = to_s};
    CHECK(plab_identity_make(&identity, &wish, issuer, NULL) == PLAB_OK);
    return identity;
}

/* How a handshake with that certificate ends: "" or the reason; `*alert` is what the server hears.
 */
static void try_certificate(const struct plab_tls_client_config *config,
                            const struct plab_tls_identity *identity, const char *host, char *text,
                            int *alert) {
    static struct pair pair;
    *alert = 0;
    for (size_t i = 0; i < PIECES; i++) {
        start_client(&pair, piece_sizes[i], config, identity, host, TLS1_2_VERSION, TLS1_3_VERSION);
        pump(&pair);
        strcpy(text, pair.status == PLAB_OK ? "" : pair.err.text);
        if (pair.status != PLAB_OK) {
            char rest[16];
            CHECK(plab_tls_state(pair.tls) == PLAB_TLS_FAILED);
            tls_peer_read(&pair.peer, rest, sizeof rest);
            CHECK(pair.peer.failed);
            *alert = pair.peer.reason;
        }
        finish_pair(&pair);
    }
}

TEST(tls, T6_pin) {
    uint8_t pin[PLAB_TLS_PIN_BYTES];
    char digits[65], text[512];
    int alert;
    const struct plab_tls_client_config config = {.pin = pin};
    plab_identity_fingerprint(tls_lab_server(), digits);
    CHECK(plab_tls_pin_parse(digits, pin, NULL) == PLAB_OK);
    try_certificate(&config, tls_lab_server(), NULL, text, &alert);
    CHECK_STR(text, "");
    pin[31] ^= 1;
    try_certificate(&config, tls_lab_server(), NULL, text, &alert);
    CHECK_MSG(strstr(text, digits) != NULL, "%s", text);
    CHECK_U64(alert, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
}

/* The pin holds for whatever certificate it is: nobody's CA, expired, another name. */
TEST(tls, T5_pin_replaces_the_chain) {
    uint8_t pin[PLAB_TLS_PIN_BYTES];
    char digits[65], text[512];
    int alert;
    const struct plab_tls_client_config config = {.pin = pin};
    struct plab_tls_identity *self = identity_for("other.test", -30 * DAY_S, -DAY_S, NULL);
    plab_identity_fingerprint(self, digits);
    CHECK(plab_tls_pin_parse(digits, pin, NULL) == PLAB_OK);
    try_certificate(&config, self, "127.0.0.1", text, &alert);
    CHECK_STR(text, "");
    plab_identity_free(&self);
}

TEST(tls, T5_chain_and_name) {
    const struct plab_tls_client_config config = {.ca_file = tls_lab_ca_file()};
    static const char *const good[] = {"localhost", "LOCALHOST", "127.0.0.1", "::1", "::1%lo"};
    static const char *const bad[] = {"localhos", "127.0.0.2", "::2", "a.localhost", "test"};
    char text[512];
    int alert;
    for (size_t i = 0; i < 5; i++) {
        try_certificate(&config, tls_lab_server(), good[i], text, &alert);
        CHECK_MSG(text[0] == '\0', "%s: %s", good[i], text);
        try_certificate(&config, tls_lab_server(), bad[i], text, &alert);
        CHECK_MSG(strstr(text, "mismatch") != NULL, "%s: %s", bad[i], text);
        CHECK_U64(alert, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
    }
}

TEST(tls, T5_expired_not_yet_self_signed_and_foreign) {
    const struct plab_tls_client_config config = {.ca_file = tls_lab_ca_file()};
    char text[512];
    int alert;
    struct plab_tls_identity *expired =
        identity_for("localhost", -30 * DAY_S, -DAY_S, tls_lab_ca());
    struct plab_tls_identity *early = identity_for("localhost", DAY_S, 30 * DAY_S, tls_lab_ca());
    struct plab_tls_identity *self = identity_for("localhost", -DAY_S, DAY_S, NULL);
    struct plab_tls_identity *foreign = identity_for("localhost", -DAY_S, DAY_S, self);
    try_certificate(&config, expired, "localhost", text, &alert);
    CHECK_MSG(strstr(text, "expired") != NULL, "%s", text);
    CHECK_U64(alert, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED);
    try_certificate(&config, early, "localhost", text, &alert);
    CHECK_MSG(strstr(text, "not yet valid") != NULL, "%s", text);
    try_certificate(&config, self, "localhost", text, &alert);
    CHECK_MSG(strstr(text, "self-signed") != NULL, "%s", text);
    CHECK_U64(alert, SSL_R_TLSV1_ALERT_UNKNOWN_CA);
    try_certificate(&config, foreign, "localhost", text, &alert);
    CHECK_MSG(strstr(text, "unable to get local issuer") != NULL, "%s", text);
    try_certificate(&unchecked, expired, "localhost", text, &alert);
    CHECK_STR(text, ""); /* as the field does, when it is told nothing */
    plab_identity_free(&foreign);
    plab_identity_free(&self);
    plab_identity_free(&early);
    plab_identity_free(&expired);
}

/* Pin and CA: one of them isn't enough. */
TEST(tls, pin_and_chain_must_both_hold) {
    uint8_t pin[PLAB_TLS_PIN_BYTES];
    char digits[65], text[512];
    int alert;
    const struct plab_tls_client_config config = {.pin = pin, .ca_file = tls_lab_ca_file()};
    plab_identity_fingerprint(tls_lab_server(), digits);
    CHECK(plab_tls_pin_parse(digits, pin, NULL) == PLAB_OK);
    try_certificate(&config, tls_lab_server(), "localhost", text, &alert);
    CHECK_STR(text, "");
    try_certificate(&config, tls_lab_server(), "elsewhere.test", text, &alert);
    CHECK(strstr(text, "mismatch") != NULL);
    pin[0] ^= 0x80;
    try_certificate(&config, tls_lab_server(), "localhost", text, &alert);
    CHECK(strstr(text, "fingerprint") != NULL);
}

/* 16,000 names are more than a certificate may have bytes. */
TEST(tls, T8_giant_certificate) {
    static char names[16000][24];
    static const char *list[16000];
    static struct pair pair;
    struct plab_tls_identity *giant;
    for (size_t i = 0; i < 16000; i++) {
        snprintf(names[i], sizeof names[i], "host%zu.lab.test", i);
        list[i] = names[i];
    }
    const struct plab_certificate_wish wish = {.common_name = "giant",
                                               .names = list,
                                               .name_count = 16000,
                                               .from_s = -DAY_S,
                                               .to_s = DAY_S};
    CHECK(plab_identity_make(&giant, &wish, NULL, NULL) == PLAB_OK);
    start_client(&pair, 65536, &unchecked, giant, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
    pump(&pair);
    CHECK(pair.status == PLAB_E_PROTOCOL);
    CHECK_MSG(strstr(pair.err.text, "excessive message size") != NULL, "%s", pair.err.text);
    finish_pair(&pair);
    plab_identity_free(&giant);
}

TEST(tls, pins_as_people_write_them) {
    static const char *const good[] = {
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:"
        "1e:1f"};
    static const char *const bad[] = {
        "",
        ":",
        "00",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f:",
        ":000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "0:00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00::0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"};
    uint8_t pin[PLAB_TLS_PIN_BYTES];
    struct plab_error err;
    for (size_t i = 0; i < 3; i++) {
        memset(pin, 0, sizeof pin);
        CHECK(plab_tls_pin_parse(good[i], pin, &err) == PLAB_OK);
        for (unsigned j = 0; j < sizeof pin; j++) {
            CHECK_U64(pin[j], j);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_MSG(plab_tls_pin_parse(bad[i], pin, &err) == PLAB_E_USAGE, "%s", bad[i]);
    }
}

/* ---- what goes wrong ---- */

TEST(tls, T1_plain_answer_to_a_hello) {
    static struct pair pair;
    static const char answer[] = "{\"id\":1,\"error\":{\"message\":\"no\"}}\n";
    for (size_t i = 0; i < PIECES; i++) {
        start_client(&pair, 65536, &unchecked, tls_lab_server(), NULL, TLS1_2_VERSION,
                     TLS1_3_VERSION);
        for (size_t at = 0; at < sizeof answer - 1 && pair.status == PLAB_OK;
             at += piece_sizes[i]) {
            feed(&pair, answer + at, i == 0 ? sizeof answer - 1 : 1);
        }
        CHECK(pair.status == PLAB_E_PROTOCOL && plab_tls_state(pair.tls) == PLAB_TLS_FAILED);
        CHECK_STR(pair.err.text, "TLS handshake failed: the peer doesn't speak TLS (its first byte "
                                 "is 0x7b)");
        CHECK(plab_tls_write(pair.tls, "x", 1, NULL) == PLAB_E_FAILED);
        CHECK(plab_tls_feed(pair.tls, "x", 1, NULL) == PLAB_E_PROTOCOL);
        finish_pair(&pair);
    }
}

/* The same at the pool: a client without TLS, a browser, a scanner. */
TEST(tls, T11_plain_text_to_a_server) {
    static struct pair pair;
    static const char *const texts[] = {"{\"id\":1,\"method\":\"login\"}\n",
                                        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01\xff\xff garbage"};
    for (size_t i = 0; i < 4; i++) {
        start_server(&pair, 65536, TLS1_2_VERSION, TLS1_3_VERSION);
        for (size_t at = 0; texts[i][at] != '\0' && pair.status == PLAB_OK; at++) {
            feed(&pair, texts[i] + at, 1);
        }
        CHECK_MSG(pair.status == PLAB_E_PROTOCOL, "%s", texts[i]);
        CHECK((strstr(pair.err.text, "doesn't speak TLS") != NULL) == (i < 3));
        finish_pair(&pair);
    }
}

/* T7, and the same for clients. */
TEST(tls, old_versions_are_refused_on_both_sides) {
    static struct pair pair;
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
    for (size_t i = 0; i < 2 * PIECES; i++) {
        int version = versions[i % 2];
        start_client(&pair, piece_sizes[i / 2], &unchecked, tls_lab_server(), NULL, version,
                     version);
        pump(&pair);
        CHECK(!pair.peer.done && plab_tls_state(pair.tls) == PLAB_TLS_FAILED);
        CHECK_U64(pair.peer.reason, SSL_R_UNSUPPORTED_PROTOCOL);
        finish_pair(&pair);
        start_server(&pair, piece_sizes[i / 2], version, version);
        pump(&pair);
        CHECK(!pair.peer.done && pair.status == PLAB_E_PROTOCOL);
        CHECK_U64(pair.peer.reason, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
        CHECK_MSG(strstr(pair.err.text, "unsupported protocol") != NULL, "%s", pair.err.text);
        finish_pair(&pair);
    }
}

TEST(tls, T7_null_ciphers_are_refused) {
    static struct pair pair;
    start_server(&pair, 65536, TLS1_2_VERSION, TLS1_2_VERSION);
    tls_peer_end(&pair.peer);
    SSL_CTX_set_security_level(pair.peer_context, 0);
    CHECK(SSL_CTX_set_cipher_list(pair.peer_context, "eNULL") == 1);
    tls_peer_begin(&pair.peer, pair.peer_context, false);
    pump(&pair);
    CHECK(pair.status == PLAB_E_PROTOCOL && strstr(pair.err.text, "no shared cipher") != NULL);
    finish_pair(&pair);
}

TEST(tls, T3_garbage_record_after_the_handshake) {
    static struct pair pair;
    static const uint8_t record[] = {23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8,
                                     9,  1, 2, 3, 4,  5, 6, 7, 8, 9, 1, 2};
    char rest[16];
    for (size_t i = 0; i < 2 * PIECES; i++) {
        if (i % 2 == 0) {
            start_client(&pair, 65536, &unchecked, tls_lab_server(), NULL, TLS1_2_VERSION,
                         TLS1_3_VERSION);
        } else {
            start_server(&pair, 65536, TLS1_2_VERSION, TLS1_3_VERSION);
        }
        pump(&pair);
        CHECK(pair.status == PLAB_OK);
        size_t piece = piece_sizes[i / 2] < sizeof record ? 1 : sizeof record;
        for (size_t at = 0; at < sizeof record; at += piece) {
            feed(&pair, record + at, piece);
        }
        CHECK(pair.status == PLAB_E_PROTOCOL && plab_tls_state(pair.tls) == PLAB_TLS_FAILED);
        CHECK_MSG(strncmp(pair.err.text, "TLS failed: ", 12) == 0, "%s", pair.err.text);
        pump(&pair);
        CHECK(tls_peer_read(&pair.peer, rest, sizeof rest) == 0);
        CHECK_U64(pair.peer.reason, SSL_R_SSLV3_ALERT_BAD_RECORD_MAC); /* it was told */
        finish_pair(&pair);
    }
}

TEST(tls, T4_close_notify) {
    static struct pair pair;
    char text[16];
    for (size_t i = 0; i < PIECES; i++) {
        start_client(&pair, piece_sizes[i], &unchecked, tls_lab_server(), NULL, TLS1_2_VERSION,
                     TLS1_3_VERSION);
        pump(&pair);
        tls_peer_write(&pair.peer, "last words", 10);
        SSL_shutdown(pair.peer.ssl);
        pump(&pair);
        CHECK(pair.status == PLAB_OK && plab_tls_state(pair.tls) == PLAB_TLS_CLOSED);
        CHECK_U64(pair.got_len, 10);
        CHECK(plab_tls_write(pair.tls, "answer", 6, NULL) == PLAB_OK); /* our half is open */
        plab_tls_finish(pair.tls);
        plab_tls_finish(pair.tls);
        CHECK(plab_tls_write(pair.tls, "more", 4, NULL) == PLAB_E_FAILED);
        pump(&pair);
        CHECK_U64(tls_peer_read(&pair.peer, text, sizeof text), 6);
        CHECK(SSL_get_shutdown(pair.peer.ssl) & SSL_SENT_SHUTDOWN);
        CHECK(tls_peer_read(&pair.peer, text, sizeof text) == 0);
        CHECK(SSL_get_shutdown(pair.peer.ssl) & SSL_RECEIVED_SHUTDOWN);
        finish_pair(&pair);
    }
}

TEST(tls, T9_renegotiation_is_refused) {
    static struct pair pair;
    start_server(&pair, 65536, TLS1_2_VERSION, TLS1_2_VERSION);
    pump(&pair);
    SSL_renegotiate(pair.peer.ssl);
    SSL_do_handshake(pair.peer.ssl);
    pump(&pair);
    CHECK(plab_tls_state(pair.tls) == PLAB_TLS_OPEN); /* a warning, and life goes on */
    char rest[16];
    tls_peer_read(&pair.peer, rest, sizeof rest);
    CHECK_U64(pair.peer.reason, SSL_R_NO_RENEGOTIATION);
    finish_pair(&pair);
}

/* A peer that wants new keys all the time gets them, and nothing piles up that it reads. */
TEST(tls, T9_key_updates) {
    static struct pair pair;
    start_server(&pair, 65536, TLS1_3_VERSION, TLS1_3_VERSION);
    pump(&pair);
    for (unsigned i = 0; i < 2000; i++) {
        CHECK(SSL_key_update(pair.peer.ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        tls_peer_write(&pair.peer, "x", 1);
        pump(&pair);
        char rest[16];
        tls_peer_read(&pair.peer, rest, sizeof rest);
        CHECK(pair.status == PLAB_OK && !pair.peer.failed);
    }
    CHECK_U64(pair.got_len, 2000);
    finish_pair(&pair);
}

/* Bits that toggle on the way, at every place: an orderly end or none, but never a wrong text. */
TEST(tls, damage_is_noticed) {
    static struct pair pair;
    static char bytes[262144];
    struct plab_prng rng = {2026};
    for (unsigned round = 0; round < 300; round++) {
        start_server(&pair, 65536, TLS1_2_VERSION, TLS1_3_VERSION);
        unsigned when = (unsigned)plab_prng_below(&rng, 3);
        for (unsigned step = 0; step < 4 && pair.status == PLAB_OK; step++) {
            if (step == 2 && pair.peer.done) {
                tls_peer_write(&pair.peer, "text", 4);
            }
            size_t len = tls_peer_output(&pair.peer, bytes, sizeof bytes);
            if (step == when && len > 0) {
                bytes[plab_prng_below(&rng, len)] ^= (char)(1u << plab_prng_below(&rng, 8));
            }
            feed(&pair, bytes, len);
            carry_out(&pair);
        }
        CHECK(pair.got_len == 0 || (pair.got_len == 4 && memcmp(pair.got, "text", 4) == 0));
        finish_pair(&pair);
    }
}

/* ---- key log ---- */

TEST(tls, key_log_has_what_wireshark_needs) {
    static struct pair pair;
    static char text[16384];
    char path[] = "/tmp/powlab-test-keylog-XXXXXX";
    int fd = mkstemp(path);
    struct stat info;
    CHECK(fd >= 0 && unlink(path) == 0);
    close(fd);
    const struct plab_tls_client_config config = {.keylog_file = path};
    start_client(&pair, 65536, &config, tls_lab_server(), NULL, TLS1_2_VERSION, TLS1_3_VERSION);
    pump(&pair);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    CHECK(strstr(text, "CLIENT_HANDSHAKE_TRAFFIC_SECRET ") != NULL);
    CHECK(strstr(text, "SERVER_TRAFFIC_SECRET_0 ") != NULL && text[strlen(text) - 1] == '\n');
    uint8_t random[32];
    char digits[65];
    CHECK(SSL_get_client_random(pair.peer.ssl, random, sizeof random) == sizeof random);
    plab_hex_encode(random, sizeof random, digits);
    CHECK(strstr(text, digits) != NULL);
    finish_pair(&pair);
    unlink(path);
    struct plab_tls_context *context;
    struct plab_error err;
    const struct plab_tls_client_config nowhere = {.keylog_file = "/nonexistent/x"};
    CHECK(plab_tls_client_context(&context, &nowhere, &err) == PLAB_E_IO && context == NULL);
    const struct plab_tls_client_config no_ca = {.ca_file = "/nonexistent/x"};
    CHECK(plab_tls_client_context(&context, &no_ca, &err) == PLAB_E_USAGE && context == NULL);
}
