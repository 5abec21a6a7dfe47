/* SPDX-License-Identifier: BSD-3-Clause */
/* What api.c (requests) and api_json.c (documents) share. Not for other folders. */
#ifndef PLAB_POOL_CLIENT_API_PRIV_H
#define PLAB_POOL_CLIENT_API_PRIV_H

#include "pool_client/api.h"

struct json_t;

/* What documents are made from. */
struct plab_api_view {
    const struct plab_miner *miner;
    const struct plab_api_config *config;
    const struct plab_ident *ident;
    const char *id; /* of this run, 16 hex digits */
    struct plab_miner_snapshot now;
};

/* Documents; each returns owned, NULL without memory. `version` of the summary: 1 or 2. */
struct json_t *plab_api_summary(const struct plab_api_view *view, unsigned version);
struct json_t *plab_api_backends(const struct plab_api_view *view);

#endif
