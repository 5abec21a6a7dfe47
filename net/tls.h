/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS 1.2 and 1.3 as a pure engine: the peer's bytes go in, bytes for the peer come out, and no
 * socket is touched. So it can be tested byte by byte, and fuzzed. Source: RFC 8446, RFC 5246, by
 * way of OpenSSL 3.
 *
 * A client sends what OpenSSL's default client sends (no ALPN, never a session to resume), as the
 * field's miners do, but refuses versions below 1.2. Renegotiation is refused on both sides.
 *
 * A client checks the server's certificate as far as it is told to: against a fingerprint, against
 * a CA with the server's name or address, against both (then both must hold), or not at all.
 */
#ifndef PLAB_NET_TLS_H
#define PLAB_NET_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_TLS_PIN_BYTES 32                         /* SHA-256 of a certificate's DER form */
#define PLAB_TLS_PIN_LEN (2 * PLAB_TLS_PIN_BYTES + 1) /* as hex digits, with the NUL */

struct plab_tls_identity;
struct plab_tls_context;
struct plab_tls;

/* Reads a fingerprint: 64 hex digits of any case, colons between bytes allowed. PLAB_E_USAGE names
 * the value and what was expected. */
PLAB_NODISCARD enum plab_status
plab_tls_pin_parse(const char *text, uint8_t pin[PLAB_TLS_PIN_BYTES], struct plab_error *err);

/* ---- what many sessions share ---- */

struct plab_tls_client_config {
    const char *ca_file;     /* PEM, certificates that are trusted; NULL: no chain is checked */
    const uint8_t *pin;      /* PLAB_TLS_PIN_BYTES of the server's own certificate; NULL: any */
    const char *keylog_file; /* secrets are appended in NSS key log format; NULL: nowhere */
};

/* Returns owned, with one reference. Errors: PLAB_E_USAGE (a CA file that can't be used), PLAB_E_IO
 * (the key log), PLAB_E_NOMEM. Nothing is borrowed. */
PLAB_NODISCARD enum plab_status plab_tls_client_context(struct plab_tls_context **out,
                                                        const struct plab_tls_client_config *config,
                                                        struct plab_error *err);

/* A server that shows `identity` (borrowed during the call). Errors as above. */
PLAB_NODISCARD enum plab_status plab_tls_server_context(struct plab_tls_context **out,
                                                        const struct plab_tls_identity *identity,
                                                        const char *keylog_file,
                                                        struct plab_error *err);

struct plab_tls_context *plab_tls_context_ref(struct plab_tls_context *context);

/* Drops a reference and sets `*context` to NULL; NULL is fine. */
void plab_tls_context_unref(struct plab_tls_context **context);

/* True for a client's context that checks certificates in one way or another. */
bool plab_tls_context_verifies(const struct plab_tls_context *context);

/* ---- one session ---- */

enum plab_tls_state {
    PLAB_TLS_HANDSHAKE,
    PLAB_TLS_OPEN,
    PLAB_TLS_CLOSED, /* the peer said that it won't send any more (close_notify) */
    PLAB_TLS_FAILED,
};

/* A session of either side. Takes a reference of `context`. For clients: `host` is the name or
 * address that a CA-checked certificate must be for, `sni` the name to ask for, NULL: none; both
 * copied. PLAB_E_USAGE for a name that can't be sent, PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_tls_create(struct plab_tls **out,
                                                struct plab_tls_context *context, const char *host,
                                                const char *sni, struct plab_error *err);

/* Frees it and sets `*tls` to NULL; NULL is fine. */
void plab_tls_destroy(struct plab_tls **tls);

enum plab_tls_state plab_tls_state(const struct plab_tls *tls);

/* Takes bytes of the peer and goes on with the handshake; a client is fed nothing first, to begin.
 * PLAB_E_PROTOCOL when the handshake fails, PLAB_E_NOMEM: then the state is FAILED, but there may
 * still be an alert to be sent. */
PLAB_NODISCARD enum plab_status plab_tls_feed(struct plab_tls *tls, const void *bytes, size_t len,
                                              struct plab_error *err);

/* Decrypts up to `cap` bytes of what was fed. `*len` 0: nothing for now, or ever when the state is
 * CLOSED. Errors as plab_tls_feed(). */
PLAB_NODISCARD enum plab_status plab_tls_read(struct plab_tls *tls, void *out, size_t cap,
                                              size_t *len, struct plab_error *err);

/* Encrypts `len` bytes. PLAB_E_FAILED when the handshake isn't over or plab_tls_finish() was
 * called; PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_tls_write(struct plab_tls *tls, const void *bytes, size_t len,
                                               struct plab_error *err);

/* Says that nothing more will be written (close_notify), if there is a session. */
void plab_tls_finish(struct plab_tls *tls);

/* What is to be sent to the peer, borrowed until the next call; `*len` 0: nothing. */
const void *plab_tls_output(struct plab_tls *tls, size_t *len);

/* Forgets what plab_tls_output() showed: it was sent. */
void plab_tls_output_sent(struct plab_tls *tls);

struct plab_tls_info {
    const char *version;         /* "TLSv1.3"; static */
    const char *cipher;          /* "TLS_AES_256_GCM_SHA384"; static */
    char peer[PLAB_TLS_PIN_LEN]; /* fingerprint of the peer's certificate; "" without one */
};

/* Describes a session whose handshake is over. */
void plab_tls_describe(const struct plab_tls *tls, struct plab_tls_info *out);

#endif
