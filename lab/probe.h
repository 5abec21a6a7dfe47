/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One number in a small text file, as /proc and /sys have them, read again and again.
 *
 * A gauge tells its value, a counter how fast it grows. Missing is NAN, never zero.
 */
#ifndef PLAB_LAB_PROBE_H
#define PLAB_LAB_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define PLAB_PROBE_PATH_MAX 256

struct plab_probe {
    char path[PLAB_PROBE_PATH_MAX];
    const char *line; /* word that the number's line begins with; NULL: the first line */
    const char *mark; /* text before the number in its line; NULL: the number comes next */
    double scale;     /* number * scale is in the unit of the column */
    bool counter;     /* told as its growth a second */
    double wrap;      /* counter: how many values it has before it begins anew; 0: it doesn't */
    uint64_t last_ns; /* of the reading before; 0: none */
    double last;
};

/* The number of a file as described above, without scale; false when there is none. */
bool plab_probe_number(const char *path, const char *line, const char *mark, double *out);

/* Reads it. NAN when it can't be read; of a counter also at the first reading, and when it went
 * back without a known wrap. */
double plab_probe_read(struct plab_probe *probe, uint64_t now_ns);

/* Growth a second of a counter between two readings; NAN when no time passed or it went back. */
double plab_probe_rate(double before, double after, uint64_t elapsed_ns);

#endif
