/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/rpc.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/log.h"
#include "base/netguard.h"

#define READ_BYTES 65536

struct plab_rpc_call {
    struct plab_rpc *rpc; /* NULL once the owner let go */
    struct plab_rpc_call *next, **link;
    uv_tcp_t tcp;
    uv_timer_t timer;
    unsigned open_handles;
    uv_connect_t connect;
    uv_write_t write;
    char *request; /* owned */
    size_t request_len;
    struct plab_http_response response;
    plab_rpc_fn *done;
    void *cookie;
    uint64_t tag;
    char buffer[READ_BYTES];
};

static void on_handle_closed(uv_handle_t *handle) {
    struct plab_rpc_call *call = handle->data;
    if (--call->open_handles == 0) {
        plab_http_response_free(&call->response);
        free(call->request);
        free(call);
    }
}

static void unlink_call(struct plab_rpc_call *call) {
    *call->link = call->next;
    if (call->next != NULL) {
        call->next->link = call->link;
    }
    call->rpc = NULL;
    uv_close((uv_handle_t *)&call->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&call->timer, on_handle_closed);
}

/* Ends a call, once: later events of its handles find it unlinked. */
static void finish(struct plab_rpc_call *call, enum plab_status status,
                   const struct plab_error *err) {
    if (call->rpc == NULL) {
        return;
    }
    unlink_call(call);
    bool good = status == PLAB_OK;
    call->done(call->cookie, call->tag, status, good ? call->response.body : NULL,
               good ? call->response.body_len : 0, err);
}

static void fail_uv(struct plab_rpc_call *call, const char *what, int code) {
    struct plab_error err;
    char name[PLAB_NETGUARD_NAME_LEN];
    if (call->rpc == NULL) {
        return;
    }
    plab_netguard_name((const struct sockaddr *)&call->rpc->addr, name);
    enum plab_status status = plab_fail(&err, PLAB_E_NETWORK, "cannot %s the daemon at %s: %s",
                                        what, name, uv_strerror(code));
    finish(call, status, &err);
}

static void on_deadline(uv_timer_t *timer) {
    fail_uv(timer->data, "get an answer in time from", UV_ETIMEDOUT);
}

static void complete(struct plab_rpc_call *call) {
    struct plab_error err = {.text = ""};
    enum plab_status status = PLAB_OK;
    if (call->response.status != 200) {
        status = plab_fail(&err, PLAB_E_PROTOCOL, "the daemon answered with HTTP status %d",
                           call->response.status);
    }
    finish(call, status, &err);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct plab_rpc_call *call = handle->data;
    (void)suggested;
    *buf = uv_buf_init(call->buffer, sizeof call->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
    struct plab_rpc_call *call = stream->data;
    struct plab_error err = {.text = ""};
    enum plab_status status;
    if (count == 0 || call->rpc == NULL) {
        return;
    }
    if (count < 0 && count != UV_EOF) {
        fail_uv(call, "read from", (int)count);
        return;
    }
    status = count == UV_EOF
                 ? plab_http_response_end(&call->response, &err)
                 : plab_http_response_feed(&call->response, buf->base, (size_t)count, &err);
    if (status != PLAB_OK) {
        finish(call, status, &err);
    } else if (call->response.part == PLAB_HTTP_DONE) {
        complete(call);
    }
}

static void on_written(uv_write_t *write, int code) {
    if (code < 0) {
        fail_uv(write->data, "write to", code);
    }
}

static void on_connected(uv_connect_t *connect, int code) {
    struct plab_rpc_call *call = connect->data;
    if (call->rpc == NULL) {
        return;
    }
    uv_buf_t buf = uv_buf_init(call->request, (unsigned)call->request_len);
    if (code == 0) {
        code = uv_read_start((uv_stream_t *)&call->tcp, on_alloc, on_read);
    }
    if (code < 0) {
        fail_uv(call, "connect to", code);
        return;
    }
    call->write.data = call;
    code = uv_write(&call->write, (uv_stream_t *)&call->tcp, &buf, 1, on_written);
    if (code < 0) {
        fail_uv(call, "write to", code);
    }
}

static void link_call(struct plab_rpc *rpc, struct plab_rpc_call *call) {
    call->rpc = rpc;
    call->next = rpc->calls;
    call->link = &rpc->calls;
    if (call->next != NULL) {
        call->next->link = &call->next;
    }
    rpc->calls = call;
    call->open_handles = 2;
    uv_tcp_init(rpc->loop, &call->tcp);
    uv_timer_init(rpc->loop, &call->timer);
    call->tcp.data = call;
    call->timer.data = call;
    call->connect.data = call;
}

enum plab_status plab_rpc_send(struct plab_rpc *rpc, const struct plab_http_request *request,
                               plab_rpc_fn *done, void *cookie, uint64_t tag,
                               struct plab_error *err) {
    const struct sockaddr *addr = (const struct sockaddr *)&rpc->addr;
    enum plab_status status = plab_netguard_check(addr, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_rpc_call *call = calloc(1, sizeof *call);
    if (call == NULL ||
        (call->request = plab_http_build(&rpc->url, request, &call->request_len)) == NULL) {
        free(call);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a call to the daemon");
    }
    call->done = done;
    call->cookie = cookie;
    call->tag = tag;
    link_call(rpc, call);
    int code = uv_tcp_connect(&call->connect, &call->tcp, addr, on_connected);
    if (code < 0) {
        unlink_call(call);
        return plab_fail(err, PLAB_E_NETWORK, "cannot connect to the daemon: %s",
                         uv_strerror(code));
    }
    uv_timer_start(&call->timer, on_deadline, rpc->deadline_ms, 0);
    return PLAB_OK;
}

enum plab_status plab_rpc_call(struct plab_rpc *rpc, const char *body, plab_rpc_fn *done,
                               void *cookie, uint64_t tag, struct plab_error *err) {
    const struct plab_http_request request = {.path = "/json_rpc", .body = body};
    if (body == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a call to the daemon");
    }
    return plab_rpc_send(rpc, &request, done, cookie, tag, err);
}

/* All addresses must be lab addresses: a name that also points elsewhere is not a lab's name. */
static enum plab_status choose_address(struct plab_rpc *rpc, const struct addrinfo *list,
                                       struct plab_error *err) {
    for (const struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next) {
        enum plab_status status = plab_netguard_check(entry->ai_addr, err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    memcpy(&rpc->addr, list->ai_addr, list->ai_addrlen);
    return PLAB_OK;
}

enum plab_status plab_rpc_init(struct plab_rpc *rpc, struct uv_loop_s *loop, const char *url,
                               uint64_t deadline_ms, struct plab_error *err) {
    memset(rpc, 0, sizeof *rpc);
    rpc->loop = loop;
    rpc->deadline_ms = deadline_ms;
    enum plab_status status = plab_http_url_parse(url, PLAB_RPC_PORT, &rpc->url, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    char port[8], shown[80];
    snprintf(port, sizeof port, "%u", (unsigned)rpc->url.port);
    int code = getaddrinfo(rpc->url.host, port, &hints, &list);
    if (code != 0 || list == NULL) {
        return plab_fail(err, PLAB_E_NETWORK, "cannot find the daemon's host \"%s\": %s",
                         plab_log_escape(rpc->url.host, strlen(rpc->url.host), shown, sizeof shown),
                         gai_strerror(code));
    }
    status = choose_address(rpc, list, err);
    freeaddrinfo(list);
    return status;
}

void plab_rpc_close(struct plab_rpc *rpc) {
    while (rpc->calls != NULL) {
        unlink_call(rpc->calls);
    }
}
