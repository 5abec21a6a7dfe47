/* SPDX-License-Identifier: BSD-3-Clause */
/* The progress line: bar, percent, time, and that it never wraps. */
#include "cli/progress.h"
#include "tests/harness.h"

static const char *line(double done, double elapsed_s, const char *detail, size_t columns) {
    static char text[PLAB_PROGRESS_COLUMNS + 1];
    plab_progress_format(text, sizeof text, "building the dataset", done, elapsed_s, detail,
                         columns);
    return text;
}

TEST(progress, lines) {
    CHECK_STR(line(0, 0, "", 79), "building the dataset [....................]   0 %  0 s");
    CHECK_STR(line(0.25, 30, "", 79),
              "building the dataset [#####...............]  25 %  30 s, 90 s left");
    CHECK_STR(line(0.5, 300, "3/6", 79),
              "building the dataset [##########..........]  50 %  3/6  5:00 min, 5:00 min left");
    CHECK_STR(line(1, 61.4, "", 79), "building the dataset [####################] 100 %  61 s");
}

TEST(progress, odd_values_and_narrow_terminals) {
    CHECK_STR(line(-1, 0, "", 79), "building the dataset [....................]   0 %  0 s");
    CHECK_STR(line(7, 1e30, "", 79),
              "building the dataset [####################] 100 %  166666:40 min");
    for (size_t columns = 0; columns <= PLAB_PROGRESS_COLUMNS; columns++) {
        CHECK(strlen(line(0.5, 5e5, "a detail of some length, which it may be", columns)) <=
              columns);
    }
}
