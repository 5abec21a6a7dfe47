/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small HTTP server on its owner's libuv loop: for people and monitors on the same machine or in
 * the same lab, not for the world. Built on libwebsockets behind a strict door:
 *
 * - net/acceptor.h takes connections (lab-only rule, back-off without descriptors);
 * - the door reads one head (net/httphead.h) within caps and a deadline, refuses what isn't plain,
 *   and asks the owner's handler for a reply;
 * - libwebsockets sends the reply, or a stream of server-sent events, and closes.
 *
 * One request a connection, no bodies, no files, no CORS. Every answer carries the security headers
 * of a page that loads nothing from elsewhere. Errors are JSON: {"status":404,"error":"NOT_FOUND"}.
 *
 * Everything runs on the loop's thread. libwebsockets needs its plug-in for libuv at run time
 * (Debian: libwebsockets-evlib-uv).
 */
#ifndef PLAB_NET_HTTPD_H
#define PLAB_NET_HTTPD_H

#include "base/log.h"
#include "base/status.h"
#include "net/httphead.h"

struct uv_loop_s; /* uv_loop_t */
struct sockaddr;
struct plab_httpd;

/* What a handler answers with. All zero but the status: an error as JSON. */
struct plab_httpd_reply {
    unsigned status;  /* such as 200; one that plab_httpd_phrase() knows */
    const char *type; /* Content-Type; NULL: an error's JSON is made from the status */
    const char *body; /* borrowed during the call of the handler's caller: static, or `owned` */
    size_t body_len;
    void *owned;        /* freed with free() when the reply is taken; may be NULL */
    const char *fields; /* further header lines, each ending in CR LF; static; NULL: none */
    bool events; /* 200: a stream of server-sent events, `body` being the first of them; it gets
                    what plab_httpd_publish() sends until somebody hangs up */
};

/* Fills in `reply`, which is zero. HEAD is asked like GET; the body isn't sent. */
typedef void plab_httpd_handler(void *cookie, const struct plab_http_head *request,
                                struct plab_httpd_reply *reply);

struct plab_httpd_config {
    struct uv_loop_s *loop;
    const struct sockaddr *addr; /* borrowed during the call; port 0: any free one */
    plab_httpd_handler *handler;
    void *cookie;
    const struct plab_log *log; /* borrowed; may be NULL */
    unsigned connections_max;   /* more are told 503 and closed */
    unsigned streams_max;       /* of them; more are told 503 */
    unsigned head_deadline_ms;  /* for a complete head */
    unsigned reply_deadline_ms; /* for a peer to read a reply, or an event */
};

/* Limits: 64 connections, 32 streams, 10 s, 20 s. The rest is the caller's. */
void plab_httpd_defaults(struct plab_httpd_config *config);

/* Binds and serves. Errors: PLAB_E_REFUSED; PLAB_E_RESOURCE (the port is in use, libwebsockets
 * can't be set up); PLAB_E_NOMEM. After an error the loop must run once more as well. */
PLAB_NODISCARD enum plab_status plab_httpd_open(struct plab_httpd **out,
                                                const struct plab_httpd_config *config,
                                                struct plab_error *err);

/* Address with the real port, e.g. "127.0.0.1:8080", and the port. */
const char *plab_httpd_name(const struct plab_httpd *httpd);
uint16_t plab_httpd_port(const struct plab_httpd *httpd);

/* Streams that are open. */
unsigned plab_httpd_streams(const struct plab_httpd *httpd);

/* Sends an event to all streams. `text` is one line. A stream that hasn't taken the one before
 * gets only the newest. Not from within a handler. */
void plab_httpd_publish(struct plab_httpd *httpd, const char *text, size_t len);

struct plab_httpd_stats {
    uint64_t requests;    /* answered, errors included */
    uint64_t refused;     /* of them by the door: malformed, too large, too slow */
    uint64_t turned_away; /* connections above the cap, or of peers that aren't in a lab */
};
void plab_httpd_stats(const struct plab_httpd *httpd, struct plab_httpd_stats *stats);

/* Hangs up on everybody. Not from within a handler; NULL is fine, twice too. The loop must run
 * until it is empty afterwards, and then comes plab_httpd_free(). */
void plab_httpd_close(struct plab_httpd *httpd);

/* Frees what is left of a closed one and sets `*httpd` to NULL; NULL is fine. */
void plab_httpd_free(struct plab_httpd **httpd);

/* "Not Found" of 404; "Error" of a status that the servers here don't use. */
const char *plab_httpd_phrase(unsigned status);

#endif
