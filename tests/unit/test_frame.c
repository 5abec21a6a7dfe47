/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "stratum/frame.h"
#include "tests/harness.h"

/* What came out: lines joined by '|', '!' for a line that was too long. */
struct seen {
    char text[3 * PLAB_STRATUM_LINE_MAX];
    size_t len;
    int stop_after; /* events; 0: never */
    int events;
};

static bool note(void *cookie, enum plab_frame_event event, const char *line, size_t len) {
    struct seen *seen = cookie;
    if (event == PLAB_FRAME_TOO_LONG) {
        CHECK(line == NULL && len == 0);
        line = "!";
        len = 1;
    }
    CHECK(seen->len + len + 1 < sizeof seen->text);
    memcpy(seen->text + seen->len, line, len);
    seen->len += len;
    seen->text[seen->len++] = '|';
    seen->text[seen->len] = '\0';
    return ++seen->events != seen->stop_after;
}

static void feed(struct plab_frame *frame, const char *data, size_t len, struct seen *seen) {
    CHECK(plab_frame_feed(frame, data, len, note, seen) == PLAB_OK);
}

static struct seen *new_seen(void) {
    struct seen *seen = calloc(1, sizeof *seen);
    CHECK(seen != NULL);
    return seen;
}

TEST(frame, every_split_gives_the_same_lines) {
    static const char input[] = "{\"a\":\"\xc3\xa9\\n\"}\r\n\n \t\r\n{\"b\":1}\nrest";
    size_t len = sizeof input - 1;
    for (size_t first = 0; first <= len; first++) {
        for (size_t second = first; second <= len; second++) {
            struct plab_frame frame = {0};
            struct seen *seen = new_seen();
            feed(&frame, input, first, seen);
            feed(&frame, input + first, second - first, seen);
            feed(&frame, input + second, len - second, seen);
            CHECK_STR(seen->text, "{\"a\":\"\xc3\xa9\\n\"}|{\"b\":1}|");
            plab_frame_free(&frame);
            free(seen);
        }
    }
}

TEST(frame, one_byte_at_a_time) {
    static const char input[] = "first\nsecond\r\n\nthird\n";
    struct plab_frame frame = {0};
    struct seen *seen = new_seen();
    for (size_t i = 0; i < sizeof input - 1; i++) {
        feed(&frame, input + i, 1, seen);
    }
    CHECK_STR(seen->text, "first|second|third|");
    plab_frame_free(&frame);
    free(seen);
}

/* A line of `len` bytes, fed in segments of `step`, then a good line. */
static void check_length(size_t len, size_t step, bool fits) {
    struct plab_frame frame = {0};
    struct seen *seen = new_seen();
    char *line = malloc(len + 1);
    CHECK(line != NULL);
    memset(line, 'x', len);
    line[len] = '\n';
    for (size_t at = 0; at < len + 1; at += step) {
        feed(&frame, line + at, len + 1 - at < step ? len + 1 - at : step, seen);
        CHECK(frame.cap <= PLAB_STRATUM_LINE_MAX);
    }
    feed(&frame, "good\n", 5, seen);
    CHECK_MSG(seen->events == 2, "length %zu step %zu: %d events", len, step, seen->events);
    if (fits) {
        CHECK(seen->text[0] == 'x' && seen->text[len] == '|');
        CHECK_STR(seen->text + len + 1, "good|");
    } else {
        CHECK_STR(seen->text, "!|good|");
    }
    free(line);
    plab_frame_free(&frame);
    free(seen);
}

TEST(frame, limit_is_exact) {
    static const size_t steps[] = {1, 1000, 1 << 20};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        check_length(PLAB_STRATUM_LINE_MAX - 1, steps[i], true);
        check_length(PLAB_STRATUM_LINE_MAX, steps[i], true);
        check_length(PLAB_STRATUM_LINE_MAX + 1, steps[i], false);
        check_length(1000000, steps[i] < 2 ? 777 : steps[i], false);
    }
}

TEST(frame, long_line_is_reported_when_it_overflows_not_at_its_end) {
    struct plab_frame frame = {0};
    struct seen *seen = new_seen();
    char block[4096];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 4; i++) {
        feed(&frame, block, sizeof block, seen);
    }
    CHECK(seen->events == 0);
    feed(&frame, block, 1, seen);
    CHECK(seen->events == 1);
    for (int i = 0; i < 100; i++) {
        feed(&frame, block, sizeof block, seen);
    }
    CHECK(seen->events == 1 && frame.cap <= PLAB_STRATUM_LINE_MAX);
    feed(&frame, "\nok\n", 4, seen);
    CHECK_STR(seen->text, "!|ok|");
    plab_frame_free(&frame);
    free(seen);
}

TEST(frame, nul_is_a_byte_like_any_other) {
    struct plab_frame frame = {0};
    struct seen *seen = new_seen();
    feed(&frame, "ab\0cd\nef\n", 9, seen);
    CHECK(seen->events == 2);
    CHECK_MEM(seen->text, "ab\0cd|ef|", 9);
    plab_frame_free(&frame);
    free(seen);
}

TEST(frame, owner_can_stop) {
    struct plab_frame frame = {0};
    struct seen *seen = new_seen();
    seen->stop_after = 2;
    feed(&frame, "one\ntwo\nthree\nfour\n", 19, seen);
    CHECK_STR(seen->text, "one|two|");
    plab_frame_free(&frame);
    CHECK(frame.buffer == NULL && frame.cap == 0);
    free(seen);
}
