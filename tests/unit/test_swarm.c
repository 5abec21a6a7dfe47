/* SPDX-License-Identifier: BSD-3-Clause */
/* A swarm at a real pool: what it counts is what the pool counted. */
#include "pool_client/swarm.h"
#include "pool_client/swarm_priv.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"

static struct pool_lab lab;
static struct plab_swarm_config config;
static struct plab_swarm_result result;
static struct plab_error err;

static void begin(void) {
    lab_init(&lab, &mini_cn);
    lab.config.bad_shares_max = 1000000;
    plab_swarm_defaults(&config);
    config.sessions = 40;
    config.duration_ms = 300;
}

static enum plab_status run(void) {
    lab_start(&lab);
    const bool tls = strncmp(lab.config.listen[0], "tls:", 4) == 0;
    CHECK(plab_url_parse(tls ? "tls://127.0.0.1" : "127.0.0.1", &config.pool, &err) == PLAB_OK);
    config.pool.port = plab_pool_port(lab.pool, 0);
    enum plab_status status = plab_swarm_run(&config, &result, &err);
    lab_stop(&lab);
    CHECK_MSG(lab.status == PLAB_OK, "%s", lab.err.text);
    return status;
}

TEST(swarm, counts_what_the_pool_counts) {
    begin();
    lab.config.verify_percent = 0;
    lab.config.job_interval_ms = 100;
    config.duration_ms = 1500;
    config.submit_per_s = 400;
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    CHECK_U64(result.logged_in, 40);
    CHECK_U64(lab.stats.logins, 40);
    CHECK(result.not_in == 0 && result.lost == 0 && result.errors == 0);
    CHECK(result.submits > 0 && result.unanswered == 0);
    CHECK_U64(result.accepted, result.submits);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED], result.accepted);
    CHECK_U64(lab.stats.unverified, result.accepted);
    CHECK_U64(lab.stats.rejected, 0);
    CHECK(result.answer_p50_s <= result.answer_p99_s);
    CHECK(result.answer_p99_s <= result.answer_max_s && result.answer_max_s > 0);
    CHECK_STR(result.trouble, "");
}

/* By these chances there are always fewer, for four seconds, than there would be evenly. */
TEST(swarm, shares_at_random_moments) {
    begin();
    lab.config.verify_percent = 0;
    config.duration_ms = 1000;
    config.submit_per_s = 300;
    config.at_random = true;
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    const double evenly = 300 * result.load_s;
    CHECK((double)result.submits > evenly / 2 && (double)result.submits < evenly - 3);
    CHECK_U64(result.accepted, result.submits);
}

TEST(swarm, sees_pushes_reach_everybody) {
    begin();
    lab.config.job_interval_ms = 100;
    config.duration_ms = 1500; /* a template's time has seconds */
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    CHECK(result.pushes >= 1);
    CHECK(result.jobs >= (uint64_t)40 * result.pushes);
    CHECK(result.push_typical_s <= result.push_spread_s && result.push_spread_s < 1.5);
    CHECK(result.push_first_ns > 0 && result.push_first_ns <= result.push_last_ns);
}

TEST(swarm, a_pool_that_hashes_rejects_everything) {
    begin();
    config.submit_per_s = 200;
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    CHECK(result.submits > 0);
    CHECK_U64(result.accepted, 0);
    CHECK_U64(result.rejected, result.submits);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_INVALID], result.submits);
    CHECK_U64(lab.stats.verified_hashes, result.submits);
    CHECK_STR(result.trouble, "Invalid share");
}

TEST(swarm, sessions_that_are_thrown_out_are_lost) {
    begin();
    lab.config.bad_shares_max = 0;
    config.sessions = 5;
    config.submit_per_s = 1000;
    config.duration_ms = 60000; /* it ends when nobody is left */
    CHECK(run() == PLAB_OK);
    CHECK_U64(result.logged_in, 5);
    CHECK_U64(result.lost, 5);
    CHECK(result.load_s < 30);
    CHECK_U64(result.submits, result.accepted + result.rejected + result.unanswered);
}

TEST(swarm, sessions_that_are_refused_are_told) {
    begin();
    lab.config.sessions_per_host = 30;
    CHECK(run() == PLAB_OK);
    CHECK_U64(result.logged_in, 30);
    CHECK_U64(result.not_in, 10);
    CHECK_U64(lab.stats.refused_connections, 10);
    CHECK(result.trouble[0] != '\0');
}

TEST(swarm, more_sessions_than_ports_come_from_more_addresses) {
    begin();
    lab.config.sessions_per_host = 12;
    config.source_ports = 12;
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    CHECK_U64(result.logged_in, 40);
    CHECK_U64(lab.stats.refused_connections, 0);
}

TEST(swarm, over_tls) {
    begin();
    lab.config.listen[0] = "tls://127.0.0.1:0";
    lab_make_tls_dir(&lab);
    lab.config.verify_percent = 0;
    config.submit_per_s = 400;
    config.duration_ms = 1500; /* handshakes take a sanitizer some time */
    config.churn = 20;
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    CHECK_U64(result.logged_in, 40);
    CHECK_U64(result.churned, 20);
    CHECK(lab.stats.tls_sessions >= 50); /* one that is reset at once may not get so far */
    CHECK(result.accepted > 0 && result.errors == 0);
}

TEST(swarm, churn_beside_sessions) {
    begin();
    config.churn = 200;
    config.sessions = 10;
    config.duration_ms = 2000;
    config.connect_per_s = 1000;
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    CHECK_U64(result.churned, 200);
    CHECK_U64(result.churn_failed, 0);
    CHECK_U64(result.churn_logins, 100);
    CHECK_U64(lab.stats.logins, 110);
    CHECK_U64(result.lost, 0);
}

TEST(swarm, churn_alone_ends_when_it_is_done) {
    begin();
    config.churn = 50;
    config.sessions = 0;
    config.duration_ms = 60000;
    CHECK_MSG(run() == PLAB_OK, "%s", err.text);
    CHECK_U64(result.churned, 50);
    CHECK(result.churn_s > 0 && result.load_s < 30);
}

TEST(swarm, stays_in_the_lab) {
    begin();
    CHECK(plab_url_parse("8.8.8.8:3333", &config.pool, &err) == PLAB_OK);
    CHECK(plab_swarm_run(&config, &result, &err) == PLAB_E_REFUSED);
    CHECK_MSG(strstr(err.text, "8.8.8.8") != NULL, "%s", err.text);
}

TEST(swarm, nobody_there) {
    begin();
    CHECK(plab_url_parse("127.0.0.1:1", &config.pool, &err) == PLAB_OK);
    CHECK(plab_swarm_run(&config, &result, &err) == PLAB_E_NETWORK);
    CHECK_MSG(strstr(err.text, "connection refused") != NULL, "%s", err.text);
    CHECK_U64(result.not_in, 40);
}

TEST(swarm, quantiles_are_close) {
    static struct plab_swarm_times times;
    for (uint64_t us = 1; us <= 100000; us++) {
        plab_swarm_times_add(&times, us);
    }
    uint64_t p50 = plab_swarm_times_quantile(&times, 0.50);
    uint64_t p99 = plab_swarm_times_quantile(&times, 0.99);
    CHECK(p50 >= 50000 && p50 <= 52000);
    CHECK(p99 >= 99000 && p99 <= 100000);
    CHECK_U64(plab_swarm_times_quantile(&times, 1), 100000);
    plab_swarm_times_add(&times, UINT64_MAX);
    CHECK_U64(times.max_us, UINT64_MAX);
}

TEST(swarm, a_push_counts_when_all_have_it) {
    static struct plab_swarm_waves waves;
    plab_swarm_waves_note(&waves, 7, 1, 5); /* before: known, but not measured */
    plab_swarm_waves_reset(&waves);
    plab_swarm_waves_note(&waves, 7, 2, 6);
    CHECK(waves.begun == 0 && waves.whole == 0);
    plab_swarm_waves_note(&waves, 8, 2, 100);
    plab_swarm_waves_note(&waves, 9, 2, 200);
    plab_swarm_waves_note(&waves, 8, 2, 350);
    CHECK(waves.begun == 2 && waves.whole == 1);
    CHECK_U64(waves.longest_ns, 250);
    plab_swarm_waves_note(&waves, 9, 2, 260);
    CHECK_U64(waves.longest_end_ns, 350); /* of the longest, not of the newest */
}
