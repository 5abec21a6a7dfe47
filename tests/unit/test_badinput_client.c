/* SPDX-License-Identifier: BSD-3-Clause */
/* What a pool may say to the client, however bad. F lines, J JSON, R answers, B jobs, K control;
 * tests/badinput.md lists all cases. Each is played plain and within TLS, whole and byte by byte.
 */
#include <stdio.h>

#include "base/attr.h"
#include "base/clock.h"
#include "stratum/msg.h"
#include "tests/harness.h"
#include "tests/unit/badinput.h"
#include "tests/unit/client_bench.h"

#define OK(id) "{\"id\":" id ",\"error\":null,\"result\":{\"status\":\"OK\"}}\n"
#define HEX64 HEX32 HEX32
/* A job's beginning and end, between which it has room for more. */
#define HEAD(id) "{\"method\":\"job\",\"params\":{\"blob\":\"" BLOB "\",\"job_id\":\"" id "\""
#define TAIL ",\"target\":\"ffffff00\"}}"
#define WITH(id, more) HEAD(id) "," more TAIL "\n"
/* A job that is a line of exactly `bytes`. */
#define PADDED_HEAD HEAD("padded") ",\"x\":\""
#define PADDED_TAIL "\"" TAIL
#define PADDED(bytes)                                                     \
    {                                                                     \
        .text = PADDED_HEAD FILL PADDED_TAIL "\n", .fill = {              \
            "x",                                                          \
            (bytes) - (sizeof PADDED_HEAD - 1) - (sizeof PADDED_TAIL - 1) \
        }                                                                 \
    }

/* ---- F: lines ---- */

static const struct bad_reply lines[] = {
    {"F1", "a job", TEXT(NOTIFY(JOB("f1"))), .job = "f1"},
    {"F2", "two lines", TEXT(NOTIFY(JOB("f2a")) NOTIFY(JOB("f2b"))), .job = "f2b", .jobs_max = 2},
    {"F3", "characters of several bytes",
     TEXT(WITH("f3", "\"x\":\"\xe2\x82\xac\xf0\x9f\x98\x80\\u20ac\\ud83d\\ude00\\\\\\\"\"")),
     .job = "f3"},
    {"F4", "1 MB, then a job", FILLED(FILL "\n" NOTIFY(JOB("f4")), "x", 1 << 20), .job = "f4"},
    {"F4", "a job of 1 MB", PADDED(1 << 20), .job = NULL},
    {"F5", "1 MB without end", FILLED(FILL, "x", 1 << 20), .ends = "a line without end"},
    {"F5", "1 MB without end as a login's answer", FILLED(FILL, "x", 1 << 20), BAD_LOGIN,
     .ends = "no answer to a login"},
    {"F6", "limit - 1", PADDED(PLAB_STRATUM_LINE_MAX - 1), .job = "padded"},
    {"F6", "limit", PADDED(PLAB_STRATUM_LINE_MAX), .job = "padded"},
    {"F6", "limit + 1", PADDED(PLAB_STRATUM_LINE_MAX + 1), .job = NULL},
    {"F7", "blank lines", TEXT("\n\r\n \n\t\r\n\n\n\n\n\n" HEAD("f7") TAIL "\r\n"), .job = "f7"},
    {"F8", "NUL in a line", BYTES(HEAD("f8") "\0" TAIL "\n"), .job = NULL},
    {"F8", "NUL in a text", BYTES(WITH("f8", "\"x\":\"a\0b\"")), .job = NULL},
    {"F8", "NUL before the end", BYTES(HEAD("f8") TAIL "\0\n"), .job = NULL},
    {"F9", "NUL instead of LF", BYTES(HEAD("f9a") TAIL "\0" HEAD("f9b") TAIL "\0\n"), .job = NULL},
    {"F9", "NUL and nothing more", BYTES(HEAD("f9") TAIL "\0"), .ends = "a line without end"},
    {"F10", "white space first", TEXT(" \t  " NOTIFY(JOB("f10"))), .job = "f10"},
    {"F10", "a BOM first", TEXT("\xef\xbb\xbf" NOTIFY(JOB("f10"))), .job = NULL},
    {"F11", "a short answer", TEXT("{\"id\":2,\"result\":{}}\n"), BAD_SUBMIT,
     .verdict = PLAB_SHARE_ACCEPTED},
    {"F12", "two objects on a line", TEXT(HEAD("f12a") TAIL NOTIFY(JOB("f12b"))), .job = NULL},
    {"F13", "half a line, FIN", TEXT(HEAD("f13")), .after = BAD_FIN,
     .ends = "the pool closed the connection"},
    {"F13", "a line but for its LF, FIN", TEXT(HEAD("f13") TAIL), .after = BAD_FIN,
     .ends = "the pool closed the connection"},
    {"F13", "half an answer to the login, FIN", TEXT("{\"id\":1,\"res"), BAD_LOGIN, BAD_FIN,
     .ends = "closed the connection before it answered the login"},
    {"F14", "half-close", TEXT("\n"), .after = BAD_FIN, .ends = "the pool closed the connection"},
    {"F15", "half a line, RST", TEXT(HEAD("f15")), .after = BAD_RST, .ends = "connection"},
    {"F16", "a web server",
     TEXT("HTTP/1.1 400 Bad Request\r\nServer: x\r\nContent-Type: text/html\r\nContent-Length: "
          "9\r\nConnection: close\r\n\r\n<html>bad"),
     BAD_LOGIN, .ends = "5 bad lines in a row"},
    {"F17", "bytes", BYTES("\x01\0\xff\n\x80\n\x16\x03\x01\n\xfe\xff\n\x7f\x45\n"), BAD_LOGIN,
     .ends = "5 bad lines in a row"},
    {"F17", "a TLS record", BYTES("\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03"), BAD_LOGIN,
     .ends = "no answer to a login"},
    {"F18", "silence", TEXT(""), BAD_LOGIN, .ends = "no answer to a login"},
    {"F19", "drops", TEXT("{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":null,\"result\""), BAD_LOGIN,
     .slowly = true, .ends = "no answer to a login"},
};

TEST(badinput_client, lines) {
    bad_client_play(lines, PLAB_ARRAY_LEN(lines));
}

/* ---- J: JSON. A job each, which would be taken up if only its JSON were right ---- */

#define DEEP "[[[[[[[[[[[[[[[[[[[["
#define UNDEEP "]]]]]]]]]]]]]]]]]]]]"

static const struct bad_reply json[] = {
    {"J1", "60,000 brackets", FILLED(WITH("j1x", "\"x\":" FILL), "[", 60000), .job = NULL},
    {"J1", "brackets within the line's limit", FILLED(WITH("j1x", "\"x\":" FILL), "[", 8000),
     .job = NULL},
    {"J1", "objects within the line's limit", FILLED(WITH("j1x", "\"x\":" FILL), "{\"a\":", 3000),
     .job = NULL},
    {"J1", "20 levels that are closed", TEXT(WITH("j1x", "\"x\":" DEEP UNDEEP)), .job = NULL},
    {"J1", "10 levels", TEXT(WITH("j1y", "\"x\":[[[[[[[[[[]]]]]]]]]]")), .job = "j1y"},
    {"J2", "a key twice", TEXT(WITH("j2", "\"job_id\":\"j2b\"")), .job = NULL},
    {"J3", "an array", TEXT("[{\"method\":\"job\",\"params\":" JOB("j3") "}]\n"), .job = NULL},
    {"J3", "a text, a number, nothing", TEXT("\"job\"\n1\nnull\ntrue\n"), .job = NULL},
    {"J4", "an empty object", TEXT("{}\n{}\n{}\n{}\n{}\n{}\n"), .job = NULL},
    {"J5", "1e999", TEXT(WITH("j5", "\"height\":1e999")), .job = NULL},
    {"J5", "000", TEXT(WITH("j5", "\"height\":000")), .job = NULL},
    {"J5", "2^64", TEXT(WITH("j5", "\"height\":18446744073709551616")), .job = NULL},
    {"J5", "-0 is 0", TEXT(WITH("j5", "\"height\":-0")), .job = "j5"},
    {"J5", "1.0 is no height", TEXT(WITH("j5", "\"height\":1.0")), .job = "j5"},
    {"J6", "a NUL, escaped", TEXT(WITH("j6", "\"x\":\"\\u0000\"")), .job = NULL},
    {"J6", "a NUL in an id", TEXT("{\"method\":\"job\",\"params\":" JOB("j\\u00006") "}\n"),
     .job = NULL},
    {"J7", "half a pair", TEXT(WITH("j7", "\"x\":\"\\ud800\"")), .job = NULL},
    {"J7", "the other half", TEXT(WITH("j7", "\"x\":\"\\udc00\"")), .job = NULL},
    {"J7", "bad UTF-8", TEXT(WITH("j7", "\"x\":\"\xff\"")), .job = NULL},
    {"J7", "UTF-8 that is too long", TEXT(WITH("j7", "\"x\":\"\xc0\x80\"")), .job = NULL},
    {"J7", "UTF-8 that ends early", TEXT(WITH("j7", "\"x\":\"\xe2\x82\"")), .job = NULL},
    {"J7", "a pair in UTF-8", TEXT(WITH("j7", "\"x\":\"\xed\xa0\x80\"")), .job = NULL},
    {"J8", "a comment", TEXT(WITH("j8", "\"x\":1/* c */")), .job = NULL},
    {"J8", "a comment behind", TEXT(HEAD("j8") TAIL " // c\n"), .job = NULL},
    {"J8", "a comma too many", TEXT(WITH("j8", "\"x\":[1,]")), .job = NULL},
    {"J8", "NaN", TEXT(WITH("j8", "\"x\":NaN")), .job = NULL},
    {"J8", "single quotes", TEXT(WITH("j8", "'x':1")), .job = NULL},
    {"J9", "keys in capitals", TEXT("{\"Method\":\"job\",\"Params\":" JOB("j9") "}\n"),
     .job = NULL},
    {"J9", "a capital in a job",
     TEXT("{\"method\":\"job\",\"params\":{\"Blob\":\"" BLOB "\",\"job_id\":\"j9\"" TAIL "\n"),
     .job = NULL},
    {"J10", "50,000 members", FILLED(WITH("j10", FILL "\"y\":1"), "\"k#\":1,", 50000), .job = NULL},
    {"J10", "as many members as fit", FILLED(WITH("j10", FILL "\"y\":1"), "\"k#\":1,", 1500),
     .job = "j10"},
};

TEST(badinput_client, json) {
    bad_client_play(json, PLAB_ARRAY_LEN(json));
}

/* ---- R: answers ---- */

#define LOGIN_AS(session, job, more) \
    "{\"id\":1,\"error\":null,\"result\":{\"id\":" session ",\"job\":" job more "}}\n"
#define ERROR(error) "{\"id\":2,\"error\":" error "}\n"
#define ANSWER(result) "{\"id\":2,\"error\":null,\"result\":" result "}\n"
#define REJECTED BAD_SUBMIT, .verdict = PLAB_SHARE_REJECTED

static const struct bad_reply answers[] = {
    {"R1", "the id as text",
     TEXT("{\"id\":\"1\",\"result\":{\"id\":\"s1\",\"job\":" JOB("j1") "}}\n"), BAD_LOGIN,
     .job = NULL},
    {"R1", "another text as id",
     TEXT("{\"id\":\"01\",\"result\":{\"id\":\"s1\",\"job\":" JOB("j1") "}}\n"), BAD_LOGIN,
     .ends = "no answer to a login"},
    {"R2", "ids that were never given",
     TEXT(OK("9") OK("0") OK("-1") OK("9223372036854775807") OK("3") OK("\"\"")), .job = NULL},
    {"R2", "an error for nobody", TEXT("{\"id\":0,\"error\":{\"message\":\"Unauthenticated\"}}\n"),
     .job = NULL},
    {"R2", "another id than the share's", TEXT(OK("3")), BAD_SUBMIT, .ends = "no answer to a share",
     .verdict = PLAB_SHARE_UNANSWERED},
    {"R3", "the answer twice", TEXT(OK("2") OK("2")), BAD_SUBMIT, .verdict = PLAB_SHARE_ACCEPTED},
    {"R3", "yes and no", TEXT(OK("2") ERROR("{\"message\":\"no\"}")), BAD_SUBMIT,
     .verdict = PLAB_SHARE_ACCEPTED},
    {"R3", "no and yes", TEXT(ERROR("{\"message\":\"no\"}") OK("2")), REJECTED, .reason = "no"},
    {"R4", "a second answer to the login", TEXT(LOGIN_AS("\"s2\"", JOB("r4"), "")), .job = NULL},
    {"R5", "an error without a message", TEXT(ERROR("{\"code\":-1}")), REJECTED,
     .reason = "error without a message"},
    {"R6", "a number as message", TEXT(ERROR("{\"message\":7}")), REJECTED,
     .reason = "error without a message"},
    {"R6", "an array as message", TEXT(ERROR("{\"message\":[\"OK\"]}")), REJECTED,
     .reason = "error without a message"},
    {"R6", "an object as message", TEXT(ERROR("{\"message\":{}}")), REJECTED,
     .reason = "error without a message"},
    {"R7", "a text as error", TEXT(ERROR("\"text\"")), REJECTED, .reason = "text"},
    {"R8", "error and result",
     TEXT("{\"id\":2,\"error\":{\"message\":\"x\"},\"result\":{\"status\":\"OK\"}}\n"), REJECTED,
     .reason = "x"},
    {"R9", "result null", TEXT(ANSWER("null")), REJECTED,
     .reason = "result is null, not an object"},
    {"R9", "result true", TEXT(ANSWER("true")), REJECTED,
     .reason = "result is true, not an object"},
    {"R9", "result OK", TEXT(ANSWER("\"OK\"")), REJECTED,
     .reason = "result is \"OK\", not an object"},
    {"R9", "result 1", TEXT(ANSWER("1")), REJECTED, .reason = "result is a number, not an object"},
    {"R9", "no result", TEXT("{\"id\":2}\n"), REJECTED,
     .reason = "result is missing, not an object"},
    {"R10", "a refusal in words of the pool's own",
     TEXT("{\"id\":1,\"error\":{\"code\":-1,\"message\":\"we don't like you\"}}\n"), BAD_LOGIN,
     .ends = "login refused: we don't like you"},
    {"R12", "a stale share", TEXT(ERROR("{\"message\":\"Invalid job id\"}")), BAD_SUBMIT,
     .verdict = PLAB_SHARE_STALE, .reason = "Invalid job id"},
    {"R13", "control characters and formats",
     TEXT(ERROR("{\"message\":\"\\u001b[2J%n%s%1000000d\\r\\n\xc2\x9b\"}")), REJECTED,
     .reason = "\\x1b[2J%n%s%1000000d\\x0d\\x0a\\xc2\\x9b"},
    {"R13", "15,000 characters", FILLED(ERROR("{\"message\":\"" FILL "\"}"), "x", 15000), REJECTED},
    {"R13", "60,000 characters are no answer",
     FILLED(ERROR("{\"message\":\"" FILL "\"}"), "x", 60000), BAD_SUBMIT,
     .ends = "no answer to a share", .verdict = PLAB_SHARE_UNANSWERED},
    {"R15", "a number as session", TEXT(LOGIN_AS("7", JOB("j1"), "")), BAD_LOGIN,
     .ends = "no usable session id"},
    {"R15", "null as session", TEXT(LOGIN_AS("null", JOB("j1"), "")), BAD_LOGIN,
     .ends = "no usable session id"},
    {"R15", "no session", TEXT("{\"id\":1,\"result\":{\"job\":" JOB("j1") "}}\n"), BAD_LOGIN,
     .ends = "no usable session id"},
    {"R15", "a session of 129 characters",
     FILLED(LOGIN_AS("\"" FILL "\"", JOB("j1"), ""), "s", 129), BAD_LOGIN,
     .ends = "no usable session id"},
    {"R15", "a session of 60,000 characters",
     FILLED(LOGIN_AS("\"" FILL "\"", JOB("j1"), ""), "s", 60000), BAD_LOGIN,
     .ends = "no answer to a login"},
    {"R15", "a session with quotes", TEXT(LOGIN_AS("\"a\\\"b\\\\,\"", JOB("j1"), "")), BAD_LOGIN,
     .session = "a\\\"b\\\\,"},
    {"R16", "no job", TEXT("{\"id\":1,\"result\":{\"id\":\"s1\"}}\n"), BAD_LOGIN,
     .ends = "the login's answer has no job"},
    {"R16", "an array as job", TEXT(LOGIN_AS("\"s1\"", "[]", "")), BAD_LOGIN,
     .ends = "has a bad job: job is an array"},
    {"R17", "a number as extensions", TEXT(LOGIN_AS("\"s1\"", JOB("j1"), ",\"extensions\":7")),
     BAD_LOGIN, .job = NULL},
    {"R17", "an object as extensions",
     TEXT(LOGIN_AS("\"s1\"", JOB("j1"), ",\"extensions\":{\"algo\":1}")), BAD_LOGIN, .job = NULL},
    {"R17", "numbers as extensions",
     TEXT(LOGIN_AS("\"s1\"", JOB("j1"), ",\"extensions\":[1,null,[]]")), BAD_LOGIN, .job = NULL},
    {"R18", "a job before the answer", TEXT(NOTIFY(JOB("r18")) LOGIN_OK("")), BAD_LOGIN,
     .job = NULL},
    {"R19", "a job with an id", TEXT("{\"id\":0,\"method\":\"job\",\"params\":" JOB("r19") "}\n"),
     .job = "r19"},
    {"R20", "notices of other kinds",
     TEXT("{\"method\":\"x\"}\n{\"id\":null,\"method\":\"y\",\"params\":{}}\n{\"method\":7}\n"
          "{\"id\":2,\"method\":\"login\",\"params\":[]}\n"),
     .job = NULL},
};

TEST(badinput_client, answers) {
    bad_client_play(answers, PLAB_ARRAY_LEN(answers));
}

/* ---- B: jobs ---- */

#define PARTS(blob, id, target, more)                                                             \
    "{\"method\":\"job\",\"params\":{\"blob\":" blob ",\"job_id\":" id ",\"target\":" target more \
    "}}\n"
#define Q(text) "\"" text "\""
#define TARGET(id, target) PARTS(Q(BLOB), Q(id), target, "")
#define SEED(id, seed) WITH(id, "\"seed_hash\":" seed)
#define BLOB_WITH(id, digits) PARTS(Q(digits), Q(id), Q("ffffff00"), "")

static const struct bad_reply jobs[] = {
    {"B1", "target 0", TEXT(TARGET("b1", Q("00000000"))), .job = NULL},
    {"B2", "target 0, long", TEXT(TARGET("b2", Q("0000000000000000"))), .job = NULL},
    {"B3", "target of 7 digits", TEXT(TARGET("b3", Q("1234567"))), .job = NULL},
    {"B3", "target of 3 bytes", TEXT(TARGET("b3", Q("123456"))), .job = NULL},
    {"B3", "target of 5 bytes", TEXT(TARGET("b3", Q("1234567890"))), .job = NULL},
    {"B3", "target of 7 bytes", TEXT(TARGET("b3", Q("12345678901234"))), .job = NULL},
    {"B3", "target of 9 bytes", TEXT(TARGET("b3", Q("ffffffffffffffffff"))), .job = NULL},
    {"B3", "target that isn't hex", TEXT(TARGET("b3", Q("fffffffg"))), .job = NULL},
    {"B3", "number as target", TEXT(TARGET("b3", "1000")), .job = NULL},
    {"B3", "empty target", TEXT(TARGET("b3", Q(""))), .job = NULL},
    {"B3", "no target", TEXT(HEAD("b3") "}}\n"), .job = NULL},
    {"B4", "every hash is a share", TEXT(TARGET("b4", Q("ffffffff"))), .job = "b4"},
    {"B5", "lowest target", TEXT(TARGET("b5", Q("01000000"))), .job = "b5"},
    {"B5", "lowest target, long", TEXT(TARGET("b5", Q("0100000000000000"))), .job = "b5"},
    {"B6", "blob of 42 bytes", TEXT(BLOB_WITH("b6", HEX64 "00112233445566778899")), .job = NULL},
    {"B6", "blob of 43 bytes", TEXT(BLOB_WITH("b6", HEX64 "0011223344556677889900")), .job = NULL},
    {"B6", "no blob", TEXT("{\"method\":\"job\",\"params\":{\"job_id\":\"b6\"" TAIL "\n"),
     .job = NULL},
    {"B7", "blob of 407 bytes", FILLED(BLOB_WITH("b7", FILL), "Aa", 407), .job = "b7"},
    {"B7", "blob of 408 bytes", FILLED(BLOB_WITH("b7", FILL), "Aa", 408), .job = NULL},
    {"B8", "odd number of digits", TEXT(BLOB_WITH("b8", BLOB "0")), .job = NULL},
    {"B8", "blob that isn't hex", TEXT(BLOB_WITH("b8", BLOB "0g")), .job = NULL},
    {"B8", "capitals", TEXT(BLOB_WITH("b8", BLOB "FF")), .job = "b8"},
    {"B9", "77 bytes", TEXT(BLOB_WITH("b9", BLOB "01")), .job = "b9"},
    {"B10", "varints that put the nonce elsewhere",
     FILLED(BLOB_WITH("b10", "1010" FILL BLOB), "ff", 9), .job = "b10"},
    {"B11", "a nonce that is there already", FILLED(BLOB_WITH("b11", FILL), "fe", 76),
     .job = "b11"},
    {"B12", "job id of 5000 characters",
     FILLED(PARTS(Q(BLOB), Q(FILL), Q("ffffff00"), ""), "i", 5000), .job = NULL},
    {"B12", "job id of 129 characters",
     FILLED(PARTS(Q(BLOB), Q(FILL), Q("ffffff00"), ""), "i", 129), .job = NULL},
    {"B12", "job id with a line end", TEXT(PARTS(Q(BLOB), Q("b\\n12"), Q("ffffff00"), "")),
     .job = NULL},
    {"B12", "job id with quotes", TEXT(PARTS(Q(BLOB), Q("b\\\"12\\\\"), Q("ffffff00"), "")),
     .job = "b\"12\\"},
    {"B12", "empty job id", TEXT(PARTS(Q(BLOB), Q(""), Q("ffffff00"), "")), .job = ""},
    {"B13", "the same job again", TEXT(NOTIFY(JOB("j1")) NOTIFY(JOB("j1"))), .job = NULL},
    {"B14", "another blob under the same id", TEXT(BLOB_WITH("j1", BLOB "00")), .job = "j1"},
    {"B15", "2000 jobs", FILLED(FILL, PARTS(Q(BLOB), Q("n#"), Q("ffffff00"), ""), 2000),
     .job = "n1999", .jobs_max = 2000},
    {"B17", "seed of 63 digits", TEXT(SEED("b17", Q(HEX32 "00112233445566778899aabbccddeef"))),
     .job = NULL},
    {"B17", "seed of 65 digits", TEXT(SEED("b17", Q(HEX64 "0"))), .job = NULL},
    {"B17", "seed that isn't hex", TEXT(SEED("b17", Q(HEX32 "00112233445566778899aabbccddeefg"))),
     .job = NULL},
    {"B17", "number as seed", TEXT(SEED("b17", "7")), .job = NULL},
    {"B18", "number as algorithm", TEXT(WITH("b18", "\"algo\":7")), .job = NULL},
    {"B18", "empty algorithm", TEXT(WITH("b18", "\"algo\":\"\"")), .job = NULL},
    {"B20", "height -1", TEXT(WITH("b20", "\"height\":-1")), .job = "b20"},
    {"B20", "text as height", TEXT(WITH("b20", "\"height\":\"123\"")), .job = "b20"},
    {"B20", "height 1.5", TEXT(WITH("b20", "\"height\":1.5")), .job = "b20"},
    {"B20", "height 2^64 - 1", TEXT(WITH("b20", "\"height\":18446744073709551615")), .job = NULL},
    {"B21", "a key to sign with, of some size", TEXT(WITH("b21", "\"sig_key\":\"00\"")),
     .job = "b21"},
    {"B22", "height 2^63 - 1", TEXT(WITH("b22", "\"height\":9223372036854775807")), .job = "b22"},
    {"B24", "a job to be made by the miner",
     TEXT("{\"method\":\"job\",\"params\":{\"job_id\":\"b24\",\"extra_nonce\":\"00\","
          "\"pool_wallet\":\"w\"" TAIL "\n"),
     .job = NULL},
    {"B24", "a template of 300 KB", FILLED(BLOB_WITH("b24", FILL), "00", 150000), .job = NULL},
};

TEST(badinput_client, jobs) {
    bad_client_play(jobs, PLAB_ARRAY_LEN(jobs));
}

/* ---- K: control ---- */

#define RECONNECT(params) "{\"method\":\"client.reconnect\",\"params\":" params "}\n"

static const struct bad_reply control[] = {
    {"K1", "to a public address", TEXT(RECONNECT("[\"8.8.8.8\",\"3333\"]")), .job = NULL},
    {"K1", "to a mapped public address", TEXT(RECONNECT("[\"::ffff:8.8.8.8\",\"3333\"]")),
     .job = NULL},
    {"K1", "to a name", TEXT(RECONNECT("[\"pool.example.org\",\"3333\"]")), .job = NULL},
    {"K1", "to anywhere", TEXT(RECONNECT("[\"0.0.0.0\",\"3333\"]")), .job = NULL},
    {"K2", "port as number", TEXT(RECONNECT("[\"127.0.0.1\",3333]")), .job = NULL},
    {"K2", "one parameter", TEXT(RECONNECT("[\"127.0.0.1\"]")), .job = NULL},
    {"K2", "three parameters", TEXT(RECONNECT("[\"127.0.0.1\",\"3333\",\"0\"]")), .job = NULL},
    {"K2", "no host", TEXT(RECONNECT("[\"\",\"3333\"]")), .job = NULL},
    {"K2", "port 0", TEXT(RECONNECT("[\"127.0.0.1\",\"0\"]")), .job = NULL},
    {"K2", "port 99999", TEXT(RECONNECT("[\"127.0.0.1\",\"99999\"]")), .job = NULL},
    {"K2", "no address", TEXT(RECONNECT("[\"[::1]\",\"3333\"]")), .job = NULL},
    {"K2", "an object", TEXT(RECONNECT("{\"host\":\"127.0.0.1\",\"port\":\"3333\"}")), .job = NULL},
    {"K3", "100 at once, to a public address", FILLED(FILL, RECONNECT("[\"8.8.8.8\",\"3#\"]"), 100),
     .job = NULL},
    {"K3", "100 at once, to another port", FILLED(FILL, RECONNECT("[\"127.0.0.1\",\"1\"]"), 100),
     .ends = "the pool moved to 127.0.0.1:1"},
    {"K4", "Bitcoin's messages",
     TEXT("{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"1\",\"00\",\"00\",\"00\",[],"
          "\"1\",\"1d00ffff\",\"5f5e1000\",true]}\n"
          "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[1]}\n"
          "{\"id\":null,\"method\":\"mining.set_extranonce\",\"params\":[\"08000002\",4]}\n"
          "{\"id\":null,\"method\":\"client.show_message\",\"params\":[\"hello\"]}\n"
          "{\"id\":7,\"method\":\"client.get_version\",\"params\":[]}\n"),
     .job = NULL},
};

TEST(badinput_client, control) {
    bad_client_play(control, PLAB_ARRAY_LEN(control));
}

/* ---- what takes more than bytes ---- */

static struct bench bench;
static SSL_CTX *tls;

static void open_bad_bench(bool with_tls, fake_line_fn *on_line) {
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, on_line, NULL);
    tls = tls_peer_context(tls_lab_server(), TLS1_2_VERSION, TLS1_3_VERSION);
    bench.pool[0].tls = with_tls ? tls : NULL;
}

static void close_bad_bench(void) {
    close_bench(&bench);
    SSL_CTX_free(tls);
}

static void login_and_stop_reading(struct fake_conn *conn, const char *line) {
    (void)line;
    fake_say(conn, "%s", LOGIN_OK(""));
    uv_read_stop((uv_stream_t *)&conn->tcp);
}

TEST(badinput_client, F20_a_pool_that_never_reads) {
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        unsigned sent = 0;
        open_bad_bench(with_tls, login_and_stop_reading);
        bench.config.reply_timeout_ms = 300;
        bench.config.submit_burst = 1e9;
        bench.config.retry_base_ms = 60000;
        start_client(&bench, 1);
        run_until(&bench, is_online, 5000);
        struct plab_client_share share = share_for(&bench, 0);
        while (plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT) {
            CHECK(++sent < 10000); /* what waits is bounded */
        }
        run_until(&bench, has_failed, 5000);
        CHECK_MSG(bench.verdicts[PLAB_SHARE_UNANSWERED] == sent, "%u of %u",
                  bench.verdicts[PLAB_SHARE_UNANSWERED], sent);
        close_bad_bench();
    }
}

/* The second session is answered what was asked in the first, before its own. */
static void answer_late(struct fake_conn *conn, const char *line) {
    int id = 0;
    CHECK(sscanf(line, "{\"id\":%d,", &id) == 1);
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK(""));
    } else if (conn->pool->connections == 1) {
        fake_hang_up(conn);
    } else {
        fake_say(conn, OK("2") "{\"id\":%d,\"error\":{\"message\":\"no\"}}\n", id);
    }
}

static bool has_two_verdicts(const struct bench *at) {
    return at->verdicts[PLAB_SHARE_UNANSWERED] + at->verdicts[PLAB_SHARE_REJECTED] +
               at->verdicts[PLAB_SHARE_ACCEPTED] ==
           2;
}

TEST(badinput_client, R14_answers_of_an_earlier_session) {
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        open_bad_bench(with_tls, answer_late);
        start_client(&bench, 1);
        run_until(&bench, is_online, 5000);
        struct plab_client_share share = share_for(&bench, 1);
        CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
        run_until(&bench, has_failed, 5000);
        bench.online = bench.jobs = 0;
        run_until(&bench, is_online, 5000);
        share = share_for(&bench, 2);
        CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
        run_until(&bench, has_two_verdicts, 5000);
        CHECK(bench.verdicts[PLAB_SHARE_UNANSWERED] == 1);
        CHECK(bench.verdicts[PLAB_SHARE_REJECTED] == 1);
        CHECK_STR(bench.reason, "no");
        close_bad_bench();
    }
}

/* The pool of Y8: counts keepalives and answers them. */
static unsigned keepalives;
static void answer_keepalives(struct fake_conn *conn, const char *line) {
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK("\"keepalive\""));
        return;
    }
    CHECK(strstr(line, "\"keepalived\"") != NULL);
    keepalives++;
    fake_say(conn, "{\"id\":%u,\"error\":null,\"result\":{\"status\":\"KEEPALIVED\"}}\n",
             conn->lines);
}

static bool has_keepalive(const struct bench *at) {
    (void)at;
    return keepalives > 0;
}

/* A machine that slept: the loop stands still for many intervals, then goes on. */
TEST(badinput_client, Y8_no_burst_after_a_gap) {
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        keepalives = 0;
        open_bad_bench(with_tls, answer_keepalives);
        bench.config.keepalive_ms = 200;
        start_client(&bench, 1);
        run_until(&bench, is_online, 5000);
        plab_clock_sleep_ns(UINT64_C(700000000));
        uint64_t woke_ns = plab_clock_ns();
        run_until(&bench, has_keepalive, 5000);
        for (int i = 0; i < 20; i++) {
            uv_run(&bench.loop, UV_RUN_NOWAIT);
        }
        uint64_t awake_ms = (plab_clock_ns() - woke_ns) / 1000000;
        CHECK_MSG(keepalives <= 1 + awake_ms / 200 && bench.offline == 0, "%u", keepalives);
        close_bad_bench();
    }
}
