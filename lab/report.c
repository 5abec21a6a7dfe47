/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/report.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/report_priv.h"
#include "lab/table.h"

#define ROWS_MAX 3600 /* of a table; longer ones are thinned out */

/* ---- data ---- */

static json_t *load_json(const char *folder, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return json_load_file(path, 0, NULL);
}

/* A number if it is one, null where nothing was recorded, else the text. */
static json_t *cell(const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (text[0] == '\0') {
        return json_null();
    }
    return *end == '\0' && isfinite(value) ? json_real(value) : json_string(text);
}

/* {"columns": [...], "rows": [[...]]}; null where there is no such table. Returns owned. */
static json_t *load_table(const char *folder, const char *name) {
    char path[PATH_MAX];
    struct plab_table table;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, R_OK) != 0 || plab_table_read(&table, path, NULL) != PLAB_OK) {
        return json_null();
    }
    json_t *columns = json_array(), *rows = json_array();
    for (size_t column = 0; column < table.column_count; column++) {
        json_array_append_new(columns, json_string(table.fields[column]));
    }
    size_t every = table.row_count / ROWS_MAX + 1;
    for (size_t row = 0; row < table.row_count; row += every) {
        json_t *cells = json_array();
        for (size_t column = 0; column < table.column_count; column++) {
            json_array_append_new(cells, cell(plab_table_text(&table, row, column)));
        }
        json_array_append_new(rows, cells);
    }
    plab_table_free(&table);
    return json_pack("{s:o, s:o}", "columns", columns, "rows", rows);
}

/* What the charts mark: shares, jobs, phases, load, faults, lost packets, logins. */
static bool is_of_interest(const char *event) {
    static const char *const kinds[] = {"share",      "job",       "block",         "login",
                                        "disconnect", "fault",     "phase_start",   "phase_end",
                                        "load",       "run_start", "process_start", "process_exit",
                                        "packet_lost"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(kinds); i++) {
        if (strcmp(event, kinds[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What `each` returns (owned) of the lines of a file, without NULLs. Returns owned. */
static json_t *load_lines(const char *folder, const char *name, json_t *(*each)(json_t *line)) {
    char path[PATH_MAX], *text = NULL;
    size_t cap = 0;
    json_t *list = json_array();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *lines = fopen(path, "re");
    while (lines != NULL && getline(&text, &cap, lines) > 0) {
        json_t *line = json_loads(text, 0, NULL);
        json_array_append_new(list, each(line)); /* nothing happens with NULL */
        json_decref(line);
    }
    free(text);
    if (lines != NULL) {
        fclose(lines);
    }
    return list;
}

static json_t *event_of(json_t *line) {
    const char *kind = json_string_value(json_object_get(line, "event"));
    return kind != NULL && is_of_interest(kind) ? json_incref(line) : NULL;
}

/* Of a sample the system calls; rounding modes and mappings are shown by what detectors say. */
static json_t *calls_of(json_t *line) {
    json_t *syscalls = json_object_get(line, "syscalls");
    return json_object_get(syscalls, "counts") != NULL
               ? json_pack("{s:O, s:O}", "pid", json_object_get(line, "pid"), "syscalls", syscalls)
               : NULL;
}

static json_t *or_null(json_t *value) {
    return value != NULL ? value : json_null();
}

static enum plab_status collect(json_t **out, const char *folder, struct plab_error *err) {
    json_t *report = load_json(folder, "report.json");
    if (report == NULL) {
        return plab_fail(err, PLAB_E_INPUT, "%s is no folder of a run: it has no report.json",
                         folder);
    }
    *out = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "report", report, "verdicts",
                     or_null(load_json(folder, "verdicts.json")), "timeline",
                     load_table(folder, "timeline.csv"), "host", load_table(folder, "host.csv"),
                     "processes", load_table(folder, "processes.csv"), "flows",
                     load_table(folder, "flows.csv"), "events",
                     load_lines(folder, "truth.jsonl", event_of), "calls",
                     load_lines(folder, "raw/observed.jsonl", calls_of));
    return *out != NULL ? PLAB_OK
                        : plab_fail(err, PLAB_E_NOMEM, "not enough memory for the report");
}

/* ---- the page ---- */

static void put_asset(FILE *out, const char *path) {
    const struct plab_asset *asset = plab_asset_find(&plab_report_assets, path, strlen(path));
    fwrite(asset->bytes, 1, asset->len, out);
}

/* JSON inside of a script element: a "</script" in it would end the element, so no "<" is left. */
static void put_data(FILE *out, const json_t *data) {
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(8));
    for (const char *at = text != NULL ? text : "{}"; *at != '\0'; at++) {
        if (*at == '<') {
            fputs("\\u003c", out);
        } else {
            fputc(*at, out);
        }
    }
    free(text);
}

/* Fills in the template's marks, each "@NAME@" on a line of its own. */
static void put_page(FILE *out, const json_t *data) {
    const struct plab_asset *page = plab_asset_find(&plab_report_assets, "/", 1);
    const char *at = (const char *)page->bytes, *end = at + page->len;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t len = line_end != NULL ? (size_t)(line_end - at) + 1 : (size_t)(end - at);
        if (strncmp(at, "@STYLE@", 7) == 0) {
            put_asset(out, "/dygraph.min.css");
            put_asset(out, "/report.css");
        } else if (strncmp(at, "@SCRIPT@", 8) == 0) {
            put_asset(out, "/dygraph.min.js");
            fputc('\n', out);
            put_asset(out, "/report.js");
        } else if (strncmp(at, "@DATA@", 6) == 0) {
            put_data(out, data);
        } else {
            fwrite(at, 1, len, out);
        }
        at += len;
    }
}

enum plab_status plab_report_build(const char *folder, struct plab_error *err) {
    char path[PATH_MAX], *text = NULL;
    size_t len = 0;
    json_t *data = NULL;
    enum plab_status status = collect(&data, folder, err);
    if (status != PLAB_OK) {
        return status;
    }
    FILE *out = open_memstream(&text, &len);
    if (out != NULL) {
        put_page(out, data);
    }
    json_decref(data);
    if (out == NULL || fclose(out) != 0) {
        free(text);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the report");
    }
    snprintf(path, sizeof path, "%s/report.html", folder);
    status = plab_file_write(path, text, len, err);
    free(text);
    return status;
}
