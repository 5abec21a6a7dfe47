/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which PostgreSQL server a ledger's URL means, by the lab-only rule: a numeric lab address (or
 * "localhost", which is 127.0.0.1) or a Unix socket. Nothing else, such as libpq's environment or
 * its service files, has a say in where it connects.
 */
#ifndef PLAB_POOL_LEDGER_SERVER_PRIV_H
#define PLAB_POOL_LEDGER_SERVER_PRIV_H

#include <libpq-fe.h>
#include <netinet/in.h>

#include "base/status.h"

#define PLAB_LEDGER_PARAMETERS_MAX 64

struct plab_ledger_server {
    /* For PQconnectStartParams(): ended by NULL, borrowed from here. */
    const char *keywords[PLAB_LEDGER_PARAMETERS_MAX];
    const char *values[PLAB_LEDGER_PARAMETERS_MAX];
    unsigned patience_s; /* for connecting, here or again: connect_timeout; 0: not given */
    char name[256];      /* the URL for people, without user and password */
    char address[INET6_ADDRSTRLEN];
    PQconninfoOption *options; /* owned */
};

/* Reads a URL. PLAB_E_USAGE: it can't be understood, or doesn't say where. PLAB_E_REFUSED: that is
 * not in the lab. On error nothing is to be freed. */
PLAB_NODISCARD enum plab_status plab_ledger_server_parse(struct plab_ledger_server *out,
                                                         const char *url, struct plab_error *err);
void plab_ledger_server_free(struct plab_ledger_server *server);

#endif
