/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client may say to the pool, however bad. P connections, J JSON, L logins, S shares;
 * tests/badinput.md lists all cases. Each is played plain and within TLS, whole and byte by byte.
 */
#include "base/attr.h"
#include "stratum/msg.h"
#include "tests/harness.h"
#include "tests/unit/badinput.h"

#define ASK(id, method, params) "{\"id\":" id ",\"method\":" method ",\"params\":" params "}\n"
#define LOGIN(params) ASK("1", "\"login\"", params)
#define KEEPALIVED(id) ASK(id, "\"keepalived\"", "{\"id\":\"" SESSION "\"}")
#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* ---- P: connections ---- */

static const struct bad_request connections[] = {
    {"P4", "a line without end", FILLED("{\"x\":\"" FILL, "x", 60000), true, .closes = true,
     .answers = ""},
    {"P4", "a login that is too long",
     FILLED(LOGIN("{\"login\":\"w\",\"x\":\"" FILL "\"}"), "x", 16384), true, .closes = true,
     .answers = ""},
    {"P4", "blanks without end", FILLED("{" FILL, " ", 60000), true, .closes = true, .answers = ""},
    {"P5", "requests of 2 KiB in one segment",
     FILLED(ASK("1", "\"keepalived\"", "{\"id\":\"" SESSION "\",\"x\":\"" FILL "\"}")
                KEEPALIVED("2") KEEPALIVED("3"),
            X32, 64),
     .answers = "OK|OK|OK"},
    {"P7", "a half-close after a request", TEXT(KEEPALIVED("1")), .half_close = true,
     .closes = true, .answers = "OK"},
    {"P7", "a half-close after a login", TEXT(LOGIN("{\"login\":\"w\"}")), true, .half_close = true,
     .closes = true, .answers = "OK"},
    {"P7", "a half-close within a request", TEXT("{\"id\":1,\"method\":\"keep"), .half_close = true,
     .closes = true, .answers = ""},
    {"P9", "a browser", TEXT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), true, .closes = true,
     .answers = ""},
    {"P9", "a TLS hello", BYTES("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), true, .closes = true,
     .answers = ""},
    {"P9", "SSH", TEXT("SSH-2.0-OpenSSH_9.2\r\n"), true, .closes = true, .answers = ""},
    {"P9", "SMB", BYTES("\0\0\0\x85\xffSMBr\0\0\0\0"), true, .closes = true, .answers = ""},
    {"P10", "PROXY, version 1",
     TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n" LOGIN("{\"login\":\"w\"}")), true,
     .closes = true, .answers = ""},
    {"P10", "PROXY, unknown", TEXT("PROXY UNKNOWN\r\n" LOGIN("{\"login\":\"w\"}")), true,
     .closes = true, .answers = ""},
    {"P10", "PROXY, version 2",
     BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x05\0\x06" LOGIN(
         "{\"login\":\"w\"}")),
     true, .closes = true, .answers = ""},
    {"P10", "PROXY after the login", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n"), .closes = true,
     .answers = ""},
};

TEST(badinput_pool, connections) {
    bad_pool_play(connections, PLAB_ARRAY_LEN(connections));
}

/* ---- J: JSON. Logins that would succeed if only their JSON were right ---- */

#define BAD_JSON true, .closes = true, .answers = ""
#define LOGIN_WITH(more) LOGIN("{\"login\":\"w\"," more "}")

static const struct bad_request json[] = {
    {"J1", "60,000 brackets", FILLED(LOGIN_WITH("\"x\":" FILL), "[", 60000), BAD_JSON},
    {"J1", "brackets within the line's limit", FILLED(LOGIN_WITH("\"x\":" FILL), "[", 8000),
     BAD_JSON},
    {"J1", "20 levels that are closed",
     TEXT(LOGIN_WITH("\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]")), BAD_JSON},
    {"J1", "10 levels", TEXT(LOGIN_WITH("\"x\":[[[[[[[[[[]]]]]]]]]]")), true, .answers = "OK"},
    {"J2", "a key twice", TEXT(LOGIN_WITH("\"login\":\"v\"")), BAD_JSON},
    {"J3", "an array", TEXT("[{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}]\n"),
     BAD_JSON},
    {"J3", "null", TEXT(" null\n"), BAD_JSON},
    {"J4", "an empty object", TEXT("{}\n"), BAD_JSON},
    {"J5", "1e999", TEXT(LOGIN_WITH("\"x\":1e999")), BAD_JSON},
    {"J5", "000", TEXT(LOGIN_WITH("\"x\":000")), BAD_JSON},
    {"J5", "2^64", TEXT(LOGIN_WITH("\"x\":18446744073709551616")), BAD_JSON},
    {"J5", "1.0 as id", TEXT(ASK("1.0", "\"login\"", "{\"login\":\"w\"}")), BAD_JSON},
    {"J5", "-0 and 1.0 where they don't matter", TEXT(LOGIN_WITH("\"x\":-0,\"y\":1.0")), true,
     .answers = "OK"},
    {"J6", "a NUL, escaped", TEXT(LOGIN("{\"login\":\"w\\u0000\"}")), BAD_JSON},
    {"J6", "a NUL as it is", BYTES(LOGIN("{\"login\":\"w\0\"}")), BAD_JSON},
    {"J7", "half a pair", TEXT(LOGIN_WITH("\"x\":\"\\ud800\"")), BAD_JSON},
    {"J7", "bad UTF-8", TEXT(LOGIN_WITH("\"x\":\"\xff\"")), BAD_JSON},
    {"J7", "UTF-8 that is too long", TEXT(LOGIN_WITH("\"x\":\"\xc0\x80\"")), BAD_JSON},
    {"J7", "a pair in UTF-8", TEXT(LOGIN_WITH("\"x\":\"\xed\xa0\x80\"")), BAD_JSON},
    {"J8", "a comment", TEXT(LOGIN_WITH("/* c */\"x\":1")), BAD_JSON},
    {"J8", "a comma too many", TEXT(LOGIN_WITH("\"x\":[1,]")), BAD_JSON},
    {"J8", "NaN", TEXT(LOGIN_WITH("\"x\":NaN")), BAD_JSON},
    {"J8", "single quotes", TEXT(LOGIN_WITH("'x':1")), BAD_JSON},
    {"J8", "two objects on a line", TEXT("{\"id\":1,\"method\":\"x\"}" LOGIN("{\"login\":\"w\"}")),
     BAD_JSON},
    {"J9", "keys in capitals",
     TEXT("{\"id\":1,\"Method\":\"login\",\"params\":{\"login\":\"w\"}}\n"), true,
     .answers = "method is missing, not a string"},
    {"J9", "a parameter in capitals", TEXT(LOGIN("{\"Login\":\"w\"}")), true, .closes = true,
     .answers = "~login is missing"},
    {"J10", "50,000 members", FILLED(LOGIN_WITH(FILL "\"y\":1"), "\"k#\":1,", 50000), BAD_JSON},
    {"J10", "as many members as fit", FILLED(LOGIN_WITH(FILL "\"y\":1"), "\"k#\":1,", 1500), true,
     .answers = "OK"},
    {"J11", "methods that are names of JavaScript's",
     TEXT(ASK("1", "\"__proto__\"", "{}") ASK("2", "\"constructor\"", "{}")
              ASK("3", "\"toString\"", "{}") ASK("4", "\"\"", "{}") ASK("5", "\"Login\"", "{}")),
     true, .answers = "Unknown method|Unknown method|Unknown method|Unknown method|Unknown method"},
    {"J12", "methods that are no texts",
     TEXT(ASK("1", "7", "{}") ASK("2", "null", "{}") ASK("3", "[]", "{}") ASK("4", "{}", "{}")),
     true,
     .answers = "method is a number, not a string|method is null, not a string|"
                "method is an array, not a string|method is an object, not a string"},
    {"J13", "no parameters", TEXT("{\"id\":1,\"method\":\"login\"}\n"), true, .closes = true,
     .answers = "params is missing, not an object"},
    {"J13", "null as parameters", TEXT(LOGIN("null")), true, .closes = true,
     .answers = "params is null, not an object"},
    {"J13", "an array as parameters", TEXT(LOGIN("[\"w\"]")), true, .closes = true,
     .answers = "params is an array, not an object"},
    {"J13", "a text as parameters", TEXT(LOGIN("\"w\"")), true, .closes = true,
     .answers = "params is \"w\", not an object"},
    {"J13", "none for a share and others",
     TEXT("{\"id\":1,\"method\":\"submit\"}\n" ASK("2", "\"keepalived\"", "null")
              ASK("3", "\"getjob\"", "[]")),
     .answers =
         "~params is missing|params is null, not an object|params is an array, not an object"},
};

TEST(badinput_pool, json) {
    bad_pool_play(json, PLAB_ARRAY_LEN(json));
}

/* ---- L: logins ---- */

#define SUBMIT_AS(id, session, job, nonce, result, more)                                         \
    ASK(id, "\"submit\"",                                                                        \
        "{\"id\":\"" session "\",\"job_id\":" job ",\"nonce\":" nonce ",\"result\":" result more \
        "}")
#define Q(text) "\"" text "\""
#define ZEROS8 "00000000"
#define ZEROS ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8
#define REFUSED true, .closes = true, .answers
#define WELCOME true, .answers = "OK"
#define WISH(text) \
    TEXT(LOGIN("{\"login\":\"w\",\"pass\":\"" text "\"}")), REFUSED = "~Fixed difficulty is not"
#define PLUS(text) TEXT(LOGIN("{\"login\":\"w+" text "\"}")), REFUSED = "~Fixed difficulty is not"

static const struct bad_request logins[] = {
    {"L1", "requests before the login",
     TEXT(SUBMIT_AS("1", "", Q("0"), Q(ZEROS8), Q(ZEROS), "") ASK("2", "\"getjob\"", "{}")
              ASK("3", "\"keepalived\"", "{\"id\":\"\"}") ASK("4", "\"submit\"", "{}")),
     true, .answers = "Unauthenticated|Unauthenticated|Unauthenticated|Unauthenticated"},
    {"L2", "a second login", TEXT(LOGIN("{\"login\":\"w\"}") KEEPALIVED("2")),
     .answers = "Already logged in|OK"},
    {"L2", "two logins at once",
     TEXT(LOGIN("{\"login\":\"w\"}") ASK("2", "\"login\"", "{\"login\":\"v\"}")), true,
     .answers = "OK|Already logged in"},
    {"L3", "no login", TEXT(LOGIN("{}")), REFUSED = "~login is missing"},
    {"L3", "a number as login", TEXT(LOGIN("{\"login\":7}")), REFUSED = "~login is a number"},
    {"L3", "null as login", TEXT(LOGIN("{\"login\":null}")), REFUSED = "~login is null"},
    {"L3", "an empty login", TEXT(LOGIN("{\"login\":\"\"}")), REFUSED = "~login is \"\""},
    {"L3", "256 characters", FILLED(LOGIN("{\"login\":\"" FILL "\"}"), "x", 256), WELCOME},
    {"L3", "257 characters", FILLED(LOGIN("{\"login\":\"" FILL "\"}"), "x", 257),
     REFUSED = "~login is \"xxx"},
    {"L3", "60,000 characters", FILLED(LOGIN("{\"login\":\"" FILL "\"}"), "x", 60000),
     REFUSED = ""},
    {"L3", "control characters", TEXT(LOGIN("{\"login\":\"a\\u001b[2J\"}")),
     REFUSED = "~login is \"a\\x1b[2J\""},
    {"L3", "a format", TEXT(LOGIN("{\"login\":\"%s%n%1000000d\"}")), WELCOME},
    {"L4", "0", WISH("d=0")},
    {"L4", "-1", WISH("d=-1")},
    {"L4", "20 digits", WISH("d=99999999999999999999")},
    {"L4", "0x10", WISH("d=0x10")},
    {"L4", "abc", WISH("d=abc")},
    {"L4", "nothing", WISH("d=")},
    {"L5", "NaN", PLUS("NaN")},
    {"L5", "1e400", PLUS("1e400")},
    {"L5", "0", PLUS("0")},
    {"L5", "-5", PLUS("-5")},
    {"L5", "1.5", PLUS("1.5")},
    {"L6", "objects as agent and rig",
     TEXT(LOGIN("{\"login\":\"w\",\"agent\":{},\"rigid\":[1],\"pass\":7}")), WELCOME},
    {"L6", "an agent that is too long, of characters of three bytes",
     FILLED(LOGIN("{\"login\":\"w\",\"agent\":\"" FILL "\"}"), "\xe2\x82\xac", 5000), WELCOME},
    {"L6", "an agent of 60,000 characters",
     FILLED(LOGIN("{\"login\":\"w\",\"agent\":\"" FILL "\"}"), "x", 60000), REFUSED = ""},
    {"L7", "1000 algorithms, ours not among the first",
     FILLED(LOGIN("{\"login\":\"w\",\"algo\":[" FILL "\"mini-cn\"]}"), "\"a#\",", 1000),
     REFUSED = "~No compatible algorithm"},
    {"L7", "no texts as algorithms",
     TEXT(LOGIN("{\"login\":\"w\",\"algo\":[1,[\"mini-cn\"],null,{}]}")), WELCOME},
    {"L7", "a text as list", TEXT(LOGIN("{\"login\":\"w\",\"algo\":\"rx/0\"}")), WELCOME},
    {"L7", "10,000 algorithms",
     FILLED(LOGIN("{\"login\":\"w\",\"algo\":[" FILL "1]}"), "\"a#\",", 10000), REFUSED = ""},
    {"L8", "a proxy by its own account",
     TEXT(LOGIN("{\"login\":\"w\",\"agent\":\"xmr-node-proxy/0.0.3\"}")
              SUBMIT_AS("2", "0", Q("0"), Q(ZEROS8), Q(ZEROS), "")),
     true, .answers = "OK|Unauthenticated"},
    {"L8", "NiceHash by its own account",
     TEXT(LOGIN("{\"login\":\"w+5\",\"agent\":\"NiceHash/1.0.0\"}")), WELCOME},
    {"L9", "a miner that makes its own templates",
     TEXT(LOGIN("{\"login\":\"w\",\"mode\":\"self-select\"}")), WELCOME},
    {"L9", "templates that nobody asked for",
     TEXT(ASK("1", "\"block_template\"",
              "{\"id\":\"" SESSION "\",\"job_id\":\"" JOB_ID "\",\"blob\":\"00\",\"height\":-1,"
              "\"difficulty\":0,\"prev_hash\":\"\"}") ASK("2", "\"block_template\"", "[]")
              ASK("3", "\"block_template\"", "null")),
     .answers = "Unknown method|Unknown method|Unknown method"},
    {"L10", "another pool's address", TEXT(LOGIN("{\"login\":\"w\",\"url\":\"donate.xmrig.com\"}")),
     WELCOME},
    {"L10", "a public address", TEXT(LOGIN("{\"login\":\"w\",\"url\":\"8.8.8.8:3333\"}")), WELCOME},
    {"L11", "a text as id", TEXT(ASK("\"a\\\"b\"", "\"login\"", "{\"login\":\"w\"}")), WELCOME},
    {"L11", "1.5 as id", TEXT(ASK("1.5", "\"login\"", "{\"login\":\"w\"}")), REFUSED = ""},
    {"L11", "an object as id", TEXT(ASK("{}", "\"login\"", "{\"login\":\"w\"}")), REFUSED = ""},
    {"L11", "no id", TEXT("{\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n"), REFUSED = ""},
    {"L11", "2^63 as id", TEXT(ASK("9223372036854775808", "\"login\"", "{\"login\":\"w\"}")),
     REFUSED = ""},
    {"L11", "a text of 129 characters as id",
     FILLED(ASK("\"" FILL "\"", "\"login\"", "{\"login\":\"w\"}"), "i", 129), REFUSED = ""},
};

TEST(badinput_pool, logins) {
    bad_pool_play(logins, PLAB_ARRAY_LEN(logins));
}

/* ---- S: shares ---- */

#define SUBMIT(id, job, nonce, result) SUBMIT_AS(id, SESSION, job, nonce, result, "")
#define GOOD(id) SUBMIT(id, Q(JOB_ID), Q(NONCE), Q(RESULT))
#define NONCE_IS(nonce) TEXT(SUBMIT("1", Q(JOB_ID), nonce, Q(RESULT))), .answers = "~nonce is"
#define RESULT_IS(result) TEXT(SUBMIT("1", Q(JOB_ID), Q(NONCE), result)), .answers = "~result is"

static const struct bad_request shares[] = {
    {"S1", "a nonce twice", TEXT(GOOD("1") GOOD("2")), .answers = "OK|Duplicate share"},
    {"S1", "a nonce twice with another result",
     TEXT(GOOD("1") SUBMIT("2", Q(JOB_ID), Q(NONCE), Q(ZEROS))), .answers = "OK|Duplicate share"},
    {"S2", "0x", NONCE_IS("\"0x" NONCE "\"")},
    {"S2", "a blank", NONCE_IS("\" " NONCE "\"")},
    {"S2", "a sign", NONCE_IS("\"+" NONCE "\"")},
    {"S2", "10 digits", NONCE_IS("\"" NONCE "00\"")},
    {"S2", "7 digits", NONCE_IS("\"0000000\"")},
    {"S2", "no hex", NONCE_IS("\"0000000g\"")},
    {"S2", "a number", NONCE_IS("0")},
    {"S2", "none",
     TEXT(ASK("1", "\"submit\"",
              "{\"id\":\"" SESSION "\",\"job_id\":\"" JOB_ID "\",\"result\":\"" RESULT "\"}")),
     .answers = "~nonce is missing"},
    {"S3", "a neighbour's share for the own job",
     TEXT(SUBMIT("1", Q(JOB_ID), Q(OTHER_NONCE), Q(OTHER_RESULT))), .answers = "Invalid share"},
    {"S3", "a neighbour's share and job",
     TEXT(SUBMIT("1", Q(OTHER_JOB), Q(OTHER_NONCE), Q(OTHER_RESULT))), .answers = "Invalid job id"},
    {"S3", "a neighbour's share in his name",
     TEXT(SUBMIT_AS("1", OTHER_SESSION, Q(OTHER_JOB), Q(OTHER_NONCE), Q(OTHER_RESULT), "")),
     .answers = "Unauthenticated"},
    {"S6", "a job that never was", TEXT(SUBMIT("1", Q("ffffffffffff"), Q(NONCE), Q(RESULT))),
     .answers = "Invalid job id"},
    {"S6", "no job's id", TEXT(SUBMIT("1", Q(""), Q(NONCE), Q(RESULT))),
     .answers = "Invalid job id"},
    {"S6", "a number as job", TEXT(SUBMIT("1", "7", Q(NONCE), Q(RESULT))),
     .answers = "~job_id is a number"},
    {"S6", "a job's id of 10,000 characters",
     FILLED(SUBMIT("1", Q(FILL), Q(NONCE), Q(RESULT)), "j", 10000), .answers = "~job_id is \"jjj"},
    {"S6", "a job's id of 60,000 characters",
     FILLED(SUBMIT("1", Q(FILL), Q(NONCE), Q(RESULT)), "j", 60000), .closes = true, .answers = ""},
    {"S7", "result 0", TEXT(SUBMIT("1", Q(JOB_ID), Q(NONCE), Q(ZEROS))),
     .answers = "Invalid share"},
    {"S7", "result 0 for a nonce that isn't good",
     TEXT(SUBMIT("1", Q(JOB_ID), Q(LOW_NONCE), Q(ZEROS))), .answers = "Invalid share"},
    {"S8", "a good result for another nonce", TEXT(SUBMIT("1", Q(JOB_ID), Q(LOW_NONCE), Q(RESULT))),
     .answers = "Invalid share"},
    {"S9", "a share that is too low", TEXT(SUBMIT("1", Q(JOB_ID), Q(LOW_NONCE), Q(LOW_RESULT))),
     .answers = "Low difficulty share"},
    {"S10", "63 digits",
     RESULT_IS("\"000000000000000000000000000000000000000000000000000000000000000\"")},
    {"S10", "66 digits", RESULT_IS("\"" RESULT "00\"")},
    {"S10", "no hex",
     RESULT_IS("\"" ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 "0000000g\"")},
    {"S10", "a number", RESULT_IS("0")},
    {"S10", "none",
     TEXT(ASK("1", "\"submit\"",
              "{\"id\":\"" SESSION "\",\"job_id\":\"" JOB_ID "\",\"nonce\":\"" NONCE "\"}")),
     .answers = "~result is missing"},
    {"S12", "a commitment where there is none, of the wrong size",
     TEXT(SUBMIT_AS("1", SESSION, Q(JOB_ID), Q(NONCE), Q(RESULT), ",\"commitment\":\"00\"")),
     .answers = "~commitment is"},
    {"S12", "another algorithm",
     TEXT(SUBMIT_AS("1", SESSION, Q(JOB_ID), Q(NONCE), Q(RESULT), ",\"algo\":\"rx/0\"")),
     .answers = "Incorrect algorithm"},
    {"S13", "nonces of a proxy, of any kind",
     TEXT(SUBMIT_AS("1", SESSION, Q(JOB_ID), Q(NONCE), Q(RESULT),
                    ",\"poolNonce\":-1,\"workerNonce\":1.5e300")),
     .answers = "OK"},
    {"S13", "nonces of a proxy above 32 bits do no harm to the next share",
     TEXT(SUBMIT_AS("1", SESSION, Q(JOB_ID), Q(LOW_NONCE), Q(LOW_RESULT),
                    ",\"poolNonce\":1099511627776,\"workerNonce\":\"x\"") GOOD("2")),
     .answers = "Low difficulty share|OK"},
    {"S15", "a neighbour's session",
     TEXT(SUBMIT_AS("1", OTHER_SESSION, Q(JOB_ID), Q(NONCE), Q(RESULT), "")
              ASK("2", "\"getjob\"", "{\"id\":\"" OTHER_SESSION "\"}")
                  ASK("3", "\"keepalived\"", "{\"id\":\"" OTHER_SESSION "\"}") GOOD("4")),
     .answers = "Unauthenticated|Unauthenticated|Unauthenticated|OK"},
    {"S15", "a number as session",
     TEXT(ASK("1", "\"submit\"",
              "{\"id\":7,\"job_id\":\"" JOB_ID "\",\"nonce\":\"" NONCE "\",\"result\":\"" RESULT
              "\"}")),
     .answers = "~id is a number"},
};

TEST(badinput_pool, shares) {
    bad_pool_play(shares, PLAB_ARRAY_LEN(shares));
}
