/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/sysload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* user nice system idle iowait irq softirq steal; guest time after them is part of user and nice.
 */
#define FIELDS 8
#define STEAL 7

bool plab_sysload_parse(const char *text, struct plab_sysload *out) {
    *out = (struct plab_sysload){.total = 0};
    if (strncmp(text, "cpu ", 4) != 0) {
        return false;
    }
    const char *p = text + 4;
    for (int field = 0; field < FIELDS; field++) {
        p += strspn(p, " ");
        if (*p < '0' || *p > '9') {
            break;
        }
        char *end;
        uint64_t ticks = strtoull(p, &end, 10);
        out->total += ticks;
        out->steal = field == STEAL ? ticks : out->steal;
        p = end;
    }
    return true;
}

void plab_sysload_read(struct plab_sysload *out) {
    char line[512] = "";
    *out = (struct plab_sysload){.total = 0};
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL) {
        return;
    }
    if (fgets(line, sizeof line, file) != NULL) {
        plab_sysload_parse(line, out);
    }
    fclose(file);
}

double plab_sysload_steal_share(const struct plab_sysload *before,
                                const struct plab_sysload *after) {
    if (after->total <= before->total || after->steal <= before->steal) {
        return 0;
    }
    return (double)(after->steal - before->steal) / (double)(after->total - before->total);
}
