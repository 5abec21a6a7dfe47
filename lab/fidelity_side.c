/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/fidelity_priv.h"
#include "lab/flow_score.h"
#include "lab/memmap.h"
#include "lab/perfcount.h"

#define VALUES_MAX 65536
#define WARM_UP_S 10
#define ROW_S 1.1 /* a row of processes.csv tells of about a second, the one before its time */

/* Of hardware counters, in the order of enum plab_fidelity_ratio. */
static const struct {
    enum plab_perf part, whole;
} ratios[PLAB_FIDELITY_RATIOS] = {{PLAB_PERF_INSTRUCTIONS, PLAB_PERF_CYCLES},
                                  {PLAB_PERF_CACHE_MISSES, PLAB_PERF_INSTRUCTIONS},
                                  {PLAB_PERF_BRANCH_MISSES, PLAB_PERF_BRANCHES}};

static enum plab_status no_memory(struct plab_error *err) {
    return plab_fail(err, PLAB_E_NOMEM, "not enough memory to compare runs");
}

static bool alloc_values(struct plab_fidelity_values *values) {
    values->count = 0;
    values->items = calloc(VALUES_MAX, sizeof *values->items);
    return values->items != NULL;
}

static void add(struct plab_fidelity_values *values, double value) {
    if (isfinite(value) && values->count < VALUES_MAX) {
        values->items[values->count++] = value;
    }
}

double plab_fidelity_mean(const struct plab_fidelity_values *values) {
    double sum = 0;
    for (size_t i = 0; i < values->count; i++) {
        sum += values->items[i];
    }
    return values->count > 0 ? sum / (double)values->count : NAN;
}

/* ---- what is taken ---- */

static bool is_mining_pid(const struct plab_evidence *evidence, int pid, double t_s) {
    for (size_t i = 0; i < evidence->unit_count; i++) {
        const struct plab_unit *unit = &evidence->units[i];
        if (unit->kind == PLAB_UNIT_PROCESS && unit->side == PLAB_SIDE_MINING && unit->pid == pid &&
            unit->from_s <= t_s && !(unit->to_s < t_s)) {
            return t_s - unit->from_s >= WARM_UP_S;
        }
    }
    return false;
}

/* Whether the process was being looked at in the time that a row tells of. */
static bool is_disturbed(const struct plab_evidence *evidence, int pid, double t_s) {
    size_t i;
    json_t *sample;
    json_array_foreach(evidence->samples, i, sample) {
        double from_s = json_number_value(json_object_get(sample, "t_s"));
        double until_s = json_number_value(json_object_get(sample, "until_s"));
        if (json_integer_value(json_object_get(sample, "pid")) == pid && from_s < t_s &&
            until_s > t_s - ROW_S) {
            return true;
        }
    }
    return false;
}

static double counted(const struct plab_fidelity_side *side, size_t row, enum plab_perf which) {
    const struct plab_table *table = &side->evidence.processes;
    return plab_table_number(table, row, plab_table_column(table, plab_perfcount_column(which)));
}

/* Only seconds in which both were counted. */
static void take_ratios(struct plab_fidelity_side *side, const size_t *rows, size_t count) {
    for (size_t i = 0; i < PLAB_FIDELITY_RATIOS; i++) {
        double parts = 0, wholes = 0;
        for (size_t j = 0; j < count; j++) {
            double part = counted(side, rows[j], ratios[i].part);
            double whole = counted(side, rows[j], ratios[i].whole);
            if (isfinite(part) && isfinite(whole)) {
                parts += part;
                wholes += whole;
            }
        }
        side->ratios[i] = wholes > 0 ? parts / wholes : NAN;
    }
}

static void take_row(struct plab_fidelity_side *side, size_t row) {
    static const struct {
        enum plab_fidelity_list list;
        const char *column;
    } columns[] = {{PLAB_FIDELITY_CPU, "cpu_percent_of_one"},
                   {PLAB_FIDELITY_SWITCHES, "voluntary_switches_per_s"},
                   {PLAB_FIDELITY_FAULTS, "minor_faults_per_s"},
                   {PLAB_FIDELITY_RSS, "rss_bytes"},
                   {PLAB_FIDELITY_HUGE, "hugetlb_bytes"}};
    const struct plab_table *table = &side->evidence.processes;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(columns); i++) {
        size_t column = plab_table_column(table, columns[i].column);
        add(&side->lists[columns[i].list], plab_table_number(table, row, column));
    }
}

static enum plab_status take_processes(struct plab_fidelity_side *side, struct plab_error *err) {
    const struct plab_table *table = &side->evidence.processes;
    size_t time = plab_table_column(table, "t_s"), pid = plab_table_column(table, "pid"), count = 0;
    size_t *rows = calloc(table->row_count + 1, sizeof *rows);
    if (rows == NULL) {
        return no_memory(err);
    }
    for (size_t row = 0; row < table->row_count; row++) {
        int process = (int)plab_table_number(table, row, pid);
        double t_s = plab_table_number(table, row, time);
        if (is_mining_pid(&side->evidence, process, t_s) &&
            !is_disturbed(&side->evidence, process, t_s)) {
            rows[count++] = row;
            take_row(side, row);
        }
    }
    take_ratios(side, rows, count);
    free(rows);
    return PLAB_OK;
}

/* All packages together, after the warm-up. */
static void take_power(struct plab_fidelity_side *side) {
    char path[PATH_MAX + 32];
    struct plab_table host;
    struct plab_fidelity_values watts;
    side->watts = NAN;
    snprintf(path, sizeof path, "%s/host.csv", side->evidence.folder);
    if (!alloc_values(&watts) || plab_table_read(&host, path, NULL) != PLAB_OK) {
        free(watts.items);
        return; /* an older run's folder, or a damaged file: as without a sensor */
    }
    const size_t time = plab_table_column(&host, "t_s");
    for (size_t row = 0; row < host.row_count; row++) {
        double sum = 0, packages = 0;
        for (size_t i = 0; i < host.column_count; i++) {
            const char *name = host.fields[i];
            if (strstr(name, "package") != NULL && strstr(name, "_watts") != NULL) {
                sum += plab_table_number(&host, row, i);
                packages++;
            }
        }
        if (packages > 0 && plab_table_number(&host, row, time) >= WARM_UP_S) {
            add(&watts, sum);
        }
    }
    side->watts = plab_fidelity_mean(&watts);
    plab_table_free(&host);
    free(watts.items);
}

static bool is_mining_flow(const struct plab_table *flows, size_t row) {
    size_t positive = plab_table_column(flows, "positive");
    return strcmp(plab_table_text(flows, row, positive), "1") == 0;
}

/* "273|0|448" and "1|-1|1": lengths and directions of the first packets. */
static void take_sizes(struct plab_fidelity_side *side, const char *lengths,
                       const char *directions) {
    while (*lengths != '\0' && *directions != '\0') {
        char *end_of_length, *end_of_direction;
        double length = strtod(lengths, &end_of_length);
        long direction = strtol(directions, &end_of_direction, 10);
        if (length > 0) {
            add(direction > 0 ? &side->lists[PLAB_FIDELITY_UP] : &side->lists[PLAB_FIDELITY_DOWN],
                length);
        }
        lengths = *end_of_length == '|' ? end_of_length + 1 : "";
        directions = *end_of_direction == '|' ? end_of_direction + 1 : "";
    }
}

static void take_flows(struct plab_fidelity_side *side) {
    const struct plab_table *table = &side->evidence.flows;
    double packets = 0, bytes = 0, seconds = 0, longest = 0;
#define COLUMN(name) plab_table_column(table, name)
    side->conditions = -1;
    for (size_t row = 0; row < table->row_count; row++) {
        struct plab_flow_figures figures;
        if (!is_mining_flow(table, row)) {
            continue;
        }
        take_sizes(side, plab_table_text(table, row, COLUMN("first_lengths")),
                   plab_table_text(table, row, COLUMN("first_directions")));
        packets += plab_table_number(table, row, COLUMN("packets_fwd"));
        bytes += plab_table_number(table, row, COLUMN("bytes_fwd"));
        seconds += plab_table_number(table, row, COLUMN("duration_s"));
        snprintf(side->ja3, sizeof side->ja3, "%s", plab_table_text(table, row, COLUMN("ja3")));
        if (plab_flow_figures_read(&figures, table, row) && figures.duration_s > longest) {
            longest = figures.duration_s;
            side->conditions = (int)plab_flow_conditions(&figures);
        }
    }
#undef COLUMN
    side->bytes_per_packet = packets > 0 ? bytes / packets : NAN;
    side->packets_per_minute = seconds > 0 ? packets / seconds * 60 : NAN;
}

/* Nothing where there is no capture, or none that can be read. */
static enum plab_status take_speech(struct plab_fidelity_side *side, struct plab_error *err) {
    const struct plab_table *table = &side->evidence.flows;
    size_t client = plab_table_column(table, "src_port"), count = 0;
    size_t server = plab_table_column(table, "dst_port");
    struct plab_speech_flow *flows = calloc(table->row_count + 1, sizeof *flows);
    char path[PATH_MAX + 32];
    if (flows == NULL) {
        return no_memory(err);
    }
    for (size_t row = 0; row < table->row_count; row++) {
        double from = plab_table_number(table, row, client);
        double to = plab_table_number(table, row, server);
        if (is_mining_flow(table, row) && from > 0 && from < 65536 && to > 0 && to < 65536) {
            flows[count++] = (struct plab_speech_flow){(uint16_t)from, (uint16_t)to};
        }
    }
    snprintf(path, sizeof path, "%s/run.pcapng", side->evidence.folder);
    enum plab_status status = plab_speech_read(&side->speech, path, flows, count, err);
    free(flows);
    return status == PLAB_E_NOMEM ? status : PLAB_OK;
}

/* Only threads that were seen in an unusual mode count: others never hashed RandomX. */
static void take_rounding(struct plab_fidelity_side *side) {
    double seen[4] = {0}, total = 0;
    size_t i, j;
    json_t *sample, *thread;
    json_array_foreach(side->evidence.samples, i, sample) {
        const struct plab_unit *unit = plab_evidence_unit(
            &side->evidence, PLAB_UNIT_PROCESS, json_string_value(json_object_get(sample, "unit")));
        json_t *threads = json_object_get(json_object_get(sample, "rounding"), "threads");
        json_array_foreach(threads, j, thread) {
            double counts[4];
            for (size_t mode = 0; mode < 4; mode++) {
                counts[mode] = (double)json_integer_value(
                    json_array_get(json_object_get(thread, "seen"), mode));
            }
            if (unit == NULL || unit->side != PLAB_SIDE_MINING ||
                counts[1] + counts[2] + counts[3] <= 0) {
                continue;
            }
            for (size_t mode = 0; mode < 4; mode++) {
                seen[mode] += counts[mode];
                total += counts[mode];
            }
        }
    }
    for (size_t mode = 0; mode < 4; mode++) {
        side->modes[mode] = total > 0 ? seen[mode] / total : NAN;
    }
}

static void take_syscalls(struct plab_fidelity_side *side) {
    size_t i;
    json_t *sample, *calls, *times;
    const char *name, *gram;
    snprintf(side->no_syscalls, sizeof side->no_syscalls,
             "no system calls of a miner in one of the runs");
    json_array_foreach(side->evidence.samples, i, sample) {
        json_t *syscalls = json_object_get(sample, "syscalls");
        const char *why = json_string_value(json_object_get(syscalls, "absent"));
        if (!is_mining_pid(&side->evidence, (int)json_integer_value(json_object_get(sample, "pid")),
                           json_number_value(json_object_get(sample, "t_s")))) {
            continue;
        }
        if (why != NULL) {
            snprintf(side->no_syscalls, sizeof side->no_syscalls, "%s", why);
        }
        json_object_foreach(json_object_get(syscalls, "counts"), name, calls) {
            plab_syscalls_add(&side->syscalls, name, json_number_value(calls));
        }
        json_object_foreach(json_object_get(syscalls, "grams"), gram, times) {
            plab_syscalls_add_gram(&side->syscalls, gram, json_number_value(times));
        }
    }
}

/* Each miner's mappings by its last sample. Of stacks and the like next to nothing is resident. */
static void take_maps(struct plab_fidelity_side *side) {
    const struct plab_evidence *evidence = &side->evidence;
    for (size_t unit = 0; unit < evidence->unit_count; unit++) {
        size_t i;
        json_t *sample, *map, *maps = NULL;
        json_array_foreach(evidence->samples, i, sample) {
            int pid = (int)json_integer_value(json_object_get(sample, "pid"));
            double t_s = json_number_value(json_object_get(sample, "t_s"));
            if (pid == evidence->units[unit].pid && is_mining_pid(evidence, pid, t_s)) {
                maps = json_object_get(sample, "maps");
            }
        }
        json_array_foreach(maps, i, map) {
            double bytes = json_number_value(json_object_get(map, "resident_bytes"));
            if (bytes >= PLAB_MEMMAP_MIN) {
                add(&side->lists[PLAB_FIDELITY_MAPS], bytes);
            }
        }
    }
}

/* Gaps between accepted shares, in units of their mean, so that difficulty and rate don't matter.
 */
static void take_gaps(struct plab_fidelity_side *side) {
    char path[PATH_MAX + 32], *text = NULL;
    size_t cap = 0;
    double last = NAN;
    snprintf(path, sizeof path, "%s/truth.jsonl", side->evidence.folder);
    FILE *lines = fopen(path, "re");
    while (lines != NULL && getline(&text, &cap, lines) > 0) {
        json_t *event = json_loads(text, 0, NULL);
        const char *kind = json_string_value(json_object_get(event, "event"));
        double t_s = json_number_value(json_object_get(event, "t_s"));
        if (kind != NULL && strcmp(kind, "share") == 0) {
            add(&side->lists[PLAB_FIDELITY_GAPS], t_s - last);
            last = t_s;
        } else if (kind != NULL && strncmp(kind, "phase_", 6) == 0) {
            last = NAN;
        }
        json_decref(event);
    }
    free(text);
    if (lines != NULL) {
        fclose(lines);
    }
    struct plab_fidelity_values *gaps = &side->lists[PLAB_FIDELITY_GAPS];
    double mean = plab_fidelity_mean(gaps);
    for (size_t i = 0; i < gaps->count; i++) {
        gaps->items[i] /= mean;
    }
}

void plab_fidelity_side_free(struct plab_fidelity_side *side) {
    for (size_t i = 0; i < PLAB_FIDELITY_LISTS; i++) {
        free(side->lists[i].items);
    }
    plab_speech_free(&side->speech);
    plab_evidence_free(&side->evidence);
}

enum plab_status plab_fidelity_side_take(struct plab_fidelity_side *side, const char *folder,
                                         struct plab_error *err) {
    for (size_t i = 0; i < PLAB_FIDELITY_LISTS; i++) {
        if (!alloc_values(&side->lists[i])) {
            return no_memory(err);
        }
    }
    enum plab_status status = plab_evidence_load(&side->evidence, folder, err);
    if (status == PLAB_OK) {
        status = take_processes(side, err);
    }
    if (status == PLAB_OK) {
        status = take_speech(side, err);
    }
    if (status == PLAB_OK) {
        take_power(side);
        take_flows(side);
        take_rounding(side);
        take_syscalls(side);
        take_maps(side);
        take_gaps(side);
    }
    return status;
}
