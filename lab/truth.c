/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/truth.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plab_truth {
    FILE *file;
    char *path;
};

enum plab_status plab_truth_open(struct plab_truth **out, const char *path,
                                 struct plab_error *err) {
    struct plab_truth *truth = calloc(1, sizeof *truth);
    *out = NULL;
    if (truth == NULL || (truth->path = strdup(path)) == NULL) {
        free(truth);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the record of a run");
    }
    truth->file = fopen(path, "we");
    if (truth->file == NULL) {
        enum plab_status status =
            plab_fail(err, PLAB_E_IO, "cannot write %s: %s", path, strerror(errno));
        plab_truth_close(&truth);
        return status;
    }
    *out = truth;
    return PLAB_OK;
}

/* Takes the reference to `event`. */
static bool write_line(FILE *file, json_t *event) {
    char *text = event != NULL ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(event);
    bool good = text != NULL && fputs(text, file) >= 0 && fputc('\n', file) >= 0;
    if (text == NULL) {
        errno = ENOMEM;
    }
    free(text);
    return good;
}

enum plab_status plab_truth_add(struct plab_truth *truth, uint64_t t_ns, const char *event,
                                json_t *fields, struct plab_error *err) {
    json_t *record = json_pack("{s:I, s:s}", "t_ns", (json_int_t)t_ns, "event", event);
    if (record != NULL && fields != NULL) {
        json_object_update_missing(record, fields);
    }
    json_decref(fields);
    if (!write_line(truth->file, record) || fflush(truth->file) != 0) {
        return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", truth->path, strerror(errno));
    }
    return PLAB_OK;
}

void plab_truth_close(struct plab_truth **truth) {
    if (*truth != NULL) {
        if ((*truth)->file != NULL) {
            fclose((*truth)->file);
        }
        free((*truth)->path);
        free(*truth);
        *truth = NULL;
    }
}

/* ---- merging ---- */

struct line {
    uint64_t t_ns;
    size_t order; /* of reading: qsort isn't stable */
    const char *text;
    const char *source;
};

struct lines {
    struct line *items;
    size_t count, cap;
};

/* The whole file with a NUL behind it, owned; an absent one is empty. */
static enum plab_status read_whole(const char *path, char **out, struct plab_error *err) {
    size_t len = 0, cap = 64 * 1024;
    char *text = malloc(cap + 1);
    FILE *file = fopen(path, "re");
    *out = NULL;
    if (file == NULL && errno != ENOENT) {
        free(text);
        return plab_fail(err, PLAB_E_IO, "cannot read %s: %s", path, strerror(errno));
    }
    while (file != NULL && text != NULL) {
        size_t n = fread(text + len, 1, cap - len, file);
        len += n;
        if (n == 0) {
            break;
        }
        if (len == cap) {
            char *larger = realloc(text, 2 * cap + 1);
            if (larger == NULL) {
                free(text);
            }
            text = larger;
            cap *= 2;
        }
    }
    bool broken = file != NULL && ferror(file);
    if (file != NULL) {
        fclose(file);
    }
    if (text == NULL || broken) {
        free(text);
        return plab_fail(err, broken ? PLAB_E_IO : PLAB_E_NOMEM, "cannot read %s%s", path,
                         broken ? "" : ": not enough memory");
    }
    text[len] = '\0';
    *out = text;
    return PLAB_OK;
}

/* An event or NULL. Returns owned. */
static json_t *parse_event(const char *text) {
    json_t *event = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_integer(json_object_get(event, "t_ns")) ||
        !json_is_string(json_object_get(event, "event"))) {
        json_decref(event);
        return NULL;
    }
    return event;
}

static bool add_line(struct lines *lines, uint64_t t_ns, const char *text, const char *source) {
    if (lines->count == lines->cap) {
        size_t cap = lines->cap != 0 ? 2 * lines->cap : 256;
        struct line *larger = realloc(lines->items, cap * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        lines->items = larger;
        lines->cap = cap;
    }
    lines->items[lines->count] =
        (struct line){.t_ns = t_ns, .order = lines->count, .text = text, .source = source};
    lines->count++;
    return true;
}

/* Cuts `text` into lines and notes the good ones. */
static enum plab_status index_lines(struct lines *lines, char *text, const char *source,
                                    size_t *events, size_t *damaged, struct plab_error *err) {
    char *rest = NULL;
    for (char *one = strtok_r(text, "\n", &rest); one != NULL; one = strtok_r(NULL, "\n", &rest)) {
        json_t *event = parse_event(one);
        if (event == NULL) {
            (*damaged)++;
            continue;
        }
        uint64_t t_ns = (uint64_t)json_integer_value(json_object_get(event, "t_ns"));
        json_decref(event);
        if (!add_line(lines, t_ns, one, source)) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory to merge a run's events");
        }
        (*events)++;
    }
    return PLAB_OK;
}

static int by_time(const void *a, const void *b) {
    const struct line *left = a, *right = b;
    if (left->t_ns != right->t_ns) {
        return left->t_ns < right->t_ns ? -1 : 1;
    }
    return left->order < right->order ? -1 : left->order > right->order;
}

/* The event with time and source in front. Returns owned. */
static json_t *merged_event(const struct line *line, uint64_t start_ns) {
    json_t *event = parse_event(line->text);
    double t_s = ((double)line->t_ns - (double)start_ns) * 1e-9;
    json_t *merged = json_pack("{s:I, s:f, s:s}", "t_ns", (json_int_t)line->t_ns, "t_s", t_s,
                               "source", line->source);
    if (merged != NULL && event != NULL) {
        json_object_update_missing(merged, event);
    }
    json_decref(event);
    return merged;
}

static enum plab_status write_merged(const struct plab_truth_merge *merge,
                                     const struct lines *lines, struct plab_error *err) {
    char temporary[PATH_MAX];
    snprintf(temporary, sizeof temporary, "%s.part", merge->out_path);
    FILE *file = fopen(temporary, "we");
    bool good = file != NULL;
    for (size_t i = 0; good && i < lines->count; i++) {
        json_t *event = merged_event(&lines->items[i], merge->start_ns);
        if (event != NULL && merge->each != NULL) {
            merge->each(merge->cookie, event);
        }
        good = write_line(file, event);
    }
    int reason = errno;
    if (file != NULL && fclose(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good && rename(temporary, merge->out_path) == 0) {
        return PLAB_OK;
    }
    reason = good ? errno : reason;
    unlink(temporary);
    return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", merge->out_path, strerror(reason));
}

enum plab_status plab_truth_merge_files(struct plab_truth_merge *merge, struct plab_error *err) {
    struct lines lines = {.items = NULL};
    struct {
        const char *path, *source;
        size_t *events;
        char *text; /* owned; lines point into it */
    } inputs[] = {{merge->lab_path, "lab", &merge->lab_events, NULL},
                  {merge->pool_path, "pool", &merge->pool_events, NULL},
                  {merge->second_path, "pool-2", &merge->second_events, NULL}};
    enum plab_status status = PLAB_OK;
    merge->damaged_lines = 0;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(inputs); i++) {
        *inputs[i].events = 0;
        if (status == PLAB_OK && inputs[i].path != NULL) {
            status = read_whole(inputs[i].path, &inputs[i].text, err);
        }
        if (status == PLAB_OK && inputs[i].path != NULL) {
            status = index_lines(&lines, inputs[i].text, inputs[i].source, inputs[i].events,
                                 &merge->damaged_lines, err);
        }
    }
    if (status == PLAB_OK) {
        if (lines.count > 0) {
            qsort(lines.items, lines.count, sizeof *lines.items, by_time);
        }
        status = write_merged(merge, &lines, err);
    }
    free(lines.items);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(inputs); i++) {
        free(inputs[i].text);
    }
    return status;
}
