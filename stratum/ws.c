/* SPDX-License-Identifier: BSD-3-Clause */
#include "stratum/ws.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80
#define FIRST_CAP 1024
#define REASON_MAX (PLAB_WS_CONTROL_MAX - 2)

/* ---- writing ---- */

static void copy_masked(uint8_t *out, const uint8_t *in, size_t len, const uint8_t *mask,
                        size_t at) {
    for (size_t i = 0; i < len; i++) {
        out[i] = in[i] ^ mask[(at + i) % PLAB_WS_MASK];
    }
}

/* The first bytes of a frame; returns their number. */
static size_t put_head(uint8_t out[PLAB_WS_HEAD_MAX], enum plab_ws_opcode opcode, size_t len,
                       const uint8_t *mask) {
    size_t used = 2;
    out[0] = (uint8_t)(FIN | opcode);
    if (len < 126) {
        out[1] = (uint8_t)len;
    } else if (len <= UINT16_MAX) {
        out[1] = 126;
        out[2] = (uint8_t)(len >> 8);
        out[3] = (uint8_t)len;
        used = 4;
    } else {
        out[1] = 127;
        plab_store64_be(out + 2, len);
        used = 10;
    }
    if (mask != NULL) {
        out[1] |= MASKED;
        memcpy(out + used, mask, PLAB_WS_MASK);
        used += PLAB_WS_MASK;
    }
    return used;
}

size_t plab_ws_frame(uint8_t *out, size_t cap, enum plab_ws_opcode opcode, const void *payload,
                     size_t len, const uint8_t *mask) {
    static const uint8_t no_mask[PLAB_WS_MASK];
    uint8_t head[PLAB_WS_HEAD_MAX];
    size_t head_len = put_head(head, opcode, len, mask);
    if (cap < head_len || cap - head_len < len) {
        return 0;
    }
    memcpy(out, head, head_len);
    copy_masked(out + head_len, payload, len, mask != NULL ? mask : no_mask, 0);
    return head_len + len;
}

size_t plab_ws_close_frame(uint8_t *out, size_t cap, unsigned code, const char *reason,
                           const uint8_t *mask) {
    uint8_t payload[PLAB_WS_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t len = strnlen(reason, REASON_MAX);
    while (len > 0 && ((uint8_t)reason[len] & 0xC0) == 0x80) {
        len--; /* no half character */
    }
    memcpy(payload + 2, reason, len);
    return plab_ws_frame(out, cap, PLAB_WS_CLOSE, payload, 2 + len, mask);
}

/* ---- UTF-8 ---- */

/* The first byte of a character: how many follow, and what the next may be (RFC 3629: nothing
 * longer than needed, no surrogates, nothing above U+10FFFF). */
static bool begin_character(struct plab_ws_utf8 *text, uint8_t byte) {
    static const struct {
        uint8_t first, last, left, least, most;
    } kinds[] = {
        {0x00, 0x7F, 0, 0x80, 0xBF}, {0xC2, 0xDF, 1, 0x80, 0xBF}, {0xE0, 0xE0, 2, 0xA0, 0xBF},
        {0xE1, 0xEC, 2, 0x80, 0xBF}, {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF},
        {0xF0, 0xF0, 3, 0x90, 0xBF}, {0xF1, 0xF3, 3, 0x80, 0xBF}, {0xF4, 0xF4, 3, 0x80, 0x8F}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(kinds); i++) {
        if (byte >= kinds[i].first && byte <= kinds[i].last) {
            *text = (struct plab_ws_utf8){kinds[i].left, kinds[i].least, kinds[i].most};
            return true;
        }
    }
    return false;
}

bool plab_ws_utf8_take(struct plab_ws_utf8 *text, const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        if (text->left == 0) {
            if (!begin_character(text, byte)) {
                return false;
            }
        } else if (byte < text->least || byte > text->most) {
            return false;
        } else {
            *text = (struct plab_ws_utf8){(uint8_t)(text->left - 1), 0x80, 0xBF};
        }
    }
    return true;
}

/* ---- reading ---- */

static enum plab_status fail(struct plab_ws_reader *reader, enum plab_ws_code code,
                             struct plab_error *err, const char *what) {
    reader->code = code;
    return plab_fail(err, PLAB_E_PROTOCOL, "WebSocket: %s", what);
}

static enum plab_ws_opcode opcode_of(const struct plab_ws_reader *reader) {
    return (enum plab_ws_opcode)(reader->head[0] & 0x0F);
}

static bool is_control(const struct plab_ws_reader *reader) {
    return (reader->head[0] & 0x08) != 0;
}

/* Length of the head, as far as its first two bytes tell. */
static size_t head_size(const struct plab_ws_reader *reader) {
    unsigned length = reader->head[1] & 0x7F;
    size_t size = 2 + (length == 126 ? 2 : length == 127 ? 8 : 0);
    return size + ((reader->head[1] & MASKED) != 0 ? PLAB_WS_MASK : 0);
}

/* What the first two bytes show to be wrong, and what kind of frame may come now. */
static enum plab_status check_start(struct plab_ws_reader *reader, struct plab_error *err) {
    enum plab_ws_opcode opcode = opcode_of(reader);
    bool masked = (reader->head[1] & MASKED) != 0;
    if ((reader->head[0] & RESERVED) != 0) {
        return fail(reader, PLAB_WS_PROTOCOL, err, "a frame has reserved bits set");
    }
    if (masked != reader->masked) {
        return fail(reader, PLAB_WS_PROTOCOL, err,
                    masked ? "a server's frame is masked" : "a client's frame is not masked");
    }
    switch (opcode) {
    case PLAB_WS_MORE:
        return reader->frames > 0 ? PLAB_OK
                                  : fail(reader, PLAB_WS_PROTOCOL, err, "nothing to continue");
    case PLAB_WS_TEXT:
        return reader->frames == 0
                   ? PLAB_OK
                   : fail(reader, PLAB_WS_PROTOCOL, err, "a message begins within another");
    case PLAB_WS_BINARY:
        return fail(reader, PLAB_WS_NO_BINARY, err, "a binary message");
    case PLAB_WS_CLOSE:
    case PLAB_WS_PING:
    case PLAB_WS_PONG:
        return (reader->head[0] & FIN) != 0 && (reader->head[1] & 0x7F) <= PLAB_WS_CONTROL_MAX
                   ? PLAB_OK
                   : fail(reader, PLAB_WS_PROTOCOL, err, "a control frame in pieces, or too long");
    default:
        return fail(reader, PLAB_WS_PROTOCOL, err, "an unknown kind of frame");
    }
}

/* The length, which has to be written as short as possible. */
static enum plab_status take_length(struct plab_ws_reader *reader, struct plab_error *err) {
    unsigned first = reader->head[1] & 0x7F;
    uint64_t length = first;
    if (first == 126) {
        length = (uint64_t)reader->head[2] << 8 | reader->head[3];
    } else if (first == 127) {
        length = plab_load64_be(reader->head + 2);
    }
    if ((first == 126 && length < 126) || (first == 127 && length <= UINT16_MAX)) {
        return fail(reader, PLAB_WS_PROTOCOL, err, "a length is longer than it need be");
    }
    if (!is_control(reader) && length > reader->message_max - reader->len) {
        return fail(reader, PLAB_WS_TOO_BIG, err, "a message is too long");
    }
    reader->left = length;
    return PLAB_OK;
}

/* The head is complete. */
static enum plab_status begin_payload(struct plab_ws_reader *reader, struct plab_error *err) {
    enum plab_status status = take_length(reader, err);
    if (status != PLAB_OK) {
        return status;
    }
    if (!is_control(reader) && ++reader->frames > PLAB_WS_FRAMES_MAX) {
        return fail(reader, PLAB_WS_TOO_BIG, err, "a message has too many frames");
    }
    reader->in_payload = true;
    reader->mask_at = 0;
    reader->control_len = 0;
    return PLAB_OK;
}

/* Takes one byte of a head. */
static enum plab_status take_head(struct plab_ws_reader *reader, uint8_t byte,
                                  struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    reader->head[reader->head_len++] = byte;
    if (reader->head_len == 2) {
        status = check_start(reader, err);
    }
    if (status == PLAB_OK && reader->head_len >= 2 && reader->head_len == head_size(reader)) {
        status = begin_payload(reader, err);
    }
    return status;
}

static bool make_room(struct plab_ws_reader *reader, size_t len) {
    size_t cap = reader->cap > 0 ? reader->cap : FIRST_CAP;
    while (cap < reader->len + len) {
        cap *= 2;
    }
    if (cap == reader->cap) {
        return true;
    }
    char *bigger = realloc(reader->message, cap);
    if (bigger != NULL) {
        reader->message = bigger;
        reader->cap = cap;
    }
    return bigger != NULL;
}

/* Takes a piece of the payload; at most what is missing. */
static enum plab_status take_payload(struct plab_ws_reader *reader, const uint8_t *bytes,
                                     size_t len, struct plab_error *err) {
    static const uint8_t no_mask[PLAB_WS_MASK];
    const uint8_t *mask = reader->masked ? reader->head + reader->head_len - PLAB_WS_MASK : no_mask;
    char *out = reader->control + reader->control_len;
    if (is_control(reader)) {
        reader->control_len += len;
    } else {
        if (!make_room(reader, len)) {
            return plab_fail(err, PLAB_E_NOMEM, "no memory for a WebSocket message");
        }
        out = reader->message + reader->len;
        reader->len += len;
    }
    copy_masked((uint8_t *)out, bytes, len, mask, reader->mask_at);
    reader->mask_at = (reader->mask_at + len) % PLAB_WS_MASK;
    reader->left -= len;
    if (!is_control(reader) && !plab_ws_utf8_take(&reader->utf8, out, len)) {
        return fail(reader, PLAB_WS_BAD_TEXT, err, "a text is not UTF-8");
    }
    return PLAB_OK;
}

/* Codes that may stand in a frame (section 7.4): the registered ones, and those of libraries and
 * applications. */
static bool is_close_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static enum plab_status take_close(struct plab_ws_reader *reader, struct plab_error *err) {
    struct plab_ws_utf8 utf8 = {0};
    const char *bytes = reader->control;
    size_t len = reader->control_len;
    if (len == 0) {
        reader->code = PLAB_WS_NO_CODE;
        return PLAB_OK;
    }
    unsigned code = len < 2 ? 0 : (unsigned)((uint8_t)bytes[0] << 8 | (uint8_t)bytes[1]);
    if (!is_close_code(code)) {
        return fail(reader, PLAB_WS_PROTOCOL, err, "a close frame has a code that is none");
    }
    if (!plab_ws_utf8_take(&utf8, bytes + 2, len - 2) || utf8.left > 0) {
        return fail(reader, PLAB_WS_BAD_TEXT, err, "a reason is not UTF-8");
    }
    reader->code = code;
    return PLAB_OK;
}

static enum plab_status end_control(struct plab_ws_reader *reader, plab_ws_fn *on_event,
                                    void *cookie, bool *go_on, struct plab_error *err) {
    enum plab_ws_opcode opcode = opcode_of(reader);
    size_t skipped = 0;
    if (opcode == PLAB_WS_CLOSE) {
        enum plab_status status = take_close(reader, err);
        if (status != PLAB_OK) {
            return status;
        }
        skipped = reader->control_len > 0 ? 2 : 0;
    }
    *go_on = on_event(cookie, opcode, reader->control + skipped, reader->control_len - skipped);
    return PLAB_OK;
}

/* The frame is complete. */
static enum plab_status end_frame(struct plab_ws_reader *reader, plab_ws_fn *on_event, void *cookie,
                                  bool *go_on, struct plab_error *err) {
    reader->in_payload = false;
    reader->head_len = 0;
    if (is_control(reader)) {
        return end_control(reader, on_event, cookie, go_on, err);
    }
    if ((reader->head[0] & FIN) == 0) {
        return PLAB_OK;
    }
    if (reader->utf8.left > 0) {
        return fail(reader, PLAB_WS_BAD_TEXT, err, "a text is not UTF-8");
    }
    size_t len = reader->len;
    reader->len = 0;
    reader->frames = 0;
    *go_on = on_event(cookie, PLAB_WS_TEXT, len > 0 ? reader->message : "", len);
    return PLAB_OK;
}

enum plab_status plab_ws_feed(struct plab_ws_reader *reader, const void *bytes, size_t len,
                              plab_ws_fn *on_event, void *cookie, struct plab_error *err) {
    const uint8_t *at = bytes, *end = at + len;
    enum plab_status status = PLAB_OK;
    bool go_on = true;
    if (reader->failure != PLAB_OK) {
        return plab_fail(err, reader->failure, "WebSocket: nothing can be read after a breach");
    }
    while (at < end && go_on && status == PLAB_OK) {
        if (!reader->in_payload) {
            status = take_head(reader, *at++, err);
        } else {
            size_t here = (size_t)(end - at);
            size_t piece = reader->left < here ? (size_t)reader->left : here;
            status = take_payload(reader, at, piece, err);
            at += piece;
        }
        if (status == PLAB_OK && reader->in_payload && reader->left == 0) {
            status = end_frame(reader, on_event, cookie, &go_on, err);
        }
    }
    reader->failure = status;
    return status;
}

bool plab_ws_is_amid(const struct plab_ws_reader *reader) {
    return reader->head_len > 0 || reader->frames > 0;
}

void plab_ws_free(struct plab_ws_reader *reader) {
    free(reader->message);
    memset(reader, 0, sizeof *reader);
}
