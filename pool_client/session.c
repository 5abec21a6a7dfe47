/* SPDX-License-Identifier: BSD-3-Clause */
/* The protocol half of a link: requests, answers, jobs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "pool_client/link_priv.h"

#define BAD_LINES_MAX 5        /* in a row */
#define FIRST_JOB_ID INT64_MIN /* stands for the job that follows a login; on no wire */

static bool worth_a_line(unsigned *count) {
    ++*count;
    return (*count & (*count - 1)) == 0;
}

/* ---- requests ---- */

/* Notes a request that is about to be sent. There must be room. */
static struct plab_request *add_request(struct plab_link *link, enum plab_request_kind kind,
                                        int64_t id) {
    struct plab_request *request = &link->requests[link->request_count++];
    *request = (struct plab_request){
        .kind = kind,
        .id = id,
        .deadline_ms = uv_now(link->home.loop) + link->config->reply_timeout_ms,
        .sent_ns = plab_clock_ns(),
    };
    return request;
}

static int64_t next_id(struct plab_link *link) {
    *link->sequence += 1;
    return (int64_t)*link->sequence;
}

static const struct plab_dialect *dialect_of(const struct plab_link *link) {
    return link->config->dialect;
}

/* The first half of the login doesn't count, though XMRig's counter goes on for it. */
static int64_t id_for(struct plab_link *link, enum plab_ask ask) {
    int64_t fixed = dialect_of(link)->ask[ask].id;
    int64_t counted = next_id(link);
    return fixed == PLAB_ID_COUNTED ? counted : fixed;
}

/* Keeps a request's line until the answer to the one before is there. */
static bool hold_line(struct plab_link *link, struct plab_request *request, const char *line,
                      size_t len) {
    request->line = malloc(len);
    if (request->line == NULL) {
        plab_link_fail(link, PLAB_E_NOMEM, "not enough memory to send");
        return false;
    }
    memcpy(request->line, line, len);
    request->line_len = len;
    request->deadline_ms = UINT64_MAX;
    return true;
}

/* Says what was built in `line`, for a request that was added last; false when the link has ended.
 */
static bool send_request(struct plab_link *link, const char *line, size_t len) {
    if (dialect_of(link)->lockstep && link->request_count > 1) {
        return hold_line(link, &link->requests[link->request_count - 1], line, len);
    }
    if (plab_link_say(link, line, len)) {
        plab_link_arm(link);
        return true;
    }
    return false;
}

/* The next held request, if there is one, has waited for an answer that came. */
static void release_line(struct plab_link *link) {
    struct plab_request *request = &link->requests[0];
    if (link->request_count == 0 || request->line == NULL) {
        return;
    }
    char *line = request->line;
    request->line = NULL;
    request->deadline_ms = uv_now(link->home.loop) + link->config->reply_timeout_ms;
    plab_link_say(link, line, request->line_len);
    free(line);
}

static void ask_for_login(struct plab_link *link, enum plab_ask ask) {
    char line[PLAB_STRATUM_LINE_MAX + 2];
    const struct plab_dialect_ask what = {.id = id_for(link, ask), .login = &link->config->login};
    size_t len = dialect_of(link)->ask[ask].build(line, sizeof line, &what);
    add_request(link, PLAB_REQUEST_LOGIN, what.id);
    (void)send_request(link, line, len);
}

void plab_link_login(struct plab_link *link) {
    link->phase = PLAB_LINK_LOGGING_IN;
    ask_for_login(link, PLAB_ASK_LOGIN);
}

/* A request whose answer is welcome, but not waited for; only the newest of them can matter. */
static void ask_in_passing(struct plab_link *link, enum plab_ask ask, bool may_stay_unanswered) {
    char line[1024];
    if (link->request_count == PLAB_REQUESTS_MAX) {
        return;
    }
    const struct plab_dialect_ask what = {
        .id = id_for(link, ask), .login = &link->config->login, .session_id = link->session_id};
    size_t len = dialect_of(link)->ask[ask].build(line, sizeof line, &what);
    struct plab_request *request = add_request(link, PLAB_REQUEST_KEEPALIVE, what.id);
    for (size_t i = 0; may_stay_unanswered && i < link->request_count; i++) {
        request->deadline_ms = UINT64_MAX; /* p2pool takes it, but never answers */
        if (link->requests[i].kind == PLAB_REQUEST_KEEPALIVE && &link->requests[i] != request) {
            link->requests[i] = *request;
            link->request_count--;
            break;
        }
    }
    (void)send_request(link, line, len);
}

void plab_link_keepalive(struct plab_link *link) {
    link->keepalive_at_ms = uv_now(link->home.loop) + link->config->keepalive_ms;
    ask_in_passing(link, PLAB_ASK_KEEPALIVE, (link->extensions & PLAB_EXT_KEEPALIVE) == 0);
}

void plab_link_ask_work(struct plab_link *link) {
    link->work_at_ms = uv_now(link->home.loop) + dialect_of(link)->work_ms;
    ask_in_passing(link, PLAB_ASK_WORK, false);
}

bool plab_link_submit(struct plab_link *link, const struct plab_client_share *share,
                      const struct plab_stratum_job *job) {
    if (link->phase != PLAB_LINK_ONLINE || link->request_count == PLAB_REQUESTS_MAX) {
        return false;
    }
    struct plab_stratum_submit submit = {.has_commitment = share->has_commitment};
    memcpy(submit.session_id, link->session_id, sizeof submit.session_id);
    memcpy(submit.job_id, job->job_id, sizeof submit.job_id);
    memcpy(submit.nonce, share->nonce, sizeof submit.nonce);
    memcpy(submit.result, share->result, sizeof submit.result);
    memcpy(submit.commitment, share->commitment, sizeof submit.commitment);
    if (link->extensions & PLAB_EXT_ALGO) {
        memcpy(submit.algo, job->algo, sizeof submit.algo);
    }
    char line[4096];
    const struct plab_dialect_ask what = {.id = id_for(link, PLAB_ASK_SUBMIT),
                                          .login = &link->config->login,
                                          .session_id = link->session_id,
                                          .submit = &submit,
                                          .job = job};
    size_t len = dialect_of(link)->ask[PLAB_ASK_SUBMIT].build(line, sizeof line, &what);
    struct plab_request *request = add_request(link, PLAB_REQUEST_SUBMIT, what.id);
    request->job_number = share->job_number;
    request->tag = share->tag;
    (void)send_request(link, line, len); /* a failure has reported this share as unanswered */
    return true;
}

/* ---- answers ---- */

static void tell_result(struct plab_link *link, const struct plab_request *request,
                        enum plab_client_verdict verdict, const char *reason) {
    const struct plab_client_result result = {
        .verdict = verdict,
        .job_number = request->job_number,
        .tag = request->tag,
        .latency_ms = (double)(plab_clock_ns() - request->sent_ns) / 1e6,
        .reason = reason,
    };
    link->events->result(link->events->cookie, &result);
}

void plab_link_forget_requests(struct plab_link *link) {
    for (size_t i = 0; i < link->request_count; i++) {
        if (link->requests[i].kind == PLAB_REQUEST_SUBMIT) {
            tell_result(link, &link->requests[i], PLAB_SHARE_UNANSWERED, "the connection ended");
        }
        free(link->requests[i].line);
    }
    link->request_count = 0;
}

static bool begins_with_any(const char *text, const char *const *prefixes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strncasecmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Words with which pools say that a share came too late. Source: the error texts of monero-pool,
 * xmrig-proxy, p2pool, nodejs-pool; of Stratum servers of other coins; BIP 22. */
static bool says_stale(const char *error) {
    static const char *const texts[] = {"Stale share",
                                        "Invalid job id",
                                        "Block expired",
                                        "Block outdated",
                                        "cannot find job with job_id",
                                        "Job not found",
                                        "stale-work"};
    return begins_with_any(error, texts, PLAB_ARRAY_LEN(texts));
}

/* Words after which the session is worth nothing. Source: XMRig's list. */
static bool says_goodbye(const char *error) {
    static const char *const texts[] = {"Unauthenticated", "your IP is banned",
                                        "IP Address currently banned"};
    return begins_with_any(error, texts, PLAB_ARRAY_LEN(texts));
}

/* An id sent back as text counts when it is exactly what we would write; else it is none of ours.
 */
static int64_t id_number(const struct plab_stratum_id *id) {
    char text[24];
    if (!id->is_text) {
        return id->number;
    }
    long long number = strtoll(id->text, NULL, 10);
    snprintf(text, sizeof text, "%lld", number);
    return strcmp(text, id->text) == 0 ? number : INT64_MAX;
}

/* Takes the request that a response answers out of the list: the oldest with its id, or of all. */
static bool take_request(struct plab_link *link, const struct plab_stratum_reply *reply,
                         struct plab_request *out) {
    int64_t number = id_number(&reply->id);
    for (size_t i = 0; i < link->request_count; i++) {
        if (reply->in_order || link->requests[i].id == number) {
            *out = link->requests[i];
            link->request_count--;
            memmove(&link->requests[i], &link->requests[i + 1],
                    (link->request_count - i) * sizeof link->requests[0]);
            return true;
        }
    }
    return false;
}

static bool same_job(const struct plab_stratum_job *a, const struct plab_stratum_job *b) {
    return strcmp(a->job_id, b->job_id) == 0 && a->target == b->target &&
           a->blob_len == b->blob_len && memcmp(a->blob, b->blob, a->blob_len) == 0 &&
           strcmp(a->algo, b->algo) == 0 && a->height == b->height && a->has_seed == b->has_seed &&
           memcmp(a->seed_hash, b->seed_hash, PLAB_STRATUM_HASH) == 0;
}

static void log_bad_message(struct plab_link *link, unsigned *count, const char *what,
                            const char *why) {
    if (worth_a_line(count)) {
        plab_log_warn(link->config->log, "%s sent %s, ignored: %s (%u)", link->name, what, why,
                      *count);
    }
}

static void go_online(struct plab_link *link);

static void take_job(struct plab_link *link, const struct plab_stratum_job *job) {
    bool first = link->phase == PLAB_LINK_LOGGING_IN && !dialect_of(link)->job_in_login;
    if (link->phase != PLAB_LINK_ONLINE && !first) {
        if (worth_a_line(&link->odd.early_job)) {
            plab_log_debug(link->config->log, "%s sent a job before the login's answer; ignored",
                           link->name);
        }
        return;
    }
    struct plab_stratum_job whole = *job;
    whole.target = job->target > 0 ? job->target : link->target;
    if (whole.target == 0) {
        log_bad_message(link, &link->odd.bad_job, "a job", "no difficulty was set before");
    } else if (!same_job(&whole, &link->job)) {
        link->job = whole;
        link->job_is_new = true;
        if (first && link->welcome) {
            go_online(link);
        }
    }
}

/* Of all jobs in what was read together only the newest is worth starting. */
void plab_link_hand_out_job(struct plab_link *link) {
    if (link->phase == PLAB_LINK_ONLINE && link->job_is_new) {
        link->job_is_new = false;
        link->events->job(link->events->cookie, link, &link->job);
    }
}

/* The login was good and the first job is there. */
static void go_online(struct plab_link *link) {
    const struct plab_dialect *dialect = dialect_of(link);
    const struct plab_stratum_reply waited_for = {.id = {.number = FIRST_JOB_ID}};
    struct plab_request request;
    uint64_t now_ms = uv_now(link->home.loop);
    (void)take_request(link, &waited_for, &request);
    link->phase = PLAB_LINK_ONLINE;
    if (dialect->ask[PLAB_ASK_KEEPALIVE].build != NULL &&
        (link->config->keepalive || (link->extensions & PLAB_EXT_KEEPALIVE))) {
        link->keepalive_at_ms = now_ms + link->config->keepalive_ms;
    }
    if (dialect->work_ms > 0) {
        link->work_at_ms = now_ms + dialect->work_ms;
    }
    if (dialect->ask[PLAB_ASK_EXTRA].build != NULL) {
        ask_in_passing(link, PLAB_ASK_EXTRA, true);
    }
    if (link->phase == PLAB_LINK_ONLINE) {
        link->events->up(link->events->cookie, link);
    }
}

/* The pool has said yes, in however many steps; `reply` is the last answer. */
static void take_welcome(struct plab_link *link, const struct plab_stratum_reply *reply) {
    const struct plab_dialect *dialect = dialect_of(link);
    link->welcome = true;
    link->extensions = reply->extensions;
    if (dialect->session_id) {
        memcpy(link->session_id, reply->session_id, sizeof link->session_id);
    }
    if (dialect->job_in_login) {
        go_online(link);
        if (link->phase == PLAB_LINK_ONLINE) {
            take_job(link, &reply->job);
        }
    } else if (link->job_is_new) {
        go_online(link);
    } else {
        add_request(link, PLAB_REQUEST_LOGIN, FIRST_JOB_ID); /* so that it has a deadline */
    }
}

static void take_login_reply(struct plab_link *link, const struct plab_stratum_reply *reply,
                             const char *why_no_job) {
    const struct plab_dialect *dialect = dialect_of(link);
    char shown[200];
    if (!reply->ok) {
        plab_link_fail(link, PLAB_E_NETWORK, "login refused: %s",
                       plab_log_escape(reply->error, strlen(reply->error), shown, sizeof shown));
    } else if (why_no_job != NULL) {
        plab_link_fail(link, PLAB_E_PROTOCOL, "the login's answer has a bad job: %s", why_no_job);
    } else if (dialect->session_id && !reply->has_session) {
        plab_link_fail(link, PLAB_E_PROTOCOL, "the login's answer has no usable session id");
    } else if (dialect->job_in_login && !reply->has_job) {
        plab_link_fail(link, PLAB_E_PROTOCOL, "the login's answer has no job");
    } else if (dialect->ask[PLAB_ASK_LOGIN_MORE].build != NULL && !link->half_logged_in) {
        link->half_logged_in = true;
        ask_for_login(link, PLAB_ASK_LOGIN_MORE);
    } else {
        take_welcome(link, reply);
    }
}

static void take_response(struct plab_link *link, const struct plab_stratum_reply *reply,
                          const char *why_no_job) {
    struct plab_request request;
    char shown[200] = "";
    plab_log_escape(reply->error, strlen(reply->error), shown, sizeof shown);
    if (!take_request(link, reply, &request)) {
        if (reply->in_order && !reply->ok && says_goodbye(reply->error)) {
            plab_link_fail(link, PLAB_E_NETWORK, "the pool ended the session: %s", shown);
        } else if (worth_a_line(&link->odd.unknown_id)) {
            plab_log_warn(link->config->log, "%s answered a request that isn't open; ignored (%u)",
                          link->name, link->odd.unknown_id);
        }
        return;
    }
    release_line(link);
    if (link->phase == PLAB_LINK_ENDED) {
        return;
    }
    if (request.kind == PLAB_REQUEST_LOGIN) {
        take_login_reply(link, reply, why_no_job);
        return;
    }
    if (why_no_job != NULL) {
        log_bad_message(link, &link->odd.bad_job, "a job that can't be used", why_no_job);
    } else if (reply->has_job) {
        take_job(link, &reply->job);
    }
    if (request.kind == PLAB_REQUEST_SUBMIT) {
        enum plab_client_verdict refused =
            says_stale(reply->error) ? PLAB_SHARE_STALE : PLAB_SHARE_REJECTED;
        tell_result(link, &request, reply->ok ? PLAB_SHARE_ACCEPTED : refused, shown);
    }
    if (!reply->ok && says_goodbye(reply->error)) {
        plab_link_fail(link, PLAB_E_NETWORK, "the pool ended the session: %s", shown);
    }
}

/* A line that is no message at all; several in a row mean that this is no pool. */
static void take_bad_line(struct plab_link *link, const char *why) {
    if (worth_a_line(&link->odd.bad_line)) {
        plab_log_warn(link->config->log, "%s sent a bad line: %s", link->name, why);
    }
    if (++link->bad_lines >= BAD_LINES_MAX) {
        plab_link_fail(link, PLAB_E_PROTOCOL, "%d bad lines in a row, the last: %s", BAD_LINES_MAX,
                       why);
    }
}

static void take_redirect(struct plab_link *link, const struct plab_stratum_reply *reply,
                          const char *why) {
    char host[120], text[200];
    if (why == NULL && link->config->allow_reconnect && link->phase == PLAB_LINK_ONLINE) {
        link->events->redirect(link->events->cookie, link, reply->host, reply->port);
        return;
    }
    snprintf(text, sizeof text, "powlab stays where it was told to go; asked for %s port %u",
             plab_log_escape(reply->host, strlen(reply->host), host, sizeof host),
             (unsigned)reply->port);
    log_bad_message(link, &link->odd.redirect, "client.reconnect", why != NULL ? why : text);
}

static void take_message(struct plab_link *link, const struct plab_stratum_reply *reply,
                         const char *why) {
    switch (reply->event) {
    case PLAB_EVENT_RESPONSE:
        take_response(link, reply, why);
        break;
    case PLAB_EVENT_JOB:
        if (why == NULL) {
            take_job(link, &reply->job);
        } else {
            log_bad_message(link, &link->odd.bad_job, "a job that can't be used", why);
        }
        break;
    case PLAB_EVENT_RECONNECT:
        take_redirect(link, reply, why);
        break;
    case PLAB_EVENT_TARGET:
        link->target = why == NULL ? reply->job.target : link->target;
        break;
    case PLAB_EVENT_NOTICE:
        if (why != NULL) {
            log_bad_message(link, &link->odd.bad_message, "a message of no known kind", why);
        }
        break;
    }
}

bool plab_link_on_frame(void *cookie, enum plab_frame_event event, const char *line, size_t len) {
    struct plab_link *link = cookie;
    struct plab_stratum_reply reply;
    struct plab_error err = {.text = ""};
    if (event == PLAB_FRAME_TOO_LONG) {
        snprintf(err.text, sizeof err.text, "longer than %d bytes", PLAB_STRATUM_LINE_MAX);
        take_bad_line(link, err.text);
        return link->phase != PLAB_LINK_ENDED;
    }
    enum plab_status status = dialect_of(link)->parse_reply(line, len, &reply, &err);
    if (status == PLAB_E_PROTOCOL) {
        take_bad_line(link, err.text);
    } else {
        link->bad_lines = 0;
        take_message(link, &reply, status == PLAB_OK ? NULL : err.text);
    }
    return link->phase != PLAB_LINK_ENDED;
}
