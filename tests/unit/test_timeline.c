/* SPDX-License-Identifier: BSD-3-Clause */
/* timeline.csv, and following what a worker writes. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/follow.h"
#include "lab/timeline.h"
#include "tests/harness.h"

static void make_path(char path[64]) {
    strcpy(path, "/tmp/powlab-timeline.XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
}

static const char *read_text(const char *path, char *out, size_t cap) {
    struct plab_error err;
    size_t len;
    CHECK(plab_file_read(path, out, cap - 1, &len, &err) == PLAB_OK);
    out[len] = '\0';
    return out;
}

static void append(const char *path, const char *text) {
    FILE *file = fopen(path, "a");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

TEST(timeline, missing_is_empty_not_zero) {
    static const char *const names[] = {"pool", "w"};
    char path[64], text[2048];
    struct plab_error err = {.text = ""};
    struct plab_timeline *timeline;
    make_path(path);
    CHECK_MSG(plab_timeline_open(&timeline, path, names, 2, 1, &err) == PLAB_OK, "%s", err.text);
    struct plab_timeline_process processes[2] = {
        {.cpu_percent_of_one = 12.34, .rss_bytes = 4096, .rate_hps = NAN},
        {.cpu_percent_of_one = NAN, .rss_bytes = NAN, .rate_hps = NAN},
    };
    struct plab_timeline_row row = {
        .t_ns = UINT64_C(18446744073709551615),
        .t_s = 1,
        .phase = "full",
        .load_percent = 50,
        .workers_running = 0,
        .rate_hps = NAN,
        .hashes_total = 0,
        .accepted_total = NAN,
        .rejected_total = INFINITY,
        .host_busy_percent = 99.95,
        .host_steal_percent = NAN,
        .lab_cpu_percent_of_one = 0.125,
        .processes = processes,
    };
    CHECK(plab_timeline_add(timeline, &row, &err) == PLAB_OK);
    processes[1] = (struct plab_timeline_process){200, 1e12, 12.345678};
    CHECK(plab_timeline_add(timeline, &row, &err) == PLAB_OK);
    plab_timeline_close(&timeline);
    CHECK(timeline == NULL);
    CHECK_STR(read_text(path, text, sizeof text),
              "t_ns,t_s,phase,load_percent,workers_running,rate_hps,hashes_total,accepted_total,"
              "rejected_total,host_busy_percent,host_steal_percent,lab_cpu_percent_of_one,"
              "pool_cpu_percent_of_one,pool_rss_bytes,w_cpu_percent_of_one,w_rss_bytes,"
              "w_rate_hps\n"
              "18446744073709551615,1.000,full,50,0,,0,,,100.0,,0.12,12.3,4096,,,\n"
              "18446744073709551615,1.000,full,50,0,,0,,,100.0,,0.12,12.3,4096,200.0,"
              "1000000000000,12.35\n");
    unlink(path);
}

TEST(timeline, a_full_disk_is_told) {
    struct plab_timeline *timeline;
    struct plab_error err = {.text = ""};
    CHECK(plab_timeline_open(&timeline, "/dev/full", NULL, 0, 0, &err) == PLAB_E_IO);
    CHECK_STR(err.text, "cannot write /dev/full: No space left on device");
    CHECK(timeline == NULL);
    CHECK(plab_timeline_open(&timeline, "/nowhere/t.csv", NULL, 0, 0, &err) == PLAB_E_IO);
}

TEST(follow, gives_whole_lines_as_they_come) {
    char path[64];
    struct plab_follow follow;
    struct plab_worker_sample sample;
    make_path(path);
    unlink(path);
    plab_follow_init(&follow, path);
    CHECK(!plab_follow_next(&follow, &sample));
    append(path, "{\"t_ns\":5,\"hashes\":7,\"accepted\":1,\"rejected\":0}\n{\"t_ns\":6,");
    CHECK(plab_follow_next(&follow, &sample));
    CHECK_U64(sample.t_ns, 5);
    CHECK_U64(sample.hashes, 7);
    CHECK_U64(sample.accepted, 1);
    CHECK_U64(sample.rejected, 0);
    CHECK(!plab_follow_next(&follow, &sample));
    append(path, "\"hashes\":9,\"accepted\":2,\"rejected\":3,\"more\":true}\n");
    CHECK(plab_follow_next(&follow, &sample));
    CHECK_U64(sample.hashes, 9);
    CHECK_U64(sample.rejected, 3);
    CHECK(!plab_follow_next(&follow, &sample));
    CHECK_U64(follow.damaged_lines, 0);
    unlink(path);
}

TEST(follow, passes_over_what_is_no_sample) {
    char path[64], longest[3001];
    struct plab_follow follow;
    struct plab_worker_sample sample;
    make_path(path);
    plab_follow_init(&follow, path);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    append(path, "nonsense\n\n{\"t_ns\":-1,\"hashes\":7,\"accepted\":1,\"rejected\":0}\n");
    append(path, longest);
    append(path, "\n{\"t_ns\":8,\"hashes\":1,\"accepted\":0,\"rejected\":0}\n");
    CHECK(plab_follow_next(&follow, &sample));
    CHECK_U64(sample.t_ns, 8);
    CHECK_U64(follow.damaged_lines, 4);
    unlink(path);
}
