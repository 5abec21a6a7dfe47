/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is connected: numbers, walks, hosts. */
#include "pool/roster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/prng.h"
#include "tests/harness.h"

static struct sockaddr_storage address(const char *text, uint16_t port) {
    struct sockaddr_storage out = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&out, &v4, sizeof v4);
    } else {
        CHECK(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
        memcpy(&out, &v6, sizeof v6);
    }
    return out;
}

static unsigned of_host(const struct plab_roster *roster, const char *text) {
    struct sockaddr_storage peer = address(text, 9);
    return plab_roster_of_host(roster, (struct sockaddr *)&peer);
}

static bool add(struct plab_roster *roster, struct plab_roster_entry *entry, const char *text) {
    struct sockaddr_storage peer = address(text, 1000);
    return plab_roster_add(roster, entry, entry, (struct sockaddr *)&peer);
}

TEST(roster, counts_hosts_whatever_the_port_and_the_family) {
    struct plab_roster roster;
    struct plab_roster_entry a, b, c, d;
    CHECK(plab_roster_init(&roster, 3, 7) == PLAB_OK);
    CHECK(add(&roster, &a, "127.0.0.1") && add(&roster, &b, "::ffff:127.0.0.1"));
    CHECK(add(&roster, &c, "::1"));
    CHECK(!add(&roster, &d, "127.0.0.1"));
    CHECK_U64(of_host(&roster, "127.0.0.1"), 2);
    CHECK_U64(of_host(&roster, "::1"), 1);
    CHECK_U64(of_host(&roster, "127.0.0.2"), 0);
    plab_roster_remove(&roster, &a);
    CHECK_U64(of_host(&roster, "127.0.0.1"), 1);
    CHECK(plab_roster_find(&roster, 1) == NULL);
    CHECK(add(&roster, &d, "127.0.0.1"));
    CHECK_U64(d.number, 4);
    plab_roster_remove(&roster, &b);
    plab_roster_remove(&roster, &c);
    plab_roster_remove(&roster, &d);
    CHECK_U64(of_host(&roster, "127.0.0.1"), 0);
    plab_roster_free(&roster);
}

#define MANY 5000

/* A table of all that came and went at random says the same as a plain array. */
TEST(roster, holds_thousands_through_coming_and_going) {
    static struct plab_roster_entry entries[MANY];
    static bool in[MANY];
    struct plab_roster roster;
    struct plab_prng rng = {42};
    size_t count = 0;
    CHECK(plab_roster_init(&roster, MANY, 99) == PLAB_OK);
    for (unsigned step = 0; step < 20 * MANY; step++) {
        size_t i = plab_prng_below(&rng, MANY);
        char text[32];
        snprintf(text, sizeof text, "10.0.%zu.%zu", i % 7, i % 250);
        if (in[i]) {
            plab_roster_remove(&roster, &entries[i]);
        } else {
            CHECK(add(&roster, &entries[i], text));
        }
        in[i] = !in[i];
        count = in[i] ? count + 1 : count - 1;
        CHECK_U64(roster.count, count);
    }
    unsigned hosts_first = 0;
    for (size_t i = 0; i < MANY; i++) {
        hosts_first += in[i] && i % 7 == 0 && i % 250 == 0;
        if (in[i]) {
            CHECK(plab_roster_find(&roster, entries[i].number) == &entries[i]);
            CHECK(roster.list[entries[i].index] == &entries[i]);
        }
    }
    CHECK_U64(of_host(&roster, "10.0.0.0"), hosts_first);
    while (roster.count > 0) {
        plab_roster_remove(&roster, roster.list[plab_prng_below(&rng, roster.count)]);
    }
    CHECK_U64(of_host(&roster, "10.0.0.0"), 0);
    plab_roster_free(&roster);
}
