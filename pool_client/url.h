/* SPDX-License-Identifier: BSD-3-Clause */
/* Pool addresses as people write them. */
#ifndef PLAB_POOL_CLIENT_URL_H
#define PLAB_POOL_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_URL_HOST_MAX 253 /* a DNS name's limit */
#define PLAB_URL_DEFAULT_PORT 3333

struct plab_url {
    char host[PLAB_URL_HOST_MAX + 1]; /* without brackets; letters, digits and -._:% only */
    uint16_t port;
    bool tls, websocket;
};

/* Parses "host", "host:port" or "[ipv6]:port", each with an optional scheme in front and "/"
 * behind. Schemes: stratum+tcp:// and tcp:// as without one; stratum+ssl://, stratum+tls://,
 * stratums://, ssl:// and tls:// for TLS; ws:// and wss:// for WebSocket, at its root. PLAB_E_USAGE
 * names what is wrong: another scheme, a user or path in the address, a bad port. Whether the
 * address is a lab one is checked when it is resolved. */
PLAB_NODISCARD enum plab_status plab_url_parse(const char *text, struct plab_url *out,
                                               struct plab_error *err);

/* The pool `from` under another host and port, as the pool itself told: they are good when the host
 * is its own, or is a lab address in numbers. PLAB_E_REFUSED names what isn't. */
PLAB_NODISCARD enum plab_status plab_url_move(const struct plab_url *from, const char *host,
                                              uint16_t port, struct plab_url *out,
                                              struct plab_error *err);

/* Length of the text of plab_url_name() with its NUL. */
#define PLAB_URL_NAME_LEN (PLAB_URL_HOST_MAX + 16)

/* Writes "host:port" or "[ipv6]:port". Returns `out`. */
const char *plab_url_name(const struct plab_url *url, char out[PLAB_URL_NAME_LEN]);

#endif
