/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection of a session: admission, deadlines, bytes in and out, closing. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pool/pool_priv.h"
#include "stratum/ws.h"

#define FINISH_DEADLINE_MS 3000
#define REFUSALS_LOGGED 20 /* more of them are counted only */

static uint64_t after_ms(uint64_t now_ns, uint64_t ms) {
    return now_ns + ms * 1000000;
}

struct plab_session *plab_session_find(struct plab_pool *pool, uint32_t number) {
    return plab_roster_find(&pool->roster, number);
}

struct plab_session *plab_session_at(struct plab_pool *pool, size_t index) {
    return pool->roster.list[index]->owner;
}

/* ---- closing ---- */

static void on_closed(void *cookie) {
    struct plab_session *session = cookie;
    plab_fault_free(session);
    plab_frame_free(&session->frame); /* not before: it may have been at work */
    plab_ws_end(session);
    free(session);
}

static void close_session(struct plab_session *session, const char *reason, bool reset) {
    struct plab_pool *pool = session->pool;
    if (session->closing) {
        return;
    }
    session->closing = true;
    reason = session->reason != NULL ? session->reason : reason;
    plab_roster_remove(&pool->roster, &session->entry);
    plab_session_end(session);
    struct plab_pool_event event = {
        .kind = PLAB_POOL_EVENT_DISCONNECT, .session = session->number, .text = reason};
    plab_pool_emit(pool, &event);
    plab_log_info(pool->config.log, "session %u: closed: %s", session->number, reason);
    plab_stream_close(&session->stream, reset);
}

void plab_session_close(struct plab_session *session, const char *reason) {
    close_session(session, reason, false);
}

void plab_session_reset(struct plab_session *session, const char *reason) {
    close_session(session, reason, true);
}

void plab_conn_blame(struct plab_session *session, double points, const char *why) {
    struct plab_pool *pool = session->pool;
    if (!plab_bans_blame(&pool->bans, &session->host, points, plab_clock_ns())) {
        return;
    }
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_BAN,
                                    .session = session->number,
                                    .peer = session->peer_name,
                                    .text = why};
    plab_pool_emit(pool, &event);
    plab_log_warn(pool->config.log, "%s is banned for %.0f s: %s", session->peer_name,
                  (double)pool->config.ban_ms / 1e3, why);
    plab_ws_tell_ban(session);
}

/* A close with bytes unread throws away what the peer hasn't taken yet, and a browser is to know
 * why it has to go: what it still sends is read, and dropped, until it ends as well. */
static void on_finished(void *cookie) {
    struct plab_session *session = cookie;
    if (session->ws != NULL && !session->peer_ended) {
        session->lingering = true;
        plab_stream_read(session->stream, true);
    } else {
        plab_session_close(session, "finished");
    }
}

void plab_session_settle(struct plab_session *session) {
    if (!session->finishing || session->closing || session->pending > 0 || session->ending ||
        plab_fault_waits(session)) {
        return;
    }
    plab_ws_part(session, PLAB_WS_NORMAL, "");
    if (session->closing || plab_fault_waits(session)) {
        return;
    }
    session->ending = true;
    if (!plab_stream_finish(session->stream)) {
        plab_session_close(session, "connection lost");
    }
}

void plab_session_finish(struct plab_session *session, const char *reason) {
    if (session->finishing || session->closing) {
        return;
    }
    session->finishing = true;
    session->reason = reason;
    session->deadline_ns = after_ms(plab_clock_ns(), FINISH_DEADLINE_MS);
    plab_stream_read(session->stream, false);
    plab_session_settle(session);
}

/* ---- bytes ---- */

void plab_conn_send_now(struct plab_session *session, const void *bytes, size_t len) {
    if (session->closing || session->ending) {
        return;
    }
    switch (plab_stream_send(session->stream, bytes, len, NULL)) {
    case PLAB_OK:
        break;
    case PLAB_E_RESOURCE:
        plab_conn_blame(session, PLAB_BLAME_PROTOCOL, "does not read what it is sent");
        plab_session_reset(session, "does not read what it is sent");
        break;
    case PLAB_E_NOMEM:
        plab_session_close(session, "no memory");
        break;
    default:
        plab_session_close(session, "connection lost");
        break;
    }
}

void plab_conn_send(struct plab_session *session, const void *bytes, size_t len) {
    bool gone = session->closing || session->ending;
    if (!gone && !plab_fault_takes(session, bytes, len)) {
        plab_conn_send_now(session, bytes, len);
    }
}

static void on_bytes(void *cookie, const char *bytes, size_t len) {
    struct plab_session *session = cookie;
    if (!session->finishing) {
        plab_session_bytes(session, bytes, len);
    }
}

/* The client has shown what it speaks, or its TLS session is there. */
static void on_opened(void *cookie) {
    struct plab_session *session = cookie;
    struct plab_pool *pool = session->pool;
    struct plab_tls_info tls;
    session->securing = false;
    session->deadline_ns = after_ms(plab_clock_ns(), pool->config.login_deadline_ms);
    plab_roster_set_securing(&session->entry, false);
    if (plab_stream_describe_tls(session->stream, &tls)) {
        pool->stats.tls_sessions++;
        plab_log_debug(pool->config.log, "session %u: %s, %s", session->number, tls.version,
                       tls.cipher);
    }
    plab_fault_connected(session);
}

/* The recorded reasons are few and fixed, but for what OpenSSL says. */
static void on_ended(void *cookie, enum plab_status status, const char *reason) {
    struct plab_session *session = cookie;
    session->pool->stats.tls_failures += session->securing && status != PLAB_OK;
    session->peer_ended = true;
    if (session->lingering) {
        plab_session_close(session, "finished");
    } else if (status == PLAB_OK) {
        plab_session_finish(session, "peer closed the connection");
    } else if (status == PLAB_E_PROTOCOL) {
        plab_session_violation(session, reason);
    } else {
        plab_session_close(session, "connection lost");
    }
}

/* ---- time ---- */

void plab_conn_heard(struct plab_session *session, uint64_t now_ns) {
    session->deadline_ns = after_ms(now_ns, session->pool->config.idle_deadline_ms);
}

void plab_conn_tick(struct plab_session *session, uint64_t now_ns) {
    if (now_ns >= session->deadline_ns) {
        const char *reason = session->logged_in      ? "silent for too long"
                             : session->held != NULL ? "no work from upstream in time"
                             : session->securing     ? "no TLS handshake within the deadline"
                                                     : "no login within the deadline";
        session->pool->stats.tls_failures += session->securing;
        if (!session->logged_in && session->held == NULL && !session->finishing) {
            plab_conn_blame(session, PLAB_BLAME_SILENCE, reason);
        }
        plab_ws_part(session, PLAB_WS_POLICY, reason);
        plab_session_close(session, reason);
        return;
    }
    plab_session_tick(session, now_ns);
    plab_ws_tick(session, now_ns);
    if (session->logged_in && plab_vardiff_tick(&session->vardiff, now_ns)) {
        plab_work_send_job(session);
    }
}

/* ---- admission ---- */

/* NULL when there is room for this connection, else why not. */
static const char *why_not(const struct plab_listener *listener, const struct sockaddr *peer) {
    const struct plab_pool *pool = listener->pool;
    if (pool->stopping) {
        return "the pool is stopping";
    }
    struct plab_host_key host = plab_host_key(peer);
    if (plab_bans_left_ns(&pool->bans, &host, plab_clock_ns()) > 0) {
        return "it is banned";
    }
    if (pool->roster.count >= pool->config.sessions_max) {
        return "there are too many connections";
    }
    if (plab_roster_of_host(&pool->roster, peer) >= pool->config.sessions_per_host) {
        return "it has too many connections";
    }
    if (listener->security != PLAB_STREAM_PLAIN &&
        plab_roster_securing_of_host(&pool->roster, peer) >= pool->config.handshakes_per_host) {
        return "it has too many unfinished TLS handshakes";
    }
    return NULL;
}

static void announce(struct plab_session *session) {
    struct plab_pool *pool = session->pool;
    struct plab_pool_event event = {
        .kind = PLAB_POOL_EVENT_CONNECT, .session = session->number, .peer = session->peer_name};
    pool->stats.connections++;
    plab_pool_emit(pool, &event);
    plab_log_debug(pool->config.log, "session %u: connection from %s", session->number,
                   session->peer_name);
}

static void begin(struct plab_session *session, const struct sockaddr *peer) {
    const struct plab_pool_config *config = &session->pool->config;
    uint64_t now_ns = plab_clock_ns();
    session->number = session->entry.number;
    session->securing = !plab_stream_is_open(session->stream);
    plab_roster_set_securing(&session->entry, session->securing);
    session->deadline_ns = after_ms(now_ns, session->securing ? config->handshake_deadline_ms
                                                              : config->login_deadline_ms);
    session->host = plab_host_key(peer);
    plab_netguard_name(peer, session->peer_name);
    plab_session_begin(session, now_ns);
    announce(session);
    if (!plab_fault_begin(session) || !plab_ws_begin(session)) {
        plab_session_close(session, "no memory");
    } else if (!session->securing) {
        plab_fault_connected(session);
    }
}

static bool adopt(struct plab_session *session, int fd) {
    static const struct plab_stream_events events = {.opened = on_opened,
                                                     .bytes = on_bytes,
                                                     .ended = on_ended,
                                                     .finished = on_finished,
                                                     .closed = on_closed};
    /* What a peer doesn't read shall show in our own queue soon, not fill megabytes of the
     * kernel's. */
    const struct plab_stream_config config = {.home = &session->pool->home,
                                              .events = &events,
                                              .cookie = session,
                                              .unsent_max = PLAB_POOL_UNSENT_MAX,
                                              .send_buffer = PLAB_POOL_UNSENT_MAX,
                                              .security = session->listener->security,
                                              .tls = session->pool->tls};
    return plab_stream_adopt(&session->stream, &config, fd, NULL) == PLAB_OK;
}

/* Makes a session of the connection, or says why not; `fd` is taken. */
static const char *admit(struct plab_listener *listener, int fd, const struct sockaddr *peer) {
    struct plab_pool *pool = listener->pool;
    struct plab_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        close(fd);
        return "there is no memory";
    }
    session->pool = pool;
    session->listener = listener;
    if (!adopt(session, fd)) {
        free(session);
        return "it was gone already";
    }
    if (!plab_roster_add(&pool->roster, &session->entry, session, peer)) {
        session->closing = true;
        plab_stream_close(&session->stream, false);
        return "there is no memory";
    }
    begin(session, peer);
    return NULL;
}

void plab_conn_accept(struct plab_listener *listener, int fd, const struct sockaddr *peer) {
    struct plab_pool *pool = listener->pool;
    const char *why = why_not(listener, peer);
    if (why != NULL) {
        close(fd);
    } else {
        why = admit(listener, fd, peer);
    }
    if (why != NULL) {
        plab_conn_refused(pool, peer, why);
    }
}

void plab_conn_refused(struct plab_pool *pool, const struct sockaddr *peer, const char *why) {
    char name[PLAB_NETGUARD_NAME_LEN];
    bool early = ++pool->stats.refused_connections <= REFUSALS_LOGGED;
    plab_log_line(pool->config.log, early ? PLAB_LOG_WARN : PLAB_LOG_DEBUG,
                  "connection from %s refused: %s", plab_netguard_name(peer, name), why);
}
