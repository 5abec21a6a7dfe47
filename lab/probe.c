/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512 /* of a line, what lies behind is skipped */

/* Reads up to the line that begins with `word` (NULL: the first) and sets `*at` behind the word.
 * Line by line: /proc/stat has long lines before those that are of interest. */
static bool find_line(FILE *file, const char *word, char text[LINE_MAX_BYTES], const char **at) {
    size_t len = word != NULL ? strlen(word) : 0;
    bool begins = true;
    while (fgets(text, LINE_MAX_BYTES, file) != NULL) {
        if (begins && (word == NULL || strncmp(text, word, len) == 0)) {
            *at = text + len;
            return true;
        }
        begins = strchr(text, '\n') != NULL;
    }
    return false;
}

static bool parse(const char *at, const char *mark, double *out) {
    char *end;
    if (mark != NULL) {
        at = strstr(at, mark);
        if (at == NULL) {
            return false;
        }
        at += strlen(mark);
    }
    double value = strtod(at, &end);
    if (end == at || !isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

bool plab_probe_number(const char *path, const char *line, const char *mark, double *out) {
    char text[LINE_MAX_BYTES];
    const char *at = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool found = find_line(file, line, text, &at);
    fclose(file);
    return found && parse(at, mark, out);
}

double plab_probe_rate(double before, double after, uint64_t elapsed_ns) {
    return elapsed_ns > 0 && after >= before ? (after - before) / ((double)elapsed_ns * 1e-9) : NAN;
}

static double growth(struct plab_probe *probe, double value, uint64_t now_ns) {
    double before = probe->last;
    uint64_t before_ns = probe->last_ns;
    probe->last = value;
    probe->last_ns = now_ns;
    if (before_ns == 0) {
        return NAN;
    }
    double after = value < before ? value + probe->wrap : value;
    return plab_probe_rate(before, after, now_ns - before_ns) * probe->scale;
}

double plab_probe_read(struct plab_probe *probe, uint64_t now_ns) {
    double value;
    if (!plab_probe_number(probe->path, probe->line, probe->mark, &value)) {
        probe->last_ns = 0;
        return NAN;
    }
    return probe->counter ? growth(probe, value, now_ns) : value * probe->scale;
}
