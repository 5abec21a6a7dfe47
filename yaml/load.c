/* SPDX-License-Identifier: BSD-3-Clause */
#include "yaml/load.h"

#include <ctype.h>
#include <cyaml/cyaml.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/place.h"

#define STEPS_MAX 8

/* The first message and the backtrace below it, innermost step first. */
struct complaint {
    char message[160];
    struct {
        char field[64]; /* "": an element */
        unsigned index;
        bool element;
    } steps[STEPS_MAX];
    size_t step_count;
    struct plab_yaml_mark mark; /* of the innermost step */
};

static void note_step(struct complaint *complaint, const char *line) {
    const char *place = strstr(line, "(line: ");
    if (complaint->mark.line == 0 && place != NULL &&
        sscanf(place, "(line: %zu, column: %zu)", &complaint->mark.line, &complaint->mark.column) !=
            2) {
        complaint->mark = (struct plab_yaml_mark){.line = 1, .column = 1};
    }
    if (complaint->step_count == STEPS_MAX) {
        return;
    }
    char *field = complaint->steps[complaint->step_count].field;
    unsigned number;
    if (sscanf(line, " in mapping field '%63[^']'", field) == 1) {
        complaint->steps[complaint->step_count++].element = false;
    } else if (sscanf(line, " in sequence entry '%u'", &number) == 1 && number > 0) {
        /* libcyaml counts the entries it has begun */
        complaint->steps[complaint->step_count].index = number - 1;
        complaint->steps[complaint->step_count++].element = true;
    }
}

/* libcyaml's own type of callback. */
static void note_log(cyaml_log_t level, void *cookie, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
static void note_log(cyaml_log_t level, void *cookie, const char *fmt, va_list args) {
    struct complaint *complaint = cookie;
    char line[256];
    if (level < CYAML_LOG_ERROR) {
        return;
    }
    vsnprintf(line, sizeof line, fmt, args);
    line[strcspn(line, "\n")] = '\0';
    const char *text = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
    if (strncmp(text, "  in ", 5) == 0) {
        note_step(complaint, text);
    } else if (complaint->message[0] == '\0' && strcmp(text, "Backtrace:") != 0) {
        snprintf(complaint->message, sizeof complaint->message, "%.*s",
                 (int)sizeof complaint->message - 1, text);
    }
}

/* Outermost step first: "phases[0].duration". */
static void complaint_path(const struct complaint *complaint, char *out, size_t cap) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = complaint->step_count; i-- > 0 && used < cap;) {
        int n = complaint->steps[i].element
                    ? snprintf(out + used, cap - used, "[%u]", complaint->steps[i].index)
                    : snprintf(out + used, cap - used, "%s%s", used > 0 ? "." : "",
                               complaint->steps[i].field);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* libcyaml says which key it dislikes or misses only in its message. The trace then ends in that
 * mapping, or in the sibling that was read last. */
static void name_key(struct complaint *complaint, char *path, size_t cap) {
    static const struct {
        const char *begin, *words;
        bool beside_sibling;
    } forms[] = {
        {"Unexpected key: ", "unknown key", false},
        {"Missing required mapping field: ", "this key is missing", true},
        {"Mapping field already seen: ", "this key is there twice", true},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(forms); i++) {
        size_t begin_len = strlen(forms[i].begin);
        if (strncmp(complaint->message, forms[i].begin, begin_len) != 0) {
            continue;
        }
        if (forms[i].beside_sibling && complaint->step_count > 0 && !complaint->steps[0].element) {
            char *dot = strrchr(path, '.');
            *(dot != NULL ? dot : path) = '\0';
        }
        size_t used = strlen(path);
        snprintf(path + used, cap - used, "%s%s", used > 0 ? "." : "",
                 complaint->message + begin_len);
        snprintf(complaint->message, sizeof complaint->message, "%s", forms[i].words);
        return;
    }
}

static enum plab_status explain(struct complaint *complaint, cyaml_err_t result, const char *text,
                                size_t len, const char *path, struct plab_error *err) {
    char key[256];
    struct plab_yaml_mark mark;
    if (result == CYAML_ERR_OOM) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
    }
    complaint_path(complaint, key, sizeof key);
    name_key(complaint, key, sizeof key);
    if (!plab_yaml_locate(text, len, key, &mark) && complaint->mark.line > 0 && key[0] == '\0') {
        mark = complaint->mark;
    }
    return plab_fail(err, PLAB_E_INPUT, "%s:%zu:%zu: %s%s%s", path, mark.line, mark.column, key,
                     key[0] != '\0' ? ": " : "",
                     complaint->message[0] != '\0' ? complaint->message : cyaml_strerror(result));
}

static cyaml_config_t config_for(struct complaint *complaint) {
    return (cyaml_config_t){
        .log_fn = note_log,
        .log_ctx = complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

bool plab_yaml_duration(const char *text, uint64_t *ms) {
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char *end;
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    double value = strtod(text, &end);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(units); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            value = round(value * units[i].ms);
            *ms = value < 1e15 ? (uint64_t)value : UINT64_MAX;
            return true;
        }
    }
    return false;
}

enum plab_status plab_yaml_load(void **out, const struct cyaml_schema_value *schema,
                                const char *text, size_t len, const char *path,
                                struct plab_error *err) {
    struct plab_error why = {.text = ""};
    struct plab_yaml_mark mark;
    *out = NULL;
    enum plab_status status = plab_yaml_check(text, len, &mark, &why);
    if (status != PLAB_OK) {
        return plab_fail(err, status, "%s:%zu:%zu: %s", path, mark.line, mark.column, why.text);
    }
    struct complaint complaint = {.message = ""};
    cyaml_config_t config = config_for(&complaint);
    cyaml_data_t *data = NULL;
    cyaml_err_t result = cyaml_load_data((const uint8_t *)text, len, &config, schema, &data, NULL);
    if (result != CYAML_OK) {
        return explain(&complaint, result, text, len, path, err);
    }
    *out = data;
    return PLAB_OK;
}

void plab_yaml_free(const struct cyaml_schema_value *schema, void *data) {
    struct complaint complaint = {.message = ""};
    cyaml_config_t config = config_for(&complaint);
    cyaml_free(&config, schema, data, 0);
}
