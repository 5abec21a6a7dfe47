/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/procstat.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* A prefix is enough of /proc/stat: its first line. */
static enum plab_status read_line(const char *path, char *out, size_t cap, struct plab_error *err) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return plab_fail(err, PLAB_E_IO, "cannot read %s: %m", path);
    }
    char *line = fgets(out, (int)cap, file);
    fclose(file);
    return line != NULL ? PLAB_OK : plab_fail(err, PLAB_E_IO, "cannot read %s: it is empty", path);
}

enum plab_status plab_procstat_host(const char *root, struct plab_host_cpu *out,
                                    struct plab_error *err) {
    char path[PATH_MAX], line[512];
    memset(out, 0, sizeof *out);
    snprintf(path, sizeof path, "%s/stat", root);
    enum plab_status status = read_line(path, line, sizeof line, err);
    if (status != PLAB_OK) {
        return status;
    }
    /* user nice system idle iowait irq softirq steal; guest time is part of user's */
    uint64_t t[8] = {0};
    int n = sscanf(line,
                   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                   " %" SCNu64 " %" SCNu64,
                   &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
    if (n < 4) {
        return plab_fail(err, PLAB_E_INPUT, "%s doesn't begin with the CPUs' times", path);
    }
    out->busy = t[0] + t[1] + t[2] + t[5] + t[6];
    out->steal = t[7];
    out->total = out->busy + out->steal + t[3] + t[4];
    return PLAB_OK;
}

static enum plab_status read_task(const char *path, struct plab_process_cpu *out,
                                  struct plab_error *err) {
    char line[1024];
    memset(out, 0, sizeof *out);
    enum plab_status status = read_line(path, line, sizeof line, err);
    if (status != PLAB_OK) {
        return status;
    }
    /* The program's name stands in brackets and may itself hold blanks and brackets. */
    const char *rest = strrchr(line, ')');
    uint64_t minor, major, user, kernel, start;
    int64_t rss_pages;
    /* fields 3..24: state ... minflt(10) majflt(12) utime(14) stime(15) ... starttime(22) vsize(23)
     * rss(24) */
    if (rest == NULL ||
        sscanf(rest + 1,
               " %*c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64 " %*u %" SCNu64 " %" SCNu64
               " %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %" SCNd64,
               &minor, &major, &user, &kernel, &start, &rss_pages) != 6) {
        return plab_fail(err, PLAB_E_INPUT, "%s has an unknown form", path);
    }
    out->ticks = user + kernel;
    out->start_ticks = start;
    out->minor_faults = minor;
    out->major_faults = major;
    out->rss_bytes = rss_pages > 0 ? (uint64_t)rss_pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    return PLAB_OK;
}

enum plab_status plab_procstat_process(const char *root, int pid, struct plab_process_cpu *out,
                                       struct plab_error *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%d/stat", root, pid);
    return read_task(path, out, err);
}

enum plab_status plab_procstat_thread(const char *root, int pid, int tid,
                                      struct plab_process_cpu *out, struct plab_error *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%d/task/%d/stat", root, pid, tid);
    return read_task(path, out, err);
}

static double percent(uint64_t part_before, uint64_t part_after, const struct plab_host_cpu *before,
                      const struct plab_host_cpu *after) {
    if (after->total <= before->total || part_after < part_before) {
        return NAN;
    }
    return 100.0 * (double)(part_after - part_before) / (double)(after->total - before->total);
}

double plab_procstat_busy_percent(const struct plab_host_cpu *before,
                                  const struct plab_host_cpu *after) {
    return percent(before->busy, after->busy, before, after);
}

double plab_procstat_steal_percent(const struct plab_host_cpu *before,
                                   const struct plab_host_cpu *after) {
    return percent(before->steal, after->steal, before, after);
}

double plab_procstat_process_percent(const struct plab_process_cpu *before,
                                     const struct plab_process_cpu *after, uint64_t elapsed_ns,
                                     long ticks_per_s) {
    if (elapsed_ns == 0 || ticks_per_s <= 0 || before->start_ticks != after->start_ticks ||
        after->ticks < before->ticks) {
        return NAN;
    }
    double cpu_s = (double)(after->ticks - before->ticks) / (double)ticks_per_s;
    return 100.0 * cpu_s / ((double)elapsed_ns * 1e-9);
}
