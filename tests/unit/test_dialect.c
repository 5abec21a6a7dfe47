/* SPDX-License-Identifier: BSD-3-Clause */
/* How other clients write, held against transcripts, and that our pool understands each of them. */
#include <stdio.h>

#include "stratum/dialect.h"
#include "stratum/target.h"
#include "stratum/voice.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"

#define TRANSCRIPTS "tests/vectors/stratum/requests.txt"

static const char *const ask_names[PLAB_ASK_COUNT] = {"login",  "login-more", "extra",
                                                      "submit", "keepalive",  "work"};

/* What the transcripts are for. */
struct sample {
    struct plab_stratum_login login;
    struct plab_stratum_submit submit;
    struct plab_stratum_job job;
};

static void fill_sample(struct sample *sample) {
    static const uint8_t head[] = {0x10, 0x10, 0x80, 0xe2, 0xcf, 0xaa, 0x06};
    memset(sample, 0, sizeof *sample);
    strcpy(sample->login.login, "lab");
    strcpy(sample->login.pass, "x");
    strcpy(sample->login.agent, "a/1");
    strcpy(sample->submit.session_id, "abc");
    strcpy(sample->submit.job_id, "7");
    sample->submit.nonce[0] = 0x0a;
    for (size_t i = 0; i < PLAB_STRATUM_HASH; i++) {
        sample->submit.result[i] = (uint8_t)(i % 16 * 0x11);
    }
    strcpy(sample->job.job_id, "7");
    strcpy(sample->job.algo, "mini-cn");
    memset(sample->job.blob, 0x33, PLAB_STRATUM_BLOB_MIN);
    memcpy(sample->job.blob, head, sizeof head);
    memset(sample->job.blob + PLAB_NONCE_OFFSET, 0, PLAB_NONCE_BYTES);
    sample->job.blob_len = PLAB_STRATUM_BLOB_MIN;
    sample->job.target = plab_target_from_difficulty(1000);
    sample->job.has_height = sample->job.has_seed = true;
    sample->job.height = 1234567;
    memset(sample->job.seed_hash, 0xCD, PLAB_STRATUM_HASH);
}

static size_t build(const struct plab_dialect *dialect, enum plab_ask ask, char *out, size_t cap) {
    static struct sample sample;
    fill_sample(&sample);
    int64_t fixed = dialect->ask[ask].id;
    const struct plab_dialect_ask what = {.id = fixed == PLAB_ID_COUNTED ? 9 : fixed,
                                          .login = &sample.login,
                                          .session_id = "abc",
                                          .submit = &sample.submit,
                                          .job = &sample.job};
    return dialect->ask[ask].build(out, cap, &what);
}

/* "\r" and "\n" as they are written in the file. */
static void unescape(char *text) {
    char *out = text;
    for (const char *p = text; *p != '\0'; p++) {
        bool escape = p[0] == '\\' && (p[1] == 'n' || p[1] == 'r');
        *out++ = !escape ? *p : p[1] == 'n' ? '\n' : '\r';
        p += escape;
    }
    *out = '\0';
}

static const struct plab_dialect *by_name(const char *name) {
    const struct plab_dialect *dialect = NULL;
    struct plab_error err;
    CHECK_MSG(plab_dialect_find(name, &dialect, &err) == PLAB_OK, "%s", err.text);
    return dialect;
}

TEST(dialect, every_request_is_its_transcript) {
    static char line[4096], out[4096];
    char name[32], ask[32];
    int at, count = 0;
    FILE *file = fopen(TRANSCRIPTS, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#') {
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        CHECK(sscanf(line, "%31s %31s %n", name, ask, &at) == 2);
        unescape(line + at);
        for (int i = 0; i < PLAB_ASK_COUNT; i++) {
            if (strcmp(ask, ask_names[i]) == 0) {
                CHECK_U64(build(by_name(name), (enum plab_ask)i, out, sizeof out),
                          strlen(line + at));
                CHECK_STR(out, line + at);
                count++;
            }
        }
    }
    fclose(file);
    size_t dialects, asks = 0;
    const struct plab_dialect *list = plab_dialect_list(&dialects);
    for (size_t i = 0; i < dialects; i++) {
        for (int k = 0; k < PLAB_ASK_COUNT; k++) {
            asks += list[i].ask[k].build != NULL;
        }
    }
    CHECK_MSG((size_t)count == asks, "%d transcripts of %zu requests", count, asks);
}

TEST(dialect, requests_fit_or_are_not_written) {
    static char want[4096], out[4096];
    size_t dialects;
    const struct plab_dialect *list = plab_dialect_list(&dialects);
    for (size_t i = 0; i < dialects; i++) {
        for (int k = 0; k < PLAB_ASK_COUNT; k++) {
            if (list[i].ask[k].build == NULL) {
                continue;
            }
            size_t len = build(&list[i], (enum plab_ask)k, want, sizeof want);
            for (size_t cap = 0; cap <= len; cap++) {
                CHECK_U64(build(&list[i], (enum plab_ask)k, out, cap), 0);
            }
        }
    }
}

/* What a client wrote, the pool reads: the method, the name, the share. */
TEST(dialect, the_pool_reads_every_request) {
    static struct plab_stratum_request request;
    static char out[4096];
    struct plab_error err;
    size_t dialects;
    const struct plab_dialect *list = plab_dialect_list(&dialects);
    for (size_t i = 0; i < dialects; i++) {
        for (int k = 0; k < PLAB_ASK_COUNT; k++) {
            if (list[i].ask[k].build == NULL) {
                continue;
            }
            size_t len = build(&list[i], (enum plab_ask)k, out, sizeof out);
            len = strcspn(out, "\r\n") < len ? strcspn(out, "\r\n") : len;
            CHECK_MSG((list[i].websocket
                           ? plab_coinhive_parse_request
                           : plab_stratum_parse_request)(out, len, &request, &err) == PLAB_OK,
                      "%s: %s", list[i].name, err.text);
            CHECK_MSG(request.method != PLAB_METHOD_UNKNOWN, "%s", out);
            if (request.method == PLAB_METHOD_SUBMIT) {
                CHECK(request.submit.nonce[0] == 0x0a && request.submit.nonce[3] == 0);
                CHECK_STR(request.submit.job_id, "7");
                CHECK(request.submit.claims_nothing || request.submit.result[1] == 0x11);
            }
            if (request.method == PLAB_METHOD_LOGIN) {
                CHECK_STR(request.login.login, "lab");
            }
        }
    }
}

/* A job that a pool says in stratum1, as a template or to a browser is the job that the client
 * hears. */
TEST(dialect, jobs_survive_the_other_tongues) {
    static struct sample sample;
    static struct plab_stratum_reply reply;
    static char out[8192];
    const struct plab_stratum_id id = {.number = 2};
    static const struct {
        const char *dialect;
        enum plab_tongue tongue;
    } cases[] = {{"stratum1", PLAB_TONGUE_STRATUM1},
                 {"getblocktemplate", PLAB_TONGUE_TEMPLATE},
                 {"ws-coinhive", PLAB_TONGUE_COINHIVE}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        uint64_t target = 0;
        bool heard = false;
        fill_sample(&sample);
        const struct plab_voice_work work = {
            .id = &id, .session_id = "0123456789abcdef", .job = &sample.job, .target_bytes = 8};
        CHECK(plab_voice_of(cases[i].tongue)->welcome(out, sizeof out, &work) > 0);
        for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            struct plab_error err;
            CHECK_MSG(by_name(cases[i].dialect)->parse_reply(line, strlen(line), &reply, &err) ==
                          PLAB_OK,
                      "%s: %s", err.text, line);
            target = reply.event == PLAB_EVENT_TARGET ? reply.job.target : target;
            heard |= reply.has_job;
            if (reply.has_job) {
                const struct plab_stratum_job *job = &reply.job;
                CHECK_STR(job->job_id, "7");
                CHECK_MEM(job->blob, sample.job.blob, sample.job.blob_len);
                CHECK(job->blob_len == sample.job.blob_len && job->height == 1234567);
                CHECK(job->has_seed && !job->has_next_seed);
                CHECK_MEM(job->seed_hash, sample.job.seed_hash, PLAB_STRATUM_HASH);
                target = job->target > 0 ? job->target : target;
            }
        }
        CHECK(heard);
        CHECK_U64(plab_difficulty_from_target(target), 1000);
    }
}

/* A difficulty above 2^53 is no rounded one. */
TEST(dialect, stratum1_difficulties_are_exact) {
    static const struct {
        const char *number;
        uint64_t target;
    } cases[] = {
        {"1", UINT64_MAX},          {"1000.0", UINT64_MAX / 1000}, {"1e3", UINT64_MAX / 1000},
        {"4611686018427387903", 4}, {"9223372036854775807", 2},
    };
    static struct plab_stratum_reply reply;
    struct plab_error err;
    char line[128];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        snprintf(line, sizeof line, "{\"method\":\"mining.set_difficulty\",\"params\":[%s]}",
                 cases[i].number);
        CHECK_MSG(by_name("stratum1")->parse_reply(line, strlen(line), &reply, &err) == PLAB_OK,
                  "%s", line);
        CHECK(reply.event == PLAB_EVENT_TARGET);
        CHECK_U64(reply.job.target, cases[i].target);
    }
}

TEST(dialect, broken_replies_are_refused) {
    static const char *const stratum1[] = {
        "{\"id\":null,\"method\":\"mining.notify\",\"params\":[]}",
        "{\"id\":null,\"method\":\"mining.notify\",\"params\":{}}",
        "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"1\",\"\",\"00\",\"00\",[],\"\","
        "\"00000000\",\"\",true]}",
        "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[0]}",
        "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[-1]}",
        "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[1e30]}",
        "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[\"5\"]}",
        "{\"id\":{},\"result\":true}",
    };
    static const char *const template[] = {
        "{\"result\":{},\"error\":null,\"id\":0}",
        "{\"result\":{\"workid\":\"1\",\"data\":\"00\"},\"error\":null,\"id\":0}",
        "{\"result\":{},\"error\":null}",
    };
    static struct plab_stratum_reply reply;
    struct plab_error err;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(stratum1); i++) {
        CHECK_MSG(
            by_name("stratum1")->parse_reply(stratum1[i], strlen(stratum1[i]), &reply, &err) ==
                PLAB_E_INPUT,
            "%s", stratum1[i]);
        CHECK(!reply.has_job);
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(template); i++) {
        CHECK_MSG(by_name("getblocktemplate")
                          ->parse_reply(template[i], strlen(template[i]), &reply, &err) ==
                      PLAB_E_INPUT,
                  "%s", template[i]);
        CHECK(!reply.has_job);
    }
}

/* What a pool says to a browser. Source: the messages that the original had. */
TEST(dialect, a_browser_is_told) {
    const struct plab_voice *voice = plab_voice_of(PLAB_TONGUE_COINHIVE);
    const struct plab_voice_answer answer = {.hashes = 256, .error = "invalid_site_key"};
    char out[200];
    CHECK(voice->good(out, sizeof out, &answer) > 0);
    CHECK_STR(out, "{\"type\":\"hash_accepted\",\"params\":{\"hashes\":256}}\n");
    CHECK(voice->bad(out, sizeof out, &answer) > 0);
    CHECK_STR(out, "{\"type\":\"error\",\"params\":{\"error\":\"invalid_site_key\"}}\n");
    CHECK(voice->banned(out, sizeof out, NULL) > 0);
    CHECK_STR(out, "{\"type\":\"banned\",\"params\":{\"banned\":true}}\n");
}

TEST(dialect, what_a_browser_hears) {
    static const struct {
        const char *text;
        enum plab_status status;
        enum plab_stratum_event event;
        bool ok;
        const char *error;
    } cases[] = {
        {"{\"type\":\"authed\",\"params\":{\"token\":\"\",\"hashes\":0}}", PLAB_OK,
         PLAB_EVENT_RESPONSE, true, ""},
        {"{\"type\":\"hash_accepted\",\"params\":{\"hashes\":256}}", PLAB_OK, PLAB_EVENT_RESPONSE,
         true, ""},
        {"{\"type\":\"error\",\"params\":{\"error\":\"invalid_opt_in\"}}", PLAB_OK,
         PLAB_EVENT_RESPONSE, false, "invalid_opt_in"},
        {"{\"type\":\"error\"}", PLAB_OK, PLAB_EVENT_RESPONSE, false, "error without a message"},
        {"{\"type\":\"banned\",\"params\":{\"banned\":7}}", PLAB_OK, PLAB_EVENT_RESPONSE, false,
         "your IP is banned"},
        {"{\"type\":\"verify\",\"params\":{\"verify_id\":\"x\"}}", PLAB_OK, PLAB_EVENT_NOTICE,
         false, ""},
        {"{\"type\":\"job\"}", PLAB_E_INPUT, PLAB_EVENT_JOB, false, ""},
        {"{\"type\":\"job\",\"params\":{\"job_id\":\"1\",\"blob\":\"00\"}}", PLAB_E_INPUT,
         PLAB_EVENT_JOB, false, ""},
        {"{\"type\":[]}", PLAB_E_INPUT, PLAB_EVENT_NOTICE, false, ""},
        {"{}", PLAB_E_INPUT, PLAB_EVENT_NOTICE, false, ""},
        {"x", PLAB_E_PROTOCOL, PLAB_EVENT_NOTICE, false, ""},
    };
    static struct plab_stratum_reply reply;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct plab_error err;
        CHECK_MSG(by_name("ws-coinhive")
                          ->parse_reply(cases[i].text, strlen(cases[i].text), &reply, &err) ==
                      cases[i].status,
                  "%s", cases[i].text);
        CHECK_MSG(reply.event == cases[i].event && reply.ok == cases[i].ok, "%s", cases[i].text);
        CHECK(reply.in_order == (reply.event == PLAB_EVENT_RESPONSE));
        CHECK_STR(reply.error, cases[i].error);
    }
}

/* XMRig swaps the configured algorithm with the first of its list; the length never changes. */
TEST(dialect, xmrigs_list) {
    static struct plab_stratum_login login;
    struct plab_error err;
    CHECK(plab_dialect_algo_list(&login, "xmrig", "rx/0", &err) == PLAB_OK);
    CHECK_U64(login.algo_count, 31);
    CHECK_STR(login.algo[0], "rx/0");
    CHECK_STR(login.algo[1], "cn/1");
    CHECK_STR(login.algo[20], "cn/0");
    CHECK(plab_dialect_algo_list(&login, "xmrig", "mini-cn", &err) == PLAB_OK);
    CHECK_STR(login.algo[0], "cn/0");
    CHECK_STR(login.algo[30], "ghostrider");
    CHECK(plab_dialect_algo_list(&login, "a,b/c", NULL, &err) == PLAB_OK);
    CHECK(login.algo_count == 2 && strcmp(login.algo[1], "b/c") == 0);
    CHECK(plab_dialect_algo_list(&login, "a,,b", NULL, &err) == PLAB_E_USAGE);
}
