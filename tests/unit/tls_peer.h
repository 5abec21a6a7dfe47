/* SPDX-License-Identifier: BSD-3-Clause */
/* The other side of a TLS connection, by OpenSSL alone: an oracle for net/tls, and the TLS of the
 * fake pool and of the test client. Bytes in, bytes out. */
#ifndef PLAB_TESTS_TLS_PEER_H
#define PLAB_TESTS_TLS_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/identity.h"

struct tls_peer {
    SSL *ssl;
    BIO *in, *out;
    bool done;   /* the handshake succeeded */
    bool failed; /* something did not */
    int reason;  /* of the failure, SSL_R_..., an alert of the other side included */
};

/* Settings of a server with this identity, or (NULL) of a client that checks nothing. Versions such
 * as TLS1_2_VERSION; old ones get the ciphers that they need. */
SSL_CTX *tls_peer_context(const struct plab_tls_identity *identity, int min_version,
                          int max_version);

/* Begins a session; what a client says first is in the output at once. */
void tls_peer_begin(struct tls_peer *peer, SSL_CTX *context, bool server);
void tls_peer_end(struct tls_peer *peer);

/* Takes bytes and goes on with the handshake. */
void tls_peer_feed(struct tls_peer *peer, const void *bytes, size_t len);
/* Takes what is to be sent; returns its length. */
size_t tls_peer_output(struct tls_peer *peer, void *out, size_t cap);
/* Plain text that came; 0: none. */
size_t tls_peer_read(struct tls_peer *peer, void *out, size_t cap);
void tls_peer_write(struct tls_peer *peer, const void *bytes, size_t len);

/* A CA of its own, made once a process, and a server's identity from it for localhost, 127.0.0.1
 * and ::1; both are kept until the process ends. `tls_lab_ca_file()` is the CA's PEM file. */
const struct plab_tls_identity *tls_lab_ca(void);
const struct plab_tls_identity *tls_lab_server(void);
const char *tls_lab_ca_file(void);

#endif
