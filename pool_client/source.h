/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a miner's jobs come from and its shares go: a Stratum client (client.h) or a daemon
 * (solo.h). Both tell what happens by struct plab_client_events; this is the other direction.
 */
#ifndef PLAB_POOL_CLIENT_SOURCE_H
#define PLAB_POOL_CLIENT_SOURCE_H

#include "pool_client/client.h"

/* What a source does. `self` is the source's own object; the functions are those of client.h. */
struct plab_source_ops {
    void (*destroy)(void *self);
    enum plab_client_submitted (*submit)(void *self, const struct plab_client_share *share);
    void (*renew)(void *self, const char *reason);
    void (*stats)(const void *self, struct plab_client_stats *stats);
};

struct plab_source {
    const struct plab_source_ops *ops; /* NULL: none */
    void *self;                        /* owned */
};

/* A Stratum client as a source; arguments and errors of plab_client_create(). */
PLAB_NODISCARD enum plab_status plab_source_pools(struct plab_source *out, struct uv_loop_s *loop,
                                                  const struct plab_client_config *config,
                                                  const struct plab_client_events *events,
                                                  struct plab_error *err);

/* Ends it; none is fine. */
void plab_source_close(struct plab_source *source);

#endif
