/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls to one daemon over HTTP/1.1 on a libuv loop: one connection a call, with a deadline.
 *
 * The daemon's name is resolved once; every address it resolves to must be a lab address, and the
 * one that is used is checked again before each connect.
 */
#ifndef PLAB_DAEMON_RPC_H
#define PLAB_DAEMON_RPC_H

#include <sys/socket.h>

#include "daemon/http.h"

#define PLAB_RPC_PORT 18081 /* where the URL has none */

struct uv_loop_s; /* uv_loop_t */
struct plab_rpc_call;

struct plab_rpc {
    struct uv_loop_s *loop; /* borrowed */
    struct plab_http_url url;
    struct sockaddr_storage addr;
    uint64_t deadline_ms;        /* for a whole call */
    struct plab_rpc_call *calls; /* under way */
};

/* Outcome of a call: PLAB_OK with the body of a 200 answer (borrowed, NUL-terminated), else the
 * reason. */
typedef void plab_rpc_fn(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                         size_t body_len, const struct plab_error *err);

/* Parses the URL and resolves its host (may wait for DNS). PLAB_E_USAGE, PLAB_E_NETWORK,
 * PLAB_E_REFUSED when any of the addresses isn't a lab address. */
PLAB_NODISCARD enum plab_status plab_rpc_init(struct plab_rpc *rpc, struct uv_loop_s *loop,
                                              const char *url, uint64_t deadline_ms,
                                              struct plab_error *err);

/* Sends a request (borrowed during the call); `done` is called once, later, from the loop. Without
 * memory or sockets it is PLAB_E_NOMEM or PLAB_E_NETWORK and `done` isn't called. */
PLAB_NODISCARD enum plab_status plab_rpc_send(struct plab_rpc *rpc,
                                              const struct plab_http_request *request,
                                              plab_rpc_fn *done, void *cookie, uint64_t tag,
                                              struct plab_error *err);

/* Posts `body` to /json_rpc; NULL (a builder without memory) is PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_rpc_call(struct plab_rpc *rpc, const char *body,
                                              plab_rpc_fn *done, void *cookie, uint64_t tag,
                                              struct plab_error *err);

/* Drops all calls without calling back. The loop must run until their handles are closed. */
void plab_rpc_close(struct plab_rpc *rpc);

#endif
