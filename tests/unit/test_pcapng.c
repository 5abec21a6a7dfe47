/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures written and read again; tests/integration/capture.sh has tshark read them. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/pcapng.h"
#include "tests/harness.h"

#define START UINT64_C(1700000000123456789)

static void make_path(char path[64]) {
    strcpy(path, "/tmp/powlab-pcapng.XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
}

static struct plab_pcapng_writer *begin(const char *path) {
    struct plab_pcapng_writer *writer;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_pcapng_create(&writer, path, &err) == PLAB_OK, "%s", err.text);
    CHECK(plab_pcapng_add_section(writer, "a comment", &err) == PLAB_OK);
    CHECK(plab_pcapng_add_interface(writer, "lo", PLAB_LINK_ETHERNET, 65535, "tcp port 1", &err) ==
          PLAB_OK);
    return writer;
}

static void add(struct plab_pcapng_writer *writer, uint64_t wall_ns, const char *bytes) {
    struct plab_error err = {.text = ""};
    const struct plab_pcapng_packet packet = {.wall_ns = wall_ns,
                                              .bytes = (const uint8_t *)bytes,
                                              .len = strlen(bytes),
                                              .wire_len = strlen(bytes) + 10};
    CHECK_MSG(plab_pcapng_add_packet(writer, &packet, &err) == PLAB_OK, "%s", err.text);
}

static size_t count_packets(const char *path, bool *cut, enum plab_status *end) {
    struct plab_pcapng_reader *reader;
    struct plab_pcapng_block block;
    struct plab_error err;
    size_t count = 0;
    CHECK(plab_pcapng_open(&reader, path, &err) == PLAB_OK);
    do {
        *end = plab_pcapng_next(reader, &block, &err);
        count += *end == PLAB_OK && block.kind == PLAB_PCAPNG_PACKET;
    } while (*end == PLAB_OK && block.kind != PLAB_PCAPNG_END);
    *cut = plab_pcapng_is_cut(reader);
    plab_pcapng_done(&reader);
    return count;
}

TEST(pcapng, what_is_written_is_read) {
    static const enum plab_pcapng_kind kinds[] = {
        PLAB_PCAPNG_SECTION, PLAB_PCAPNG_INTERFACE, PLAB_PCAPNG_TLS_KEYS, PLAB_PCAPNG_PACKET,
        PLAB_PCAPNG_PACKET,  PLAB_PCAPNG_STATS,     PLAB_PCAPNG_END};
    struct plab_pcapng_reader *reader;
    struct plab_pcapng_block block;
    struct plab_error err = {.text = ""};
    char path[64];
    make_path(path);
    struct plab_pcapng_writer *writer = begin(path);
    const struct plab_pcapng_stats stats = {.start_wall_ns = START, .end_wall_ns = START + 9};
    CHECK(plab_pcapng_add_tls_keys(writer, "CLIENT_RANDOM", 13, &err) == PLAB_OK);
    add(writer, START, "odd");
    add(writer, START + 1, "even");
    CHECK(plab_pcapng_add_stats(writer, 0, &stats, &err) == PLAB_OK);
    CHECK(plab_pcapng_close(&writer, &err) == PLAB_OK && writer == NULL);
    CHECK(plab_pcapng_open(&reader, path, &err) == PLAB_OK);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(kinds); i++) {
        CHECK_MSG(plab_pcapng_next(reader, &block, &err) == PLAB_OK, "%s", err.text);
        CHECK_U64(block.kind, kinds[i]);
        if (i == 3) {
            CHECK_U64(block.packet.wall_ns, START);
            CHECK_U64(block.packet.link, PLAB_LINK_ETHERNET);
            CHECK_U64(block.packet.len, 3);
            CHECK_U64(block.packet.wire_len, 13);
            CHECK_MEM(block.packet.bytes, "odd", 3);
        }
    }
    CHECK(!plab_pcapng_is_cut(reader));
    plab_pcapng_done(&reader);
    unlink(path);
}

/* Cut at each byte: whole packets are there, what follows is told. */
TEST(pcapng, a_cut_file_is_read_up_to_there) {
    struct plab_error err;
    uint8_t bytes[1024];
    size_t len, before = 0;
    char path[64];
    bool cut;
    enum plab_status end;
    make_path(path);
    struct plab_pcapng_writer *writer = begin(path);
    for (int i = 0; i < 5; i++) {
        add(writer, START, "packet");
    }
    CHECK(plab_pcapng_close(&writer, &err) == PLAB_OK);
    CHECK(plab_file_read(path, bytes, sizeof bytes, &len, &err) == PLAB_OK);
    for (size_t n = 12; n <= len; n++) {
        CHECK(plab_file_write(path, bytes, n, &err) == PLAB_OK);
        size_t count = count_packets(path, &cut, &end);
        CHECK(end == PLAB_OK && (count == before || count == before + 1));
        before = count;
    }
    CHECK_U64(before, 5);
    CHECK(!cut);
    unlink(path);
}

/* Any byte may be wrong: nothing is read beyond a block, most of it is refused. */
TEST(pcapng, damaged_files) {
    struct plab_error err;
    uint8_t bytes[1024];
    size_t len;
    char path[64];
    bool cut;
    enum plab_status end;
    make_path(path);
    struct plab_pcapng_writer *writer = begin(path);
    add(writer, START, "packet");
    CHECK(plab_pcapng_close(&writer, &err) == PLAB_OK);
    CHECK(plab_file_read(path, bytes, sizeof bytes, &len, &err) == PLAB_OK);
    for (size_t i = 12; i < len; i++) {
        bytes[i] ^= 0xff;
        CHECK(plab_file_write(path, bytes, len, &err) == PLAB_OK);
        CHECK(count_packets(path, &cut, &end) <= 1);
        bytes[i] ^= 0xff;
    }
    bytes[0] ^= 1;
    CHECK(plab_file_write(path, bytes, len, &err) == PLAB_OK);
    struct plab_pcapng_reader *reader;
    CHECK(plab_pcapng_open(&reader, path, &err) == PLAB_E_INPUT && reader == NULL);
    CHECK(strstr(err.text, "is no little-endian pcapng file") != NULL);
    unlink(path);
    CHECK(plab_pcapng_open(&reader, path, &err) == PLAB_E_IO);
}

/* Beyond the limit a write fails: the file ends with a whole block, and it is told once. */
TEST(pcapng, a_full_disk_leaves_whole_blocks) {
    struct rlimit before, small = {.rlim_cur = 5000};
    struct plab_error err = {.text = ""};
    char path[64];
    bool cut;
    enum plab_status end, status = PLAB_OK;
    make_path(path);
    struct plab_pcapng_writer *writer = begin(path);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    for (int i = 0; i < 500; i++) {
        add(writer, START, "a packet of some length");
    }
    status = plab_pcapng_flush(writer, &err);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(status == PLAB_E_IO && strstr(err.text, path) != NULL);
    CHECK(plab_pcapng_flush(writer, &err) == PLAB_E_IO);
    CHECK(plab_pcapng_close(&writer, &err) == PLAB_OK); /* it was told */
    size_t count = count_packets(path, &cut, &end);
    CHECK_MSG(count > 50 && count < 100, "%zu", count);
    CHECK(end == PLAB_OK && !cut);
    unlink(path);
}
