/* SPDX-License-Identifier: BSD-3-Clause */
/* One session of a swarm: connects, logs in, takes jobs, hands in shares that nobody computed. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "pool_client/swarm_priv.h"

#define UNSENT_MAX (16 * 1024)
#define LOGIN_ID 1
#define NONCE_TOP_AT 42 /* in the blob */
#define NONCE_MASK 0xFFFFFFu

/* ---- the end ---- */

static void note_trouble(struct plab_swarm *swarm, const char *what) {
    if (swarm->result->trouble[0] == '\0') {
        plab_log_escape(what, strlen(what), swarm->result->trouble, sizeof swarm->result->trouble);
    }
}

enum ending {
    DONE,      /* it did what it was for */
    CUT_SHORT, /* by us: the time is over */
    FAILED,
};

static void settle(struct plab_swarm_session *session, enum ending ending) {
    struct plab_swarm *swarm = session->swarm;
    struct plab_swarm_result *result = swarm->result;
    if (session->sent_ns != 0) {
        session->sent_ns = 0;
        swarm->waiting--;
        result->unanswered++;
    }
    if (session->churns) {
        result->churned += ending == DONE;
        result->churn_failed += ending == FAILED;
        swarm->churn_end_ns = plab_clock_ns();
    } else if (session->state == PLAB_SWARM_ONLINE) {
        swarm->online--;
        result->lost += ending == FAILED;
    } else {
        swarm->settling--;
        result->not_in++;
    }
}

static void end(struct plab_swarm_session *session, enum ending ending, bool reset) {
    if (session->state == PLAB_SWARM_IDLE || session->state == PLAB_SWARM_CLOSING) {
        return;
    }
    settle(session, ending);
    session->state = PLAB_SWARM_CLOSING;
    plab_stream_close(&session->stream, reset);
}

static void fail(struct plab_swarm_session *session, const char *why) {
    if (session->state != PLAB_SWARM_IDLE && session->state != PLAB_SWARM_CLOSING) {
        note_trouble(session->swarm, why);
        end(session, FAILED, true);
    }
}

void plab_swarm_session_close(struct plab_swarm_session *session, bool reset) {
    end(session, CUT_SHORT, reset);
}

static void on_closed(void *cookie) {
    struct plab_swarm_session *session = cookie;
    plab_frame_free(&session->frame);
    session->state = PLAB_SWARM_IDLE;
}

static void on_ended(void *cookie, enum plab_status status, const char *reason) {
    (void)status; /* no session ends in order as long as we want it */
    fail(cookie, reason);
}

/* ---- sending ---- */

static bool say(struct plab_swarm_session *session, size_t len) {
    struct plab_error err = {.text = ""};
    if (plab_stream_send(session->stream, session->swarm->out, len, &err) != PLAB_OK) {
        fail(session, err.text);
        return false;
    }
    return true;
}

static void on_opened(void *cookie) {
    struct plab_swarm_session *session = cookie;
    struct plab_swarm *swarm = session->swarm;
    if (!session->logs_in) {
        end(session, DONE, true);
        return;
    }
    session->state = PLAB_SWARM_LOGGING_IN;
    session->last_id = LOGIN_ID;
    say(session,
        plab_stratum_build_login(swarm->out, sizeof swarm->out, LOGIN_ID, &swarm->config->login));
}

/* The value is half the target: it meets it, whatever hash would really come out. */
static void make_up(struct plab_swarm_session *session, struct plab_stratum_submit *submit) {
    memset(submit, 0, sizeof *submit);
    memcpy(submit->session_id, session->id, sizeof session->id);
    memcpy(submit->job_id, session->job, sizeof session->job);
    session->nonce = (session->nonce + 1) & NONCE_MASK;
    plab_store32_le(submit->nonce, session->nonce | (uint32_t)session->top_byte << 24);
    memcpy(submit->result, submit->nonce, sizeof submit->nonce);
    plab_store64_le(submit->result + 24, session->target / 2);
}

bool plab_swarm_session_submit(struct plab_swarm_session *session, uint64_t now_ns) {
    struct plab_swarm *swarm = session->swarm;
    struct plab_stratum_submit submit;
    if (session->state != PLAB_SWARM_ONLINE || session->sent_ns != 0) {
        return false;
    }
    make_up(session, &submit);
    session->sent_ns = now_ns;
    swarm->waiting++;
    swarm->result->submits++;
    return say(session, plab_stratum_build_submit(swarm->out, sizeof swarm->out, ++session->last_id,
                                                  &submit));
}

/* ---- what the pool says ---- */

/* False when its id is too long for us. */
static bool take_job(struct plab_swarm_session *session, const struct plab_stratum_job *job) {
    size_t len = strlen(job->job_id);
    if (len >= sizeof session->job) {
        fail(session, "job ids of this pool are too long");
        return false;
    }
    memcpy(session->job, job->job_id, len + 1);
    session->target = job->target != 0 ? job->target : session->target;
    session->top_byte = job->blob[NONCE_TOP_AT];
    return true;
}

static void take_push(struct plab_swarm_session *session, const struct plab_stratum_job *job) {
    struct plab_swarm *swarm = session->swarm;
    uint64_t key = plab_swarm_wave_key(job);
    swarm->result->jobs++;
    if (take_job(session, job) && key != session->wave && session->state == PLAB_SWARM_ONLINE) {
        session->wave = key;
        plab_swarm_waves_note(&swarm->waves, key, swarm->online, plab_clock_ns());
    }
}

static void take_login(struct plab_swarm_session *session, const struct plab_stratum_reply *reply) {
    struct plab_swarm *swarm = session->swarm;
    size_t len = strlen(reply->session_id);
    if (!reply->ok || !reply->has_session || !reply->has_job) {
        fail(session, reply->error[0] != '\0' ? reply->error : "a login without session or job");
        return;
    }
    if (len >= sizeof session->id) {
        fail(session, "session ids of this pool are too long");
        return;
    }
    memcpy(session->id, reply->session_id, len + 1);
    if (!take_job(session, &reply->job)) {
        return;
    }
    session->wave = plab_swarm_wave_key(&reply->job);
    if (session->churns) {
        swarm->result->churn_logins++;
        end(session, DONE, true);
        return;
    }
    session->state = PLAB_SWARM_ONLINE;
    swarm->settling--;
    swarm->online++;
    swarm->result->logged_in++;
    swarm->last_login_ns = plab_clock_ns();
}

static void take_verdict(struct plab_swarm_session *session,
                         const struct plab_stratum_reply *reply) {
    struct plab_swarm *swarm = session->swarm;
    if (session->sent_ns == 0 || reply->id.is_text || reply->id.number != session->last_id) {
        swarm->result->errors++;
        return;
    }
    plab_swarm_times_add(&swarm->answers, (plab_clock_ns() - session->sent_ns) / 1000);
    session->sent_ns = 0;
    swarm->waiting--;
    swarm->result->accepted += reply->ok;
    swarm->result->rejected += !reply->ok;
    if (!reply->ok) {
        note_trouble(swarm, reply->error);
    }
}

static void take_reply(struct plab_swarm_session *session, const struct plab_stratum_reply *reply) {
    switch (reply->event) {
    case PLAB_EVENT_JOB:
        take_push(session, &reply->job);
        break;
    case PLAB_EVENT_RESPONSE:
        if (session->state == PLAB_SWARM_LOGGING_IN) {
            take_login(session, reply);
        } else {
            take_verdict(session, reply);
        }
        break;
    default:
        break; /* nothing that a load depends on */
    }
}

static bool on_line(void *cookie, enum plab_frame_event event, const char *line, size_t len) {
    struct plab_swarm_session *session = cookie;
    struct plab_stratum_reply reply;
    struct plab_error err = {.text = "a line is too long"};
    if (event == PLAB_FRAME_LINE && plab_stratum_parse_reply(line, len, &reply, &err) == PLAB_OK) {
        take_reply(session, &reply);
    } else {
        session->swarm->result->errors++;
        note_trouble(session->swarm, err.text);
    }
    return session->state != PLAB_SWARM_CLOSING;
}

static void on_bytes(void *cookie, const char *bytes, size_t len) {
    struct plab_swarm_session *session = cookie;
    if (plab_frame_feed(&session->frame, bytes, len, on_line, session) != PLAB_OK) {
        fail(session, "not enough memory to read");
    }
}

/* ---- the beginning ---- */

bool plab_swarm_session_open(struct plab_swarm_session *session) {
    static const struct plab_stream_events events = {
        .opened = on_opened, .bytes = on_bytes, .ended = on_ended, .closed = on_closed};
    struct plab_swarm *swarm = session->swarm;
    struct sockaddr_storage from;
    struct plab_error err = {.text = ""};
    const uint32_t index = (uint32_t)(session - swarm->sessions);
    const struct plab_stream_config config = {.home = &swarm->home,
                                              .events = &events,
                                              .cookie = session,
                                              .unsent_max = UNSENT_MAX,
                                              .security = swarm->tls != NULL ? PLAB_STREAM_TLS
                                                                             : PLAB_STREAM_PLAIN,
                                              .tls = swarm->tls,
                                              .from = plab_swarm_source(swarm, index, &from)};
    session->state = PLAB_SWARM_CONNECTING;
    swarm->settling += !session->churns;
    if (plab_stream_connect(&session->stream, &config, (const struct sockaddr *)&swarm->pool,
                            &err) == PLAB_OK) {
        return true;
    }
    note_trouble(swarm, err.text);
    settle(session, FAILED);
    session->state = PLAB_SWARM_IDLE;
    return false;
}
