/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/perfcount.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"

static const struct {
    const char *column;
    uint64_t event;
} counters[PLAB_PERF_COUNT] = {
#define PLAB_PERF_ROW(kind, column, event) [PLAB_PERF_##kind] = {column, event},
    PLAB_PERF_LIST(PLAB_PERF_ROW)
#undef PLAB_PERF_ROW
};

const char *plab_perfcount_column(enum plab_perf which) {
    return counters[which].column;
}

static int open_one(uint64_t event, int pid) {
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attr,
        .config = event,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .inherit = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void explain(int reason, char *out, size_t cap) {
    switch (reason) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
        snprintf(out, cap, "this machine has no hardware counters (a virtual machine?)");
        break;
    case EACCES:
    case EPERM:
        snprintf(out, cap, "the kernel keeps them for root (kernel.perf_event_paranoid)");
        break;
    default:
        snprintf(out, cap, "%s", strerror(reason));
    }
}

bool plab_perfcount_open(struct plab_perfcount *count, int pid, char *reason, size_t reason_cap) {
    bool any = false;
    int why = ENOENT;
    for (size_t i = 0; i < PLAB_PERF_COUNT; i++) {
        count->fds[i] = open_one(counters[i].event, pid);
        why = count->fds[i] < 0 && i == 0 ? errno : why;
        any = any || count->fds[i] >= 0;
    }
    if (!any) {
        explain(why, reason, reason_cap);
    }
    return any;
}

void plab_perfcount_read(const struct plab_perfcount *count, double values[PLAB_PERF_COUNT]) {
    for (size_t i = 0; i < PLAB_PERF_COUNT; i++) {
        uint64_t got[3]; /* count, time enabled, time running */
        values[i] = NAN;
        if (count->fds[i] >= 0 && read(count->fds[i], got, sizeof got) == (ssize_t)sizeof got &&
            got[2] > 0) {
            values[i] = (double)got[0] * ((double)got[1] / (double)got[2]);
        }
    }
}

void plab_perfcount_close(struct plab_perfcount *count) {
    for (size_t i = 0; i < PLAB_PERF_COUNT; i++) {
        if (count->fds[i] >= 0) {
            close(count->fds[i]);
        }
        count->fds[i] = -1;
    }
}
