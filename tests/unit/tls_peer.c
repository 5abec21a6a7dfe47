/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/tls_peer.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/identity_priv.h"
#include "tests/harness.h"

#define YEAR_S (INT64_C(365) * 24 * 60 * 60)

SSL_CTX *tls_peer_context(const struct plab_tls_identity *identity, int min_version,
                          int max_version) {
    SSL_CTX *context = SSL_CTX_new(identity != NULL ? TLS_server_method() : TLS_client_method());
    CHECK(context != NULL);
    if (min_version < TLS1_2_VERSION) {
        SSL_CTX_set_security_level(context, 0); /* else OpenSSL itself would not offer them */
    }
    CHECK(SSL_CTX_set_min_proto_version(context, min_version) == 1);
    CHECK(SSL_CTX_set_max_proto_version(context, max_version) == 1);
    if (identity != NULL) {
        CHECK(SSL_CTX_use_certificate(context, identity->certificate) == 1);
        CHECK(SSL_CTX_use_PrivateKey(context, identity->key) == 1);
    }
    return context;
}

static void go_on(struct tls_peer *peer) {
    ERR_clear_error();
    int result = SSL_do_handshake(peer->ssl);
    int code = SSL_get_error(peer->ssl, result);
    peer->done = result == 1;
    if (result != 1 && code != SSL_ERROR_WANT_READ) {
        peer->failed = true;
        peer->reason = ERR_GET_REASON(ERR_peek_error());
    }
}

void tls_peer_begin(struct tls_peer *peer, SSL_CTX *context, bool server) {
    memset(peer, 0, sizeof *peer);
    peer->ssl = SSL_new(context);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    CHECK(peer->ssl != NULL && peer->in != NULL && peer->out != NULL);
    BIO_set_mem_eof_return(peer->in, -1);
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    if (server) {
        SSL_set_accept_state(peer->ssl);
    } else {
        SSL_set_connect_state(peer->ssl);
        go_on(peer);
    }
}

void tls_peer_end(struct tls_peer *peer) {
    SSL_free(peer->ssl);
    memset(peer, 0, sizeof *peer);
}

void tls_peer_feed(struct tls_peer *peer, const void *bytes, size_t len) {
    CHECK(BIO_write(peer->in, bytes, (int)len) == (int)len);
    if (!peer->done && !peer->failed) {
        go_on(peer);
    }
}

size_t tls_peer_output(struct tls_peer *peer, void *out, size_t cap) {
    int len = BIO_read(peer->out, out, (int)cap);
    return len > 0 ? (size_t)len : 0;
}

size_t tls_peer_read(struct tls_peer *peer, void *out, size_t cap) {
    size_t len = 0;
    ERR_clear_error();
    if (!peer->done || peer->failed || SSL_read_ex(peer->ssl, out, cap, &len) == 1) {
        return len;
    }
    int code = SSL_get_error(peer->ssl, 0);
    if (code == SSL_ERROR_SSL) {
        peer->failed = true;
        peer->reason = ERR_GET_REASON(ERR_peek_error());
    }
    return 0;
}

void tls_peer_write(struct tls_peer *peer, const void *bytes, size_t len) {
    size_t written;
    CHECK(SSL_write_ex(peer->ssl, bytes, len, &written) == 1 && written == len);
}

/* ---- a lab ---- */

static struct plab_tls_identity *authority, *server;
static char ca_file[64];

static void remove_file(void) {
    unlink(ca_file);
    plab_identity_free(&authority);
    plab_identity_free(&server);
}

static void make_lab(void) {
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    struct plab_certificate_wish wish = {
        .common_name = "test CA", .from_s = -60, .to_s = YEAR_S, .is_ca = true};
    char key_file[80];
    CHECK(plab_identity_make(&authority, &wish, NULL, NULL) == PLAB_OK);
    wish = (struct plab_certificate_wish){
        .common_name = "test", .names = names, .name_count = 3, .from_s = -60, .to_s = YEAR_S};
    CHECK(plab_identity_make(&server, &wish, authority, NULL) == PLAB_OK);
    snprintf(ca_file, sizeof ca_file, "/tmp/powlab-test-ca-%ld.pem", (long)getpid());
    snprintf(key_file, sizeof key_file, "%s.key", ca_file);
    CHECK(plab_identity_store(authority, ca_file, key_file, NULL) == PLAB_OK);
    unlink(key_file);
    atexit(remove_file);
}

const struct plab_tls_identity *tls_lab_ca(void) {
    if (authority == NULL) {
        make_lab();
    }
    return authority;
}

const struct plab_tls_identity *tls_lab_server(void) {
    tls_lab_ca();
    return server;
}

const char *tls_lab_ca_file(void) {
    tls_lab_ca();
    return ca_file;
}
