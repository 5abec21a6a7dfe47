/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket frames: the same events, verdict and code whatever the segments, and those that a naive
 * reader of the whole finds; what was heard, written again by either side, is heard the same.
 *
 * Input: a byte (bit 0: frames of a client; bit 1: short messages only), then frames.
 */
#include "stratum/ws.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 16384
#define SHORT_MAX 300
#define LONG_MAX 70000

/* What was told: for each event its opcode, its length in two bytes, its payload. */
struct heard {
    uint8_t log[2 * INPUT_MAX + 16];
    size_t len;
    bool closed; /* nothing is told after a close frame */
    enum plab_status status;
    unsigned code;
    bool amid;
};

static void put(struct heard *heard, enum plab_ws_opcode what, const void *payload, size_t len) {
    FUZZ_HOLDS(!heard->closed && heard->len + 3 + len <= sizeof heard->log);
    heard->log[heard->len] = (uint8_t)what;
    heard->log[heard->len + 1] = (uint8_t)(len >> 8);
    heard->log[heard->len + 2] = (uint8_t)len;
    memcpy(heard->log + heard->len + 3, payload, len);
    heard->len += 3 + len;
    heard->closed = what == PLAB_WS_CLOSE;
}

static bool note(void *cookie, enum plab_ws_opcode what, const char *payload, size_t len) {
    put(cookie, what, payload, len);
    return what != PLAB_WS_CLOSE;
}

/* ---- the reference: looks at the whole ---- */

struct reference {
    const uint8_t *at, *end;
    bool masked;
    size_t message_max;
    unsigned frames;
    char message[INPUT_MAX];
    size_t len;
    struct heard *heard;
};

/* True for the beginning of a well-formed text. */
static bool may_become_utf8(const char *text, size_t len) {
    static const char next[] = "\x80\x90\xA0";
    for (size_t cut = 0; cut <= 3 && cut <= len; cut++) {
        char tail[8];
        memcpy(tail, text + len - cut, cut);
        for (size_t more = 0; more <= 3; more++) {
            memset(tail + cut, 0x80, more);
            for (size_t i = 0; i < sizeof next - 1; i++) {
                tail[cut] = more > 0 ? next[i] : tail[cut];
                if (plab_fuzz_is_utf8(text, len - cut) && plab_fuzz_is_utf8(tail, cut + more)) {
                    return true;
                }
            }
        }
    }
    return false;
}

static bool broken(struct reference *r, unsigned code) {
    r->heard->status = PLAB_E_PROTOCOL;
    r->heard->code = code;
    return false;
}

/* The first two bytes; 0 when they are good. */
static unsigned judge_start(const struct reference *r) {
    unsigned opcode = r->at[0] & 0x0F, length = r->at[1] & 0x7F;
    bool fin = (r->at[0] & 0x80) != 0, masked = (r->at[1] & 0x80) != 0;
    if ((r->at[0] & 0x70) != 0 || masked != r->masked) {
        return 1002;
    }
    if (opcode == 2) {
        return 1003;
    }
    bool control = opcode >= 8 && opcode <= 10 && fin && length <= 125;
    bool data = opcode == (r->frames > 0 ? 0u : 1u);
    return control || data ? 0 : 1002;
}

static bool end_control(struct reference *r, unsigned opcode, const char *payload, size_t len) {
    if (opcode == PLAB_WS_CLOSE && len > 0) {
        unsigned code = len > 1 ? (uint8_t)payload[0] * 256u + (uint8_t)payload[1] : 0;
        bool known = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
        if (!known && !(code >= 3000 && code <= 4999)) {
            return broken(r, 1002);
        }
        if (!plab_fuzz_is_utf8(payload + 2, len - 2)) {
            return broken(r, 1007);
        }
        r->heard->code = code;
        put(r->heard, PLAB_WS_CLOSE, payload + 2, len - 2);
        return false;
    }
    r->heard->code = opcode == PLAB_WS_CLOSE ? 1005 : 0;
    put(r->heard, opcode, payload, len);
    return opcode != PLAB_WS_CLOSE;
}

/* A frame's payload, or as much of it as there is. */
static bool take_payload(struct reference *r, const uint8_t *head, size_t head_len,
                         uint64_t length) {
    size_t here = (size_t)(r->end - r->at), count = length < here ? (size_t)length : here;
    unsigned opcode = head[0] & 0x0F;
    char *out = r->message + r->len;
    for (size_t i = 0; i < count; i++) {
        out[i] = (char)(r->at[i] ^ (r->masked ? head[head_len - 4 + i % 4] : 0));
    }
    r->at += count;
    r->heard->amid = count < length;
    if (opcode >= 8) {
        return count == length && end_control(r, opcode, out, count);
    }
    r->len += count;
    if (!may_become_utf8(r->message, r->len)) {
        return broken(r, 1007);
    }
    if (count < length || (head[0] & 0x80) == 0) {
        return count == length;
    }
    if (!plab_fuzz_is_utf8(r->message, r->len)) {
        return broken(r, 1007);
    }
    put(r->heard, PLAB_WS_TEXT, r->message, r->len);
    r->len = r->frames = 0;
    return true;
}

static bool take_frame(struct reference *r) {
    size_t here = (size_t)(r->end - r->at);
    const uint8_t *head = r->at;
    r->heard->amid = here > 0;
    if (here < 2) {
        return false;
    }
    unsigned code = judge_start(r), first = head[1] & 0x7F;
    if (code != 0) {
        return broken(r, code);
    }
    size_t head_len = 2u + (first == 126 ? 2 : first == 127 ? 8 : 0) + (r->masked ? 4 : 0);
    if (here < head_len) {
        return false;
    }
    uint64_t length = first == 126   ? head[2] * 256u + head[3]
                      : first == 127 ? plab_load64_be(head + 2)
                                     : first;
    if ((first == 126 && length < 126) || (first == 127 && length < 65536)) {
        return broken(r, 1002);
    }
    if ((head[0] & 0x0F) < 8 && (length > r->message_max - r->len || ++r->frames > 64)) {
        return broken(r, 1009);
    }
    r->at += head_len;
    return take_payload(r, head, head_len, length);
}

/* ---- the reader ---- */

enum step { WHOLE, BYTES, PIECES };

static void feed(const uint8_t *bytes, size_t len, bool masked, size_t message_max, enum step step,
                 struct heard *heard) {
    struct plab_ws_reader reader = {.masked = masked, .message_max = message_max};
    struct plab_error err = {.text = ""};
    uint32_t salt = (uint32_t)len;
    heard->len = 0;
    heard->closed = false;
    heard->status = PLAB_OK;
    for (size_t at = 0; at < len && heard->status == PLAB_OK && !heard->closed;) {
        size_t piece = step == WHOLE ? len : step == BYTES ? 1 : plab_fuzz_piece(&salt, len - at);
        uint8_t *copy = malloc(piece);
        FUZZ_HOLDS(copy != NULL);
        memcpy(copy, bytes + at, piece);
        heard->status = plab_ws_feed(&reader, copy, piece, note, heard, &err);
        free(copy);
        at += piece;
    }
    plab_fuzz_check_error(heard->status, &err);
    FUZZ_HOLDS(reader.len <= message_max);
    heard->code = reader.code;
    heard->amid = plab_ws_is_amid(&reader);
    plab_ws_free(&reader);
}

/* Each event as a frame, of a client and of a server. */
static void check_again(const struct heard *heard, const uint8_t mask[4]) {
    static struct heard again;
    static uint8_t frame[INPUT_MAX + PLAB_WS_HEAD_MAX];
    for (size_t at = 0; at < heard->len;) {
        const uint8_t *event = heard->log + at;
        size_t len = (size_t)event[1] << 8 | event[2];
        for (int masked = 0; masked < 2; masked++) {
            char reason[PLAB_WS_CONTROL_MAX + 1] = "";
            size_t size;
            if (event[0] == PLAB_WS_CLOSE) {
                memcpy(reason, event + 3, len);
                len = strlen(reason); /* a NUL ends what can be said */
                size = plab_ws_close_frame(frame, sizeof frame, 1000, reason, masked ? mask : NULL);
            } else {
                size = plab_ws_frame(frame, sizeof frame, event[0], event + 3, len,
                                     masked ? mask : NULL);
            }
            FUZZ_HOLDS(size > 0);
            feed(frame, size, masked, LONG_MAX, PIECES, &again);
            FUZZ_HOLDS(again.status == PLAB_OK && !again.amid && again.len == 3 + len);
            FUZZ_HOLDS(again.log[0] == event[0] && memcmp(again.log + 3, event + 3, len) == 0);
        }
        at += 3 + ((size_t)event[1] << 8 | event[2]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct heard want, got;
    static struct reference reference;
    if (size < 5 || size > INPUT_MAX) {
        return 0;
    }
    bool masked = (data[0] & 1) != 0;
    size_t message_max = (data[0] & 2) != 0 ? SHORT_MAX : LONG_MAX;
    want = (struct heard){.status = PLAB_OK};
    reference = (struct reference){.at = data + 1,
                                   .end = data + size,
                                   .masked = masked,
                                   .message_max = message_max,
                                   .heard = &want};
    while (take_frame(&reference)) {
    }
    want.amid = want.amid || reference.frames > 0;
    for (enum step step = WHOLE; step <= PIECES; step++) {
        feed(data + 1, size - 1, masked, message_max, step, &got);
        FUZZ_HOLDS(got.status == want.status && got.code == want.code);
        FUZZ_HOLDS(got.len == want.len && memcmp(got.log, want.log, got.len) == 0);
        FUZZ_HOLDS(got.status != PLAB_OK || got.amid == want.amid);
    }
    check_again(&got, data + 1);
    return 0;
}
