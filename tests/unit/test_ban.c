/* SPDX-License-Identifier: BSD-3-Clause */
/* Bans: scores that fade, bans that end, a table that stays small. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "pool/ban.h"
#include "tests/harness.h"

#define SECOND UINT64_C(1000000000)

static struct plab_bans bans;

static struct plab_host_key host(const char *text) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return plab_host_key((const struct sockaddr *)&v4);
    }
    CHECK(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
    return plab_host_key((const struct sockaddr *)&v6);
}

static void start(bool loopback, uint32_t hosts_max) {
    const struct plab_bans_config config = {.score_max = 10,
                                            .forgiven_per_s = 0.1,
                                            .ban_ms = 60000,
                                            .loopback = loopback,
                                            .hosts_max = hosts_max};
    CHECK(plab_bans_init(&bans, &config, 7) == PLAB_OK);
}

TEST(ban, score_leads_to_a_ban_that_ends) {
    struct plab_host_key bad = host("192.168.0.7"), other = host("192.168.0.8");
    start(false, 100);
    CHECK(!plab_bans_blame(&bans, &bad, 5, SECOND));
    CHECK(!plab_bans_blame(&bans, &bad, 5, SECOND)); /* at the limit, not above */
    CHECK_U64(plab_bans_left_ns(&bans, &bad, SECOND), 0);
    CHECK(plab_bans_blame(&bans, &bad, 1, SECOND));
    CHECK_U64(plab_bans_left_ns(&bans, &bad, SECOND), 60 * SECOND);
    CHECK_U64(plab_bans_left_ns(&bans, &bad, 60 * SECOND), SECOND);
    CHECK_U64(plab_bans_left_ns(&bans, &other, SECOND), 0);
    CHECK(!plab_bans_blame(&bans, &bad, 50, 2 * SECOND)); /* is banned already */
    CHECK_U64(plab_bans_left_ns(&bans, &bad, 61 * SECOND), 0);
    CHECK_U64(bans.total, 1);
    plab_bans_free(&bans);
}

TEST(ban, time_forgives) {
    struct plab_host_key bad = host("10.0.0.1");
    start(false, 100);
    for (uint64_t i = 1; i < 100; i++) { /* 5 points a minute, of which 6 are forgiven */
        CHECK(!plab_bans_blame(&bans, &bad, 5, i * 60 * SECOND));
    }
    CHECK(plab_bans_score(&bans, &bad, 99 * 60 * SECOND) == 5);
    CHECK(plab_bans_score(&bans, &bad, 99 * 60 * SECOND + 30 * SECOND) == 2);
    CHECK(plab_bans_score(&bans, &bad, 100 * 60 * SECOND) == 0);
    plab_bans_free(&bans);
}

TEST(ban, loopback_only_on_demand) {
    static const char *const addresses[] = {"127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"};
    for (int allowed = 0; allowed < 2; allowed++) {
        start(allowed != 0, 100);
        for (size_t i = 0; i < 3; i++) {
            struct plab_host_key key = host(addresses[i]);
            CHECK(plab_host_key_is_loopback(&key));
            CHECK(plab_bans_blame(&bans, &key, 11, SECOND) == (allowed != 0));
        }
        struct plab_host_key mapped = host(addresses[3]); /* the first one once more */
        CHECK((plab_bans_left_ns(&bans, &mapped, SECOND) > 0) == (allowed != 0));
        CHECK((plab_bans_score(&bans, &mapped, SECOND) > 0) == (allowed == 0));
        plab_bans_free(&bans);
    }
    struct plab_host_key not_loopback = host("::7f00:1");
    CHECK(!plab_host_key_is_loopback(&not_loopback));
}

TEST(ban, no_bans_when_the_time_is_zero) {
    const struct plab_bans_config config = {.score_max = 1, .hosts_max = 4};
    struct plab_host_key bad = host("10.0.0.1");
    CHECK(plab_bans_init(&bans, &config, 7) == PLAB_OK);
    CHECK(!plab_bans_blame(&bans, &bad, 100, SECOND));
    plab_bans_free(&bans);
}

TEST(ban, a_clock_that_goes_back_does_no_harm) {
    struct plab_host_key bad = host("10.0.0.1");
    start(false, 100);
    CHECK(!plab_bans_blame(&bans, &bad, 5, 3600 * SECOND));
    CHECK(plab_bans_score(&bans, &bad, SECOND) == 5);
    CHECK(!plab_bans_blame(&bans, &bad, 1, SECOND));
    CHECK(plab_bans_score(&bans, &bad, 3600 * SECOND) == 6);
    plab_bans_free(&bans);
}

TEST(ban, a_full_table_forgets_the_oldest_misdeed) {
    char text[32];
    start(false, 8);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "10.0.%d.%d", i / 250, i % 250);
        struct plab_host_key key = host(text);
        CHECK(plab_bans_blame(&bans, &key, 11, SECOND));
        struct plab_host_key first = host("10.0.0.0");
        plab_bans_blame(&bans, &first, 1, SECOND); /* stays, since it is never the oldest */
    }
    struct plab_ban list[20];
    CHECK_U64(plab_bans_list(&bans, SECOND, list, 20), 8);
    CHECK_U64(plab_bans_list(&bans, SECOND, NULL, 0), 8);
    char name[PLAB_HOST_KEY_NAME_LEN];
    CHECK_STR(plab_host_key_name(&list[0].key, name), "10.0.0.0");
    CHECK_STR(plab_host_key_name(&list[1].key, name), "10.0.3.249");
    CHECK_STR(plab_host_key_name(&list[7].key, name), "10.0.3.243");
    CHECK_U64(list[7].left_ns, 60 * SECOND);
    CHECK_U64(plab_bans_list(&bans, 61 * SECOND, list, 20), 0);
    plab_bans_free(&bans);
}

TEST(ban, names) {
    struct plab_host_key v6 = host("fd00::7");
    char name[PLAB_HOST_KEY_NAME_LEN];
    CHECK_STR(plab_host_key_name(&v6, name), "fd00::7");
}
