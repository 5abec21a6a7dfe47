/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes on the wire. Sizes were measured on XMRig 6.26.0 against a pool on loopback. */
#include "base/bytes.h"
#include "base/hex.h"
#include "stratum/msg.h"
#include "stratum/target.h"
#include "tests/harness.h"

/* What a CPU-only XMRig 6.26.0 lists. */
static const char *const xmrig_algos[] = {
    "cn/0",        "cn/1",      "cn/2",       "cn/r",          "cn/fast",         "cn/half",
    "cn/xao",      "cn/rto",    "cn/rwz",     "cn/zls",        "cn/double",       "cn/ccx",
    "cn-lite/0",   "cn-lite/1", "cn-heavy/0", "cn-heavy/tube", "cn-heavy/xhv",    "cn-pico",
    "cn-pico/tlo", "cn/upx2",   "rx/0",       "rx/2",          "rx/wow",          "rx/arq",
    "rx/graft",    "rx/sfx",    "rx/yada",    "argon2/chukwa", "argon2/chukwav2", "argon2/ninja",
    "ghostrider"};

#define AGENT "XMRig/6.26.0 (Linux x86_64) libuv/1.44.2 gcc/12.2.0"

static struct plab_stratum_login xmrig_login(const char *user) {
    struct plab_stratum_login login = {.pass = "x", .agent = AGENT};
    snprintf(login.login, sizeof login.login, "%s", user);
    login.algo_count = PLAB_ARRAY_LEN(xmrig_algos);
    for (size_t i = 0; i < login.algo_count; i++) {
        snprintf(login.algo[i], sizeof login.algo[i], "%s", xmrig_algos[i]);
    }
    return login;
}

TEST(stratum_build, login_has_xmrigs_size) {
    char out[2048], address[96];
    struct plab_stratum_login login = xmrig_login("labuser1");
    CHECK_U64(plab_stratum_build_login(out, sizeof out, 1, &login), 485);
    CHECK_U64(strlen(out), 485);
    snprintf(login.rig_id, sizeof login.rig_id, "rig7");
    CHECK_U64(plab_stratum_build_login(out, sizeof out, 1, &login), 500);
    memset(address, '4', 95);
    address[95] = '\0';
    login = xmrig_login(address);
    CHECK_U64(plab_stratum_build_login(out, sizeof out, 1, &login), 572);
}

TEST(stratum_build, login_bytes) {
    struct plab_stratum_login login = {
        .login = "lab", .pass = "x", .agent = "a/1", .algo_count = 2};
    strcpy(login.algo[0], "rx/0");
    strcpy(login.algo[1], "cn/r");
    char out[512];
    CHECK(plab_stratum_build_login(out, sizeof out, 1, &login) > 0);
    CHECK_STR(out,
              "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"lab\","
              "\"pass\":\"x\",\"agent\":\"a/1\",\"algo\":[\"rx/0\",\"cn/r\"]}}\n");
    login.algo_count = 0;
    strcpy(login.rig_id, "r");
    CHECK(plab_stratum_build_login(out, sizeof out, 1, &login) > 0);
    CHECK_STR(out,
              "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"lab\","
              "\"pass\":\"x\",\"agent\":\"a/1\",\"rigid\":\"r\"}}\n");
}

static struct plab_stratum_submit sample_submit(void) {
    struct plab_stratum_submit submit = {.session_id = "abc", .job_id = "1"};
    const uint8_t nonce[4] = {0x0a, 0, 0, 0xff};
    memcpy(submit.nonce, nonce, sizeof nonce);
    memset(submit.result, 0xAB, sizeof submit.result);
    return submit;
}

TEST(stratum_build, submit_has_xmrigs_size) {
    char out[1024];
    struct plab_stratum_submit submit = sample_submit();
    CHECK_U64(plab_stratum_build_submit(out, sizeof out, 2, &submit), 173);
    strcpy(submit.algo, "cn-pico");
    CHECK_U64(plab_stratum_build_submit(out, sizeof out, 2, &submit), 190);
    strcpy(submit.session_id, "0123456789abcdef");
    strcpy(submit.job_id, "01234567");
    strcpy(submit.algo, "rx/0");
    CHECK_U64(plab_stratum_build_submit(out, sizeof out, 2, &submit), 207);
    submit.has_commitment = true;
    CHECK_U64(plab_stratum_build_submit(out, sizeof out, 2, &submit), 207 + 80);
}

TEST(stratum_build, submit_bytes) {
    char out[1024];
    struct plab_stratum_submit submit = sample_submit();
    submit.has_commitment = true;
    strcpy(submit.algo, "rx/2");
    CHECK(plab_stratum_build_submit(out, sizeof out, 31, &submit) > 0);
    CHECK_STR(out,
              "{\"id\":31,\"jsonrpc\":\"2.0\",\"method\":\"submit\",\"params\":{\"id\":\"abc\","
              "\"job_id\":\"1\",\"nonce\":\"0a0000ff\",\"result\":\""
              "abababababababababababababababababababababababababababababababab\","
              "\"commitment\":\""
              "0000000000000000000000000000000000000000000000000000000000000000\","
              "\"algo\":\"rx/2\"}}\n");
}

TEST(stratum_build, keepalived) {
    char out[256];
    CHECK_U64(plab_stratum_build_keepalived(out, sizeof out, 2, "abc"), 69);
    CHECK_STR(out, "{\"id\":2,\"jsonrpc\":\"2.0\",\"method\":\"keepalived\",\"params\":{"
                   "\"id\":\"abc\"}}\n");
    CHECK_U64(plab_stratum_build_keepalived(out, sizeof out, 2, "0123456789abcdef"), 82);
}

static struct plab_stratum_job sample_job(void) {
    struct plab_stratum_job job = {.job_id = "01234567", .blob_len = 76, .algo = "rx/0"};
    job.target = UINT64_C(0x004189374bc6a7ef);
    job.has_height = job.has_seed = true;
    job.height = 3000000;
    memset(job.blob, 0x10, 76);
    memset(job.seed_hash, 0xCD, sizeof job.seed_hash);
    return job;
}

TEST(stratum_build, job_bytes) {
    char out[1024], want[1024], blob[153], seed[65];
    struct plab_stratum_job job = sample_job();
    memset(blob, 0, sizeof blob);
    memset(seed, 0, sizeof seed);
    for (size_t i = 0; i < 76; i++) {
        memcpy(blob + 2 * i, "10", 2);
    }
    for (size_t i = 0; i < 32; i++) {
        memcpy(seed + 2 * i, "cd", 2);
    }
    snprintf(want, sizeof want,
             "{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":{\"blob\":\"%s\",\"job_id\":"
             "\"01234567\",\"target\":\"37894100\",\"algo\":\"rx/0\",\"height\":3000000,"
             "\"seed_hash\":\"%s\"}}\n",
             blob, seed);
    CHECK_U64(plab_stratum_build_job(out, sizeof out, &job, 4), strlen(want));
    CHECK_STR(out, want);
    job.has_next_seed = true;
    memset(job.next_seed_hash, 0xEF, sizeof job.next_seed_hash);
    CHECK_U64(plab_stratum_build_job(out, sizeof out, &job, 8), strlen(want) + 8 + 84);
    CHECK(strstr(out, "\"target\":\"efa7c64b37894100\"") != NULL);
    CHECK(strstr(out, "\",\"next_seed_hash\":\"efef") != NULL);
}

TEST(stratum_build, login_reply_bytes) {
    char out[1024];
    const struct plab_stratum_id id = {.number = 1};
    struct plab_stratum_job job = sample_job();
    size_t len = plab_stratum_build_login_reply(out, sizeof out, &id, "0123456789abcdef",
                                                PLAB_EXT_ALGO | PLAB_EXT_KEEPALIVE, &job, 4);
    CHECK(len == strlen(out) && len > 0);
    const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":null,\"result\":{\"id\":"
                        "\"0123456789abcdef\",\"job\":{\"blob\":\"1010";
    const char tail[] = "\"},\"extensions\":[\"algo\",\"keepalive\"],\"status\":\"OK\"}}\n";
    CHECK_MEM(out, head, sizeof head - 1);
    CHECK_STR(out + len - (sizeof tail - 1), tail);
}

/* Sizes that xmrig-proxy 6.26.0 has with an 8-character job id. */
TEST(stratum_build, pool_messages_have_xmrig_proxys_size) {
    char out[1024];
    const struct plab_stratum_id id = {.number = 1};
    struct plab_stratum_job job = sample_job();
    CHECK_U64(plab_stratum_build_job(out, sizeof out, &job, 4), 356);
    unsigned all = PLAB_EXT_ALGO | PLAB_EXT_NICEHASH | PLAB_EXT_KEEPALIVE;
    CHECK_U64(
        plab_stratum_build_login_reply(out, sizeof out, &id, "0123456789abcdef", all, &job, 4),
        452);
}

TEST(stratum_build, status_and_error_bytes) {
    char out[1024];
    struct plab_stratum_id id = {.number = 2};
    CHECK_U64(plab_stratum_build_ok(out, sizeof out, &id, "OK"), 63);
    CHECK_STR(out,
              "{\"id\":2,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"status\":\"OK\"}}\n");
    CHECK_U64(plab_stratum_build_ok(out, sizeof out, &id, "KEEPALIVED"), 71);
    id = (struct plab_stratum_id){.is_text = true, .text = "a\"1"};
    CHECK(plab_stratum_build_error(out, sizeof out, &id, "Low difficulty share") > 0);
    CHECK_STR(out, "{\"id\":\"a\\\"1\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":"
                   "\"Low difficulty share\"}}\n");
}

TEST(stratum_build, strings_are_escaped) {
    char out[512];
    const struct plab_stratum_id id = {.number = -5};
    CHECK(plab_stratum_build_error(out, sizeof out, &id, "\"\\\b\f\n\r\t\x01\x1f/\xc3\xa9") > 0);
    CHECK_STR(out, "{\"id\":-5,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":"
                   "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001F/\xc3\xa9\"}}\n");
}

TEST(stratum_build, nothing_is_written_beyond_the_room) {
    char want[512], out[512];
    struct plab_stratum_submit submit = sample_submit();
    size_t len = plab_stratum_build_submit(want, sizeof want, 7, &submit);
    for (size_t cap = 0; cap <= len; cap++) {
        memset(out, 0x55, sizeof out);
        CHECK_U64(plab_stratum_build_submit(out, cap, 7, &submit), 0);
        for (size_t i = cap; i < sizeof out; i++) {
            CHECK(out[i] == 0x55);
        }
        CHECK(cap == 0 || out[0] == '\0');
    }
    CHECK_U64(plab_stratum_build_submit(out, len + 1, 7, &submit), len);
    CHECK_STR(out, want);
}

TEST(stratum_build, longest_messages_fit_a_line) {
    static char out[PLAB_STRATUM_LINE_MAX + 2];
    struct plab_stratum_login login = xmrig_login("");
    memset(login.login, 1, PLAB_STRATUM_TEXT_MAX); /* worst case: six bytes each */
    memset(login.pass, 1, PLAB_STRATUM_TEXT_MAX);
    memset(login.agent, 1, PLAB_STRATUM_TEXT_MAX);
    memset(login.rig_id, 1, PLAB_STRATUM_TEXT_MAX);
    login.algo_count = PLAB_STRATUM_ALGO_MAX;
    for (size_t i = 0; i < PLAB_STRATUM_ALGO_MAX; i++) {
        memset(login.algo[i], 'a', PLAB_STRATUM_NAME_MAX - 1);
        login.algo[i][PLAB_STRATUM_NAME_MAX - 1] = '\0';
    }
    CHECK(plab_stratum_build_login(out, sizeof out, INT64_MIN, &login) > 0);
}
