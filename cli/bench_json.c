/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/bench_report.h"
#include "cli/jsonout.h"
#include "cli/tuneopt.h"
#include "cli/version.h"

static json_t *hex64(uint64_t value) {
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)value);
    return json_string(text);
}

static json_t *text_or_null(const char *text) {
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *bytes_or_null(uint64_t bytes) {
    return bytes > 0 ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *rate_json(const struct plab_bench_result *result) {
    const struct plab_stats *stats = &result->stats;
    if (stats->count == 0) {
        return json_null();
    }
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:[f,f], s:f, s:f, s:f, s:f, s:f}", "median",
                     stats->median, "min", stats->min, "max", stats->max, "mean", stats->mean,
                     "stddev", stats->stddev, "mad_sigma", stats->mad_sigma, "ci95", stats->ci_low,
                     stats->ci_high, "cv", stats->cv, "slope_per_sample", stats->slope,
                     "slope_stderr", stats->slope_stderr, "drift", stats->drift, "per_cpu_second",
                     result->cpu_rate_hps);
}

static json_t *valid_json(const struct plab_verdict *verdict) {
    if (verdict->wrong || verdict->verified > 0) {
        return json_boolean(!verdict->wrong);
    }
    return json_null();
}

static json_t *verify_json(const struct plab_bench_result *result) {
    const struct plab_verdict *verdict = &result->verdict;
    json_t *wrong = json_null();
    if (verdict->wrong) {
        wrong = json_pack("{s:I, s:o, s:o}", "hashes", (json_int_t)verdict->wrong_hashes, "sum",
                          hex64(verdict->wrong_sum), "expected", hex64(verdict->wrong_expected));
    }
    return json_pack("{s:I, s:I, s:o}", "verified_hashes", (json_int_t)verdict->verified,
                     "completed_hashes", (json_int_t)result->completed, "wrong", wrong);
}

static json_t *samples_json(const struct plab_bench_result *result) {
    json_t *rows = json_array();
    for (size_t i = 0; i < result->sample_count; i++) {
        const struct plab_bench_sample *sample = &result->samples[i];
        json_array_append_new(
            rows, json_pack("{s:f, s:I, s:I, s:I, s:I}", "rate_hps", sample->rate_hps, "hashes",
                            (json_int_t)sample->hashes, "wall_ns", (json_int_t)sample->wall_ns,
                            "cpu_ns", (json_int_t)sample->cpu_ns, "involuntary_switches",
                            (json_int_t)sample->involuntary_switches));
    }
    return rows;
}

static json_t *threads_json(const struct plab_bench_result *result) {
    json_t *rows = json_array();
    for (unsigned i = 0; i < result->thread_count; i++) {
        const struct plab_bench_thread *thread = &result->threads[i];
        json_array_append_new(
            rows, json_pack("{s:o, s:o, s:b, s:I, s:f}", "cpu",
                            thread->cpu >= 0 ? json_integer(thread->cpu) : json_null(), "numa_node",
                            thread->numa_node >= 0 ? json_integer(thread->numa_node) : json_null(),
                            "pinned", (int)thread->pinned, "hashes", (json_int_t)thread->hashes,
                            "rate_hps", thread->rate_hps));
    }
    return rows;
}

static json_t *labels_json(const struct plab_bench_report *report) {
    json_t *rows = json_array();
    for (size_t i = 0; i < report->label_count; i++) {
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "name", report->labels[i].name,
                                              "reason", report->labels[i].reason, "remedy",
                                              report->labels[i].remedy));
    }
    return rows;
}

static json_t *init_json(const struct plab_bench_result *result) {
    return json_pack("{s:f, s:o, s:o, s:f}", "alloc_s", result->alloc_s, "cache_s",
                     result->cache_s > 0 ? json_real(result->cache_s) : json_null(), "dataset_s",
                     result->dataset_s > 0 ? json_real(result->dataset_s) : json_null(), "warmup_s",
                     result->warmup_s);
}

/* First line of a small file such as those of /sys, or null. */
static json_t *line_of(const char *path) {
    char text[256];
    size_t length;
    if (plab_file_read(path, text, sizeof text - 1, &length, NULL) != PLAB_OK) {
        return json_null();
    }
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text_or_null(text);
}

static json_t *host_json(const struct plab_bench_report *report) {
    const struct plab_ident *ident = report->ident;
    const struct plab_topology *topology = report->topology;
    struct utsname system;
    bool known = uname(&system) == 0;
    return json_pack(
        "{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu",
        text_or_null(ident->brand), "codename", text_or_null(ident->codename), "hypervisor",
        text_or_null(ident->hypervisor), "packages", (json_int_t)topology->package_count, "cores",
        (json_int_t)topology->core_count, "logical_cpus", (json_int_t)topology->pu_count,
        "numa_nodes", (json_int_t)topology->numa_count, "cpuset_restricted",
        (int)topology->cpuset_restricted, "l2_bytes", bytes_or_null(ident->l2_bytes), "l3_bytes",
        bytes_or_null(ident->l3_bytes), "memory_available_bytes",
        bytes_or_null(plab_memory_available_bytes()), "os",
        known ? json_string(system.sysname) : json_null(), "kernel",
        known ? json_string(system.release) : json_null(), "load", line_of("/proc/loadavg"),
        "governor", line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "transparent_hugepage", line_of("/sys/kernel/mm/transparent_hugepage/enabled"));
}

static json_t *build_json(void) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "version", plab_version, "commit",
                     plab_commit, "config", plab_config, "compiler", plab_compiler, "cflags",
                     plab_cflags, "target", plab_target);
}

static json_t *config_json(const struct plab_bench_config *config) {
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:s?, s:s, s:s}", "samples", (json_int_t)config->samples,
        "sample_ns", (json_int_t)config->sample_ns, "warmup_ns", (json_int_t)config->warmup_ns,
        "hashes", (json_int_t)config->hashes, "seed", (json_int_t)config->seed, "randomx_mode",
        config->algo->needs_seed ? plab_rx_mode_name(config->rx_mode) : NULL, "huge_pages",
        plab_page_policy_name(config->pages), "numa", plab_numa_policy_name(config->numa));
}

static void set(json_t *root, const char *key, json_t *value) {
    json_object_set_new(root, key, value);
}

json_t *plab_bench_result_json(const struct plab_bench_report *report) {
    const struct plab_bench_config *config = report->config;
    const struct plab_bench_result *result = report->result;
    struct plab_kernels kernels = report->cli->kernels;
    char started[PLAB_CLOCK_ISO_LEN];
    plab_clock_iso(report->started_wall_ns, started);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "schema", "powlab-bench/1", "started", started,
                  "algo", config->algo->name, "threads", (json_int_t)result->thread_count, "pinned",
                  (json_int_t)result->pinned, "interrupted", (int)result->interrupted);
    if (root == NULL) {
        return NULL;
    }
    set(root, "randomx_mode",
        config->algo->needs_seed ? json_string(plab_rx_mode_name(result->rx_mode)) : json_null());
    set(root, "dataset",
        config->algo->needs_seed ? plab_json_dataset(&result->dataset) : json_null());
    set(root, "tuning", config->algo->needs_seed ? plab_json_tuning(&result->tuning) : json_null());
    set(root, "rate_hps", rate_json(result));
    set(root, "valid", valid_json(&result->verdict));
    set(root, "checksum", result->checksum_hashes > 0 ? hex64(result->checksum) : json_null());
    set(root, "checksum_hashes", json_integer(result->checksum_hashes));
    set(root, "verify", verify_json(result));
    set(root, "hashes", json_integer((json_int_t)result->hashes));
    set(root, "elapsed_s", json_real(result->elapsed_s));
    set(root, "cpu_share", json_real(result->cpu_share));
    set(root, "steal_share", json_real(result->steal_share));
    set(root, "involuntary_switches", json_integer((json_int_t)result->involuntary_switches));
    plab_tune_apply(&result->tuning.choice, &kernels);
    set(root, "kernels", plab_json_kernels(&kernels, config->algo));
    set(root, "pages", plab_json_pages(&result->pages));
    set(root, "labels", labels_json(report));
    set(root, "sample_ns", json_integer((json_int_t)result->sample_ns));
    set(root, "samples", samples_json(result));
    set(root, "per_thread", threads_json(result));
    set(root, "init", init_json(result));
    set(root, "config", config_json(config));
    set(root, "host", host_json(report));
    set(root, "build", build_json());
    return root;
}
