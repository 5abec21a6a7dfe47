/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages as they should be, and the catalogue of those that shouldn't: J JSON, R replies, B jobs.
 */
#include <stdlib.h>

#include "stratum/msg.h"
#include "tests/harness.h"

#define HEX32 "00112233445566778899aabbccddeeff"
#define HEX64 HEX32 HEX32
#define BLOB76 HEX64 HEX64 "000102030405060708090a0b"
#define JOB "\"job_id\":\"j1\",\"blob\":\"" BLOB76 "\",\"target\":\"37894100\""

static enum plab_status reply(const char *line, struct plab_stratum_reply *out) {
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_stratum_parse_reply(line, strlen(line), out, &err);
    CHECK_MSG((status == PLAB_OK) == (err.text[0] == '\0'), "%s: text \"%s\"", line, err.text);
    for (const char *p = err.text; *p != '\0'; p++) {
        CHECK_MSG(*p >= 32 && *p < 127, "unescaped text for %s", line);
    }
    return status;
}

static enum plab_status request(const char *line, struct plab_stratum_request *out) {
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_stratum_parse_request(line, strlen(line), out, &err);
    CHECK_MSG((status == PLAB_OK) == (err.text[0] == '\0'), "%s: text \"%s\"", line, err.text);
    return status;
}

/* What a peer of any kind must not be able to say. J1 to J9. */
static const char *const not_json_objects[] = {
    "[]",
    "[{\"id\":1}]",
    "\"text\"",
    "1",
    "null",
    "true",
    "nonsense",
    "{",
    "}",
    "{\"id\":1",
    "{\"id\":1}x",
    "{\"id\":1}{\"id\":2}",
    "{\"id\":1,}",
    "{'id':1}",
    "{\"id\":NaN}",
    "{\"id\":Infinity}",
    "{\"id\":1/*c*/}",
    "{\"id\":1} // c",
    "{\"id\":000}",
    "{\"id\":1e999}",
    "{\"id\":18446744073709551616}",
    "{\"id\":9223372036854775808}",
    "{\"id\":1,\"id\":2}",
    "{\"id\":1,\"x\":\"\\u0000\"}",
    "{\"id\":1,\"x\":\"\\ud800\"}",
    "{\"id\":1,\"x\":\"\xff\"}",
    "{\"id\":1,\"x\":\"\xc0\x80\"}",
    "{\"id\":1,\"x\":\"\xed\xa0\x80\"}",
    "{\"id\":1,\"x\":\"a\x01\"}",
    "\xef\xbb\xbf{\"id\":1}",
    "HTTP/1.1 400 Bad Request",
    "\x16\x03\x01\x02",
    "\x1b[2J{\"id\":1}",
};

TEST(stratum_parse, malformed_json_is_a_protocol_error_on_both_sides) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(not_json_objects); i++) {
        struct plab_stratum_reply out;
        struct plab_stratum_request req;
        CHECK_MSG(reply(not_json_objects[i], &out) == PLAB_E_PROTOCOL, "%s", not_json_objects[i]);
        CHECK_MSG(request(not_json_objects[i], &req) == PLAB_E_PROTOCOL, "%s", not_json_objects[i]);
    }
}

TEST(stratum_parse, raw_nul_in_a_line) {
    struct plab_stratum_reply out;
    static const char inside[] = "{\"id\":1,\"result\":\"a\0b\"}";
    static const char outside[] = "{\"id\":1,\"result\":{}}\0";
    CHECK(plab_stratum_parse_reply(inside, sizeof inside - 1, &out, NULL) == PLAB_E_PROTOCOL);
    CHECK(plab_stratum_parse_reply(outside, sizeof outside - 1, &out, NULL) == PLAB_E_PROTOCOL);
    CHECK(plab_stratum_parse_reply("", 0, &out, NULL) == PLAB_E_PROTOCOL);
}

TEST(stratum_parse, depth_is_capped_before_parsing) {
    static char line[PLAB_STRATUM_LINE_MAX + 100];
    struct plab_stratum_reply out;
    for (size_t depth = 1; depth <= 16; depth++) { /* the object is a level too */
        snprintf(line, sizeof line, "{\"method\":\"x\",\"params\":%.*s%.*s}", (int)depth,
                 "[[[[[[[[[[[[[[[[", (int)depth, "]]]]]]]]]]]]]]]]");
        CHECK_MSG((reply(line, &out) == PLAB_OK) == (depth < PLAB_STRATUM_DEPTH_MAX), "depth %zu",
                  depth);
    }
    memset(line, '[', 16000);
    line[16000] = '\0';
    CHECK(reply(line, &out) == PLAB_E_PROTOCOL);
    memset(line, 'x', PLAB_STRATUM_LINE_MAX + 1);
    CHECK(plab_stratum_parse_reply(line, PLAB_STRATUM_LINE_MAX + 1, &out, NULL) == PLAB_E_PROTOCOL);
    /* Brackets inside strings don't count. */
    CHECK(reply("{\"method\":\"x\",\"params\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}", &out) == PLAB_OK);
}

TEST(stratum_parse, login_reply) {
    struct plab_stratum_reply out;
    CHECK(
        reply("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":null,\"result\":{\"id\":\"s1\",\"job\":{" JOB
              ",\"algo\":\"rx/0\",\"height\":3000000,\"seed_hash\":\"" HEX64
              "\",\"next_seed_hash\":\"" HEX64
              "\"},\"extensions\":[\"algo\",7,null,\"keepalive\",\"x\"],\"status\":\"OK\"}}",
              &out) == PLAB_OK);
    CHECK(out.event == PLAB_EVENT_RESPONSE && out.ok && !out.id.is_text && out.id.number == 1);
    CHECK(out.has_session && out.has_job);
    CHECK_STR(out.session_id, "s1");
    CHECK_STR(out.status, "OK");
    CHECK_U64(out.extensions, PLAB_EXT_ALGO | PLAB_EXT_KEEPALIVE);
    CHECK_STR(out.job.job_id, "j1");
    CHECK_STR(out.job.algo, "rx/0");
    CHECK_U64(out.job.blob_len, 76);
    CHECK_U64(out.job.blob[75], 0x0b);
    CHECK_U64(out.job.target, UINT64_C(0x004189374bc6a7ef));
    CHECK(out.job.has_height && out.job.height == 3000000);
    CHECK(out.job.has_seed && out.job.has_next_seed && out.job.seed_hash[31] == 0xff);
}

TEST(stratum_parse, job_notification) {
    struct plab_stratum_reply out;
    CHECK(reply(" \t{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":{" JOB "}} \r", &out) ==
          PLAB_OK);
    CHECK(out.event == PLAB_EVENT_JOB && out.has_job && !out.job.has_seed && !out.job.has_height);
    CHECK_STR(out.job.algo, "");
}

struct response_case {
    const char *line;
    bool ok;
    const char *error; /* NULL: any */
};

/* R5 to R9: only an object as result and no error is a success. */
static const struct response_case responses[] = {
    {"{\"id\":2,\"error\":null,\"result\":{\"status\":\"OK\"}}", true, ""},
    {"{\"id\":2,\"result\":{}}", true, ""},
    {"{\"id\":2,\"error\":{\"code\":-1, \"message\":\"Low difficulty share\"}}", false,
     "Low difficulty share"},
    {"{\"id\":2,\"error\":{\"message\":\"x\"},\"result\":{\"status\":\"OK\"}}", false, "x"},
    {"{\"id\":2,\"error\":{}}", false, "error without a message"},
    {"{\"id\":2,\"error\":{\"message\":5},\"result\":{}}", false, "error without a message"},
    {"{\"id\":2,\"error\":{\"message\":[\"a\"]},\"result\":{}}", false, "error without a message"},
    {"{\"id\":2,\"error\":{\"message\":\"\"},\"result\":{}}", false, "error without a message"},
    {"{\"id\":2,\"error\":\"text\",\"result\":{}}", false, "text"},
    {"{\"id\":2,\"error\":false,\"result\":{}}", false, "error without a message"},
    {"{\"id\":2,\"error\":[],\"result\":{}}", false, "error without a message"},
    {"{\"id\":2,\"error\":null,\"result\":null}", false, "result is null, not an object"},
    {"{\"id\":2,\"result\":true}", false, "result is true, not an object"},
    {"{\"id\":2,\"result\":1}", false, "result is a number, not an object"},
    {"{\"id\":2,\"result\":\"OK\"}", false, "result is \"OK\", not an object"},
    {"{\"id\":2,\"result\":[]}", false, "result is an array, not an object"},
    {"{\"id\":2}", false, "result is missing, not an object"},
    {"{\"id\":2,\"Error\":{\"message\":\"x\"},\"result\":{}}", true, ""},
};

TEST(stratum_parse, responses_are_read_honestly) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(responses); i++) {
        struct plab_stratum_reply out;
        CHECK_MSG(reply(responses[i].line, &out) == PLAB_OK, "%s", responses[i].line);
        CHECK(out.event == PLAB_EVENT_RESPONSE && out.id.number == 2);
        CHECK_MSG(out.ok == responses[i].ok, "%s", responses[i].line);
        CHECK_STR(out.error, responses[i].error);
    }
}

TEST(stratum_parse, long_error_texts_are_cut_between_characters) { /* R13 */
    static char line[PLAB_STRATUM_LINE_MAX];
    static char text[15001];
    struct plab_stratum_reply out;
    for (size_t i = 0; i < 15000; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    snprintf(line, sizeof line, "{\"id\":2,\"error\":{\"message\":\"%s\"}}", text);
    CHECK(reply(line, &out) == PLAB_OK && !out.ok);
    CHECK_U64(strlen(out.error), 255);
    snprintf(line, sizeof line, "{\"id\":2,\"error\":{\"message\":\"%%n%%s\\u001b[2J\\r\\n\"}}");
    CHECK(reply(line, &out) == PLAB_OK);
    CHECK_STR(out.error, "%n%s\x1b[2J\r\n");
}

TEST(stratum_parse, ids) { /* R1, R2, R19, R20, J4 */
    struct plab_stratum_reply out;
    CHECK(reply("{\"id\":\"1\",\"result\":{}}", &out) == PLAB_OK);
    CHECK(out.id.is_text && out.ok);
    CHECK_STR(out.id.text, "1");
    CHECK(reply("{\"id\":9223372036854775807,\"result\":{}}", &out) == PLAB_OK);
    CHECK(out.id.number == INT64_MAX);
    CHECK(reply("{\"id\":-1,\"result\":{}}", &out) == PLAB_OK && out.id.number == -1);
    CHECK(reply("{\"id\":0,\"method\":\"job\",\"params\":{" JOB "}}", &out) == PLAB_OK);
    CHECK(out.event == PLAB_EVENT_JOB);
    CHECK(reply("{\"id\":null,\"method\":\"mining.notify\",\"params\":[]}", &out) == PLAB_OK);
    CHECK(out.event == PLAB_EVENT_NOTICE);
    CHECK(reply("{\"method\":7}", &out) == PLAB_OK && out.event == PLAB_EVENT_NOTICE);
    static const char *const bad[] = {"{}",
                                      "{\"id\":null}",
                                      "{\"id\":1.0,\"result\":{}}",
                                      "{\"id\":{},\"result\":{}}",
                                      "{\"Method\":\"job\"}",
                                      "{\"id\":\"a\\nb\",\"result\":{}}"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        CHECK_MSG(reply(bad[i], &out) == PLAB_E_INPUT, "%s", bad[i]);
        CHECK(out.event == PLAB_EVENT_NOTICE);
    }
}

TEST(stratum_parse, session_ids) { /* R15 */
    static const char *const none[] = {"7", "null", "\"\"", "\"a\\nb\"", "\"a\\u007fb\"", "[]"};
    struct plab_stratum_reply out;
    char line[4096], text[200];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(none); i++) {
        snprintf(line, sizeof line, "{\"id\":1,\"result\":{\"id\":%s,\"job\":{" JOB "}}}", none[i]);
        CHECK(reply(line, &out) == PLAB_OK && out.ok && out.has_job);
        CHECK_MSG(!out.has_session, "%s", none[i]);
    }
    for (size_t len = 127; len <= 129; len++) {
        memset(text, '"', len);
        for (size_t i = 0; i < len; i++) {
            text[i] = 's';
        }
        text[len] = '\0';
        snprintf(line, sizeof line, "{\"id\":1,\"result\":{\"id\":\"%s\"}}", text);
        CHECK(reply(line, &out) == PLAB_OK);
        CHECK(out.has_session == (len <= 128));
    }
    CHECK(reply("{\"id\":1,\"result\":{\"id\":\"a\\\"b\\\\\"}}", &out) == PLAB_OK);
    CHECK_STR(out.session_id, "a\"b\\");
}

TEST(stratum_parse, extensions_of_the_wrong_kind_are_ignored) { /* R17 */
    static const char *const odd[] = {"7", "{}", "null", "\"algo\"", "[1,2,{}]", "[]"};
    struct plab_stratum_reply out;
    char line[256];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(odd); i++) {
        snprintf(line, sizeof line, "{\"id\":1,\"result\":{\"id\":\"s\",\"extensions\":%s}}",
                 odd[i]);
        CHECK(reply(line, &out) == PLAB_OK && out.ok && out.extensions == 0);
    }
}

TEST(stratum_parse, job_of_a_login_must_be_an_object) { /* R16 */
    struct plab_stratum_reply out;
    CHECK(reply("{\"id\":1,\"result\":{\"id\":\"s\"}}", &out) == PLAB_OK && !out.has_job);
    CHECK(reply("{\"id\":1,\"result\":{\"id\":\"s\",\"job\":[]}}", &out) == PLAB_E_INPUT);
    CHECK(out.event == PLAB_EVENT_RESPONSE && out.id.number == 1 && !out.has_job);
    CHECK(reply("{\"method\":\"job\"}", &out) == PLAB_E_INPUT && out.event == PLAB_EVENT_JOB);
}

struct job_case {
    const char *member; /* replaces the member of the same name, or is added */
    bool good;
};

/* B1 to B25, as far as bytes can tell. */
static const struct job_case jobs[] = {
    {"\"target\":\"00000000\"", false},
    {"\"target\":\"0000000000000000\"", false},
    {"\"target\":\"\"", false},
    {"\"target\":\"123\"", false},
    {"\"target\":\"123456\"", false},
    {"\"target\":\"1234567890\"", false},
    {"\"target\":\"ffffffffffffffffff\"", false},
    {"\"target\":\"fffffffg\"", false},
    {"\"target\":1000", false},
    {"\"target\":null", false},
    {"\"target\":\"ffffffff\"", true},
    {"\"target\":\"01000000\"", true},
    {"\"target\":\"0100000000000000\"", true},
    {"\"blob\":\"" HEX64 "00112233445566778899\"", false},         /* 42 bytes */
    {"\"blob\":\"" HEX64 HEX64 "000102030405060708090a\"", false}, /* 75 */
    {"\"blob\":\"" BLOB76 "0\"", false},
    {"\"blob\":\"" BLOB76 "0g\"", false},
    {"\"blob\":7", false},
    {"\"blob\":\"" BLOB76 "FF\"", true}, /* 77: 128 transactions or more */
    {"\"job_id\":\"\"", true},
    {"\"job_id\":\"a\\\"b\"", true},
    {"\"job_id\":\"a\\nb\"", false},
    {"\"job_id\":7", false},
    {"\"job_id\":\"" HEX64 HEX64 "0\"", false},
    {"\"job_id\":\"" HEX64 HEX64 "\"", true},
    {"\"seed_hash\":\"" HEX32 "00112233445566778899aabbccddeef\"", false},
    {"\"seed_hash\":\"" HEX64 "0\"", false},
    {"\"seed_hash\":\"" HEX32 "00112233445566778899aabbccddeefg\"", false},
    {"\"seed_hash\":7", false},
    {"\"seed_hash\":\"\"", true},
    {"\"next_seed_hash\":7", true},
    {"\"algo\":\"\"", false},
    {"\"algo\":7", false},
    {"\"algo\":\"rx/0\"", true},
    {"\"algo\":\"rx/abcdefghijklmnopqrstuvwxyz012345\"", false},
    {"\"height\":-1", true},
    {"\"height\":\"123\"", true},
    {"\"height\":1.5", true},
    {"\"height\":9223372036854775807", true},
};

/* Writes a job line whose member named as in `member` is replaced by it. */
static void job_line(char *line, size_t cap, const char *member) {
    static const char *const members[] = {"\"job_id\":\"j1\"", "\"blob\":\"" BLOB76 "\"",
                                          "\"target\":\"37894100\""};
    size_t key_len = (size_t)(strchr(member, ':') - member);
    int at = snprintf(line, cap, "{\"method\":\"job\",\"params\":{%s", member);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(members); i++) {
        if (strncmp(members[i], member, key_len + 1) != 0) {
            at += snprintf(line + at, cap - (size_t)at, ",%s", members[i]);
        }
    }
    snprintf(line + at, cap - (size_t)at, "}}");
}

TEST(stratum_parse, jobs) {
    char line[2048];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(jobs); i++) {
        struct plab_stratum_reply out;
        job_line(line, sizeof line, jobs[i].member);
        enum plab_status status = reply(line, &out);
        CHECK_MSG(status == (jobs[i].good ? PLAB_OK : PLAB_E_INPUT), "%s", jobs[i].member);
        CHECK(out.event == PLAB_EVENT_JOB && out.has_job == jobs[i].good);
    }
}

TEST(stratum_parse, job_members_may_not_be_missing) {
    static const char *const lines[] = {
        "{\"method\":\"job\",\"params\":{}}",
        "{\"method\":\"job\",\"params\":{\"job_id\":\"1\",\"blob\":\"" BLOB76 "\"}}",
        "{\"method\":\"job\",\"params\":{\"job_id\":\"1\",\"target\":\"ffffffff\"}}",
        "{\"method\":\"job\",\"params\":{\"blob\":\"" BLOB76 "\",\"target\":\"ffffffff\"}}",
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(lines); i++) {
        struct plab_stratum_reply out;
        CHECK_MSG(reply(lines[i], &out) == PLAB_E_INPUT, "%s", lines[i]);
    }
}

TEST(stratum_parse, blob_limit_is_exact) { /* B7 */
    char line[2048], blob[2 * 408 + 1];
    for (size_t len = 406; len <= 408; len++) {
        struct plab_stratum_reply out;
        memset(blob, 'A', 2 * len);
        blob[2 * len] = '\0';
        snprintf(line, sizeof line,
                 "{\"method\":\"job\",\"params\":{\"job_id\":\"1\",\"target\":\"ffffffff\","
                 "\"blob\":\"%s\"}}",
                 blob);
        CHECK((reply(line, &out) == PLAB_OK) == (len <= PLAB_STRATUM_BLOB_MAX));
        CHECK(len > 407 || (out.job.blob_len == len && out.job.blob[len - 1] == 0xAA));
    }
}

TEST(stratum_parse, heights_that_are_none) { /* B20 */
    struct plab_stratum_reply out;
    char line[2048];
    job_line(line, sizeof line, "\"height\":-1");
    CHECK(reply(line, &out) == PLAB_OK && !out.job.has_height);
    job_line(line, sizeof line, "\"height\":9223372036854775807");
    CHECK(reply(line, &out) == PLAB_OK && out.job.height == INT64_MAX);
}

TEST(stratum_parse, reconnect) { /* K2 */
    struct plab_stratum_reply out;
    CHECK(reply("{\"method\":\"client.reconnect\",\"params\":[\"10.0.0.5\",\"3334\"]}", &out) ==
          PLAB_OK);
    CHECK(out.event == PLAB_EVENT_RECONNECT && out.port == 3334);
    CHECK_STR(out.host, "10.0.0.5");
    static const char *const bad[] = {"null",
                                      "{}",
                                      "[]",
                                      "[\"h\"]",
                                      "[\"h\",3334]",
                                      "[\"h\",\"0\"]",
                                      "[\"h\",\"65536\"]",
                                      "[\"h\",\"99999\"]",
                                      "[\"\",\"3334\"]",
                                      "[\"h\",\"\"]",
                                      "[\"h\",\"+1\"]",
                                      "[\"h\",\" 1\"]",
                                      "[\"h\",\"1x\"]",
                                      "[\"h\",\"1\",\"2\"]"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        char line[200];
        snprintf(line, sizeof line, "{\"method\":\"client.reconnect\",\"params\":%s}", bad[i]);
        CHECK_MSG(reply(line, &out) == PLAB_E_INPUT, "%s", bad[i]);
        CHECK(out.event == PLAB_EVENT_RECONNECT && out.host[0] == '\0');
    }
}

TEST(stratum_parse, what_the_builders_write_comes_back) {
    char line[2048];
    struct plab_stratum_reply back;
    struct plab_stratum_job job = {.job_id = "j\"\\", .blob_len = 77, .algo = "cn/r"};
    job.target = UINT64_C(0x123456789abcdef);
    job.has_height = job.has_seed = job.has_next_seed = true;
    job.height = INT64_MAX;
    memset(job.blob, 0xA5, job.blob_len);
    memset(job.seed_hash, 1, 32);
    memset(job.next_seed_hash, 2, 32);
    size_t len = plab_stratum_build_job(line, sizeof line, &job, 8);
    CHECK(plab_stratum_parse_reply(line, len, &back, NULL) == PLAB_OK);
    CHECK(memcmp(&back.job, &job, sizeof job) == 0);
    const struct plab_stratum_id id = {.is_text = true, .text = "q"};
    len = plab_stratum_build_login_reply(line, sizeof line, &id, "s\\", PLAB_EXT_NICEHASH, &job, 8);
    CHECK(plab_stratum_parse_reply(line, len, &back, NULL) == PLAB_OK);
    CHECK(back.ok && back.has_session && back.extensions == PLAB_EXT_NICEHASH);
    CHECK(memcmp(&back.job, &job, sizeof job) == 0 && strcmp(back.session_id, "s\\") == 0);
}

/* Requests. */

TEST(stratum_parse, login_request) {
    struct plab_stratum_request out;
    CHECK(
        request("{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"lab\","
                "\"pass\":\"x\",\"agent\":\"a\",\"rigid\":\"r\",\"algo\":[\"rx/0\",7,\"cn/r\"]}}",
                &out) == PLAB_OK);
    CHECK(out.method == PLAB_METHOD_LOGIN && out.id.number == 1 && out.login.algo_count == 2);
    CHECK_STR(out.login.login, "lab");
    CHECK_STR(out.login.pass, "x");
    CHECK_STR(out.login.agent, "a");
    CHECK_STR(out.login.rig_id, "r");
    CHECK_STR(out.login.algo[1], "cn/r");
    CHECK_STR(out.method_name, "login");
}

TEST(stratum_parse, login_logins) { /* L3, L6, L7 */
    static const char *const bad[] = {"7", "null", "\"\"", "[]", "\"a\\u001b[2J\"", "\"a\\n\""};
    static char line[PLAB_STRATUM_LINE_MAX];
    struct plab_stratum_request out;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        snprintf(line, sizeof line, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":%s}}",
                 bad[i]);
        CHECK_MSG(request(line, &out) == PLAB_E_INPUT, "%s", bad[i]);
        CHECK(out.id.number == 1 && out.method == PLAB_METHOD_LOGIN);
    }
    CHECK(request("{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"a\",\"pass\":{},"
                  "\"agent\":7,\"rigid\":[],\"algo\":\"rx/0\"}}",
                  &out) == PLAB_OK);
    CHECK(out.login.algo_count == 0 && out.login.pass[0] == '\0' && out.login.agent[0] == '\0');
    int at = snprintf(line, sizeof line,
                      "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"a\",\"algo\":[\"a\"");
    for (int i = 0; i < 1000; i++) {
        at += snprintf(line + at, sizeof line - (size_t)at, ",\"a%d\"", i);
    }
    snprintf(line + at, sizeof line - (size_t)at, "]}}");
    CHECK(request(line, &out) == PLAB_OK);
    CHECK_U64(out.login.algo_count, PLAB_STRATUM_ALGO_MAX);
    CHECK_STR(out.login.algo[63], "a62");
}

#define SUBMIT(extra)                                                                      \
    "{\"id\":7,\"method\":\"submit\",\"params\":{\"id\":\"s\",\"job_id\":\"j\",\"nonce\":" \
    "\"0A0000ff\",\"result\":\"" HEX64 "\"" extra "}}"

TEST(stratum_parse, submit_request) {
    struct plab_stratum_request out;
    CHECK(request(SUBMIT(",\"commitment\":\"" HEX64 "\",\"algo\":\"rx/2\""), &out) == PLAB_OK);
    CHECK(out.method == PLAB_METHOD_SUBMIT && out.submit.has_commitment);
    CHECK_STR(out.submit.session_id, "s");
    CHECK_STR(out.submit.job_id, "j");
    CHECK_STR(out.submit.algo, "rx/2");
    CHECK_MEM(out.submit.nonce, "\x0a\0\0\xff", 4);
    CHECK(out.submit.result[1] == 0x11 && out.submit.commitment[31] == 0xff);
    CHECK(request(SUBMIT(""), &out) == PLAB_OK && !out.submit.has_commitment);
}

TEST(stratum_parse, bad_submits_name_the_member) { /* S2, S6, S10, S12 */
    static const struct {
        const char *member, *named;
    } bad[] = {
        {"\"nonce\":\"0x000000\"", "nonce"},
        {"\"nonce\":\"0a0000f\"", "nonce"},
        {"\"nonce\":\"0a0000fff\"", "nonce"},
        {"\"nonce\":\" a0000ff\"", "nonce"},
        {"\"nonce\":1", "nonce"},
        {"\"result\":\"" HEX32 "\"", "result"},
        {"\"result\":\"" HEX64 "0\"", "result"},
        {"\"result\":null", "result"},
        {"\"job_id\":1", "job_id"},
        {"\"job_id\":\"" HEX64 HEX64 "0\"", "job_id"},
        {"\"id\":1", "id"},
        {"\"commitment\":\"\"", "commitment"},
        {"\"algo\":1", "algo"},
    };
    static const char *const good[] = {"\"id\":\"s\"", "\"job_id\":\"j\"", "\"nonce\":\"0a0000ff\"",
                                       "\"result\":\"" HEX64 "\""};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        char line[2048];
        struct plab_stratum_request out;
        struct plab_error err = {.text = ""};
        size_t key_len = (size_t)(strchr(bad[i].member, ':') - bad[i].member);
        int at = snprintf(line, sizeof line, "{\"id\":7,\"method\":\"submit\",\"params\":{%s",
                          bad[i].member);
        for (size_t k = 0; k < PLAB_ARRAY_LEN(good); k++) {
            if (strncmp(good[k], bad[i].member, key_len + 1) != 0) {
                at += snprintf(line + at, sizeof line - (size_t)at, ",%s", good[k]);
            }
        }
        snprintf(line + at, sizeof line - (size_t)at, "}}");
        CHECK_MSG(plab_stratum_parse_request(line, strlen(line), &out, &err) == PLAB_E_INPUT, "%s",
                  bad[i].member);
        CHECK_MSG(strncmp(err.text, bad[i].named, strlen(bad[i].named)) == 0, "%s", err.text);
        CHECK(out.id.number == 7 && out.method == PLAB_METHOD_SUBMIT);
    }
}

TEST(stratum_parse, methods) { /* J11 to J13 */
    static const char *const strange[] = {"__proto__", "constructor", "toString", "Login", ""};
    struct plab_stratum_request out;
    char line[200];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(strange); i++) {
        snprintf(line, sizeof line, "{\"id\":3,\"method\":\"%s\"}", strange[i]);
        CHECK(request(line, &out) == PLAB_OK && out.method == PLAB_METHOD_UNKNOWN);
        CHECK_STR(out.method_name, strange[i]);
    }
    static const char *const bad[] = {"{\"id\":3}",
                                      "{\"id\":3,\"method\":7}",
                                      "{\"id\":3,\"method\":null}",
                                      "{\"id\":3,\"method\":[]}",
                                      "{\"id\":3,\"method\":{}}",
                                      "{\"id\":3,\"method\":\"login\"}",
                                      "{\"id\":3,\"method\":\"submit\",\"params\":null}",
                                      "{\"id\":3,\"method\":\"login\",\"params\":[]}",
                                      "{\"id\":3,\"method\":\"keepalived\",\"params\":\"x\"}"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        CHECK_MSG(request(bad[i], &out) == PLAB_E_INPUT, "%s", bad[i]);
        CHECK(out.id.number == 3);
    }
}

TEST(stratum_parse, request_ids) { /* L11 */
    static const char *const bad[] = {"null", "1.0", "true", "{}", "[]", "\"a\\nb\""};
    struct plab_stratum_request out;
    char line[200];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        snprintf(line, sizeof line, "{\"id\":%s,\"method\":\"x\"}", bad[i]);
        CHECK_MSG(request(line, &out) == PLAB_E_PROTOCOL, "%s", bad[i]);
    }
    CHECK(request("{\"method\":\"login\",\"params\":{\"login\":\"a\"}}", &out) == PLAB_E_PROTOCOL);
    CHECK(request("{\"id\":\"0123456789abcdef\",\"method\":\"getjob\",\"params\":{\"id\":\"s\"}}",
                  &out) == PLAB_OK);
    CHECK(out.id.is_text && out.method == PLAB_METHOD_GETJOB);
    CHECK_STR(out.session_id, "s");
    CHECK(request("{\"id\":-9223372036854775808,\"method\":\"keepalived\",\"params\":{}}", &out) ==
          PLAB_OK);
    CHECK(out.id.number == INT64_MIN && out.session_id[0] == '\0');
}

/* Every line cut at every byte: an error or a message, never more. Runs under ASan. */
TEST(stratum_parse, truncated_lines) {
    static const char line[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":null,\"result\":{\"id\":\"s1\","
        "\"job\":{" JOB ",\"height\":30,\"seed_hash\":\"" HEX64
        "\"},\"extensions\":[\"algo\"],\"status\":\"OK\"}}";
    for (size_t len = 0; len < sizeof line - 1; len++) {
        struct plab_stratum_reply out;
        struct plab_error err;
        char *exact = malloc(len + 1); /* its end is the sanitizer's */
        CHECK(exact != NULL);
        memcpy(exact, line, len);
        CHECK(plab_stratum_parse_reply(exact, len, &out, &err) == PLAB_E_PROTOCOL);
        free(exact);
    }
}
