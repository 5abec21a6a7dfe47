/* SPDX-License-Identifier: BSD-3-Clause */
/* A Stratum client with up to two scripted pools on one loop, and what happened. */
#ifndef PLAB_TESTS_CLIENT_BENCH_H
#define PLAB_TESTS_CLIENT_BENCH_H

#include "pool_client/client.h"
#include "tests/unit/fake_pool.h"

#define HEX32 "00112233445566778899aabbccddeeff"
#define BLOB HEX32 HEX32 HEX32 HEX32 "000102030405060708090a0b"
#define JOB(id) "{\"blob\":\"" BLOB "\",\"job_id\":\"" id "\",\"target\":\"ffffff00\"}"
#define LOGIN_OK(ext)                                                                      \
    "{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"id\":\"s1\",\"job\":" JOB( \
        "j1") ",\"extensions\":[" ext "],\"status\":\"OK\"}}\n"
#define NOTIFY(job) "{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":" job "}\n"

/* A client, up to two pools, and what happened. */
struct bench {
    uv_loop_t loop;
    uv_timer_t limit;
    struct plab_client *client;
    struct plab_client_config config;
    struct fake_pool pool[2];
    unsigned jobs, online, offline, refused;
    unsigned verdicts[4];
    uint64_t last_job, last_tag;
    char job_id[PLAB_STRATUM_ID_MAX + 1];
    char reason[400];      /* of the last result */
    char state_text[1000]; /* of the last offline or refused state */
    char online_text[300];
    bool destroy_on_job;
    bool (*done)(const struct bench *);
    bool timed_out;
};

void open_bench(struct bench *bench);
struct plab_url url_of(const struct fake_pool *pool);

/* plab_client_create() with the bench's configuration and events. */
enum plab_status create_client(struct bench *bench, const struct plab_url *urls, size_t count,
                               struct plab_error *err);

/* Starts a client with the first `pools` of the bench's pools. */
void start_client(struct bench *bench, size_t pools);

/* Runs until `done` says so; fails the test after `limit_ms`. */
void run_until(struct bench *bench, bool (*done)(const struct bench *), unsigned limit_ms);

void run_for(struct bench *bench, unsigned ms);

/* Ends everything and checks that nothing was forgotten. */
void close_bench(struct bench *bench);

bool is_online(const struct bench *bench);
bool has_failed(const struct bench *bench);
bool has_failed_three_times(const struct bench *bench);
bool is_refused(const struct bench *bench);
bool has_verdict(const struct bench *bench);
bool first_pool_serves(const struct bench *bench);
bool second_pool_serves(const struct bench *bench);

/* A share of the newest job. */
struct plab_client_share share_for(const struct bench *bench, uint64_t tag);

/* A script: takes the login, and says nothing more. */
void only_login(struct fake_conn *conn, const char *line);

#endif
