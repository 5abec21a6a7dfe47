/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/hex.h"
#include "net/identity_priv.h"

struct plab_tls_context {
    SSL_CTX *ssl;
    unsigned refs;
    bool is_server, checks_chain, checks_pin;
    uint8_t pin[PLAB_TLS_PIN_BYTES];
    int keylog; /* descriptor, or -1 */
};

struct plab_tls {
    struct plab_tls_context *context;
    SSL *ssl;
    BIO *in, *out; /* owned by `ssl` */
    enum plab_tls_state state;
    bool fed, finished;
    uint8_t first_byte;  /* of the peer */
    char complaint[200]; /* about its certificate; "" none */
};

/* ---- fingerprints ---- */

enum plab_status plab_tls_pin_parse(const char *text, uint8_t pin[PLAB_TLS_PIN_BYTES],
                                    struct plab_error *err) {
    char digits[PLAB_TLS_PIN_LEN];
    size_t count = 0, len;
    bool good = true;
    for (const char *at = text; *at != '\0' && good; at++) {
        if (*at == ':') {
            good = count % 2 == 0 && count > 0 && at[1] != '\0' && at[1] != ':';
        } else {
            good = count < sizeof digits - 1;
            digits[count] = *at;
            count += good;
        }
    }
    if (!good || count != sizeof digits - 1 ||
        plab_hex_decode(digits, count, pin, PLAB_TLS_PIN_BYTES, &len, NULL) != PLAB_OK) {
        return plab_fail(err, PLAB_E_USAGE,
                         "a TLS fingerprint is the SHA-256 of the certificate, 64 hex digits; "
                         "this is none (%zu digits)",
                         strlen(text));
    }
    return PLAB_OK;
}

static bool digest_of(const X509 *certificate, uint8_t out[PLAB_TLS_PIN_BYTES]) {
    return X509_digest(certificate, EVP_sha256(), out, NULL) == 1;
}

/* ---- contexts ---- */

/* One write for one line: processes may share the file. */
static void on_secret(const SSL *ssl, const char *line) {
    const struct plab_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    char newline = '\n';
    struct iovec parts[] = {{(void *)(uintptr_t)line, strlen(line)}, {&newline, 1}};
    ssize_t written = writev(context->keylog, parts, 2);
    (void)written; /* a capture that can't be decrypted is no reason to end a session */
}

static enum plab_status open_keylog(struct plab_tls_context *context, const char *path,
                                    struct plab_error *err) {
    if (path == NULL) {
        return PLAB_OK;
    }
    context->keylog = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (context->keylog < 0) {
        return plab_fail(err, PLAB_E_IO, "cannot write the key log %s: %s", path, strerror(errno));
    }
    SSL_CTX_set_keylog_callback(context->ssl, on_secret);
    return PLAB_OK;
}

static struct plab_tls_context *new_context(const SSL_METHOD *method, struct plab_error *err) {
    struct plab_tls_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        plab_fail(err, PLAB_E_NOMEM, "not enough memory for TLS");
        return NULL;
    }
    context->keylog = -1;
    context->refs = 1;
    context->ssl = SSL_CTX_new(method);
    if (context->ssl == NULL || SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1) {
        plab_openssl_fail(err, PLAB_E_RESOURCE, "cannot set up TLS");
        plab_tls_context_unref(&context);
        return NULL;
    }
    SSL_CTX_set_app_data(context->ssl, context);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    return context;
}

struct plab_tls_context *plab_tls_context_ref(struct plab_tls_context *context) {
    context->refs++;
    return context;
}

void plab_tls_context_unref(struct plab_tls_context **context) {
    struct plab_tls_context *last = *context;
    *context = NULL;
    if (last == NULL || --last->refs > 0) {
        return;
    }
    SSL_CTX_free(last->ssl);
    if (last->keylog >= 0) {
        close(last->keylog);
    }
    free(last);
}

bool plab_tls_context_verifies(const struct plab_tls_context *context) {
    return context->checks_pin || context->checks_chain;
}

/* Both must hold where both are asked for. The error says which alert the server gets. */
static int on_certificate(X509_STORE_CTX *store, void *cookie) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct plab_tls *tls = SSL_get_app_data(ssl);
    const struct plab_tls_context *context = tls->context;
    uint8_t digest[PLAB_TLS_PIN_BYTES];
    (void)cookie;
    if (context->checks_pin) {
        char seen[PLAB_TLS_PIN_LEN], wanted[PLAB_TLS_PIN_LEN];
        if (!digest_of(X509_STORE_CTX_get0_cert(store), digest) ||
            memcmp(digest, context->pin, sizeof digest) != 0) {
            plab_hex_encode(digest, sizeof digest, seen);
            plab_hex_encode(context->pin, sizeof digest, wanted);
            snprintf(tls->complaint, sizeof tls->complaint,
                     "its certificate's fingerprint is %s, not %s", seen, wanted);
            X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
            return 0;
        }
    }
    if (context->checks_chain && X509_verify_cert(store) != 1) {
        snprintf(tls->complaint, sizeof tls->complaint, "its certificate is not accepted: %s",
                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
        return 0;
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

enum plab_status plab_tls_client_context(struct plab_tls_context **out,
                                         const struct plab_tls_client_config *config,
                                         struct plab_error *err) {
    struct plab_tls_context *context = new_context(TLS_client_method(), err);
    *out = NULL;
    if (context == NULL) {
        return PLAB_E_NOMEM;
    }
    if (config->ca_file != NULL && SSL_CTX_load_verify_file(context->ssl, config->ca_file) != 1) {
        ERR_clear_error();
        plab_tls_context_unref(&context);
        return plab_fail(err, PLAB_E_USAGE, "%s holds no PEM certificates that can be read",
                         config->ca_file);
    }
    context->checks_chain = config->ca_file != NULL;
    context->checks_pin = config->pin != NULL;
    if (config->pin != NULL) {
        memcpy(context->pin, config->pin, sizeof context->pin);
    }
    if (plab_tls_context_verifies(context)) {
        SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(context->ssl, on_certificate, NULL);
    }
    enum plab_status status = open_keylog(context, config->keylog_file, err);
    if (status != PLAB_OK) {
        plab_tls_context_unref(&context);
    }
    *out = context;
    return status;
}

enum plab_status plab_tls_server_context(struct plab_tls_context **out,
                                         const struct plab_tls_identity *identity,
                                         const char *keylog_file, struct plab_error *err) {
    struct plab_tls_context *context = new_context(TLS_server_method(), err);
    *out = NULL;
    if (context == NULL) {
        return PLAB_E_NOMEM;
    }
    context->is_server = true;
    SSL_CTX_set_options(context->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE); /* as xmrig-proxy */
    if (SSL_CTX_use_certificate(context->ssl, identity->certificate) != 1 ||
        SSL_CTX_use_PrivateKey(context->ssl, identity->key) != 1) {
        plab_tls_context_unref(&context);
        return plab_openssl_fail(err, PLAB_E_USAGE, "the certificate can't be used for TLS");
    }
    enum plab_status status = open_keylog(context, keylog_file, err);
    if (status != PLAB_OK) {
        plab_tls_context_unref(&context);
    }
    *out = context;
    return status;
}

/* ---- sessions ---- */

void plab_tls_destroy(struct plab_tls **tls) {
    struct plab_tls *last = *tls;
    *tls = NULL;
    if (last != NULL) {
        SSL_free(last->ssl);
        plab_tls_context_unref(&last->context);
        free(last);
    }
}

/* Whom a certificate that a CA signed must be for. A scope ("%eth0") is ours, not the peer's. */
static bool expect_host(SSL *ssl, const char *host) {
    char plain[256];
    uint8_t bytes[16];
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(host, "%"), host);
    bool address = inet_pton(AF_INET, plain, bytes) == 1 || inet_pton(AF_INET6, plain, bytes) == 1;
    return address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), plain) == 1
                   : SSL_set1_host(ssl, plain) == 1;
}

static bool set_up_client(struct plab_tls *tls, const char *host, const char *sni) {
    char name[256]; /* OpenSSL copies it, but its macro wants one that may be changed */
    snprintf(name, sizeof name, "%s", sni != NULL ? sni : "");
    SSL_set_connect_state(tls->ssl);
    return (!tls->context->checks_chain || (host != NULL && expect_host(tls->ssl, host))) &&
           (sni == NULL || SSL_set_tlsext_host_name(tls->ssl, name) == 1);
}

static bool set_up_session(struct plab_tls *tls) {
    tls->ssl = SSL_new(tls->context->ssl);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        return false;
    }
    BIO_set_mem_eof_return(tls->in, -1); /* empty means: ask again later */
    BIO_set_mem_eof_return(tls->out, -1);
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_app_data(tls->ssl, tls);
    return true;
}

enum plab_status plab_tls_create(struct plab_tls **out, struct plab_tls_context *context,
                                 const char *host, const char *sni, struct plab_error *err) {
    struct plab_tls *tls = calloc(1, sizeof *tls);
    *out = NULL;
    if (tls == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for TLS");
    }
    tls->context = plab_tls_context_ref(context);
    if (!set_up_session(tls)) {
        plab_tls_destroy(&tls);
        ERR_clear_error();
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for TLS");
    }
    if (context->is_server) {
        SSL_set_accept_state(tls->ssl);
    } else if (!set_up_client(tls, host, sni)) {
        plab_tls_destroy(&tls);
        ERR_clear_error();
        return plab_fail(err, PLAB_E_USAGE, "the server's name can't be used for TLS");
    }
    *out = tls;
    return PLAB_OK;
}

enum plab_tls_state plab_tls_state(const struct plab_tls *tls) {
    return tls->state;
}

static bool begins_like_tls(const struct plab_tls *tls) {
    return tls->first_byte >= SSL3_RT_CHANGE_CIPHER_SPEC &&
           tls->first_byte <= SSL3_RT_APPLICATION_DATA;
}

static enum plab_status fail(struct plab_tls *tls, struct plab_error *err) {
    const char *during = tls->state == PLAB_TLS_HANDSHAKE ? "TLS handshake failed" : "TLS failed";
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    tls->state = PLAB_TLS_FAILED;
    ERR_clear_error();
    if (tls->complaint[0] != '\0') {
        plab_fail(err, PLAB_E_PROTOCOL, "%s: %s", during, tls->complaint);
    } else if (tls->fed && !begins_like_tls(tls)) {
        plab_fail(err, PLAB_E_PROTOCOL, "%s: the peer doesn't speak TLS (its first byte is 0x%02x)",
                  during, tls->first_byte);
    } else {
        plab_fail(err, PLAB_E_PROTOCOL, "%s: %s", during,
                  reason != NULL ? reason : "the peer broke the protocol");
    }
    return PLAB_E_PROTOCOL;
}

/* The outcome of an OpenSSL call that needs more bytes, was the last, or failed. */
static enum plab_status take_outcome(struct plab_tls *tls, int result, struct plab_error *err) {
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return PLAB_OK;
    case SSL_ERROR_ZERO_RETURN:
        tls->state = PLAB_TLS_CLOSED;
        return PLAB_OK;
    default:
        return fail(tls, err);
    }
}

static enum plab_status shake_hands(struct plab_tls *tls, struct plab_error *err) {
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->state = PLAB_TLS_OPEN;
        return PLAB_OK;
    }
    return take_outcome(tls, result, err);
}

enum plab_status plab_tls_feed(struct plab_tls *tls, const void *bytes, size_t len,
                               struct plab_error *err) {
    if (tls->state == PLAB_TLS_FAILED) {
        return plab_fail(err, PLAB_E_PROTOCOL, "the TLS session has failed");
    }
    if (len > 0 && !tls->fed) {
        tls->fed = true;
        memcpy(&tls->first_byte, bytes, 1);
    }
    if (len > 0 && BIO_write(tls->in, bytes, (int)len) != (int)len) {
        tls->state = PLAB_TLS_FAILED;
        ERR_clear_error();
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for TLS");
    }
    return tls->state == PLAB_TLS_HANDSHAKE ? shake_hands(tls, err) : PLAB_OK;
}

enum plab_status plab_tls_read(struct plab_tls *tls, void *out, size_t cap, size_t *len,
                               struct plab_error *err) {
    *len = 0;
    if (tls->state != PLAB_TLS_OPEN) {
        return PLAB_OK;
    }
    ERR_clear_error();
    int result = SSL_read_ex(tls->ssl, out, cap, len);
    return result == 1 ? PLAB_OK : take_outcome(tls, result, err);
}

enum plab_status plab_tls_write(struct plab_tls *tls, const void *bytes, size_t len,
                                struct plab_error *err) {
    size_t written;
    if ((tls->state != PLAB_TLS_OPEN && tls->state != PLAB_TLS_CLOSED) || tls->finished) {
        return plab_fail(err, PLAB_E_FAILED, "there is no TLS session to send in");
    }
    ERR_clear_error();
    if (len > 0 && SSL_write_ex(tls->ssl, bytes, len, &written) != 1) {
        return fail(tls, err); /* memory takes everything, or there is none */
    }
    return PLAB_OK;
}

void plab_tls_finish(struct plab_tls *tls) {
    if (!tls->finished && (tls->state == PLAB_TLS_OPEN || tls->state == PLAB_TLS_CLOSED)) {
        tls->finished = true;
        SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
}

const void *plab_tls_output(struct plab_tls *tls, size_t *len) {
    char *bytes = NULL;
    long pending = BIO_get_mem_data(tls->out, &bytes);
    *len = pending > 0 ? (size_t)pending : 0;
    return bytes;
}

void plab_tls_output_sent(struct plab_tls *tls) {
    (void)BIO_reset(tls->out);
}

void plab_tls_describe(const struct plab_tls *tls, struct plab_tls_info *out) {
    uint8_t digest[PLAB_TLS_PIN_BYTES];
    const X509 *peer = SSL_get0_peer_certificate(tls->ssl);
    memset(out, 0, sizeof *out);
    out->version = SSL_get_version(tls->ssl);
    out->cipher = SSL_get_cipher_name(tls->ssl);
    if (peer != NULL && digest_of(peer, digest)) {
        plab_hex_encode(digest, sizeof digest, out->peer);
    }
}
