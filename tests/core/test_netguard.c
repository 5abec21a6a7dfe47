/* SPDX-License-Identifier: BSD-3-Clause */
/* The lab-only rule, as a pure function: nothing here opens a socket. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/netguard.h"
#include "tests/harness.h"

struct address_case {
    const char *text;
    bool lab;
};

/* First and last address of every allowed block, and its neighbours outside. */
static const struct address_case v4_cases[] = {
    {"127.0.0.1", true},        {"127.0.0.0", true},        {"127.255.255.255", true},
    {"126.255.255.255", false}, {"128.0.0.0", false},       {"10.0.0.0", true},
    {"10.255.255.255", true},   {"9.255.255.255", false},   {"11.0.0.0", false},
    {"172.16.0.0", true},       {"172.31.255.255", true},   {"172.15.255.255", false},
    {"172.32.0.0", false},      {"192.168.0.0", true},      {"192.168.255.255", true},
    {"192.167.255.255", false}, {"192.169.0.0", false},     {"169.254.0.0", true},
    {"169.254.255.255", true},  {"169.253.255.255", false}, {"169.255.0.0", false},
    {"100.64.0.0", true},       {"100.127.255.255", true},  {"100.63.255.255", false},
    {"100.128.0.0", false},     {"192.0.2.0", true},        {"192.0.2.255", true},
    {"192.0.1.255", false},     {"192.0.3.0", false},       {"198.51.100.0", true},
    {"198.51.100.255", true},   {"198.51.99.255", false},   {"198.51.101.0", false},
    {"203.0.113.0", true},      {"203.0.113.255", true},    {"203.0.112.255", false},
    {"203.0.114.0", false},     {"198.18.0.0", true},       {"198.19.255.255", true},
    {"198.17.255.255", false},  {"198.20.0.0", false},      {"0.0.0.0", false},
    {"8.8.8.8", false},         {"1.1.1.1", false},         {"224.0.0.1", false},
    {"239.255.255.255", false}, {"240.0.0.1", false},       {"255.255.255.255", false},
};

static const struct address_case v6_cases[] = {
    {"::1", true},
    {"::", false},
    {"::2", false},
    {"fe80::1", true},
    {"febf:ffff::1", true},
    {"fec0::1", false},
    {"fe7f::1", false},
    {"fc00::", true},
    {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
    {"fbff::1", false},
    {"fe00::1", false},
    {"2001:db8::", true},
    {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
    {"2001:db7:ffff::", false},
    {"2001:db9::", false},
    {"2606:4700:4700::1111", false},
    {"ff02::1", false},
    {"::ffff:127.0.0.1", true},
    {"::ffff:10.1.2.3", true},
    {"::ffff:8.8.8.8", false},
    {"::ffff:0.0.0.0", false},
    {"::127.0.0.1", false},     /* the deprecated IPv4-compatible form is no mapping */
    {"64:ff9b::7f00:1", false}, /* NAT64 leaves the lab */
    {"2002:7f00:1::", false},   /* 6to4 too */
};

static struct sockaddr_in v4(const char *text) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(3333)};
    CHECK_MSG(inet_pton(AF_INET, text, &in.sin_addr) == 1, "bad test address %s", text);
    return in;
}

static struct sockaddr_in6 v6(const char *text) {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(3333)};
    CHECK_MSG(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1, "bad test address %s", text);
    return in6;
}

TEST(netguard, ipv4_blocks_and_their_neighbours) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(v4_cases); i++) {
        struct sockaddr_in in = v4(v4_cases[i].text);
        CHECK_MSG(plab_netguard_is_lab((struct sockaddr *)&in) == v4_cases[i].lab,
                  "%s should be %s", v4_cases[i].text, v4_cases[i].lab ? "allowed" : "refused");
    }
}

TEST(netguard, ipv6_blocks_and_their_neighbours) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(v6_cases); i++) {
        struct sockaddr_in6 in6 = v6(v6_cases[i].text);
        CHECK_MSG(plab_netguard_is_lab((struct sockaddr *)&in6) == v6_cases[i].lab,
                  "%s should be %s", v6_cases[i].text, v6_cases[i].lab ? "allowed" : "refused");
    }
}

/* Every IPv4 address gets the same verdict as its IPv4-mapped form. */
TEST(netguard, mapped_addresses_agree_with_ipv4) {
    for (uint32_t high = 0; high < 65536; high++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        in.sin_addr.s_addr = htonl(high << 16 | 0x0277);
        in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
        memcpy(in6.sin6_addr.s6_addr + 12, &in.sin_addr.s_addr, 4);
        CHECK(plab_netguard_is_lab((struct sockaddr *)&in) ==
              plab_netguard_is_lab((struct sockaddr *)&in6));
    }
}

TEST(netguard, other_families_are_refused) {
    struct sockaddr unix_like = {.sa_family = AF_UNIX};
    CHECK(!plab_netguard_is_lab(&unix_like));
}

TEST(netguard, a_refusal_names_the_address_and_the_rule) {
    struct sockaddr_in in = v4("8.8.8.8");
    struct plab_error err = {.text = ""};
    CHECK(plab_netguard_check((struct sockaddr *)&in, &err) == PLAB_E_REFUSED);
    CHECK(strstr(err.text, "8.8.8.8:3333") != NULL);
    CHECK(strstr(err.text, "not a lab address") != NULL);
    CHECK_U64(plab_status_exit_code(PLAB_E_REFUSED), 8);
    in = v4("127.0.0.1");
    CHECK(plab_netguard_check((struct sockaddr *)&in, NULL) == PLAB_OK);
}

TEST(netguard, names) {
    char name[PLAB_NETGUARD_NAME_LEN];
    struct sockaddr_in in = v4("192.0.2.7");
    struct sockaddr_in6 in6 = v6("2001:db8::7");
    CHECK_STR(plab_netguard_name((struct sockaddr *)&in, name), "192.0.2.7:3333");
    CHECK_STR(plab_netguard_name((struct sockaddr *)&in6, name), "[2001:db8::7]:3333");
}
