/* SPDX-License-Identifier: BSD-3-Clause */
#include "stratum/frame.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 1024

static bool is_blank(const char *line, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
            return false;
        }
    }
    return true;
}

static bool emit(const char *line, size_t len, plab_frame_fn *on_event, void *cookie) {
    if (is_blank(line, len)) {
        return true;
    }
    if (line[len - 1] == '\r') {
        len--;
    }
    return on_event(cookie, PLAB_FRAME_LINE, line, len);
}

static enum plab_status append(struct plab_frame *frame, const char *data, size_t len) {
    if (frame->len + len > frame->cap) {
        size_t cap = frame->cap > 0 ? frame->cap : FIRST_CAP;
        while (cap < frame->len + len) {
            cap *= 2;
        }
        char *bigger = realloc(frame->buffer, cap);
        if (bigger == NULL) {
            return PLAB_E_NOMEM;
        }
        frame->buffer = bigger;
        frame->cap = cap;
    }
    memcpy(frame->buffer + frame->len, data, len);
    frame->len += len;
    return PLAB_OK;
}

/* Takes a piece without LF; `ends` when an LF follows it. */
static enum plab_status take_piece(struct plab_frame *frame, const char *data, size_t len,
                                   bool ends, plab_frame_fn *on_event, void *cookie, bool *go_on) {
    enum plab_status status = PLAB_OK;
    if (!frame->skipping && frame->len + len > PLAB_STRATUM_LINE_MAX) {
        frame->skipping = true;
        frame->len = 0;
        *go_on = on_event(cookie, PLAB_FRAME_TOO_LONG, NULL, 0);
    }
    if (frame->skipping) {
        frame->skipping = !ends;
        return PLAB_OK;
    }
    if (ends && frame->len == 0) { /* the usual case: a whole line in one segment, no copy */
        *go_on = emit(data, len, on_event, cookie);
        return PLAB_OK;
    }
    status = append(frame, data, len);
    if (status == PLAB_OK && ends) {
        size_t line_len = frame->len;
        frame->len = 0;
        *go_on = emit(frame->buffer, line_len, on_event, cookie);
    }
    return status;
}

enum plab_status plab_frame_feed(struct plab_frame *frame, const char *data, size_t len,
                                 plab_frame_fn *on_event, void *cookie) {
    bool go_on = true;
    while (len > 0 && go_on) {
        const char *lf = memchr(data, '\n', len);
        size_t piece = lf != NULL ? (size_t)(lf - data) : len;
        enum plab_status status =
            take_piece(frame, data, piece, lf != NULL, on_event, cookie, &go_on);
        if (status != PLAB_OK) {
            return status;
        }
        size_t used = piece + (lf != NULL ? 1 : 0);
        data += used;
        len -= used;
    }
    return PLAB_OK;
}

void plab_frame_free(struct plab_frame *frame) {
    free(frame->buffer);
    memset(frame, 0, sizeof *frame);
}
