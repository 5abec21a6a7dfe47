/* SPDX-License-Identifier: BSD-3-Clause */
/* A daemon for tests that answers what its script says, on 127.0.0.1 and a loop of the test. */
#ifndef PLAB_TESTS_FAKE_DAEMON_H
#define PLAB_TESTS_FAKE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define FAKE_REQUEST_MAX 20000

struct fake_daemon;

struct fake_call {
    struct fake_daemon *daemon;
    uv_tcp_t tcp;
    char request[FAKE_REQUEST_MAX + 1]; /* as it came */
    size_t len;
    bool answered;
    struct fake_call *next;
};

/* Called once for each complete request; answers by fake_answer() or fake_write(), or not at all.
 */
typedef void fake_request_fn(struct fake_call *call);

struct fake_daemon {
    uv_loop_t *loop;
    uv_tcp_t server;
    uint16_t port;
    fake_request_fn *on_request;
    void *cookie;
    unsigned requests; /* complete ones */
    struct fake_call *calls;
};

void fake_daemon_start(struct fake_daemon *daemon, uv_loop_t *loop, fake_request_fn *on_request,
                       void *cookie);

/* Closes the listener and all connections; the loop must run once more. */
void fake_daemon_stop(struct fake_daemon *daemon);

/* Bytes as they are; the connection stays. */
void fake_write(struct fake_call *call, const char *bytes, size_t len);

/* "HTTP/1.1 200 Ok" with that body, then the end of the connection. */
void fake_answer(struct fake_call *call, const char *body);

#endif
