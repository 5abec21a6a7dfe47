/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/netguard.h"

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
    bool connected, open, finishing, failed, closed;
};

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle) {
    struct plab_stream *stream = handle->data;
    if (stream->events->closed != NULL) {
        stream->events->closed(stream->cookie);
    }
    free(stream);
}

static void free_silently(uv_handle_t *handle) {
    free(handle->data);
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
    if (stream->closed || stream->failed) {
        return;
    }
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

enum plab_status plab_stream_send(struct plab_stream *stream, const void *bytes, size_t len,
                                  struct plab_error *err) {
    if (stream->failed || stream->finishing) {
        return plab_fail(err, PLAB_E_NETWORK, "the connection has ended");
    }
    return len > 0 ? put(stream, bytes, len, err) : PLAB_OK;
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

static void on_read(uv_stream_t *tcp, ssize_t count, const uv_buf_t *buf) {
    struct plab_stream *stream = tcp->data;
    if (count == 0 || stream->closed) {
        return;
    }
    if (count == UV_EOF) {
        end(stream, PLAB_OK, "closed by the peer");
    } else if (count < 0) {
        end_lost(stream, (int)count);
    } else if (stream->events->bytes != NULL) {
        stream->events->bytes(stream->cookie, buf->base, (size_t)count);
    }
}

void plab_stream_read(struct plab_stream *stream, bool on) {
    if (on && !stream->failed) {
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
    stream->connected = stream->open = true;
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
    } else if (stream->events->opened != NULL) {
        stream->events->opened(stream->cookie);
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
        uv_tcp_init(config->home->loop, &stream->tcp); /* makes no socket yet, can't fail */
        stream->tcp.data = stream;
    }
    return stream;
}

static void discard(struct plab_stream *stream) {
    stream->closed = true;
    uv_close((uv_handle_t *)&stream->tcp, free_silently);
}

enum plab_status plab_stream_connect(struct plab_stream **out,
                                     const struct plab_stream_config *config,
                                     const struct sockaddr *addr, struct plab_error *err) {
    *out = NULL;
    enum plab_status status = plab_netguard_check(addr, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_stream *stream = create(config);
    if (stream == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to connect");
    }
    stream->request.connect.data = stream;
    int code = uv_tcp_connect(&stream->request.connect, &stream->tcp, addr, on_connected);
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
