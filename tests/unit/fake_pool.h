/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool for tests that says what its script says, on 127.0.0.1 and a loop of the test; plain, or
 * with TLS by OpenSSL itself. */
#ifndef PLAB_TESTS_FAKE_POOL_H
#define PLAB_TESTS_FAKE_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "tests/unit/tls_peer.h"

struct fake_pool;

struct fake_conn {
    struct fake_pool *pool;
    uv_tcp_t tcp;
    uv_timer_t drip;
    struct tls_peer tls; /* when the pool has TLS */
    char line[4096];     /* being received */
    size_t len;
    char *dripping; /* owned */
    size_t dripped;
    int open_handles;
    unsigned lines; /* received */
    struct fake_conn *next;
};

/* Called for each line received, without LF. */
typedef void fake_line_fn(struct fake_conn *conn, const char *line);

struct fake_pool {
    uv_loop_t *loop;
    uv_tcp_t server;
    uint16_t port;
    fake_line_fn *on_line;
    void *cookie;
    void (*on_connect)(struct fake_conn *conn); /* may be NULL */
    /* Gets all bytes instead of `on_line`; NULL: none of them. */
    void (*on_bytes)(struct fake_conn *conn, const char *bytes, size_t len);
    SSL_CTX *tls; /* borrowed, NULL: plain; set it before anybody connects */
    bool listening;
    unsigned connections; /* accepted so far */
    struct fake_conn *conns;
};

/* Listens on `port`, 0: a free one. */
void fake_pool_start(struct fake_pool *pool, uv_loop_t *loop, uint16_t port, fake_line_fn *on_line,
                     void *cookie);

/* Closes the listener and all connections; the loop must run once more. */
void fake_pool_stop(struct fake_pool *pool);

void fake_say(struct fake_conn *conn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void fake_say_raw(struct fake_conn *conn, const char *bytes, size_t len);

/* The same past TLS, straight to the socket. */
void fake_say_wire(struct fake_conn *conn, const char *bytes, size_t len);

/* One byte a segment: at once (interval 0), or one every `interval_ms`. */
void fake_drip(struct fake_conn *conn, const char *text, unsigned interval_ms);

void fake_hang_up(struct fake_conn *conn);      /* FIN, after what was said */
void fake_close_notify(struct fake_conn *conn); /* TLS's own end, without a FIN */
void fake_reset(struct fake_conn *conn);        /* RST */

#endif
