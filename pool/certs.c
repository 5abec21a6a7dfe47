/* SPDX-License-Identifier: BSD-3-Clause */
/* What the pool shows to TLS clients: the lab CA's certificate, and others while it runs. */
#include <string.h>

#include "pool/pool_priv.h"

/* New connections are shown `identity`; those that are there keep what they have. Takes it. */
static enum plab_status show(struct plab_pool *pool, struct plab_tls_identity *identity,
                             struct plab_error *err) {
    struct plab_tls_context *context;
    enum plab_status status =
        plab_tls_server_context(&context, identity, pool->config.tls.keylog_file, err);
    if (status == PLAB_OK) {
        plab_tls_context_unref(&pool->tls);
        pool->tls = context;
        plab_identity_fingerprint(identity, pool->fingerprint);
    }
    plab_identity_free(&identity);
    return status;
}

enum plab_status plab_certs_open(struct plab_pool *pool, struct plab_error *err) {
    struct plab_tls_identity *identity;
    enum plab_status status = plab_labca_open(&pool->labca, &pool->config.tls.ca, err);
    if (status == PLAB_OK) {
        status = plab_labca_server(pool->labca, &identity, err);
    }
    return status == PLAB_OK ? show(pool, identity, err) : status;
}

enum plab_status plab_certs_change(struct plab_pool *pool, enum plab_labca_flaw flaw,
                                   struct plab_error *err) {
    struct plab_tls_identity *identity;
    if (pool->labca == NULL) {
        return plab_fail(err, PLAB_E_USAGE,
                         "there is no certificate to change: no listener speaks TLS");
    }
    enum plab_status status = plab_labca_issue(pool->labca, flaw, &identity, err);
    if (status == PLAB_OK) {
        status = show(pool, identity, err);
    }
    if (status == PLAB_OK) {
        plab_log_info(pool->config.log, "TLS certificate changed, SHA-256 %s", pool->fingerprint);
    }
    return status;
}

void plab_certs_close(struct plab_pool *pool) {
    plab_tls_context_unref(&pool->tls);
    plab_labca_close(&pool->labca);
}

bool plab_pool_tls(const struct plab_pool *pool, struct plab_pool_tls *out) {
    if (pool->labca == NULL) {
        return false;
    }
    out->ca_file = plab_labca_file(pool->labca);
    memcpy(out->fingerprint, pool->fingerprint, sizeof out->fingerprint);
    return true;
}
