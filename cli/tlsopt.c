/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/tlsopt.h"

#include <string.h>

const char *const plab_key_type_names[] = {"ec", "rsa", NULL};

static bool any_tls(const struct plab_url *pools, size_t pool_count) {
    for (size_t i = 0; i < pool_count; i++) {
        if (pools[i].tls) {
            return true;
        }
    }
    return false;
}

static const char *first_given(const struct plab_tls_options *options) {
    return options->fingerprint != NULL ? "--tls-fingerprint"
           : options->ca != NULL        ? "--tls-ca"
           : options->sni != NULL       ? "--tls-sni"
           : options->keylog != NULL    ? "--tls-keylog"
                                        : NULL;
}

enum plab_status plab_tls_options_set(const struct plab_tls_options *options,
                                      struct plab_url *pools, size_t pool_count,
                                      struct plab_client_tls *out, struct plab_error *err) {
    const char *given = first_given(options);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < pool_count && options->on; i++) {
        pools[i].tls = true;
    }
    if (given != NULL && !any_tls(pools, pool_count)) {
        return plab_fail(err, PLAB_E_USAGE,
                         "%s is for TLS, and no pool speaks it; write --tls or -o "
                         "stratum+ssl://HOST:PORT",
                         given);
    }
    out->ca_file = options->ca;
    out->keylog_file = options->keylog;
    out->sni = options->sni != NULL && strcmp(options->sni, "off") == 0 ? "" : options->sni;
    out->has_pin = options->fingerprint != NULL;
    return out->has_pin ? plab_tls_pin_parse(options->fingerprint, out->pin, err) : PLAB_OK;
}

void plab_pool_tls_options_set(const struct plab_pool_tls_options *options,
                               struct plab_pool_config *config) {
    config->tls.ca = (struct plab_labca_config){.dir = options->dir,
                                                .key_type = (enum plab_key_type)options->key_type,
                                                .names = options->names.items,
                                                .name_count = options->names.count};
    config->tls.keylog_file = options->keylog;
}
