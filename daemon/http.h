/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Just enough HTTP/1.1 for calls to a daemon: a URL, a request, an incremental reader of the
 * response. No I/O. Source: RFC 9112.
 */
#ifndef PLAB_DAEMON_HTTP_H
#define PLAB_DAEMON_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_HTTP_HOST_MAX 255
#define PLAB_HTTP_HEAD_MAX 8192               /* bytes of status line and headers */
#define PLAB_HTTP_BODY_MAX (4u * 1024 * 1024) /* bytes of a body */

struct plab_http_url {
    char host[PLAB_HTTP_HOST_MAX + 1]; /* name or address, without brackets */
    uint16_t port;
};

/* Parses "http://HOST[:PORT][/]" with a default port. PLAB_E_USAGE for another scheme (https is not
 * offered), user names, an empty host, a bad port, or a path, query or fragment. */
PLAB_NODISCARD enum plab_status plab_http_url_parse(const char *text, uint16_t default_port,
                                                    struct plab_http_url *out,
                                                    struct plab_error *err);

/* What is asked for. All text is borrowed, and its author's: nothing is escaped. */
struct plab_http_request {
    const char *path;
    const char *body;       /* JSON, sent as a POST; NULL: a GET */
    const char *agent;      /* User-Agent; NULL: no such header */
    const char *difficulty; /* X-Hash-Difficulty; NULL: no such header */
    bool bare_host;         /* Host without the port, as XMRig writes it */
};

/* Writes a request that closes the connection, its headers in alphabetical order as XMRig has them.
 * `*len` is its length without the NUL. Returns owned (free()), NULL without memory. */
char *plab_http_build(const struct plab_http_url *url, const struct plab_http_request *request,
                      size_t *len);

enum plab_http_part {
    PLAB_HTTP_HEAD,
    PLAB_HTTP_BODY, /* counted, or until the end of the connection */
    PLAB_HTTP_CHUNK_SIZE,
    PLAB_HTTP_CHUNK,
    PLAB_HTTP_CHUNK_END, /* the line feed after a chunk */
    PLAB_HTTP_TRAILER,
    PLAB_HTTP_DONE,
};

/* A response being read; zero-initialise, free with plab_http_response_free(). */
struct plab_http_response {
    enum plab_http_part part;
    int status; /* e.g. 200; valid after the head */
    char *line; /* owned: the head, later a line of the chunked coding */
    size_t line_len;
    bool until_close; /* neither length nor chunks */
    uint64_t left;    /* of the body, or of a chunk */
    char *body;       /* owned, NUL-terminated */
    size_t body_len, body_cap;
};

/* Takes `len` bytes as they came. PLAB_E_PROTOCOL when they are no response or exceed the limits;
 * PLAB_E_NOMEM. Bytes after the end are ignored. */
PLAB_NODISCARD enum plab_status plab_http_response_feed(struct plab_http_response *response,
                                                        const char *data, size_t len,
                                                        struct plab_error *err);

/* The connection ended. PLAB_OK when the response is complete now, else PLAB_E_PROTOCOL. */
PLAB_NODISCARD enum plab_status plab_http_response_end(struct plab_http_response *response,
                                                       struct plab_error *err);

void plab_http_response_free(struct plab_http_response *response);

#endif
