/* SPDX-License-Identifier: BSD-3-Clause */
/* Options about TLS, of the client's side and of the pool's. */
#ifndef PLAB_CLI_TLSOPT_H
#define PLAB_CLI_TLSOPT_H

#include "cli/opt.h"
#include "pool/server.h"
#include "pool_client/client.h"

/* ---- the client ---- */

struct plab_tls_options {
    bool on;
    const char *fingerprint, *ca, *sni, *keylog;
};

/* Rows for a table of options. */
#define PLAB_TLS_OPTS(o)                                                                          \
    {0, "tls", PLAB_OPT_FLAG, &(o)->on, NULL, "speak TLS to every pool of the list", 0, 0, NULL}, \
        {0,                                                                                       \
         "tls-fingerprint",                                                                       \
         PLAB_OPT_TEXT,                                                                           \
         &(o)->fingerprint,                                                                       \
         "HEX",                                                                                   \
         "accept only the certificate with this SHA-256",                                         \
         0,                                                                                       \
         0,                                                                                       \
         NULL},                                                                                   \
        {0,        "tls-ca", PLAB_OPT_TEXT,                                                       \
         &(o)->ca, "FILE",   "accept only certificates for the pool's name by a CA in FILE",      \
         0,        0,        NULL},                                                               \
        {0,         "tls-sni",  PLAB_OPT_TEXT,                                                    \
         &(o)->sni, "NAME|off", "name to ask for (default: the pool's, unless an address)",       \
         0,         0,          NULL},                                                            \
    {                                                                                             \
        0, "tls-keylog", PLAB_OPT_TEXT, &(o)->keylog, "FILE",                                     \
            "append TLS secrets for captures (NSS key log format)", 0, 0, NULL                    \
    }

/* Lines for --help about them. */
#define PLAB_TLS_NOTES                                                                        \
    "TLS is spoken to pools whose address begins with stratum+ssl://, stratum+tls:// or\n"    \
    "stratums://, or to all with --tls. Without --tls-fingerprint and --tls-ca the line is\n" \
    "encrypted but the certificate isn't checked, as is usual among miners; powlab says so.\n"

/* Sets the `tls` members of `pools` and fills `out`. PLAB_E_USAGE for a bad fingerprint, and for an
 * option of TLS when no pool speaks it. */
PLAB_NODISCARD enum plab_status plab_tls_options_set(const struct plab_tls_options *options,
                                                     struct plab_url *pools, size_t pool_count,
                                                     struct plab_client_tls *out,
                                                     struct plab_error *err);

/* ---- the pool ---- */

struct plab_pool_tls_options {
    int key_type; /* index into plab_key_type_names */
    const char *dir, *keylog;
    struct plab_opt_list names;
};

extern const char *const plab_key_type_names[]; /* "ec", "rsa" in the order of plab_key_type */

/* Rows for a table of options. */
#define PLAB_POOL_TLS_OPTS(o)                                                                 \
    {0,         "tls-dir", PLAB_OPT_TEXT,                                                     \
     &(o)->dir, "DIR",     "lab CA and certificate (default: $XDG_DATA_HOME/powlab/tls)",     \
     0,         0,         NULL},                                                             \
        {0,                                                                                   \
         "tls-key-type",                                                                      \
         PLAB_OPT_CHOICE,                                                                     \
         &(o)->key_type,                                                                      \
         "TYPE",                                                                              \
         "of the certificate: ec (default) or rsa",                                           \
         0,                                                                                   \
         0,                                                                                   \
         plab_key_type_names},                                                                \
        {0,           "tls-name", PLAB_OPT_LIST,                                              \
         &(o)->names, "NAME",     "one more name or address for the certificate, repeatable", \
         0,           0,          NULL},                                                      \
    {                                                                                         \
        0, "tls-keylog", PLAB_OPT_TEXT, &(o)->keylog, "FILE",                                 \
            "append TLS secrets for captures (NSS key log format)", 0, 0, NULL                \
    }

/* Fills in `config`; `options` is borrowed as long as it is used. */
void plab_pool_tls_options_set(const struct plab_pool_tls_options *options,
                               struct plab_pool_config *config);

#endif
