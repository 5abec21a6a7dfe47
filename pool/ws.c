/* SPDX-License-Identifier: BSD-3-Clause */
/* WebSocket between a session and its connection: the handshake, messages out of frames and into
 * them, pings, the last frame. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/wshello.h"
#include "pool/pool_priv.h"
#include "stratum/ws.h"

struct plab_session_ws {
    struct plab_wshello_head head; /* of the request, until it is complete */
    bool open;                     /* the handshake is over */
    bool parted;                   /* the close frame was sent */
    bool banned;                   /* and told so */
    bool pinged;                   /* and hasn't answered yet */
    unsigned code;                 /* to close with; 0: as the occasion has it */
    uint64_t ping_at_ns;
    struct plab_ws_reader reader;
    char agent[PLAB_STRATUM_TEXT_MAX + 1];
};

bool plab_ws_begin(struct plab_session *session) {
    if (session->listener->kind != PLAB_LISTENER_WS) {
        return true;
    }
    session->ws = calloc(1, sizeof *session->ws);
    if (session->ws != NULL) {
        session->ws->reader.masked = true;
        session->ws->reader.message_max = PLAB_STRATUM_LINE_MAX;
    }
    return session->ws != NULL;
}

/* Not called before the loop has let go of the connection: the reader may have been at work. */
void plab_ws_end(struct plab_session *session) {
    if (session->ws != NULL) {
        plab_wshello_drop(&session->ws->head);
        plab_ws_free(&session->ws->reader);
        free(session->ws);
        session->ws = NULL;
    }
}

const char *plab_ws_agent(const struct plab_session *session) {
    return session->ws->agent;
}

/* ---- out ---- */

void plab_ws_say(struct plab_session *session, const char *lines, size_t len) {
    const struct plab_session_ws *ws = session->ws;
    uint8_t *out = session->pool->frames;
    size_t used = 0;
    if (!ws->open || ws->parted) {
        return;
    }
    for (const char *at = lines, *end; at < lines + len; at = end + 1) {
        size_t left = (size_t)(lines + len - at);
        end = memchr(at, '\n', left);
        end = end != NULL ? end : at + left;
        used += plab_ws_frame(out + used, sizeof session->pool->frames - used, PLAB_WS_TEXT, at,
                              (size_t)(end - at), NULL);
    }
    if (used > 0) {
        plab_conn_send(session, out, used);
    }
}

static void send_control(struct plab_session *session, enum plab_ws_opcode opcode,
                         const char *payload, size_t len) {
    uint8_t frame[PLAB_WS_HEAD_MAX + PLAB_WS_CONTROL_MAX];
    plab_conn_send(session, frame, plab_ws_frame(frame, sizeof frame, opcode, payload, len, NULL));
}

void plab_ws_part(struct plab_session *session, unsigned code, const char *reason) {
    struct plab_session_ws *ws = session->ws;
    uint8_t frame[PLAB_WS_HEAD_MAX + PLAB_WS_CONTROL_MAX];
    if (ws == NULL || !ws->open || ws->parted) {
        return;
    }
    ws->parted = true;
    code = ws->code != 0 ? ws->code : code;
    plab_conn_send(session, frame, plab_ws_close_frame(frame, sizeof frame, code, reason, NULL));
}

void plab_ws_tell_ban(struct plab_session *session) {
    struct plab_pool *pool = session->pool;
    if (session->ws == NULL || session->ws->banned || session->voice->banned == NULL) {
        return;
    }
    session->ws->banned = true;
    plab_ws_say(session, pool->out, session->voice->banned(pool->out, sizeof pool->out, NULL));
}

/* ---- frames in ---- */

static void take_close(struct plab_session *session) {
    struct plab_session_ws *ws = session->ws;
    unsigned code = ws->reader.code;
    ws->code = code == PLAB_WS_NO_CODE ? PLAB_WS_NORMAL : code;
    plab_session_finish(session, "peer closed the connection");
}

static bool on_frame(void *cookie, enum plab_ws_opcode what, const char *payload, size_t len) {
    struct plab_session *session = cookie;
    uint64_t now_ns = plab_clock_ns();
    if (what == PLAB_WS_TEXT) {
        return plab_session_message(session, payload, len, now_ns);
    }
    if (!plab_bucket_take(&session->requests, now_ns)) {
        plab_session_violation(session, "too many control frames");
    } else if (what == PLAB_WS_CLOSE) {
        take_close(session);
    } else if (what == PLAB_WS_PING) {
        send_control(session, PLAB_WS_PONG, payload, len);
    } else {
        session->ws->pinged = false;
        if (session->logged_in) {
            plab_conn_heard(session, now_ns);
        }
    }
    return !session->closing && !session->finishing;
}

static void take_frames(struct plab_session *session, const char *bytes, size_t len) {
    struct plab_session_ws *ws = session->ws;
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_ws_feed(&ws->reader, bytes, len, on_frame, session, &err);
    if (status == PLAB_E_NOMEM) {
        plab_session_close(session, "no memory");
    } else if (status != PLAB_OK) {
        ws->code = ws->reader.code;
        plab_session_violation(session, err.text);
    }
}

/* ---- the handshake ---- */

static void refuse(struct plab_session *session, unsigned status) {
    char text[256], what[64];
    plab_conn_send(session, text, plab_wshello_refuse(text, sizeof text, status));
    snprintf(what, sizeof what, "WebSocket handshake refused with status %u", status);
    plab_session_violation(session, what);
}

/* The head is complete. */
static void answer(struct plab_session *session) {
    struct plab_session_ws *ws = session->ws;
    struct plab_wshello hello;
    char text[256];
    unsigned status = plab_wshello_judge(ws->head.bytes, ws->head.len, &hello);
    if (status != 0) {
        refuse(session, status);
        return;
    }
    memcpy(ws->agent, hello.agent, sizeof ws->agent);
    ws->open = true;
    ws->ping_at_ns = plab_clock_ns() + session->pool->config.ws_ping_ms * 1000000;
    plab_session_settle_tongue(session, PLAB_TONGUE_COINHIVE);
    plab_conn_send(session, text, plab_wshello_agree(text, sizeof text, hello.accept));
}

/* Takes the bytes of the request's head; returns how many of them belong to it. */
static size_t take_head(struct plab_session *session, const char *bytes, size_t len) {
    struct plab_session_ws *ws = session->ws;
    size_t used;
    switch (plab_wshello_take(&ws->head, bytes, len, &used)) {
    case PLAB_WSHELLO_MORE:
        return used;
    case PLAB_WSHELLO_WHOLE:
        answer(session);
        break;
    case PLAB_WSHELLO_ENDLESS:
        refuse(session, 431);
        break;
    case PLAB_WSHELLO_NO_MEMORY:
        plab_session_close(session, "no memory");
        break;
    }
    plab_wshello_drop(&ws->head);
    return used;
}

void plab_ws_bytes(struct plab_session *session, const char *bytes, size_t len) {
    struct plab_session_ws *ws = session->ws;
    size_t used = 0;
    if (!ws->open && ws->head.bytes == NULL && (bytes[0] < 'A' || bytes[0] > 'Z')) {
        plab_session_violation(session, "does not speak WebSocket"); /* nor HTTP */
        return;
    }
    if (!ws->open) {
        used = take_head(session, bytes, len);
    }
    if (used < len && !session->closing && !session->finishing) {
        take_frames(session, bytes + used, len - used);
    }
}

/* ---- time ---- */

void plab_ws_tick(struct plab_session *session, uint64_t now_ns) {
    struct plab_session_ws *ws = session->ws;
    if (ws == NULL || !ws->open || session->finishing || now_ns < ws->ping_at_ns) {
        return;
    }
    ws->ping_at_ns = now_ns + session->pool->config.ws_ping_ms * 1000000;
    if (session->held != NULL || plab_fault_waits(session)) {
        return; /* nothing is read, or nothing gets through: no time to judge by */
    }
    if (ws->pinged) {
        plab_conn_blame(session, PLAB_BLAME_SILENCE, "answers no ping");
        plab_ws_part(session, PLAB_WS_POLICY, "no answer to a ping");
        plab_session_finish(session, "answers no ping");
        return;
    }
    ws->pinged = true;
    send_control(session, PLAB_WS_PING, "", 0);
}
