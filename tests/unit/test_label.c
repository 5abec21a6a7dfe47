/* SPDX-License-Identifier: BSD-3-Clause */
/* Ground truth joined to flows and seconds, and packets relabelled by it. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/capture_clock.h"
#include "lab/capture_files.h"
#include "lab/label.h"
#include "lab/pcapng.h"
#include "lab/relabel.h"
#include "tests/harness.h"
#include "tests/unit/packets.h"

#define WALL UINT64_C(1700000000000000000)
#define SECOND UINT64_C(1000000000)

static const char truth[] =
    "{\"t_s\":0,\"source\":\"lab\",\"event\":\"run_start\",\"run\":\"abcd\",\"scenario\":\"sc\","
    "\"label\":\"mining\",\"wall_ns\":1700000000000000000}\n"
    "{\"t_s\":0.1,\"source\":\"lab\",\"event\":\"pool_ready\",\"address\":\"127.0.0.1:3333\"}\n"
    "{\"t_s\":0.2,\"source\":\"lab\",\"event\":\"phase_start\",\"phase\":\"one\",\"load_percent\":"
    "80}\n"
    "{\"t_s\":0.2,\"source\":\"lab\",\"event\":\"process_start\",\"process\":\"worker-w\","
    "\"role\":\"worker\",\"argv\":[\"powlab\",\"mine\",\"--user=lab-abcd-w\",\"--dialect=xmrig\"],"
    "\"label\":\"mining\"}"
    "\n"
    "{\"t_s\":0.3,\"source\":\"pool\",\"event\":\"connect\",\"session\":1,"
    "\"peer\":\"127.0.0.1:50000\"}\n"
    "{\"t_s\":0.3,\"source\":\"pool\",\"event\":\"login\",\"session\":1,\"login\":\"lab-abcd-w\","
    "\"agent\":\"powlab\"}\n"
    "{\"t_s\":0.3,\"source\":\"pool\",\"event\":\"connect\",\"session\":2,\"peer\":\"127.0.0.1:"
    "50003\"}\n"
    "{\"t_s\":0.3,\"source\":\"lab\",\"event\":\"process_start\",\"process\":\"benign-1\",\"role\":"
    "\"control\",\"mining\":false}\n"
    "{\"t_s\":0.4,\"source\":\"lab\",\"event\":\"socket\",\"process\":\"benign-1\","
    "\"local\":\"127.0.0.1:50001\"}\n"
    "{\"t_s\":1.5,\"source\":\"pool\",\"event\":\"share\",\"session\":1,\"verdict\":\"accepted\"}\n"
    "not JSON\n"
    "{\"t_s\":2.5,\"source\":\"pool\",\"event\":\"share\",\"session\":1,\"verdict\":\"stale\"}\n"
    "{\"t_s\":3.0,\"source\":\"lab\",\"event\":\"phase_end\",\"phase\":\"one\"}\n"
    "{\"t_s\":3.0,\"source\":\"lab\",\"event\":\"phase_start\",\"phase\":\"two\",\"load_percent\":"
    "0}\n"
    "{\"t_s\":3.4,\"source\":\"lab\",\"event\":\"process_exit\",\"process\":\"worker-w\"}\n"
    "{\"t_s\":3.5,\"source\":\"pool\",\"event\":\"disconnect\",\"session\":1}\n"
    "{\"t_s\":5.2,\"source\":\"lab\",\"event\":\"phase_end\",\"phase\":\"two\"}\n";

static char folder[64];

static const char *path_in(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void make_folder(void) {
    struct plab_error err;
    strcpy(folder, "/tmp/powlab-label.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    CHECK(plab_file_write(path_in("truth.jsonl"), truth, strlen(truth), &err) == PLAB_OK);
}

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}

static struct plab_labels *load(void) {
    struct plab_labels *labels;
    struct plab_error err = {.text = ""};
    make_folder();
    CHECK_MSG(plab_labels_load(&labels, path_in("truth.jsonl"), &err) == PLAB_OK, "%s", err.text);
    return labels;
}

static struct plab_flow flow_of(const char *client, uint64_t from_ms, uint64_t to_ms) {
    struct plab_flow flow = {.start_wall_ns = WALL + from_ms * 1000000,
                             .end_wall_ns = WALL + to_ms * 1000000};
    CHECK(plab_endpoint_parse(client, &flow.client));
    return flow;
}

TEST(label, flows) {
    struct plab_labels *labels = load();
    struct plab_flow_label label;
    struct plab_flow flow = flow_of("127.0.0.1:50000", 250, 3500);
    plab_labels_flow(labels, &flow, &label);
    CHECK_STR(label.truth, "positive");
    CHECK_STR(label.worker, "worker-w");
    CHECK_STR(label.login, "lab-abcd-w");
    CHECK_STR(label.dialect, "xmrig");
    CHECK_STR(label.label, "mining");
    CHECK_STR(label.scenario, "sc");
    CHECK_STR(label.phases, "one+two");
    flow = flow_of("127.0.0.1:50001", 500, 600);
    plab_labels_flow(labels, &flow, &label);
    CHECK_STR(label.truth, "benign");
    CHECK_STR(label.worker, "benign-1");
    CHECK_STR(label.phases, "one");
    flow = flow_of("127.0.0.1:50002", 500, 600); /* nobody's */
    plab_labels_flow(labels, &flow, &label);
    CHECK_STR(label.truth, "unknown");
    flow = flow_of("127.0.0.1:50000", 60000, 60001); /* long after that session */
    plab_labels_flow(labels, &flow, &label);
    CHECK_STR(label.truth, "unknown");
    flow = flow_of("127.0.0.1:50003", 500, 600); /* known to the pool, but it isn't a worker's */
    plab_labels_flow(labels, &flow, &label);
    CHECK_STR(label.truth, "unknown");
    plab_labels_free(&labels);
    remove_folder();
}

/* Each pool counts its own sessions; the proxy's at the pool behind it is nobody's. */
TEST(label, two_pools) {
    static const char two[] =
        "{\"t_s\":0,\"source\":\"lab\",\"event\":\"run_start\",\"wall_ns\":1700000000000000000}\n"
        "{\"t_s\":0.1,\"source\":\"lab\",\"event\":\"process_start\",\"process\":\"worker-w\","
        "\"role\":\"worker\",\"argv\":[\"--user=me\"]}\n"
        "{\"t_s\":0.2,\"source\":\"pool\",\"event\":\"connect\",\"session\":1,"
        "\"peer\":\"127.0.0.1:50000\"}\n"
        "{\"t_s\":0.2,\"source\":\"pool-2\",\"event\":\"connect\",\"session\":1,"
        "\"peer\":\"127.0.0.1:50001\"}\n"
        "{\"t_s\":0.3,\"source\":\"pool\",\"event\":\"login\",\"session\":1,\"login\":\"me\"}\n"
        "{\"t_s\":0.3,\"source\":\"pool-2\",\"event\":\"login\",\"session\":1,\"login\":\"proxy\"}"
        "\n";
    struct plab_labels *labels;
    struct plab_flow_label label;
    struct plab_error err = {.text = ""};
    make_folder();
    CHECK(plab_file_write(path_in("truth.jsonl"), two, strlen(two), &err) == PLAB_OK);
    CHECK_MSG(plab_labels_load(&labels, path_in("truth.jsonl"), &err) == PLAB_OK, "%s", err.text);
    struct plab_flow flow = flow_of("127.0.0.1:50000", 250, 900);
    plab_labels_flow(labels, &flow, &label);
    CHECK_STR(label.worker, "worker-w");
    flow = flow_of("127.0.0.1:50001", 250, 900);
    plab_labels_flow(labels, &flow, &label);
    CHECK_STR(label.login, "proxy");
    CHECK_STR(label.worker, "");
    plab_labels_free(&labels);
    remove_folder();
}

TEST(label, seconds) {
    static const char want[] =
        "t_s,phase,load_percent,mining,workers_running,flows_active,shares_accepted,shares_other\n"
        "0,one,80,yes,1,1,0,0\n"
        "1,one,80,yes,1,1,1,0\n"
        "2,one,80,yes,1,0,0,1\n"
        "3,two,0,yes,1,1,0,0\n"
        "4,two,0,no,0,0,0,0\n"
        "5,,,no,0,0,0,0\n";
    const struct plab_label_span spans[] = {{0.3, 1.9}, {3.1, 3.2}};
    struct plab_labels *labels = load();
    struct plab_error err;
    char got[1024];
    size_t len;
    CHECK(plab_labels_write_seconds(labels, spans, 2, path_in("labels.csv"), &err) == PLAB_OK);
    CHECK(plab_file_read(path_in("labels.csv"), got, sizeof got - 1, &len, &err) == PLAB_OK);
    got[len] = '\0';
    CHECK_STR(got, want);
    plab_labels_free(&labels);
    remove_folder();
}

TEST(label, what_is_no_truth) {
    struct plab_labels *labels;
    struct plab_error err;
    make_folder();
    CHECK(plab_labels_load(&labels, path_in("none"), &err) == PLAB_E_IO && labels == NULL);
    CHECK(plab_file_write(path_in("truth.jsonl"), "{}\n[]\n", 6, &err) == PLAB_OK);
    CHECK(plab_labels_load(&labels, path_in("truth.jsonl"), &err) == PLAB_E_INPUT);
    remove_folder();
}

/* ---- relabelling ---- */

static unsigned load16(const uint8_t *at) {
    return (unsigned)at[0] << 8 | at[1];
}

/* The sum over what a checksum covers, itself included, is all ones. */
static bool sum_is_good(const uint8_t *bytes, size_t len, uint64_t sum) {
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint64_t)bytes[i] << 8 : bytes[i];
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum == 0xffff;
}

static void relabel_one(struct plab_relabel *relabel, const struct packet *packet, const char *src,
                        const char *dst) {
    uint8_t in[PACKET_MAX];
    static uint8_t out[PLAB_RELABEL_FRAME_MAX];
    struct plab_frame before, after;
    char text[PLAB_ENDPOINT_TEXT_LEN];
    size_t len = packet_compose(packet, in);
    CHECK(plab_frame_parse(&before, PLAB_LINK_ETHERNET, in, len));
    len = plab_relabel_frame(relabel, &before, WALL + SECOND, out);
    CHECK(len > 0 && plab_frame_parse(&after, PLAB_LINK_ETHERNET, out, len));
    CHECK_STR(plab_endpoint_text(&after.src, text), src);
    CHECK_STR(plab_endpoint_text(&after.dst, text), dst);
    CHECK_U64(after.payload_len, before.payload_len);
    CHECK_MEM(after.payload, before.payload, before.payload_len);
    CHECK(after.flags == before.flags && after.seq == before.seq);
    size_t transport = len - 34;
    CHECK(sum_is_good(out + 14, 20, 0));
    CHECK(sum_is_good(out + 34, transport,
                      load16(out + 26) + load16(out + 28) + load16(out + 30) + load16(out + 32) +
                          PLAB_PROTOCOL_TCP + transport));
    CHECK(out[0] == 2 && memcmp(out + 2, after.dst.address, 4) == 0);
}

TEST(relabel, hosts_become_others) {
    struct plab_labels *labels = load();
    struct plab_relabel *relabel;
    struct plab_error err = {.text = ""};
    CHECK(plab_relabel_create(&relabel, NULL, NULL, labels, &err) == PLAB_OK);
    const struct packet worker = {"127.0.0.1:50000", "127.0.0.1:3333", 0x18, 7, "odd", 0};
    const struct packet answer = {"127.0.0.1:3333", "127.0.0.1:50000", 0x18, 7, "even", 0};
    const struct packet benign = {"127.0.0.1:50001", "127.0.0.1:3333", 0x18, 7, "", 0};
    const struct packet six = {"[::1]:50009", "[::1]:8080", 0x18, 7, "six", 0};
    relabel_one(relabel, &worker, "10.0.0.1:50000", "203.0.113.10:3333");
    relabel_one(relabel, &benign, "10.0.0.2:50001", "203.0.113.10:3333");
    relabel_one(relabel, &answer, "203.0.113.10:3333", "10.0.0.1:50000");
    relabel_one(relabel, &six, "10.0.0.3:50009", "203.0.113.11:8080");
    plab_relabel_free(&relabel);
    CHECK(plab_relabel_create(&relabel, "8.8.8.0", NULL, labels, &err) == PLAB_E_USAGE);
    CHECK(strstr(err.text, "8.8.8.0 is no lab address") != NULL);
    CHECK(plab_relabel_create(&relabel, NULL, "pool", labels, &err) == PLAB_E_USAGE);
    plab_labels_free(&labels);
    remove_folder();
}

/* Which end is a second pool's isn't told by the ports, and its clients are named all the same. */
TEST(relabel, a_second_pool_is_a_server_at_any_port) {
    static const char second[] =
        "{\"t_s\":0.1,\"source\":\"lab\",\"event\":\"second_pool_ready\",\"address\":"
        "\"127.0.0.1:60000\"}\n"
        "{\"t_s\":0.3,\"source\":\"pool-2\",\"event\":\"connect\",\"session\":1,"
        "\"peer\":\"127.0.0.1:50005\"}\n"
        "{\"t_s\":0.3,\"source\":\"pool-2\",\"event\":\"login\",\"session\":1,\"login\":"
        "\"lab-abcd-w\"}\n";
    struct plab_relabel *relabel;
    struct plab_labels *labels;
    struct plab_error err = {.text = ""};
    char text[8192];
    make_folder();
    snprintf(text, sizeof text, "%s%s", truth, second);
    CHECK(plab_file_write(path_in("truth.jsonl"), text, strlen(text), &err) == PLAB_OK);
    CHECK_MSG(plab_labels_load(&labels, path_in("truth.jsonl"), &err) == PLAB_OK, "%s", err.text);
    CHECK(plab_relabel_create(&relabel, NULL, NULL, labels, &err) == PLAB_OK);
    const struct packet first = {"127.0.0.1:50000", "127.0.0.1:3333", 0x18, 7, "a", 0};
    const struct packet other = {"127.0.0.1:50005", "127.0.0.1:60000", 0x18, 7, "b", 0};
    const struct packet answer = {"127.0.0.1:60000", "127.0.0.1:50005", 0x18, 7, "c", 0};
    const struct packet proxy = {"127.0.0.1:3333", "127.0.0.1:60000", 0x18, 7, "d", 0};
    relabel_one(relabel, &first, "10.0.0.1:50000", "203.0.113.10:3333");
    relabel_one(relabel, &other, "10.0.0.1:50005", "203.0.113.11:60000");
    relabel_one(relabel, &answer, "203.0.113.11:60000", "10.0.0.1:50005");
    relabel_one(relabel, &proxy, "203.0.113.10:3333", "203.0.113.11:60000");
    plab_relabel_free(&relabel);
    plab_labels_free(&labels);
    remove_folder();
}

/* ---- all files of a run ---- */

static void write_capture(bool cut) {
    struct plab_pcapng_writer *writer;
    struct plab_error err = {.text = ""};
    uint8_t bytes[PACKET_MAX];
    const struct packet packet = {"127.0.0.1:50000", "127.0.0.1:3333", 0x18, 1, "hello", 0};
    CHECK(plab_pcapng_create(&writer, path_in("run.pcapng"), &err) == PLAB_OK);
    CHECK(plab_pcapng_add_section(writer, NULL, &err) == PLAB_OK);
    CHECK(plab_pcapng_add_interface(writer, "lo", PLAB_LINK_ETHERNET, 65535, NULL, &err) ==
          PLAB_OK);
    size_t len = packet_compose(&packet, bytes);
    const struct plab_pcapng_packet one = {
        .wall_ns = WALL + SECOND, .bytes = bytes, .len = len, .wire_len = len};
    CHECK(plab_pcapng_add_packet(writer, &one, &err) == PLAB_OK);
    CHECK(plab_pcapng_add_packet(writer, &one, &err) == PLAB_OK);
    CHECK_MSG(plab_pcapng_close(&writer, &err) == PLAB_OK, "%s", err.text);
    if (cut) {
        CHECK(truncate(path_in("run.pcapng"), 220) == 0);
    }
}

TEST(capture_files, of_a_cut_capture) {
    struct plab_capture_files files;
    struct plab_error err = {.text = ""};
    make_folder();
    const struct plab_capture_files_config config = {.folder = folder};
    CHECK_MSG(plab_capture_files_make(&config, &files, &err) == PLAB_OK, "%s", err.text);
    CHECK(!files.has_packets);
    CHECK(access(path_in("labels.csv"), F_OK) == 0 && access(path_in("flows.csv"), F_OK) != 0);
    for (int cut = 0; cut < 2; cut++) {
        write_capture(cut);
        CHECK_MSG(plab_capture_files_make(&config, &files, &err) == PLAB_OK, "%s", err.text);
        CHECK(files.has_packets && files.cut == cut);
        CHECK_U64(files.packets, cut ? 1 : 2);
        CHECK_U64(files.relabelled, cut ? 1 : 2);
        CHECK_U64(files.positive, 1);
        CHECK(fabs(files.first_s - 1) < 1e-9);
    }
    remove_folder();
}

static size_t keys_in(const char *path) {
    struct plab_pcapng_reader *reader;
    struct plab_pcapng_block block;
    struct plab_error err;
    size_t count = 0, packets = 0;
    CHECK(plab_pcapng_open(&reader, path, &err) == PLAB_OK);
    while (plab_pcapng_next(reader, &block, &err) == PLAB_OK && block.kind != PLAB_PCAPNG_END) {
        packets += block.kind == PLAB_PCAPNG_PACKET;
        if (block.kind == PLAB_PCAPNG_TLS_KEYS) {
            CHECK_U64(packets, 0);
            count++;
        }
    }
    CHECK_U64(packets, 2);
    plab_pcapng_done(&reader);
    return count;
}

TEST(capture_files, keys_come_before_packets_and_once) {
    struct plab_error err = {.text = ""};
    uint64_t bytes;
    make_folder();
    write_capture(false);
    CHECK(plab_capture_files_embed_keys(folder, &bytes, &err) == PLAB_OK && bytes == 0);
    CHECK_U64(keys_in(path_in("run.pcapng")), 0);
    char command[256];
    snprintf(command, sizeof command, "mkdir %s/raw && echo KEY >%s/raw/pool.keylog", folder,
             folder);
    CHECK(system(command) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK_MSG(plab_capture_files_embed_keys(folder, &bytes, &err) == PLAB_OK, "%s", err.text);
        CHECK_U64(bytes, 4);
        CHECK_U64(keys_in(path_in("run.pcapng")), 1);
    }
    remove_folder();
}

/* ---- the clock ---- */

TEST(capture_clock, a_wall_clock_that_is_set_does_not_move_packets) {
    struct plab_capture_clock clock;
    plab_capture_clock_init(&clock, 1000, WALL);
    CHECK_U64(plab_capture_clock_on_run(&clock, WALL + 5), WALL + 5);
    plab_capture_clock_look(&clock, 1000 + SECOND, WALL + SECOND + 3600 * SECOND); /* set ahead */
    CHECK_U64(plab_capture_clock_on_run(&clock, WALL + 3602 * SECOND), WALL + 2 * SECOND);
    plab_capture_clock_look(&clock, 1000 + 3 * SECOND, WALL + 3 * SECOND - 60 * SECOND);
    CHECK_U64(plab_capture_clock_on_run(&clock, WALL - 56 * SECOND), WALL + 4 * SECOND);
    plab_capture_clock_look(&clock, 1000, WALL - 60 * SECOND + 40000); /* how readings differ */
    CHECK_U64(plab_capture_clock_on_run(&clock, WALL - 56 * SECOND), WALL + 4 * SECOND);
}
