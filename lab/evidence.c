/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/evidence.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *plab_unit_kind_name(enum plab_unit_kind kind) {
    static const char *const names[] = {
        [PLAB_UNIT_FLOW] = "flow", [PLAB_UNIT_PROCESS] = "process", [PLAB_UNIT_HOST] = "host"};
    return names[kind];
}

void plab_evidence_flow_key(char *out, size_t cap, unsigned port_a, unsigned port_b) {
    snprintf(out, cap, "%u-%u", port_a < port_b ? port_a : port_b,
             port_a < port_b ? port_b : port_a);
}

static struct plab_unit *find(const struct plab_evidence *evidence, enum plab_unit_kind kind,
                              const char *key) {
    for (size_t i = 0; i < evidence->unit_count; i++) {
        struct plab_unit *unit = &evidence->units[i];
        if (unit->kind == kind && strcmp(unit->key, key) == 0) {
            return unit;
        }
    }
    return NULL;
}

const struct plab_unit *plab_evidence_unit(const struct plab_evidence *evidence,
                                           enum plab_unit_kind kind, const char *key) {
    return find(evidence, kind, key);
}

static struct plab_unit *add_unit(struct plab_evidence *evidence, enum plab_unit_kind kind) {
    if (evidence->unit_count == evidence->unit_cap) {
        size_t cap = evidence->unit_cap != 0 ? 2 * evidence->unit_cap : 64;
        struct plab_unit *larger = realloc(evidence->units, cap * sizeof *larger);
        if (larger == NULL) {
            return NULL;
        }
        evidence->units = larger;
        evidence->unit_cap = cap;
    }
    struct plab_unit *unit = &evidence->units[evidence->unit_count++];
    *unit = (struct plab_unit){.kind = kind, .from_s = NAN, .to_s = NAN};
    return unit;
}

/* ---- lines of JSON ---- */

typedef bool line_fn(struct plab_evidence *evidence, json_t *line);

/* Calls `each` with every line that is an object; others, as a killed writer leaves them, are
 * passed over. False without memory. */
static bool each_line(struct plab_evidence *evidence, const char *file, line_fn *each) {
    char path[PATH_MAX + 32], *text = NULL;
    size_t cap = 0;
    bool good = true;
    snprintf(path, sizeof path, "%s/%s", evidence->folder, file);
    FILE *lines = fopen(path, "re");
    while (good && lines != NULL && getline(&text, &cap, lines) > 0) {
        json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        good = !json_is_object(line) || each(evidence, line);
        json_decref(line);
    }
    free(text);
    if (lines != NULL) {
        fclose(lines);
    }
    return good;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- truth.jsonl ---- */

/* Workers mine unless the scenario says otherwise; controls never do; the pool is on no side. */
static enum plab_side side_of(const json_t *event) {
    const json_t *mining = json_object_get(event, "mining");
    if (mining != NULL) {
        return json_is_true(mining) ? PLAB_SIDE_MINING : PLAB_SIDE_BENIGN;
    }
    return strcmp(text_of(event, "role"), "worker") == 0    ? PLAB_SIDE_MINING
           : strcmp(text_of(event, "role"), "control") == 0 ? PLAB_SIDE_BENIGN
                                                            : PLAB_SIDE_NONE;
}

static bool take_start(struct plab_evidence *evidence, const json_t *event) {
    struct plab_unit *unit = add_unit(evidence, PLAB_UNIT_PROCESS);
    if (unit == NULL) {
        return false;
    }
    int instance = (int)json_integer_value(json_object_get(event, "instance"));
    unit->pid = (int)json_integer_value(json_object_get(event, "pid"));
    snprintf(unit->key, sizeof unit->key, "%.80s#%d", text_of(event, "process"), instance);
    snprintf(unit->name, sizeof unit->name, "%s (pid %d)", unit->key, unit->pid);
    unit->side = side_of(event);
    unit->from_s = number_of(event, "t_s");
    if (unit->side == PLAB_SIDE_MINING && !(evidence->mining_from_s <= unit->from_s)) {
        evidence->mining_from_s = unit->from_s;
    }
    return true;
}

static void take_exit(struct plab_evidence *evidence, const json_t *event) {
    int pid = (int)json_integer_value(json_object_get(event, "pid"));
    for (size_t i = evidence->unit_count; i-- > 0;) {
        struct plab_unit *unit = &evidence->units[i];
        if (unit->kind == PLAB_UNIT_PROCESS && unit->pid == pid && isnan(unit->to_s)) {
            unit->to_s = number_of(event, "t_s");
            return;
        }
    }
}

static bool take_truth(struct plab_evidence *evidence, json_t *event) {
    const char *kind = text_of(event, "event");
    if (strcmp(kind, "run_start") == 0) {
        evidence->start_ns = number_of(event, "t_ns");
        evidence->start_wall_s = number_of(event, "wall_ns") * 1e-9;
    } else if (strcmp(kind, "process_start") == 0) {
        return take_start(evidence, event);
    } else if (strcmp(kind, "process_exit") == 0) {
        take_exit(evidence, event);
    } else if (strcmp(kind, "run_end") == 0) {
        evidence->complete = json_is_true(json_object_get(event, "complete"));
    }
    return true;
}

/* ---- raw/observed.jsonl ---- */

/* A process id may come again; the process is the one that lived then. */
static const struct plab_unit *process_at(const struct plab_evidence *evidence, int pid, double t) {
    for (size_t i = 0; i < evidence->unit_count; i++) {
        const struct plab_unit *unit = &evidence->units[i];
        if (unit->kind == PLAB_UNIT_PROCESS && unit->pid == pid && unit->from_s <= t &&
            !(unit->to_s < t)) {
            return unit;
        }
    }
    return NULL;
}

static bool take_sample(struct plab_evidence *evidence, json_t *sample) {
    double t_s = (number_of(sample, "t_ns") - evidence->start_ns) * 1e-9;
    int pid = (int)json_integer_value(json_object_get(sample, "pid"));
    const struct plab_unit *unit = process_at(evidence, pid, t_s);
    if (strcmp(text_of(sample, "event"), "sample") != 0 || unit == NULL) {
        return true;
    }
    double until_ns = number_of(sample, "until_ns");
    double until_s = isfinite(until_ns) ? (until_ns - evidence->start_ns) * 1e-9 : t_s;
    return json_object_set_new(sample, "t_s", json_real(t_s)) == 0 &&
           json_object_set_new(sample, "until_s", json_real(until_s)) == 0 &&
           json_object_set_new(sample, "unit", json_string(unit->key)) == 0 &&
           json_array_append(evidence->samples, sample) == 0;
}

/* ---- flows.csv ---- */

static bool take_flow(struct plab_evidence *evidence, size_t row) {
    const struct plab_table *flows = &evidence->flows;
    struct plab_unit *unit = add_unit(evidence, PLAB_UNIT_FLOW);
    if (unit == NULL) {
        return false;
    }
#define COLUMN(name) plab_table_column(flows, name)
    double from = plab_table_number(flows, row, COLUMN("src_port"));
    double to = plab_table_number(flows, row, COLUMN("dst_port"));
    const char *positive = plab_table_text(flows, row, COLUMN("positive"));
    plab_evidence_flow_key(unit->key, sizeof unit->key, (unsigned)from, (unsigned)to);
    snprintf(unit->name, sizeof unit->name, "%.60s:%u > %.60s:%u",
             plab_table_text(flows, row, COLUMN("src_ip")), (unsigned)from,
             plab_table_text(flows, row, COLUMN("dst_ip")), (unsigned)to);
    unit->from_s = plab_table_number(flows, row, COLUMN("start_t_s"));
    unit->to_s = plab_table_number(flows, row, COLUMN("end_t_s"));
#undef COLUMN
    unit->side = strcmp(positive, "1") == 0   ? PLAB_SIDE_MINING
                 : strcmp(positive, "0") == 0 ? PLAB_SIDE_BENIGN
                                              : PLAB_SIDE_NONE;
    return true;
}

/* One unit a conversation: a long one has several rows in flows.csv, by its time-outs. */
static bool take_flows(struct plab_evidence *evidence) {
    for (size_t row = 0; row < evidence->flows.row_count; row++) {
        if (!take_flow(evidence, row)) {
            return false;
        }
        struct plab_unit *unit = &evidence->units[evidence->unit_count - 1];
        struct plab_unit *known = find(evidence, PLAB_UNIT_FLOW, unit->key);
        if (known != unit) {
            known->to_s = fmax(known->to_s, unit->to_s);
            evidence->unit_count--;
        }
    }
    return true;
}

static bool take_host(struct plab_evidence *evidence) {
    struct plab_unit *unit = add_unit(evidence, PLAB_UNIT_HOST);
    if (unit == NULL) {
        return false;
    }
    snprintf(unit->key, sizeof unit->key, "host");
    snprintf(unit->name, sizeof unit->name, "the host");
    unit->from_s = 0;
    unit->side = isnan(evidence->mining_from_s) ? PLAB_SIDE_BENIGN : PLAB_SIDE_MINING;
    return true;
}

/* From the report of the run, which may have been made on another machine. */
static double read_cpus(const struct plab_evidence *evidence) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/report.json", evidence->folder);
    json_t *report = json_load_file(path, 0, NULL);
    double cpus = number_of(json_object_get(report, "environment"), "cpus");
    json_decref(report);
    return cpus >= 1 ? cpus : (double)sysconf(_SC_NPROCESSORS_ONLN);
}

/* ---- all of it ---- */

/* An absent table is an empty one; one that can't be read is an error. */
static enum plab_status read_table(const struct plab_evidence *evidence, const char *name,
                                   struct plab_table *out, struct plab_error *err) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", evidence->folder, name);
    return access(path, F_OK) == 0 ? plab_table_read(out, path, err) : PLAB_OK;
}

static enum plab_status read_tables(struct plab_evidence *evidence, struct plab_error *err) {
    enum plab_status status = read_table(evidence, "timeline.csv", &evidence->timeline, err);
    if (status == PLAB_OK) {
        status = read_table(evidence, "processes.csv", &evidence->processes, err);
    }
    if (status == PLAB_OK) {
        status = read_table(evidence, "flows.csv", &evidence->flows, err);
    }
    return status;
}

enum plab_status plab_evidence_load(struct plab_evidence *out, const char *folder,
                                    struct plab_error *err) {
    memset(out, 0, sizeof *out);
    out->start_ns = out->start_wall_s = out->mining_from_s = NAN;
    if (realpath(folder, out->folder) == NULL) {
        return plab_fail(err, PLAB_E_INPUT, "%s is no folder of a run: %m", folder);
    }
    out->cpus = read_cpus(out);
    out->samples = json_array();
    bool memory = out->samples != NULL && each_line(out, "truth.jsonl", take_truth);
    if (memory && isnan(out->start_ns)) {
        plab_evidence_free(out);
        return plab_fail(err, PLAB_E_INPUT,
                         "%s is no folder of a run: it has no truth.jsonl that begins a run",
                         folder);
    }
    enum plab_status status = memory ? read_tables(out, err) : PLAB_OK;
    if (status == PLAB_OK && memory) {
        memory =
            each_line(out, "raw/observed.jsonl", take_sample) && take_flows(out) && take_host(out);
    }
    if (status == PLAB_OK && !memory) {
        status = plab_fail(err, PLAB_E_NOMEM, "not enough memory for what %s holds", folder);
    }
    if (status != PLAB_OK) {
        plab_evidence_free(out);
    }
    return status;
}

void plab_evidence_free(struct plab_evidence *evidence) {
    free(evidence->units);
    json_decref(evidence->samples);
    plab_table_free(&evidence->timeline);
    plab_table_free(&evidence->processes);
    plab_table_free(&evidence->flows);
    memset(evidence, 0, sizeof *evidence);
}
