/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The door and the exchange with libwebsockets.
 *
 * A connection is first a guest: the door reads its head. Then it is handed over to libwebsockets
 * together with its reply, as an exchange. What libwebsockets parses is never what the peer sent,
 * but a head of our own, so that its parser meets well-formed bytes only.
 *
 * On a foreign loop libwebsockets 4.1 goes away in steps: lws_context_destroy() starts to close,
 * the loop must run until the handles are gone, and a second lws_context_destroy() frees.
 */
#include "net/httpd.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "net/acceptor.h"

#define QUIET_MS 50                    /* a refused peer that sends nothing for so long is done */
#define DISCARD_MAX (4u * 1024 * 1024) /* what is read of it at most */
#define DISCARD_MS 2000
#define HEAD_OUT_MAX 1536
#define DESCRIPTORS_SPARE 8 /* of libwebsockets itself */

/* What libwebsockets gets to parse instead of what the peer sent. */
static const char canonical_head[] = "GET / HTTP/1.1\r\nHost: powlab\r\nConnection: close\r\n\r\n";

static const char too_many[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
    "Connection: close\r\n\r\n";

static const char security_fields[] =
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Connection: close\r\n";

/* A connection whose reply is decided, and libwebsockets' side of it. */
struct exchange {
    struct exchange *prev, *next;
    struct plab_httpd *httpd;
    struct lws *wsi;
    bool events;
    bool due;              /* an event waits for the peer to read */
    uint64_t due_since_ms; /* uv_now() */
    bool replied;
    size_t len;            /* of the reply */
    unsigned char bytes[]; /* LWS_PRE bytes of room, then the reply */
};

/* A connection whose head is being read. */
struct guest {
    struct guest *prev, *next;
    struct plab_httpd *httpd;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;
    unsigned open_handles;
    struct exchange *exchange; /* decided; what still comes is thrown away */
    uint64_t discard_until_ms;
    size_t discarded;
    size_t len;
    char bytes[PLAB_HTTP_HEAD_MAX];
};

struct plab_httpd {
    struct plab_httpd_config config;
    struct plab_acceptor *acceptor;
    char name[PLAB_NETGUARD_NAME_LEN];
    uint16_t port;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct guest *guests;
    struct exchange *exchanges;
    struct exchange *arriving; /* handed over in this very call */
    unsigned connections, streams;
    unsigned char *event; /* newest, after LWS_PRE bytes of room */
    size_t event_len, event_cap;
    bool closing;
    struct plab_httpd_stats stats;
};

const char *plab_httpd_phrase(unsigned status) {
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {421, "Misdirected Request"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(phrases); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Error";
}

/* ---- replies as bytes ---- */

/* "NOT_FOUND" of "Not Found", as monitors of XMRig know it. */
static size_t error_json(unsigned status, char out[128]) {
    char word[64];
    size_t len = 0;
    for (const char *at = plab_httpd_phrase(status); *at != '\0' && len + 1 < sizeof word; at++) {
        word[len++] = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at == ' ' ? '_' : *at;
    }
    word[len] = '\0';
    return (size_t)snprintf(out, 128, "{\"status\":%u,\"error\":\"%s\"}\n", status, word);
}

static const char *http_date(char out[40]) {
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return out;
}

static size_t write_head(const struct plab_httpd_reply *reply, char out[HEAD_OUT_MAX]) {
    char date[40], length[48] = "";
    if (!reply->events) {
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", reply->body_len);
    }
    int len =
        snprintf(out, HEAD_OUT_MAX, "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\n%s%s%s\r\n",
                 reply->status, plab_httpd_phrase(reply->status), http_date(date), reply->type,
                 length, reply->fields != NULL ? reply->fields : "", security_fields);
    return (size_t)len < HEAD_OUT_MAX ? (size_t)len : HEAD_OUT_MAX - 1;
}

/* An exchange with the reply's bytes in it; NULL without memory. Takes what the reply owns. */
static struct exchange *make_exchange(struct plab_httpd *httpd, struct plab_httpd_reply reply,
                                      bool with_body) {
    char head[HEAD_OUT_MAX], error[128];
    if (reply.type == NULL) {
        reply.type = "application/json";
        reply.body_len = error_json(reply.status, error);
        reply.body = error;
    }
    const size_t head_len = write_head(&reply, head);
    const size_t body_len = with_body ? reply.body_len : 0;
    struct exchange *exchange = calloc(1, sizeof *exchange + LWS_PRE + head_len + body_len);
    if (exchange != NULL) {
        exchange->httpd = httpd;
        exchange->events = reply.events && with_body;
        exchange->len = head_len + body_len;
        memcpy(exchange->bytes + LWS_PRE, head, head_len);
        if (body_len > 0) {
            memcpy(exchange->bytes + LWS_PRE + head_len, reply.body, body_len);
        }
    }
    free(reply.owned);
    return exchange;
}

static struct exchange *make_error(struct plab_httpd *httpd, unsigned status) {
    struct plab_httpd_reply reply = {.status = status};
    return make_exchange(httpd, reply, true);
}

/* ---- exchanges: libwebsockets' side ---- */

static void drop_exchange(struct exchange *exchange) {
    struct plab_httpd *httpd = exchange->httpd;
    if (exchange->prev != NULL) {
        exchange->prev->next = exchange->next;
    } else {
        httpd->exchanges = exchange->next;
    }
    if (exchange->next != NULL) {
        exchange->next->prev = exchange->prev;
    }
    httpd->connections--;
    httpd->streams -= exchange->events;
    free(exchange);
}

static void take_arrival(struct plab_httpd *httpd, struct lws *wsi) {
    struct exchange *exchange = httpd->arriving;
    httpd->arriving = NULL;
    exchange->wsi = wsi;
    exchange->next = httpd->exchanges;
    if (exchange->next != NULL) {
        exchange->next->prev = exchange;
    }
    httpd->exchanges = exchange;
    lws_set_opaque_user_data(wsi, exchange);
}

/* libwebsockets keeps what the socket doesn't take, and asks for more when that is gone. */
static int send_event(struct exchange *exchange) {
    const struct plab_httpd *httpd = exchange->httpd;
    if (!exchange->due) {
        return 0;
    }
    exchange->due = false;
    int sent = lws_write(exchange->wsi, httpd->event + LWS_PRE, httpd->event_len, LWS_WRITE_HTTP);
    return sent < 0 ? -1 : 0;
}

/* All at once, and a reply that the socket took is the end. */
static int send_reply(struct exchange *exchange) {
    lws_set_timeout(exchange->wsi, PENDING_TIMEOUT_HTTP_CONTENT,
                    (int)((exchange->httpd->config.reply_deadline_ms + 999) / 1000));
    int sent = lws_write(exchange->wsi, exchange->bytes + LWS_PRE, exchange->len,
                         exchange->events ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL);
    if (sent < 0) {
        return -1;
    }
    exchange->replied = true;
    if (exchange->events) {
        lws_set_timeout(exchange->wsi, NO_PENDING_TIMEOUT, 0);
        return 0;
    }
    return lws_http_transaction_completed(exchange->wsi) != 0 ? -1 : 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len) {
    struct exchange *exchange = lws_get_opaque_user_data(wsi);
    struct plab_httpd *httpd = lws_context_user(lws_get_context(wsi));
    (void)user, (void)in, (void)len;
    switch (reason) {
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        if (httpd->arriving == NULL) {
            return -1;
        }
        take_arrival(httpd, wsi);
        return 0;
    case LWS_CALLBACK_HTTP:
        /* A second request on the connection is none of ours. */
        return exchange != NULL && !exchange->replied ? send_reply(exchange) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return exchange != NULL ? send_event(exchange) : -1;
    case LWS_CALLBACK_WSI_DESTROY:
        if (exchange != NULL) {
            lws_set_opaque_user_data(wsi, NULL);
            drop_exchange(exchange);
        }
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = on_lws},
    {.name = NULL},
};

/* Only for a mounted callback does libwebsockets 4.1 go on to read during a reply, and so notice
 * that a peer hangs up. Otherwise it is woken by every byte that comes, and leaves it there. */
static const struct lws_http_mount mount = {
    .mountpoint = "/",
    .mountpoint_len = 1,
    .origin = "http",
    .origin_protocol = LWSMPRO_CALLBACK,
};

static void hand_over(struct plab_httpd *httpd, int fd, struct exchange *exchange) {
    httpd->arriving = exchange;
    httpd->stats.requests++;
    httpd->streams += exchange->events;
    lws_adopt_socket_vhost_readbuf(httpd->vhost, fd, canonical_head, sizeof canonical_head - 1);
    if (httpd->arriving != NULL) { /* not even begun; libwebsockets has closed the socket */
        httpd->arriving = NULL;
        httpd->connections--;
        httpd->streams -= exchange->events;
        free(exchange);
    }
}

/* ---- guests: the door ---- */

static void on_guest_closed(uv_handle_t *handle) {
    struct guest *guest = handle->data;
    if (--guest->open_handles == 0) {
        free(guest);
    }
}

static void leave(struct guest *guest) {
    if (guest->prev != NULL) {
        guest->prev->next = guest->next;
    } else {
        guest->httpd->guests = guest->next;
    }
    if (guest->next != NULL) {
        guest->next->prev = guest->prev;
    }
    uv_poll_stop(&guest->poll);
    uv_close((uv_handle_t *)&guest->poll, on_guest_closed);
    uv_close((uv_handle_t *)&guest->timer, on_guest_closed);
}

static void turn_out(struct guest *guest) {
    guest->httpd->connections--;
    free(guest->exchange);
    leave(guest);
    close(guest->fd);
}

static void dismiss(struct guest *guest) {
    struct exchange *exchange = guest->exchange;
    guest->exchange = NULL;
    leave(guest);
    hand_over(guest->httpd, guest->fd, exchange);
}

static void on_quiet(uv_timer_t *timer) {
    dismiss(timer->data);
}

/* The reply is decided. With `discard`, what the peer is still sending is read first: a socket that
 * is closed with unread bytes takes the reply away from the peer. */
static void decide(struct guest *guest, struct exchange *exchange, bool discard) {
    if (exchange == NULL) {
        turn_out(guest);
        return;
    }
    guest->exchange = exchange;
    if (!discard) {
        dismiss(guest);
        return;
    }
    guest->discard_until_ms = uv_now(guest->httpd->config.loop) + DISCARD_MS;
    uv_timer_start(&guest->timer, on_quiet, QUIET_MS, 0);
}

static void refuse(struct guest *guest, unsigned status) {
    struct plab_httpd *httpd = guest->httpd;
    httpd->stats.refused++;
    plab_log_debug(httpd->config.log, "%s: a request was refused: %u %s", httpd->name, status,
                   plab_httpd_phrase(status));
    decide(guest, make_error(httpd, status), true);
}

static void answer(struct guest *guest, const struct plab_http_head *head) {
    struct plab_httpd *httpd = guest->httpd;
    struct plab_httpd_reply reply = {0};
    httpd->config.handler(httpd->config.cookie, head, &reply);
    if (reply.events && httpd->streams >= httpd->config.streams_max) {
        free(reply.owned);
        reply = (struct plab_httpd_reply){.status = 503, .fields = "Retry-After: 5\r\n"};
    }
    decide(guest, make_exchange(httpd, reply, head->method != PLAB_HTTP_HEAD), head->has_body);
}

static void read_head(struct guest *guest) {
    struct plab_http_head head;
    size_t len = plab_http_head_length(guest->bytes, guest->len);
    if (len == 0) {
        if (guest->len == sizeof guest->bytes) {
            refuse(guest, plab_http_head_overflow(guest->bytes, guest->len));
        }
        return;
    }
    unsigned status = plab_http_head_parse(guest->bytes, len, &head);
    if (status != 0) {
        refuse(guest, status);
    } else {
        answer(guest, &head);
    }
}

/* Reads and forgets; the end of the stream, silence, or enough of it lets the reply go. */
static void discard(struct guest *guest, ssize_t count) {
    guest->discarded += (size_t)count;
    if (count == 0 || guest->discarded >= DISCARD_MAX ||
        uv_now(guest->httpd->config.loop) >= guest->discard_until_ms) {
        dismiss(guest);
    } else {
        uv_timer_start(&guest->timer, on_quiet, QUIET_MS, 0);
    }
}

static void on_guest(uv_poll_t *poll, int code, int what) {
    struct guest *guest = poll->data;
    bool decided = guest->exchange != NULL;
    char *into = guest->bytes + (decided ? 0 : guest->len);
    (void)code, (void)what; /* recv() says what there is to say */
    ssize_t count = recv(guest->fd, into, sizeof guest->bytes - (size_t)(into - guest->bytes), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count < 0 || (count == 0 && !decided)) {
        turn_out(guest); /* gone without a word */
    } else if (decided) {
        discard(guest, count);
    } else {
        guest->len += (size_t)count;
        read_head(guest);
    }
}

static void on_head_late(uv_timer_t *timer) {
    struct guest *guest = timer->data;
    refuse(guest, 408);
}

static void on_accepted(void *cookie, int fd, const struct sockaddr *peer) {
    struct plab_httpd *httpd = cookie;
    struct guest *guest = NULL;
    (void)peer; /* passed the lab-only rule in the acceptor */
    if (httpd->connections >= httpd->config.connections_max ||
        (guest = calloc(1, sizeof *guest)) == NULL ||
        uv_poll_init_socket(httpd->config.loop, &guest->poll, fd) != 0) {
        httpd->stats.turned_away++;
        (void)!send(fd, too_many, sizeof too_many - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        close(fd);
        free(guest);
        return;
    }
    httpd->connections++;
    uv_timer_init(httpd->config.loop, &guest->timer);
    guest->httpd = httpd;
    guest->fd = fd;
    guest->open_handles = 2;
    guest->poll.data = guest->timer.data = guest;
    guest->next = httpd->guests;
    if (guest->next != NULL) {
        guest->next->prev = guest;
    }
    httpd->guests = guest;
    uv_timer_start(&guest->timer, on_head_late, httpd->config.head_deadline_ms, 0);
    uv_poll_start(&guest->poll, UV_READABLE, on_guest);
}

static void on_refused(void *cookie, const struct sockaddr *peer) {
    struct plab_httpd *httpd = cookie;
    char name[PLAB_NETGUARD_NAME_LEN];
    httpd->stats.turned_away++;
    plab_log_warn(httpd->config.log, "%s: %s is not a lab address; hung up", httpd->name,
                  plab_netguard_name(peer, name));
}

/* ---- the server ---- */

void plab_httpd_defaults(struct plab_httpd_config *config) {
    memset(config, 0, sizeof *config);
    config->connections_max = 64;
    config->streams_max = 32;
    config->head_deadline_ms = 10000;
    config->reply_deadline_ms = 20000;
}

static enum plab_status start_lws(struct plab_httpd *httpd, struct plab_error *err) {
    void *loops[] = {httpd->config.loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .mounts = &mount,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .user = httpd,
        .pcontext = &httpd->lws, /* NULL again when it is gone */
        .max_http_header_data = 1024,
        .max_http_header_pool = (unsigned short)httpd->config.connections_max,
        .fd_limit_per_thread = httpd->config.connections_max + DESCRIPTORS_SPARE,
        .gid = -1,
        .uid = -1,
        .vhost_name = "powlab",
    };
    lws_set_log_level(0, NULL); /* what matters is in our own log */
    httpd->lws = lws_create_context(&info);
    if (httpd->lws == NULL) {
        return plab_fail(err, PLAB_E_RESOURCE,
                         "cannot set up libwebsockets; is its plug-in for libuv installed "
                         "(package libwebsockets-evlib-uv)?");
    }
    httpd->vhost = lws_get_vhost_by_name(httpd->lws, "powlab");
    return PLAB_OK;
}

enum plab_status plab_httpd_open(struct plab_httpd **out, const struct plab_httpd_config *config,
                                 struct plab_error *err) {
    static const struct plab_acceptor_events events = {on_accepted, on_refused};
    struct plab_httpd *httpd = calloc(1, sizeof *httpd);
    *out = NULL;
    if (httpd == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the web server");
    }
    httpd->config = *config;
    httpd->config.addr = NULL;
    enum plab_status status = plab_acceptor_open(&httpd->acceptor, config->loop, config->addr,
                                                 &events, httpd, config->log, err);
    if (status == PLAB_OK) {
        snprintf(httpd->name, sizeof httpd->name, "%s", plab_acceptor_name(httpd->acceptor));
        httpd->port = plab_acceptor_port(httpd->acceptor);
        status = start_lws(httpd, err);
    }
    if (status != PLAB_OK) {
        plab_acceptor_close(&httpd->acceptor);
        free(httpd);
        return status;
    }
    plab_acceptor_run(httpd->acceptor, true);
    *out = httpd;
    return PLAB_OK;
}

const char *plab_httpd_name(const struct plab_httpd *httpd) {
    return httpd->name;
}

uint16_t plab_httpd_port(const struct plab_httpd *httpd) {
    return httpd->port;
}

unsigned plab_httpd_streams(const struct plab_httpd *httpd) {
    return httpd->streams;
}

void plab_httpd_stats(const struct plab_httpd *httpd, struct plab_httpd_stats *stats) {
    *stats = httpd->stats;
}

/* "data: TEXT\n\n" into the buffer that all streams send from. */
static bool set_event(struct plab_httpd *httpd, const char *text, size_t len) {
    static const char before[] = "data: ", after[] = "\n\n";
    size_t need = LWS_PRE + sizeof before + len + sizeof after;
    if (need > httpd->event_cap) {
        unsigned char *larger = realloc(httpd->event, need);
        if (larger == NULL) {
            return false;
        }
        httpd->event = larger;
        httpd->event_cap = need;
    }
    unsigned char *at = httpd->event + LWS_PRE;
    memcpy(at, before, sizeof before - 1);
    memcpy(at + sizeof before - 1, text, len);
    memcpy(at + sizeof before - 1 + len, after, sizeof after - 1);
    httpd->event_len = sizeof before - 1 + len + sizeof after - 1;
    return true;
}

void plab_httpd_publish(struct plab_httpd *httpd, const char *text, size_t len) {
    const uint64_t now_ms = uv_now(httpd->config.loop);
    if (httpd->streams == 0 || httpd->closing || !set_event(httpd, text, len)) {
        return;
    }
    for (struct exchange *exchange = httpd->exchanges; exchange != NULL;
         exchange = exchange->next) {
        if (!exchange->events) {
            continue;
        }
        if (!exchange->due) {
            exchange->due = true;
            exchange->due_since_ms = now_ms;
            lws_callback_on_writable(exchange->wsi);
        } else if (now_ms - exchange->due_since_ms > httpd->config.reply_deadline_ms) {
            lws_set_timeout(exchange->wsi, PENDING_TIMEOUT_HTTP_CONTENT, LWS_TO_KILL_ASYNC);
        }
    }
}

void plab_httpd_close(struct plab_httpd *httpd) {
    if (httpd == NULL || httpd->closing) {
        return;
    }
    httpd->closing = true;
    plab_acceptor_close(&httpd->acceptor);
    while (httpd->guests != NULL) {
        turn_out(httpd->guests);
    }
    if (httpd->lws != NULL) {
        lws_context_destroy(httpd->lws);
    }
}

void plab_httpd_free(struct plab_httpd **httpd) {
    struct plab_httpd *last = *httpd;
    *httpd = NULL;
    if (last == NULL) {
        return;
    }
    if (last->lws != NULL) { /* later versions have ended by themselves here */
        lws_context_destroy(last->lws);
    }
    free(last->event);
    free(last);
}
