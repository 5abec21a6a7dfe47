/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLAB_NET_IDENTITY_PRIV_H
#define PLAB_NET_IDENTITY_PRIV_H

#include <openssl/x509.h>

#include "net/identity.h"

struct plab_tls_identity {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Fails with `what` and OpenSSL's own words, whose queue is emptied. */
enum plab_status plab_openssl_fail(struct plab_error *err, enum plab_status status,
                                   const char *what);

#endif
