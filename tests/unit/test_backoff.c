/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/backoff.h"
#include "pool_client/url.h"
#include "tests/harness.h"

TEST(backoff, doubles_up_to_the_cap) {
    static const uint64_t want[] = {0, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        CHECK_U64(plab_backoff_ms(1000, 30000, i, 0), want[i]);
    }
    CHECK_U64(plab_backoff_ms(1000, 30000, UINT32_MAX, 0), 30000);
    CHECK_U64(plab_backoff_ms(1, UINT64_MAX, UINT32_MAX, 0), UINT64_MAX);
}

TEST(backoff, jitter_takes_away_up_to_a_half) {
    CHECK_U64(plab_backoff_ms(1000, 30000, 1, UINT64_MAX), 500);
    CHECK_U64(plab_backoff_ms(1000, 30000, 9, UINT64_MAX), 15000);
    uint64_t middle = plab_backoff_ms(1000, 30000, 2, UINT64_C(1) << 63);
    CHECK(middle > 1450 && middle < 1550);
}

TEST(backoff, odd_arguments) {
    CHECK_U64(plab_backoff_ms(5000, 1000, 3, 0), 5000);
    CHECK_U64(plab_backoff_ms(0, 0, 3, UINT64_MAX), 0);
    CHECK_U64(plab_backoff_ms(1, 1, 1, UINT64_MAX), 1);
}

TEST(url, good_ones) {
    static const struct {
        const char *text, *name;
    } good[] = {
        {"127.0.0.1", "127.0.0.1:3333"},
        {"127.0.0.1:1", "127.0.0.1:1"},
        {"stratum+tcp://localhost:65535", "localhost:65535"},
        {"stratum+tcp://pool.lab/", "pool.lab:3333"},
        {"[::1]", "[::1]:3333"},
        {"[fe80::1%eth0]:80", "[fe80::1%eth0]:80"},
        {"stratum+tcp://[::1]:80/", "[::1]:80"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct plab_url url;
        struct plab_error err = {.text = ""};
        char name[PLAB_URL_NAME_LEN];
        CHECK_MSG(plab_url_parse(good[i].text, &url, &err) == PLAB_OK, "%s", err.text);
        CHECK_STR(plab_url_name(&url, name), good[i].name);
    }
}

TEST(url, bad_ones) {
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "host"},
        {":3333", "host"},
        {"socks5://127.0.0.1", "scheme"},
        {"http://127.0.0.1", "scheme"},
        {"user@127.0.0.1:3333", "--user"},
        {"user:pass@127.0.0.1:3333", "--user"},
        {"127.0.0.1:", "port"},
        {"127.0.0.1:0", "port"},
        {"127.0.0.1:65536", "port"},
        {"127.0.0.1:-1", "port"},
        {"127.0.0.1:3333x", "port"},
        {"127.0.0.1:3333/path", "port"},
        {"127.0.0.1:99999999999999999999", "port"},
        {"::1:3333", "host"},
        {"[::1", "host"},
        {"[::1]x", "host"},
        {"[]:3333", "host"},
        {"a b:3333", "characters"},
        {"a\x1b[2J:3333", "characters"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct plab_url url;
        struct plab_error err = {.text = ""};
        CHECK_MSG(plab_url_parse(bad[i].text, &url, &err) == PLAB_E_USAGE, "%s", bad[i].text);
        CHECK_MSG(strstr(err.text, bad[i].why) != NULL, "%s: %s", bad[i].text, err.text);
        CHECK(strchr(err.text, '\x1b') == NULL);
    }
    char text[PLAB_URL_HOST_MAX + 2];
    struct plab_url url;
    memset(text, 'a', sizeof text);
    text[PLAB_URL_HOST_MAX + 1] = '\0';
    CHECK(plab_url_parse(text, &url, NULL) == PLAB_E_USAGE);
    text[PLAB_URL_HOST_MAX] = '\0';
    CHECK(plab_url_parse(text, &url, NULL) == PLAB_OK);
}
