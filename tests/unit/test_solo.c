/* SPDX-License-Identifier: BSD-3-Clause */
/* Mining at a daemon: XMRig's requests byte by byte, templates, blocks, and daemons that lie. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "daemon/block.h"
#include "daemon/rpc_msg.h"
#include "pool_client/solo.h"
#include "stratum/target.h"
#include "tests/harness.h"
#include "tests/unit/fake_daemon.h"
#include "tests/vector_file.h"

#define SEED "418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3"
#define OTHER "00000000000000000000000000000000000000000000000000000000000000aa"
#define LAB_INFO "\"mainnet\":false,\"nettype\":\"fakechain\","
#define MAIN_INFO "\"mainnet\":true,\"nettype\":\"mainnet\","
#define AGENT "XMRig/6.26.0 (Linux x86_64) libuv/1.44.2 gcc/12.2.0"

/* What the daemon's answers are made of, what it was asked, and what the source said. */
struct play {
    uv_loop_t loop;
    uv_timer_t limit;
    struct fake_daemon daemon;
    struct plab_source source;
    struct plab_solo_config config;
    char url[64];

    char template[5000], hashing[300], prev[65];
    unsigned long long height, reserved;
    const char *network;
    const char *tip;       /* hash in /getheight; NULL: none, as old daemons */
    unsigned long long up; /* added to the height that is told, not to the template's */
    const char *raw;       /* answers everything; NULL: by the rules above */
    const char *result;    /* of getblocktemplate; NULL: the good one */
    const char *submit;    /* answer to submitblock */
    bool endless, silent;

    char seen[6][FAKE_REQUEST_MAX + 1]; /* the first requests */
    unsigned infos, heights, templates, submits;
    char submitted[5000];

    unsigned jobs, online, offline, refused;
    unsigned verdicts[4];
    uint64_t last_number;
    struct plab_stratum_job job;
    char text[1000], reason[300];
    bool timed_out;
};

static void load_template(struct play *play) {
    static struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/monero_template.txt");
    CHECK(plab_vector_next(&file) && plab_vector_next(&file));
    snprintf(play->template, sizeof play->template, "%s", plab_vector_text(&file, 0));
    snprintf(play->hashing, sizeof play->hashing, "%s", plab_vector_text(&file, 1));
    play->height = plab_vector_u64(&file, 2);
    play->reserved = plab_vector_u64(&file, 3);
    memcpy(play->prev, play->hashing + 14, 64);
    plab_vector_close(&file);
}

/* ---- the daemon ---- */

static void answer_template(struct play *play, struct fake_call *call) {
    char body[9000];
    snprintf(body, sizeof body,
             "{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"blockhashing_blob\":\"%s\","
             "\"blocktemplate_blob\":\"%s\",\"difficulty\":100,\"difficulty_top64\":0,"
             "\"height\":%llu,\"next_seed_hash\":\"\",\"prev_hash\":\"%s\","
             "\"reserved_offset\":%llu,\"seed_hash\":\"" SEED "\",\"status\":\"OK\"}}",
             play->hashing, play->template, play->height, play->prev, play->reserved);
    play->templates++;
    fake_answer(call, play->result != NULL ? play->result : body);
}

static void answer_tip(struct play *play, struct fake_call *call, bool info) {
    char body[600], hash[120] = "";
    if (play->tip != NULL || info) {
        snprintf(hash, sizeof hash, "\"%s\":\"%s\",", info ? "top_block_hash" : "hash",
                 play->tip != NULL ? play->tip : play->prev);
    }
    snprintf(body, sizeof body, "{%s%s\"height\":%llu,\"status\":\"OK\"}", hash,
             info ? play->network : "", play->height + play->up);
    play->infos += info;
    play->heights += !info;
    fake_answer(call, body);
}

static void answer_submit(struct play *play, struct fake_call *call) {
    const char *hex = strstr(call->request, "\"params\":[\"");
    CHECK(hex != NULL);
    hex += 11;
    snprintf(play->submitted, sizeof play->submitted, "%.*s", (int)strcspn(hex, "\""), hex);
    play->submits++;
    fake_answer(call, play->submit);
}

static void on_request(struct fake_call *call) {
    struct play *play = call->daemon->cookie;
    static char page[65536];
    if (call->daemon->requests <= PLAB_ARRAY_LEN(play->seen)) {
        memcpy(play->seen[call->daemon->requests - 1], call->request, call->len + 1);
    }
    if (play->silent) {
        return;
    }
    if (play->raw != NULL) {
        fake_write(call, play->raw, strlen(play->raw));
        memset(page, 'x', sizeof page);
        for (int i = 0; play->endless && i < 100; i++) {
            fake_write(call, page, sizeof page);
        }
    } else if (strncmp(call->request, "GET /getinfo ", 13) == 0) {
        answer_tip(play, call, true);
    } else if (strncmp(call->request, "GET /getheight ", 15) == 0) {
        answer_tip(play, call, false);
    } else if (strstr(call->request, "getblocktemplate") != NULL) {
        answer_template(play, call);
    } else {
        answer_submit(play, call);
    }
}

/* ---- the source ---- */

static void on_job(void *cookie, const struct plab_client_job *job) {
    struct play *play = cookie;
    CHECK(job->number > play->last_number);
    play->last_number = job->number;
    play->job = *job->job;
    play->jobs++;
}

static void on_result(void *cookie, const struct plab_client_result *result) {
    struct play *play = cookie;
    play->verdicts[result->verdict]++;
    CHECK(result->tag == 77);
    snprintf(play->reason, sizeof play->reason, "%s", result->reason);
}

static void on_state(void *cookie, enum plab_client_state state, const char *text) {
    struct play *play = cookie;
    play->online += state == PLAB_CLIENT_ONLINE;
    play->offline += state == PLAB_CLIENT_OFFLINE;
    play->refused += state == PLAB_CLIENT_REFUSED;
    if (state == PLAB_CLIENT_OFFLINE || state == PLAB_CLIENT_REFUSED) {
        snprintf(play->text, sizeof play->text, "%s", text);
    }
}

static void on_limit(uv_timer_t *timer) {
    struct play *play = timer->data;
    play->timed_out = true;
}

static struct play *open_play(void) {
    struct play *play = calloc(1, sizeof *play);
    CHECK(play != NULL && uv_loop_init(&play->loop) == 0);
    uv_timer_init(&play->loop, &play->limit);
    play->limit.data = play;
    load_template(play);
    play->tip = play->prev;
    play->network = LAB_INFO;
    play->submit = "{\"id\":2,\"jsonrpc\":\"2.0\",\"result\":{\"status\":\"OK\"}}";
    plab_solo_defaults(&play->config);
    play->config.agent = AGENT;
    play->config.poll_ms = 5;
    play->config.retry_base_ms = 2;
    play->config.retry_cap_ms = 4;
    play->config.seed = 7;
    fake_daemon_start(&play->daemon, &play->loop, on_request, play);
    snprintf(play->url, sizeof play->url, "http://127.0.0.1:%u", play->daemon.port);
    play->config.url = play->url;
    return play;
}

static void start_source(struct play *play) {
    const struct plab_client_events events = {on_job, on_result, on_state, play};
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_source_daemon(&play->source, &play->loop, &play->config, &events, &err) ==
                  PLAB_OK,
              "%s", err.text);
}

/* Runs until `*count` is at least `least`. */
static void run_until(struct play *play, const unsigned *count, unsigned least) {
    play->timed_out = false;
    uv_timer_start(&play->limit, on_limit, 10000, 0);
    while (*count < least && !play->timed_out) {
        uv_run(&play->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&play->limit);
    CHECK_MSG(!play->timed_out, "nothing came: jobs %u, online %u, offline %u \"%s\"", play->jobs,
              play->online, play->offline, play->text);
}

static void close_play(struct play *play) {
    plab_source_close(&play->source);
    fake_daemon_stop(&play->daemon);
    uv_close((uv_handle_t *)&play->limit, NULL);
    uv_run(&play->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&play->loop) == 0); /* nothing was forgotten */
    free(play);
}

static enum plab_client_submitted submit(struct play *play, uint64_t number) {
    struct plab_client_share share = {.job_number = number, .tag = 77, .nonce = {1, 2, 3, 4}};
    memset(share.result, 0xff, sizeof share.result);
    share.result[31] = 0; /* difficulty 256 */
    return play->source.ops->submit(play->source.self, &share);
}

/* ---- tests ---- */

TEST(solo, requests_are_those_of_xmrig) {
    struct play *play = open_play();
    char want[FAKE_REQUEST_MAX];
    start_source(play);
    run_until(play, &play->heights, 1);
    CHECK(submit(play, 1) == PLAB_SUBMIT_SENT);
    run_until(play, &play->submits, 1);
    CHECK_STR(play->seen[0], "GET /getinfo HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1\r\n"
                             "User-Agent: " AGENT "\r\n\r\n");
    /* Eight bytes of extra nonce are the miner's own. */
    const char *extra = strstr(play->seen[1], "\"extra_nonce\":\"");
    CHECK(extra != NULL);
    snprintf(want, sizeof want,
             "POST /json_rpc HTTP/1.1\r\nConnection: close\r\nContent-Length: 211\r\n"
             "Content-Type: application/json\r\nHost: 127.0.0.1\r\nUser-Agent: " AGENT "\r\n\r\n"
             "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"getblocktemplate\",\"params\":"
             "{\"wallet_address\":\"" PLAB_RPC_LAB_WALLET "\",\"extra_nonce\":\"%.16s\"}}",
             extra + 15);
    CHECK_STR(play->seen[1], want);
    CHECK_STR(play->seen[2], "GET /getheight HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1\r\n"
                             "User-Agent: " AGENT "\r\n\r\n");
    const char *post = NULL;
    for (size_t i = 3; i < PLAB_ARRAY_LEN(play->seen); i++) {
        post = strstr(play->seen[i], "submitblock") != NULL ? play->seen[i] : post;
    }
    CHECK(post != NULL);
    snprintf(want, sizeof want,
             "POST /json_rpc HTTP/1.1\r\nConnection: close\r\nContent-Length: %zu\r\n"
             "Content-Type: application/json\r\nHost: 127.0.0.1\r\nUser-Agent: " AGENT "\r\n"
             "X-Hash-Difficulty: 256\r\n\r\n"
             "{\"id\":2,\"jsonrpc\":\"2.0\",\"method\":\"submitblock\",\"params\":[\"%s\"]}",
             strlen(play->submitted) + 61, play->submitted);
    CHECK_STR(post, want);
    close_play(play);
}

TEST(solo, a_block_is_its_template_with_the_nonce) {
    struct play *play = open_play();
    char want[5000];
    play->config.poll_ms = 60000;
    start_source(play);
    run_until(play, &play->jobs, 1);
    CHECK(play->job.target == plab_target_from_difficulty(100));
    CHECK(play->job.height == 91 && play->job.has_seed && play->job.seed_hash[0] == 0x41);
    char blob[300];
    plab_hex_encode(play->job.blob, play->job.blob_len, blob);
    CHECK_STR(blob, play->hashing);
    snprintf(want, sizeof want, "%s", play->template);
    memcpy(want + 78, "01020304", 8);
    CHECK(submit(play, 1) == PLAB_SUBMIT_SENT);
    run_until(play, &play->verdicts[PLAB_SHARE_ACCEPTED], 1);
    CHECK_STR(play->submitted, want);
    run_until(play, &play->jobs, 2);             /* at once, not when the next poll is due */
    CHECK(submit(play, 1) == PLAB_SUBMIT_STALE); /* its height is done */
    close_play(play);
}

TEST(solo, of_two_blocks_for_a_height_one_counts) {
    struct play *play = open_play();
    start_source(play);
    run_until(play, &play->jobs, 1);
    CHECK(submit(play, 1) == PLAB_SUBMIT_SENT && submit(play, 1) == PLAB_SUBMIT_SENT);
    run_until(play, &play->verdicts[PLAB_SHARE_STALE], 1);
    CHECK(play->verdicts[PLAB_SHARE_ACCEPTED] == 1);
    close_play(play);
}

TEST(solo, blocks_that_are_not_taken) {
    static const struct {
        const char *answer;
        enum plab_client_verdict verdict;
        const char *reason;
    } cases[] = {
        {"{\"error\":{\"code\":-7,\"message\":\"Block not accepted\"}}", PLAB_SHARE_REJECTED,
         "Block not accepted"},
        {"{\"result\":{\"status\":\"BUSY\"}}", PLAB_SHARE_REJECTED, "BUSY"},
        {"{\"result\":null}", PLAB_SHARE_UNANSWERED, "makes no sense"},
        {"no JSON", PLAB_SHARE_UNANSWERED, "makes no sense"},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct play *play = open_play();
        play->submit = cases[i].answer;
        start_source(play);
        run_until(play, &play->jobs, 1);
        CHECK(submit(play, 1) == PLAB_SUBMIT_SENT);
        run_until(play, &play->verdicts[cases[i].verdict], 1);
        CHECK_MSG(strstr(play->reason, cases[i].reason) != NULL, "%s", play->reason);
        CHECK(play->offline == 0);
        close_play(play);
    }
}

TEST(solo, a_new_template_when_the_tip_moves_or_the_old_one_ages) {
    struct play *play = open_play();
    start_source(play);
    run_until(play, &play->heights, 3);
    CHECK(play->jobs == 1 && play->infos == 1);
    play->tip = OTHER; /* the daemon goes on telling of another block: it is asked each time */
    run_until(play, &play->jobs, 3);
    CHECK(play->infos == 1);                                    /* the height didn't jump */
    CHECK(submit(play, play->last_number) == PLAB_SUBMIT_SENT); /* as the template has it */
    close_play(play);
    play = open_play();
    play->config.job_timeout_ms = 30;
    start_source(play);
    run_until(play, &play->jobs, 3);
    CHECK(play->heights >= 3 && play->infos == 1);
    close_play(play);
}

TEST(solo, daemons_without_a_hash_in_getheight_are_asked_for_info) {
    struct play *play = open_play();
    play->tip = NULL;
    start_source(play);
    run_until(play, &play->infos, 4);
    CHECK(play->heights == 1 && play->jobs == 1 && play->offline == 0);
    close_play(play);
}

TEST(solo, only_lab_networks_at_any_time) {
    static const char *const networks[] = {MAIN_INFO, "",
                                           "\"mainnet\":true,\"nettype\":\"fakechain\",",
                                           "\"mainnet\":false,", "\"nettype\":\"fakechain\","};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(networks); i++) {
        struct play *play = open_play();
        play->network = networks[i];
        start_source(play);
        run_until(play, &play->refused, 1);
        CHECK(play->jobs == 0 && play->templates == 0 && play->offline == 0);
        CHECK_MSG(strstr(play->text, "lab networks only") != NULL, "%s", play->text);
        close_play(play);
    }
    struct play *play = open_play();
    start_source(play);
    run_until(play, &play->jobs, 1);
    play->network = MAIN_INFO; /* another daemon behind the same address */
    play->up = 3000000;
    run_until(play, &play->refused, 1);
    CHECK(play->jobs == 1 && play->templates == 1);
    struct plab_client_stats stats;
    play->source.ops->stats(play->source.self, &stats);
    CHECK(stats.last_failure == PLAB_E_REFUSED && !stats.online);
    close_play(play);
}

/* D1, D2, D3: each of them ends the session with its reason, and the next begins after a pause. */
TEST(solo, hostile_answers_are_survived) {
    static const struct {
        const char *raw, *result, *reason;
        bool endless, silent;
    } cases[] = {
        {.silent = true, .reason = "answer in time"},
        {.raw = "HTTP/1.1 200 OK\r\n\r\n", .endless = true, .reason = "above 4194304 bytes"},
        {.raw = "HTTP/1.1 500 Internal\r\nContent-Length: 0\r\n\r\n", .reason = "HTTP status 500"},
        {.raw = "HTTP/1.1 302 Found\r\nLocation: http://8.8.8.8/\r\nContent-Length: 0\r\n\r\n",
         .reason = "HTTP status 302"},
        {.raw = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
         .reason = "HTTP status 401"},
        {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         .reason = "bad chunk length"},
        {.raw = "SSH-2.0-OpenSSH_9\r\n\r\n", .reason = "not HTTP"},
        {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", .reason = "makes no sense"},
        {.result = "{\"result\":null}", .reason = "makes no sense"},
        {.result = "{\"result\":{}}", .reason = "lacks height"},
        {.result = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", .reason = "makes no sense"},
        {.result = "{\"error\":{\"code\":-9,\"message\":\"Core is busy\\u001b[2J\"}}",
         .reason = "Core is busy\\x1b[2J"},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct play *play = open_play();
        play->raw = cases[i].raw;
        play->result = cases[i].result;
        play->endless = cases[i].endless;
        play->silent = cases[i].silent;
        play->config.deadline_ms = play->silent ? 20 : 5000;
        start_source(play);
        run_until(play, &play->offline, cases[i].endless ? 1 : 3);
        CHECK_MSG(strstr(play->text, cases[i].reason) != NULL, "%zu: %s", i, play->text);
        CHECK(play->jobs == 0 && play->online == 0);
        close_play(play);
    }
}

/* D3, D4 */
TEST(solo, templates_that_contradict_themselves_are_refused) {
    for (int i = 0; i < 7; i++) {
        struct play *play = open_play();
        switch (i) {
        case 0:
            play->hashing[150] ^= 1; /* the root */
            break;
        case 1:
            play->height++;
            break;
        case 2:
            play->reserved = 1000000; /* behind the blob's end */
            break;
        case 3:
            play->reserved -= 5; /* not inside the extra nonce */
            break;
        case 4:
            play->template[300] = '\0'; /* cut off */
            break;
        case 5:
            play->template[11] = 'g';
            break;
        default:
            play->prev[0] ^= 1; /* says another previous block than it has */
            break;
        }
        start_source(play);
        run_until(play, &play->offline, 2);
        CHECK_MSG(play->jobs == 0, "%d", i);
        close_play(play);
    }
}

TEST(solo, it_goes_on_when_the_daemon_is_back) {
    struct play *play = open_play();
    start_source(play);
    run_until(play, &play->jobs, 1);
    play->raw = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    run_until(play, &play->offline, 2);
    CHECK(submit(play, 1) == PLAB_SUBMIT_STALE);
    play->raw = NULL;
    run_until(play, &play->jobs, 2);
    CHECK(play->online == 2 && play->infos == 2); /* the network was looked at again */
    CHECK(submit(play, 1) == PLAB_SUBMIT_STALE);  /* of the session before */
    CHECK(submit(play, 2) == PLAB_SUBMIT_SENT);
    run_until(play, &play->verdicts[PLAB_SHARE_ACCEPTED], 1);
    struct plab_client_stats stats;
    play->source.ops->stats(play->source.self, &stats);
    CHECK(stats.logins == 2 && stats.failures >= 2 && stats.online && stats.pool_count == 1);
    close_play(play);
}

TEST(solo, nonces_that_end_take_a_new_template) {
    struct play *play = open_play();
    play->config.poll_ms = 60000;
    start_source(play);
    run_until(play, &play->jobs, 1);
    play->source.ops->renew(play->source.self, "the nonces are used up");
    run_until(play, &play->jobs, 2);
    CHECK(play->offline == 0 && play->templates == 2);
    close_play(play);
}

TEST(solo, what_is_refused_before_anything_starts) {
    static const struct {
        const char *url, *wallet;
        enum plab_status want;
    } cases[] = {
        {"http://8.8.8.8:18081", PLAB_RPC_LAB_WALLET, PLAB_E_REFUSED},
        {"http://[::ffff:8.8.8.8]:18081", PLAB_RPC_LAB_WALLET, PLAB_E_REFUSED},
        {"http://134744072", PLAB_RPC_LAB_WALLET, PLAB_E_REFUSED}, /* 8.8.8.8 in other words */
        {"https://127.0.0.1", PLAB_RPC_LAB_WALLET, PLAB_E_USAGE},
        {"http://user:secret@127.0.0.1", PLAB_RPC_LAB_WALLET, PLAB_E_USAGE},
        {"http://127.0.0.1", "nobody", PLAB_E_USAGE},
        {"http://127.0.0.1", "44\"},{\"id\":1}", PLAB_E_USAGE},
    };
    const struct plab_client_events events = {on_job, on_result, on_state, NULL};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        uv_loop_t loop;
        struct plab_source source;
        struct plab_solo_config config;
        CHECK(uv_loop_init(&loop) == 0);
        plab_solo_defaults(&config);
        config.url = cases[i].url;
        config.wallet = cases[i].wallet;
        CHECK_MSG(plab_source_daemon(&source, &loop, &config, &events, NULL) == cases[i].want, "%s",
                  cases[i].url);
        CHECK(source.ops == NULL && uv_loop_close(&loop) == 0);
    }
}
