/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pool's WebSocket: a browser miner's session, shares as real as all others, and everything
 * that a page may do wrong. W and a number: the case in the list of hostile input. Cases run plain
 * and within TLS, whole and byte by byte.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool_client/client.h"
#include "stratum/ws.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"
#include "tests/unit/tls_peer.h"
#include "tests/unit/ws_peer.h"

enum { PLAIN, SECURE }; /* listeners */

static struct pool_lab lab;
static struct lab_client a;
static SSL_CTX *context;
static char story[70000];

static void set_up(void) {
    signal(SIGPIPE, SIG_IGN);
    lab_init(&lab, &mini_cn);
    lab.config.listen[PLAIN] = "ws://127.0.0.1:0";
    lab.config.listen[SECURE] = "wss://127.0.0.1:0";
    lab.config.listen_count = 2;
    lab_make_tls_dir(&lab);
    context = tls_peer_context(NULL, TLS1_2_VERSION, TLS1_3_VERSION);
}

static void tear_down(void) {
    lab_stop(&lab);
    SSL_CTX_free(context);
}

static SSL_CTX *tls_at(size_t door) {
    return door == SECURE ? context : NULL;
}

/* ---- a session ---- */

static const char *submit(const struct plab_stratum_submit *share) {
    static char text[1000], out[4000];
    ws_submit_text(share, text, sizeof text);
    ws_send(&a, text);
    client_send_bytes(&a, out, ws_put(out, 0x89, "probe", 5));
    return ws_story(&a, out, sizeof out);
}

#define ERROR(text) "{\"type\":\"error\",\"params\":{\"error\":\"" text "\"}} "
#define PROBED "pong(probe) "

/* A share's verdict may come after the pong, since it is hashed elsewhere. */
static void check_accepted(const struct plab_stratum_submit *share, unsigned hashes) {
    char text[1000], want[200];
    size_t len = 0;
    ws_submit_text(share, text, sizeof text);
    ws_send(&a, text);
    CHECK(ws_next(&a, text, sizeof text, &len) == 1);
    snprintf(want, sizeof want, "{\"type\":\"hash_accepted\",\"params\":{\"hashes\":%u}}", hashes);
    CHECK_STR(text, want);
}

static void check_session(size_t listener, SSL_CTX *tls) {
    struct plab_stratum_submit share;
    uint32_t nonce;
    ws_login(&a, &lab, listener, tls, "LABKEY");
    CHECK_STR(a.job.algo, "mini-cn");
    client_mine(&a, &lab, 0, true, &share);
    check_accepted(&share, 4);
    CHECK_STR(submit(&share), ERROR("Duplicate share") PROBED);
    memcpy(&nonce, share.nonce, 4);
    client_mine(&a, &lab, nonce + 1, true, &share);
    check_accepted(&share, 8);
    client_mine(&a, &lab, 0, false, &share);
    CHECK_STR(submit(&share), ERROR("Low difficulty share") PROBED);
    memset(share.job_id, '9', 5);
    CHECK_STR(submit(&share), ERROR("Invalid job id") PROBED);
    client_close(&a);
}

TEST(pool_ws, a_browser_mines) {
    set_up();
    lab_start(&lab);
    check_session(PLAIN, NULL);
    check_session(SECURE, context);
    tear_down();
    CHECK_U64(lab.stats.protocol_errors, 0);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED], 4);
    CHECK(lab.stats.verified_hashes >= 4);
}

TEST(pool_ws, a_made_up_hash_is_found_out) {
    struct plab_stratum_submit share;
    char text[1000];
    size_t len = 0;
    set_up();
    lab_start(&lab);
    ws_login(&a, &lab, PLAIN, NULL, "LABKEY");
    client_mine(&a, &lab, 0, true, &share);
    memset(share.result, 0, sizeof share.result);
    ws_submit_text(&share, text, sizeof text);
    ws_send(&a, text);
    CHECK(ws_next(&a, text, sizeof text, &len) == 1);
    CHECK_STR(text, "{\"type\":\"error\",\"params\":{\"error\":\"Invalid share\"}}");
    client_close(&a);
    tear_down();
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_INVALID], 1);
}

/* A new block: the job is pushed; the old one is stale. */
TEST(pool_ws, jobs_are_pushed) {
    struct plab_stratum_submit share;
    char text[1000];
    size_t len = 0;
    set_up();
    lab.config.network_difficulty = 4; /* every share is a block */
    lab_start(&lab);
    ws_login(&a, &lab, PLAIN, NULL, "LABKEY");
    client_mine(&a, &lab, 0, true, &share);
    check_accepted(&share, 4);
    CHECK(ws_next(&a, text, sizeof text, &len) == 1);
    CHECK_MSG(strncmp(text, "{\"type\":\"job\",", 14) == 0, "%s", text);
    share.nonce[3] ^= 1;
    CHECK_STR(submit(&share), ERROR("Block expired") PROBED);
    client_close(&a);
    tear_down();
}

TEST(pool_ws, what_was_asked_before_the_close_is_answered) {
    struct plab_stratum_submit share;
    char text[2000];
    set_up();
    lab_start(&lab);
    ws_login(&a, &lab, PLAIN, NULL, "LABKEY");
    client_mine(&a, &lab, 0, true, &share);
    ws_submit_text(&share, text, sizeof text);
    ws_send(&a, text);
    client_send_bytes(&a, text, ws_put(text, 0x88, "\x03\xe9", 2));
    CHECK_STR(ws_story(&a, story, sizeof story),
              "{\"type\":\"hash_accepted\",\"params\":{\"hashes\":4}} close(1001)");
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    ws_login(&a, &lab, PLAIN, NULL, "LABKEY");
    plab_pool_stop(lab.pool);
    CHECK_STR(ws_story(&a, story, sizeof story), "close(1001)");
    client_close(&a);
    lab_wait(&lab);
    SSL_CTX_free(context);
}

/* ---- what a page may do wrong ---- */

#define AUTH "{\"type\":\"auth\",\"params\":{\"site_key\":\"K\",\"type\":\"anonymous\"}}"
#define AUTHED "{\"type\":\"authed\",\"params\":{\"token\":\"\",\"hashes\":0}} "
#define ZEROS "00000000000000000000000000000000"
#define SUBMIT                                                                             \
    "{\"type\":\"submit\",\"params\":{\"job_id\":\"1\",\"nonce\":\"00000000\",\"result\":" \
    "\"" ZEROS ZEROS "\"}}"

/* `text` is sent in a frame that begins with `first`, or, with `first` 0, as it is. A probe
 * follows. */
struct ws_case {
    const char *name;
    unsigned first;
    const char *text;
    size_t len;
    const char *story;
};
#define SAID(name, text, story) \
    { (name), 0x81, (text), sizeof(text) - 1, (story) }
#define FRAME(name, first, text, story) \
    { (name), (first), (text), sizeof(text) - 1, (story) }
#define BYTES(name, bytes, story) \
    { (name), 0, (bytes), sizeof(bytes) - 1, (story) }

/* Before the login. */
static const struct ws_case cases[] = {
    BYTES("W1 a frame of 16385 bytes", "\x81\xfe\x40\x01....", "close(1009)"),
    BYTES("W1 a frame of 2^63 bytes", "\x81\xff\x80\0\0\0\0\0\0\0....", "close(1009)"),
    BYTES("W1 a frame of 2^64 - 1 bytes", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff....",
          "close(1003)"),
    BYTES("W2 not masked", "\x81\x02{}", "close(1002)"),
    FRAME("W2 reserved bit 1", 0xC1, AUTH, "close(1002)"),
    FRAME("W2 reserved bit 2", 0xA1, AUTH, "close(1002)"),
    FRAME("W2 reserved bit 3", 0x91, AUTH, "close(1002)"),
    FRAME("W2 opcode 3", 0x83, AUTH, "close(1002)"),
    FRAME("W2 opcode 11", 0x8B, "", "close(1002)"),
    FRAME("W2 a binary message", 0x82, AUTH, "close(1003)"),
    FRAME("W2 continues nothing", 0x80, AUTH, "close(1002)"),
    FRAME("W2 a ping in pieces", 0x09, "x", "close(1002)"),
    SAID("W2 a text that is not UTF-8", "\xff\xfe", "close(1007)"),
    SAID("W2 half a character", "{\"type\":\"\xe2\x82", "close(1007)"),
    FRAME("W2 a close code that is none", 0x88, "\x03\xed", "close(1002)"),
    SAID("W3 no JSON", "hello", "close(1008)"),
    SAID("W3 nothing", "", "close(1008)"),
    SAID("W3 an array", "[]", "close(1008)"),
    SAID("W3 two objects", AUTH AUTH, "close(1008)"),
    SAID("W3 half an object", "{\"type\":\"auth\",", "close(1008)"),
    SAID("W3 a key twice", "{\"type\":\"auth\",\"type\":\"submit\"}", "close(1008)"),
    SAID("W3 deep", "{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", "close(1008)"),
    SAID("W4 no type", "{}", ERROR("type is missing, not a string") PROBED),
    SAID("W4 a number as type", "{\"type\":7}", ERROR("type is a number, not a string") PROBED),
    SAID("W4 an unknown type", "{\"type\":\"opt_in\"}", ERROR("Unknown message") PROBED),
    SAID("W4 no params", "{\"type\":\"auth\"}",
         ERROR("params is missing, not an object") "close(1000)"),
    SAID("W4 params of another type", "{\"type\":\"auth\",\"params\":[]}",
         ERROR("params is an array, not an object") "close(1000)"),
    SAID("W4 no site key", "{\"type\":\"auth\",\"params\":{}}",
         ERROR("invalid_site_key") "close(1000)"),
    SAID("W4 an empty site key", "{\"type\":\"auth\",\"params\":{\"site_key\":\"\"}}",
         ERROR("invalid_site_key") "close(1000)"),
    SAID("W4 a submit without params", "{\"type\":\"submit\"}", ERROR("Unauthenticated") PROBED),
    SAID("W5 a submit before the login", SUBMIT, ERROR("Unauthenticated") PROBED),
    SAID("W6 a pool of the page's choice",
         "{\"type\":\"auth\",\"params\":{\"site_key\":\"K\",\"pool\":\"10.0.0.1:3333\"}}",
         AUTHED PROBED),
    SAID("W9 verified, and nobody asked",
         "{\"type\":\"verified\",\"params\":{\"verify_id\":\"x\",\"verified\":true}}", PROBED),
    FRAME("a good close", 0x88, "\x03\xe8", "close(1000)"),
    FRAME("a close without a code", 0x88, "", "close(1000)"),
    FRAME("a close of the application's own", 0x88, "\x0f\xa0reason", "close(4000)"),
    FRAME("a ping", 0x89, "x", "pong(x) " PROBED),
    FRAME("a pong that nobody asked for", 0x8A, "x", PROBED),
};

/* After it. */
static const struct ws_case later[] = {
    SAID("W3 no JSON", "hello", "close(1008)"),
    SAID("W4 a submit without params", "{\"type\":\"submit\"}",
         ERROR("params is missing, not an object") PROBED),
    SAID("W4 a submit with half of its params",
         "{\"type\":\"submit\",\"params\":{\"job_id\":\"1\"}}",
         ERROR("nonce is missing, not 8 hex digits") PROBED),
    SAID("W5 a second login", AUTH, ERROR("Already logged in") PROBED),
    SAID("W5 a job that never was", SUBMIT, ERROR("Invalid job id") PROBED),
    SAID("W9 verified, and nobody asked", "{\"type\":\"verified\",\"params\":{}}", PROBED),
};

static void send_in_pieces(const char *bytes, size_t len, size_t piece) {
    for (size_t at = 0; at < len; at += piece) {
        client_send_bytes(&a, bytes + at, len - at < piece ? len - at : piece);
    }
}

static void run_case(const struct ws_case *at, bool logged_in, size_t listener, size_t piece) {
    static char bytes[4000];
    SSL_CTX *tls = listener == SECURE ? context : NULL;
    if (logged_in) {
        ws_login(&a, &lab, listener, tls, "LABKEY");
    } else {
        client_open_at(&a, &lab, listener, tls);
        CHECK_U64(ws_shake_hands(&a, WS_GOOD_HEAD), 101);
    }
    size_t len = at->len;
    if (at->first != 0) {
        len = ws_put(bytes, at->first, at->text, at->len);
    } else {
        memcpy(bytes, at->text, len);
    }
    len += ws_put(bytes + len, 0x89, "probe", 5);
    send_in_pieces(bytes, len, piece);
    ws_story(&a, story, sizeof story);
    CHECK_MSG(strcmp(story, at->story) == 0, "%s, %s, pieces of %zu: %s", at->name,
              listener == SECURE ? "TLS" : "plain", piece, story);
    client_close(&a);
}

static void run_cases(const struct ws_case *list, size_t count, bool logged_in) {
    set_up();
    lab_start(&lab);
    for (size_t i = 0; i < count; i++) {
        for (size_t listener = PLAIN; listener <= SECURE; listener++) {
            run_case(&list[i], logged_in, listener, SIZE_MAX);
            run_case(&list[i], logged_in, listener, 1);
        }
    }
    check_session(PLAIN, NULL); /* the pool is well */
    tear_down();
}

TEST(pool_ws, W1_to_W9_before_the_login) {
    run_cases(cases, sizeof cases / sizeof *cases, false);
}

TEST(pool_ws, W3_to_W9_after_the_login) {
    run_cases(later, sizeof later / sizeof *later, true);
}

/* Sends frames until the pool has enough; each is `first` with `len` bytes. */
static void flood(unsigned begin, unsigned first, size_t len, unsigned count) {
    static char payload[2000], frame[2100];
    memset(payload, ' ', sizeof payload);
    client_send_bytes(&a, frame, ws_put(frame, begin, payload, len));
    for (unsigned i = 1; i < count; i++) {
        client_send_bytes(&a, frame, ws_put(frame, first, payload, len));
    }
}

TEST(pool_ws, W1_a_message_in_pieces_for_ever) {
    set_up();
    lab_start(&lab);
    for (size_t len = 0; len <= 1000; len += 1000) {
        client_open_at(&a, &lab, PLAIN, NULL);
        CHECK_U64(ws_shake_hands(&a, WS_GOOD_HEAD), 101);
        flood(0x01, 0x00, len, 1000);
        CHECK_STR(ws_story(&a, story, sizeof story), "close(1009)");
        client_close(&a);
    }
    /* In as many pieces as it may have, it is one. */
    client_open_at(&a, &lab, PLAIN, NULL);
    CHECK_U64(ws_shake_hands(&a, WS_GOOD_HEAD), 101);
    flood(0x01, 0x00, 100, PLAB_WS_FRAMES_MAX - 1);
    client_send_bytes(&a, story, ws_put(story, 0x80, AUTH, strlen(AUTH)));
    client_send_bytes(&a, story, ws_put(story, 0x89, "probe", 5));
    CHECK_STR(ws_story(&a, story, sizeof story), AUTHED PROBED);
    client_close(&a);
    tear_down();
}

/* ---- W5: banned ---- */

static void check_ban(size_t door) {
    set_up();
    lab.config.ban_loopback = true;
    lab.config.bad_shares_max = 2;
    lab_start(&lab);
    for (int round = 0; round < 2; round++) {
        ws_login(&a, &lab, door, tls_at(door), "LABKEY");
        for (int i = 0; i < 6; i++) { /* three too many: not even answered */
            ws_send(&a, SUBMIT);
        }
        CHECK_STR(ws_story(&a, story, sizeof story),
                  round == 0
                      ? ERROR("Invalid job id") ERROR("Invalid job id")
                            ERROR("Invalid job id") "close(1000)"
                      : ERROR("Invalid job id") ERROR("Invalid job id") ERROR(
                            "Invalid job id") "{\"type\":\"banned\",\"params\":{\"banned\":true}} "
                                              "close(1000)");
        CHECK(client_is_hung_up(&a));
        client_close(&a);
    }
    client_open_at(&a, &lab, door, tls_at(door));
    CHECK_U64(ws_shake_hands(&a, WS_GOOD_HEAD), 0);
    client_close(&a);
    tear_down();
    CHECK_U64(lab.stats.bans, 1);
    CHECK(lab.stats.refused_connections >= 1);
}

TEST(pool_ws, W5_a_ban_is_told_and_kept) {
    check_ban(PLAIN);
    check_ban(SECURE);
}

/* ---- W6, W7: who may come ---- */

#define REST(host, origin)                                                   \
    "Host: " host "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" origin \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n\r\n"

static const struct {
    const char *name, *request;
    unsigned status;
} doors[] = {
    {"good", "GET / HTTP/1.1\r\n" REST("127.0.0.1", "Origin: http://[::1]:80\r\n"), 101},
    {"deepMiner's path", "GET /proxy HTTP/1.1\r\n" REST("localhost", "Origin: http://10.0.0.1\r\n"),
     101},
    {"W6 a pool in the query",
     "GET /proxy?pool=10.0.0.1:3333 HTTP/1.1\r\n" REST("127.0.0.1", "Origin: http://localhost\r\n"),
     403},
    {"W7 no Origin", "GET / HTTP/1.1\r\n" REST("127.0.0.1", ""), 403},
    {"W7 a foreign page", "GET / HTTP/1.1\r\n" REST("127.0.0.1", "Origin: https://evil.test\r\n"),
     403},
    {"W7 a page of nobody", "GET / HTTP/1.1\r\n" REST("127.0.0.1", "Origin: null\r\n"), 403},
    {"W7 a rebound name", "GET / HTTP/1.1\r\n" REST("evil.test", "Origin: http://localhost\r\n"),
     421},
    {"W7 a foreign address", "GET / HTTP/1.1\r\n" REST("1.1.1.1", "Origin: http://localhost\r\n"),
     421},
    {"a page is wanted", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 426},
    {"another path", "GET /x HTTP/1.1\r\n" REST("127.0.0.1", "Origin: http://localhost\r\n"), 404},
    {"lines of Stratum", "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n", 0},
    {"a TLS hello, or what looks like one", "\x16\x03\x01", 0},
};

TEST(pool_ws, W6_W7_the_door) {
    size_t count = sizeof doors / sizeof *doors, open = 0;
    set_up();
    lab_start(&lab);
    for (size_t i = 0; i < 4 * count; i++) {
        size_t listener = i & 1, piece = i & 2 ? 1 : SIZE_MAX, at = i / 4;
        if (doors[at].status == 0 && piece == 1) {
            continue; /* hung up on before all is sent */
        }
        client_open_at(&a, &lab, listener, tls_at(listener));
        size_t most = strlen(doors[at].request) - 1;
        if (piece == 1) {
            send_in_pieces(doors[at].request, most, 1);
        }
        unsigned status = ws_shake_hands(&a, doors[at].request + (piece == 1 ? most : 0));
        CHECK_MSG(status == doors[at].status, "%s: %u", doors[at].name, status);
        CHECK(status == 101 || client_is_hung_up(&a));
        open += status == 101;
        client_close(&a);
    }
    check_session(PLAIN, NULL);
    tear_down();
    CHECK_U64(open, 8);
    CHECK_U64(lab.stats.protocol_errors, 4 * count - open - 4);
}

TEST(pool_ws, heads_have_a_limit) {
    static char line[9000];
    set_up();
    lab_start(&lab);
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "GET /", 5);
    client_open_at(&a, &lab, PLAIN, NULL);
    CHECK_U64(ws_shake_hands(&a, line), 431);
    client_close(&a);
    tear_down();
}

/* ---- W10: what comes from the pool behind the pool ---- */

/* A message with a job whose blob is all `byte`; returns its length. */
static size_t put_job(char *out, size_t cap, const char *begin, const char *byte, const char *end) {
    size_t len = (size_t)snprintf(out, cap, "%s{\"blob\":\"", begin);
    for (int i = 0; i < PLAB_STRATUM_BLOB_MIN; i++) {
        len += (size_t)snprintf(out + len, cap - len, "%s", byte);
    }
    return len + (size_t)snprintf(out + len, cap - len,
                                  "\",\"job_id\":\"%s\",\"target\":\"ffffff00\","
                                  "\"algo\":\"mini-cn\"}%s\n",
                                  byte, end);
}

/* Two answers in one segment, then one in single bytes; ends with its client. */
static void *play_upstream(void *cookie) {
    static const char notice[] = "{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":";
    static const char welcome[] = "{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":"
                                  "{\"id\":\"s1\",\"status\":\"OK\",\"job\":";
    char line[4096];
    int fd = accept(*(int *)cookie, NULL, NULL), one = 1;
    CHECK(fd >= 0 && recv(fd, line, sizeof line, 0) > 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    size_t len = put_job(line, sizeof line, welcome, "11", "}}");
    len += put_job(line + len, sizeof line - len, notice, "22", "}");
    CHECK(send(fd, line, len, MSG_NOSIGNAL) == (ssize_t)len);
    len = put_job(line, sizeof line, notice, "33", "}");
    for (size_t at = 0; at < len; at++) {
        CHECK(send(fd, line + at, 1, MSG_NOSIGNAL) == 1);
    }
    while (recv(fd, line, sizeof line, 0) > 0) {
    }
    close(fd);
    return NULL;
}

static void check_pool_behind(size_t door) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    struct plab_client_config upstream;
    struct plab_url url = {.host = "127.0.0.1"};
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rounds = 0;
    CHECK(bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&addr, &len) == 0);
    url.port = ntohs(addr.sin_port);
    plab_client_defaults(&upstream);
    upstream.pools = &url;
    upstream.pool_count = 1;
    strcpy(upstream.login.login, "farm");
    CHECK(pthread_create(&thread, NULL, play_upstream, &fd) == 0);
    set_up();
    lab.config.upstream = &upstream;
    lab_start(&lab);
    ws_login(&a, &lab, door, tls_at(door), "LABKEY");
    while (a.job.blob[0] != 0x33 && rounds++ < 100000) {
        char probe[20];
        client_send_bytes(&a, probe, ws_put(probe, 0x89, "probe", 5));
        CHECK_STR(ws_story(&a, story, sizeof story), PROBED);
    }
    CHECK(a.job.blob[0] == 0x33 && a.job.blob_len == 76);
    client_close(&a);
    tear_down();
    pthread_join(thread, NULL);
    close(fd);
}

TEST(pool_ws, W10_answers_of_a_pool_behind_it_in_any_pieces) {
    check_pool_behind(PLAIN);
    check_pool_behind(SECURE);
}

/* ---- W8: pings ---- */

static void check_flood(size_t door) {
    set_up();
    lab_start(&lab);
    ws_login(&a, &lab, door, tls_at(door), "LABKEY");
    flood(0x89, 0x89, 1, 2000);
    ws_story(&a, story, sizeof story);
    size_t len = strlen(story);
    CHECK_MSG(len > 11 && strcmp(story + len - 11, "close(1008)") == 0, "%s", story);
    client_close(&a);
    tear_down();
    CHECK_U64(lab.stats.protocol_errors, 1);
}

TEST(pool_ws, W8_a_flood_of_pings) {
    check_flood(PLAIN);
    check_flood(SECURE);
}

static void check_unanswered_ping(size_t door) {
    char payload[200];
    size_t len = 0;
    set_up();
    lab.config.ws_ping_ms = 50;
    lab_start(&lab);
    ws_login(&a, &lab, door, tls_at(door), "LABKEY");
    for (int i = 0; i < 2; i++) {
        CHECK(ws_next(&a, payload, sizeof payload, &len) == 9);
        client_send_bytes(&a, payload, ws_put(payload, 0x8A, "", 0));
    }
    CHECK(ws_next(&a, payload, sizeof payload, &len) == 9);
    CHECK_STR(ws_story(&a, story, sizeof story), "close(1008)");
    client_close(&a);
    tear_down();
    CHECK_U64(lab.stats.protocol_errors, 0);
}

TEST(pool_ws, W8_no_answer_to_a_ping) {
    check_unanswered_ping(PLAIN);
    check_unanswered_ping(SECURE);
}

static void check_silence(size_t door) {
    set_up();
    lab.config.login_deadline_ms = 200;
    lab_start(&lab);
    client_open_at(&a, &lab, door, tls_at(door));
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    client_open_at(&a, &lab, door, tls_at(door));
    CHECK_U64(ws_shake_hands(&a, WS_GOOD_HEAD), 101);
    CHECK_STR(ws_story(&a, story, sizeof story), "close(1008)");
    client_close(&a);
    tear_down();
}

TEST(pool_ws, W8_silence_before_the_login) {
    check_silence(PLAIN);
    check_silence(SECURE);
}
