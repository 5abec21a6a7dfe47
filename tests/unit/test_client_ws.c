/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's WebSocket before a pool that follows scripts: the handshake, frames whole and in
 * single bytes, the ways in which a server can be wrong, plain and within TLS. */
#include <stdio.h>
#include <stdlib.h>

#include "net/wshello.h"
#include "stratum/ws.h"
#include "tests/harness.h"
#include "tests/unit/client_bench.h"

#define AUTHED "{\"type\":\"authed\",\"params\":{\"token\":\"\",\"hashes\":0}}"
#define WORK "{\"type\":\"job\",\"params\":" JOB("j1") "}"

/* What the server does after the handshake, and instead of it. */
struct script {
    const char *name;
    const char *answer;  /* to the handshake; NULL: a good one */
    const char *frames;  /* after the client's auth; NULL: authed, a job */
    size_t len;          /* of them */
    bool drip;           /* byte by byte */
    const char *failure; /* part of the reason; NULL: the client goes online and stays */
};

/* The server's side of the latest connection. */
static struct {
    const struct fake_conn *conn;
    const struct script *script;
    char head[4096], said[20000];
    size_t head_len, said_len, pongs;
    unsigned closed; /* the client's code */
    bool open;
    struct plab_ws_reader reader;
    const char *verdict;             /* to a share */
    unsigned shares, answered, late; /* the first verdict waits until there are `late` shares */
} server;

static size_t put(char *out, unsigned first, const char *text, size_t len) {
    size_t used = plab_ws_frame((uint8_t *)out, 20000, PLAB_WS_TEXT, text, len, NULL);
    CHECK(used > 0);
    out[0] = (char)first;
    return used;
}

static void say_bytes(struct fake_conn *conn, const char *bytes, size_t len) {
    for (size_t at = 0; server.script->drip && at < len; at++) {
        fake_say_raw(conn, bytes + at, 1);
    }
    if (!server.script->drip) {
        fake_say_raw(conn, bytes, len);
    }
}

static void say_text(struct fake_conn *conn, const char *text) {
    say_bytes(conn, server.said, put(server.said, 0x81, text, strlen(text)));
}

static void answer_auth(struct fake_conn *conn) {
    if (server.script->frames != NULL) {
        say_bytes(conn, server.script->frames, server.script->len);
    } else {
        say_text(conn, AUTHED);
        say_text(conn, WORK);
    }
}

static bool on_frame(void *cookie, enum plab_ws_opcode what, const char *payload, size_t len) {
    struct fake_conn *conn = cookie;
    static const char auth[] = "{\"type\":\"auth\",\"params\":{\"site_key\":\"lab\",";
    static const char submit[] = "{\"type\":\"submit\",\"params\":{\"job_id\":\"j1\",\"nonce\":"
                                 "\"01000000\",\"result\":\"abab";
    if (what == PLAB_WS_CLOSE) {
        server.closed = server.reader.code;
        fake_hang_up(conn);
    } else if (what == PLAB_WS_PONG) {
        server.pongs++;
    } else if (len > sizeof auth && memcmp(payload, auth, sizeof auth - 1) == 0) {
        answer_auth(conn);
    } else {
        CHECK_MSG(len > sizeof submit && memcmp(payload, submit, sizeof submit - 1) == 0, "%.*s",
                  (int)len, payload);
        server.shares++;
        for (; server.shares >= server.late && server.answered < server.shares; server.answered++) {
            say_text(conn, server.verdict);
        }
    }
    return what != PLAB_WS_CLOSE;
}

static void shake_hands(struct fake_conn *conn, size_t len) {
    struct plab_wshello hello;
    char text[256];
    unsigned status = plab_wshello_judge(server.head, len, &hello);
    CHECK_MSG(status == 0, "%u: %.*s", status, (int)len, server.head);
    CHECK_STR(hello.agent, "test/1");
    server.open = server.script->answer == NULL;
    if (server.open) {
        plab_wshello_agree(text, sizeof text, hello.accept);
        say_bytes(conn, text, strlen(text));
    } else {
        say_bytes(conn, server.script->answer, strlen(server.script->answer));
    }
}

static void on_connect(struct fake_conn *conn) {
    const struct script *script = server.script;
    const char *verdict = server.verdict;
    const unsigned late = server.late;
    plab_ws_free(&server.reader);
    memset(&server, 0, sizeof server);
    server.conn = conn;
    server.script = script;
    server.verdict = verdict;
    server.late = late;
    server.reader.masked = true;
    server.reader.message_max = PLAB_STRATUM_LINE_MAX;
}

static void on_bytes(struct fake_conn *conn, const char *bytes, size_t len) {
    if (conn != server.conn) {
        return; /* the client left that one, which the next one's beginning overtook */
    }
    if (server.open) {
        struct plab_error err;
        CHECK_MSG(plab_ws_feed(&server.reader, bytes, len, on_frame, conn, &err) == PLAB_OK, "%s",
                  err.text);
        return;
    }
    CHECK(server.head_len + len <= sizeof server.head);
    memcpy(server.head + server.head_len, bytes, len);
    server.head_len += len;
    size_t whole = plab_wshello_length(server.head, server.head_len);
    if (whole > 0) {
        CHECK(whole == server.head_len); /* nothing is said before the answer */
        shake_hands(conn, whole);
    }
}

static void open_ws(struct bench *bench, const struct script *script, SSL_CTX *tls) {
    const struct plab_url *pools = NULL;
    struct plab_url url;
    struct plab_error err;
    open_bench(bench);
    if (script->failure != NULL && strstr(script->failure, "for 0.") != NULL) {
        bench->config.connect_timeout_ms = bench->config.reply_timeout_ms = 60;
    }
    memset(&server, 0, sizeof server);
    server.script = script;
    CHECK(plab_dialect_find("ws-coinhive", &bench->config.dialect, &err) == PLAB_OK);
    fake_pool_start(&bench->pool[0], &bench->loop, 0, only_login, NULL);
    bench->pool[0].on_bytes = on_bytes;
    bench->pool[0].on_connect = on_connect;
    bench->pool[0].tls = tls;
    url = url_of(&bench->pool[0]);
    url.websocket = true;
    url.tls = tls != NULL;
    pools = &url;
    CHECK_MSG(create_client(bench, pools, 1, &err) == PLAB_OK, "%s", err.text);
}

static void close_ws(struct bench *bench) {
    close_bench(bench);
    plab_ws_free(&server.reader);
}

#define FRAMES(bytes) (bytes), sizeof(bytes) - 1
#define REFUSED(name, answer, failure) \
    { (name), (answer), NULL, 0, false, (failure) }
#define SAYS(name, bytes, failure) \
    { (name), NULL, FRAMES(bytes), false, (failure) }

static const struct script scripts[] = {
    {"good", NULL, NULL, 0, false, NULL},
    {"good, in single bytes", NULL, NULL, 0, true, NULL},
    REFUSED("403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "handshake was refused: 403 Forbidden"),
    REFUSED("colour", "HTTP/1.1 500 \x1b[31m\r\n\r\n", "refused: 500 \\x1b[31m"),
    REFUSED("another key's answer",
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            "doesn't suit the request"),
    REFUSED("Stratum", "{\"id\":1,\"error\":\"?\"}\n\n", "is no HTTP"),
    REFUSED("silence", "", "no answer to the WebSocket handshake for 0.1 s"),
    REFUSED("half an answer", "HTTP/1.1 101 x\r\nUpgr",
            "no answer to the WebSocket handshake for 0.1 s"),
    SAYS("no login's answer", "", "no answer to a login for 0.1 s"),
    SAYS("half a frame", "\x81\x10{\"type\"", "for 0.1 s"),
    SAYS("no job", "\x81\x32" AUTHED, "no answer to a login for 0.1 s"),
    SAYS("masked", "\x81\x81....x", "a server's frame is masked"),
    SAYS("compressed", "\xc1\x01x", "reserved bits"),
    SAYS("binary", "\x82\x01x", "a binary message"),
    SAYS("not UTF-8", "\x81\x01\xff", "not UTF-8"),
    SAYS("longer than any line", "\x81\x7e\x40\x01", "a message is too long"),
    SAYS("2^63 bytes", "\x81\x7f\x80\0\0\0\0\0\0\0", "a message is too long"),
    SAYS("garbage", "\x81\x01x\x81\x01x\x81\x01x\x81\x01x\x81\x01x", "bad lines"),
    SAYS("closed", "\x88\x09\x03\xf0go away", "closed the WebSocket (1008: go away)"),
    SAYS("closed without words", "\x88\x00", "closed the WebSocket (1005)"),
    SAYS("refused", "\x81\x36{\"type\":\"error\",\"params\":{\"error\":\"invalid_site_key\"}}",
         "login refused: invalid_site_key"),
    SAYS("banned", "\x81\x2a{\"type\":\"banned\",\"params\":{\"banned\":true}}",
         "login refused: your IP is banned"),
};

static void run_script(const struct script *script, SSL_CTX *tls) {
    struct bench bench;
    open_ws(&bench, script, tls);
    if (script->failure == NULL) {
        run_until(&bench, is_online, 3000);
        run_for(&bench, 30);
        CHECK_MSG(bench.online == 1 && bench.offline == 0 && bench.jobs == 1, "%s: %s",
                  script->name, bench.state_text);
        CHECK_STR(bench.job_id, "j1");
    } else {
        bool waits = strstr(script->failure, "for 0.") != NULL;
        run_until(&bench, waits ? has_failed : has_failed_three_times, 5000);
        CHECK_MSG(bench.online == 0 && bench.jobs == 0, "%s", script->name);
        CHECK_MSG(strstr(bench.state_text, script->failure) != NULL, "%s: %s", script->name,
                  bench.state_text);
    }
    close_ws(&bench);
}

TEST(client_ws, scripts) {
    SSL_CTX *tls = tls_peer_context(tls_lab_server(), TLS1_2_VERSION, TLS1_3_VERSION);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(scripts); i++) {
        run_script(&scripts[i], NULL);
        run_script(&scripts[i], tls);
    }
    SSL_CTX_free(tls);
}

TEST(client_ws, breaches_in_single_bytes) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(scripts); i++) {
        struct script script = scripts[i];
        script.drip = true;
        run_script(&script, NULL);
    }
}

TEST(client_ws, an_answer_without_end) {
    static char answer[9000];
    const struct script script = {"endless", answer, NULL, 0, false, "has no end"};
    memset(answer, 'x', sizeof answer - 1);
    run_script(&script, NULL);
}

/* A job in pieces, a ping between them, and what may be ignored. */
TEST(client_ws, fragments_pings_and_notices) {
    static char frames[4000];
    struct script script = {"pieces", NULL, frames, 0, false, NULL};
    static const char verify[] = "{\"type\":\"verify\",\"params\":{\"verify_id\":\"x\"}}";
    size_t len = put(frames, 0x81, AUTHED, strlen(AUTHED));
    len += put(frames + len, 0x81, verify, sizeof verify - 1);
    len += put(frames + len, 0x01, WORK, 20);
    len += put(frames + len, 0x89, "a", 1);
    len += put(frames + len, 0x00, WORK + 20, 1);
    len += put(frames + len, 0x89, "b", 1);
    len += put(frames + len, 0x80, WORK + 21, sizeof WORK - 1 - 21);
    script.len = len;
    for (int drip = 0; drip < 2; drip++) {
        struct bench bench;
        script.drip = drip != 0;
        open_ws(&bench, &script, NULL);
        run_until(&bench, is_online, 3000);
        run_for(&bench, 20);
        CHECK_STR(bench.job_id, "j1");
        CHECK_U64(server.pongs, 2);
        CHECK(bench.offline == 0);
        plab_client_destroy(&bench.client);
        run_for(&bench, 20);
        CHECK_U64(server.closed, PLAB_WS_LEAVING); /* it says that it goes */
        close_ws(&bench);
    }
}

static bool was_closed(const struct bench *bench) {
    (void)bench;
    return server.closed != 0;
}

TEST(client_ws, W8_a_flood_of_pings) {
    static char frames[200];
    struct script script = {"flood", NULL, frames, sizeof frames, false, "floods us"};
    struct bench bench;
    for (size_t i = 0; i < sizeof frames; i += 2) {
        frames[i] = (char)0x89;
    }
    run_script(&script, NULL);
    open_ws(&bench, &script, NULL);
    run_until(&bench, was_closed, 3000);
    CHECK_U64(server.closed, PLAB_WS_POLICY);
    close_ws(&bench);
}

TEST(client_ws, a_breach_is_answered_with_its_code) {
    const struct script script = {"binary", NULL, "\x82\x01x", 3, false, "binary"};
    struct bench bench;
    open_ws(&bench, &script, NULL);
    run_until(&bench, was_closed, 3000);
    CHECK_U64(server.closed, PLAB_WS_NO_BINARY);
    close_ws(&bench);
}

TEST(client_ws, verdicts) {
    static const struct {
        const char *text;
        enum plab_client_verdict verdict;
        const char *reason;
        bool ends;
    } cases[] = {
        {"{\"type\":\"hash_accepted\",\"params\":{\"hashes\":256}}", PLAB_SHARE_ACCEPTED, "",
         false},
        {"{\"type\":\"error\",\"params\":{\"error\":\"Low difficulty share\"}}",
         PLAB_SHARE_REJECTED, "Low difficulty share", false},
        {"{\"type\":\"error\",\"params\":{\"error\":\"Block expired\"}}", PLAB_SHARE_STALE,
         "Block expired", false},
        {"{\"type\":\"banned\",\"params\":{\"banned\":1}}", PLAB_SHARE_REJECTED,
         "your IP is banned", true},
    };
    static const struct script script = {"good", NULL, NULL, 0, false, NULL};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct bench bench;
        open_ws(&bench, &script, NULL);
        server.verdict = cases[i].text;
        run_until(&bench, is_online, 3000);
        struct plab_client_share share = share_for(&bench, 77);
        CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
        run_until(&bench, has_verdict, 2000);
        CHECK_MSG(bench.verdicts[cases[i].verdict] == 1, "%s", cases[i].text);
        CHECK_STR(bench.reason, cases[i].reason);
        run_for(&bench, 20);
        CHECK((bench.offline > 0) == cases[i].ends);
        close_ws(&bench);
    }
}

static bool has_two_verdicts(const struct bench *bench) {
    return bench->verdicts[PLAB_SHARE_ACCEPTED] == 2;
}

/* A page doesn't wait for one share's verdict to send the next. */
TEST(client_ws, shares_go_out_when_they_are_found) {
    static const struct script script = {"good", NULL, NULL, 0, false, NULL};
    struct bench bench;
    open_ws(&bench, &script, NULL);
    server.verdict = "{\"type\":\"hash_accepted\",\"params\":{\"hashes\":256}}";
    server.late = 2;
    run_until(&bench, is_online, 3000);
    for (uint64_t tag = 0; tag < 2; tag++) {
        struct plab_client_share share = share_for(&bench, tag);
        CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    }
    run_until(&bench, has_two_verdicts, 2000);
    close_ws(&bench);
}

TEST(client_ws, the_dialect_and_the_scheme_belong_together) {
    struct plab_client_config config;
    struct plab_url url;
    struct plab_error err;
    plab_client_defaults(&config);
    config.pools = &url;
    config.pool_count = 1;
    CHECK(plab_url_parse("ws://127.0.0.1:80/", &url, &err) == PLAB_OK);
    CHECK(url.websocket && !url.tls && url.port == 80);
    CHECK(plab_client_check(&config, &err) == PLAB_E_USAGE);
    CHECK(strstr(err.text, "ws-coinhive") != NULL);
    CHECK(plab_dialect_find("ws-coinhive", &config.dialect, &err) == PLAB_OK);
    CHECK(plab_client_check(&config, &err) == PLAB_OK);
    CHECK(plab_url_parse("wss://[::1]:443", &url, &err) == PLAB_OK);
    CHECK(url.websocket && url.tls);
    CHECK(plab_client_check(&config, &err) == PLAB_OK);
    CHECK(plab_url_parse("127.0.0.1:3333", &url, &err) == PLAB_OK);
    CHECK(plab_client_check(&config, &err) == PLAB_E_USAGE);
    CHECK(strstr(err.text, "ws://127.0.0.1:3333") != NULL);
    CHECK(plab_url_parse("ws://8.8.8.8:80", &url, &err) == PLAB_OK);
    CHECK(plab_client_check(&config, &err) == PLAB_E_REFUSED);
    CHECK(plab_url_parse("ws://127.0.0.1/proxy", &url, &err) == PLAB_E_USAGE);
}
