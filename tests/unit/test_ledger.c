/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger: lines that are JSON whatever a peer says, appended, and a disk that is full. */
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/ledger.h"
#include "tests/harness.h"

static const uint8_t nonce[4] = {1, 2, 3, 4};

static void write_two(const char *path) {
    struct plab_ledger *ledger;
    struct plab_error err;
    struct plab_pool_event login = {.kind = PLAB_POOL_EVENT_LOGIN,
                                    .t_ns = 5,
                                    .session = 1,
                                    .peer = "127.0.0.1:9",
                                    .login = "w\"orker\n\x1b[2J\xff",
                                    .agent = "",
                                    .difficulty = 100};
    struct plab_pool_event share = {.kind = PLAB_POOL_EVENT_SHARE,
                                    .t_ns = 6,
                                    .session = 1,
                                    .verdict = PLAB_VERDICT_LOW,
                                    .nonce = nonce,
                                    .share_difficulty = UINT64_MAX,
                                    .latency_ns = 2500000};
    struct plab_pool_event believed = {.kind = PLAB_POOL_EVENT_SHARE,
                                       .t_ns = 7,
                                       .session = 1,
                                       .verdict = PLAB_VERDICT_ACCEPTED,
                                       .unverified = true};
    CHECK(plab_ledger_open(&ledger, path, "cn/0", &err) == PLAB_OK);
    CHECK(plab_ledger_append(ledger, &login, &err) == PLAB_OK);
    CHECK(plab_ledger_append(ledger, &share, &err) == PLAB_OK);
    CHECK(plab_ledger_append(ledger, &believed, &err) == PLAB_OK);
    plab_ledger_close(&ledger);
    CHECK(ledger == NULL);
}

TEST(ledger, lines_are_json_and_appended) {
    char path[] = "/tmp/plab-ledger-XXXXXX";
    static char line[4096];
    int fd = mkstemp(path), count = 0, opens = 0;
    CHECK(fd >= 0);
    close(fd);
    write_two(path);
    write_two(path);
    FILE *file = fopen(path, "r");
    while (fgets(line, sizeof line, file) != NULL) {
        json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        CHECK_MSG(json_is_object(record), "%s", line);
        const char *event = json_string_value(json_object_get(record, "event"));
        opens += strcmp(event, "open") == 0;
        if (strcmp(event, "share") == 0 &&
            json_integer_value(json_object_get(record, "t_ns")) == 7) {
            CHECK(json_is_false(json_object_get(record, "verified")));
        } else if (strcmp(event, "share") == 0) {
            CHECK(json_object_get(record, "verified") == NULL);
            CHECK_STR(json_string_value(json_object_get(record, "verdict")), "low");
            CHECK_STR(json_string_value(json_object_get(record, "nonce")), "01020304");
            CHECK_U64(json_integer_value(json_object_get(record, "latency_us")), 2500);
            CHECK_U64(json_integer_value(json_object_get(record, "share_difficulty")), INT64_MAX);
        }
        if (strcmp(event, "login") == 0) {
            CHECK_STR(json_string_value(json_object_get(record, "login")),
                      "w\"orker\\x0a\\x1b[2J\\xff");
            CHECK(json_object_get(record, "agent") == NULL);
        }
        json_decref(record);
        count++;
    }
    fclose(file);
    unlink(path);
    CHECK_U64(count, 8);
    CHECK_U64(opens, 2);
}

TEST(ledger, full_disk_and_bad_path) {
    struct plab_ledger *ledger;
    struct plab_error err;
    CHECK(plab_ledger_open(&ledger, "/dev/full", "cn/0", &err) == PLAB_E_IO);
    CHECK(strstr(err.text, "/dev/full") != NULL);
    CHECK(ledger == NULL);
    CHECK(plab_ledger_open(&ledger, "/nonexistent/x", "cn/0", &err) == PLAB_E_IO);
    CHECK(ledger == NULL);
}

static size_t file_text(const char *path, char *out, size_t cap) {
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    size_t len = fread(out, 1, cap - 1, file);
    fclose(file);
    out[len] = '\0';
    return len;
}

static void append_text(const char *path, const char *text) {
    FILE *file = fopen(path, "a");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
}

/* Every line is JSON and has an end; returns their number. */
static unsigned whole_lines(const char *text) {
    unsigned count = 0;
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        json_t *record = json_loadb(text, (size_t)(end - text), 0, NULL);
        CHECK(json_is_object(record));
        json_decref(record);
        count++;
    }
    CHECK_STR(text, "");
    return count;
}

TEST(ledger, half_a_line_is_cut_off) {
    static const char *const halves[] = {"{", "{\"t_ns\":1", "{\"t_ns\":12,\"event\":\"sha"};
    static char text[16384], filler[9000];
    char path[] = "/tmp/plab-ledger-XXXXXX";
    close(mkstemp(path));
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        write_two(path);
        append_text(path, halves[i]);
    }
    write_two(path);
    CHECK(file_text(path, text, sizeof text) > 0);
    CHECK_U64(whole_lines(text), 16);
    append_text(path, "{\"t_ns\":1,\""); /* longer than what is read at a time */
    memset(filler, 'x', sizeof filler - 1);
    append_text(path, filler);
    write_two(path);
    CHECK(file_text(path, text, sizeof text) > 0);
    CHECK_U64(whole_lines(text), 20);
    unlink(path);
}

TEST(ledger, what_is_no_ledger_stays_as_it_is) {
    struct plab_ledger *ledger;
    struct plab_error err;
    char path[] = "/tmp/plab-ledger-XXXXXX", text[64];
    close(mkstemp(path));
    append_text(path, "dear diary");
    CHECK(plab_ledger_open(&ledger, path, "cn/0", &err) == PLAB_E_INPUT);
    CHECK_MSG(strstr(err.text, path) != NULL, "%s", err.text);
    CHECK(file_text(path, text, sizeof text) == strlen("dear diary"));
    CHECK_STR(text, "dear diary");
    unlink(path);
}

/* In a process of its own: limits can't be taken back. Returns how many records were taken. */
static int fill_the_disk(const char *path, rlim_t room) {
    struct plab_ledger *ledger;
    struct plab_error err;
    const struct rlimit limit = {room, room};
    const struct plab_pool_event event = {
        .kind = PLAB_POOL_EVENT_SHARE, .t_ns = 6, .session = 1, .nonce = nonce};
    int taken = 0;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    enum plab_status status = plab_ledger_open(&ledger, path, "cn/0", &err);
    while (status == PLAB_OK && (status = plab_ledger_append(ledger, &event, &err)) == PLAB_OK) {
        taken++;
    }
    plab_ledger_close(&ledger);
    return status == PLAB_E_IO && strstr(err.text, path) != NULL ? taken : 255;
}

TEST(ledger, a_full_disk_leaves_whole_lines) {
    static char text[16384];
    int state;
    for (rlim_t room = 2000; room < 2200; room += 11) {
        char path[] = "/tmp/plab-ledger-XXXXXX";
        close(mkstemp(path));
        pid_t child = fork();
        if (child == 0) {
            _exit(fill_the_disk(path, room));
        }
        CHECK(waitpid(child, &state, 0) == child && WIFEXITED(state));
        CHECK(file_text(path, text, sizeof text) <= room);
        CHECK_U64(whole_lines(text), WEXITSTATUS(state) + 1);
        unlink(path);
    }
}

TEST(ledger, every_verdict_and_event_has_words) {
    for (int i = 0; i < PLAB_VERDICT_COUNT; i++) {
        const char *text = plab_verdict_text((enum plab_verdict)i);
        CHECK(plab_verdict_name((enum plab_verdict)i)[0] != '\0' && text[0] != '\0');
        /* Miners hang up on these words; a late share is no reason for that. */
        CHECK(i != PLAB_VERDICT_STALE || strncmp(text, "Invalid job id", 14) != 0);
    }
    CHECK_STR(plab_pool_event_name(PLAB_POOL_EVENT_SHARE), "share");
    CHECK_STR(plab_pool_event_name(PLAB_POOL_EVENT_STOP), "stop");
}
