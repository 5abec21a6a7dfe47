/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Name resolution that can be abandoned. The system's resolver may block for half a minute and
 * can't be stopped; libuv's thread pool waits for it even at exit. Here it runs in a thread of its
 * own that nobody waits for.
 */
#ifndef PLAB_POOL_CLIENT_RESOLVE_PRIV_H
#define PLAB_POOL_CLIENT_RESOLVE_PRIV_H

#include <netdb.h>
#include <uv.h>

#include "pool_client/url.h"

struct plab_resolve;

/* The outcome: `list` (borrowed for the time of the call), or NULL and the reason. */
typedef void plab_resolve_fn(void *cookie, const struct addrinfo *list, const char *reason);

/* Starts; `done` is called once from the loop unless abandoned before. NULL with a reason in `err`
 * when there are no resources; then `done` isn't called. */
struct plab_resolve *plab_resolve_start(uv_loop_t *loop, const struct plab_url *url,
                                        plab_resolve_fn *done, void *cookie,
                                        struct plab_error *err);

/* Forgets it: `done` won't be called. Not to be used after `done` was called. */
void plab_resolve_abandon(struct plab_resolve *resolve);

#endif
