/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP server, with real sockets on 127.0.0.1: replies, streams, limits, and its end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "base/attr.h"
#include "net/httpd.h"
#include "tests/harness.h"

#define HOST "Host: localhost\r\n"
#define BIG (3u * 1024 * 1024)

static struct {
    uv_loop_t loop;
    uv_async_t stop, tell;
    struct plab_httpd *httpd;
    pthread_t thread;
    struct plab_httpd_stats stats;
} server;

static void handle(void *cookie, const struct plab_http_head *request,
                   struct plab_httpd_reply *reply) {
    (void)cookie;
    reply->status = 200;
    reply->type = "text/plain";
    if (request->method == PLAB_HTTP_OTHER) {
        *reply = (struct plab_httpd_reply){.status = 405, .fields = "Allow: GET\r\n"};
    } else if (plab_http_text_is(request->path, "/big")) {
        reply->body = reply->owned = calloc(1, BIG);
        reply->body_len = BIG;
    } else if (plab_http_text_is(request->path, "/events")) {
        reply->type = "text/event-stream";
        reply->events = true;
        reply->body = "data: first\n\n";
        reply->body_len = strlen(reply->body);
    } else if (plab_http_text_is(request->path, "/secret") &&
               !plab_http_bearer_is(request->authorization, "s3cret")) {
        *reply = (struct plab_httpd_reply){.status = request->authorization.at != NULL ? 403 : 401};
    } else if (plab_http_text_is(request->path, "/") ||
               plab_http_text_is(request->path, "/secret")) {
        reply->body = "hello";
        reply->body_len = 5;
    } else {
        *reply = (struct plab_httpd_reply){.status = 404};
    }
}

static void on_stop(uv_async_t *async) {
    (void)async;
    plab_httpd_stats(server.httpd, &server.stats);
    plab_httpd_close(server.httpd);
    uv_close((uv_handle_t *)&server.stop, NULL);
    uv_close((uv_handle_t *)&server.tell, NULL);
}

static void on_tell(uv_async_t *async) {
    static char text[100000];
    (void)async;
    memset(text, 'x', sizeof text);
    plab_httpd_publish(server.httpd, text, sizeof text);
}

static void *run(void *cookie) {
    (void)cookie;
    uv_run(&server.loop, UV_RUN_DEFAULT);
    return NULL;
}

static void set_up(struct plab_httpd_config *config) {
    static struct sockaddr_in addr;
    addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    plab_httpd_defaults(config);
    config->loop = &server.loop;
    config->addr = (const struct sockaddr *)&addr;
    config->handler = handle;
}

static void start(const struct plab_httpd_config *config) {
    struct plab_error err = {.text = ""};
    CHECK(uv_loop_init(&server.loop) == 0);
    uv_async_init(&server.loop, &server.stop, on_stop);
    uv_async_init(&server.loop, &server.tell, on_tell);
    CHECK_MSG(plab_httpd_open(&server.httpd, config, &err) == PLAB_OK, "%s", err.text);
    CHECK(pthread_create(&server.thread, NULL, run, NULL) == 0);
}

static void stop(void) {
    uv_async_send(&server.stop);
    pthread_join(server.thread, NULL);
    plab_httpd_free(&server.httpd);
    CHECK(uv_loop_close(&server.loop) == 0); /* nothing is left on it */
}

static int dial(void) {
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(plab_httpd_port(server.httpd)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

static void say(int fd, const char *text, size_t len) {
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        text += sent;
        len -= (size_t)sent;
    }
}

/* Reads to the end; returns the number of bytes, the first of them in `out`. */
static size_t hear(int fd, char *out, size_t cap) {
    static char rest[65536];
    size_t len = 0;
    for (;;) {
        size_t room = len < cap - 1 ? cap - 1 - len : 0;
        ssize_t got = room > 0 ? recv(fd, out + len, room, 0) : recv(fd, rest, sizeof rest, 0);
        if (got <= 0) {
            CHECK(got == 0); /* neither reset nor silence */
            close(fd);
            out[len < cap ? len : cap - 1] = '\0';
            return len;
        }
        len += (size_t)got;
    }
}

static const char *ask(const char *request, size_t len) {
    static char reply[4096];
    int fd = dial();
    say(fd, request, len);
    hear(fd, reply, sizeof reply);
    return reply;
}

static unsigned status_of(const char *reply) {
    return strncmp(reply, "HTTP/1.1 ", 9) == 0 ? (unsigned)atoi(reply + 9) : 0;
}

static unsigned ask_text(const char *request) {
    return status_of(ask(request, strlen(request)));
}

TEST(httpd, replies) {
    struct plab_httpd_config config;
    static char out[4096];
    set_up(&config);
    start(&config);
    const char *reply = ask("GET / HTTP/1.1\r\n" HOST "\r\n", 36);
    CHECK_U64(status_of(reply), 200);
    CHECK(strstr(reply, "\r\nContent-Length: 5\r\n") != NULL);
    CHECK(strstr(reply, "\r\nContent-Security-Policy: default-src 'none';") != NULL);
    CHECK(strstr(reply, "\r\nX-Content-Type-Options: nosniff\r\n") != NULL);
    CHECK(strstr(reply, "Access-Control") == NULL);
    CHECK_STR(strstr(reply, "\r\n\r\n"), "\r\n\r\nhello");
    reply = ask("HEAD / HTTP/1.0\r\n" HOST "\r\n", 37);
    CHECK(strstr(reply, "\r\nContent-Length: 5\r\n") != NULL);
    CHECK_STR(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    reply = ask("GET /no HTTP/1.1\r\n" HOST "\r\n", 38);
    CHECK_U64(status_of(reply), 404);
    CHECK_STR(strstr(reply, "\r\n\r\n"), "\r\n\r\n{\"status\":404,\"error\":\"NOT_FOUND\"}\n");
    int fd = dial();
    say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n", 39);
    CHECK(hear(fd, out, sizeof out) > BIG);
    CHECK_U64(status_of(out), 200);
    stop();
    CHECK_U64(server.stats.requests, 4);
    CHECK_U64(server.stats.refused, 0);
}

TEST(httpd, a_head_byte_by_byte) {
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    struct plab_httpd_config config;
    static char out[4096];
    set_up(&config);
    start(&config);
    int fd = dial();
    for (size_t i = 0; i < sizeof request - 1; i++) {
        say(fd, request + i, 1);
    }
    hear(fd, out, sizeof out);
    CHECK_U64(status_of(out), 200);
    stop();
}

/* ---- hostile requests: H and a number, the case in tests/badinput.md ---- */

#define LONG16 "aaaaaaaaaaaaaaaa"
#define LONG256                                                                                \
    LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 \
        LONG16 LONG16 LONG16
#define GET(path, fields) "GET " path " HTTP/1.1\r\n" HOST fields "\r\n"
#define POST(fields, body) "POST / HTTP/1.1\r\n" HOST fields "\r\n" body
#define DO(method) method " / HTTP/1.1\r\n" HOST "\r\n"

static const struct {
    const char *what;
    unsigned status;
    const char *text;
} hostile[] = {
    {"H1 the token", 200, GET("/secret", "Authorization: Bearer s3cret\r\n")},
    {"H1 no token", 401, GET("/secret", "")},
    {"H1 an empty one", 403, GET("/secret", "Authorization: Bearer \r\n")},
    {"H1 a shorter one", 403, GET("/secret", "Authorization: Bearer s3cre\r\n")},
    {"H1 a long one", 403, GET("/secret", "Authorization: Bearer " LONG256 LONG256 "\r\n")},
    {"H1 another scheme", 403, GET("/secret", "Authorization: Basic s3cret\r\n")},
    {"H1 two", 400, GET("/secret", "Authorization: Bearer s3cret\r\nAuthorization: x\r\n")},
    {"H2 another host", 421, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"},
    {"H2 a host that begins well", 421, "GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n"},
    {"H2 no host", 400, "GET / HTTP/1.1\r\n\r\n"},
    {"H2 a page's question", 200, GET("/", "Origin: https://evil.example\r\n")},
    {"H2 a page's question before", 200,
     "OPTIONS / HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n"
     "Access-Control-Request-Method: PUT\r\n\r\n"},
    {"H2 a page's order", 405,
     "PUT / HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\nContent-Length: 2\r\n\r\n{}"},
    {"H4 length -1", 400, POST("Content-Length: -1\r\n", "")},
    {"H4 a huge length", 413, POST("Content-Length: 99999999999\r\n", "x")},
    {"H4 a length beyond numbers", 400, POST("Content-Length: 99999999999999999999999\r\n", "x")},
    {"H4 two lengths", 400, POST("Content-Length: 1\r\nContent-Length: 2\r\n", "xx")},
    {"H4 length and chunks", 400,
     POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
    {"H4 chunks", 411, POST("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")},
    {"H5 a body that isn't JSON", 405, POST("Content-Length: 5\r\n", "hello")},
    {"H5 a body of brackets", 405, POST("Content-Length: 16\r\n", "[[[[[[[[[[[[[[[[")},
    {"H5 a body where none belongs", 400, GET("/", "Content-Length: 2\r\n") "[]"},
    {"H6 up", 404, GET("/../etc/passwd", "")},
    {"H6 up in other words", 404, GET("/..%2f..%2fetc/passwd", "")},
    {"H6 NUL", 404, GET("/%00", "")},
    {"H6 two slashes", 404, GET("//", "")},
    {"H6 another server's address", 400, GET("http://127.0.0.1/", "")},
    {"H6 TRACE", 405, DO("TRACE")},
    {"H6 DELETE", 405, DO("DELETE")},
    {"H6 CONNECT", 400, "CONNECT 127.0.0.1:22 HTTP/1.1\r\n" HOST "\r\n"},
};

TEST(httpd, hostile_requests) {
    static char out[4096];
    struct plab_httpd_config config;
    set_up(&config);
    start(&config);
    for (size_t i = 0; i < 2 * PLAB_ARRAY_LEN(hostile); i++) {
        size_t row = i / 2, len = strlen(hostile[row].text), step = i % 2 == 0 ? len : 1;
        int fd = dial();
        for (size_t at = 0; at < len; at += step) {
            say(fd, hostile[row].text + at, step);
        }
        hear(fd, out, sizeof out);
        CHECK_MSG(status_of(out) == hostile[row].status, "%s: %.40s", hostile[row].what, out);
        CHECK_MSG(strstr(out, "Access-Control") == NULL, "%s: %s", hostile[row].what, out);
    }
    stop();
}

/* H3, H5. The refusal arrives although the peer is still sending. */
TEST(httpd, oversized_requests) {
    struct plab_httpd_config config;
    static char big[1200000];
    set_up(&config);
    start(&config);
    memset(big, 'a', sizeof big);
    memcpy(big, "GET /", 5);
    CHECK_U64(status_of(ask(big, 1000000)), 414);
    size_t len = (size_t)snprintf(big, sizeof big, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 100000; i++) {
        len += (size_t)snprintf(big + len, sizeof big - len, "A: %d\r\n", i % 10);
    }
    CHECK_U64(status_of(ask(big, len)), 431);
    len = (size_t)snprintf(big, sizeof big,
                           "POST / HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n");
    memset(big + len, '[', 65536);
    CHECK_U64(status_of(ask(big, len + 65536)), 405);
    CHECK_U64(ask_text("POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999\r\n\r\nabc"), 413);
    CHECK_U64(ask_text("POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"), 400);
    CHECK_U64(ask_text("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 421);
    stop();
    CHECK_U64(server.stats.refused, 5);
}

/* Is a request answered within that many tries, a millisecond apart? */
static bool room_again(int tries) {
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    for (int i = 0; i < tries; i++) {
        char reply[16] = "";
        int fd = dial();
        say(fd, request, sizeof request - 1);
        ssize_t len = recv(fd, reply, sizeof reply - 1, MSG_WAITALL);
        close(fd);
        if (len > 0 && status_of(reply) == 200) {
            return true;
        }
        usleep(1000);
    }
    return false;
}

/* H3, H7 */
TEST(httpd, slow_heads_and_too_many_connections) {
    struct plab_httpd_config config;
    static char out[4096];
    int waiting[3];
    set_up(&config);
    config.connections_max = 3;
    config.head_deadline_ms = 1000; /* the server must have read the beginning by then */
    start(&config);
    for (int i = 0; i < 3; i++) {
        waiting[i] = dial();
        say(waiting[i], "GET / HTT", 9);
    }
    int fd = dial();
    hear(fd, out, sizeof out);
    CHECK_U64(status_of(out), 503);
    for (int i = 0; i < 3; i++) {
        hear(waiting[i], out, sizeof out);
        CHECK_U64(status_of(out), 408);
    }
    CHECK(room_again(5000)); /* once it has noticed that we hung up, too */
    stop();
    CHECK(server.stats.turned_away >= 1);
}

/* Reads until the text has come; returns how many bytes that took. */
static size_t hear_until(int fd, const char *text) {
    static char buffer[400000];
    size_t len = 0;
    while (len < sizeof buffer - 1) {
        ssize_t got = recv(fd, buffer + len, sizeof buffer - 1 - len, 0);
        CHECK(got > 0);
        len += (size_t)got;
        buffer[len] = '\0';
        if (strstr(buffer, text) != NULL) {
            return len;
        }
    }
    CHECK_MSG(false, "%s did not come", text);
    return 0;
}

TEST(httpd, streams) {
    static const char request[] = "GET /events HTTP/1.1\r\n" HOST "\r\n";
    struct plab_httpd_config config;
    static char out[4096];
    set_up(&config);
    config.streams_max = 2;
    start(&config);
    int a = dial(), b = dial();
    say(a, request, sizeof request - 1);
    say(b, request, sizeof request - 1);
    hear_until(a, "\r\n\r\ndata: first\n\n");
    hear_until(b, "\r\n\r\ndata: first\n\n");
    CHECK_U64(ask_text(request), 503);
    uv_async_send(&server.tell);
    CHECK(hear_until(a, "x\n\n") >= 100000);
    CHECK(hear_until(b, "x\n\n") >= 100000);
    say(b, "junk that nobody asked for", 26);
    CHECK_U64(hear(b, out, sizeof out), 0); /* hung up on; that made room */
    int c = dial();
    say(c, request, sizeof request - 1);
    hear_until(c, "\r\n\r\ndata: first\n\n");
    close(c);
    for (int i = 0; i < 3; i++) {
        uv_async_send(&server.tell);
        hear_until(a, "x\n\n");
    }
    stop(); /* with a stream open */
    CHECK_U64(hear(a, out, sizeof out), 0);
}

/* Somebody who never reads gets the newest event only, and costs one event's memory. */
TEST(httpd, a_stream_that_nobody_reads) {
    static const char request[] = "GET /events HTTP/1.1\r\n" HOST "\r\n";
    struct plab_httpd_config config;
    set_up(&config);
    config.reply_deadline_ms = 1;
    start(&config);
    int a = dial(), b = dial();
    say(a, request, sizeof request - 1);
    say(b, request, sizeof request - 1);
    hear_until(a, "\r\n\r\ndata: first\n\n");
    hear_until(b, "\r\n\r\ndata: first\n\n");
    for (int i = 0; i < 300; i++) { /* 30 MB: more than the kernel keeps */
        uv_async_send(&server.tell);
        if (hear_until(b, "x\n\n") == 0) {
            break;
        }
    }
    close(a);
    close(b);
    stop();
}

TEST(httpd, starts_and_stops) {
    struct plab_httpd_config config;
    for (int i = 0; i < 3; i++) {
        set_up(&config);
        start(&config);
        int fd = i == 1 ? dial() : -1;
        if (fd >= 0) {
            say(fd, "GET", 3);
        }
        stop();
        if (fd >= 0) {
            close(fd);
        }
    }
}

TEST(httpd, refuses_what_it_cannot_serve) {
    struct plab_httpd_config config;
    struct plab_error err;
    set_up(&config);
    start(&config);
    struct sockaddr_in taken = {.sin_family = AF_INET,
                                .sin_port = htons(plab_httpd_port(server.httpd)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in any = {.sin_family = AF_INET};
    uv_loop_t loop;
    struct plab_httpd *other;
    CHECK(uv_loop_init(&loop) == 0);
    config.loop = &loop;
    config.addr = (const struct sockaddr *)&taken;
    CHECK(plab_httpd_open(&other, &config, &err) == PLAB_E_RESOURCE && other == NULL);
    config.addr = (const struct sockaddr *)&any;
    CHECK(plab_httpd_open(&other, &config, &err) == PLAB_E_REFUSED && other == NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    stop();
}
