/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP of the daemon's bridge: URLs, requests, responses good and bad, in any pieces. */
#include <stdlib.h>

#include "daemon/http.h"
#include "tests/harness.h"

/* D5: whatever else a daemon speaks, ZMQ for one, isn't asked for. */
TEST(daemon_http, urls) {
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {
        {"http://127.0.0.1:18081", "127.0.0.1", 18081},
        {"http://127.0.0.1:28081/", "127.0.0.1", 28081},
        {"HTTP://localhost", "localhost", 18081},
        {"http://[::1]:9", "::1", 9},
        {"http://[::1]", "::1", 18081},
        {"http://node.lab:65535", "node.lab", 65535},
    };
    static const char *const bad[] = {"",
                                      "127.0.0.1:18081",
                                      "https://127.0.0.1",
                                      "zmq://127.0.0.1:18083",
                                      "tcp://127.0.0.1:18083",
                                      "http://",
                                      "http://:18081",
                                      "http://a:0",
                                      "http://a:65536",
                                      "http://a:99999999999",
                                      "http://a:-1",
                                      "http://a:12x",
                                      "http://a:",
                                      "http://user:secret@127.0.0.1:18081",
                                      "http://a/json_rpc",
                                      "http://a?x",
                                      "http://[::1",
                                      "http://[]:1",
                                      "http://[::1]x"};
    struct plab_http_url url;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_MSG(plab_http_url_parse(good[i].text, 18081, &url, NULL) == PLAB_OK, "%s",
                  good[i].text);
        CHECK_STR(url.host, good[i].host);
        CHECK_U64(url.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct plab_error err;
        CHECK_MSG(plab_http_url_parse(bad[i], 18081, &url, &err) == PLAB_E_USAGE, "%s", bad[i]);
    }
}

TEST(daemon_http, request) {
    static const struct {
        struct plab_http_request request;
        const char *text;
    } cases[] = {
        {{.path = "/json_rpc", .body = "{}"},
         "POST /json_rpc HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\nContent-Type: "
         "application/json\r\nHost: [::1]:5\r\n\r\n{}"},
        {{.path = "/getheight", .agent = "a/1", .bare_host = true},
         "GET /getheight HTTP/1.1\r\nConnection: close\r\nHost: [::1]\r\nUser-Agent: a/1\r\n\r\n"},
        {{.path = "/x", .body = "[]", .agent = "a", .difficulty = "7", .bare_host = true},
         "POST /x HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\nContent-Type: "
         "application/json\r\nHost: [::1]\r\nUser-Agent: a\r\nX-Hash-Difficulty: 7\r\n\r\n[]"},
    };
    struct plab_http_url url = {.host = "::1", .port = 5};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        size_t len;
        char *text = plab_http_build(&url, &cases[i].request, &len);
        CHECK_STR(text, cases[i].text);
        CHECK_U64(len, strlen(text));
        free(text);
    }
}

/* Feeds in pieces of `step` bytes, then ends. */
static enum plab_status feed(struct plab_http_response *response, const char *text, size_t len,
                             size_t step) {
    enum plab_status status = PLAB_OK;
    memset(response, 0, sizeof *response);
    for (size_t at = 0; at < len && status == PLAB_OK; at += step) {
        status =
            plab_http_response_feed(response, text + at, len - at < step ? len - at : step, NULL);
    }
    return status == PLAB_OK ? plab_http_response_end(response, NULL) : status;
}

TEST(daemon_http, responses_in_any_pieces) {
    static const char *const texts[] = {
        "HTTP/1.1 200 Ok\r\nServer: Epee-based\r\nContent-Length: 11\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\ncontent-length:11 \r\n\r\nhello world and what follows",
        "HTTP/1.0 200 OK\n\nhello world",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n "
        "world\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nB\r\nhello world\r\n0\r\nTrailer: "
        "1\r\n\r\n",
    };
    struct plab_http_response response;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t step = 1; step < 90; step++) {
            CHECK_MSG(feed(&response, texts[i], strlen(texts[i]), step) == PLAB_OK, "%zu by %zu", i,
                      step);
            CHECK_U64(response.status, 200);
            CHECK_STR(response.body, "hello world");
            plab_http_response_free(&response);
        }
    }
    CHECK(feed(&response, "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", 37, 99) == PLAB_OK);
    CHECK_U64(response.status, 500);
    plab_http_response_free(&response);
}

/* D2, whole and in any pieces */
TEST(daemon_http, hostile_responses) {
    static const char *const bad[] = {
        "",
        "SSH-2.0-x\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 0 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nHeader without end",
    };
    struct plab_http_response response;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t step = 1; step < 90; step++) {
            CHECK_MSG(feed(&response, bad[i], strlen(bad[i]), step) == PLAB_E_PROTOCOL, "%s by %zu",
                      bad[i], step);
            plab_http_response_free(&response);
        }
    }
}

/* D1: an endless body and endless headers must stop at their limits. */
TEST(daemon_http, limits) {
    static char block[65536];
    struct plab_http_response response = {0};
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    enum plab_status status = plab_http_response_feed(&response, head, sizeof head - 1, NULL);
    size_t fed = 0;
    memset(block, 'x', sizeof block);
    while (status == PLAB_OK && fed < 2 * PLAB_HTTP_BODY_MAX) {
        status = plab_http_response_feed(&response, block, sizeof block, NULL);
        fed += sizeof block;
    }
    CHECK(status == PLAB_E_PROTOCOL);
    CHECK(response.body_len <= PLAB_HTTP_BODY_MAX);
    plab_http_response_free(&response);
    CHECK(plab_http_response_feed(&response, block, sizeof block, NULL) == PLAB_E_PROTOCOL);
    plab_http_response_free(&response);
}
