/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/program.h"

#include <jansson.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS 120000
#define GROUPS_MAX 10

/* ---- the command ---- */

static const char *value_of(const char *name, const struct plab_detector_file *file,
                            const struct plab_program_inputs *inputs) {
    const struct {
        const char *name, *value;
    } known[] = {{"{pcap}", inputs->pcap},
                 {"{keys}", inputs->keys},
                 {"{out}", inputs->out},
                 {"{target}", inputs->target},
                 {"{rules}", file->rules}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(known); i++) {
        if (strncmp(name, known[i].name, strlen(known[i].name)) == 0) {
            return known[i].value != NULL ? known[i].value : "";
        }
    }
    return NULL;
}

static char *expand(const char *word, const struct plab_detector_file *file,
                    const struct plab_program_inputs *inputs) {
    char text[2 * PATH_MAX];
    size_t used = 0;
    for (const char *at = word; *at != '\0' && used < sizeof text - 1;) {
        const char *value = *at == '{' ? value_of(at, file, inputs) : NULL;
        if (value != NULL) {
            int n = snprintf(text + used, sizeof text - used, "%s", value);
            used += n > 0 && (size_t)n < sizeof text - used ? (size_t)n : 0;
            at = strchr(at, '}') + 1;
        } else {
            text[used++] = *at++;
        }
    }
    text[used] = '\0';
    return strdup(text);
}

char **plab_program_argv(const struct plab_detector_file *file,
                         const struct plab_program_inputs *inputs) {
    const struct plab_detector *detector = file->detector;
    char **argv = calloc(detector->command_count + 1, sizeof *argv);
    for (unsigned i = 0; argv != NULL && i < detector->command_count; i++) {
        argv[i] = expand(detector->command[i], file, inputs);
        if (argv[i] == NULL) {
            plab_program_free_argv(argv);
            argv = NULL;
        }
    }
    return argv;
}

void plab_program_free_argv(char **argv) {
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
        free(argv[i]);
    }
    free(argv);
}

void plab_program_version(const struct plab_detector_file *file, char *out, size_t cap) {
    const struct plab_detector *detector = file->detector;
    char *argv[PLAB_DETECTOR_COMMAND_MAX + 1] = {NULL};
    struct plab_tool_result result;
    out[0] = '\0';
    if (detector->version_count == 0) {
        return;
    }
    memcpy(argv, detector->version, detector->version_count * sizeof *argv);
    if (plab_tool_run(&result, argv, "/", 10000, NULL) == PLAB_OK) {
        const char *line = result.output + strspn(result.output, "\n ");
        snprintf(out, cap, "%.*s", (int)strcspn(line, "\n"), line);
        plab_tool_free(&result);
    }
}

bool plab_program_is_there(const struct plab_detector_file *file, struct plab_error *err) {
    char *argv[PLAB_DETECTOR_COMMAND_MAX + 1] = {NULL};
    struct plab_tool_result result;
    const struct plab_detector *detector = file->detector;
    if (detector->version_count == 0) {
        return true;
    }
    memcpy(argv, detector->version, detector->version_count * sizeof *argv);
    enum plab_status status = plab_tool_run(&result, argv, "/", 10000, err);
    if (status == PLAB_OK) {
        plab_tool_free(&result);
    }
    return status != PLAB_E_UNSUPPORTED;
}

/* ---- one alert ---- */

/* How to get at a named part of an alert: a group of the expression, or a field. */
struct part {
    const char *line;
    const regmatch_t *groups;
    const json_t *object;
};

static void get_group(const struct part *part, const char *number, char *out, size_t cap) {
    long group = strtol(number, NULL, 10);
    if (group >= 0 && group < GROUPS_MAX && part->groups[group].rm_so >= 0) {
        snprintf(out, cap, "%.*s", (int)(part->groups[group].rm_eo - part->groups[group].rm_so),
                 part->line + part->groups[group].rm_so);
    }
}

static const json_t *field_at(const json_t *object, const char *path) {
    char name[64];
    while (object != NULL && *path != '\0') {
        const json_t *whole = json_object_get(object, path);
        if (whole != NULL) {
            return whole; /* a name with dots in it */
        }
        size_t len = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        object = json_object_get(object, name);
        path += len + (path[len] == '.');
    }
    return object;
}

static void get_field(const struct part *part, const char *path, char *out, size_t cap) {
    const json_t *value = field_at(part->object, path);
    if (json_is_string(value)) {
        snprintf(out, cap, "%s", json_string_value(value));
    } else if (json_is_number(value)) {
        snprintf(out, cap, "%.15g", json_number_value(value));
    }
}

static const char *get(const struct part *part, const char *where, char *out, size_t cap) {
    out[0] = '\0';
    if (where != NULL && part->object != NULL) {
        get_field(part, where, out, cap);
    } else if (where != NULL) {
        get_group(part, where, out, cap);
    }
    return out;
}

static bool find_key(const struct plab_detector_file *file, const struct part *part,
                     const struct plab_program_reading *reading, char *key, size_t cap) {
    const struct plab_detector_read *read = file->detector->read;
    char a[32], b[32];
    if (reading->key != NULL) {
        snprintf(key, cap, "%s", reading->key);
    } else if (file->kind == PLAB_UNIT_FLOW) {
        plab_evidence_flow_key(key, cap,
                               (unsigned)strtoul(get(part, read->src_port, a, sizeof a), NULL, 10),
                               (unsigned)strtoul(get(part, read->dst_port, b, sizeof b), NULL, 10));
    } else if (file->kind == PLAB_UNIT_HOST) {
        snprintf(key, cap, "host");
    } else {
        int pid = (int)strtol(get(part, read->pid, a, sizeof a), NULL, 10);
        const struct plab_unit *unit = NULL;
        for (size_t i = 0; i < reading->evidence->unit_count; i++) {
            const struct plab_unit *one = &reading->evidence->units[i];
            unit = one->kind == PLAB_UNIT_PROCESS && one->pid == pid ? one : unit;
        }
        snprintf(key, cap, "%s", unit != NULL ? unit->key : "");
    }
    return key[0] != '\0';
}

/* Seconds east of Greenwich of "Z", "+0000" or "+00:00"; NAN for anything else. */
static double zone_seconds(const char *text) {
    unsigned hours, minutes;
    int used = 0;
    if (strcmp(text, "Z") == 0) {
        return 0;
    }
    if ((text[0] != '+' && text[0] != '-') ||
        (sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &used) < 2 &&
         sscanf(text + 1, "%2u%2u%n", &hours, &minutes, &used) < 2) ||
        text[1 + used] != '\0') {
        return NAN;
    }
    return (text[0] == '-' ? -60.0 : 60.0) * (hours * 60 + minutes);
}

/* "2026-11-28T07:16:12.25Z", or with a zone, in seconds since 1970; NAN for anything else. */
static double wall_seconds(const char *text) {
    struct tm parts = {.tm_sec = 0};
    char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    double fraction = end != NULL && *end == '.' ? strtod(end, &end) : 0;
    return end != NULL ? (double)timegm(&parts) + fraction - zone_seconds(end) : NAN;
}

static double time_of(const struct plab_detector_read *read, const struct part *part,
                      const struct plab_program_reading *reading) {
    char text[64];
    if (read->wall != NULL) {
        return wall_seconds(get(part, read->wall, text, sizeof text)) -
               reading->evidence->start_wall_s;
    }
    get(part, read->t_s, text, sizeof text);
    return text[0] != '\0' ? strtod(text, NULL) : reading->t_s;
}

static void add(const struct plab_detector_file *file, const struct part *part,
                const struct plab_program_reading *reading, struct plab_alerts *alerts) {
    const struct plab_detector_read *read = file->detector->read;
    char key[120], say[240];
    if (find_key(file, part, reading, key, sizeof key)) {
        get(part,
            read->say != NULL      ? read->say
            : part->object != NULL ? NULL
                                   : "0",
            say, sizeof say);
        plab_alerts_add(alerts, key, time_of(read, part, reading), "%s", say);
    }
}

/* ---- what a program said ---- */

static void read_line(const struct plab_detector_file *file, const regex_t *expression,
                      const char *line, const struct plab_program_reading *reading,
                      struct plab_alerts *alerts) {
    const struct plab_detector_read *read = file->detector->read;
    regmatch_t groups[GROUPS_MAX];
    struct part part = {.line = line, .groups = groups};
    if (expression != NULL) {
        if (regexec(expression, line, GROUPS_MAX, groups, 0) == 0) {
            add(file, &part, reading, alerts);
        }
        return;
    }
    json_t *object = json_loads(line, 0, NULL);
    char value[120];
    part.object = object;
    if (json_is_object(object) && strcmp(get(&part, read->field, value, sizeof value),
                                         read->equals != NULL ? read->equals : "") == 0) {
        add(file, &part, reading, alerts);
    }
    json_decref(object);
}

enum plab_status plab_program_read(const struct plab_detector_file *file, const char *text,
                                   const struct plab_program_reading *reading,
                                   struct plab_alerts *alerts, struct plab_error *err) {
    const struct plab_detector_read *read = file->detector->read;
    regex_t expression;
    char why[120];
    if (read->match != NULL) {
        int code = regcomp(&expression, read->match, REG_EXTENDED);
        if (code != 0) {
            regerror(code, &expression, why, sizeof why);
            return plab_fail(err, PLAB_E_INPUT, "detector %s: read.match \"%s\": %s",
                             file->detector->name, read->match, why);
        }
    }
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        char *line = strndup(at, len);
        if (line != NULL) {
            read_line(file, read->match != NULL ? &expression : NULL, line, reading, alerts);
        }
        alerts->lost = alerts->lost || line == NULL;
        free(line);
        at += len + (at[len] == '\n');
    }
    if (read->match != NULL) {
        regfree(&expression);
    }
    return PLAB_OK;
}

enum plab_status plab_program_read_file(const struct plab_detector_file *file, const char *path,
                                        const struct plab_program_reading *reading,
                                        struct plab_alerts *alerts, struct plab_error *err) {
    char *line = NULL;
    size_t cap = 0;
    enum plab_status status = PLAB_OK;
    FILE *lines = fopen(path, "re");
    while (status == PLAB_OK && lines != NULL && getline(&line, &cap, lines) > 0) {
        status = plab_program_read(file, line, reading, alerts, err);
    }
    free(line);
    if (lines != NULL) {
        fclose(lines);
    }
    return status;
}

enum plab_status plab_program_run(const struct plab_detector_file *file,
                                  const struct plab_program_inputs *inputs,
                                  const struct plab_program_reading *reading,
                                  struct plab_alerts *alerts, struct plab_error *err) {
    struct plab_tool_result result;
    char path[PATH_MAX + 64], **argv = plab_program_argv(file, inputs);
    if (argv == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to run %s", file->detector->name);
    }
    enum plab_status status = plab_tool_run(&result, argv, inputs->out, TIMEOUT_MS, err);
    if (status == PLAB_OK && result.len == 0 && result.exit_code == 127) { /* a shell's word */
        status = plab_fail(err, PLAB_E_UNSUPPORTED, "cannot run %s: %s", argv[0], result.error);
        plab_tool_free(&result);
    } else if (status == PLAB_OK && result.len == 0 && result.exit_code != 0) {
        status = plab_fail(err, PLAB_E_FAILED, "%s ended with exit code %d: %s", argv[0],
                           result.exit_code, result.error);
        plab_tool_free(&result);
    }
    plab_program_free_argv(argv);
    if (status != PLAB_OK) {
        return status;
    }
    const char *name = file->detector->read->file;
    snprintf(path, sizeof path, "%s/%s", inputs->out, name != NULL ? name : "");
    status = name != NULL ? plab_program_read_file(file, path, reading, alerts, err)
                          : plab_program_read(file, result.output, reading, alerts, err);
    plab_tool_free(&result);
    return status;
}
