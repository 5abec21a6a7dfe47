/* SPDX-License-Identifier: BSD-3-Clause */
/* WebSocket frames: the examples of RFC 6455, every rule that a frame can break, any split. */
#include <stdio.h>
#include <stdlib.h>

#include "stratum/ws.h"
#include "tests/harness.h"

/* What a reader told, as one text: T(..), P(..) ping, O(..) pong, C(..) close. */
struct heard {
    char text[80000];
    size_t len;
};

static struct heard heard;

static bool hear(void *cookie, enum plab_ws_opcode what, const char *payload, size_t len) {
    struct heard *out = cookie;
    static const char names[] = "?T??????CPO";
    int printed = snprintf(out->text + out->len, sizeof out->text - out->len, "%c(%.*s)",
                           names[what], (int)len, payload);
    out->len += (size_t)printed;
    return what != PLAB_WS_CLOSE;
}

/* Feeds all bytes, in pieces of `piece`; returns the status and leaves the code in `*code`. */
static enum plab_status feed(const void *bytes, size_t len, size_t piece, bool masked,
                             unsigned *code) {
    struct plab_ws_reader reader = {.masked = masked, .message_max = 66000};
    struct plab_error err = {.text = ""};
    enum plab_status status = PLAB_OK;
    memset(&heard, 0, sizeof heard);
    for (size_t at = 0; at < len && status == PLAB_OK; at += piece) {
        size_t here = len - at < piece ? len - at : piece;
        status = plab_ws_feed(&reader, (const char *)bytes + at, here, hear, &heard, &err);
    }
    *code = reader.code;
    CHECK((status == PLAB_OK) == (err.text[0] == '\0'));
    plab_ws_free(&reader);
    return status;
}

/* The same whole and byte by byte. */
static void check_heard(const char *bytes, size_t len, bool masked, const char *text) {
    unsigned code;
    CHECK(feed(bytes, len, len, masked, &code) == PLAB_OK);
    CHECK_STR(heard.text, text);
    CHECK(feed(bytes, len, 1, masked, &code) == PLAB_OK);
    CHECK_STR(heard.text, text);
}

#define HEARD(bytes, masked, text) check_heard((bytes), sizeof(bytes) - 1, (masked), (text))

/* Section 5.7. */
TEST(ws, examples_of_the_rfc_are_read) {
    static char big[65536 + 14];
    HEARD("\x81\x05Hello", false, "T(Hello)");
    HEARD("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", true, "T(Hello)");
    HEARD("\x01\x03Hel\x80\x02lo", false, "T(Hello)");
    HEARD("\x89\x05Hello", false, "P(Hello)");
    HEARD("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", true, "O(Hello)");
    memcpy(big, "\x81\x7e\x01\x00", 4);
    memset(big + 4, 'a', 256);
    unsigned code;
    CHECK(feed(big, 260, 7, false, &code) == PLAB_OK && heard.len == 259);
    memcpy(big, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
    memset(big + 10, 'a', 65536);
    CHECK(feed(big, 65546, 100, false, &code) == PLAB_OK && heard.len == 65539);
}

TEST(ws, examples_of_the_rfc_are_written) {
    static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};
    static char long_text[65536];
    static uint8_t out[65536 + PLAB_WS_HEAD_MAX];
    CHECK_U64(plab_ws_frame(out, sizeof out, PLAB_WS_TEXT, "Hello", 5, NULL), 7);
    CHECK_MEM(out, "\x81\x05Hello", 7);
    CHECK_U64(plab_ws_frame(out, sizeof out, PLAB_WS_TEXT, "Hello", 5, mask), 11);
    CHECK_MEM(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    CHECK_U64(plab_ws_frame(out, sizeof out, PLAB_WS_PONG, "Hello", 5, mask), 11);
    CHECK_MEM(out, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    CHECK_U64(plab_ws_frame(out, sizeof out, PLAB_WS_TEXT, long_text, 256, NULL), 260);
    CHECK_MEM(out, "\x81\x7e\x01\x00", 4);
    CHECK_U64(plab_ws_frame(out, sizeof out, PLAB_WS_TEXT, long_text, 65536, NULL), 65546);
    CHECK_MEM(out, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
    CHECK_U64(plab_ws_frame(out, 6, PLAB_WS_TEXT, "Hello", 5, NULL), 0);
    CHECK_U64(plab_ws_frame(out, 1, PLAB_WS_TEXT, "Hello", 5, mask), 0);
}

/* Every length at which the form of the length changes, through both halves. */
TEST(ws, what_is_written_is_read) {
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536};
    static const uint8_t mask[] = {1, 2, 3, 4};
    static char text[65537];
    static uint8_t out[65536 + PLAB_WS_HEAD_MAX];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (int masked = 0; masked < 2; masked++) {
            unsigned code;
            size_t len = plab_ws_frame(out, sizeof out, PLAB_WS_TEXT, text, lengths[i],
                                       masked ? mask : NULL);
            CHECK(feed(out, len, 9, masked, &code) == PLAB_OK);
            CHECK_U64(heard.len, lengths[i] + 3);
            CHECK(heard.text[2] == (lengths[i] > 0 ? 'x' : ')'));
        }
    }
}

TEST(ws, control_frames_come_between_fragments) {
    HEARD("\x01\x01"
          "a\x89\x01p\x00\x01"
          "b\x8a\x00\x80\x01"
          "c\x81\x01z",
          false, "P(p)O()T(abc)T(z)");
    HEARD("\x01\x00\x00\x00\x80\x00", false, "T()");
}

TEST(ws, closing) {
    unsigned code;
    CHECK(feed("\x88\x00", 2, 1, false, &code) == PLAB_OK);
    CHECK_STR(heard.text, "C()");
    CHECK_U64(code, PLAB_WS_NO_CODE);
    CHECK(feed("\x88\x07\x03\xe9going\x81\x01x", 12, 12, false, &code) == PLAB_OK);
    CHECK_STR(heard.text, "C(going)"); /* nothing is read after it */
    CHECK_U64(code, PLAB_WS_LEAVING);
    CHECK(feed("\x88\x02\x0f\xa0", 4, 1, false, &code) == PLAB_OK);
    CHECK_U64(code, 4000);

    uint8_t out[PLAB_WS_HEAD_MAX + PLAB_WS_CONTROL_MAX];
    char reason[200];
    CHECK_U64(plab_ws_close_frame(out, sizeof out, PLAB_WS_POLICY, "no", NULL), 6);
    CHECK_MEM(out, "\x88\x04\x03\xf0no", 6);
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    memcpy(reason + 122, "\xc3\xa9", 2); /* would be cut in half */
    CHECK_U64(plab_ws_close_frame(out, sizeof out, PLAB_WS_POLICY, reason, NULL), 2 + 2 + 122);
}

/* What breaks a rule, and how the connection is to be closed for it. */
struct breach {
    unsigned code;
    bool masked;
    size_t len;
    const char *bytes;
};
#define BREACH(code, masked, bytes) \
    { (code), (masked), sizeof(bytes) - 1, (bytes) }

static const struct breach breaches[] = {
    BREACH(1002, true, "\x81\x01"),           /* not masked */
    BREACH(1002, false, "\x81\x81"),          /* masked */
    BREACH(1002, false, "\xc1\x00"),          /* RSV1: permessage-deflate that nobody agreed on */
    BREACH(1002, false, "\xa1\x00"),          /* RSV2 */
    BREACH(1002, false, "\x91\x00"),          /* RSV3 */
    BREACH(1002, false, "\x83\x00"),          /* opcodes that are none */
    BREACH(1002, false, "\x87\x00"),          /* ... */
    BREACH(1002, false, "\x8b\x00"),          /* ... */
    BREACH(1002, false, "\x8f\x00"),          /* ... */
    BREACH(1002, false, "\x80\x00"),          /* continues nothing */
    BREACH(1002, false, "\x01\x01x\x01\x01"), /* a message within a message */
    BREACH(1002, false, "\x09\x00"),          /* control frames in pieces */
    BREACH(1002, false, "\x08\x00"),          /* ... */
    BREACH(1002, false, "\x89\x7e"),          /* a ping of 126 bytes */
    BREACH(1002, false, "\x81\x7e\x00\x7d"),  /* lengths that are longer than they need be */
    BREACH(1002, false, "\x81\x7f\0\0\0\0\0\0\xff\xff"),
    BREACH(1009, false, "\x81\x7f\x80\0\0\0\0\0\0\0"), /* 2^63 */
    BREACH(1009, false, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
    BREACH(1009, false, "\x81\x7f\0\0\0\0\0\x01\x01\xd1"), /* 66001 */
    BREACH(1003, false, "\x82\x00"),                       /* binary */
    BREACH(1007, false, "\x81\x01\xff"),                   /* no UTF-8 */
    BREACH(1007, false, "\x81\x02\xc0"),                   /* longer than need be */
    BREACH(1007, false, "\x81\x03\xed\xa0"),               /* a surrogate */
    BREACH(1007, false, "\x81\x04\xf4\x90"),               /* above U+10FFFF */
    BREACH(1007, false, "\x81\x02\xe2\x82"),               /* ends too early */
    BREACH(1007, false, "\x01\x02\xe2\x82\x80\x01x"),      /* ... in another frame */
    BREACH(1002, false, "\x88\x01\x03"),                   /* half a code */
    BREACH(1002, false, "\x88\x02\x03\xe7"),               /* codes that are none: 999 */
    BREACH(1002, false, "\x88\x02\x03\xec"),               /* 1004 */
    BREACH(1002, false, "\x88\x02\x03\xed"),               /* 1005 */
    BREACH(1002, false, "\x88\x02\x03\xee"),               /* 1006 */
    BREACH(1002, false, "\x88\x02\x03\xf7"),               /* 1015 */
    BREACH(1002, false, "\x88\x02\x0b\xb7"),               /* 2999 */
    BREACH(1002, false, "\x88\x02\x13\x88"),               /* 5000 */
    BREACH(1007, false, "\x88\x03\x03\xe8\xff"),           /* a reason that is no UTF-8 */
};

TEST(ws, breaches_are_found_with_their_last_byte) {
    for (size_t i = 0; i < sizeof breaches / sizeof *breaches; i++) {
        const struct breach *at = &breaches[i];
        for (size_t piece = 1; piece <= at->len; piece++) {
            unsigned code = 0;
            CHECK_MSG(feed(at->bytes, at->len, piece, at->masked, &code) == PLAB_E_PROTOCOL,
                      "case %zu", i);
            CHECK_U64(code, at->code);
            CHECK_STR(heard.text, "");
        }
        unsigned code = 0;
        CHECK_MSG(feed(at->bytes, at->len - 1, at->len, at->masked, &code) == PLAB_OK, "case %zu",
                  i);
    }
}

TEST(ws, after_a_breach_nothing_is_read) {
    struct plab_ws_reader reader = {.message_max = 100};
    struct plab_error err = {.text = ""};
    memset(&heard, 0, sizeof heard);
    CHECK(plab_ws_feed(&reader, "\x82\x01x", 3, hear, &heard, &err) == PLAB_E_PROTOCOL);
    CHECK(plab_ws_feed(&reader, "\x81\x01x", 3, hear, &heard, &err) == PLAB_E_PROTOCOL);
    CHECK(plab_ws_feed(&reader, "", 0, hear, &heard, &err) == PLAB_E_PROTOCOL);
    CHECK_STR(err.text, "WebSocket: nothing can be read after a breach");
    CHECK_U64(reader.code, PLAB_WS_NO_BINARY); /* still */
    CHECK_STR(heard.text, "");
    plab_ws_free(&reader);
}

TEST(ws, a_message_is_limited_in_bytes_and_frames) {
    static char frames[4 * (PLAB_WS_FRAMES_MAX + 1)];
    struct plab_ws_reader reader = {.message_max = 4};
    unsigned code;
    memset(&heard, 0, sizeof heard);
    CHECK(plab_ws_feed(&reader,
                       "\x01\x03"
                       "abc\x80\x01"
                       "d\x81\x04wxyz",
                       14, hear, &heard, NULL) == PLAB_OK);
    CHECK_STR(heard.text, "T(abcd)T(wxyz)");
    CHECK(plab_ws_feed(&reader,
                       "\x01\x03"
                       "abc\x80\x02",
                       7, hear, &heard, NULL) == PLAB_E_PROTOCOL);
    CHECK_U64(reader.code, PLAB_WS_TOO_BIG);
    plab_ws_free(&reader);
    memset(frames, 0, sizeof frames); /* empty ones, for ever */
    frames[0] = 0x01;
    CHECK(feed(frames, 2 * PLAB_WS_FRAMES_MAX, 3, false, &code) == PLAB_OK);
    CHECK(feed(frames, 2 * PLAB_WS_FRAMES_MAX + 2, 3, false, &code) == PLAB_E_PROTOCOL);
    CHECK_U64(code, PLAB_WS_TOO_BIG);
}

TEST(ws, tells_when_something_is_incomplete) {
    struct plab_ws_reader reader = {.message_max = 100};
    static const char bytes[] = "\x01\x01x\x80\x01y";
    CHECK(!plab_ws_is_amid(&reader));
    for (size_t i = 0; i < 6; i++) {
        CHECK(plab_ws_feed(&reader, bytes + i, 1, hear, &heard, NULL) == PLAB_OK);
        CHECK(plab_ws_is_amid(&reader) == (i < 5));
    }
    plab_ws_free(&reader);
}

/* Against every scalar value and its neighbours that are none. */
TEST(ws, utf8_of_all_characters) {
    for (unsigned c = 0; c < 0x110000; c++) {
        char text[4];
        size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};
        for (size_t i = len; i-- > 0;) {
            unsigned low = c >> (6 * (len - 1 - i));
            text[i] = (char)(i == 0 ? first[len] | low : 0x80 | (low & 0x3F));
        }
        struct plab_ws_utf8 utf8 = {0};
        bool good = plab_ws_utf8_take(&utf8, text, len) && utf8.left == 0;
        CHECK_MSG(good == (c < 0xD800 || c > 0xDFFF), "U+%04X", c);
    }
}
