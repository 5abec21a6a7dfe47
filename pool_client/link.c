/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport half of a link: addresses, socket, lines, time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/netguard.h"
#include "pool_client/link_priv.h"
#include "stratum/ws.h"

#define QUEUE_MAX_BYTES (64 * 1024) /* lines that the pool hasn't read */
#define TCP_KEEPALIVE_S 60

static void free_when_done(struct plab_link *link);
static void connect_next(struct plab_link *link);

/* ---- the end ---- */

static void on_stream_closed(void *cookie) {
    struct plab_link *link = cookie;
    link->streams--;
    free_when_done(link);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct plab_link *link = handle->data;
    link->timer_open = false;
    free_when_done(link);
}

static void free_when_done(struct plab_link *link) {
    if (link->phase != PLAB_LINK_ENDED || link->streams > 0 || link->timer_open) {
        return;
    }
    const struct plab_link_events *events = link->events;
    plab_frame_free(&link->frame);
    plab_link_ws_end(link);
    for (size_t i = 0; i < link->request_count; i++) {
        free(link->requests[i].line);
    }
    free(link->addresses);
    free(link);
    events->gone(events->cookie);
}

void plab_link_close(struct plab_link *link) {
    if (link->phase == PLAB_LINK_ENDED) {
        return;
    }
    link->phase = PLAB_LINK_ENDED;
    plab_link_ws_part(link, PLAB_WS_LEAVING);
    if (link->resolve != NULL) {
        plab_resolve_abandon(link->resolve);
        link->resolve = NULL;
    }
    plab_stream_close(&link->stream, false);
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

void plab_link_fail(struct plab_link *link, enum plab_status status, const char *fmt, ...) {
    char reason[400];
    va_list args;
    if (link->phase == PLAB_LINK_ENDED) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    plab_link_close(link);
    /* The memory stays until the loop has run, whatever the owner does in these callbacks. */
    plab_link_forget_requests(link);
    link->events->down(link->events->cookie, link, status, reason);
}

/* ---- sending ---- */

bool plab_link_send(struct plab_link *link, const void *bytes, size_t len) {
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_stream_send(link->stream, bytes, len, &err);
    if (status == PLAB_E_RESOURCE) {
        plab_link_fail(link, PLAB_E_NETWORK, "the pool doesn't read what we send (%s)", err.text);
        return false;
    }
    if (status != PLAB_OK) {
        plab_link_fail(link, status, "%s", err.text);
        return false;
    }
    if (link->keepalive_at_ms != UINT64_MAX) {
        link->keepalive_at_ms = uv_now(link->home.loop) + link->config->keepalive_ms;
    }
    return true;
}

bool plab_link_say(struct plab_link *link, const char *line, size_t len) {
    return link->ws != NULL ? plab_link_ws_say(link, PLAB_WS_TEXT, line, len)
                            : plab_link_send(link, line, len);
}

static void on_drained(void *cookie) {
    struct plab_link *link = cookie;
    plab_link_arm(link); /* no write is waited for any more */
}

/* ---- reading ---- */

/* A message whose end is missing; `anew`: it isn't the one that was so before. */
static void note_incomplete(struct plab_link *link, bool incomplete, bool anew) {
    if (!incomplete) {
        link->line_since_ms = UINT64_MAX;
    } else if (anew || link->line_since_ms == UINT64_MAX) {
        link->line_since_ms = uv_now(link->home.loop);
    }
}

/* Feeds the protocol; true when more of a message has to come. */
static bool take_bytes(struct plab_link *link, const char *bytes, size_t len, bool *anew) {
    if (link->ws != NULL) {
        return plab_link_ws_bytes(link, bytes, len, anew);
    }
    if (plab_frame_feed(&link->frame, bytes, len, plab_link_on_frame, link) != PLAB_OK) {
        plab_link_fail(link, PLAB_E_NOMEM, "not enough memory to read");
    }
    *anew = memchr(bytes, '\n', len) != NULL;
    return link->frame.len > 0 || link->frame.skipping;
}

static void on_bytes(void *cookie, const char *bytes, size_t len) {
    struct plab_link *link = cookie;
    bool anew = false;
    bool incomplete = take_bytes(link, bytes, len, &anew);
    if (link->phase != PLAB_LINK_ENDED) {
        note_incomplete(link, incomplete, anew);
        plab_link_hand_out_job(link);
    }
    if (link->phase != PLAB_LINK_ENDED) {
        plab_link_arm(link);
    }
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t after(uint64_t since_ms, uint64_t ms) {
    return since_ms < UINT64_MAX - ms ? since_ms + ms : UINT64_MAX;
}

/* The pool has taken nothing of what waits for it since; UINT64_MAX: nothing waits. */
static uint64_t write_since(const struct plab_link *link) {
    return link->stream != NULL ? plab_stream_waiting_since_ms(link->stream) : UINT64_MAX;
}

static const char *what_is_missing(const struct plab_link *link) {
    if (link->phase == PLAB_LINK_RESOLVING) {
        return "the name didn't resolve";
    }
    if (link->stream == NULL || !plab_stream_is_connected(link->stream)) {
        return "no connection";
    }
    return plab_stream_is_open(link->stream) ? "no answer to the WebSocket handshake"
                                             : "no end of the TLS handshake";
}

/* Fails the link if something took too long. */
static void check_deadlines(struct plab_link *link, uint64_t now) {
    static const char *const what[] = {[PLAB_REQUEST_LOGIN] = "login",
                                       [PLAB_REQUEST_SUBMIT] = "share",
                                       [PLAB_REQUEST_KEEPALIVE] = "keepalive"};
    uint64_t reply_s = link->config->reply_timeout_ms;
    if (link->phase <= PLAB_LINK_CONNECTING && now >= link->connect_deadline_ms) {
        plab_link_fail(link, PLAB_E_NETWORK, "%s for %.1f s", what_is_missing(link),
                       (double)link->config->connect_timeout_ms / 1000);
        return;
    }
    for (size_t i = 0; i < link->request_count; i++) {
        if (now >= link->requests[i].deadline_ms) {
            plab_link_fail(link, PLAB_E_NETWORK, "no answer to a %s for %.1f s",
                           what[link->requests[i].kind], (double)reply_s / 1000);
            return;
        }
    }
    if (link->line_since_ms != UINT64_MAX && now >= link->line_since_ms + reply_s) {
        plab_link_fail(link, PLAB_E_PROTOCOL, "a line without end for %.1f s",
                       (double)reply_s / 1000);
    } else if (now >= after(write_since(link), reply_s)) {
        plab_link_fail(link, PLAB_E_NETWORK, "the pool read nothing for %.1f s",
                       (double)reply_s / 1000);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct plab_link *link = timer->data;
    uint64_t now = uv_now(timer->loop);
    check_deadlines(link, now);
    if (link->phase == PLAB_LINK_ONLINE && now >= link->keepalive_at_ms) {
        plab_link_keepalive(link);
    }
    if (link->phase == PLAB_LINK_ONLINE && now >= link->work_at_ms) {
        plab_link_ask_work(link);
    }
    if (link->phase != PLAB_LINK_ENDED) {
        plab_link_arm(link);
    }
}

void plab_link_arm(struct plab_link *link) {
    uint64_t now = uv_now(link->timer.loop);
    uint64_t reply_ms = link->config->reply_timeout_ms;
    uint64_t next =
        link->phase <= PLAB_LINK_CONNECTING ? link->connect_deadline_ms : link->keepalive_at_ms;
    next = earlier(next, link->work_at_ms);
    for (size_t i = 0; i < link->request_count; i++) {
        next = earlier(next, link->requests[i].deadline_ms);
    }
    if (link->line_since_ms != UINT64_MAX) {
        next = earlier(next, link->line_since_ms + reply_ms);
    }
    next = earlier(next, after(write_since(link), reply_ms));
    if (next == UINT64_MAX) {
        uv_timer_stop(&link->timer);
    } else {
        uv_timer_start(&link->timer, on_timer, next > now ? next - now : 0, 0);
    }
}

/* ---- connecting ---- */

bool plab_link_numeric(const struct plab_url *pool, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    return uv_ip4_addr(pool->host, pool->port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(pool->host, pool->port, (struct sockaddr_in6 *)out) == 0;
}

/* Notes why it came to nothing with the address tried last. */
static void note_address(struct plab_link *link, const char *reason) {
    char name[PLAB_NETGUARD_NAME_LEN];
    const struct sockaddr *addr = (const struct sockaddr *)&link->addresses[link->address_next - 1];
    snprintf(link->last_connect_error, sizeof link->last_connect_error, "%s: %s",
             plab_netguard_name(addr, name), reason);
}

/* An unchecked certificate could be anybody's: say so, and what to write to have it checked. */
static void tell_tls(struct plab_link *link) {
    struct plab_tls_info tls;
    if (!plab_stream_describe_tls(link->stream, &tls)) {
        return;
    }
    plab_log_debug(link->config->log, "%s: %s, %s", link->name, tls.version, tls.cipher);
    if (!plab_tls_context_verifies(link->tls)) {
        plab_log_warn(link->config->log,
                      "%s: encrypted, but the certificate is not checked; it is "
                      "--tls-fingerprint %s",
                      link->name, tls.peer);
    }
}

static void on_opened(void *cookie) {
    struct plab_link *link = cookie;
    tell_tls(link);
    if (link->ws != NULL) {
        plab_link_ws_hello(link);
    } else {
        plab_link_login(link);
    }
}

static void on_ended(void *cookie, enum plab_status status, const char *reason) {
    struct plab_link *link = cookie;
    if (status == PLAB_E_NETWORK && !plab_stream_is_connected(link->stream)) {
        note_address(link, reason);
        plab_stream_close(&link->stream, false);
        connect_next(link);
    } else if (status == PLAB_OK) {
        plab_link_fail(link, PLAB_E_NETWORK, "the pool closed the connection%s",
                       link->phase == PLAB_LINK_LOGGING_IN ? " before it answered the login" : "");
    } else {
        plab_link_fail(link, status, "%s", reason);
    }
}

/* An address can't be asked for (RFC 6066). */
static const char *server_name(const struct plab_link *link) {
    const char *wish = link->config->tls.sni;
    struct sockaddr_storage addr;
    if (wish != NULL) {
        return wish[0] != '\0' ? wish : NULL;
    }
    return plab_link_numeric(&link->pool, &addr) ? NULL : link->pool.host;
}

static enum plab_status connect_to(struct plab_link *link, const struct sockaddr *addr,
                                   struct plab_error *err) {
    static const struct plab_stream_events events = {.opened = on_opened,
                                                     .bytes = on_bytes,
                                                     .drained = on_drained,
                                                     .ended = on_ended,
                                                     .closed = on_stream_closed};
    const struct plab_stream_config config = {.home = &link->home,
                                              .events = &events,
                                              .cookie = link,
                                              .unsent_max = QUEUE_MAX_BYTES,
                                              .keepalive_s = TCP_KEEPALIVE_S,
                                              .security = link->tls != NULL ? PLAB_STREAM_TLS
                                                                            : PLAB_STREAM_PLAIN,
                                              .tls = link->tls,
                                              .tls_host = link->pool.host,
                                              .tls_sni = server_name(link)};
    enum plab_status status = plab_stream_connect(&link->stream, &config, addr, err);
    link->streams += status == PLAB_OK;
    return status;
}

/* Begins to connect to the next address, if there is one that can be tried. */
static void connect_next(struct plab_link *link) {
    while (link->address_next < link->address_count) {
        struct plab_error err = {.text = ""};
        const struct sockaddr *addr =
            (const struct sockaddr *)&link->addresses[link->address_next++];
        enum plab_status status = connect_to(link, addr, &err);
        if (status == PLAB_OK) {
            return;
        }
        if (status != PLAB_E_NETWORK) {
            plab_link_fail(link, status, "%s", err.text);
            return;
        }
        note_address(link, err.text);
    }
    plab_link_fail(link, PLAB_E_NETWORK, "can't connect to %s", link->last_connect_error);
}

/* One address outside the lab spoils the whole name: nobody should find out by chance. */
static void start_connecting(struct plab_link *link) {
    for (size_t i = 0; i < link->address_count; i++) {
        struct plab_error err;
        if (plab_netguard_check((const struct sockaddr *)&link->addresses[i], &err) != PLAB_OK) {
            plab_link_fail(link, PLAB_E_REFUSED, "%s", err.text);
            return;
        }
    }
    link->phase = PLAB_LINK_CONNECTING;
    connect_next(link);
}

static bool keep_addresses(struct plab_link *link, const struct addrinfo *list) {
    size_t count = 0;
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        count++;
    }
    link->addresses = calloc(count > 0 ? count : 1, sizeof *link->addresses);
    if (link->addresses == NULL) {
        return false;
    }
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        if (at->ai_addrlen <= sizeof *link->addresses) {
            memcpy(&link->addresses[link->address_count++], at->ai_addr, at->ai_addrlen);
        }
    }
    return true;
}

static void on_resolved(void *cookie, const struct addrinfo *list, const char *reason) {
    struct plab_link *link = cookie;
    link->resolve = NULL;
    if (list == NULL) {
        plab_link_fail(link, PLAB_E_NETWORK, "can't resolve the name: %s", reason);
    } else if (!keep_addresses(link, list)) {
        plab_link_fail(link, PLAB_E_NOMEM, "not enough memory to connect");
    } else {
        start_connecting(link);
    }
}

/* The first step comes from the loop, so that no event comes before plab_link_open() returns. */
static void on_start(uv_timer_t *timer) {
    struct plab_link *link = timer->data;
    plab_link_arm(link);
    link->addresses = calloc(1, sizeof *link->addresses);
    if (link->addresses != NULL && plab_link_numeric(&link->pool, &link->addresses[0])) {
        link->address_count = 1;
        start_connecting(link);
        return;
    }
    free(link->addresses);
    link->addresses = NULL;
    struct plab_error err;
    link->resolve = plab_resolve_start(link->timer.loop, &link->pool, on_resolved, link, &err);
    if (link->resolve == NULL) {
        plab_link_fail(link, PLAB_E_RESOURCE, "%s", err.text);
    }
}

struct plab_link *plab_link_open(uv_loop_t *loop, const struct plab_client_config *config,
                                 struct plab_tls_context *tls, const struct plab_url *pool,
                                 uint64_t *sequence, const struct plab_link_events *events) {
    struct plab_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    if (pool->websocket && !plab_link_ws_begin(link)) {
        free(link);
        return NULL;
    }
    link->config = config;
    link->events = events;
    link->sequence = sequence;
    link->pool = *pool;
    link->tls = pool->tls ? tls : NULL;
    plab_url_name(pool, link->name);
    snprintf(link->last_connect_error, sizeof link->last_connect_error, "any address");
    link->keepalive_at_ms = link->work_at_ms = link->line_since_ms = UINT64_MAX;
    link->connect_deadline_ms = uv_now(loop) + config->connect_timeout_ms;
    link->home = (struct plab_stream_home){loop, link->buffer, sizeof link->buffer};
    uv_timer_init(loop, &link->timer);
    link->timer.data = link;
    link->timer_open = true;
    uv_timer_start(&link->timer, on_start, 0, 0);
    return link;
}

bool plab_link_describe_tls(const struct plab_link *link, struct plab_tls_info *out) {
    return link->stream != NULL && plab_stream_describe_tls(link->stream, out);
}

unsigned plab_link_extensions(const struct plab_link *link) {
    return link->extensions;
}

const char *plab_link_address(const struct plab_link *link, char out[PLAB_NETGUARD_NAME_LEN]) {
    out[0] = '\0';
    if (link->stream != NULL && link->address_next > 0) {
        plab_netguard_name((const struct sockaddr *)&link->addresses[link->address_next - 1], out);
    }
    return out;
}
