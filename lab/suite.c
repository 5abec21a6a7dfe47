/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/suite.h"

#include <cyaml/cyaml.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "yaml/load.h"
#include "yaml/place.h"

#define FILE_MAX_BYTES 65536
#define KEY_MAX 64

/* ---- the file as it is written ---- */

struct raw_item {
    char *file;
    double *scale;
    int64_t *repeat;
};

struct raw_suite {
    char *name;
    struct raw_item *scenarios;
    unsigned scenarios_count;
};

#define MAY (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t item_fields[] = {
    CYAML_FIELD_STRING_PTR("file", CYAML_FLAG_POINTER, struct raw_item, file, 0, CYAML_UNLIMITED),
    CYAML_FIELD_FLOAT_PTR("scale", MAY, struct raw_item, scale),
    CYAML_FIELD_INT_PTR("repeat", MAY, struct raw_item, repeat),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t item_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_item, item_fields),
};
static const cyaml_schema_field_t suite_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw_suite, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("scenarios", CYAML_FLAG_POINTER, struct raw_suite, scenarios, &item_value,
                         1, PLAB_SUITE_ITEMS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t suite_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_suite, suite_fields),
};

/* ---- what it means ---- */

static enum plab_status take_name(const struct plab_yaml_source *r, const char *raw,
                                  struct plab_suite *out) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t len = strlen(raw);
    if (len == 0 || len > PLAB_SCENARIO_NAME_MAX || strspn(raw, plain) != len || raw[0] == '-') {
        return plab_yaml_bad(r, PLAB_E_INPUT, "name",
                             "a name is 1 to %d letters, digits, - or _, and doesn't begin with -",
                             PLAB_SCENARIO_NAME_MAX);
    }
    memcpy(out->name, raw, len + 1);
    return PLAB_OK;
}

static char *beside(const char *path, const char *file) {
    const char *slash = strrchr(path, '/');
    int folder = file[0] != '/' && slash != NULL ? (int)(slash - path) + 1 : 0;
    char *joined;
    return asprintf(&joined, "%.*s%s", folder, path, file) < 0 ? NULL : joined;
}

static const char *key_of(char out[KEY_MAX], size_t index, const char *field) {
    snprintf(out, KEY_MAX, "scenarios[%zu].%s", index, field);
    return out;
}

static enum plab_status take_item(const struct plab_yaml_source *r, const struct raw_item *raw,
                                  size_t index, struct plab_suite_item *out) {
    char key[KEY_MAX];
    double scale = raw->scale != NULL ? *raw->scale : 1;
    int64_t repeat = raw->repeat != NULL ? *raw->repeat : 1;
    if (raw->file[0] == '\0') {
        return plab_yaml_bad(r, PLAB_E_INPUT, key_of(key, index, "file"), "an empty path");
    }
    if (!isfinite(scale) || scale <= 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key_of(key, index, "scale"), "%g is not above 0",
                             scale);
    }
    if (repeat < 1 || repeat > PLAB_SUITE_REPEAT_MAX) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key_of(key, index, "repeat"),
                             "%lld is not within 1 to %d", (long long)repeat,
                             PLAB_SUITE_REPEAT_MAX);
    }
    *out = (struct plab_suite_item){beside(r->path, raw->file), scale, (unsigned)repeat};
    return out->file != NULL ? PLAB_OK
                             : plab_fail(r->err, PLAB_E_NOMEM, "not enough memory for a suite");
}

static enum plab_status take_all(const struct plab_yaml_source *r, const struct raw_suite *raw,
                                 struct plab_suite *out) {
    enum plab_status status = take_name(r, raw->name, out);
    out->items = calloc(raw->scenarios_count, sizeof *out->items);
    if (status == PLAB_OK && out->items == NULL) {
        return plab_fail(r->err, PLAB_E_NOMEM, "not enough memory for a suite");
    }
    while (status == PLAB_OK && out->count < raw->scenarios_count) {
        status = take_item(r, &raw->scenarios[out->count], out->count, &out->items[out->count]);
        out->count++;
    }
    return status;
}

enum plab_status plab_suite_parse(struct plab_suite *out, const char *text, size_t len,
                                  const char *path, struct plab_error *err) {
    const struct plab_yaml_source reader = {.text = text, .len = len, .path = path, .err = err};
    void *raw = NULL;
    *out = (struct plab_suite){.count = 0};
    enum plab_status status = plab_yaml_load(&raw, &suite_value, text, len, path, err);
    if (status == PLAB_OK) {
        status = take_all(&reader, raw, out);
        plab_yaml_free(&suite_value, raw);
    }
    if (status != PLAB_OK) {
        plab_suite_free(out);
    }
    return status;
}

/* Returns owned, NULL with the reason. */
static char *read_text(const char *path, size_t *len, struct plab_error *err) {
    char *text = malloc(FILE_MAX_BYTES);
    if (text == NULL) {
        plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
    } else if (plab_file_read(path, text, FILE_MAX_BYTES, len, err) != PLAB_OK) {
        free(text);
        text = NULL;
    }
    return text;
}

enum plab_status plab_suite_load(struct plab_suite *out, const char *path, struct plab_error *err) {
    size_t len;
    char *text = read_text(path, &len, err);
    *out = (struct plab_suite){.count = 0};
    if (text == NULL) {
        return PLAB_E_IO;
    }
    enum plab_status status = plab_suite_parse(out, text, len, path, err);
    free(text);
    return status;
}

void plab_suite_free(struct plab_suite *suite) {
    for (size_t i = 0; i < suite->count; i++) {
        free(suite->items[i].file);
    }
    free(suite->items);
    *suite = (struct plab_suite){.count = 0};
}

bool plab_suite_is(const char *text, size_t len) {
    struct plab_yaml_mark mark;
    struct plab_error why;
    return plab_yaml_check(text, len, &mark, &why) == PLAB_OK &&
           plab_yaml_locate(text, len, "scenarios", &mark);
}

bool plab_suite_is_file(const char *path) {
    struct plab_error why;
    size_t len;
    char *text = read_text(path, &len, &why);
    bool is = text != NULL && plab_suite_is(text, len);
    free(text);
    return is;
}
