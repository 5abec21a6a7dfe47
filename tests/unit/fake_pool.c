/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake_pool.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tests/harness.h"

static void on_handle_closed(uv_handle_t *handle) {
    struct fake_conn *conn = handle->data;
    if (--conn->open_handles > 0) {
        return;
    }
    for (struct fake_conn **at = &conn->pool->conns; *at != NULL; at = &(*at)->next) {
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    }
    tls_peer_end(&conn->tls);
    free(conn->dripping);
    free(conn);
}

static void close_drip(struct fake_conn *conn) {
    if (!uv_is_closing((uv_handle_t *)&conn->drip)) {
        uv_close((uv_handle_t *)&conn->drip, on_handle_closed);
    }
}

static void close_conn(struct fake_conn *conn) {
    if (!uv_is_closing((uv_handle_t *)&conn->tcp)) {
        uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
    }
    close_drip(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    static char bytes[65536];
    (void)handle, (void)suggested;
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void take_bytes(struct fake_conn *conn, const char *bytes, size_t len) {
    if (conn->pool->on_bytes != NULL) {
        conn->pool->on_bytes(conn, bytes, len);
        return;
    }
    for (size_t i = 0; i < len && !uv_is_closing((uv_handle_t *)&conn->tcp); i++) {
        if (bytes[i] != '\n') {
            CHECK(conn->len < sizeof conn->line - 1);
            conn->line[conn->len++] = bytes[i];
            continue;
        }
        conn->line[conn->len] = '\0';
        conn->len = 0;
        conn->lines++;
        conn->pool->on_line(conn, conn->line);
    }
}

static void flush_tls(struct fake_conn *conn) {
    char bytes[65536];
    size_t len;
    while ((len = tls_peer_output(&conn->tls, bytes, sizeof bytes)) > 0) {
        fake_say_wire(conn, bytes, len);
    }
}

static void take_tls(struct fake_conn *conn, const char *bytes, size_t len) {
    char plain[16384];
    tls_peer_feed(&conn->tls, bytes, len);
    flush_tls(conn);
    while ((len = tls_peer_read(&conn->tls, plain, sizeof plain)) > 0) {
        take_bytes(conn, plain, len);
    }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
    struct fake_conn *conn = stream->data;
    if (count < 0) {
        close_conn(conn);
    } else if (conn->pool->tls != NULL) {
        take_tls(conn, buf->base, (size_t)count);
    } else {
        take_bytes(conn, buf->base, (size_t)count);
    }
}

static void on_connection(uv_stream_t *server, int status) {
    struct fake_pool *pool = server->data;
    struct fake_conn *conn = calloc(1, sizeof *conn);
    CHECK(status == 0 && conn != NULL);
    conn->pool = pool;
    conn->tcp.data = conn->drip.data = conn;
    uv_tcp_init(pool->loop, &conn->tcp);
    uv_timer_init(pool->loop, &conn->drip);
    conn->open_handles = 2;
    conn->next = pool->conns;
    pool->conns = conn;
    pool->connections++;
    if (pool->tls != NULL) {
        tls_peer_begin(&conn->tls, pool->tls, true);
    }
    CHECK(uv_accept(server, (uv_stream_t *)&conn->tcp) == 0);
    uv_tcp_nodelay(&conn->tcp, 1);
    uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    if (pool->on_connect != NULL) {
        pool->on_connect(conn);
    }
}

void fake_pool_start(struct fake_pool *pool, uv_loop_t *loop, uint16_t port, fake_line_fn *on_line,
                     void *cookie) {
    struct sockaddr_in addr;
    int len = sizeof addr;
    memset(pool, 0, sizeof *pool);
    signal(SIGPIPE, SIG_IGN); /* as the program does; libuv writes without MSG_NOSIGNAL */
    pool->loop = loop;
    pool->on_line = on_line;
    pool->cookie = cookie;
    uv_ip4_addr("127.0.0.1", port, &addr);
    uv_tcp_init(loop, &pool->server);
    pool->server.data = pool;
    CHECK(uv_tcp_bind(&pool->server, (const struct sockaddr *)&addr, 0) == 0);
    CHECK(uv_listen((uv_stream_t *)&pool->server, 16, on_connection) == 0);
    uv_tcp_getsockname(&pool->server, (struct sockaddr *)&addr, &len);
    pool->port = ntohs(addr.sin_port);
    pool->listening = true;
}

void fake_pool_stop(struct fake_pool *pool) {
    if (pool->listening) {
        pool->listening = false;
        uv_close((uv_handle_t *)&pool->server, NULL);
    }
    for (struct fake_conn *conn = pool->conns; conn != NULL; conn = conn->next) {
        close_conn(conn);
    }
}

static void on_said(uv_write_t *req, int status) {
    (void)status; /* the other side may have gone, as the script wants */
    free(req);
}

void fake_say_raw(struct fake_conn *conn, const char *bytes, size_t len) {
    if (conn->pool->tls == NULL) {
        fake_say_wire(conn, bytes, len);
    } else if (!uv_is_closing((uv_handle_t *)&conn->tcp)) {
        tls_peer_write(&conn->tls, bytes, len);
        flush_tls(conn);
    }
}

void fake_close_notify(struct fake_conn *conn) {
    SSL_shutdown(conn->tls.ssl);
    flush_tls(conn);
}

void fake_say_wire(struct fake_conn *conn, const char *bytes, size_t len) {
    uv_write_t *req = malloc(sizeof *req + len);
    CHECK(req != NULL);
    char *copy = (char *)(req + 1);
    memcpy(copy, bytes, len);
    uv_buf_t buf = uv_buf_init(copy, (unsigned)len);
    if (uv_is_closing((uv_handle_t *)&conn->tcp) ||
        uv_write(req, (uv_stream_t *)&conn->tcp, &buf, 1, on_said) < 0) {
        free(req);
    }
}

void fake_say(struct fake_conn *conn, const char *format, ...) {
    char text[8192];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(len >= 0 && (size_t)len < sizeof text);
    fake_say_raw(conn, text, (size_t)len);
}

static void on_drip(uv_timer_t *timer) {
    struct fake_conn *conn = timer->data;
    if (conn->dripping[conn->dripped] == '\0') {
        uv_timer_stop(timer);
        return;
    }
    fake_say_raw(conn, conn->dripping + conn->dripped++, 1);
}

void fake_drip(struct fake_conn *conn, const char *text, unsigned interval_ms) {
    free(conn->dripping);
    conn->dripping = strdup(text);
    conn->dripped = 0;
    CHECK(conn->dripping != NULL);
    uv_timer_start(&conn->drip, on_drip, 0, interval_ms > 0 ? interval_ms : 1);
    for (const char *p = text; interval_ms == 0 && *p != '\0'; p++) {
        on_drip(&conn->drip);
    }
}

static void on_shut_down(uv_shutdown_t *req, int status) {
    (void)status;
    free(req);
}

void fake_hang_up(struct fake_conn *conn) {
    uv_shutdown_t *req = malloc(sizeof *req);
    CHECK(req != NULL);
    if (uv_shutdown(req, (uv_stream_t *)&conn->tcp, on_shut_down) < 0) {
        free(req);
    }
}

void fake_reset(struct fake_conn *conn) {
    if (!uv_is_closing((uv_handle_t *)&conn->tcp)) {
        uv_tcp_close_reset(&conn->tcp, on_handle_closed);
    }
    close_drip(conn);
}
