/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plab_csv {
    FILE *file;
    char *path;
    bool in_row; /* a field was written since the last line end */
};

enum plab_status plab_csv_open(struct plab_csv **out, const char *path, struct plab_error *err) {
    struct plab_csv *csv = calloc(1, sizeof *csv);
    *out = NULL;
    if (csv == NULL || (csv->path = strdup(path)) == NULL) {
        free(csv);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", path);
    }
    csv->file = fopen(path, "we");
    if (csv->file == NULL) {
        enum plab_status status =
            plab_fail(err, PLAB_E_IO, "cannot write %s: %s", path, strerror(errno));
        plab_csv_close(&csv);
        return status;
    }
    *out = csv;
    return PLAB_OK;
}

static void begin_field(struct plab_csv *csv) {
    if (csv->in_row) {
        fputc(',', csv->file);
    }
    csv->in_row = true;
}

void plab_csv_text(struct plab_csv *csv, const char *text) {
    begin_field(csv);
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, csv->file);
        return;
    }
    fputc('"', csv->file);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"') {
            fputc('"', csv->file);
        }
        fputc(*at, csv->file);
    }
    fputc('"', csv->file);
}

void plab_csv_number(struct plab_csv *csv, double value, int decimals) {
    begin_field(csv);
    if (isfinite(value)) {
        fprintf(csv->file, "%.*f", decimals, value);
    }
}

void plab_csv_integer(struct plab_csv *csv, uint64_t value) {
    begin_field(csv);
    fprintf(csv->file, "%" PRIu64, value);
}

void plab_csv_format(struct plab_csv *csv, const char *fmt, ...) {
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    plab_csv_text(csv, text);
}

enum plab_status plab_csv_end(struct plab_csv *csv, struct plab_error *err) {
    csv->in_row = false;
    fputc('\n', csv->file);
    if (fflush(csv->file) != 0 || ferror(csv->file)) {
        return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", csv->path, strerror(errno));
    }
    return PLAB_OK;
}

void plab_csv_close(struct plab_csv **csv) {
    if (*csv != NULL) {
        if ((*csv)->file != NULL) {
            fclose((*csv)->file);
        }
        free((*csv)->path);
        free(*csv);
        *csv = NULL;
    }
}
