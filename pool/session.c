/* SPDX-License-Identifier: BSD-3-Clause */
/* The protocol half of a session: bytes to requests, requests judged, answers built. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/pool_priv.h"
#include "stratum/target.h"
#include "stratum/ws.h"

#define REQUESTS_PER_S 100.0
#define REQUESTS_BURST 300.0
#define GUESS_DELAY_MS                                                         \
    500 /* for a wrong password, doubled with each of the host's last ones ... \
         */
#define GUESS_DOUBLINGS_MAX 4
#define HELD_DEADLINE_MS 5000 /* that an answer has after it was held back */

void plab_session_say(struct plab_session *session, const char *lines, size_t len) {
    if (session->ws != NULL) {
        plab_ws_say(session, lines, len);
    } else {
        plab_conn_send(session, lines, len);
    }
}

void plab_session_send(struct plab_session *session, size_t len) {
    if (!plab_fault_drops_answer(session)) {
        plab_session_say(session, session->pool->out, len);
    }
}

void plab_session_send_error(struct plab_session *session, const struct plab_stratum_id *id,
                             const char *message) {
    struct plab_pool *pool = session->pool;
    const struct plab_voice_answer answer = {
        .id = id, .code = session->who->code, .error = message};
    plab_session_send(session, session->voice->bad(pool->out, sizeof pool->out, &answer));
}

static void send_good(struct plab_session *session, const struct plab_stratum_id *id,
                      const char *status) {
    struct plab_pool *pool = session->pool;
    const struct plab_voice_answer answer = {
        .id = id, .status = status, .hashes = session->accepted};
    plab_session_send(session, session->voice->good(pool->out, sizeof pool->out, &answer));
}

static const char *words_of(const struct plab_session *session, enum plab_verdict verdict,
                            const char *text) {
    const char *own = session->who->texts[verdict];
    return own != NULL ? own : text != NULL ? text : plab_verdict_text(verdict);
}

const char *plab_session_send_verdict(struct plab_session *session,
                                      const struct plab_stratum_id *id, enum plab_verdict verdict,
                                      const char *text) {
    struct plab_pool *pool = session->pool;
    const struct plab_personality *who = session->who;
    if (verdict == PLAB_VERDICT_ACCEPTED) {
        send_good(session, id, "OK");
        return "OK";
    }
    const struct plab_voice_answer answer = {.id = id,
                                             .code = who->codes[verdict] != 0 ? who->codes[verdict]
                                                                              : who->code,
                                             .error = words_of(session, verdict, text)};
    plab_session_send(session, session->voice->bad(pool->out, sizeof pool->out, &answer));
    return answer.error;
}

static unsigned extensions_of(const struct plab_session *session,
                              const struct plab_stratum_login *login) {
    bool nicehash = session->place.taken || session->pool->config.nicehash;
    return PLAB_EXT_KEEPALIVE | (nicehash ? PLAB_EXT_NICEHASH : 0) |
           (login->algo_count > 0 ? PLAB_EXT_ALGO : 0);
}

static struct plab_voice_work work_of(struct plab_session *session,
                                      const struct plab_stratum_job *wire, unsigned target_bytes) {
    bool same = session->target == wire->target;
    session->target = wire->target;
    return (struct plab_voice_work){
        .session_id = session->id, .job = wire, .target_bytes = target_bytes, .same_target = same};
}

size_t plab_session_build_job(struct plab_session *session, const struct plab_stratum_job *wire,
                              unsigned target_bytes) {
    struct plab_pool *pool = session->pool;
    if (session->voice->job == NULL) {
        return 0;
    }
    const struct plab_voice_work work = work_of(session, wire, target_bytes);
    return session->voice->job(pool->out, sizeof pool->out, &work);
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
    plab_conn_blame(session, PLAB_BLAME_LOGIN, why);
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
                                          .min = config->vardiff_min,
                                          .max = config->vardiff_max,
                                          .target_ms = config->vardiff_target_ms,
                                          .window_shares = config->vardiff_window};
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
    plab_fault_job(session);
    if (session->closing) {
        return;
    }
    unsigned target_bytes = plab_work_make_job(session, &wire);
    struct plab_voice_work work = work_of(session, &wire, target_bytes);
    work.id = id;
    work.extensions = extensions_of(session, login);
    plab_session_send(session, session->voice->welcome(pool->out, sizeof pool->out, &work));
    plab_fault_sent_job(session, &wire, target_bytes);
}

/* Compares all of both, so that the time tells nothing about how much was right. */
static bool is_same(const char *given, size_t len, const char *password) {
    size_t expected = strlen(password);
    unsigned differs = len != expected;
    for (size_t i = 0; i < len && expected > 0; i++) {
        differs |= (unsigned char)given[i] ^ (unsigned char)password[i % expected];
    }
    return differs == 0;
}

/* The pool's password is a part of the miner's, as a wish for a difficulty is. */
static bool has_password(const char *pass, const char *password) {
    bool found = password == NULL;
    while (*pass != '\0' && password != NULL) {
        size_t len = strcspn(pass, ",;");
        found |= is_same(pass, len, password);
        pass += len + (pass[len] != '\0');
    }
    return found;
}

/* Answers a login later; nothing is read until then. False without memory. */
static bool hold_login(struct plab_session *session, const struct plab_stratum_id *id,
                       const struct plab_stratum_login *login, uint64_t until_ns) {
    struct plab_held_login *held = malloc(sizeof *held);
    if (held == NULL) {
        plab_session_close(session, "no memory");
        return false;
    }
    *held = (struct plab_held_login){.until_ns = until_ns, .id = *id, .login = *login};
    session->held = held;
    plab_stream_read(session->stream, false);
    return true;
}

static void punish_guess(struct plab_session *session, const struct plab_stratum_id *id,
                         const struct plab_stratum_login *login, uint64_t now_ns) {
    const struct plab_bans *bans = &session->pool->bans;
    double guesses = plab_bans_score(bans, &session->host, now_ns) / PLAB_BLAME_PASSWORD;
    unsigned doublings = guesses < GUESS_DOUBLINGS_MAX ? (unsigned)guesses : GUESS_DOUBLINGS_MAX;
    uint64_t until_ns = now_ns + (UINT64_C(1000000) * GUESS_DELAY_MS << doublings);
    plab_conn_blame(session, PLAB_BLAME_PASSWORD, "wrong access password");
    if (hold_login(session, id, login, until_ns)) {
        session->deadline_ns = until_ns + UINT64_C(1000000) * HELD_DEADLINE_MS;
    }
}

void plab_session_tick(struct plab_session *session, uint64_t now_ns) {
    struct plab_held_login *held = session->held;
    if (held != NULL && now_ns >= held->until_ns) {
        session->held = NULL;
        refuse_login(session, &held->id, &held->login, "Wrong access password");
        free(held);
    }
}

/* Logs in, if there is work, or when there is. */
static void find_work(struct plab_session *session, const struct plab_stratum_id *id,
                      const struct plab_stratum_login *login) {
    enum plab_upstream_join join =
        session->pool->upstream != NULL ? plab_upstream_join(session) : PLAB_UPSTREAM_READY;
    if (join == PLAB_UPSTREAM_READY) {
        welcome(session, id, login);
    } else if (join == PLAB_UPSTREAM_FULL) {
        refuse_login(session, id, login, "No place left, try again later");
    } else {
        (void)hold_login(session, id, login, UINT64_MAX);
    }
}

void plab_session_resume_login(struct plab_session *session) {
    struct plab_held_login *held = session->held;
    if (held != NULL && held->until_ns == UINT64_MAX && !session->finishing) {
        session->held = NULL;
        plab_stream_read(session->stream, true);
        welcome(session, &held->id, &held->login);
        free(held);
    }
}

static void on_login(struct plab_session *session, const struct plab_stratum_id *id,
                     const struct plab_stratum_login *login, uint64_t now_ns) {
    uint64_t wish;
    const char *refusal;
    if (session->logged_in) {
        plab_session_send_error(session, id, "Already logged in");
    } else if (!has_password(login->pass, session->pool->config.password)) {
        punish_guess(session, id, login, now_ns);
    } else if ((refusal = plab_fault_login(session, login->login)) != NULL) {
        refuse_login(session, id, login, refusal);
    } else if (session->closing) {
        return; /* that was the fault */
    } else if (!speaks(login, session->pool->config.algo->name)) {
        refuse_login(session, id, login,
                     "No compatible algorithm found, change algo option in your miner.");
    } else if (!plab_vardiff_parse_wish(login->login, login->pass, &wish)) {
        refuse_login(session, id, login, "Fixed difficulty is not a number from 1 to 2^63 - 1");
    } else {
        start_difficulty(session, wish, now_ns);
        find_work(session, id, login);
    }
}

static void refuse_method(struct plab_session *session,
                          const struct plab_stratum_request *request) {
    const char *words = session->who->unknown_method;
    if (words != NULL) {
        plab_session_send_error(session, &request->id, words);
    } else {
        plab_session_violation(session, "unknown method");
    }
}

/* keepalived and getjob. */
static void on_simple(struct plab_session *session, const struct plab_stratum_request *request) {
    bool wants_job = request->method == PLAB_METHOD_GETJOB;
    if (!session->logged_in || strcmp(request->session_id, session->id) != 0) {
        plab_session_send_error(session, &request->id, "Unauthenticated");
    } else if (wants_job && session->who->no_getjob) {
        refuse_method(session, request);
    } else if (wants_job) {
        send_good(session, &request->id, "OK");
        plab_work_send_job(session);
    } else if (!session->who->no_keepalived) {
        send_good(session, &request->id, "KEEPALIVED");
    }
}

/* A template for a client that polls; the first time it is a login. */
static void on_work(struct plab_session *session, const struct plab_stratum_request *request,
                    uint64_t now_ns) {
    struct plab_pool *pool = session->pool;
    struct plab_stratum_job wire;
    if (!session->logged_in) {
        on_login(session, &request->id, &request->login, now_ns);
        return;
    }
    unsigned target_bytes = plab_work_make_job(session, &wire);
    struct plab_voice_work work = work_of(session, &wire, target_bytes);
    work.id = &request->id;
    plab_session_send(session, session->voice->work(pool->out, sizeof pool->out, &work));
}

static void on_subscribe(struct plab_session *session, const struct plab_stratum_request *request) {
    struct plab_pool *pool = session->pool;
    const struct plab_voice_work work = {.id = &request->id, .session_id = session->id};
    plab_session_send(session, session->voice->subscribed(pool->out, sizeof pool->out, &work));
}

/* The first request settles it, on lines. */
bool plab_session_settle_tongue(struct plab_session *session, enum plab_tongue tongue) {
    if (session->tongue_known) {
        return session->tongue == tongue;
    }
    const struct plab_pool *pool = session->pool;
    session->tongue = tongue;
    session->tongue_known = true;
    session->who = plab_personality_of(pool->personality, tongue);
    session->voice = session->who->voice != NULL ? session->who->voice : plab_voice_of(tongue);
    session->jobs.form = session->who->job_ids;
    struct plab_prng secret = {pool->id_key + session->number};
    plab_personality_session_id(session->who, session->number, plab_prng_next(&secret),
                                session->id);
    return true;
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
    case PLAB_METHOD_SUBSCRIBE:
        on_subscribe(session, request);
        break;
    case PLAB_METHOD_EXTRA:
        send_good(session, &request->id, "OK");
        break;
    case PLAB_METHOD_WORK:
        on_work(session, request, now_ns);
        break;
    case PLAB_METHOD_NOTE:
        break;
    default:
        refuse_method(session, request);
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

void plab_session_violation(struct plab_session *session, const char *what) {
    struct plab_pool *pool = session->pool;
    struct plab_pool_event event = {
        .kind = PLAB_POOL_EVENT_PROTOCOL, .session = session->number, .text = what};
    pool->stats.protocol_errors++;
    plab_pool_emit(pool, &event);
    plab_log_warn(pool->config.log, "session %u: %s", session->number, what);
    plab_conn_blame(session, PLAB_BLAME_PROTOCOL, what);
    if (session->ws == NULL || session->finishing) {
        plab_session_close(session, "protocol violation");
        return;
    }
    plab_ws_part(session, PLAB_WS_POLICY, what);
    plab_session_finish(session, "protocol violation");
}

/* A browser or a scanner that looks what is there; `line` is its first. */
static bool greets_http(struct plab_session *session, const char *line, size_t len) {
    const char *page = session->pool->personality->http;
    if (page == NULL || session->tongue_known || len < 4 ||
        (memcmp(line, "GET ", 4) != 0 && memcmp(line, "HEAD", 4) != 0)) {
        return false;
    }
    size_t head = (size_t)(strstr(page, "\r\n\r\n") + 4 - page);
    plab_conn_send(session, page, line[0] == 'G' ? strlen(page) : head);
    plab_session_finish(session, "an HTTP request, answered");
    return true;
}

static enum plab_status parse(struct plab_session *session, const char *text, size_t len,
                              struct plab_stratum_request *request, struct plab_error *err) {
    if (session->ws == NULL) {
        return plab_stratum_parse_request(text, len, request, err);
    }
    enum plab_status status = plab_coinhive_parse_request(text, len, request, err);
    if (status == PLAB_OK && request->method == PLAB_METHOD_LOGIN) {
        snprintf(request->login.agent, sizeof request->login.agent, "%s", plab_ws_agent(session));
    }
    return status;
}

bool plab_session_message(struct plab_session *session, const char *text, size_t len,
                          uint64_t now_ns) {
    struct plab_stratum_request request;
    struct plab_error err = {.text = ""};
    if (!plab_bucket_take(&session->requests, now_ns)) {
        plab_session_violation(session, "too many requests");
        return false;
    }
    if (session->held != NULL) { /* nothing is, until its login is answered */
        return true;
    }
    enum plab_status status = parse(session, text, len, &request, &err);
    if (status != PLAB_E_PROTOCOL && request.method != PLAB_METHOD_UNKNOWN &&
        !plab_session_settle_tongue(session, request.tongue)) {
        refuse_method(session, &request);
    } else if (status == PLAB_OK) {
        if (session->logged_in || request.method == PLAB_METHOD_LOGIN) {
            plab_conn_heard(session, now_ns);
        }
        on_request(session, &request, now_ns);
    } else if (status == PLAB_E_INPUT) {
        on_bad_request(session, &request, &err, now_ns);
    } else {
        plab_session_violation(session, err.text);
    }
    return !session->closing && !session->finishing;
}

static bool on_line(void *cookie, enum plab_frame_event kind, const char *line, size_t len) {
    struct plab_session *session = cookie;
    if (kind == PLAB_FRAME_TOO_LONG) {
        plab_session_violation(session, "a line is too long");
        return false;
    }
    return !greets_http(session, line, len) &&
           plab_session_message(session, line, len, plab_clock_ns()) && session->held == NULL;
}

/* A web browser, a TLS hello or a port scanner shows in its first byte: no need to wait for a line.
 */
static bool is_foreign(struct plab_session *session, const char *bytes) {
    bool first = !session->first_byte_seen;
    session->first_byte_seen = true;
    const char *good = session->pool->personality->http != NULL ? "{ \t\r\nGH" : "{ \t\r\n";
    return first && (bytes[0] == '\0' || strchr(good, bytes[0]) == NULL);
}

void plab_session_bytes(struct plab_session *session, const char *bytes, size_t len) {
    if (session->ws != NULL) {
        plab_ws_bytes(session, bytes, len);
    } else if (is_foreign(session, bytes)) {
        plab_session_violation(session, "does not speak Stratum");
    } else if (plab_frame_feed(&session->frame, bytes, len, on_line, session) != PLAB_OK) {
        plab_session_close(session, "no memory");
    }
}

void plab_session_begin(struct plab_session *session, uint64_t now_ns) {
    const struct plab_pool *pool = session->pool;
    plab_jobs_init(&session->jobs, session->number);
    session->who = pool->personality;
    session->voice = pool->personality->voice;
    plab_bucket_init(&session->requests, REQUESTS_PER_S, REQUESTS_BURST, now_ns);
    plab_bucket_init(&session->submits, pool->config.submits_per_s, pool->config.submits_burst,
                     now_ns);
}

void plab_session_end(struct plab_session *session) {
    plab_jobs_clear(&session->jobs);
    plab_fault_end(session);
    plab_upstream_leave(session);
    free(session->held);
    session->held = NULL;
}
