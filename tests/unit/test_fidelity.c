/* SPDX-License-Identifier: BSD-3-Clause */
/* Distances between samples, and between runs. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/prng.h"
#include "lab/fidelity.h"
#include "lab/flow_frame.h"
#include "lab/pcapng.h"
#include "tests/harness.h"
#include "tests/unit/packets.h"

static bool near(double got, double want) {
    return fabs(got - want) < 1e-9;
}

TEST(fidelity, wasserstein) {
    double a[] = {3, 1, 2}, b[] = {2, 3, 1}, c[] = {11, 12, 13}, d[] = {0, 10}, e[] = {5};
    CHECK(near(plab_fidelity_wasserstein(a, 3, b, 3), 0));
    CHECK(near(plab_fidelity_wasserstein(a, 3, c, 3), 10)); /* a shift costs its length */
    CHECK(near(plab_fidelity_wasserstein(d, 2, e, 1), 5));  /* half the mass 5 each way */
    CHECK(isnan(plab_fidelity_wasserstein(d, 2, e, 0)));
}

TEST(fidelity, kolmogorov_smirnov) {
    double a[] = {1, 2, 3, 4}, b[] = {1, 2, 3, 4}, c[] = {5, 6}, d[] = {1, 2, 5, 6};
    CHECK(near(plab_fidelity_ks(a, 4, b, 4), 0));
    CHECK(near(plab_fidelity_ks(a, 4, c, 2), 1));
    CHECK(near(plab_fidelity_ks(a, 4, d, 4), 0.5));
    CHECK(isnan(plab_fidelity_ks(a, 0, d, 4)));
}

/* A search gives exponential gaps, a clock doesn't; the target of 5 % tells them apart. */
TEST(fidelity, exponential_gaps) {
    enum { COUNT = 1000 };
    static double search[COUNT], beat[COUNT];
    struct plab_prng random = {11};
    for (size_t i = 0; i < COUNT; i++) {
        double uniform = ((double)(plab_prng_next(&random) >> 11) + 1) / 9007199254740993.0;
        search[i] = -log(uniform);
        beat[i] = 1;
    }
    double target = 1.094 / sqrt(COUNT);
    CHECK(plab_fidelity_ks_exponential(search, COUNT) < target);
    CHECK(plab_fidelity_ks_exponential(beat, COUNT) > 0.5);
    CHECK(isnan(plab_fidelity_ks_exponential(beat, 0)));
}

TEST(fidelity, sizes_apart) {
    double a[] = {2, 256, 2}, b[] = {2, 2, 2, 256}, c[] = {250}, none[] = {0};
    CHECK(near(plab_fidelity_apart(a, 3, a, 3), 0));
    CHECK(near(plab_fidelity_apart(a, 3, b, 4), 2.0 / 262));
    CHECK(near(plab_fidelity_apart(b, 4, c, 1), 12.0 / 262)); /* 6 of the largest, and three of 2 */
    CHECK(isnan(plab_fidelity_apart(a, 3, none, 0)));
    CHECK(near(plab_fidelity_apart(none, 1, none, 1), 0));
}

TEST(fidelity, relative_difference) {
    CHECK(near(plab_fidelity_relative(10, 8), 0.2));
    CHECK(near(plab_fidelity_relative(0, 0), 0));
    CHECK(isnan(plab_fidelity_relative(NAN, 1)));
}

static void put(const char *folder, const char *name, const char *text) {
    char path[128];
    struct plab_error err = {.text = ""};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK_MSG(plab_file_write(path, text, strlen(text), &err) == PLAB_OK, "%s", err.text);
}

/* Three samples of the worker: one while it warmed up, one that disturbed the second from 14 to 15,
 * one that couldn't count. */
static void put_samples(const char *folder, unsigned reads) {
    char lines[1024];
    snprintf(lines, sizeof lines,
             "{\"t_ns\":4000000000,\"event\":\"sample\",\"pid\":7,\"until_ns\":5000000000,"
             "\"syscalls\":{\"counts\":{\"mmap\":99}}}\n"
             "{\"t_ns\":14100000000,\"event\":\"sample\",\"pid\":7,\"until_ns\":14900000000,"
             "\"syscalls\":{\"counts\":{\"futex\":4,\"read\":%u},\"grams\":{\"a a a a a\":1,"
             "\"a a a a b%u\":1}},\"maps\":[{\"resident_bytes\":9}]}\n"
             "{\"t_ns\":16000000000,\"event\":\"sample\",\"pid\":7,\"until_ns\":16000000001,"
             "\"syscalls\":{\"absent\":\"not permitted\"},\"maps\":[{\"resident_bytes\":10000000},"
             "{\"resident_bytes\":%u.0e6},{\"resident_bytes\":4096}]}\n",
             reads, reads, reads);
    put(folder, "raw/observed.jsonl", lines);
}

/* What the client said, as a capture. */
static void put_capture(const char *folder, const char *line) {
    struct plab_pcapng_writer *writer;
    char path[128];
    uint8_t bytes[PACKET_MAX];
    snprintf(path, sizeof path, "%s/run.pcapng", folder);
    CHECK(plab_pcapng_create(&writer, path, NULL) == PLAB_OK);
    CHECK(plab_pcapng_add_section(writer, NULL, NULL) == PLAB_OK);
    CHECK(plab_pcapng_add_interface(writer, "lo", PLAB_LINK_ETHERNET, 65536, NULL, NULL) ==
          PLAB_OK);
    for (int i = 0; i < 2; i++) { /* the opening, then the line */
        struct packet packet = {"127.0.0.1:40000", "127.0.0.1:3333", PLAB_TCP_SYN, 0, "", 0};
        if (i > 0) {
            packet = (struct packet){packet.src, packet.dst, PLAB_TCP_ACK, 1, line, 0};
        }
        struct plab_pcapng_packet one = {.wall_ns = 1, .bytes = bytes};
        one.len = one.wire_len = packet_compose(&packet, bytes);
        CHECK(plab_pcapng_add_packet(writer, &one, NULL) == PLAB_OK);
    }
    CHECK(plab_pcapng_close(&writer, NULL) == PLAB_OK);
}

static void make_run(char *folder, const char *cpu, unsigned seconds, const char *line) {
    char raw[128], table[512];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(raw, sizeof raw, "%s/raw", folder);
    mkdir(raw, 0755);
    put(folder, "truth.jsonl",
        "{\"t_ns\":0,\"t_s\":0,\"event\":\"run_start\"}\n"
        "{\"t_ns\":1,\"t_s\":1,\"event\":\"process_start\",\"process\":\"w\",\"role\":\"worker\","
        "\"instance\":0,\"pid\":7}\n"
        "{\"t_ns\":1,\"t_s\":2,\"event\":\"share\"}\n{\"t_ns\":1,\"t_s\":3,\"event\":\"share\"}\n"
        "{\"t_ns\":1,\"t_s\":6,\"event\":\"share\"}\n");
    snprintf(table, sizeof table,
             "t_s,pid,cpu_percent_of_one,voluntary_switches_per_s,minor_faults_per_s,rss_bytes,"
             "hugetlb_bytes,cycles_per_s,instructions_per_s,cache_misses_per_s\n"
             "5,7,1,1,1,1,1,1,1,1\n12,7,%s,10,0,100,,100,%s,\n13,7,%s,10,0,100,,300,%s,\n15,7,1,90,"
             "9,100,,300,1,\n",
             cpu, cpu, cpu, cpu);
    put(folder, "processes.csv", table);
    snprintf(table, sizeof table,
             "positive,src_port,dst_port,first_lengths,first_directions,packets_fwd,bytes_fwd,"
             "duration_s,syn_fwd,rst_fwd,fin_fwd,ja3\n"
             "1,40000,3333,0|400|0|300,1|1|-1|-1,4,800,%u,0,0,0,\n",
             seconds);
    put(folder, "flows.csv", table);
    put_capture(folder, line);
}

static const struct plab_fidelity_channel *named(const struct plab_fidelity *all,
                                                 const char *name) {
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->channels[i].name, name) == 0) {
            return &all->channels[i];
        }
    }
    CHECK_MSG(false, "no channel %s", name);
    return NULL;
}

TEST(fidelity, of_two_runs) {
    char a[] = "/tmp/powlab-fid.XXXXXX", b[] = "/tmp/powlab-fid.XXXXXX", command[128];
    struct plab_fidelity all;
    struct plab_error err = {.text = ""};
    make_run(a, "200", 60, "{\"id\":1,\"method\":\"login\"}\n{\"method\":\"submit\"}\n");
    make_run(b, "150", 400, "{\"method\":\"login\",\"id\":1}\n{\"method\":\"submit\"}\n");
    put_samples(a, 3);
    put_samples(b, 0);
    CHECK_MSG(plab_fidelity_compare(&all, a, a, &err) == PLAB_OK, "%s", err.text);
    for (size_t i = 0; i < all.count; i++) {
        bool to_theory = strncmp(all.channels[i].name, "poisson", 7) == 0;
        CHECK_MSG(to_theory || isnan(all.channels[i].distance) || all.channels[i].distance == 0,
                  "%s: %f", all.channels[i].name, all.channels[i].distance);
    }
    CHECK(plab_fidelity_compare(&all, a, b, &err) == PLAB_OK);
    CHECK(near(named(&all, "cpu mean")->distance, 0.25));      /* after the warm-up only */
    CHECK(near(named(&all, "payload")->distance, 2.0 / 3));    /* of three lines one in common */
    CHECK(near(named(&all, "flow score")->distance, 2.0 / 9)); /* duration and packets a minute */
    CHECK(near(named(&all, "mappings")->distance, 3.0 / 13));  /* the last samples' */
    CHECK(near(named(&all, "sequences")->distance, 2.0 / 3));
    CHECK_STR(named(&all, "keepalive")->reason, "no keepalived in clear text in one of the runs");
    CHECK(near(named(&all, "sizes up")->distance, 0));
    CHECK(isnan(named(&all, "tls")->distance));
    CHECK_STR(named(&all, "tls")->reason, "no TLS in one of the runs");
    CHECK(isnan(named(&all, "rounding")->distance) && isnan(named(&all, "huge pages")->distance));
    CHECK(near(named(&all, "ipc")->distance, 0.25)); /* 400 and 300 a 400 cycles */
    CHECK(isnan(named(&all, "cache")->distance) && isnan(named(&all, "branch")->distance));
    CHECK(strstr(named(&all, "cache")->reason, "no such hardware counters") != NULL);
    CHECK(near(named(&all, "switches")->distance, 0));   /* without the second of the sample */
    CHECK(near(named(&all, "syscalls")->distance, 0.2)); /* 4/5 in common */
    put(b, "raw/observed.jsonl", "");
    put(b, "run.pcapng", "damaged");
    CHECK(plab_fidelity_compare(&all, a, b, &err) == PLAB_OK);
    CHECK_STR(named(&all, "syscalls")->reason, "no system calls of a miner in one of the runs");
    CHECK(isnan(named(&all, "payload")->distance) && isnan(named(&all, "mappings")->distance));
    CHECK(named(&all, "switches")->distance > 0.3); /* 90 in the second of the sample */
    CHECK(isnan(named(&all, "power")->distance));
    CHECK(strstr(named(&all, "power")->reason, "no power of the processor's packages") != NULL);
    put(a, "host.csv",
        "t_s,rapl_0_package_0_watts,rapl_0_0_core_watts,rapl_1_package_1_watts\n9,1,1,1\n"
        "11,40,9,10\n12,50,9,20\n");
    put(b, "host.csv", "t_s,rapl_0_package_0_watts\n11,44\n12,46\n");
    CHECK(plab_fidelity_compare(&all, a, b, &err) == PLAB_OK);
    CHECK(near(named(&all, "power")->distance, 0.25)); /* 60 and 45 watts */
    CHECK(plab_fidelity_compare(&all, a, "/tmp", &err) == PLAB_E_INPUT);
    snprintf(command, sizeof command, "rm -r %s %s", a, b);
    CHECK(system(command) == 0);
}
