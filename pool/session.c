/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection: bytes in, requests judged, lines out, deadlines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/pool_priv.h"
#include "stratum/target.h"

#define REQUESTS_PER_S 100.0
#define REQUESTS_BURST 300.0
#define FINISH_DEADLINE_MS 3000
#define REFUSALS_LOGGED 20 /* more of them are counted only */

static uint64_t after_ms(uint64_t now_ns, uint64_t ms) {
    return now_ns + ms * 1000000;
}

struct plab_session *plab_session_find(struct plab_pool *pool, uint32_t number) {
    for (size_t i = 0; i < pool->session_count; i++) {
        if (pool->sessions[i]->number == number) {
            return pool->sessions[i];
        }
    }
    return NULL;
}

static void on_closed(uv_handle_t *handle) {
    struct plab_session *session = handle->data;
    plab_frame_free(&session->frame);
    free(session);
}

static void remove_from_table(struct plab_session *session) {
    struct plab_pool *pool = session->pool;
    for (size_t i = 0; i < pool->session_count; i++) {
        if (pool->sessions[i] == session) {
            pool->sessions[i] = pool->sessions[--pool->session_count];
            return;
        }
    }
}

/* With `reset`, what the peer hasn't read is thrown away, in the kernel too. */
static void close_session(struct plab_session *session, const char *reason, bool reset) {
    struct plab_pool *pool = session->pool;
    if (session->closing) {
        return;
    }
    session->closing = true;
    reason = session->reason != NULL ? session->reason : reason;
    remove_from_table(session);
    plab_jobs_clear(&session->jobs);
    struct plab_pool_event event = {
        .kind = PLAB_POOL_EVENT_DISCONNECT, .session = session->number, .text = reason};
    plab_pool_emit(pool, &event);
    plab_log_info(pool->config.log, "session %u: closed: %s", session->number, reason);
    if (!reset || uv_tcp_close_reset(&session->tcp, on_closed) != 0) {
        uv_close((uv_handle_t *)&session->tcp, on_closed);
    }
}

void plab_session_close(struct plab_session *session, const char *reason) {
    close_session(session, reason, false);
}

static void on_shutdown(uv_shutdown_t *request, int code) {
    (void)code; /* sent or not: the connection ends here */
    plab_session_close(request->data, "finished");
}

void plab_session_settle(struct plab_session *session) {
    if (!session->finishing || session->closing || session->pending > 0 ||
        session->shutdown.data != NULL) {
        return;
    }
    session->shutdown.data = session;
    if (uv_shutdown(&session->shutdown, (uv_stream_t *)&session->tcp, on_shutdown) < 0) {
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
    uv_read_stop((uv_stream_t *)&session->tcp);
    plab_session_settle(session);
}

/* A line that the socket did not take at once. */
struct unsent {
    uv_write_t write; /* first: libuv gives it back */
    char bytes[];
};

static void on_written(uv_write_t *write, int code) {
    struct plab_session *session = write->data;
    free(write);
    if (code < 0) {
        plab_session_close(session, "connection lost");
    }
}

static void queue_rest(struct plab_session *session, const char *bytes, size_t len) {
    uv_stream_t *stream = (uv_stream_t *)&session->tcp;
    if (uv_stream_get_write_queue_size(stream) + len > PLAB_POOL_UNSENT_MAX) {
        close_session(session, "does not read what it is sent", true);
        return;
    }
    struct unsent *unsent = malloc(sizeof *unsent + len);
    if (unsent == NULL) {
        plab_session_close(session, "no memory");
        return;
    }
    memcpy(unsent->bytes, bytes, len);
    unsent->write.data = session;
    uv_buf_t buf = uv_buf_init(unsent->bytes, (unsigned)len);
    if (uv_write(&unsent->write, stream, &buf, 1, on_written) < 0) {
        free(unsent);
        plab_session_close(session, "connection lost");
    }
}

void plab_session_send(struct plab_session *session, size_t len) {
    char *bytes = session->pool->out;
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);
    if (session->closing || session->shutdown.data != NULL || len == 0) {
        return;
    }
    int sent = uv_try_write((uv_stream_t *)&session->tcp, &buf, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        plab_session_close(session, "connection lost");
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < len) {
        queue_rest(session, bytes + done, len - done);
    }
}

void plab_session_send_error(struct plab_session *session, const struct plab_stratum_id *id,
                             const char *message) {
    struct plab_pool *pool = session->pool;
    plab_session_send(session, plab_stratum_build_error(pool->out, sizeof pool->out, id, message));
}

static void refuse_login(struct plab_session *session, const struct plab_stratum_id *id,
                         const struct plab_stratum_login *login, const char *why) {
    struct plab_pool *pool = session->pool;
    char shown[80];
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_LOGIN,
                                    .session = session->number,
                                    .peer = session->peer_name,
                                    .login = login->login,
                                    .agent = login->agent,
                                    .rig_id = login->rig_id,
                                    .text = why};
    pool->stats.refused_logins++;
    plab_pool_emit(pool, &event);
    plab_log_warn(pool->config.log, "session %u: login of \"%s\" refused: %s", session->number,
                  plab_log_escape(login->login, strlen(login->login), shown, sizeof shown), why);
    plab_session_send_error(session, id, why);
    /* A miner that is refused but not hung up on may sit there for ever. */
    plab_session_finish(session, "login refused");
}

static bool speaks(const struct plab_stratum_login *login, const char *algo) {
    for (size_t i = 0; i < login->algo_count; i++) {
        if (strcmp(login->algo[i], algo) == 0) {
            return true;
        }
    }
    return login->algo_count == 0; /* says nothing: an old miner that is set up by hand */
}

static void start_difficulty(struct plab_session *session, uint64_t wish, uint64_t now_ns) {
    const struct plab_pool_config *config = &session->pool->config;
    struct plab_vardiff_config vardiff = {.start = config->vardiff_start,
                                          .min = 1,
                                          .max = INT64_MAX,
                                          .target_ms = config->vardiff_target_ms,
                                          .window_shares = 16};
    plab_vardiff_init(&session->vardiff, &vardiff, now_ns);
    if (wish > 0 || config->difficulty > 0) {
        plab_vardiff_fix(&session->vardiff, wish > 0 ? wish : config->difficulty);
    }
}

static void welcome(struct plab_session *session, const struct plab_stratum_id *id,
                    const struct plab_stratum_login *login) {
    struct plab_pool *pool = session->pool;
    struct plab_stratum_job wire;
    char name[80], agent[80];
    session->logged_in = true;
    memcpy(session->login, login->login, sizeof session->login);
    pool->stats.logins++;
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_LOGIN,
                                    .session = session->number,
                                    .peer = session->peer_name,
                                    .login = login->login,
                                    .agent = login->agent,
                                    .rig_id = login->rig_id,
                                    .difficulty = session->vardiff.difficulty};
    plab_pool_emit(pool, &event);
    plab_log_info(pool->config.log, "session %u: \"%s\" (%s) logged in from %s, difficulty %llu",
                  session->number,
                  plab_log_escape(login->login, strlen(login->login), name, sizeof name),
                  plab_log_escape(login->agent, strlen(login->agent), agent, sizeof agent),
                  session->peer_name, (unsigned long long)session->vardiff.difficulty);
    unsigned target_bytes = plab_work_make_job(session, &wire);
    unsigned extensions = PLAB_EXT_KEEPALIVE | (login->algo_count > 0 ? PLAB_EXT_ALGO : 0);
    plab_session_send(session,
                      plab_stratum_build_login_reply(pool->out, sizeof pool->out, id, session->id,
                                                     extensions, &wire, target_bytes));
}

static void on_login(struct plab_session *session, const struct plab_stratum_id *id,
                     const struct plab_stratum_login *login, uint64_t now_ns) {
    uint64_t wish;
    if (session->logged_in) {
        plab_session_send_error(session, id, "Already logged in");
    } else if (!speaks(login, session->pool->config.algo->name)) {
        refuse_login(session, id, login,
                     "No compatible algorithm found, change algo option in your miner.");
    } else if (!plab_vardiff_parse_wish(login->login, login->pass, &wish)) {
        refuse_login(session, id, login, "Fixed difficulty is not a number from 1 to 2^63 - 1");
    } else {
        start_difficulty(session, wish, now_ns);
        welcome(session, id, login);
    }
}

/* keepalived and getjob. */
static void on_simple(struct plab_session *session, const struct plab_stratum_request *request) {
    struct plab_pool *pool = session->pool;
    if (!session->logged_in || strcmp(request->session_id, session->id) != 0) {
        plab_session_send_error(session, &request->id, "Unauthenticated");
        return;
    }
    bool wants_job = request->method == PLAB_METHOD_GETJOB;
    const char *status = wants_job ? "OK" : "KEEPALIVED";
    plab_session_send(session,
                      plab_stratum_build_ok(pool->out, sizeof pool->out, &request->id, status));
    if (wants_job) {
        plab_work_send_job(session);
    }
}

static void on_request(struct plab_session *session, const struct plab_stratum_request *request,
                       uint64_t now_ns) {
    switch (request->method) {
    case PLAB_METHOD_LOGIN:
        on_login(session, &request->id, &request->login, now_ns);
        break;
    case PLAB_METHOD_SUBMIT:
        plab_share_submit(session, &request->id, &request->submit, now_ns);
        break;
    case PLAB_METHOD_KEEPALIVED:
    case PLAB_METHOD_GETJOB:
        on_simple(session, request);
        break;
    default:
        plab_session_send_error(session, &request->id, "Unknown method");
        break;
    }
}

/* Understood, but a parameter is bad. */
static void on_bad_request(struct plab_session *session, const struct plab_stratum_request *request,
                           const struct plab_error *err, uint64_t now_ns) {
    if (request->method == PLAB_METHOD_LOGIN && !session->logged_in) {
        refuse_login(session, &request->id, &request->login, err->text);
    } else if (!session->logged_in && request->method != PLAB_METHOD_UNKNOWN) {
        plab_session_send_error(session, &request->id, "Unauthenticated");
    } else if (request->method == PLAB_METHOD_SUBMIT) {
        plab_share_malformed(session, &request->id, err, now_ns);
    } else {
        plab_session_send_error(session, &request->id, err->text);
    }
}

static void on_violation(struct plab_session *session, const char *what) {
    struct plab_pool *pool = session->pool;
    struct plab_pool_event event = {
        .kind = PLAB_POOL_EVENT_PROTOCOL, .session = session->number, .text = what};
    pool->stats.protocol_errors++;
    plab_pool_emit(pool, &event);
    plab_log_warn(pool->config.log, "session %u: %s", session->number, what);
    plab_session_close(session, "protocol violation");
}

static bool on_line(void *cookie, enum plab_frame_event kind, const char *line, size_t len) {
    struct plab_session *session = cookie;
    struct plab_stratum_request request;
    struct plab_error err = {.text = ""};
    uint64_t now_ns = plab_clock_ns();
    if (kind == PLAB_FRAME_TOO_LONG) {
        on_violation(session, "a line is too long");
        return false;
    }
    if (!plab_bucket_take(&session->requests, now_ns)) {
        on_violation(session, "too many requests");
        return false;
    }
    enum plab_status status = plab_stratum_parse_request(line, len, &request, &err);
    if (status == PLAB_OK) {
        session->deadline_ns = session->logged_in || request.method == PLAB_METHOD_LOGIN
                                   ? after_ms(now_ns, session->pool->config.idle_deadline_ms)
                                   : session->deadline_ns;
        on_request(session, &request, now_ns);
    } else if (status == PLAB_E_INPUT) {
        on_bad_request(session, &request, &err, now_ns);
    } else {
        on_violation(session, err.text);
    }
    return !session->closing && !session->finishing;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct plab_session *session = handle->data;
    (void)suggested;
    *buf = uv_buf_init(session->pool->in, sizeof session->pool->in);
}

/* A web browser, a TLS hello or a port scanner shows in its first byte: no need to wait for a line.
 */
static bool is_foreign(struct plab_session *session, const char *bytes) {
    bool first = !session->first_byte_seen;
    session->first_byte_seen = true;
    return first && (bytes[0] == '\0' || strchr("{ \t\r\n", bytes[0]) == NULL);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
    struct plab_session *session = stream->data;
    if (count == UV_EOF) {
        plab_session_finish(session, "peer closed the connection");
        return;
    }
    if (count < 0) {
        plab_session_close(session, "connection lost");
        return;
    }
    if (count == 0) {
        return;
    }
    if (is_foreign(session, buf->base)) {
        on_violation(session, "does not speak Stratum");
        return;
    }
    if (plab_frame_feed(&session->frame, buf->base, (size_t)count, on_line, session) != PLAB_OK) {
        plab_session_close(session, "no memory");
    }
}

void plab_session_tick(struct plab_session *session, uint64_t now_ns) {
    if (now_ns >= session->deadline_ns) {
        plab_session_close(session, session->logged_in ? "silent for too long"
                                                       : "no login within the deadline");
        return;
    }
    if (session->logged_in && plab_vardiff_tick(&session->vardiff, now_ns)) {
        plab_work_send_job(session);
    }
}

/* Connections from the same address, whatever the port. */
static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
    if (a->ss_family != b->ss_family) {
        return false;
    }
    if (a->ss_family == AF_INET) {
        return memcmp(&((const struct sockaddr_in *)a)->sin_addr,
                      &((const struct sockaddr_in *)b)->sin_addr, sizeof(struct in_addr)) == 0;
    }
    return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* NULL when there is room for this connection, else why not. */
static const char *why_not(const struct plab_pool *pool, const struct sockaddr_storage *peer) {
    unsigned same = 0;
    if (!plab_netguard_is_lab((const struct sockaddr *)peer)) {
        return "it is not a lab address";
    }
    if (pool->stopping) {
        return "the pool is stopping";
    }
    if (pool->session_count >= pool->config.sessions_max) {
        return "there are too many connections";
    }
    for (size_t i = 0; i < pool->session_count; i++) {
        same += same_host(&pool->sessions[i]->peer, peer);
    }
    return same >= pool->config.sessions_per_host ? "it has too many connections" : NULL;
}

static void set_up(struct plab_session *session) {
    struct plab_pool *pool = session->pool;
    uint64_t now_ns = plab_clock_ns();
    struct plab_prng id = {pool->id_key + session->number};
    plab_netguard_name((const struct sockaddr *)&session->peer, session->peer_name);
    snprintf(session->id, sizeof session->id, "%016llx", (unsigned long long)plab_prng_next(&id));
    plab_jobs_init(&session->jobs, session->number);
    plab_bucket_init(&session->requests, REQUESTS_PER_S, REQUESTS_BURST, now_ns);
    plab_bucket_init(&session->submits, pool->config.submits_per_s, pool->config.submits_burst,
                     now_ns);
    session->deadline_ns = after_ms(now_ns, pool->config.login_deadline_ms);
    pool->sessions[pool->session_count++] = session;
    pool->stats.connections++;
    struct plab_pool_event event = {
        .kind = PLAB_POOL_EVENT_CONNECT, .session = session->number, .peer = session->peer_name};
    plab_pool_emit(pool, &event);
    plab_log_debug(pool->config.log, "session %u: connection from %s", session->number,
                   session->peer_name);
}

/* Looks at the peer of an accepted connection and begins to read, or says why not. */
static const char *admit(struct plab_session *session) {
    struct plab_pool *pool = session->pool;
    int len = sizeof session->peer;
    if (uv_tcp_getpeername(&session->tcp, (struct sockaddr *)&session->peer, &len) < 0) {
        return "it has no address";
    }
    const char *why = why_not(pool, &session->peer);
    if (why != NULL) {
        return why;
    }
    session->number = ++pool->last_session;
    set_up(session);
    uv_tcp_nodelay(&session->tcp, 1);
    /* What a peer doesn't read shall show in our own queue soon, not fill megabytes of the
     * kernel's. */
    int send_buffer = PLAB_POOL_UNSENT_MAX;
    uv_send_buffer_size((uv_handle_t *)&session->tcp, &send_buffer);
    if (uv_read_start((uv_stream_t *)&session->tcp, on_alloc, on_read) < 0) {
        plab_session_close(session, "connection lost");
    }
    return NULL;
}

void plab_session_accept(struct plab_listener *listener) {
    struct plab_pool *pool = listener->pool;
    struct plab_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        listener->held = true; /* tried again with the next tick */
        return;
    }
    session->pool = pool;
    session->tcp.data = session;
    uv_tcp_init(&pool->loop, &session->tcp);
    const char *why = "it was gone already";
    if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&session->tcp) == 0) {
        why = admit(session);
    }
    if (why != NULL) {
        char name[PLAB_NETGUARD_NAME_LEN];
        bool early = ++pool->stats.refused_connections <= REFUSALS_LOGGED;
        plab_log_line(pool->config.log, early ? PLAB_LOG_WARN : PLAB_LOG_DEBUG,
                      "connection from %s refused: %s",
                      plab_netguard_name((const struct sockaddr *)&session->peer, name), why);
        session->closing = true;
        uv_close((uv_handle_t *)&session->tcp, on_closed);
    }
}
