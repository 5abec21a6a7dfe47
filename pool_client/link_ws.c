/* SPDX-License-Identifier: BSD-3-Clause */
/* WebSocket between a link and its stream: the handshake, messages into frames and out of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "net/wshello.h"
#include "pool_client/link_priv.h"
#include "stratum/ws.h"

#define CONTROLS_PER_S 10.0 /* frames without a message, from the pool */
#define CONTROLS_BURST 50.0

struct plab_link_ws {
    char accept[PLAB_WS_ACCEPT_LEN]; /* what the pool has to answer */
    struct plab_wshello_head head;   /* of its answer, until that is complete */
    bool open, parted;
    bool heard; /* a message or control frame has ended in the bytes at hand */
    struct plab_ws_reader reader;
    struct plab_bucket controls;
};

bool plab_link_ws_begin(struct plab_link *link) {
    struct plab_link_ws *ws = calloc(1, sizeof *ws);
    link->ws = ws;
    if (ws == NULL) {
        return false;
    }
    ws->reader.message_max = PLAB_STRATUM_LINE_MAX;
    plab_bucket_init(&ws->controls, CONTROLS_PER_S, CONTROLS_BURST, plab_clock_ns());
    return true;
}

void plab_link_ws_end(struct plab_link *link) {
    if (link->ws != NULL) {
        plab_wshello_drop(&link->ws->head);
        plab_ws_free(&link->ws->reader);
        free(link->ws);
        link->ws = NULL;
    }
}

/* ---- out ---- */

/* Nobody may foresee keys and masks (RFC 6455, section 10.3). */
static bool draw(struct plab_link *link, uint8_t *out, size_t len) {
    if (getrandom(out, len, 0) == (ssize_t)len) {
        return true;
    }
    plab_link_fail(link, PLAB_E_RESOURCE, "the system gives no random numbers");
    return false;
}

void plab_link_ws_hello(struct plab_link *link) {
    uint8_t nonce[16];
    char key[PLAB_WS_KEY_LEN], origin[PLAB_URL_NAME_LEN + 8], text[2048];
    if (!draw(link, nonce, sizeof nonce)) {
        return;
    }
    plab_wshello_key(nonce, key);
    plab_wshello_accept(key, link->ws->accept);
    snprintf(origin, sizeof origin, "%s://%s", link->pool.tls ? "https" : "http", link->name);
    size_t len =
        plab_wshello_ask(text, sizeof text, link->name, origin, link->config->login.agent, key);
    (void)plab_link_send(link, text, len);
}

bool plab_link_ws_say(struct plab_link *link, enum plab_ws_opcode opcode, const char *text,
                      size_t len) {
    uint8_t frame[PLAB_STRATUM_LINE_MAX + 2 + PLAB_WS_HEAD_MAX], mask[PLAB_WS_MASK];
    len -= len > 0 && opcode == PLAB_WS_TEXT && text[len - 1] == '\n';
    return draw(link, mask, sizeof mask) &&
           plab_link_send(link, frame, plab_ws_frame(frame, sizeof frame, opcode, text, len, mask));
}

void plab_link_ws_part(struct plab_link *link, unsigned code) {
    uint8_t frame[PLAB_WS_HEAD_MAX + PLAB_WS_CONTROL_MAX], mask[PLAB_WS_MASK];
    struct plab_link_ws *ws = link->ws;
    if (ws == NULL || !ws->open || ws->parted || link->stream == NULL ||
        getrandom(mask, sizeof mask, 0) != sizeof mask) {
        return;
    }
    ws->parted = true;
    size_t len = plab_ws_close_frame(frame, sizeof frame, code, "", mask);
    if (plab_stream_send(link->stream, frame, len, NULL) != PLAB_OK) {
        plab_log_debug(link->config->log, "%s: no close frame got through", link->name);
    }
}

/* ---- in ---- */

static void take_close(struct plab_link *link, const char *reason, size_t len) {
    char shown[160];
    unsigned code = link->ws->reader.code;
    plab_link_ws_part(link, code == PLAB_WS_NO_CODE ? PLAB_WS_NORMAL : code);
    plab_link_fail(link, PLAB_E_NETWORK, "the pool closed the WebSocket (%u%s%s)", code,
                   len > 0 ? ": " : "", plab_log_escape(reason, len, shown, sizeof shown));
}

static bool on_frame(void *cookie, enum plab_ws_opcode what, const char *payload, size_t len) {
    struct plab_link *link = cookie;
    link->ws->heard = true;
    if (what == PLAB_WS_TEXT) {
        return plab_link_on_frame(link, PLAB_FRAME_LINE, payload, len);
    }
    if (what == PLAB_WS_CLOSE) {
        take_close(link, payload, len);
    } else if (!plab_bucket_take(&link->ws->controls, plab_clock_ns())) {
        plab_link_ws_part(link, PLAB_WS_POLICY);
        plab_link_fail(link, PLAB_E_PROTOCOL, "the pool floods us with pings");
    } else if (what == PLAB_WS_PING) {
        (void)plab_link_ws_say(link, PLAB_WS_PONG, payload, len);
    }
    return link->phase != PLAB_LINK_ENDED;
}

static void take_frames(struct plab_link *link, const char *bytes, size_t len) {
    struct plab_ws_reader *reader = &link->ws->reader;
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_ws_feed(reader, bytes, len, on_frame, link, &err);
    if (status == PLAB_E_PROTOCOL) {
        plab_link_ws_part(link, reader->code);
    }
    if (status != PLAB_OK) {
        plab_link_fail(link, status, "%s", err.text);
    }
}

/* The head of the answer is complete. */
static void take_answer(struct plab_link *link) {
    struct plab_link_ws *ws = link->ws;
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_wshello_check(ws->head.bytes, ws->head.len, ws->accept, &err);
    if (status != PLAB_OK) {
        plab_link_fail(link, status, "%s", err.text);
        return;
    }
    plab_wshello_drop(&ws->head);
    ws->open = true;
    plab_link_login(link);
}

/* Takes the bytes of the answer's head; returns how many of them belong to it. */
static size_t take_head(struct plab_link *link, const char *bytes, size_t len) {
    size_t used;
    switch (plab_wshello_take(&link->ws->head, bytes, len, &used)) {
    case PLAB_WSHELLO_MORE:
        break;
    case PLAB_WSHELLO_WHOLE:
        take_answer(link);
        break;
    case PLAB_WSHELLO_ENDLESS:
        plab_link_fail(link, PLAB_E_PROTOCOL, "the answer to the WebSocket handshake has no end");
        break;
    case PLAB_WSHELLO_NO_MEMORY:
        plab_link_fail(link, PLAB_E_NOMEM, "not enough memory to read");
        break;
    }
    return used;
}

bool plab_link_ws_bytes(struct plab_link *link, const char *bytes, size_t len, bool *anew) {
    link->ws->heard = false;
    size_t used = link->ws->open ? 0 : take_head(link, bytes, len);
    if (used < len && link->phase != PLAB_LINK_ENDED) {
        take_frames(link, bytes + used, len - used);
    }
    *anew = link->ws->heard;
    return plab_ws_is_amid(&link->ws->reader);
}
