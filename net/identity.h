/* SPDX-License-Identifier: BSD-3-Clause */
/* A certificate and its key, in memory: what a TLS server shows. */
#ifndef PLAB_NET_IDENTITY_H
#define PLAB_NET_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct plab_tls_identity;

enum plab_key_type {
    PLAB_KEY_EC,  /* ECDSA, P-256 */
    PLAB_KEY_RSA, /* 2048 bits, as xmrig-proxy makes its own */
};

/* What a certificate is to say. */
struct plab_certificate_wish {
    enum plab_key_type key_type;
    const char *common_name;
    const char *const *names; /* DNS names and addresses; may be NULL for a CA */
    size_t name_count;
    int64_t from_s, to_s; /* validity, in seconds from now; both may be negative */
    bool is_ca;
};

/* Makes a key and a certificate for it, signed by `issuer`, NULL: by itself. PLAB_E_USAGE for a
 * name that can't stand in a certificate, PLAB_E_FAILED. */
PLAB_NODISCARD enum plab_status plab_identity_make(struct plab_tls_identity **out,
                                                   const struct plab_certificate_wish *wish,
                                                   const struct plab_tls_identity *issuer,
                                                   struct plab_error *err);

/* Loads PEM files. PLAB_E_IO: not there or not readable; PLAB_E_INPUT: not a certificate and the
 * key for it. */
PLAB_NODISCARD enum plab_status plab_identity_load(struct plab_tls_identity **out,
                                                   const char *certificate_file,
                                                   const char *key_file, struct plab_error *err);

/* Stores PEM files, the key with mode 0600 from its first byte on. PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_identity_store(const struct plab_tls_identity *identity,
                                                    const char *certificate_file,
                                                    const char *key_file, struct plab_error *err);

/* Frees it and sets `*identity` to NULL; NULL is fine. */
void plab_identity_free(struct plab_tls_identity **identity);

/* SHA-256 of the certificate's DER form, 64 lower-case hex digits. */
void plab_identity_fingerprint(const struct plab_tls_identity *identity, char out[65]);

/* True when the certificate was issued by `issuer`, has a key of that type, holds for every one of
 * the names, and is valid for another `left_s` seconds. */
bool plab_identity_serves(const struct plab_tls_identity *identity,
                          const struct plab_tls_identity *issuer,
                          const struct plab_certificate_wish *wish, int64_t left_s);

#endif
