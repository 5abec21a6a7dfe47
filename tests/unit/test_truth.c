/* SPDX-License-Identifier: BSD-3-Clause */
/* truth.jsonl: the laboratory's events and the pool's on one axis. */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/truth.h"
#include "tests/harness.h"

struct places {
    char folder[64], lab[96], pool[96], out[96];
};

static void make_places(struct places *places) {
    strcpy(places->folder, "/tmp/powlab-truth.XXXXXX");
    CHECK(mkdtemp(places->folder) != NULL);
    snprintf(places->lab, sizeof places->lab, "%s/lab", places->folder);
    snprintf(places->pool, sizeof places->pool, "%s/pool", places->folder);
    snprintf(places->out, sizeof places->out, "%s/out", places->folder);
}

static void remove_places(const struct places *places) {
    unlink(places->lab);
    unlink(places->pool);
    unlink(places->out);
    CHECK(rmdir(places->folder) == 0); /* nothing else was left there */
}

static const char *read_text(const char *path, char *out, size_t cap) {
    struct plab_error err;
    size_t len;
    CHECK(plab_file_read(path, out, cap - 1, &len, &err) == PLAB_OK);
    out[len] = '\0';
    return out;
}

static void write_text(const char *path, const char *text) {
    struct plab_error err;
    CHECK(plab_file_write(path, text, strlen(text), &err) == PLAB_OK);
}

static void note_event(void *cookie, const json_t *event) {
    char *letters = cookie;
    strncat(letters, json_string_value(json_object_get(event, "event")), 1);
}

static void add(struct plab_truth *truth, uint64_t t_ns, const char *event, json_t *fields) {
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_truth_add(truth, t_ns, event, fields, &err) == PLAB_OK, "%s", err.text);
}

TEST(truth, merges_by_time) {
    struct places places;
    struct plab_truth *truth;
    struct plab_error err = {.text = ""};
    char text[2048], order[16] = "";
    make_places(&places);
    CHECK(plab_truth_open(&truth, places.lab, &err) == PLAB_OK);
    add(truth, 1000000000, "run_start", json_pack("{s:s}", "run", "r1"));
    add(truth, 3000000000, "phase", NULL);
    plab_truth_close(&truth);
    CHECK(truth == NULL);
    write_text(places.pool, "{\"t_ns\":2500000000,\"event\":\"share\",\"verdict\":\"accepted\"}\n"
                            "{\"t_ns\":1500000000,\"event\":\"login\"}\n"
                            "{\"t_ns\":3000000000,\"event\":\"job\"}\n");
    struct plab_truth_merge merge = {
        .lab_path = places.lab,
        .pool_path = places.pool,
        .out_path = places.out,
        .start_ns = 1000000000,
        .each = note_event,
        .cookie = order,
    };
    CHECK_MSG(plab_truth_merge_files(&merge, &err) == PLAB_OK, "%s", err.text);
    CHECK_STR(order, "rlspj");
    CHECK_U64(merge.lab_events, 2);
    CHECK_U64(merge.pool_events, 3);
    CHECK_U64(merge.damaged_lines, 0);
    CHECK_STR(
        read_text(places.out, text, sizeof text),
        "{\"t_ns\":1000000000,\"t_s\":0.0,\"source\":\"lab\",\"event\":\"run_start\",\"run\":"
        "\"r1\"}\n"
        "{\"t_ns\":1500000000,\"t_s\":0.5,\"source\":\"pool\",\"event\":\"login\"}\n"
        "{\"t_ns\":2500000000,\"t_s\":1.5,\"source\":\"pool\",\"event\":\"share\",\"verdict\":"
        "\"accepted\"}\n"
        "{\"t_ns\":3000000000,\"t_s\":2.0,\"source\":\"lab\",\"event\":\"phase\"}\n"
        "{\"t_ns\":3000000000,\"t_s\":2.0,\"source\":\"pool\",\"event\":\"job\"}\n");
    merge.second_path = places.pool; /* as that of another pool */
    order[0] = '\0';
    CHECK(plab_truth_merge_files(&merge, &err) == PLAB_OK);
    CHECK_STR(order, "rllsspjj");
    CHECK(merge.pool_events == 3 && merge.second_events == 3);
    CHECK(strstr(read_text(places.out, text, sizeof text), "\"source\":\"pool-2\"") != NULL);
    remove_places(&places);
}

TEST(truth, a_killed_writer_costs_its_last_line_only) {
    struct places places;
    struct plab_error err = {.text = ""};
    char text[512];
    make_places(&places);
    write_text(places.lab, "{\"t_ns\":7,\"event\":\"a\"}\n{\"event\":\"no time\"}\n[]\nnull\n");
    write_text(places.pool, "{\"t_ns\":8,\"event\":\"b\"}\n{\"t_ns\":9,\"eve");
    struct plab_truth_merge merge = {
        .lab_path = places.lab, .pool_path = places.pool, .out_path = places.out};
    CHECK(plab_truth_merge_files(&merge, &err) == PLAB_OK);
    CHECK_U64(merge.lab_events, 1);
    CHECK_U64(merge.pool_events, 1);
    CHECK_U64(merge.damaged_lines, 4);
    read_text(places.out, text, sizeof text);
    CHECK(strstr(text, "\"a\"") != NULL && strstr(text, "\"b\"") != NULL);
    remove_places(&places);
}

TEST(truth, a_pool_without_a_ledger) {
    struct places places;
    struct plab_error err = {.text = ""};
    make_places(&places);
    write_text(places.lab, "{\"t_ns\":7,\"event\":\"a\"}\n");
    struct plab_truth_merge merge = {
        .lab_path = places.lab, .pool_path = places.pool, .out_path = places.out};
    CHECK(plab_truth_merge_files(&merge, &err) == PLAB_OK);
    CHECK_U64(merge.lab_events, 1);
    CHECK_U64(merge.pool_events, 0);
    remove_places(&places);
}

TEST(truth, many_events_keep_their_order) {
    struct places places;
    struct plab_error err = {.text = ""};
    struct plab_truth *truth;
    make_places(&places);
    CHECK(plab_truth_open(&truth, places.lab, &err) == PLAB_OK);
    for (unsigned i = 0; i < 3000; i++) {
        add(truth, 5, i % 2 != 0 ? "odd" : "even", json_pack("{s:i}", "i", (int)i));
    }
    plab_truth_close(&truth);
    struct plab_truth_merge merge = {
        .lab_path = places.lab, .pool_path = places.pool, .out_path = places.out};
    CHECK(plab_truth_merge_files(&merge, &err) == PLAB_OK);
    CHECK_U64(merge.lab_events, 3000);
    FILE *file = fopen(places.out, "r");
    char line[256], tail[32];
    for (unsigned i = 0; i < 3000; i++) {
        CHECK(fgets(line, sizeof line, file) != NULL);
        snprintf(tail, sizeof tail, "\"i\":%u}\n", i);
        CHECK(strstr(line, tail) != NULL);
    }
    fclose(file);
    remove_places(&places);
}

TEST(truth, a_full_disk_is_told) {
    struct plab_truth *truth;
    struct plab_error err = {.text = ""};
    CHECK(plab_truth_open(&truth, "/nowhere/x", &err) == PLAB_E_IO);
    CHECK(truth == NULL);
    CHECK(plab_truth_open(&truth, "/dev/full", &err) == PLAB_OK);
    CHECK(plab_truth_add(truth, 1, "x", NULL, &err) == PLAB_E_IO);
    CHECK_STR(err.text, "cannot write /dev/full: No space left on device");
    plab_truth_close(&truth);
}
