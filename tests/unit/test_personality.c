/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool as other pools: sizes and layouts on the wire, ids, words, what is left out; and our own
 * miner at it, in every dialect and before every personality. */
#include <signal.h>
#include <sys/socket.h>

#include "pool/personality.h"
#include "stratum/target.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/unit/pool_lab.h"
#include "tests/unit/stage.h"

static const char *const names[] = {"powlab", "monero-pool", "xmrig-proxy", "p2pool",
                                    "nodejs-pool"};

static const struct plab_personality *by_name(const char *name) {
    const struct plab_personality *who = NULL;
    struct plab_error err;
    CHECK_MSG(plab_personality_find(name, &who, &err) == PLAB_OK, "%s", err.text);
    return who;
}

static struct plab_stratum_job sample_job(const char *job_id) {
    struct plab_stratum_job job = {.blob_len = 76, .algo = "rx/0"};
    snprintf(job.job_id, sizeof job.job_id, "%s", job_id);
    job.target = plab_target_from_difficulty(1000);
    job.has_height = job.has_seed = true;
    job.height = 3000000;
    return job;
}

/* Sizes of the fact sheets: blob of 76 bytes, height of 7 digits, 4-byte target. */
TEST(personality, messages_have_the_originals_sizes) {
    static const struct {
        const char *name, *session, *job;
        unsigned extensions;
        size_t login, notice;
    } cases[] = {
        {"monero-pool", "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100", 0,
         453, 426},
        {"xmrig-proxy", "0123456789abcdef", "01234567",
         PLAB_EXT_ALGO | PLAB_EXT_NICEHASH | PLAB_EXT_KEEPALIVE, 452, 356},
        {"p2pool", "01234567", "1", 0, 401, 349},
    };
    char out[2048];
    const struct plab_stratum_id id = {.number = 1};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        const struct plab_stratum_job job = sample_job(cases[i].job);
        const struct plab_voice_work work = {.id = &id,
                                             .session_id = cases[i].session,
                                             .extensions = cases[i].extensions,
                                             .job = &job,
                                             .target_bytes = 4};
        const struct plab_voice *voice = by_name(cases[i].name)->voice;
        CHECK_MSG(voice->welcome(out, sizeof out, &work) == cases[i].login, "%s: %zu bytes: %s",
                  cases[i].name, strlen(out), out);
        CHECK_MSG(voice->job(out, sizeof out, &work) == cases[i].notice, "%s: %zu bytes: %s",
                  cases[i].name, strlen(out), out);
    }
}

TEST(personality, answers_have_the_originals_layout) {
    static const struct {
        const char *name, *good, *bad;
    } cases[] = {
        {"monero-pool",
         "{\"id\":2,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"status\":\"OK\"}}\n",
         "{\"id\":2,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1, \"message\":\"x\"}}\n"},
        {"xmrig-proxy",
         "{\"id\":2,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"status\":\"OK\"}}\n",
         "{\"id\":2,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":\"x\"}}\n"},
        {"p2pool", "{\"id\":2,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"status\":\"OK\"}}\n",
         "{\"id\":2,\"jsonrpc\":\"2.0\",\"error\":{\"message\":\"x\"}}\n"},
        {"nodejs-pool",
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":null,\"result\":{\"status\":\"OK\"}}\n",
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-1,\"message\":\"x\"}}\n"},
    };
    char out[512];
    const struct plab_stratum_id id = {.number = 2};
    const struct plab_voice_answer answer = {.id = &id, .status = "OK", .error = "x"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        const struct plab_voice *voice = by_name(cases[i].name)->voice;
        CHECK(voice->good(out, sizeof out, &answer) > 0);
        CHECK_STR(out, cases[i].good);
        CHECK(voice->bad(out, sizeof out, &answer) > 0);
        CHECK_STR(out, cases[i].bad);
    }
}

TEST(personality, unknown_names_are_refused) {
    const struct plab_personality *who = NULL;
    struct plab_error err;
    CHECK(plab_personality_find("other", &who, &err) == PLAB_E_USAGE);
    CHECK(strstr(err.text, "nodejs-pool") != NULL);
    CHECK_STR(by_name(NULL)->name, "powlab");
}

/* Whatever the form of its ids, a job is found by its own and by nothing else. */
TEST(personality, job_ids_are_found_again) {
    for (int form = 0; form < PLAB_JOB_ID_FORMS; form++) {
        struct plab_jobs jobs;
        struct plab_pool_job *job;
        char id[PLAB_JOB_ID_LEN];
        plab_jobs_init(&jobs, 77);
        jobs.form = (enum plab_job_id_form)form;
        jobs.last = 1000;
        for (uint32_t number = 1; number <= 1001; number++) {
            plab_jobs_id(&jobs, number, id);
            CHECK(plab_jobs_find(&jobs, id, &job) ==
                  (number <= 1000 ? PLAB_JOB_EXPIRED : PLAB_JOB_UNKNOWN));
            id[0] = id[0] == '9' ? '8' : '9';
            CHECK(plab_jobs_find(&jobs, id, &job) != PLAB_JOB_FOUND);
        }
        CHECK(plab_jobs_find(&jobs, "", &job) == PLAB_JOB_UNKNOWN);
        CHECK(plab_jobs_find(&jobs, "0", &job) == PLAB_JOB_UNKNOWN);
    }
}

static void mine_at(const struct pool_lab *lab, const char *dialect, uint64_t shares) {
    static const struct stage deaf = {.deaf = true};
    struct rig rig;
    prepare(&rig, &deaf, &mini_cn);
    rig.config.shares = shares;
    CHECK(plab_dialect_find(dialect, &rig.config.client.dialect, &rig.err) == PLAB_OK);
    rig.url.websocket = rig.config.client.dialect->websocket;
    rig.url.port = plab_pool_port(lab->pool, rig.url.websocket ? 1 : 0);
    CHECK_MSG(plab_miner_run(&rig.config, &rig.result, &rig.err) == PLAB_OK, "%s: %s", dialect,
              rig.err.text);
    CHECK_MSG(rig.result.accepted >= shares && rig.result.rejected == 0, "%s: %u", dialect,
              (unsigned)rig.result.rejected);
}

static void start(struct pool_lab *lab, const char *personality) {
    signal(SIGPIPE, SIG_IGN); /* as the program does: a miner that has enough hangs up */
    lab_init(lab, &mini_cn);
    lab->config.listen[1] = "ws://127.0.0.1:0";
    lab->config.listen_count = 2;
    lab->config.personality = personality;
    lab->config.difficulty = 64;
    lab->config.submits_per_s = lab->config.submits_burst = 1e9;
    lab_start(lab);
}

TEST(personality, our_miner_gets_on_with_every_one) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(names); i++) {
        struct pool_lab lab;
        start(&lab, names[i]);
        mine_at(&lab, "xmrig", 5);
        lab_stop(&lab);
        CHECK_U64(lab.stats.protocol_errors, 0);
    }
}

TEST(personality, our_miner_mines_in_every_dialect) {
    size_t count;
    const struct plab_dialect *list = plab_dialect_list(&count);
    struct pool_lab lab;
    start(&lab, NULL);
    for (size_t i = 0; i < count; i++) {
        mine_at(&lab, list[i].name, 5);
    }
    lab_stop(&lab);
    CHECK_U64(lab.stats.protocol_errors, 0);
    CHECK_U64(lab.stats.logins, count);
    CHECK(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED] >= 5 * count);
}

/* Scenario "probe-me": what a detector says to find out whether this is a pool. */
static void probe(const char *personality, const char *question, const char *answer) {
    struct pool_lab lab;
    struct lab_client client;
    start(&lab, personality);
    client_open(&client, &lab);
    client_send(&client, question);
    size_t want = strlen(answer);
    char got[1024] = "";
    for (size_t len = 0; len < want;) {
        ssize_t more = recv(client.fd, got + len, sizeof got - 1 - len, 0);
        CHECK_MSG(more > 0, "no answer to %s", question);
        len += (size_t)more;
    }
    CHECK_MSG(strncmp(got, answer, want) == 0, "%s", got);
    client_close(&client);
    lab_stop(&lab);
}

TEST(personality, probes_are_answered) {
    probe(NULL, "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n",
          "{\"id\": 1, \"result\": [[[\"mining.set_difficulty\", \"");
    probe(NULL, "{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"a\", \"b\"]}\n",
          "{\"id\": 2, \"result\": true, \"error\": null}\n{\"id\": null, \"method\": "
          "\"mining.set_difficulty\", \"params\": [64]}\n{\"id\": null, \"method\": "
          "\"mining.notify\", \"params\": [\"");
    probe(NULL, "{\"id\":1,\"method\":\"getblocktemplate\",\"params\":[]}\n",
          "{\"result\":{\"version\":");
    probe("nodejs-pool", "{\"id\":3,\"method\":\"eth_submitLogin\",\"params\":[]}\n",
          "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-1,\"message\":\"Unknown RPC method");
    probe("p2pool", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 21\r\nContent-Type: text/plain\r\nConnection: "
          "Closed\r\n\r\nP2Pool Stratum online");
}

static const char *submit_at(const char *personality, bool nicehash, uint8_t other_byte) {
    static struct lab_client client;
    static char words[PLAB_STRATUM_TEXT_MAX + 1];
    struct pool_lab lab;
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_cn);
    lab.config.personality = personality;
    lab.config.nicehash = nicehash;
    lab_start(&lab);
    client_login(&client, &lab, "lab");
    CHECK(((client.reply.extensions & PLAB_EXT_NICEHASH) != 0) == nicehash);
    uint32_t given = (uint32_t)client.job.blob[PLAB_NONCE_OFFSET + 3] << 24;
    CHECK((given != 0) == nicehash);
    client_mine(&client, &lab, given ^ (uint32_t)other_byte << 24, true, &submit);
    snprintf(words, sizeof words, "%s", client_submit(&client, &submit));
    if (words[0] == '\0') {
        snprintf(words, sizeof words, "%s", client_submit(&client, &submit));
    }
    client_close(&client);
    lab_stop(&lab);
    return words;
}

TEST(personality, duplicates_get_its_words) {
    CHECK_STR(submit_at("powlab", false, 0), "Duplicate share");
    CHECK_STR(submit_at("p2pool", false, 0), "Submit failed");
    CHECK_STR(submit_at("monero-pool", false, 0), "Duplicate share");
}

/* S11: the byte that a session was given is its own. */
TEST(personality, nicehash_bytes_are_kept) {
    CHECK_STR(submit_at("powlab", true, 0), "Duplicate share"); /* the first was taken */
    CHECK_STR(submit_at("powlab", true, 0x40),
              "Invalid nonce; is miner not compatible with NiceHash?");
}
