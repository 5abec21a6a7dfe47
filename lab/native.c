/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * powlab's own detection rules. Each looks at one kind of evidence, as somebody outside could have
 * it, and never at the truth.
 */
#include <dirent.h>
#include <fnmatch.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/detector.h"
#include "lab/flow_score.h"
#include "lab/sigma.h"

typedef enum plab_status native_fn(const struct plab_detector_file *file,
                                   const struct plab_evidence *evidence, struct plab_alerts *alerts,
                                   struct plab_error *err);

static const struct plab_detector_options no_options;

static const struct plab_detector_options *options_of(const struct plab_detector_file *file) {
    return file->detector->options != NULL ? file->detector->options : &no_options;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- rounding modes (lab/rounding.h) ---- */

static enum plab_status rounding(const struct plab_detector_file *file,
                                 const struct plab_evidence *evidence, struct plab_alerts *alerts,
                                 struct plab_error *err) {
    double modes = plab_detector_option(options_of(file)->modes, 2);
    size_t i, j;
    json_t *sample, *thread;
    (void)err;
    json_array_foreach(evidence->samples, i, sample) {
        json_t *threads = json_object_get(json_object_get(sample, "rounding"), "threads");
        json_array_foreach(threads, j, thread) {
            const json_t *seen = json_object_get(thread, "seen");
            long long count[4] = {0};
            int unusual = 0;
            for (size_t mode = 0; mode < 4; mode++) {
                count[mode] = json_integer_value(json_array_get(seen, mode));
                unusual += mode > 0 && count[mode] > 0;
            }
            if (unusual >= modes) {
                plab_alerts_add(alerts, text_of(sample, "unit"), number_of(sample, "t_s"),
                                "a thread in rounding modes nearest %lld, down %lld, up %lld, zero "
                                "%lld times",
                                count[0], count[1], count[2], count[3]);
            }
        }
    }
    return PLAB_OK;
}

/* ---- large mappings full of random bytes (lab/memmap.h) ---- */

static enum plab_status mappings(const struct plab_detector_file *file,
                                 const struct plab_evidence *evidence, struct plab_alerts *alerts,
                                 struct plab_error *err) {
    double bytes = plab_detector_option(options_of(file)->bytes, 256.0 * 1024 * 1024);
    double bits = plab_detector_option(options_of(file)->bits, 7.9);
    size_t i, j;
    json_t *sample, *map;
    (void)err;
    json_array_foreach(evidence->samples, i, sample) {
        json_array_foreach(json_object_get(sample, "maps"), j, map) {
            if (number_of(map, "resident_bytes") >= bytes &&
                number_of(map, "entropy_bits") >= bits) {
                plab_alerts_add(alerts, text_of(sample, "unit"), number_of(sample, "t_s"),
                                "%.0f MiB in one mapping, %.0f MiB of it on huge pages, %.2f bits "
                                "of entropy a byte",
                                number_of(map, "resident_bytes") / 1048576,
                                number_of(map, "huge_bytes") / 1048576,
                                number_of(map, "entropy_bits"));
            }
        }
    }
    return PLAB_OK;
}

/* ---- command lines, by Sigma rules ---- */

#define RULES_MAX 64

struct rules {
    struct plab_sigma *items[RULES_MAX];
    size_t count;
};

static int is_rule(const struct dirent *entry) {
    return fnmatch("*.yml", entry->d_name, FNM_PERIOD) == 0;
}

static enum plab_status load_rules(struct rules *rules, const char *folder,
                                   struct plab_error *err) {
    struct dirent **list;
    enum plab_status status = PLAB_OK;
    int files = scandir(folder, &list, is_rule, alphasort);
    if (files <= 0) {
        return plab_fail(err, PLAB_E_INPUT, "no Sigma rules (*.yml) in %s", folder);
    }
    for (int i = 0; i < files; i++) {
        char path[PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (status == PLAB_OK && rules->count < RULES_MAX) {
            status = plab_sigma_load(&rules->items[rules->count], path, err);
            rules->count += status == PLAB_OK;
        }
        free(list[i]);
    }
    free(list);
    return status;
}

/* Words with a blank behind each. */
static void join(const json_t *words, char *out, size_t cap) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(words) && used < cap; i++) {
        int n =
            snprintf(out + used, cap - used, "%s ", json_string_value(json_array_get(words, i)));
        used += n > 0 ? (size_t)n : 0;
    }
}

static void judge_words(const struct rules *rules, const json_t *sample,
                        struct plab_alerts *alerts) {
    char line[8192], names[8192];
    join(json_object_get(sample, "argv"), line, sizeof line);
    join(json_object_get(sample, "env"), names, sizeof names);
    const struct plab_sigma_field fields[] = {
        {"CommandLine", line}, {"Image", text_of(sample, "exe")}, {"EnvironmentNames", names}};
    for (size_t i = 0; i < rules->count; i++) {
        if (plab_sigma_matches(rules->items[i], fields, PLAB_ARRAY_LEN(fields))) {
            plab_alerts_add(alerts, text_of(sample, "unit"), number_of(sample, "t_s"),
                            "Sigma rule \"%s\": %.120s", plab_sigma_title(rules->items[i]), line);
        }
    }
}

static enum plab_status command_line(const struct plab_detector_file *file,
                                     const struct plab_evidence *evidence,
                                     struct plab_alerts *alerts, struct plab_error *err) {
    struct rules rules = {.count = 0};
    enum plab_status status = load_rules(&rules, file->rules, err);
    for (size_t i = 0; i < json_array_size(evidence->samples) && status == PLAB_OK; i++) {
        judge_words(&rules, json_array_get(evidence->samples, i), alerts);
    }
    for (size_t i = 0; i < rules.count; i++) {
        plab_sigma_free(&rules.items[i]);
    }
    return status;
}

/* ---- CPU over a threshold for a time ---- */

/* Follows one series; `above_since` is NAN while it is below. */
struct threshold {
    double percent, seconds, above_since;
};

/* True when it has been above long enough. A missing value breaks nothing. */
static bool step(struct threshold *threshold, double t_s, double percent) {
    if (isfinite(percent) && percent < threshold->percent) {
        threshold->above_since = NAN;
    } else if (isfinite(percent) && isnan(threshold->above_since)) {
        threshold->above_since = t_s;
    }
    return t_s - threshold->above_since >= threshold->seconds;
}

static struct threshold threshold_of(const struct plab_detector_file *file) {
    return (struct threshold){.percent = plab_detector_option(options_of(file)->percent, 90),
                              .seconds = plab_detector_option(options_of(file)->seconds, 60),
                              .above_since = NAN};
}

static enum plab_status host_cpu(const struct plab_detector_file *file,
                                 const struct plab_evidence *evidence, struct plab_alerts *alerts,
                                 struct plab_error *err) {
    const struct plab_table *table = &evidence->timeline;
    size_t time = plab_table_column(table, "t_s");
    size_t busy = plab_table_column(table, "host_busy_percent");
    struct threshold threshold = threshold_of(file);
    (void)err;
    for (size_t row = 0; row < table->row_count; row++) {
        double t_s = plab_table_number(table, row, time);
        if (step(&threshold, t_s, plab_table_number(table, row, busy))) {
            plab_alerts_add(alerts, "host", t_s, "host at %.0f %% or more for %.0f s",
                            threshold.percent, threshold.seconds);
        }
    }
    return PLAB_OK;
}

/* Percent of all CPUs, as agents tell it. */
static void one_process(const struct plab_evidence *evidence, const struct plab_unit *unit,
                        struct threshold threshold, struct plab_alerts *alerts) {
    const struct plab_table *table = &evidence->processes;
    size_t time = plab_table_column(table, "t_s"), pid = plab_table_column(table, "pid");
    size_t cpu = plab_table_column(table, "cpu_percent_of_one");
    for (size_t row = 0; row < table->row_count; row++) {
        double t_s = plab_table_number(table, row, time);
        if ((int)plab_table_number(table, row, pid) != unit->pid || t_s < unit->from_s ||
            t_s > unit->to_s) {
            continue;
        }
        double percent = plab_table_number(table, row, cpu) / evidence->cpus;
        if (step(&threshold, t_s, percent)) {
            plab_alerts_add(alerts, unit->key, t_s, "%.0f %% of all CPUs or more for %.0f s",
                            threshold.percent, threshold.seconds);
            return;
        }
    }
}

static enum plab_status process_cpu(const struct plab_detector_file *file,
                                    const struct plab_evidence *evidence,
                                    struct plab_alerts *alerts, struct plab_error *err) {
    (void)err;
    for (size_t i = 0; i < evidence->unit_count; i++) {
        if (evidence->units[i].kind == PLAB_UNIT_PROCESS) {
            one_process(evidence, &evidence->units[i], threshold_of(file), alerts);
        }
    }
    return PLAB_OK;
}

/* ---- flows, by numbers (lab/flow_score.h) ---- */

typedef int score_fn(const struct plab_flow_figures *flow);

static int conditions(const struct plab_flow_figures *flow) {
    return __builtin_popcount(plab_flow_conditions(flow));
}

static void score_flows(const struct plab_evidence *evidence, double enough, score_fn *score,
                        struct plab_alerts *alerts) {
    for (size_t row = 0; row < evidence->flows.row_count; row++) {
        struct plab_flow_figures flow;
        if (plab_flow_figures_read(&flow, &evidence->flows, row) && score(&flow) >= enough) {
            char key[120];
            plab_evidence_flow_key(key, sizeof key, flow.client_port, flow.server_port);
            plab_alerts_add(alerts, key, flow.end_s,
                            "%d points: %.0f packets of %.0f bytes, %.1f a minute, for %.0f s",
                            score(&flow), flow.packets, flow.bytes_per_packet,
                            flow.packets_per_minute, flow.duration_s);
        }
    }
}

static enum plab_status flow_conditions(const struct plab_detector_file *file,
                                        const struct plab_evidence *evidence,
                                        struct plab_alerts *alerts, struct plab_error *err) {
    (void)err;
    score_flows(evidence, plab_detector_option(options_of(file)->score, 8), conditions, alerts);
    return PLAB_OK;
}

static enum plab_status flow_points(const struct plab_detector_file *file,
                                    const struct plab_evidence *evidence,
                                    struct plab_alerts *alerts, struct plab_error *err) {
    (void)err;
    score_flows(evidence, plab_detector_option(options_of(file)->score, 9), plab_flow_points,
                alerts);
    return PLAB_OK;
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    native_fn *run;
} natives[] = {
    {"rounding", rounding},         {"mappings", mappings},
    {"command_line", command_line}, {"host_cpu", host_cpu},
    {"process_cpu", process_cpu},   {"flow_conditions", flow_conditions},
    {"flow_points", flow_points},
};

bool plab_native_exists(const char *name) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(natives); i++) {
        if (strcmp(natives[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

enum plab_status plab_native_run(const struct plab_detector_file *file,
                                 const struct plab_evidence *evidence, struct plab_alerts *alerts,
                                 struct plab_error *err) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(natives); i++) {
        if (strcmp(natives[i].name, file->detector->native) == 0) {
            return natives[i].run(file, evidence, alerts, err);
        }
    }
    return plab_fail(err, PLAB_E_INPUT, "powlab has no rule \"%s\"", file->detector->native);
}
