/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/detector.h"

#include <cyaml/cyaml.h>
#include <dirent.h>
#include <fnmatch.h>
#include <libgen.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "yaml/load.h"
#include "yaml/place.h"

#define FILE_MAX_BYTES 65536

/* ---- the schema ---- */

#define MUST CYAML_FLAG_POINTER
#define MAY (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(flags, type, name) \
    CYAML_FIELD_STRING_PTR(#name, flags, struct type, name, 0, CYAML_UNLIMITED)
#define NUMBER(name) CYAML_FIELD_FLOAT_PTR(#name, MAY, struct plab_detector_options, name)

static const cyaml_schema_field_t read_fields[] = {
    TEXT(MAY, plab_detector_read, file),
    TEXT(MAY, plab_detector_read, match),
    TEXT(MAY, plab_detector_read, field),
    TEXT(MAY, plab_detector_read, equals),
    TEXT(MAY, plab_detector_read, src_port),
    TEXT(MAY, plab_detector_read, dst_port),
    TEXT(MAY, plab_detector_read, pid),
    TEXT(MAY, plab_detector_read, t_s),
    TEXT(MAY, plab_detector_read, say),
    TEXT(MAY, plab_detector_read, wall),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t option_fields[] = {
    NUMBER(percent), NUMBER(seconds), NUMBER(bits),    NUMBER(bytes),
    NUMBER(modes),   NUMBER(score),   CYAML_FIELD_END,
};
static const cyaml_schema_field_t canary_fields[] = {
    TEXT(MUST, plab_detector_canary, fire),
    TEXT(MUST, plab_detector_canary, quiet),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t word = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};
static const cyaml_schema_field_t detector_fields[] = {
    TEXT(MUST, plab_detector, name),
    TEXT(MUST, plab_detector, title),
    TEXT(MUST, plab_detector, layer),
    TEXT(MUST, plab_detector, unit),
    TEXT(MAY, plab_detector, source),
    TEXT(MAY, plab_detector, native),
    TEXT(MUST, plab_detector, input),
    CYAML_FIELD_SEQUENCE("command", MAY, struct plab_detector, command, &word, 1,
                         PLAB_DETECTOR_COMMAND_MAX),
    CYAML_FIELD_SEQUENCE("version", MAY, struct plab_detector, version, &word, 1,
                         PLAB_DETECTOR_COMMAND_MAX),
    TEXT(MAY, plab_detector, rules),
    CYAML_FIELD_MAPPING_PTR("read", MAY, struct plab_detector, read, read_fields),
    CYAML_FIELD_MAPPING_PTR("options", MAY, struct plab_detector, options, option_fields),
    CYAML_FIELD_MAPPING_PTR("canary", MUST, struct plab_detector, canary, canary_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t detector_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct plab_detector, detector_fields),
};

double plab_detector_option(const double *value, double otherwise) {
    return value != NULL ? *value : otherwise;
}

/* ---- checks ---- */

struct reader {
    const char *text, *path;
    size_t len;
    struct plab_error *err;
};

static enum plab_status bad(const struct reader *reader, const char *key, const char *what,
                            const char *value) {
    struct plab_yaml_mark mark;
    plab_yaml_locate(reader->text, reader->len, key, &mark);
    return plab_fail(reader->err, PLAB_E_INPUT, "%s:%zu:%zu: %s: \"%s\" %s", reader->path,
                     mark.line, mark.column, key, value, what);
}

static bool is_one_of(const char *text, const char *const *list) {
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

static enum plab_status check_source(const struct reader *reader,
                                     const struct plab_detector *detector) {
    static const char *const own_inputs[] = {"samples", "timeline", "processes", "flows", NULL};
    static const char *const inputs[] = {"capture", "relabelled", "process", "events", NULL};
    if ((detector->native != NULL) == (detector->command_count > 0)) {
        return bad(reader, "name", "needs either native or command", detector->name);
    }
    if (detector->native != NULL && !plab_native_exists(detector->native)) {
        return bad(reader, "native", "is no rule that powlab has", detector->native);
    }
    if (!is_one_of(detector->input, detector->native != NULL ? own_inputs : inputs)) {
        return bad(reader, "input",
                   detector->native != NULL ? "is none of samples, timeline, processes, flows"
                                            : "is none of capture, relabelled, process, events",
                   detector->input);
    }
    if (detector->native == NULL &&
        (detector->read == NULL ||
         (detector->read->match == NULL) == (detector->read->field == NULL))) {
        return bad(reader, "read", "needs read.match or read.field", detector->name);
    }
    return PLAB_OK;
}

static enum plab_status check(const struct reader *reader, const struct plab_detector *detector,
                              enum plab_unit_kind *kind) {
    static const char *const layers[] = {"network", "host", "memory", "file", NULL};
    static const enum plab_unit_kind kinds[] = {PLAB_UNIT_FLOW, PLAB_UNIT_PROCESS, PLAB_UNIT_HOST};
    if (!is_one_of(detector->layer, layers)) {
        return bad(reader, "layer", "is none of network, host, memory, file", detector->layer);
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(kinds); i++) {
        if (strcmp(detector->unit, plab_unit_kind_name(kinds[i])) == 0) {
            *kind = kinds[i];
            return check_source(reader, detector);
        }
    }
    return bad(reader, "unit", "is none of flow, process, host", detector->unit);
}

/* ---- loading ---- */

/* Rules are named from the folder above the detectors' on: configs/detectors/x.yaml says
 * "rules/x". The path is made absolute, since programs run in folders of their own. */
static enum plab_status set_rules(const struct reader *reader, struct plab_detector_file *file) {
    char copy[PATH_MAX], path[PATH_MAX + 256];
    const char *rules = file->detector->rules;
    if (rules == NULL) {
        return PLAB_OK;
    }
    snprintf(copy, sizeof copy, "%s", reader->path);
    snprintf(path, sizeof path, "%s/../%s", dirname(copy), rules);
    return realpath(path, file->rules) != NULL ? PLAB_OK
                                               : bad(reader, "rules", "isn't there", rules);
}

enum plab_status plab_detector_load(struct plab_detector_file *out, const char *path,
                                    struct plab_error *err) {
    size_t len = 0;
    void *data = NULL;
    memset(out, 0, sizeof *out);
    char *text = malloc(FILE_MAX_BYTES);
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
    }
    enum plab_status status = plab_file_read(path, text, FILE_MAX_BYTES, &len, err);
    if (status == PLAB_OK) {
        status = plab_yaml_load(&data, &detector_value, text, len, path, err);
        out->detector = data;
    }
    if (status == PLAB_OK) {
        const struct reader reader = {.text = text, .len = len, .path = path, .err = err};
        status = check(&reader, out->detector, &out->kind);
        if (status == PLAB_OK) {
            status = set_rules(&reader, out);
        }
    }
    free(text);
    if (status != PLAB_OK) {
        plab_detector_free(out);
    }
    return status;
}

void plab_detector_free(struct plab_detector_file *file) {
    plab_yaml_free(&detector_value, file->detector);
    file->detector = NULL;
}

static int is_yaml(const struct dirent *entry) {
    return fnmatch("*.yaml", entry->d_name, FNM_PERIOD) == 0;
}

enum plab_status plab_detector_load_all(struct plab_detector_file *out, size_t cap, size_t *count,
                                        const char *folder, struct plab_error *err) {
    struct dirent **list;
    enum plab_status status = PLAB_OK;
    *count = 0;
    int files = scandir(folder, &list, is_yaml, alphasort);
    if (files < 0) {
        return plab_fail(err, PLAB_E_IO, "cannot read the folder of detectors %s: %m", folder);
    }
    for (int i = 0; i < files; i++) {
        char path[PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (status == PLAB_OK && *count < cap) {
            status = plab_detector_load(&out[*count], path, err);
            *count += status == PLAB_OK;
        }
        free(list[i]);
    }
    free(list);
    return status;
}

/* ---- alerts ---- */

const struct plab_alert *plab_alerts_find(const struct plab_alerts *alerts, const char *key) {
    for (size_t i = 0; i < alerts->count; i++) {
        if (strcmp(alerts->items[i].key, key) == 0) {
            return &alerts->items[i];
        }
    }
    return NULL;
}

static struct plab_alert *new_alert(struct plab_alerts *alerts) {
    if (alerts->count == alerts->cap) {
        size_t cap = alerts->cap != 0 ? 2 * alerts->cap : 16;
        struct plab_alert *larger = realloc(alerts->items, cap * sizeof *larger);
        if (larger == NULL) {
            alerts->lost = true;
            return NULL;
        }
        alerts->items = larger;
        alerts->cap = cap;
    }
    return &alerts->items[alerts->count++];
}

void plab_alerts_add(struct plab_alerts *alerts, const char *key, double t_s, const char *fmt,
                     ...) {
    char text[240];
    va_list args;
    for (size_t i = 0; i < alerts->count; i++) {
        if (strcmp(alerts->items[i].key, key) == 0) {
            alerts->items[i].t_s = fmin(alerts->items[i].t_s, t_s);
            return;
        }
    }
    struct plab_alert *alert = new_alert(alerts);
    if (alert == NULL) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    snprintf(alert->key, sizeof alert->key, "%s", key);
    alert->t_s = t_s;
    plab_log_escape(text, strlen(text), alert->evidence, sizeof alert->evidence);
}

void plab_alerts_free(struct plab_alerts *alerts) {
    free(alerts->items);
    memset(alerts, 0, sizeof *alerts);
}
