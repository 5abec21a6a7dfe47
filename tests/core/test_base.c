/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/prng.h"
#include "base/suggest.h"
#include "tests/harness.h"

TEST(hex, decodes_both_cases_and_encodes_lower) {
    uint8_t bytes[4];
    size_t len;
    char text[9];
    CHECK(plab_hex_decode("00aBFf7e", 8, bytes, sizeof bytes, &len, NULL) == PLAB_OK);
    CHECK_U64(len, 4);
    CHECK_MEM(bytes, "\x00\xab\xff\x7e", 4);
    plab_hex_encode(bytes, 4, text);
    CHECK_STR(text, "00abff7e");
}

TEST(hex, empty_is_no_bytes) {
    uint8_t byte = 0x5a;
    size_t len = 7;
    CHECK(plab_hex_decode("", 0, &byte, 1, &len, NULL) == PLAB_OK);
    CHECK_U64(len, 0);
    CHECK_U64(byte, 0x5a);
}

TEST(hex, refuses_what_is_not_hex) {
    static const char *const bad[] = {"0", "abc", "0x12", "zz", "12 34", "+1", "1g", "\xc3\xa9"};
    uint8_t bytes[8];
    size_t len;
    struct plab_error err;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        CHECK_MSG(plab_hex_decode(bad[i], strlen(bad[i]), bytes, sizeof bytes, &len, &err) ==
                      PLAB_E_INPUT,
                  "\"%s\" was accepted", bad[i]);
        CHECK_U64(len, 0);
    }
    CHECK(plab_hex_decode("123g", 4, bytes, sizeof bytes, &len, &err) == PLAB_E_INPUT);
    CHECK(strstr(err.text, "character 4") != NULL);
    CHECK(plab_hex_decode("0011223344", 10, bytes, 4, &len, &err) == PLAB_E_INPUT);
    CHECK(strstr(err.text, "at most 4") != NULL);
}

TEST(bytes, rotations_by_zero_and_width) {
    CHECK_U64(plab_rotl64(0x8000000000000001, 0), 0x8000000000000001);
    CHECK_U64(plab_rotl64(0x8000000000000001, 1), 3);
    CHECK_U64(plab_rotr64(3, 1), 0x8000000000000001);
    CHECK_U64(plab_rotr64(3, 64), 3);
    CHECK_U64(plab_rotl32(0x80000001, 0), 0x80000001);
    CHECK_U64(plab_rotr32(3, 33), 0x80000001);
}

TEST(bytes, high_products) {
    CHECK_U64(plab_mulh_u64(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
    CHECK_U64(plab_mulh_i64(-1, -1), 0);
    CHECK_U64(plab_mulh_i64(-1, 1), UINT64_MAX);
    CHECK_U64(plab_mulh_i64(INT64_MIN, INT64_MIN), 0x4000000000000000);
}

TEST(bytes, big_endian) {
    uint8_t b[8];
    plab_store64_be(b, 0x0102030405060708);
    CHECK_MEM(b, "\1\2\3\4\5\6\7\10", 8);
    CHECK_U64(plab_load64_be(b), 0x0102030405060708);
    CHECK_U64(plab_load32_be(b), 0x01020304);
    CHECK_U64(plab_load32_le(b), 0x04030201);
}

TEST(suggest, nearest_name_or_none) {
    static const char *const names[] = {"cn/0", "cn/r", "rx/0", "rx/2", "selftest"};
    CHECK_STR(plab_suggest("RX/0", names, 5), "rx/0");
    CHECK_STR(plab_suggest("selfest", names, 5), "selftest");
    CHECK_STR(plab_suggest("cnr", names, 5), "cn/r");
    CHECK(plab_suggest("completely different", names, 5) == NULL);
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    CHECK(plab_suggest(longer, names, 5) == NULL);
}

TEST(log, peers_text_cannot_move_the_cursor) {
    char out[64];
    CHECK_STR(plab_log_escape("ok \x1b[2J\r\n", 9, out, sizeof out), "ok \\x1b[2J\\x0d\\x0a");
    CHECK_STR(plab_log_escape("a\\b", 3, out, sizeof out), "a\\x5cb");
    CHECK_STR(plab_log_escape("", 0, out, sizeof out), "");
    CHECK_STR(plab_log_escape("0123456789", 10, out, 8), "0123...");
    CHECK_STR(plab_log_escape("\0z", 2, out, sizeof out), "\\x00z");
}

TEST(clock, iso_stamp) {
    char text[PLAB_CLOCK_ISO_LEN];
    plab_clock_iso(UINT64_C(1700000000123456789), text);
    CHECK_STR(text, "2023-11-14T22:13:20.123Z");
    uint64_t before = plab_clock_ns();
    CHECK(plab_clock_ns() >= before);
}

TEST(status, texts_and_codes) {
    static const int codes[PLAB_STATUS_COUNT] = {0, 1, 2, 2, 3, 3, 3, 4, 5, 6, 6, 7, 8, 130, 143};
    for (int i = 0; i < PLAB_STATUS_COUNT; i++) {
        CHECK_U64(plab_status_exit_code((enum plab_status)i), codes[i]);
        CHECK(plab_status_text((enum plab_status)i)[0] != '\0');
    }
    struct plab_error err;
    char overlong[2000];
    memset(overlong, 'x', sizeof overlong - 1);
    overlong[sizeof overlong - 1] = '\0';
    CHECK(plab_fail(&err, PLAB_E_IO, "%s", overlong) == PLAB_E_IO);
    CHECK_U64(strlen(err.text), sizeof err.text - 1);
    CHECK(plab_fail(NULL, PLAB_E_IO, "nobody reads this") == PLAB_E_IO);
}

/* Y6: a pipe that nobody reads is an error, not the end of all work; one that is read is written.
 */
TEST(file, a_pipe_needs_a_reader) {
    char dir[] = "/tmp/plab-test-XXXXXX", path[64], text[16];
    struct plab_error err = {.text = ""};
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/pipe", dir);
    CHECK(mkfifo(path, 0600) == 0);
    CHECK(plab_file_write(path, "lost", 4, &err) == PLAB_E_IO);
    CHECK_MSG(strstr(err.text, "nobody reads it") != NULL, "%s", err.text);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(reader >= 0);
    CHECK(plab_file_write(path, "heard", 5, &err) == PLAB_OK);
    CHECK(read(reader, text, sizeof text) == 5);
    CHECK_MEM(text, "heard", 5);
    close(reader);
    CHECK(unlink(path) == 0 && rmdir(dir) == 0);
}

TEST(file, written_whole_or_not_at_all) {
    char dir[] = "/tmp/plab-test-XXXXXX", path[64], text[16];
    size_t len;
    struct plab_error err;
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/result", dir);
    CHECK(plab_file_write(path, "first", 5, &err) == PLAB_OK);
    CHECK(plab_file_write(path, "second", 6, &err) == PLAB_OK);
    CHECK(plab_file_read(path, text, sizeof text, &len, &err) == PLAB_OK);
    CHECK_U64(len, 6);
    CHECK_MEM(text, "second", 6);
    CHECK(plab_file_read(path, text, 3, &len, &err) == PLAB_E_INPUT);
    CHECK(plab_file_write("/dev/full", "x", 1, &err) == PLAB_E_IO);
    CHECK(strstr(err.text, "/dev/full") != NULL);
    CHECK(plab_file_write("/nonexistent/folder/f", "x", 1, &err) == PLAB_E_IO);
    CHECK(plab_file_read("/nonexistent", text, sizeof text, &len, &err) == PLAB_E_IO);
    /* No temporary file stays behind. */
    CHECK(unlink(path) == 0);
    CHECK(rmdir(dir) == 0);
}

TEST(prng, equal_seeds_equal_streams) {
    struct plab_prng a = {42}, b = {42};
    uint8_t whole[13], parts[13];
    plab_prng_fill(&a, whole, sizeof whole);
    plab_prng_fill(&b, parts, 8);
    plab_prng_fill(&b, parts + 8, 5);
    CHECK_MEM(whole, parts, sizeof whole);
    /* First output for seed 1234567: the reference implementation's test value. */
    struct plab_prng c = {1234567};
    CHECK_U64(plab_prng_next(&c), UINT64_C(6457827717110365317));
    for (int i = 0; i < 1000; i++) {
        CHECK(plab_prng_below(&c, 7) < 7);
    }
}
