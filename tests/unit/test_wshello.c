/* SPDX-License-Identifier: BSD-3-Clause */
/* The opening handshake of WebSocket: the RFC's example, a browser's request, what is refused. */
#include "net/wshello.h"

#include "net/httphead.h"
#include "tests/harness.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define HOST "Host: 127.0.0.1:3333\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define SEC "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
#define ORIGIN "Origin: http://127.0.0.1:8080\r\n"
#define REST UPGRADE SEC ORIGIN "\r\n"

static unsigned judge(const char *text) {
    struct plab_wshello hello = {.accept = ""};
    CHECK_U64(plab_http_head_length(text, strlen(text)), strlen(text));
    unsigned status = plab_wshello_judge(text, strlen(text), &hello);
    CHECK_STR(hello.accept, status == 0 ? ACCEPT : "");
    return status;
}

/* RFC 6455, section 1.3. */
TEST(wshello, example_of_the_rfc) {
    char key[PLAB_WS_KEY_LEN], accept[PLAB_WS_ACCEPT_LEN];
    plab_wshello_key((const uint8_t *)"the sample nonce", key);
    CHECK_STR(key, KEY);
    plab_wshello_accept(key, accept);
    CHECK_STR(accept, ACCEPT);
}

TEST(wshello, good_requests) {
    static const char *const good[] = {
        "GET / HTTP/1.1\r\n" HOST REST,
        "GET /proxy HTTP/1.1\r\n" HOST REST,
        "GET / HTTP/1.1\r\nHost: [::1]\r\nOrigin: https://[::1]:99\r\n" UPGRADE SEC "\r\n",
        "GET / HTTP/1.1\r\nhost:localhost\r\norigin:http://LOCALHOST\r\n"
        "upgrade: WebSocket\r\nconnection: keep-alive , UPGRADE\r\n" SEC "\r\n",
        /* Chromium 120, with an extension that it asks for */
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:3333\r\nConnection: Upgrade\r\nPragma: no-cache\r\n"
        "Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0\r\nUpgrade: websocket\r\n"
        "Origin: http://127.0.0.1:8000\r\nSec-WebSocket-Version: 13\r\n"
        "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n"
        "Sec-WebSocket-Key: " KEY "\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_MSG(judge(good[i]) == 0, "case %zu", i);
    }
}

TEST(wshello, W6_W7_refused_requests) {
    static const struct {
        unsigned status;
        const char *text;
    } cases[] = {
        {400, "GET / HTTP/1.1\r\n" REST},
        {421, "GET / HTTP/1.1\r\nHost: rebound.example\r\n" REST},
        {421, "GET / HTTP/1.1\r\nHost: 8.8.8.8\r\n" REST},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "\r\n"},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: null\r\n\r\n"},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: \r\n\r\n"},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: http://\r\n\r\n"},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: http://evil.example\r\n\r\n"},
        {403,
         "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: http://127.0.0.1.evil.example\r\n\r\n"},
        {403,
         "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: http://127.0.0.1@evil.example\r\n\r\n"},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: http://1.1.1.1\r\n\r\n"},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: file://localhost\r\n\r\n"},
        {403, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC "Origin: http://127.0.0.1/x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST UPGRADE SEC ORIGIN ORIGIN "\r\n"},
        {403, "GET /?pool=10.0.0.1:3333 HTTP/1.1\r\n" HOST REST},
        {403, "GET /proxy? HTTP/1.1\r\n" HOST REST},
        {404, "GET /else HTTP/1.1\r\n" HOST REST},
        {400, "GET http://127.0.0.1/ HTTP/1.1\r\n" HOST REST},
        {405, "POST / HTTP/1.1\r\n" HOST REST},
        {405, "HEAD / HTTP/1.1\r\n" HOST REST},
        {505, "GET / HTTP/1.0\r\n" HOST REST},
        {400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n" REST},
        {426, "GET / HTTP/1.1\r\n" HOST SEC ORIGIN "\r\n"},
        {426, "GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" SEC ORIGIN "\r\n"},
        {426, "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\n" SEC ORIGIN "\r\n"},
        {426,
         "GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" SEC ORIGIN "\r\n"},
        {426, "GET / HTTP/1.1\r\n" HOST UPGRADE "Sec-WebSocket-Version: 8\r\n"
              "Sec-WebSocket-Key: " KEY "\r\n" ORIGIN "\r\n"},
        {426, "GET / HTTP/1.1\r\n" HOST UPGRADE "Sec-WebSocket-Version: 13\r\n" SEC ORIGIN "\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST UPGRADE ORIGIN "Sec-WebSocket-Version: 13\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST UPGRADE ORIGIN SEC "Sec-WebSocket-Key: " KEY "\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST UPGRADE ORIGIN "Sec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST UPGRADE ORIGIN "Sec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n"}, /* a stray bit */
        {400, "GET / HTTP/1.1\r\n" HOST UPGRADE ORIGIN "Sec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbX-sZSBub25jZQ==\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned status = judge(cases[i].text);
        CHECK_MSG(status == cases[i].status, "case %zu: %u, not %u", i, status, cases[i].status);
    }
}

TEST(wshello, our_own_request_is_good) {
    char text[1024];
    size_t len = plab_wshello_ask(text, sizeof text, "127.0.0.1:3333", "http://127.0.0.1:3333",
                                  "powlab\r\nX: y", KEY);
    CHECK_STR(text, "GET / HTTP/1.1\r\nHost: 127.0.0.1:3333\r\nConnection: Upgrade\r\n"
                    "Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: powlab??X: y\r\n"
                    "Upgrade: websocket\r\nOrigin: http://127.0.0.1:3333\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n");
    CHECK_U64(len, strlen(text));
    CHECK_U64(judge(text), 0);
    CHECK_U64(plab_wshello_ask(text, 100, "127.0.0.1:3333", "http://127.0.0.1", "x", KEY), 0);
}

TEST(wshello, the_browser_tells_what_it_is) {
    static char text[1024];
    struct plab_wshello hello;
    snprintf(text, sizeof text,
             "GET / HTTP/1.1\r\n" HOST "User-Agent:  Mozilla/5.0 \xe9\t(x) \r\n" REST);
    CHECK_U64(plab_wshello_judge(text, strlen(text), &hello), 0);
    CHECK_STR(hello.agent, "Mozilla/5.0 ?\?(x)");
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "User-Agent: %0400d\r\n" REST, 7);
    CHECK_U64(plab_wshello_judge(text, strlen(text), &hello), 0);
    CHECK_U64(strlen(hello.agent), PLAB_WS_AGENT_LEN - 1);
}

TEST(wshello, refusals) {
    char text[256];
    CHECK(plab_wshello_refuse(text, sizeof text, 403) > 0);
    CHECK_STR(text, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(plab_wshello_refuse(text, sizeof text, 426) > 0);
    CHECK(strstr(text, "426 Upgrade Required\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\n") != NULL);
    CHECK_U64(plab_wshello_refuse(text, 20, 403), 0);
}

static enum plab_status check(const char *text) {
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_wshello_check(text, strlen(text), ACCEPT, &err);
    CHECK((status == PLAB_OK) == (err.text[0] == '\0'));
    return status;
}

TEST(wshello, answers) {
    static const char *const bad[] = {
        "HTTP/1.1 101 x\r\n" UPGRADE "\r\n",
        "HTTP/1.1 101 x\r\n" UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n",
        "HTTP/1.1 101 x\r\n" UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Accept: "
        "no\r\n\r\n",
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        "HTTP/1.1 101 x\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        "HTTP/1.1 101 x\r\n" UPGRADE "Sec-WebSocket-Accept: " ACCEPT
        "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "HTTP/1.1 101 x\r\n" UPGRADE "no colon\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        "HTTP/1.0 101 x\r\n" UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
        "SSH-2.0\r\n\r\n",
        "\r\n\r\n",
        "{\"id\":1}\n\n",
    };
    char text[256];
    CHECK(plab_wshello_agree(text, sizeof text, ACCEPT) > 0);
    CHECK(check(text) == PLAB_OK);
    CHECK(check("HTTP/1.1 101 Whatever\r\nconnection: foo, upgrade\r\nupgrade: WEBSOCKET\r\n"
                "sec-websocket-accept: " ACCEPT "\r\nServer: x\r\n\r\n") == PLAB_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(check(bad[i]) == PLAB_E_PROTOCOL, "case %zu", i);
    }
    CHECK(check("HTTP/1.1 403 Forbidden\r\n\r\n") == PLAB_E_NETWORK);
}
