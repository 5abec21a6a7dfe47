/* SPDX-License-Identifier: BSD-3-Clause */
/* Where clients connect: addresses as people write them, and what is spoken there. */
#include <string.h>

#include "net/addr.h"
#include "pool/pool_priv.h"

struct scheme {
    const char *prefix;
    enum plab_listener_kind kind;
    enum plab_stream_security security;
};

static const struct scheme schemes[] = {
    {"tcp://", PLAB_LISTENER_TCP, PLAB_STREAM_PLAIN},
    {"tls://", PLAB_LISTENER_TCP, PLAB_STREAM_TLS},
    {"auto://", PLAB_LISTENER_TCP, PLAB_STREAM_AUTO},
    {"ws://", PLAB_LISTENER_WS, PLAB_STREAM_PLAIN},
    {"wss://", PLAB_LISTENER_WS, PLAB_STREAM_TLS},
};

/* Takes the scheme off; without one it is plain TCP. */
static const char *take_scheme(const char *text, struct plab_listener *listener) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, len) == 0) {
            listener->kind = schemes[i].kind;
            listener->security = schemes[i].security;
            return text + len;
        }
    }
    return text;
}

static enum plab_status parse_listen(const char *text, struct plab_listener *listener,
                                     struct sockaddr_storage *out, struct plab_error *err) {
    char shown[80];
    if (!plab_addr_parse(take_scheme(text, listener), out)) {
        return plab_fail(err, PLAB_E_USAGE,
                         "\"%s\" is no address to listen on; expected ADDR:PORT, such as "
                         "127.0.0.1:3333 or [::1]:3333 (port 0: any free one), with tcp://, "
                         "tls://, auto://, ws:// or wss:// in front if you like",
                         plab_log_escape(text, strlen(text), shown, sizeof shown));
    }
    return PLAB_OK;
}

static void on_accepted(void *cookie, int fd, const struct sockaddr *peer) {
    plab_conn_accept(cookie, fd, peer);
}

static void on_refused(void *cookie, const struct sockaddr *peer) {
    const struct plab_listener *listener = cookie;
    plab_conn_refused(listener->pool, peer, "it is not a lab address");
}

static enum plab_status open_listener(struct plab_listener *listener, const char *text,
                                      struct plab_error *err) {
    static const struct plab_acceptor_events events = {on_accepted, on_refused};
    struct plab_pool *pool = listener->pool;
    struct sockaddr_storage addr = {0};
    enum plab_status status = parse_listen(text, listener, &addr, err);
    if (status == PLAB_OK) {
        status =
            plab_acceptor_open(&listener->acceptor, &pool->loop, (const struct sockaddr *)&addr,
                               &events, listener, pool->config.log, err);
    }
    if (status == PLAB_OK && listener->security != PLAB_STREAM_PLAIN && pool->labca == NULL) {
        status = plab_certs_open(pool, err);
    }
    if (status == PLAB_OK) {
        listener->port = plab_acceptor_port(listener->acceptor);
    }
    return status;
}

enum plab_status plab_listeners_open(struct plab_pool *pool, struct plab_error *err) {
    for (size_t i = 0; i < pool->config.listen_count; i++) {
        pool->listeners[i].pool = pool;
        enum plab_status status = open_listener(&pool->listeners[i], pool->config.listen[i], err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    return PLAB_OK;
}

void plab_listeners_run(struct plab_pool *pool) {
    for (size_t i = 0; i < pool->config.listen_count; i++) {
        plab_acceptor_run(pool->listeners[i].acceptor, true);
    }
}

uint64_t plab_listeners_waits(const struct plab_pool *pool) {
    uint64_t waits = pool->stats.accept_waits; /* of those that are closed */
    for (size_t i = 0; i < PLAB_POOL_LISTEN_MAX; i++) {
        if (pool->listeners[i].acceptor != NULL) {
            waits += plab_acceptor_waits(pool->listeners[i].acceptor);
        }
    }
    return waits;
}

void plab_listeners_close(struct plab_pool *pool) {
    pool->stats.accept_waits = plab_listeners_waits(pool);
    for (size_t i = 0; i < PLAB_POOL_LISTEN_MAX; i++) {
        plab_acceptor_close(&pool->listeners[i].acceptor);
    }
}
