/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line reader: the same lines whatever the segments, and those that a naive splitter finds.
 *
 * Input: bytes of a connection, where 0xFF and a count repeat the byte before them count * 128
 * times, so that short inputs reach the longest line.
 */
#include "stratum/frame.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define REPEAT 0xFF
#define REPEAT_UNIT 128
#define STREAM_MAX (size_t)(3 * PLAB_STRATUM_LINE_MAX)
#define BYTES_MAX 1024 /* of a stream that is also fed byte by byte */

/* What came out, as a text: lines with LF, TOO_LONG as its mark and LF. */
#define TOO_LONG_MARK "\x01too long"
struct seen {
    char text[2 * STREAM_MAX];
    size_t len, events;
    size_t stop_after; /* 0: never */
};

static void put(struct seen *seen, const char *text, size_t len) {
    FUZZ_HOLDS(seen->len + len + 1 <= sizeof seen->text);
    memcpy(seen->text + seen->len, text, len);
    seen->len += len;
    seen->text[seen->len++] = '\n';
}

static bool note(void *cookie, enum plab_frame_event event, const char *line, size_t len) {
    struct seen *seen = cookie;
    FUZZ_HOLDS(seen->stop_after == 0 || seen->events < seen->stop_after);
    if (event == PLAB_FRAME_TOO_LONG) {
        FUZZ_HOLDS(line == NULL && len == 0);
        put(seen, TOO_LONG_MARK, strlen(TOO_LONG_MARK));
    } else {
        FUZZ_HOLDS(len > 0 && len <= PLAB_STRATUM_LINE_MAX && memchr(line, '\n', len) == NULL);
        put(seen, line, len);
    }
    return ++seen->events != seen->stop_after;
}

static size_t expand(const uint8_t *data, size_t size, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < size && len < STREAM_MAX; i++) {
        if (data[i] != REPEAT || i + 1 == size || len == 0) {
            out[len++] = (char)data[i];
            continue;
        }
        size_t count = (size_t)data[++i] * REPEAT_UNIT;
        count = count < STREAM_MAX - len ? count : STREAM_MAX - len;
        memset(out + len, out[len - 1], count);
        len += count;
    }
    return len;
}

/* The reference: looks at the whole, piece by piece. */
static void split(const char *stream, size_t len, struct seen *seen) {
    for (size_t begin = 0; begin < len;) {
        const char *lf = memchr(stream + begin, '\n', len - begin);
        size_t piece = lf != NULL ? (size_t)(lf - stream) - begin : len - begin;
        size_t line = piece;
        bool blank = true;
        for (size_t i = 0; i < piece; i++) {
            blank =
                blank && strchr(" \t\r", stream[begin + i]) != NULL && stream[begin + i] != '\0';
        }
        if (piece > PLAB_STRATUM_LINE_MAX) {
            put(seen, TOO_LONG_MARK, strlen(TOO_LONG_MARK));
        } else if (lf != NULL && !blank) {
            line -= stream[begin + piece - 1] == '\r';
            put(seen, stream + begin, line);
        }
        begin += piece + 1;
    }
}

enum step { WHOLE, BYTES, PIECES };

/* Each piece lies in memory of its own, and no longer than it takes to feed it. */
static void feed(const char *stream, size_t len, enum step step, uint32_t salt, struct seen *seen) {
    struct plab_frame frame = {0};
    size_t at = 0;
    seen->len = seen->events = 0;
    while (at < len && (seen->stop_after == 0 || seen->events < seen->stop_after)) {
        size_t piece = step == WHOLE ? len : step == BYTES ? 1 : plab_fuzz_piece(&salt, len - at);
        char *copy = malloc(piece);
        FUZZ_HOLDS(copy != NULL);
        memcpy(copy, stream + at, piece);
        FUZZ_HOLDS(plab_frame_feed(&frame, copy, piece, note, seen) == PLAB_OK);
        FUZZ_HOLDS(frame.len <= PLAB_STRATUM_LINE_MAX);
        free(copy);
        at += piece;
    }
    plab_frame_free(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char stream[STREAM_MAX];
    static struct seen want, got;
    uint32_t salt = size > 0 ? data[size - 1] : 0;
    size_t len = expand(data, size, stream);
    want.len = 0;
    split(stream, len, &want);
    for (enum step step = WHOLE; step <= PIECES; step++) {
        got.stop_after = 0;
        if (step != BYTES || len <= BYTES_MAX) {
            feed(stream, len, step, salt, &got);
            FUZZ_HOLDS(got.len == want.len && memcmp(got.text, want.text, got.len) == 0);
        }
    }
    /* Whoever stops in the middle hears no more of it. */
    got.stop_after = got.events / 2 + 1;
    feed(stream, len, PIECES, salt, &got);
    FUZZ_HOLDS(got.len <= want.len && memcmp(got.text, want.text, got.len) == 0);
    return 0;
}
