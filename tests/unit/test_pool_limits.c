/* SPDX-License-Identifier: BSD-3-Clause */
/* What a pool grants and to whom: difficulties by wish, deadlines, passwords, bans. */
#include <stdio.h>

#include "base/clock.h"
#include "stratum/target.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"

static struct pool_lab lab;
static struct lab_client a, b;

static uint64_t ms_since(uint64_t began_ns) {
    return (plab_clock_ns() - began_ns) / 1000000;
}

/* Logs in with a password; true when that worked. */
static bool try_login(struct lab_client *client, const char *login, const char *pass) {
    char line[600];
    client_open(client, &lab);
    snprintf(line, sizeof line,
             "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"%s\",\"pass\":\"%s\"}}\n",
             login, pass);
    client_send(client, line);
    return client_response(client) && client->reply.ok;
}

/* ---- difficulty ---- */

TEST(pool_limits, L4_L5_wishes_within_bounds) {
    static const struct {
        const char *login, *pass;
        uint64_t difficulty; /* 0: refused */
    } cases[] = {
        {"w+64", "x", 64},     {"w", "d=64", 64},
        {"w", "x,d=64;y", 64}, {"w+5", "x", 10},
        {"w", "d=5", 10},      {"w+9223372036854775807", "x", 1u << 20},
        {"w", "x", 100},       {"w+0", "x", 0},
        {"w", "d=0", 0},       {"w+9223372036854775808", "x", 0},
        {"w", "d=1e3", 0},     {"w+", "d=64", 0},
    };
    lab_init(&lab, &mini_cn);
    lab.config.difficulty = 0;
    lab.config.vardiff_min = 10;
    lab.config.vardiff_max = 1u << 20;
    lab_start(&lab);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool good = try_login(&a, cases[i].login, cases[i].pass);
        CHECK_MSG(good == (cases[i].difficulty > 0), "%s %s", cases[i].login, cases[i].pass);
        if (good) {
            uint64_t got = plab_difficulty_from_target(a.job.target);
            CHECK_MSG(got == cases[i].difficulty, "%s %s: %llu", cases[i].login, cases[i].pass,
                      (unsigned long long)got);
        }
        client_close(&a);
    }
    lab_stop(&lab);
}

/* S16: 4 bytes end at 2^32 - 1. */
TEST(pool_limits, difficulties_beyond_32_bits_have_long_targets) {
    static const uint64_t wishes[] = {UINT32_MAX, UINT64_C(1) << 32, UINT64_C(123456789012345),
                                      INT64_MAX};
    char login[64];
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        snprintf(login, sizeof login, "w+%llu", (unsigned long long)wishes[i]);
        client_login(&a, &lab, login);
        CHECK_U64(a.job.target, plab_target_from_difficulty(wishes[i]));
        CHECK(a.job.target < UINT64_C(1) << 33);
        client_close(&a);
    }
    lab_stop(&lab);
}

/* S4, S5: every share is judged by the difficulty of its own job. */
TEST(pool_limits, S5_shares_after_a_retarget) {
    struct plab_stratum_submit easy[6], hard;
    lab_init(&lab, &mini_cn);
    lab.config.difficulty = 0;
    lab.config.vardiff_start = 2;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    uint64_t easy_target = a.job.target;
    uint32_t nonce = 0;
    for (size_t i = 0; i < 6; i++) {
        do {
            client_mine(&a, &lab, nonce, true, &easy[i]);
            memcpy(&nonce, easy[i].nonce, 4);
            nonce++;
            /* the last two would be too low for the next job */
        } while (i >= 4 && plab_target_met(easy[i].result, easy_target / 8));
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK_STR(client_submit(&a, &easy[i]), "");
    }
    CHECK(client_job(&a));
    CHECK_U64(plab_difficulty_from_target(a.job.target), 16);
    CHECK_STR(client_submit(&a, &easy[4]), ""); /* late, of the easy job */
    hard = easy[5];
    memcpy(hard.job_id, a.job.job_id, sizeof hard.job_id);
    CHECK_STR(client_submit(&a, &hard), "Low difficulty share");
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.accepted_work, 5 * 2);
}

/* ---- deadlines ---- */

TEST(pool_limits, idle_deadline_counts_from_the_last_good_request) {
    char line[300];
    lab_init(&lab, &mini_cn);
    lab.config.idle_deadline_ms = 1500;
    lab_start(&lab);
    client_login(&a, &lab, "talks");
    client_login(&b, &lab, "silent");
    uint64_t began_ns = plab_clock_ns();
    snprintf(line, sizeof line, "{\"id\":2,\"method\":\"keepalived\",\"params\":{\"id\":\"%s\"}}\n",
             a.session);
    while (ms_since(began_ns) < 1700) {
        client_send(&a, line);
        CHECK(client_response(&a) && a.reply.ok);
        client_send(&b, "{\"id\":"); /* half a line is none */
        client_send(&b, "1,\n");
        plab_clock_sleep_ns(100000000);
    }
    CHECK(client_is_hung_up(&b));
    client_send(&a, line);
    CHECK(client_response(&a) && a.reply.ok);
    client_close(&a);
    client_close(&b);
    lab_stop(&lab);
}

/* ---- passwords ---- */

TEST(pool_limits, L12_wrong_passwords_take_time) {
    lab_init(&lab, &mini_cn);
    lab.config.password = "s3cret";
    lab_start(&lab);
    static const char *const good[] = {"s3cret", "x,s3cret", "s3cret;d=9"};
    for (size_t i = 0; i < 3; i++) {
        CHECK_MSG(try_login(&a, "w", good[i]), "%s", good[i]);
        client_close(&a);
    }
    uint64_t began_ns = plab_clock_ns();
    CHECK(!try_login(&a, "w", "s3cre"));
    CHECK_STR(a.reply.error, "Wrong access password");
    CHECK(ms_since(began_ns) >= 500);
    CHECK(client_is_hung_up(&a)); /* one try a connection */
    client_close(&a);
    began_ns = plab_clock_ns();
    CHECK(!try_login(&a, "w", "s3crets3cret"));
    CHECK(ms_since(began_ns) >= 1000); /* each takes longer than the one before */
    client_close(&a);
    CHECK(try_login(&a, "w", "s3cret")); /* those who know it don't wait */
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.refused_logins, 2);
}

TEST(pool_limits, L12_no_password_is_a_wrong_one) {
    static const char *const bad[] = {"", ",", "x", "s3cret ", "S3cret", "d=s3cret"};
    static struct lab_client tries[6];
    lab_init(&lab, &mini_cn);
    lab.config.password = "s3cret";
    lab.config.ban_loopback = true;
    lab_start(&lab);
    for (size_t i = 0; i < 6; i++) {
        char line[200];
        client_open(&tries[i], &lab);
        snprintf(line, sizeof line,
                 "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\",\"pass\":\"%s\"}}\n",
                 bad[i]);
        client_send(&tries[i], line);
    }
    CHECK(client_is_hung_up(&tries[0]));
    for (size_t i = 0; i < 6; i++) {
        client_close(&tries[i]);
    }
    lab_stop(&lab);
    CHECK_U64(lab.stats.logins, 0);
    CHECK_U64(lab.stats.bans, 1); /* guessing ends somewhere */
}

/* ---- bans ---- */

static void break_the_protocol(void) {
    client_open(&a, &lab);
    client_send(&a, "GET / HTTP/1.1\r\n\r\n");
    CHECK(client_is_hung_up(&a));
    client_close(&a);
}

TEST(pool_limits, P9_loopback_is_not_banned_by_itself) {
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    for (int i = 0; i < 30; i++) {
        break_the_protocol();
    }
    client_login(&b, &lab, "neighbour");
    client_close(&b);
    lab_stop(&lab);
    CHECK_U64(lab.stats.bans, 0);
}

static unsigned ban_events;

static enum plab_status count_bans(void *cookie, const struct plab_pool_event *event,
                                   struct plab_error *err) {
    (void)cookie;
    (void)err;
    ban_events += event->kind == PLAB_POOL_EVENT_BAN && strncmp(event->peer, "127.0.0.1:", 10) == 0;
    return PLAB_OK;
}

TEST(pool_limits, bans_expire) {
    char line[300];
    lab_init(&lab, &mini_cn);
    lab.config.ban_loopback = true;
    lab.config.ban_ms = 400;
    lab.config.on_event = count_bans;
    lab_start(&lab);
    client_login(&b, &lab, "was_there_before");
    for (int i = 0; i < 5; i++) { /* the fifth one is too much */
        break_the_protocol();
    }
    uint64_t banned_ns = plab_clock_ns();
    client_open(&a, &lab);
    CHECK(client_is_hung_up(&a)); /* without a word */
    client_close(&a);
    snprintf(line, sizeof line, "{\"id\":2,\"method\":\"keepalived\",\"params\":{\"id\":\"%s\"}}\n",
             b.session);
    client_send(&b, line);
    CHECK(client_response(&b) && b.reply.ok); /* others of the host are no worse for it */
    while (!try_login(&a, "w", "x")) {
        client_close(&a);
        CHECK(ms_since(banned_ns) < 5000);
        plab_clock_sleep_ns(20000000);
    }
    CHECK(ms_since(banned_ns) >= 390);
    client_close(&a);
    client_close(&b);
    lab_stop(&lab);
    CHECK_U64(lab.stats.bans, 1);
    CHECK_U64(ban_events, 1);
    CHECK(lab.stats.refused_connections >= 1);
}

TEST(pool_limits, S14_bad_shares_lead_to_a_ban) {
    struct plab_stratum_submit submit;
    struct plab_ban list[4];
    lab_init(&lab, &mini_cn);
    lab.config.ban_loopback = true;
    lab.config.bad_shares_max = 2;
    lab_start(&lab);
    for (int session = 0; session < 2; session++) {
        client_login(&a, &lab, "worker1");
        client_mine(&a, &lab, 0, true, &submit);
        submit.result[0] ^= 1;
        for (int i = 0; i < 3; i++) {
            CHECK_STR(client_submit(&a, &submit), i == 0 ? "Invalid share" : "Duplicate share");
        }
        CHECK(client_is_hung_up(&a));
        client_close(&a);
    }
    client_open(&a, &lab);
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    plab_pool_stop(lab.pool);
    pthread_join(lab.thread, NULL);
    CHECK_U64(plab_pool_bans(lab.pool, list, 4), 1);
    CHECK(list[0].left_ns > UINT64_C(590000000000));
    plab_pool_destroy(&lab.pool);
}

/* S19: names of workers cost nothing once their sessions are gone. */
TEST(pool_limits, S19_many_names_of_one_wallet) {
    char login[64];
    lab_init(&lab, &mini_cn);
    lab.config.sessions_max = lab.config.sessions_per_host = 4;
    lab_start(&lab);
    for (int i = 0; i < 1000; i++) {
        snprintf(login, sizeof login, "wallet.%d", i);
        if (try_login(&a, login, "x")) {
            CHECK(a.reply.has_job);
        } else {
            i--; /* the last ones aren't gone yet */
        }
        client_close(&a);
    }
    lab_stop(&lab);
    CHECK_U64(lab.stats.logins, 1000);
    CHECK_U64(lab.stats.sessions_now, 0);
}
