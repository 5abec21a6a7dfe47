/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/summary.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "host/ident.h"

/* ---- expectations ---- */

struct expectation {
    const char *key;
    uint64_t limit, got;
    bool at_most, asked, met;
};

#define EXPECTATIONS 4

static void judge(const struct plab_scenario *scenario, const struct plab_run_record *record,
                  struct expectation out[EXPECTATIONS]) {
    const struct plab_scenario_expect *expect = &scenario->expect;
    const struct plab_run_counts *counts = &record->counts;
    out[0] = (struct expectation){
        .key = "accepted", .limit = expect->min_accepted, .got = counts->accepted};
    out[1] = (struct expectation){
        .key = "rejected", .limit = expect->max_rejected, .got = counts->rejected, .at_most = true};
    out[2] =
        (struct expectation){.key = "blocks", .limit = expect->min_blocks, .got = counts->blocks};
    out[3] = (struct expectation){
        .key = "seed changes", .limit = expect->min_seed_changes, .got = counts->seed_changes};
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        struct expectation *one = &out[i];
        one->asked = one->limit != (one->at_most ? UINT64_MAX : 0);
        one->met = !one->asked || (record->has_counts && (one->at_most ? one->got <= one->limit
                                                                       : one->got >= one->limit));
    }
}

enum plab_status plab_summary_check(const struct plab_scenario *scenario,
                                    const struct plab_run_record *record, struct plab_error *err) {
    struct expectation list[EXPECTATIONS];
    judge(scenario, record, list);
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        if (list[i].met) {
            continue;
        }
        if (!record->has_counts) {
            return plab_fail(err, PLAB_E_FAILED, "the pool left no record to check %s by",
                             list[i].key);
        }
        return plab_fail(err, PLAB_E_FAILED, "%s: %" PRIu64 ", expected at %s %" PRIu64,
                         list[i].key, list[i].got, list[i].at_most ? "most" : "least",
                         list[i].limit);
    }
    return PLAB_OK;
}

/* ---- JSON ---- */

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(uint64_t value) {
    return json_integer((json_int_t)value);
}

static double seconds_between(uint64_t from_ns, uint64_t to_ns) {
    return from_ns != 0 && to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-9 : NAN;
}

/* The run's numbers for seconds, rounded to what is meant. */
static json_t *seconds_or_null(double seconds) {
    return number_or_null(round(seconds * 1e6) / 1e6);
}

static json_t *expect_json(const struct plab_scenario *scenario,
                           const struct plab_run_record *record) {
    struct expectation list[EXPECTATIONS];
    json_t *array = json_array();
    judge(scenario, record, list);
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        if (list[i].asked) {
            json_array_append_new(
                array, json_pack("{s:s, s:o, s:o, s:b}", "what", list[i].key,
                                 list[i].at_most ? "at_most" : "at_least", count(list[i].limit),
                                 "got", record->has_counts ? count(list[i].got) : json_null(),
                                 "met", (int)list[i].met));
        }
    }
    return array;
}

static json_t *scenario_json(const struct plab_run_config *config) {
    const struct plab_scenario *scenario = config->scenario;
    const struct plab_scenario_pool *pool = &scenario->pool;
    return json_pack("{s:s, s:s, s:o, s:f, s:s, s:o, s:o, s:o, s:o, s:o, s:f}", "name",
                     scenario->name, "label", scenario->label, "seed", count(scenario->seed),
                     "scale", config->scale, "algo", pool->algo, "difficulty",
                     count(pool->difficulty), "vardiff_target_ms",
                     pool->vardiff_target_ms != 0 ? count(pool->vardiff_target_ms) : json_null(),
                     "network_difficulty", count(pool->network_difficulty), "epoch_blocks",
                     count(pool->epoch_blocks), "job_interval_ms", count(pool->job_interval_ms),
                     "max_s", (double)scenario->max_ms / 1000);
}

static json_t *environment_json(const struct plab_run_config *config) {
    struct utsname system;
    struct plab_ident ident;
    plab_ident_read(&ident);
    if (uname(&system) != 0) {
        memset(&system, 0, sizeof system);
    }
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:f}", "powlab", config->version,
                     "commit", config->commit, "kernel", system.release, "machine", system.machine,
                     "cpu", ident.brand, "cpu_codename", ident.codename, "hypervisor",
                     ident.hypervisor, "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes",
                     memory);
}

/* All null when the pool left no record. */
static json_t *counts_json(const struct plab_run_counts *counts, bool known, double seconds) {
    if (!known) {
        return json_pack("{s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "accepted", "stale", "rejected",
                         "blocks", "seed_changes", "logins", "rate_by_shares_hps");
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "accepted", count(counts->accepted),
                     "stale", count(counts->stale), "rejected", count(counts->rejected), "blocks",
                     count(counts->blocks), "seed_changes", count(counts->seed_changes), "logins",
                     count(counts->logins), "rate_by_shares_hps",
                     number_or_null(counts->work / seconds));
}

static json_t *phase_json(const struct plab_scenario_phase *plan,
                          const struct plab_run_phase *phase,
                          const struct plab_run_record *record) {
    double seconds = seconds_between(phase->start_ns, phase->end_ns);
    json_t *object = json_pack(
        "{s:s, s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "name", plan->name, "load_percent",
        (int)plan->load_percent, "planned_s", (double)plan->duration_ms / 1000, "start_s",
        seconds_or_null(seconds_between(record->start_ns, phase->start_ns)), "duration_s",
        seconds_or_null(seconds), "hashes", number_or_null(round(phase->hashes)), "rate_hps",
        number_or_null(phase->hashes / seconds), "host_busy_percent",
        number_or_null(phase->host_busy_percent), "workers_cpu_percent_of_one",
        number_or_null(phase->workers_cpu_percent_of_one));
    json_t *counts =
        counts_json(&phase->counts, record->has_counts && phase->start_ns != 0, seconds);
    if (object != NULL && counts != NULL) {
        json_object_update(object, counts);
    }
    json_decref(counts);
    return object;
}

static double dataset_percent(const struct plab_run_process *process) {
    return (double)process->dataset_bytes * 100 / (double)process->dataset_full_bytes;
}

static json_t *dataset_json(const struct plab_run_process *process) {
    if (!process->has_dataset) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:f}", "precomputed_bytes", count(process->dataset_bytes),
                     "full_bytes", count(process->dataset_full_bytes), "percent",
                     dataset_percent(process));
}

static json_t *process_json(const struct plab_run_process *process,
                            const struct plab_run_record *record) {
    json_t *object = json_pack(
        "{s:s, s:s, s:i, s:i, s:o, s:o, s:b, s:b}", "name", process->name, "role",
        plab_run_role_name(process->role), "instance", (int)process->instance, "pid", process->pid,
        "start_s", seconds_or_null(seconds_between(record->start_ns, process->start_ns)),
        "duration_s", seconds_or_null(seconds_between(process->start_ns, process->end_ns)),
        "asked_to_end", (int)process->asked, "killed", (int)process->killed);
    json_object_set_new(object, "exit_code",
                        process->signal == 0 ? json_integer(process->exit_code) : json_null());
    json_object_set_new(object, "signal",
                        process->signal != 0 ? json_integer(process->signal) : json_null());
    if (process->role == PLAB_RUN_WORKER) {
        json_object_set_new(object, "result",
                            process->has_result
                                ? json_pack("{s:o, s:o, s:o, s:o, s:o}", "hashes",
                                            count(process->hashes), "accepted",
                                            count(process->accepted), "rejected",
                                            count(process->rejected), "stale",
                                            count(process->stale), "dataset", dataset_json(process))
                                : json_null());
    }
    return object;
}

static json_t *recorders_json(const struct plab_run_record *record) {
    json_t *absent = json_array();
    for (size_t i = 0; i < record->absent_count; i++) {
        json_array_append_new(absent, json_pack("{s:s, s:s}", "recorder", record->absent[i].family,
                                                "reason", record->absent[i].reason));
    }
    return json_pack("{s:o, s:o}", "sensors", count(record->sensor_count), "absent", absent);
}

static json_t *flows_json(const struct plab_capture_files *files) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "connections",
                     count(files->connections), "records", count(files->records), "positive",
                     count(files->positive), "benign", count(files->benign), "relabelled_packets",
                     count(files->relabelled), "left_out_packets", count(files->left_out), "cut",
                     (int)files->cut);
}

/* Null where packets weren't captured; `recorders` says why. */
static json_t *packets_json(const struct plab_run_record *record) {
    const struct plab_run_packets *packets = &record->packets;
    const struct plab_capture_result *capture = &packets->capture;
    if (!packets->captured) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "packets",
                     count(capture->packets), "bytes", count(capture->bytes), "received",
                     count(capture->received), "dropped", count(capture->dropped), "start_s",
                     seconds_or_null(seconds_between(record->start_ns, capture->start_ns)), "end_s",
                     seconds_or_null(seconds_between(record->start_ns, capture->end_ns)),
                     "tls_key_bytes", count(packets->key_bytes), "failure",
                     capture->failure[0] != '\0' ? json_string(capture->failure) : json_null(),
                     "flows", packets->has_files ? flows_json(&packets->files) : json_null());
}

static json_t *way_json(const struct plab_cable_totals *way) {
    double mean_ns = way->forwarded > 0 ? (double)way->late_sum_ns / (double)way->forwarded : NAN;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "packets", count(way->packets),
                     "forwarded", count(way->forwarded), "lost", count(way->lost), "queue_drops",
                     count(way->queue_drops), "port_drops", count(way->port_drops), "missed",
                     count(way->missed), "late_mean_ms", number_or_null(mean_ns * 1e-6),
                     "late_max_ms",
                     way->forwarded > 0 ? json_real((double)way->late_max_ns * 1e-6) : json_null());
}

static json_t *cable_json(const struct plab_run_cable *cable) {
    if (!cable->present) {
        return json_null();
    }
    json_t *object = json_pack("{s:o}", "failure",
                               cable->result.failure[0] != '\0' ? json_string(cable->result.failure)
                                                                : json_null());
    for (unsigned way = 0; way < PLAB_CABLE_WAYS; way++) {
        json_object_set_new(object, plab_cable_way_name(way), way_json(&cable->result.ways[way]));
    }
    return object;
}

/* Null on the loopback. */
static json_t *network_json(const struct plab_scenario_network *network,
                            const struct plab_run_record *record) {
    if (!network->namespaces) {
        return json_null();
    }
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:o}", "mode", "namespaces", "client",
                     network->client, "pool", network->pool, "mtu", (int)network->mtu, "delay_ms",
                     (int)network->delay_ms, "jitter_ms", (int)network->jitter_ms, "loss_percent",
                     network->loss_percent, "cable", cable_json(&record->cable));
}

/* Null when none was reached. */
static json_t *cut_out_json(const struct plab_run_config *config,
                            const struct plab_run_record *record) {
    const struct plab_run_cut_out *cut = &record->cut_out;
    if (cut->t_ns == 0) {
        return json_null();
    }
    return json_pack("{s:o, s:s, s:f, s:f, s:s, s:o}", "t_s",
                     seconds_or_null(seconds_between(record->start_ns, cut->t_ns)), "phase",
                     config->scenario->phases[cut->phase].name, "target", cut->hold.target, "limit",
                     cut->hold.cutout, "unit", plab_hold_unit(cut->hold.kind), "reading",
                     number_or_null(cut->reading));
}

/* Only files that are there. */
static json_t *artefacts_json(const struct plab_run_record *record) {
    static const char *const names[] = {"scenario.yaml", "truth.jsonl",
                                        "timeline.csv",  "host.csv",
                                        "processes.csv", "threads.csv",
                                        "run.pcapng",    "run-relabelled.pcapng",
                                        "flows.csv",     "flows-cesnet.csv",
                                        "flows-cic.csv", "labels.csv",
                                        "logs",          "raw"};
    json_t *array = json_array();
    for (size_t i = 0; i < PLAB_ARRAY_LEN(names); i++) {
        char path[PATH_MAX + 32];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", record->folder, names[i]);
        if (stat(path, &info) == 0) {
            json_array_append_new(array, json_string(names[i]));
        }
    }
    return array;
}

/* Sums over the run: what the pool recorded, what the workers counted. */
static json_t *totals_json(const struct plab_run_record *record, size_t phase_count) {
    double hashes = NAN, mining_s = 0;
    for (size_t i = 0; i < phase_count; i++) {
        const struct plab_run_phase *phase = &record->phases[i];
        if (isfinite(phase->hashes)) {
            hashes = (isfinite(hashes) ? hashes : 0) + phase->hashes;
            mining_s += seconds_between(phase->start_ns, phase->end_ns);
        }
    }
    json_t *object = counts_json(&record->counts, record->has_counts, mining_s);
    json_object_set_new(object, "hashes", number_or_null(round(hashes)));
    json_object_set_new(object, "duration_s",
                        seconds_or_null(seconds_between(record->start_ns, record->end_ns)));
    json_object_set_new(object, "lab_cpu_percent_of_one",
                        number_or_null(record->lab_cpu_percent_of_one));
    json_object_set_new(object, "truth_events", count(record->truth_events));
    json_object_set_new(object, "damaged_lines", count(record->damaged_lines));
    return object;
}

json_t *plab_summary_json(const struct plab_run_config *config,
                          const struct plab_run_record *record, enum plab_status result) {
    char wall[PLAB_CLOCK_ISO_LEN];
    plab_clock_iso(record->start_wall_ns, wall);
    json_t *phases = json_array(), *processes = json_array();
    for (size_t i = 0; i < config->scenario->phase_count; i++) {
        json_array_append_new(phases,
                              phase_json(&config->scenario->phases[i], &record->phases[i], record));
    }
    for (size_t i = 0; i < record->process_count; i++) {
        json_array_append_new(processes, process_json(&record->processes[i], record));
    }
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:s, s:b, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:o}",
        "schema", "powlab-run/1", "run", record->id, "folder", record->folder, "start_wall", wall,
        "start_t_ns", count(record->start_ns), "end", plab_run_end_name(record->end), "complete",
        (int)(record->end == PLAB_RUN_COMPLETED), "cut_out", cut_out_json(config, record),
        "exit_code", plab_status_exit_code(result), "scenario", scenario_json(config),
        "environment", environment_json(config), "totals",
        totals_json(record, config->scenario->phase_count), "expect",
        expect_json(config->scenario, record), "phases", phases, "processes", processes,
        "recorders", recorders_json(record), "packets", packets_json(record), "network",
        network_json(&config->scenario->network, record), "artefacts", artefacts_json(record));
}

enum plab_status plab_summary_write(const struct plab_run_config *config,
                                    const struct plab_run_record *record, enum plab_status result,
                                    const char *path, struct plab_error *err) {
    json_t *root = plab_summary_json(config, record, result);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(root);
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the report");
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* the terminator's place; the length is passed along */
    enum plab_status status = plab_file_write(path, text, len + 1, err);
    free(text);
    return status;
}

/* ---- for people ---- */

static void print_cell(double value, int width, int decimals) {
    if (isfinite(value)) {
        printf(" %*.*f", width, decimals, value);
    } else {
        printf(" %*s", width, "-");
    }
}

static void print_counts(const struct plab_run_counts *counts, bool known) {
    print_cell(known ? (double)counts->accepted : NAN, 8, 0);
    print_cell(known ? (double)counts->rejected : NAN, 8, 0);
    print_cell(known ? (double)counts->stale : NAN, 5, 0);
    print_cell(known ? (double)counts->blocks : NAN, 6, 0);
    print_cell(known ? (double)counts->seed_changes : NAN, 5, 0);
    printf("\n");
}

static void print_phases(const struct plab_run_config *config,
                         const struct plab_run_record *record) {
    printf("%-16s %5s %5s %8s %5s %8s %8s %5s %6s %5s\n", "phase", "s", "load%", "H/s", "cpu%",
           "accepted", "rejected", "stale", "blocks", "seeds");
    for (size_t i = 0; i < config->scenario->phase_count; i++) {
        const struct plab_run_phase *phase = &record->phases[i];
        double seconds = seconds_between(phase->start_ns, phase->end_ns);
        printf("%-16.16s", config->scenario->phases[i].name);
        print_cell(seconds, 5, 0);
        print_cell(config->scenario->phases[i].load_percent, 5, 0);
        print_cell(phase->hashes / seconds, 8, 2);
        print_cell(phase->host_busy_percent, 5, 0);
        print_counts(&phase->counts, record->has_counts && phase->start_ns != 0);
    }
    printf("%-16s", "whole run");
    print_cell(seconds_between(record->start_ns, record->end_ns), 5, 0);
    printf(" %5s %8s %5s", "", "", "");
    print_counts(&record->counts, record->has_counts);
}

/* How much of the dataset the workers had, from the least to the most. */
static void print_datasets(const struct plab_run_record *record) {
    double least = 101, most = -1;
    for (size_t i = 0; i < record->process_count; i++) {
        if (record->processes[i].has_dataset) {
            double percent = dataset_percent(&record->processes[i]);
            least = percent < least ? percent : least;
            most = percent > most ? percent : most;
        }
    }
    if (most > least) {
        printf("RandomX dataset: %.4g %% to %.4g %% precomputed\n", least, most);
    } else if (most >= 0) {
        printf("RandomX dataset: %.4g %% precomputed%s\n", most, most > 0 ? "" : " (light mode)");
    }
}

static void print_expectations(const struct plab_run_config *config,
                               const struct plab_run_record *record, bool colour) {
    struct expectation list[EXPECTATIONS];
    judge(config->scenario, record, list);
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        if (list[i].asked) {
            printf("expected %s at %s %" PRIu64 ": %s%s%s\n", list[i].key,
                   list[i].at_most ? "most" : "least", list[i].limit,
                   !colour       ? ""
                   : list[i].met ? "\033[32m"
                                 : "\033[31m",
                   list[i].met ? "met" : "NOT MET", colour ? "\033[0m" : "");
        }
    }
}

void plab_summary_print(const struct plab_run_config *config, const struct plab_run_record *record,
                        enum plab_status result, bool colour) {
    char wall[PLAB_CLOCK_ISO_LEN];
    bool good = result == PLAB_OK;
    if (record->folder[0] == '\0') {
        return;
    }
    plab_clock_iso(record->start_wall_ns, wall);
    printf("%s%s%s  %s  run %s  %s%s%s\n", colour ? "\033[1m" : "", config->scenario->name,
           colour ? "\033[0m" : "", wall, record->id,
           !colour ? ""
           : good  ? "\033[32m"
                   : "\033[31m",
           plab_run_end_name(record->end), colour ? "\033[0m" : "");
    print_phases(config, record);
    printf("seeds: changes of the RandomX seed; cpu%%: of all CPUs of the host\n");
    print_datasets(record);
    print_expectations(config, record, colour);
}
