/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lab's own certificate authority: a folder with a CA that is made on first use, and the server
 * certificate that it issues. Keys are readable for their owner only.
 *
 *   ca.pem  ca.key                  the authority, EC P-256, valid ten years
 *   server-ec.pem  server-ec.key    or server-rsa: what the pool shows, valid a year
 *
 * A server certificate that has less than a week left, lacks one of the names or isn't the CA's is
 * made anew. Several processes may share a folder.
 */
#ifndef PLAB_NET_LABCA_H
#define PLAB_NET_LABCA_H

#include "net/identity.h"

#define PLAB_LABCA_NAMES_MAX 32

struct plab_labca;

struct plab_labca_config {
    const char *dir; /* NULL: $XDG_DATA_HOME/powlab/tls, else ~/.local/share/powlab/tls */
    enum plab_key_type key_type;
    const char *const *names; /* in addition to localhost, 127.0.0.1, ::1 and pool.lab.test */
    size_t name_count;
};

/* Opens the folder, made with mode 0700 when it isn't there, and the CA in it. `config` may go
 * away after that, its names have to stay. Errors: PLAB_E_USAGE (no place for the folder, too many
 * or bad names), PLAB_E_IO, PLAB_E_INPUT (files that are not what they should be), PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_labca_open(struct plab_labca **out,
                                                const struct plab_labca_config *config,
                                                struct plab_error *err);

/* Frees it and sets `*ca` to NULL; NULL is fine. */
void plab_labca_close(struct plab_labca **ca);

/* What a client has to trust. */
const char *plab_labca_file(const struct plab_labca *ca);

/* The server certificate of the folder, made when there is none that serves. Returns owned. */
PLAB_NODISCARD enum plab_status
plab_labca_server(struct plab_labca *ca, struct plab_tls_identity **out, struct plab_error *err);

/* How a certificate is to differ from a good one. */
enum plab_labca_flaw {
    PLAB_LABCA_GOOD,
    PLAB_LABCA_EXPIRED,     /* since yesterday */
    PLAB_LABCA_WRONG_NAME,  /* only for other.lab.test */
    PLAB_LABCA_SELF_SIGNED, /* by nobody's CA */
};

/* Another server certificate with a key of its own, which is kept nowhere: for scenarios in which
 * a pool's certificate changes. Returns owned. */
PLAB_NODISCARD enum plab_status plab_labca_issue(struct plab_labca *ca, enum plab_labca_flaw flaw,
                                                 struct plab_tls_identity **out,
                                                 struct plab_error *err);

#endif
