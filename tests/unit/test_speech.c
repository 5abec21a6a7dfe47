/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients said, from a capture: masks, streams with holes, distances. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab/flow_frame.h"
#include "lab/pcapng.h"
#include "lab/speech.h"
#include "tests/harness.h"
#include "tests/unit/packets.h"

#define SECOND UINT64_C(1000000000)
#define CLIENT "127.0.0.1:40000"
#define POOL "127.0.0.1:3333"

static const struct plab_speech_flow mining = {40000, 3333};

TEST(speech, masks) {
    static const struct {
        const char *line, *masked, *method;
    } cases[] = {
        {"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"w \\\"a\\\"\","
         "\"pass\":\"x\",\"agent\":\"XMRig/6\",\"algo\":[\"rx/0\",\"cn/1\"]}}",
         "{\"id\":*,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"*\","
         "\"pass\":\"*\",\"agent\":\"*\",\"algo\":[\"rx/0\",\"cn/1\"]}}",
         "login"},
        {"{\"method\": \"submit\", \"params\": {\"id\": \"s1\", \"job_id\": \"7\", \"nonce\": "
         "\"0a0b0c0d\", \"result\": \"00ff\"}, \"id\":12}",
         "{\"method\": \"submit\", \"params\": {\"id\": \"*\", \"job_id\": \"*\", \"nonce\": "
         "\"*8\", \"result\": \"*4\"}, \"id\":*}",
         "submit"},
        /* Stratum 1: values without keys. */
        {"{\"params\":[\"user\",\"job\",-12.5e+3],\"id\":null,\"method\":\"mining.submit\"}",
         "{\"params\":[\"*\",\"*\",*],\"id\":null,\"method\":\"mining.submit\"}", "mining.submit"},
        /* Not the line's own method; numbers that aren't masked stay. */
        {"{\"x\":{\"method\":\"inner\"},\"n\":-1.5}", "{\"x\":{\"method\":\"inner\"},\"n\":-1.5}",
         ""},
        {"{\"nonce\":\"\",\"login\":\"\"}", "{\"nonce\":\"*0\",\"login\":\"*\"}", ""},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        char out[512], method[32];
        size_t need = strlen(cases[i].masked) + 1;
        CHECK(plab_speech_mask(cases[i].line, strlen(cases[i].line), out, need, method));
        CHECK_STR(out, cases[i].masked);
        CHECK_STR(method, cases[i].method);
        CHECK(!plab_speech_mask(cases[i].line, strlen(cases[i].line), out, need - 1, method));
    }
}

TEST(speech, what_is_no_line_of_json) {
    static const char *const bad[] = {
        "",     "GET / HTTP/1.1", "[1]",       "{",   "{\"a\":1",
        "{\"a", "{\"a\":\"b\\",   "{\"a\":[}", "\"{", "{\"a\":\"b\\\"}",
        "{}}",  "\x16\x03\x01{}"};
    char out[64], method[32];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        /* Exactly as long, so that a sanitizer sees a byte read behind it. */
        char *line = malloc(strlen(bad[i]) + (bad[i][0] == '\0'));
        CHECK(line != NULL);
        memcpy(line, bad[i], strlen(bad[i]));
        CHECK_MSG(!plab_speech_mask(line, strlen(bad[i]), out, sizeof out, method), "%s", bad[i]);
        free(line);
    }
}

/* ---- captures ---- */

static struct plab_pcapng_writer *writer;
static char path[64];

static void open_capture(void) {
    struct plab_error err = {.text = ""};
    strcpy(path, "/tmp/powlab-speech.XXXXXX");
    close(mkstemp(path));
    CHECK(plab_pcapng_create(&writer, path, &err) == PLAB_OK);
    CHECK(plab_pcapng_add_section(writer, NULL, &err) == PLAB_OK);
    CHECK(plab_pcapng_add_interface(writer, "lo", PLAB_LINK_ETHERNET, 262144, NULL, &err) ==
          PLAB_OK);
}

/* `cut`: bytes that the capture lacks at the packet's end. */
static void add(double t_s, const struct packet *packet, size_t cut) {
    uint8_t bytes[PACKET_MAX];
    size_t len = packet_compose(packet, bytes);
    struct plab_pcapng_packet one = {.wall_ns = (uint64_t)(t_s * 1e9) + SECOND,
                                     .bytes = bytes,
                                     .len = len - cut,
                                     .wire_len = len};
    CHECK(plab_pcapng_add_packet(writer, &one, NULL) == PLAB_OK);
}

static void say(double t_s, uint32_t seq, const char *text) {
    add(t_s, &(struct packet){CLIENT, POOL, PLAB_TCP_ACK, seq, text, 0}, 0);
}

static void read_capture(struct plab_speech *out) {
    struct plab_error err = {.text = ""};
    CHECK(plab_pcapng_close(&writer, &err) == PLAB_OK);
    CHECK_MSG(plab_speech_read(out, path, &mining, 1, &err) == PLAB_OK, "%s", err.text);
    unlink(path);
}

static uint64_t times(const struct plab_speech *speech, const char *masked) {
    for (size_t i = 0; i < speech->count; i++) {
        if (strcmp(speech->lines[i].masked, masked) == 0) {
            return speech->lines[i].times;
        }
    }
    return 0;
}

TEST(speech, of_a_stream) {
    static const char keepalive[] = "{\"id\":3,\"method\":\"keepalived\"}\n";
    struct plab_speech speech;
    open_capture();
    add(0, &(struct packet){CLIENT, POOL, PLAB_TCP_SYN, 99, "", 0}, 0);
    say(1, 100, "{\"id\":1}\n{\"i");
    say(1.1, 100, "{\"id\":1}\n{\"i");     /* again */
    say(1.2, 109, "{\"id\":1,\"a\":2}\n"); /* three bytes of it are known */
    say(61.5, 124, keepalive);
    add(62, &(struct packet){POOL, CLIENT, PLAB_TCP_ACK, 1, "{\"pool\":1}\n", 0}, 0);
    add(63, &(struct packet){"127.0.0.1:40001", POOL, PLAB_TCP_ACK, 1, "{\"x\":1}\n", 0}, 0);
    read_capture(&speech);
    CHECK_U64(speech.count, 3);
    CHECK_U64(times(&speech, "{\"id\":*}"), 1);
    CHECK_U64(times(&speech, "{\"id\":*,\"a\":2}"), 1);
    CHECK_STR(speech.lines[2].method, "keepalived");
    CHECK_U64(speech.pause_count, 1);
    CHECK(fabs(speech.pauses_s[0] - 60.3) < 1e-6); /* since 1.2 s, when the second line was whole */
    plab_speech_free(&speech);
}

TEST(speech, holes) {
    struct plab_speech speech;
    open_capture();
    say(1, 100, "half\":1}\n{\"b\":2}\n"); /* the capture begins within a line */
    say(2, 200,
        "{\"c\":3}\n{\"d\":4}\n"); /* bytes before it are missing: c may be the end of a line */
    say(3, 150, "{\"e\":5}\n");    /* late */
    add(4, &(struct packet){CLIENT, POOL, PLAB_TCP_ACK, 216, "{\"f\":6}\n", 0}, 3); /* cut off */
    say(5, 224, "{\"g\":7}\n{\"h\":8}\n");
    add(6, &(struct packet){CLIENT, POOL, PLAB_TCP_SYN, 5000, "", 0}, 0); /* the ports once more */
    say(7, 5001, "{\"i\":9}\n");
    read_capture(&speech);
    CHECK_U64(speech.count, 4);
    CHECK(times(&speech, "{\"b\":2}") == 1 && times(&speech, "{\"d\":4}") == 1);
    CHECK(times(&speech, "{\"h\":8}") == 1 && times(&speech, "{\"i\":9}") == 1);
    plab_speech_free(&speech);
}

TEST(speech, a_line_without_end) {
    struct plab_speech speech;
    char junk[1024];
    uint32_t seq = 1;
    memset(junk, 'x', sizeof junk);
    open_capture();
    add(0, &(struct packet){CLIENT, POOL, PLAB_TCP_SYN, 0, "", 0}, 0);
    say(0, seq, "{\"long\":\"");
    seq += 9;
    for (int i = 0; i < 10; i++, seq += sizeof junk) {
        add(1, &(struct packet){CLIENT, POOL, PLAB_TCP_ACK, seq, junk, sizeof junk}, 0);
    }
    say(2, seq, "\"}\n{\"next\":1}\n");
    read_capture(&speech);
    CHECK_U64(speech.count, 1);
    CHECK_STR(speech.lines[0].masked, "{\"next\":1}");
    plab_speech_free(&speech);
}

TEST(speech, of_no_capture) {
    struct plab_speech speech;
    struct plab_error err = {.text = ""};
    CHECK(plab_speech_read(&speech, "/nowhere/run.pcapng", &mining, 1, &err) == PLAB_E_IO);
    CHECK_U64(speech.count, 0);
    plab_speech_free(&speech);
}

TEST(speech, distance) {
    char texts[4][4] = {"{1}", "{2}", "{3}", "{4}"};
    struct plab_speech_line login = {"login", texts[0], 1}, other = {"login", texts[1], 1};
    struct plab_speech_line submit = {"submit", texts[2], 9};
    struct plab_speech_line subscribe = {"mining.subscribe", texts[3], 1};
    struct plab_speech a = {.count = 1, .lines = {login}}, none = {.count = 0};
    struct plab_speech b = {.count = 2, .lines = {login, submit}};
    struct plab_speech c = {.count = 2, .lines = {login, other}};
    struct plab_speech d = {.count = 1, .lines = {subscribe}};
    CHECK(plab_speech_distance(&a, &a) == 0);
    CHECK(plab_speech_distance(&a, &b) == 0); /* only one found shares */
    CHECK(plab_speech_distance(&a, &c) == 0.5 && plab_speech_distance(&c, &a) == 0.5);
    CHECK(plab_speech_distance(&a, &d) == 1);
    CHECK(isnan(plab_speech_distance(&a, &none)));
}
