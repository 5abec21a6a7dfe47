/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head of an HTTP/1 request (request line and fields), judged strictly: what could be read in
 * two ways is refused. Sources: RFC 9112 (syntax), RFC 9110 (semantics). A pure function of bytes.
 *
 * The servers of powlab take no bodies, act for nobody else and are meant for the machine they run
 * on, so much of HTTP is simply an error here: absolute targets, folded lines, a lone LF, repeated
 * Host, Content-Length or Authorization, a length beside a transfer coding.
 *
 * A Host that is neither "localhost" nor a numeric lab address is refused (421): the page of a
 * foreign name that was made to resolve to us (DNS rebinding) sends that name.
 */
#ifndef PLAB_NET_HTTPHEAD_H
#define PLAB_NET_HTTPHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define PLAB_HTTP_HEAD_MAX 8192 /* bytes of request line and fields together */
#define PLAB_HTTP_FIELDS_MAX 64
#define PLAB_HTTP_BODY_MAX (1024u * 1024) /* a larger announced body is refused unread (413) */

enum plab_http_method {
    PLAB_HTTP_GET,
    PLAB_HTTP_HEAD,
    PLAB_HTTP_OPTIONS,
    PLAB_HTTP_OTHER, /* any other token: POST, PUT, DELETE, TRACE ... */
};

/* A part of the bytes that were parsed; no NUL at its end. */
struct plab_http_text {
    const char *at; /* NULL: absent */
    size_t len;
};

struct plab_http_head {
    enum plab_http_method method;
    unsigned minor;                      /* HTTP/1.minor: 0 or 1 */
    struct plab_http_text path;          /* begins with '/', as sent: escapes are not decoded */
    struct plab_http_text query;         /* without '?'; absent, or possibly empty */
    struct plab_http_text authorization; /* the field's value */
    bool has_body;                       /* announced, not read */
    struct plab_http_text fields;        /* all of them, up to the empty line and with it */
};

/* Length of the head at the beginning of `bytes`, its empty line included; 0: not complete yet. */
size_t plab_http_head_length(const char *bytes, size_t len);

/* Parses a complete head of `len` bytes. Returns 0, or the status to answer with: 400, 411, 413,
 * 421, 431 or 505; `out` is not to be used then. Its texts borrow from `bytes`. */
PLAB_NODISCARD unsigned plab_http_head_parse(const char *bytes, size_t len,
                                             struct plab_http_head *out);

/* Takes the first field off `*fields`, name and value without the blanks around it. Returns 0, or
 * 400 when it is malformed; at the empty line, 0 and a name without characters. */
PLAB_NODISCARD unsigned plab_http_take_field(struct plab_http_text *fields,
                                             struct plab_http_text *name,
                                             struct plab_http_text *value);

/* Without the blanks at its ends. */
struct plab_http_text plab_http_trim(struct plab_http_text text);

/* True when a field's name, or a value of tokens, is `word`, whatever the case of its letters. */
bool plab_http_word_is(struct plab_http_text text, const char *word);

/* True for "localhost" and a numeric lab address (IPv6 in brackets), each perhaps with a port:
 * a host that can't be a name that somebody made to resolve to us. */
bool plab_http_host_is_lab(struct plab_http_text host);

/* The status for a head that grew to PLAB_HTTP_HEAD_MAX without an end: 414 while still in the
 * request line, else 431. */
unsigned plab_http_head_overflow(const char *bytes, size_t len);

/* True when the text is exactly `word`. */
bool plab_http_text_is(struct plab_http_text text, const char *word);

/* True when an Authorization value is "Bearer " and that token; takes as long for a wrong token as
 * for the right one, whatever its length and contents. */
bool plab_http_bearer_is(struct plab_http_text authorization, const char *token);

#endif
