/* SPDX-License-Identifier: BSD-3-Clause */
/* Heads of HTTP requests: what is understood, and that everything doubtful is refused. */
#include <stdlib.h>

#include "net/httphead.h"
#include "tests/harness.h"

#define HOST "Host: 127.0.0.1:8080\r\n"

static unsigned parse(const char *text, struct plab_http_head *head) {
    return plab_http_head_parse(text, strlen(text), head);
}

TEST(httphead, a_plain_request) {
    struct plab_http_head head;
    CHECK_U64(parse("GET /api/v1/summary?x=1&y HTTP/1.1\r\nhOsT:  localhost:9 \r\n"
                    "Authorization: Bearer abc\r\nX-Empty:\r\n\r\n",
                    &head),
              0);
    CHECK(head.method == PLAB_HTTP_GET);
    CHECK(plab_http_text_is(head.path, "/api/v1/summary"));
    CHECK(plab_http_text_is(head.query, "x=1&y"));
    CHECK(plab_http_text_is(head.authorization, "Bearer abc"));
    CHECK(!head.has_body);
    CHECK_U64(parse("HEAD / HTTP/1.0\r\n" HOST "\r\n", &head), 0);
    CHECK(head.method == PLAB_HTTP_HEAD && head.query.at == NULL && head.authorization.at == NULL);
    CHECK_U64(parse("PUT /1/config HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", &head), 0);
    CHECK(head.method == PLAB_HTTP_OTHER && head.has_body);
}

TEST(httphead, doubtful_ones_are_refused) {
    static const struct {
        unsigned status;
        const char *text;
    } cases[] = {
        {400, "\r\n"},
        {400, "GET\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET / HTTP/1.1 \r\n" HOST "\r\n"},
        {400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"},
        {400, "G@T / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET http://127.0.0.1/ HTTP/1.1\r\n" HOST "\r\n"},
        {400, "CONNECT 127.0.0.1:80 HTTP/1.1\r\n" HOST "\r\n"},
        {400, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /#a HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /\x80 HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET / HTTP/1.1\n" HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: 127.0.0.1\n\n"},
        {400, "GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "blank : x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: a\rb\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\n" HOST "\r\n"},
        {505, "GET / HTTP/1.2\r\n" HOST "\r\n"},
        {400, "GET / HTTX/1.1\r\n" HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\nA: b\r\n\r\n"}, /* no Host */
        {400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: a\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {411, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n"},
    };
    struct plab_http_head head;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned got = parse(cases[i].text, &head);
        CHECK_MSG(got == cases[i].status, "%u instead of %u: %s", got, cases[i].status,
                  cases[i].text);
    }
}

/* DNS rebinding: only names that nobody else can have are ours. */
TEST(httphead, hosts) {
    static const char *const good[] = {"localhost",       "LOCALHOST:1", "127.0.0.1",
                                       "127.0.0.9:80",    "[::1]",       "[::1]:65535",
                                       "192.168.1.2:8080"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "evil.example:8080",
                                      "localhost.evil.example",
                                      "8.8.8.8",
                                      "[2001::]",
                                      "127.0.0.1.",
                                      "127.1",
                                      "0.0.0.0",
                                      "127.0.0.1:x",
                                      "[::1",
                                      "127.0.0.1@evil",
                                      "2130706433",
                                      "localhost:123456",
                                      ":80"};
    char text[200];
    struct plab_http_head head;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        CHECK_MSG(parse(text, &head) == 0, "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        CHECK_MSG(parse(text, &head) == 421, "%s", bad[i]);
    }
}

TEST(httphead, where_a_head_ends) {
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\nrest";
    const size_t whole = sizeof text - 1 - 4;
    for (size_t len = 0; len < whole; len++) {
        CHECK_U64(plab_http_head_length(text, len), 0);
    }
    CHECK_U64(plab_http_head_length(text, whole), whole);
    CHECK_U64(plab_http_head_length(text, sizeof text - 1), whole);
    CHECK_U64(plab_http_head_length("a\n\nb", 4), 3);
    CHECK_U64(plab_http_head_overflow("GET /aaaaaa", 11), 414);
    CHECK_U64(plab_http_head_overflow("GET / HTTP/1.1\r\nA", 17), 431);
}

TEST(httphead, number_of_fields) {
    static char text[4096];
    struct plab_http_head head;
    for (int fields = PLAB_HTTP_FIELDS_MAX - 1; fields <= PLAB_HTTP_FIELDS_MAX; fields++) {
        size_t len = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 0; i < fields; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "A%d: b\r\n", i);
        }
        snprintf(text + len, sizeof text - len, "\r\n");
        CHECK_U64(parse(text, &head), fields < PLAB_HTTP_FIELDS_MAX ? 0 : 431);
    }
}

/* Every prefix and every changed byte ends in an answer, not in a read beyond the text. */
TEST(httphead, survives_any_damage) {
    static const char text[] = "GET /a?b HTTP/1.1\r\n" HOST "Authorization: Bearer x\r\n"
                               "Content-Length: 0\r\n\r\n";
    struct plab_http_head head;
    char *copy;
    for (size_t len = 1; len <= sizeof text - 1; len++) {
        for (int value = 0; value < 256; value += 5) {
            copy = malloc(len); /* exactly as long, for the address sanitizer */
            CHECK(copy != NULL);
            memcpy(copy, text, len);
            copy[len - 1] = (char)value;
            (void)!plab_http_head_parse(copy, len, &head);
            plab_http_head_length(copy, len);
            free(copy);
        }
    }
}

TEST(httphead, tokens) {
    static const struct {
        bool good;
        const char *value;
    } cases[] = {{true, "Bearer secret"},   {true, "bearer secret"}, {false, "Bearer secre"},
                 {false, "Bearer secrets"}, {false, "Bearer "},      {false, "Bearer"},
                 {false, "Basic secret"},   {false, "secret"},       {false, "Bearer secretsecret"},
                 {false, "Bearer Secret"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plab_http_text value = {cases[i].value, strlen(cases[i].value)};
        CHECK_MSG(plab_http_bearer_is(value, "secret") == cases[i].good, "%s", cases[i].value);
    }
    CHECK(!plab_http_bearer_is((struct plab_http_text){NULL, 0}, "secret"));
    CHECK(!plab_http_bearer_is((struct plab_http_text){"Bearer ", 7}, ""));
}
