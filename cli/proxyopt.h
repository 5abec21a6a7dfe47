/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the pool's proxy mode. */
#ifndef PLAB_CLI_PROXYOPT_H
#define PLAB_CLI_PROXYOPT_H

#include "cli/opt.h"
#include "cli/tlsopt.h"
#include "pool/split.h"

struct plab_proxy_options {
    struct plab_opt_list urls;
    const char *user, *pass;
    uint64_t links; /* 0: not given */
    bool trust;
    struct plab_tls_options tls;
    struct plab_url pools[PLAB_OPT_LIST_MAX]; /* filled in later, as is: */
    struct plab_client_config client;
};

/* Rows for a table of options. */
#define PLAB_PROXY_OPTS(o)                                                                  \
    {0,          "upstream", PLAB_OPT_LIST,                                                 \
     &(o)->urls, "URL",      "proxy: work comes from this pool; repeatable, for fail-over", \
     0,          0,          NULL},                                                         \
        {0,                                                                                 \
         "upstream-user",                                                                   \
         PLAB_OPT_TEXT,                                                                     \
         &(o)->user,                                                                        \
         "TEXT",                                                                            \
         "proxy: login at the pool (default: lab-proxy)",                                   \
         0,                                                                                 \
         0,                                                                                 \
         NULL},                                                                             \
        {0,                                                                                 \
         "upstream-pass",                                                                   \
         PLAB_OPT_TEXT,                                                                     \
         &(o)->pass,                                                                        \
         "TEXT",                                                                            \
         "proxy: password at the pool (default: x)",                                        \
         0,                                                                                 \
         0,                                                                                 \
         NULL},                                                                             \
        {0,                                                                                 \
         "upstream-sessions",                                                               \
         PLAB_OPT_U64,                                                                      \
         &(o)->links,                                                                       \
         "N",                                                                               \
         "proxy: sessions with the pool, one for each 256 workers (at most; 4)",            \
         1,                                                                                 \
         PLAB_SPLIT_LINKS_MAX,                                                              \
         NULL},                                                                             \
        {0,                                                                                 \
         "upstream-trust",                                                                  \
         PLAB_OPT_FLAG,                                                                     \
         &(o)->trust,                                                                       \
         NULL,                                                                              \
         "proxy: hand shares in without hashing them here",                                 \
         0,                                                                                 \
         0,                                                                                 \
         NULL},                                                                             \
        {0,                                                                                 \
         "upstream-tls-ca",                                                                 \
         PLAB_OPT_TEXT,                                                                     \
         &(o)->tls.ca,                                                                      \
         "FILE",                                                                            \
         "proxy: as --tls-ca of powlab mine",                                               \
         0,                                                                                 \
         0,                                                                                 \
         NULL},                                                                             \
    {                                                                                       \
        0, "upstream-tls-fingerprint", PLAB_OPT_TEXT, &(o)->tls.fingerprint, "HEX",         \
            "proxy: as --tls-fingerprint of powlab mine", 0, 0, NULL                        \
    }

/* Fills in `config`; `options` must stay as long as it is used. PLAB_E_USAGE names what doesn't go
 * together. */
PLAB_NODISCARD enum plab_status plab_proxy_options_set(struct plab_proxy_options *options,
                                                       struct plab_pool_config *config,
                                                       struct plab_error *err);

#endif
