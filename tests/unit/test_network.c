/* SPDX-License-Identifier: BSD-3-Clause */
/* Networks of scenarios: what a file may say of them, the commands that make them, and what the
 * resolver in them answers. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/prng.h"
#include "lab/dns.h"
#include "lab/netns.h"
#include "lab/netplan.h"
#include "tests/harness.h"

#define HEAD "name: t\npool: {}\nworkers: [{name: w}]\nphases: [{name: p, duration: 1s}]\n"
#define NETWORK HEAD "network:\n  mode: namespaces\n"

static enum plab_status parse(const char *text, struct plab_scenario *out, struct plab_error *err) {
    err->text[0] = '\0';
    return plab_scenario_parse(out, text, strlen(text), "x.yaml", err);
}

static void check_bad(const char *text, enum plab_status want, const char *message) {
    static struct plab_scenario scenario;
    struct plab_error err;
    enum plab_status got = parse(text, &scenario, &err);
    CHECK_MSG(got == want, "%s: status %d, want %d (%s)", message, (int)got, (int)want, err.text);
    CHECK_STR(err.text, message);
}

static struct plab_scenario good(const char *text) {
    static struct plab_scenario scenario;
    struct plab_error err;
    CHECK_MSG(parse(text, &scenario, &err) == PLAB_OK, "%s", err.text);
    return scenario;
}

/* ---- what a file says ---- */

TEST(network, defaults) {
    struct plab_scenario s = good(HEAD);
    CHECK(!s.network.namespaces);
    CHECK_STR(s.pool.listen, "127.0.0.1:0");
    s = good(HEAD "network: {mode: loopback}\n");
    CHECK(!s.network.namespaces);
    s = good(NETWORK);
    CHECK(s.network.namespaces);
    CHECK_STR(s.network.client, "10.20.0.2");
    CHECK_STR(s.network.pool, "203.0.113.7");
    CHECK_STR(s.network.resolver, "10.20.0.1");
    CHECK_U64(s.network.client_prefix, 24);
    CHECK_U64(s.network.mtu, 1500);
    CHECK_U64(s.network.delay_ms, 0);
    CHECK(s.network.loss_percent == 0);
    CHECK_STR(s.pool.listen, "203.0.113.7:3333");
}

TEST(network, every_key) {
    struct plab_scenario s =
        good(NETWORK "  client: 192.168.7.9/28\n  pool: 198.51.100.21/30\n"
                     "  resolver: 192.168.7.14\n  mtu: 576\n  delay_ms: 40\n  jitter_ms: 5\n"
                     "  loss_percent: 0.25\n  names:\n"
                     "    - {name: Pool.Lab.Example, address: 198.51.100.21, ttl_seconds: 5}\n"
                     "    - {name: gone.lab.example, address: 198.51.100.22}\n");
    CHECK_STR(s.network.client, "192.168.7.9");
    CHECK_U64(s.network.client_prefix, 28);
    CHECK_U64(s.network.pool_prefix, 30);
    CHECK_STR(s.network.resolver, "192.168.7.14");
    CHECK_U64(s.network.mtu, 576);
    CHECK_U64(s.network.delay_ms, 40);
    CHECK_U64(s.network.jitter_ms, 5);
    CHECK(s.network.loss_percent == 0.25);
    CHECK_U64(s.network.host_count, 2);
    CHECK_STR(s.network.hosts[0].name, "pool.lab.example");
    CHECK_U64(s.network.hosts[0].ttl_s, 5);
    CHECK_U64(s.network.hosts[1].ttl_s, 300);
    CHECK_STR(s.pool.listen, "198.51.100.21:3333");
}

TEST(network, bad_values_are_named) {
    check_bad(HEAD "network: {mode: bridge}\n", PLAB_E_INPUT,
              "x.yaml:5:11: network.mode: \"bridge\" is none of loopback, namespaces");
    check_bad(HEAD "network: {mode: loopback, mtu: 900}\n", PLAB_E_INPUT,
              "x.yaml:5:27: network.mtu: goes only with mode: namespaces");
    check_bad(NETWORK "  client: 10.20.0.2\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.client: \"10.20.0.2\" is not ADDRESS/PREFIX with a prefix of 8 "
              "to 30 bits, such as 10.20.0.2/24");
    check_bad(NETWORK "  client: 10.20.0.0/24\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.client: 10.20.0.0/24 is the address of the network itself; give "
              "that of a host in it");
    check_bad(NETWORK "  client: 127.0.0.5/24\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.client: 127.0.0.5 goes over no cable; give a private address "
              "such as 10.20.0.2 or a documentation one such as 203.0.113.7");
    check_bad(NETWORK "  pool: 10.20.0.7/24\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.pool: the networks of 10.20.0.2/24 and 10.20.0.7/24 overlap");
    check_bad(NETWORK "  resolver: 203.0.113.53\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.resolver: 203.0.113.53 must be another address in the clients' "
              "network, 10.20.0.2/24");
    check_bad(NETWORK "  client: 10.20.0.1/24\n", PLAB_E_INPUT,
              "x.yaml:5:1: network.resolver: 10.20.0.1 must be another address in the clients' "
              "network, 10.20.0.1/24");
    check_bad(NETWORK "  mtu: 64\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.mtu: 64 is not between 128 and 9000");
    check_bad(NETWORK "  delay_ms: 10\n  jitter_ms: 11\n", PLAB_E_INPUT,
              "x.yaml:8:3: network.jitter_ms: 11 is not between 0 and 10");
    check_bad(NETWORK "  loss_percent: 51\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.loss_percent: 51 is not between 0 and 50");
    check_bad(NETWORK "  loss_percent: nan\n", PLAB_E_INPUT,
              "x.yaml:7:3: network.loss_percent: nan is not between 0 and 50");
    check_bad(
        NETWORK "  names: [{name: pool, address: 203.0.113.7}]\n", PLAB_E_INPUT,
        "x.yaml:7:12: network.names[0].name: \"pool\" is no host name with a dot in it and at "
        "most 63 letters, digits and -, such as pool.lab.example");
    check_bad(HEAD "network: {mode: namespaces}\npool2: 1\n", PLAB_E_INPUT,
              "x.yaml:6:1: pool2: unknown key");
}

/* The lab-only rule holds for each address that a file names. */
TEST(network, lab_addresses_only) {
    static const char *const texts[] = {
        NETWORK "  client: 8.8.8.8/24\n",
        NETWORK "  pool: 1.1.1.1/24\n",
        NETWORK "  resolver: 9.9.9.9\n",
        NETWORK "  names: [{name: a.b, address: 142.250.1.1}]\n",
    };
    static struct plab_scenario s;
    struct plab_error err;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(texts); i++) {
        CHECK_MSG(parse(texts[i], &s, &err) == PLAB_E_REFUSED, "%s: %s", texts[i], err.text);
        CHECK(strstr(err.text, "is not a lab address") != NULL);
    }
    check_bad("name: t\npool: {listen: \"203.0.113.8:1\"}\nworkers: [{name: w}]\n"
              "phases: [{name: p, duration: 1s}]\nnetwork: {mode: namespaces}\n",
              PLAB_E_INPUT,
              "x.yaml:2:8: pool.listen: the pool is at 203.0.113.7 (network.pool); give "
              "203.0.113.7:PORT, or leave it out");
}

TEST(network, another_miner_only_in_namespaces) {
    check_bad("name: t\npool: {}\nworkers: [{name: w, command: [xmrig, -o, x]}]\n"
              "phases: [{name: p, duration: 1s}]\n",
              PLAB_E_REFUSED,
              "x.yaml:3:21: workers[0].command: xmrig doesn't know the lab-only rule, so it runs "
              "only where there is no way out; add network: {mode: namespaces}");
    check_bad("name: t\npool: {}\nworkers: [{name: w, threads: 1, command: [xmrig]}]\n"
              "phases: [{name: p, duration: 1s}]\nnetwork: {mode: namespaces}\n",
              PLAB_E_INPUT,
              "x.yaml:3:21: workers[0].threads: means nothing to another program; say it in the "
              "command's words");
    check_bad(
        "name: t\npool: {}\nworkers: [{name: w, command: [xmrig]}]\n"
        "phases: [{name: p, duration: 1s, load_percent: 50}]\nnetwork: {mode: namespaces}\n",
        PLAB_E_INPUT,
        "x.yaml:4:34: phases[0].load_percent: worker \"w\" is another program, which can't be "
        "told a load; give it a phase with load_percent 0 or 100");
    struct plab_scenario s =
        good("name: t\npool: {}\nworkers: [{name: w, nice: 3, command: [xmrig, \"{user}\"]}]\n"
             "phases: [{name: p, duration: 1s, load_percent: 0}, {name: q, duration: 1s}]\n"
             "network: {mode: namespaces}\n");
    CHECK_U64(s.workers[0].command_count, 2);
    CHECK_STR(s.workers[0].command[1].text, "{user}");
}

/* ---- the commands ---- */

static void check_no_way_out(const struct plab_scenario *s, size_t far_ends) {
    struct plab_netplan_command commands[PLAB_NETPLAN_MAX];
    size_t count = plab_netplan_make(&s->network, "/proc/1/fd/7", "/proc/1/fd/8", true, commands);
    size_t routes = 0, in_cable = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = commands[i].text;
        CHECK_MSG(strlen(text) + 1 < sizeof commands[i].text, "%s", text);
        CHECK_MSG(strstr(text, "default") == NULL && strstr(text, " via ") == NULL, "%s", text);
        if (strncmp(text, "ip route", 8) == 0) {
            routes++;
            CHECK_STR(text, commands[i].place == PLAB_NETPLAN_CLIENT
                                ? "ip route add 203.0.113.0/24 dev client0 src 10.20.0.2"
                                : "ip route add 10.20.0.0/24 dev pool0 src 203.0.113.7");
        }
        if (commands[i].place == PLAB_NETPLAN_CABLE) {
            in_cable++;
            CHECK_MSG(strstr(text, "arp off addrgenmode none up") != NULL, "%s", text);
        }
    }
    CHECK_U64(routes, 2);
    CHECK_U64(in_cable, far_ends);
}

TEST(network, plan_has_no_way_out) {
    struct plab_netplan_command commands[PLAB_NETPLAN_MAX];
    struct plab_scenario s = good(NETWORK);
    check_no_way_out(&s, 0);
    plab_netplan_make(&s.network, "/proc/1/fd/7", "x", true, commands);
    CHECK_STR(commands[0].text,
              "ip link add name pool0 mtu 1500 address 02:00:cb:00:71:07 type veth peer name "
              "client0 mtu 1500 address 02:00:0a:14:00:02 netns /proc/1/fd/7");
}

TEST(network, plan_with_a_cable_between) {
    struct plab_netplan_command commands[PLAB_NETPLAN_MAX];
    struct plab_scenario s = good(NETWORK "  mtu: 9000\n  delay_ms: 40\n");
    check_no_way_out(&s, 2);
    plab_netplan_make(&s.network, "x", "/proc/1/fd/8", true, commands);
    CHECK_STR(commands[0].text, "ip link add name pool0 mtu 9000 address 02:00:cb:00:71:07 type "
                                "veth peer name pool1 mtu 9000 netns /proc/1/fd/8");
    CHECK(commands[0].place == PLAB_NETPLAN_POOL);
    CHECK_STR(commands[2].text, "ip link add name client0 mtu 9000 address 02:00:0a:14:00:02 type "
                                "veth peer name client1 mtu 9000 netns /proc/1/fd/8");
    CHECK(commands[2].place == PLAB_NETPLAN_CLIENT);
    s = good(NETWORK "  loss_percent: 0.25\n");
    check_no_way_out(&s, 2);
}

TEST(network, plan_leaves_out_what_is_not_asked_for) {
    struct plab_scenario s = good(NETWORK "  mtu: 1000\n");
    struct plab_netplan_command commands[PLAB_NETPLAN_MAX];
    size_t count = plab_netplan_make(&s.network, "x", "y", true, commands);
    for (size_t i = 0; i < count; i++) {
        CHECK_MSG(strstr(commands[i].text, "addrgenmode") == NULL, "no IPv6 with an MTU of 1000");
    }
}

/* ---- namespaces ---- */

TEST(network, namespaces_are_others_and_vanish) {
    struct plab_netns netns;
    struct plab_error err;
    struct stat own, pool, client;
    char path[PLAB_NETNS_PATH_LEN];
    if (plab_netns_open(&netns, true, &err) != PLAB_OK) {
        printf("skipped: %s\n", err.text);
        plab_netns_close(&netns);
        return;
    }
    CHECK(stat("/proc/self/ns/net", &own) == 0 && fstat(netns.pool, &pool) == 0 &&
          fstat(netns.client, &client) == 0);
    CHECK(pool.st_ino != own.st_ino && client.st_ino != own.st_ino);
    CHECK(pool.st_ino != client.st_ino);
    CHECK(stat(plab_netns_path(netns.client, path), &own) == 0 && own.st_ino == client.st_ino);

    int fd;
    int none = open("/dev/null", O_RDONLY);
    CHECK(plab_netns_udp(none, "203.0.113.9", 53, &fd, &err) == PLAB_E_RESOURCE);
    CHECK_STR(err.text, "cannot enter the network namespace: Invalid argument");
    CHECK(plab_netns_udp(netns.pool, "8.8.8.8", 53, &fd, &err) == PLAB_E_REFUSED && fd == -1);
    close(none);
    plab_netns_close(&netns);
    CHECK(netns.pool == -1 && netns.client == -1 && netns.cable == -1);
    plab_netns_close(&netns);
}

/* ---- the resolver ---- */

/* A query as `dig` sends it: id 0x1234, recursion wished. */
static size_t query(uint8_t *out, const char *name, unsigned type) {
    static const uint8_t head[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    size_t len = sizeof head;
    memcpy(out, head, len);
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        out[len++] = (uint8_t)label;
        memcpy(out + len, name, label);
        len += label;
        name += label + (name[label] == '.');
    }
    const uint8_t tail[] = {0, 0, (uint8_t)type, 0, 1};
    memcpy(out + len, tail, sizeof tail);
    return len + sizeof tail;
}

static enum plab_dns_verdict ask(const char *name, unsigned type, uint8_t *out, size_t *len,
                                 struct plab_dns_question *question) {
    struct plab_scenario s =
        good(NETWORK "  names: [{name: pool.lab.example, address: 203.0.113.7, ttl_seconds: 5}]\n");
    static struct plab_scenario_network network;
    uint8_t bytes[600];
    network = s.network;
    size_t query_len = query(bytes, name, type);
    return plab_dns_answer(&network, bytes, query_len, question, out, len);
}

TEST(network, resolver_answers_an_address) {
    uint8_t out[PLAB_DNS_MESSAGE_MAX];
    struct plab_dns_question question;
    size_t len;
    /* By RFC 1035: header, the question as it came, a pointer to its name, A, IN, 5 s, 4 bytes. */
    static const uint8_t want[] = "\x12\x34\x85\x80\0\1\0\1\0\0\0\0"
                                  "\4PoOl\3lab\7example\0\0\1\0\1"
                                  "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xcb\0\x71\x07";
    CHECK(ask("PoOl.lab.example", PLAB_DNS_TYPE_A, out, &len, &question) == PLAB_DNS_ANSWERED);
    CHECK_U64(len, sizeof want - 1);
    CHECK_MEM(out, want, sizeof want - 1);
    CHECK_STR(question.name, "pool.lab.example");
    CHECK_U64(question.type, 1);
}

TEST(network, resolver_knows_nothing_else) {
    uint8_t out[PLAB_DNS_MESSAGE_MAX];
    struct plab_dns_question question;
    size_t len;
    CHECK(ask("pool.lab.example", PLAB_DNS_TYPE_AAAA, out, &len, &question) == PLAB_DNS_NO_DATA);
    CHECK(out[3] == 0x80 && out[7] == 0); /* no error, no answers */
    CHECK(ask("donate.example.org", PLAB_DNS_TYPE_A, out, &len, &question) == PLAB_DNS_NO_NAME);
    CHECK(out[3] == 0x83 && out[7] == 0);
    CHECK_STR(question.name, "donate.example.org");
    CHECK(ask("b\xff\x01.x", PLAB_DNS_TYPE_A, out, &len, &question) == PLAB_DNS_NO_NAME);
    CHECK_STR(question.name, "b??.x");
}

/* Whatever comes, an answer is short, has the query's number and its response bit. */
TEST(network, resolver_survives_damage) {
    struct plab_scenario s =
        good(NETWORK "  names: [{name: pool.lab.example, address: 203.0.113.7}]\n");
    struct plab_prng rng = {7};
    uint8_t bytes[600], out[PLAB_DNS_MESSAGE_MAX];
    struct plab_dns_question question;
    size_t whole = query(bytes, "pool.lab.example", 1), out_len;
    for (size_t len = 0; len < whole; len++) {
        uint8_t *cut = malloc(len + 1); /* so that sanitizers see its end */
        memcpy(cut, bytes, len);
        enum plab_dns_verdict verdict =
            plab_dns_answer(&s.network, cut, len, &question, out, &out_len);
        CHECK(verdict == (len < 12 ? PLAB_DNS_IGNORED : PLAB_DNS_MALFORMED));
        free(cut);
    }
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = plab_prng_next(&rng) % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(plab_prng_next(&rng) % (round % 2 ? 256 : 64));
        }
        if (len >= 12) {
            memcpy(bytes + 4, "\0\1", 2);
        }
        (void)plab_dns_answer(&s.network, bytes, len, &question, out, &out_len);
        CHECK(out_len <= sizeof out);
        CHECK(out_len == 0 || (memcmp(out, bytes, 2) == 0 && (out[2] & 0x80) != 0));
    }
    bytes[2] = 0x80; /* an answer isn't answered */
    CHECK(plab_dns_answer(&s.network, bytes, 40, &question, out, &out_len) == PLAB_DNS_IGNORED);
    CHECK_U64(out_len, 0);
}
