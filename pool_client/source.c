/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/source.h"

static void client_destroy(void *self) {
    struct plab_client *client = self;
    plab_client_destroy(&client);
}

static enum plab_client_submitted client_submit(void *self, const struct plab_client_share *share) {
    return plab_client_submit(self, share);
}

static void client_renew(void *self, const char *reason) {
    plab_client_renew(self, reason);
}

static void client_stats(const void *self, struct plab_client_stats *stats) {
    plab_client_stats(self, stats);
}

static const struct plab_source_ops client_ops = {client_destroy, client_submit, client_renew,
                                                  client_stats};

enum plab_status plab_source_pools(struct plab_source *out, struct uv_loop_s *loop,
                                   const struct plab_client_config *config,
                                   const struct plab_client_events *events,
                                   struct plab_error *err) {
    struct plab_client *client = NULL;
    enum plab_status status = plab_client_create(&client, loop, config, events, err);
    *out = (struct plab_source){0};
    if (status == PLAB_OK) {
        *out = (struct plab_source){&client_ops, client};
    }
    return status;
}

void plab_source_close(struct plab_source *source) {
    if (source->ops != NULL) {
        source->ops->destroy(source->self);
    }
    *source = (struct plab_source){0};
}
