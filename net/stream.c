/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/netguard.h"

#define TLS_FIRST_BYTE 22 /* the record type of a handshake, RFC 8446 */

struct plab_stream {
    uv_tcp_t tcp;
    union { /* never both under way */
        uv_connect_t connect;
        uv_shutdown_t shutdown;
    } request;
    const struct plab_stream_home *home;
    const struct plab_stream_events *events;
    void *cookie;
    size_t unsent_max;
    unsigned keepalive_s;
    int send_buffer;
    uint64_t progress_ms; /* when something that waited was last taken */
    unsigned writes;      /* unfinished */
    enum plab_stream_security security;
    struct plab_tls_context *context; /* owned reference; of an accepted client, until it speaks */
    struct plab_tls *tls;             /* NULL: plain, or not known yet */
    bool connected, open, ended, finishing, failed, closed;
};

/* ---- the end ---- */

static void free_stream(struct plab_stream *stream) {
    plab_tls_destroy(&stream->tls);
    plab_tls_context_unref(&stream->context);
    free(stream);
}

static void on_closed(uv_handle_t *handle) {
    struct plab_stream *stream = handle->data;
    if (stream->events->closed != NULL) {
        stream->events->closed(stream->cookie);
    }
    free_stream(stream);
}

static void on_discarded(uv_handle_t *handle) {
    free_stream(handle->data);
}

void plab_stream_close(struct plab_stream **stream, bool reset) {
    struct plab_stream *last = *stream;
    *stream = NULL;
    if (last == NULL) {
        return;
    }
    last->closed = true;
    if (!reset || uv_tcp_close_reset(&last->tcp, on_closed) != 0) {
        uv_close((uv_handle_t *)&last->tcp, on_closed);
    }
}

/* Bytes won't come any more. */
static void end(struct plab_stream *stream, enum plab_status status, const char *reason) {
    if (stream->closed || stream->failed || (stream->ended && status == PLAB_OK)) {
        return;
    }
    stream->ended = true;
    stream->failed = status != PLAB_OK;
    uv_read_stop((uv_stream_t *)&stream->tcp);
    if (stream->events->ended != NULL) {
        stream->events->ended(stream->cookie, status, reason);
    }
}

static void end_lost(struct plab_stream *stream, int code) {
    char reason[128];
    snprintf(reason, sizeof reason, "connection lost: %s", uv_strerror(code));
    end(stream, code == UV_ENOMEM ? PLAB_E_NOMEM : PLAB_E_NETWORK, reason);
}

/* ---- sending ---- */

/* Bytes that the socket did not take at once. */
struct unsent {
    uv_write_t write;
    char bytes[];
};

static void on_written(uv_write_t *write, int code) {
    struct plab_stream *stream = write->data;
    free(write);
    stream->writes--;
    stream->progress_ms = uv_now(stream->home->loop);
    if (stream->closed) {
        return;
    }
    if (code < 0) {
        end_lost(stream, code);
    } else if (stream->writes == 0 && stream->events->drained != NULL) {
        stream->events->drained(stream->cookie);
    }
}

static enum plab_status queue(struct plab_stream *stream, const char *bytes, size_t len,
                              struct plab_error *err) {
    size_t waiting = plab_stream_unsent(stream);
    if (waiting + len > stream->unsent_max) {
        return plab_fail(err, PLAB_E_RESOURCE, "%zu bytes wait to be read", waiting);
    }
    struct unsent *unsent = malloc(sizeof *unsent + len);
    if (unsent == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to send");
    }
    memcpy(unsent->bytes, bytes, len);
    unsent->write.data = stream;
    uv_buf_t buf = uv_buf_init(unsent->bytes, (unsigned)len);
    int code = uv_write(&unsent->write, (uv_stream_t *)&stream->tcp, &buf, 1, on_written);
    if (code < 0) {
        free(unsent);
        return plab_fail(err, PLAB_E_NETWORK, "sending failed: %s", uv_strerror(code));
    }
    if (stream->writes++ == 0) {
        stream->progress_ms = uv_now(stream->home->loop);
    }
    return PLAB_OK;
}

/* Hands bytes to the socket and keeps what it doesn't take. */
static enum plab_status put(struct plab_stream *stream, const char *bytes, size_t len,
                            struct plab_error *err) {
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len); /* only read from */
    int sent = uv_try_write((uv_stream_t *)&stream->tcp, &buf, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        return plab_fail(err, PLAB_E_NETWORK, "sending failed: %s", uv_strerror(sent));
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    return done < len ? queue(stream, bytes + done, len - done, err) : PLAB_OK;
}

/* Hands on what the TLS engine wants to be sent. */
static enum plab_status put_tls(struct plab_stream *stream, struct plab_error *err) {
    size_t len;
    const void *bytes = plab_tls_output(stream->tls, &len);
    if (len == 0) {
        return PLAB_OK;
    }
    enum plab_status status = put(stream, bytes, len, err);
    plab_tls_output_sent(stream->tls);
    return status;
}

enum plab_status plab_stream_send(struct plab_stream *stream, const void *bytes, size_t len,
                                  struct plab_error *err) {
    if (stream->failed || stream->finishing) {
        return plab_fail(err, PLAB_E_NETWORK, "the connection has ended");
    }
    if (stream->tls == NULL) {
        return len > 0 ? put(stream, bytes, len, err) : PLAB_OK;
    }
    enum plab_status status = plab_tls_write(stream->tls, bytes, len, err);
    return status == PLAB_OK ? put_tls(stream, err) : status;
}

size_t plab_stream_unsent(const struct plab_stream *stream) {
    return uv_stream_get_write_queue_size((const uv_stream_t *)&stream->tcp);
}

uint64_t plab_stream_waiting_since_ms(const struct plab_stream *stream) {
    return stream->writes > 0 ? stream->progress_ms : UINT64_MAX;
}

static void on_shutdown(uv_shutdown_t *request, int code) {
    struct plab_stream *stream = request->data;
    (void)code; /* sent or not: nothing more can be done */
    if (!stream->closed && !stream->failed && stream->events->finished != NULL) {
        stream->events->finished(stream->cookie);
    }
}

bool plab_stream_finish(struct plab_stream *stream) {
    if (stream->failed || stream->finishing) {
        return !stream->failed;
    }
    if (stream->tls != NULL) {
        plab_tls_finish(stream->tls);
        if (put_tls(stream, NULL) != PLAB_OK) {
            return false;
        }
    }
    stream->finishing = true;
    stream->request.shutdown.data = stream;
    return uv_shutdown(&stream->request.shutdown, (uv_stream_t *)&stream->tcp, on_shutdown) == 0;
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct plab_stream *stream = handle->data;
    (void)suggested;
    *buf = uv_buf_init(stream->home->in, (unsigned)stream->home->in_cap);
}

static void tell_opened(struct plab_stream *stream) {
    stream->open = true;
    if (stream->events->opened != NULL) {
        stream->events->opened(stream->cookie);
    }
}

static void tell_bytes(struct plab_stream *stream, const char *bytes, size_t len) {
    if (stream->events->bytes != NULL) {
        stream->events->bytes(stream->cookie, bytes, len);
    }
}

/* Sends what the engine has for the peer, an alert perhaps, and then reports what went wrong. */
static bool flush_and_check(struct plab_stream *stream, enum plab_status status,
                            struct plab_error *err) {
    struct plab_error send_err = {.text = ""};
    enum plab_status sent = stream->finishing ? PLAB_OK : put_tls(stream, &send_err);
    if (status == PLAB_OK && sent != PLAB_OK) {
        status = sent == PLAB_E_NOMEM ? PLAB_E_NOMEM : PLAB_E_NETWORK;
        *err = send_err;
    }
    if (status != PLAB_OK) {
        end(stream, status, err->text);
    }
    return status == PLAB_OK;
}

/* Goes on with the handshake; true when it is over and the owner still wants the stream. */
static bool feed_tls(struct plab_stream *stream, const char *bytes, size_t len) {
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_tls_feed(stream->tls, bytes, len, &err);
    if (!flush_and_check(stream, status, &err)) {
        return false;
    }
    if (!stream->open && plab_tls_state(stream->tls) == PLAB_TLS_OPEN) {
        tell_opened(stream);
    }
    return stream->open && !stream->closed;
}

/* The engine has its own copy of what came in, so that the shared buffer is free for plain text. */
static void on_tls_bytes(struct plab_stream *stream, const char *bytes, size_t len) {
    struct plab_error err = {.text = ""};
    bool more = feed_tls(stream, bytes, len);
    while (more && !stream->closed && !stream->failed) {
        size_t plain;
        enum plab_status status =
            plab_tls_read(stream->tls, stream->home->in, stream->home->in_cap, &plain, &err);
        if (!flush_and_check(stream, status, &err)) {
            return;
        }
        more = plain > 0;
        if (more) {
            tell_bytes(stream, stream->home->in, plain);
        }
    }
    if (!stream->closed && plab_tls_state(stream->tls) == PLAB_TLS_CLOSED) {
        end(stream, PLAB_OK, "closed by the peer");
    }
}

/* The first bytes of an accepted client say whether there is a TLS session to be had. The engine
 * is made only now: one that connects and says nothing costs no memory. */
static void on_first_bytes(struct plab_stream *stream, const char *bytes, size_t len) {
    struct plab_error err = {.text = ""};
    if (stream->security == PLAB_STREAM_AUTO && bytes[0] != TLS_FIRST_BYTE) {
        plab_tls_context_unref(&stream->context);
        stream->security = PLAB_STREAM_PLAIN;
        tell_opened(stream);
        if (!stream->closed) {
            tell_bytes(stream, bytes, len);
        }
        return;
    }
    enum plab_status status = plab_tls_create(&stream->tls, stream->context, NULL, NULL, &err);
    plab_tls_context_unref(&stream->context);
    if (status == PLAB_OK) {
        on_tls_bytes(stream, bytes, len);
    } else {
        end(stream, status, err.text);
    }
}

static void on_eof(struct plab_stream *stream) {
    if (stream->tls != NULL && !stream->open) {
        end(stream, PLAB_E_NETWORK, "closed by the peer during the TLS handshake");
    } else {
        end(stream, PLAB_OK, "closed by the peer");
    }
}

static void on_read(uv_stream_t *tcp, ssize_t count, const uv_buf_t *buf) {
    struct plab_stream *stream = tcp->data;
    if (count == 0 || stream->closed) {
        return;
    }
    if (count == UV_EOF) {
        on_eof(stream);
    } else if (count < 0) {
        end_lost(stream, (int)count);
    } else if (stream->tls != NULL) {
        on_tls_bytes(stream, buf->base, (size_t)count);
    } else if (stream->context != NULL) {
        on_first_bytes(stream, buf->base, (size_t)count);
    } else {
        tell_bytes(stream, buf->base, (size_t)count);
    }
}

void plab_stream_read(struct plab_stream *stream, bool on) {
    if (on && !stream->ended) {
        int code = uv_read_start((uv_stream_t *)&stream->tcp, on_alloc, on_read);
        (void)code; /* UV_EALREADY, or the end was read: nothing is lost */
    } else {
        uv_read_stop((uv_stream_t *)&stream->tcp);
    }
}

/* ---- the beginning ---- */

bool plab_stream_is_open(const struct plab_stream *stream) {
    return stream->open;
}

bool plab_stream_is_connected(const struct plab_stream *stream) {
    return stream->connected;
}

bool plab_stream_describe_tls(const struct plab_stream *stream, struct plab_tls_info *out) {
    if (stream->tls == NULL || !stream->open) {
        return false;
    }
    plab_tls_describe(stream->tls, out);
    return true;
}

/* The address that the system really connected us to must be a lab one, whatever was asked for. */
static enum plab_status check_peer(const struct plab_stream *stream, struct plab_error *err) {
    struct sockaddr_storage peer;
    int len = sizeof peer;
    int code = uv_tcp_getpeername(&stream->tcp, (struct sockaddr *)&peer, &len);
    if (code < 0) {
        return plab_fail(err, PLAB_E_NETWORK, "connection lost: %s", uv_strerror(code));
    }
    return plab_netguard_check((const struct sockaddr *)&peer, err);
}

/* Goes to work on a connected socket. */
static enum plab_status begin(struct plab_stream *stream, struct plab_error *err) {
    enum plab_status status = check_peer(stream, err);
    if (status != PLAB_OK) {
        return status;
    }
    uv_tcp_nodelay(&stream->tcp, 1);
    if (stream->keepalive_s > 0) {
        uv_tcp_keepalive(&stream->tcp, 1, stream->keepalive_s);
    }
    if (stream->send_buffer > 0) {
        uv_send_buffer_size((uv_handle_t *)&stream->tcp, &stream->send_buffer);
    }
    int code = uv_read_start((uv_stream_t *)&stream->tcp, on_alloc, on_read);
    if (code < 0) {
        return plab_fail(err, PLAB_E_NETWORK, "connection lost: %s", uv_strerror(code));
    }
    stream->connected = true;
    return PLAB_OK;
}

static void on_connected(uv_connect_t *request, int code) {
    struct plab_stream *stream = request->data;
    struct plab_error err = {.text = ""};
    if (stream->closed) {
        return;
    }
    if (code < 0) {
        end(stream, PLAB_E_NETWORK, uv_strerror(code));
        return;
    }
    enum plab_status status = begin(stream, &err);
    if (status != PLAB_OK) {
        end(stream, status, err.text);
    } else if (stream->tls != NULL) {
        on_tls_bytes(stream, NULL, 0);
    } else {
        tell_opened(stream);
    }
}

static struct plab_stream *create(const struct plab_stream_config *config) {
    struct plab_stream *stream = calloc(1, sizeof *stream);
    if (stream != NULL) {
        stream->home = config->home;
        stream->events = config->events;
        stream->cookie = config->cookie;
        stream->unsent_max = config->unsent_max;
        stream->keepalive_s = config->keepalive_s;
        stream->send_buffer = config->send_buffer;
        stream->security = config->security;
        uv_tcp_init(config->home->loop, &stream->tcp); /* makes no socket yet, can't fail */
        stream->tcp.data = stream;
    }
    return stream;
}

static void discard(struct plab_stream *stream) {
    stream->closed = true;
    uv_close((uv_handle_t *)&stream->tcp, on_discarded);
}

enum plab_status plab_stream_connect(struct plab_stream **out,
                                     const struct plab_stream_config *config,
                                     const struct sockaddr *addr, struct plab_error *err) {
    *out = NULL;
    enum plab_status status = plab_netguard_check(addr, err);
    if (status == PLAB_OK && config->from != NULL) {
        status = plab_netguard_check(config->from, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_stream *stream = create(config);
    if (stream == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to connect");
    }
    if (config->security == PLAB_STREAM_TLS) {
        status = plab_tls_create(&stream->tls, config->tls, config->tls_host, config->tls_sni, err);
        if (status != PLAB_OK) {
            discard(stream);
            return status;
        }
    }
    stream->request.connect.data = stream;
    int code = config->from != NULL ? uv_tcp_bind(&stream->tcp, config->from, 0) : 0;
    if (code == 0) {
        code = uv_tcp_connect(&stream->request.connect, &stream->tcp, addr, on_connected);
    }
    if (code < 0) {
        discard(stream);
        return plab_fail(err, PLAB_E_NETWORK, "%s", uv_strerror(code));
    }
    *out = stream;
    return PLAB_OK;
}

enum plab_status plab_stream_adopt(struct plab_stream **out,
                                   const struct plab_stream_config *config, int fd,
                                   struct plab_error *err) {
    struct plab_stream *stream = create(config);
    *out = NULL;
    if (stream == NULL) {
        close(fd);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a connection");
    }
    if (config->security == PLAB_STREAM_PLAIN) {
        stream->open = true;
    } else {
        stream->context = plab_tls_context_ref(config->tls);
    }
    int code = uv_tcp_open(&stream->tcp, fd);
    if (code < 0) {
        close(fd);
        discard(stream);
        return plab_fail(err, PLAB_E_NETWORK, "connection lost: %s", uv_strerror(code));
    }
    enum plab_status status = begin(stream, err);
    if (status != PLAB_OK) {
        discard(stream);
        return status;
    }
    *out = stream;
    return PLAB_OK;
}
