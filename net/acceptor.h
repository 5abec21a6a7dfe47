/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listening TCP socket on a libuv loop. Its address passes the lab-only rule before it is bound,
 * every accepted peer passes it before anybody hears of the connection.
 *
 * libuv's own listener hangs up on everybody when the process has no file descriptors left. This
 * one stops accepting instead and tries again a little later, longer each time: connections wait in
 * the kernel's backlog meanwhile.
 */
#ifndef PLAB_NET_ACCEPTOR_H
#define PLAB_NET_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/netguard.h"
#include "base/status.h"

struct uv_loop_s; /* uv_loop_t */
struct sockaddr;
struct plab_acceptor;

struct plab_acceptor_events {
    /* A connection of a lab peer. Takes `fd`. */
    void (*accepted)(void *cookie, int fd, const struct sockaddr *peer);
    /* A connection that was closed at once: its peer is no lab address. */
    void (*refused)(void *cookie, const struct sockaddr *peer);
};

/* Binds and listens; accepts nothing until plab_acceptor_run(). `events` and `log` (may be NULL)
 * are borrowed. Errors: PLAB_E_REFUSED; PLAB_E_RESOURCE (the port is in use ...); PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status
plab_acceptor_open(struct plab_acceptor **out, struct uv_loop_s *loop, const struct sockaddr *addr,
                   const struct plab_acceptor_events *events, void *cookie,
                   const struct plab_log *log, struct plab_error *err);

/* Accepts connections, or lets them wait. */
void plab_acceptor_run(struct plab_acceptor *acceptor, bool on);

/* The address that it is bound to, with the real port, as plab_netguard_name() writes it. */
const char *plab_acceptor_name(const struct plab_acceptor *acceptor);
uint16_t plab_acceptor_port(const struct plab_acceptor *acceptor);

/* How often accepting had to wait for want of file descriptors or memory. */
uint64_t plab_acceptor_waits(const struct plab_acceptor *acceptor);

/* Closes it and sets `*acceptor` to NULL; NULL is fine. The loop must run once more. */
void plab_acceptor_close(struct plab_acceptor **acceptor);

#endif
