/* SPDX-License-Identifier: BSD-3-Clause */
/* CPU and memory from recorded /proc trees (tests/vectors/proc/README.md). */
#include <math.h>
#include <unistd.h>

#include "base/status.h"
#include "lab/procstat.h"
#include "tests/harness.h"

#define BEFORE "tests/vectors/proc/before"
#define AFTER "tests/vectors/proc/after"

TEST(procstat, host) {
    struct plab_host_cpu before, after;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_procstat_host(BEFORE, &before, &err) == PLAB_OK, "%s", err.text);
    CHECK_MSG(plab_procstat_host(AFTER, &after, &err) == PLAB_OK, "%s", err.text);
    CHECK_U64(before.busy, 102231 + 24511 + 8516 + 20 + 127);
    CHECK_U64(after.total - before.total, 200);
    CHECK(fabs(plab_procstat_busy_percent(&before, &after) - 75) < 1e-9);
    CHECK(fabs(plab_procstat_steal_percent(&before, &after) - 5) < 1e-9);
}

TEST(procstat, no_time_or_a_step_back_gives_no_share) {
    struct plab_host_cpu before, after;
    struct plab_error err;
    CHECK(plab_procstat_host(BEFORE, &before, &err) == PLAB_OK);
    CHECK(plab_procstat_host(AFTER, &after, &err) == PLAB_OK);
    CHECK(isnan(plab_procstat_busy_percent(&before, &before)));
    CHECK(isnan(plab_procstat_busy_percent(&after, &before)));
    after.busy = before.busy - 1;
    CHECK(isnan(plab_procstat_busy_percent(&before, &after)));
}

TEST(procstat, old_and_odd_forms) {
    struct plab_host_cpu host;
    struct plab_process_cpu process;
    struct plab_error err = {.text = ""};
    CHECK(plab_procstat_host("tests/vectors/proc/short", &host, &err) == PLAB_OK);
    CHECK_U64(host.busy, 60);
    CHECK_U64(host.total, 100);
    CHECK(plab_procstat_host("tests/vectors/proc/odd", &host, &err) == PLAB_E_INPUT);
    CHECK(plab_procstat_process("tests/vectors/proc/odd", 1, &process, &err) == PLAB_E_INPUT);
    CHECK(plab_procstat_host("tests/vectors/proc/absent", &host, &err) == PLAB_E_IO);
    CHECK_STR(err.text, "cannot read tests/vectors/proc/absent/stat: No such file or directory");
}

/* The process's name is "a) R (b c": what is counted begins behind the last bracket. */
TEST(procstat, process) {
    struct plab_process_cpu before, after;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_procstat_process(BEFORE, 4242, &before, &err) == PLAB_OK, "%s", err.text);
    CHECK_MSG(plab_procstat_process(AFTER, 4242, &after, &err) == PLAB_OK, "%s", err.text);
    CHECK_U64(before.ticks, 1025);
    CHECK_U64(before.start_ticks, 255334);
    CHECK_U64(after.rss_bytes, 66560 * (uint64_t)sysconf(_SC_PAGESIZE));
    double percent = plab_procstat_process_percent(&before, &after, 1000000000, 100);
    CHECK_MSG(fabs(percent - 95) < 1e-9, "%f", percent);
    CHECK(isnan(plab_procstat_process_percent(&before, &after, 0, 100)));
    CHECK(isnan(plab_procstat_process_percent(&after, &before, 1000000000, 100)));
    after.start_ticks++;
    CHECK(isnan(plab_procstat_process_percent(&before, &after, 1000000000, 100)));
    CHECK(plab_procstat_process(BEFORE, 4243, &before, &err) == PLAB_E_IO);
}

TEST(procstat, this_process) {
    struct plab_process_cpu sample;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_procstat_process("/proc", (int)getpid(), &sample, &err) == PLAB_OK, "%s",
              err.text);
    CHECK(sample.rss_bytes > 100 * 1024);
    CHECK(sample.start_ticks > 0);
}
