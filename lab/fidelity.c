/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/fidelity.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/evidence.h"
#include "lab/perfcount.h"
#include "lab/syscalls.h"

#define VALUES_MAX 65536
#define WARM_UP_S 10
#define ROW_S 1.1 /* a row of processes.csv tells of about a second, the one before its time */

/* Of hardware counters. */
static const struct {
    const char *name;
    enum plab_perf part, whole;
} ratios[] = {{"ipc", PLAB_PERF_INSTRUCTIONS, PLAB_PERF_CYCLES},
              {"cache", PLAB_PERF_CACHE_MISSES, PLAB_PERF_INSTRUCTIONS},
              {"branch", PLAB_PERF_BRANCH_MISSES, PLAB_PERF_BRANCHES}};
#define RATIOS PLAB_ARRAY_LEN(ratios)

struct values {
    size_t count;
    double *items; /* owned, VALUES_MAX places */
};

/* What is taken from one run. */
struct side {
    struct plab_evidence evidence;
    double parts[RATIOS], wholes[RATIOS]; /* of counters, sums */
    struct values up, down, gaps, cpu, switches, faults, rss, huge;
    double bytes_per_packet, packets_per_minute, watts;
    double modes[4]; /* shares of the looks at threads that hashed */
    struct plab_syscalls syscalls;
    char keys[256], ja3[64], no_syscalls[120]; /* the latter: why there are none */
};

static bool alloc_values(struct values *values) {
    values->count = 0;
    values->items = calloc(VALUES_MAX, sizeof *values->items);
    return values->items != NULL;
}

static void add(struct values *values, double value) {
    if (isfinite(value) && values->count < VALUES_MAX) {
        values->items[values->count++] = value;
    }
}

static struct values *const *all_values(struct side *side, struct values *list[8]) {
    struct values *const each[] = {&side->up,       &side->down,   &side->gaps, &side->cpu,
                                   &side->switches, &side->faults, &side->rss,  &side->huge};
    memcpy(list, each, sizeof each);
    return list;
}

static double mean_of(const struct values *values) {
    double sum = 0;
    for (size_t i = 0; i < values->count; i++) {
        sum += values->items[i];
    }
    return values->count > 0 ? sum / (double)values->count : NAN;
}

static double sd_of(const struct values *values) {
    double mean = mean_of(values), sum = 0;
    for (size_t i = 0; i < values->count; i++) {
        sum += (values->items[i] - mean) * (values->items[i] - mean);
    }
    return values->count > 1 ? sqrt(sum / (double)(values->count - 1)) : NAN;
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

static double counted(const struct side *side, size_t row, enum plab_perf which) {
    const struct plab_table *table = &side->evidence.processes;
    return plab_table_number(table, row, plab_table_column(table, plab_perfcount_column(which)));
}

/* Only seconds in which both were counted. */
static void take_counters(struct side *side, size_t row) {
    for (size_t i = 0; i < RATIOS; i++) {
        double part = counted(side, row, ratios[i].part);
        double whole = counted(side, row, ratios[i].whole);
        if (isfinite(part) && isfinite(whole)) {
            side->parts[i] += part;
            side->wholes[i] += whole;
        }
    }
}

static void take_processes(struct side *side) {
    const struct plab_table *table = &side->evidence.processes;
#define COLUMN(name) plab_table_column(table, name)
    size_t time = COLUMN("t_s"), pid = COLUMN("pid");
    for (size_t row = 0; row < table->row_count; row++) {
        int process = (int)plab_table_number(table, row, pid);
        double t_s = plab_table_number(table, row, time);
        if (is_mining_pid(&side->evidence, process, t_s) &&
            !is_disturbed(&side->evidence, process, t_s)) {
            add(&side->cpu, plab_table_number(table, row, COLUMN("cpu_percent_of_one")));
            add(&side->switches, plab_table_number(table, row, COLUMN("voluntary_switches_per_s")));
            add(&side->faults, plab_table_number(table, row, COLUMN("minor_faults_per_s")));
            add(&side->rss, plab_table_number(table, row, COLUMN("rss_bytes")));
            add(&side->huge, plab_table_number(table, row, COLUMN("hugetlb_bytes")));
            take_counters(side, row);
        }
    }
#undef COLUMN
}

/* All packages together, after the warm-up. */
static void take_power(struct side *side) {
    char path[PATH_MAX + 32];
    struct plab_table host;
    struct values watts;
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
    side->watts = mean_of(&watts);
    plab_table_free(&host);
    free(watts.items);
}

/* "273|0|448" and "1|-1|1": lengths and directions of the first packets. */
static void take_sizes(struct side *side, const char *lengths, const char *directions) {
    while (*lengths != '\0' && *directions != '\0') {
        char *end_of_length, *end_of_direction;
        double length = strtod(lengths, &end_of_length);
        long direction = strtol(directions, &end_of_direction, 10);
        if (length > 0) {
            add(direction > 0 ? &side->up : &side->down, length);
        }
        lengths = *end_of_length == '|' ? end_of_length + 1 : "";
        directions = *end_of_direction == '|' ? end_of_direction + 1 : "";
    }
}

static void take_flows(struct side *side) {
    const struct plab_table *table = &side->evidence.flows;
    double packets = 0, bytes = 0, seconds = 0;
#define COLUMN(name) plab_table_column(table, name)
    for (size_t row = 0; row < table->row_count; row++) {
        if (strcmp(plab_table_text(table, row, COLUMN("positive")), "1") != 0) {
            continue;
        }
        take_sizes(side, plab_table_text(table, row, COLUMN("first_lengths")),
                   plab_table_text(table, row, COLUMN("first_directions")));
        packets += plab_table_number(table, row, COLUMN("packets_fwd"));
        bytes += plab_table_number(table, row, COLUMN("bytes_fwd"));
        seconds += plab_table_number(table, row, COLUMN("duration_s"));
        snprintf(side->keys, sizeof side->keys, "%s",
                 plab_table_text(table, row, COLUMN("json_keys")));
        snprintf(side->ja3, sizeof side->ja3, "%s", plab_table_text(table, row, COLUMN("ja3")));
    }
#undef COLUMN
    side->bytes_per_packet = packets > 0 ? bytes / packets : NAN;
    side->packets_per_minute = seconds > 0 ? packets / seconds * 60 : NAN;
}

/* Only threads that were seen in an unusual mode count: others never hashed RandomX. */
static void take_rounding(struct side *side) {
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

static void take_syscalls(struct side *side) {
    size_t i;
    json_t *sample, *calls;
    const char *name;
    snprintf(side->no_syscalls, sizeof side->no_syscalls,
             "in one of the runs no miner's system calls were counted");
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
    }
}

/* Gaps between accepted shares, in units of their mean, so that difficulty and rate don't matter.
 */
static bool take_gaps(struct side *side) {
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
            add(&side->gaps, t_s - last);
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
    double mean = mean_of(&side->gaps);
    for (size_t i = 0; i < side->gaps.count; i++) {
        side->gaps.items[i] /= mean;
    }
    return lines != NULL;
}

static void free_side(struct side *side) {
    struct values *list[8];
    all_values(side, list);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(list); i++) {
        free(list[i]->items);
    }
    plab_evidence_free(&side->evidence);
}

static enum plab_status take(struct side *side, const char *folder, struct plab_error *err) {
    struct values *list[8];
    all_values(side, list);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(list); i++) {
        if (!alloc_values(list[i])) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory to compare runs");
        }
    }
    enum plab_status status = plab_evidence_load(&side->evidence, folder, err);
    if (status == PLAB_OK) {
        take_processes(side);
        take_power(side);
        take_flows(side);
        take_rounding(side);
        take_syscalls(side);
        take_gaps(side);
    }
    return status;
}

/* ---- the vector ---- */

static void put(struct plab_fidelity *out, const char *name, const char *statistic, double distance,
                double target, const char *why_absent) {
    struct plab_fidelity_channel *channel = &out->channels[out->count++];
    *channel = (struct plab_fidelity_channel){name, statistic, distance, target, ""};
    if (isnan(distance)) {
        snprintf(channel->reason, sizeof channel->reason, "%s", why_absent);
    }
}

static double same_text(const char *a, const char *b) {
    return a[0] == '\0' || b[0] == '\0' ? NAN : strcmp(a, b) == 0 ? 0 : 1;
}

static void compare_network(struct plab_fidelity *out, struct side *a, struct side *b) {
    static const char why[] = "one of the runs has no flow of a miner in clear sight";
    double up = (mean_of(&a->up) + mean_of(&b->up)) / 2;
    double down = (mean_of(&a->down) + mean_of(&b->down)) / 2;
    put(out, "sizes up", "1-Wasserstein / mean",
        plab_fidelity_wasserstein(a->up.items, a->up.count, b->up.items, b->up.count) / up, 0.05,
        why);
    put(out, "sizes down", "1-Wasserstein / mean",
        plab_fidelity_wasserstein(a->down.items, a->down.count, b->down.items, b->down.count) /
            down,
        0.05, why);
    put(out, "flow size", "relative difference",
        plab_fidelity_relative(a->bytes_per_packet, b->bytes_per_packet), 0.1, why);
    put(out, "flow rate", "relative difference",
        plab_fidelity_relative(a->packets_per_minute, b->packets_per_minute), NAN, why);
    put(out, "messages", "0 same, 1 not", same_text(a->keys, b->keys), 0,
        "one of the runs has no message in clear text");
    put(out, "tls", "0 same, 1 not", same_text(a->ja3, b->ja3), 0, "one of the runs has no TLS");
}

static void compare_shares(struct plab_fidelity *out, struct side *a, struct side *b) {
    static const char why[] = "one of the runs has no shares";
    put(out, "share gaps", "Kolmogorov-Smirnov",
        plab_fidelity_ks(a->gaps.items, a->gaps.count, b->gaps.items, b->gaps.count), NAN, why);
    put(out, "poisson A", "Kolmogorov-Smirnov",
        plab_fidelity_ks_exponential(a->gaps.items, a->gaps.count),
        1.094 / sqrt((double)a->gaps.count), why);
    put(out, "poisson B", "Kolmogorov-Smirnov",
        plab_fidelity_ks_exponential(b->gaps.items, b->gaps.count),
        1.094 / sqrt((double)b->gaps.count), why);
}

static double median_of(struct values *values) {
    double zero = 0;
    (void)plab_fidelity_ks(values->items, values->count, &zero, 1); /* sorts */
    return values->count > 0 ? values->items[values->count / 2] : NAN;
}

static void compare_host(struct plab_fidelity *out, struct side *a, struct side *b) {
    static const char why[] = "no miner of one of the runs was seen for more than ten seconds";
    double variation = 0;
    put(out, "cpu mean", "relative difference",
        plab_fidelity_relative(mean_of(&a->cpu), mean_of(&b->cpu)), 0.1, why);
    put(out, "cpu sd", "relative difference",
        plab_fidelity_relative(sd_of(&a->cpu), sd_of(&b->cpu)), NAN, why);
    put(out, "switches", "relative difference",
        plab_fidelity_relative(mean_of(&a->switches), mean_of(&b->switches)), 0.1, why);
    put(out, "faults", "relative difference",
        plab_fidelity_relative(mean_of(&a->faults), mean_of(&b->faults)), 0.1, why);
    put(out, "memory", "relative difference",
        plab_fidelity_relative(median_of(&a->rss), median_of(&b->rss)), 0.1, why);
    put(out, "huge pages", "relative difference",
        plab_fidelity_relative(median_of(&a->huge), median_of(&b->huge)), 0.1, why);
    put(out, "power", "relative difference", plab_fidelity_relative(a->watts, b->watts), 0.1,
        "one of the runs has no power of the processor's packages (most virtual machines)");
    for (size_t mode = 0; mode < 4; mode++) {
        variation += fabs(a->modes[mode] - b->modes[mode]) / 2;
    }
    put(out, "rounding", "total variation", variation, 0.1,
        "in one of the runs no thread was seen in an unusual mode");
}

static double ratio_of(const struct side *side, size_t which) {
    return side->wholes[which] > 0 ? side->parts[which] / side->wholes[which] : NAN;
}

static void compare_microarchitecture(struct plab_fidelity *out, const struct side *a,
                                      const struct side *b) {
    for (size_t i = 0; i < RATIOS; i++) {
        put(out, ratios[i].name, "relative difference",
            plab_fidelity_relative(ratio_of(a, i), ratio_of(b, i)), 0.15,
            "one of the runs has no such hardware counters (most virtual machines)");
    }
    put(out, "syscalls", "cosine", plab_syscalls_distance(&a->syscalls, &b->syscalls), 0.05,
        a->syscalls.calls > 0 ? b->no_syscalls : a->no_syscalls);
}

enum plab_status plab_fidelity_compare(struct plab_fidelity *out, const char *run_a,
                                       const char *run_b, struct plab_error *err) {
    struct side *sides = calloc(2, sizeof *sides);
    memset(out, 0, sizeof *out);
    if (sides == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to compare runs");
    }
    enum plab_status status = take(&sides[0], run_a, err);
    if (status == PLAB_OK) {
        status = take(&sides[1], run_b, err);
    }
    if (status == PLAB_OK) {
        compare_network(out, &sides[0], &sides[1]);
        compare_shares(out, &sides[0], &sides[1]);
        compare_host(out, &sides[0], &sides[1]);
        compare_microarchitecture(out, &sides[0], &sides[1]);
    }
    free_side(&sides[0]);
    free_side(&sides[1]);
    free(sides);
    return status;
}
