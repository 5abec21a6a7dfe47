/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake_daemon.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/harness.h"

static void on_closed(uv_handle_t *handle) {
    struct fake_call *call = handle->data;
    for (struct fake_call **at = &call->daemon->calls; *at != NULL; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            break;
        }
    }
    free(call);
}

static void close_call(struct fake_call *call) {
    if (!uv_is_closing((uv_handle_t *)&call->tcp)) {
        uv_close((uv_handle_t *)&call->tcp, on_closed);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct fake_call *call = handle->data;
    (void)suggested;
    *buf = uv_buf_init(call->request + call->len, (unsigned)(FAKE_REQUEST_MAX - call->len));
}

static bool is_complete(struct fake_call *call) {
    const char *body = strstr(call->request, "\r\n\r\n");
    const char *length = strstr(call->request, "Content-Length: ");
    size_t body_len = length != NULL ? (size_t)atoi(length + 16) : 0;
    return body != NULL && (size_t)(body + 4 - call->request) + body_len <= call->len;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
    struct fake_call *call = stream->data;
    (void)buf;
    if (count < 0) {
        close_call(call);
        return;
    }
    call->len += (size_t)count;
    call->request[call->len] = '\0';
    if (!call->answered && is_complete(call)) {
        call->answered = true;
        call->daemon->requests++;
        call->daemon->on_request(call);
    }
}

static void on_connection(uv_stream_t *server, int status) {
    struct fake_daemon *daemon = server->data;
    struct fake_call *call = calloc(1, sizeof *call);
    CHECK(status == 0 && call != NULL);
    call->daemon = daemon;
    call->tcp.data = call;
    call->next = daemon->calls;
    daemon->calls = call;
    uv_tcp_init(daemon->loop, &call->tcp);
    CHECK(uv_accept(server, (uv_stream_t *)&call->tcp) == 0);
    uv_read_start((uv_stream_t *)&call->tcp, on_alloc, on_read);
}

void fake_daemon_start(struct fake_daemon *daemon, uv_loop_t *loop, fake_request_fn *on_request,
                       void *cookie) {
    struct sockaddr_in addr;
    int len = sizeof addr;
    memset(daemon, 0, sizeof *daemon);
    signal(SIGPIPE, SIG_IGN); /* as the program does; libuv writes without MSG_NOSIGNAL */
    daemon->loop = loop;
    daemon->on_request = on_request;
    daemon->cookie = cookie;
    uv_ip4_addr("127.0.0.1", 0, &addr);
    uv_tcp_init(loop, &daemon->server);
    daemon->server.data = daemon;
    CHECK(uv_tcp_bind(&daemon->server, (const struct sockaddr *)&addr, 0) == 0);
    CHECK(uv_listen((uv_stream_t *)&daemon->server, 16, on_connection) == 0);
    uv_tcp_getsockname(&daemon->server, (struct sockaddr *)&addr, &len);
    daemon->port = ntohs(addr.sin_port);
}

void fake_daemon_stop(struct fake_daemon *daemon) {
    uv_close((uv_handle_t *)&daemon->server, NULL);
    for (struct fake_call *call = daemon->calls; call != NULL; call = call->next) {
        close_call(call);
    }
}

static void on_written(uv_write_t *req, int status) {
    (void)status; /* the other side may have gone, as the script wants */
    free(req);
}

void fake_write(struct fake_call *call, const char *bytes, size_t len) {
    uv_write_t *req = malloc(sizeof *req + len);
    CHECK(req != NULL);
    char *copy = (char *)(req + 1);
    memcpy(copy, bytes, len);
    uv_buf_t buf = uv_buf_init(copy, (unsigned)len);
    if (uv_is_closing((uv_handle_t *)&call->tcp) ||
        uv_write(req, (uv_stream_t *)&call->tcp, &buf, 1, on_written) < 0) {
        free(req);
    }
}

static void on_shut_down(uv_shutdown_t *req, int status) {
    (void)status;
    free(req);
}

void fake_answer(struct fake_call *call, const char *body) {
    char head[120];
    int len =
        snprintf(head, sizeof head, "HTTP/1.1 200 Ok\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    fake_write(call, head, (size_t)len);
    fake_write(call, body, strlen(body));
    uv_shutdown_t *req = malloc(sizeof *req);
    CHECK(req != NULL);
    if (uv_shutdown(req, (uv_stream_t *)&call->tcp, on_shut_down) < 0) {
        free(req);
    }
}
