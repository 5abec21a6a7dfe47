/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench_report.h"
#include "cli/jsonout.h"
#include "cli/tuneopt.h"
#include "pow/randomx.h"

#define WIDTH 80
#define INDENT 11
#define RATE_TEXT 24

/* Four or five digits that mean something. */
static const char *rate_text(double rate_hps, char out[RATE_TEXT]) {
    int decimals = rate_hps < 10 ? 3 : rate_hps < 100 ? 2 : rate_hps < 10000 ? 1 : 0;
    snprintf(out, RATE_TEXT, "%.*f", decimals, rate_hps);
    return out;
}

static const char *paint(const struct plab_bench_report *report, const char *code) {
    return report->cli->color_out ? code : "";
}

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

/* Words of one output line that wraps: the key once, then aligned below it. */
struct wrapped {
    size_t column;
};

static struct wrapped wrap_start(const char *key) {
    printf("  %-*s", INDENT - 2, key);
    return (struct wrapped){.column = INDENT};
}

static void wrap_word(struct wrapped *line, const char *word) {
    size_t length = strlen(word);
    if (line->column > INDENT && line->column + 1 + length > WIDTH) {
        printf("\n%*s", INDENT, "");
        line->column = INDENT;
    }
    printf("%s%s", line->column > INDENT ? " " : "", word);
    line->column += length + (line->column > INDENT ? 1 : 0);
}

/* The rest of a line: all words of `text`, then its end. */
static void wrap_words(struct wrapped *line, const char *text) {
    char word[128];
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        wrap_word(line, word);
        text += length;
        text += strspn(text, " ");
    }
    printf("\n");
}

static void wrap_text(const char *key, const char *text) {
    struct wrapped line = wrap_start(key);
    wrap_words(&line, text);
}

static void print_kernels(const struct plab_bench_report *report) {
    struct wrapped line = wrap_start("kernels");
    struct plab_kernels chosen = report->cli->kernels;
    if (report->result != NULL) {
        plab_tune_apply(&report->result->tuning.choice, &chosen);
    }
    json_t *kernels = plab_json_kernels(&chosen, report->config->algo);
    const char *name;
    json_t *isa;
    json_object_foreach(kernels, name, isa) {
        char word[64];
        snprintf(word, sizeof word, "%s=%s", name, json_string_value(isa));
        wrap_word(&line, word);
    }
    printf("\n");
    json_decref(kernels);
}

static void print_machine(const struct plab_bench_report *report) {
    const struct plab_ident *ident = report->ident;
    const struct plab_topology *topology = report->topology;
    char text[256];
    int used = snprintf(text, sizeof text, "%s, %zu cores, %zu CPUs",
                        ident->brand[0] != '\0' ? ident->brand : "unknown processor",
                        topology->core_count, topology->pu_count);
    if (ident->l3_bytes > 0) {
        used += snprintf(text + used, sizeof text - (size_t)used, ", L3 %.0f MiB",
                         (double)ident->l3_bytes / 0x1p20);
    }
    if (ident->hypervisor[0] != '\0') {
        snprintf(text + used, sizeof text - (size_t)used, ", under %s", ident->hypervisor);
    }
    wrap_text("cpu", text);
}

static void print_heading(const struct plab_bench_report *report, enum plab_rx_mode mode) {
    const struct plab_bench_config *config = report->config;
    printf("%spowlab bench%s  %s%s%s%s, %u thread%s, scratchpads of %zu KiB\n", paint(report, BOLD),
           paint(report, PLAIN), config->algo->name, config->algo->needs_seed ? " (" : "",
           config->algo->needs_seed ? plab_rx_mode_name(mode) : "",
           config->algo->needs_seed ? " mode)" : "", config->plan->threads,
           config->plan->threads == 1 ? "" : "s", config->algo->scratchpad_bytes >> 10);
}

/* ---- plan ---- */

static void print_slots(const struct plab_bench_report *report) {
    const struct plab_pin_plan *plan = report->config->plan;
    struct wrapped line = wrap_start("threads");
    for (unsigned i = 0; i < plan->threads; i++) {
        char word[48] = "unpinned";
        if (plan->slots[i].cpu >= 0) {
            snprintf(word, sizeof word, "CPU %d%s", plan->slots[i].cpu,
                     plan->slots[i].smt_shared ? " (SMT)" : "");
        }
        char comma[50];
        snprintf(comma, sizeof comma, "%s%s", word, i + 1 < plan->threads ? "," : "");
        wrap_word(&line, comma);
    }
    printf("\n");
    wrap_text("", plan->reason);
}

static uint64_t needed_bytes(const struct plab_bench_config *config, enum plab_rx_mode mode) {
    uint64_t bytes = (uint64_t)config->plan->threads * config->algo->scratchpad_bytes;
    if (config->algo->rx != NULL) {
        bytes += plab_rx_cache_bytes(config->algo->rx);
        uint64_t dataset = plab_rx_dataset_bytes(config->algo->rx);
        if (mode == PLAB_RX_GRADED && config->dataset_mem_bytes < dataset) {
            dataset = config->dataset_mem_bytes;
        }
        bytes += mode == PLAB_RX_LIGHT ? 0 : dataset;
    }
    return bytes;
}

static void print_work(const struct plab_bench_config *config) {
    char text[160];
    double warmup_s = (double)config->warmup_ns / 1e9;
    if (config->hashes > 0) {
        snprintf(text, sizeof text, "warm-up of %.1f s, then %llu hashes in about %zu samples",
                 warmup_s, (unsigned long long)config->hashes, config->samples);
    } else {
        snprintf(text, sizeof text, "warm-up of %.1f s, then %zu samples of %.2f s", warmup_s,
                 config->samples, (double)config->sample_ns / 1e9);
    }
    wrap_text("work", text);
}

void plab_bench_print_plan(const struct plab_bench_report *report) {
    const struct plab_bench_config *config = report->config;
    char text[160];
    print_heading(report, config->rx_mode);
    print_machine(report);
    print_kernels(report);
    print_slots(report);
    snprintf(text, sizeof text, "%.0f MiB needed%s, %.0f MiB available, huge pages: %s",
             (double)needed_bytes(config, config->rx_mode) / 0x1p20,
             config->algo->needs_seed && config->rx_mode == PLAB_RX_AUTO ? " for fast mode" : "",
             (double)plab_memory_available_bytes() / 0x1p20, plab_page_policy_name(config->pages));
    wrap_text("memory", text);
    print_work(config);
}

json_t *plab_bench_plan_json(const struct plab_bench_report *report) {
    const struct plab_bench_config *config = report->config;
    json_t *cpus = json_array();
    for (unsigned i = 0; i < config->plan->threads; i++) {
        int cpu = config->plan->slots[i].cpu;
        json_array_append_new(cpus, cpu >= 0 ? json_integer(cpu) : json_null());
    }
    return json_pack("{s:s, s:s, s:s?, s:I, s:o, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "schema", "powlab-bench-plan/1", "algo", config->algo->name, "randomx_mode",
                     config->algo->needs_seed ? plab_rx_mode_name(config->rx_mode) : NULL,
                     "threads", (json_int_t)config->plan->threads, "cpus", cpus, "reason",
                     config->plan->reason, "huge_pages", plab_page_policy_name(config->pages),
                     "kernels", plab_json_kernels(&report->cli->kernels, config->algo),
                     "needed_bytes", (json_int_t)needed_bytes(config, config->rx_mode),
                     "available_bytes", (json_int_t)plab_memory_available_bytes(), "samples",
                     (json_int_t)config->samples, "sample_ns", (json_int_t)config->sample_ns,
                     "warmup_ns", (json_int_t)config->warmup_ns, "hashes",
                     (json_int_t)config->hashes);
}

/* ---- result ---- */

static void print_memory(const struct plab_bench_report *report) {
    const struct plab_bench_result *result = report->result;
    char kind[64], text[256];
    int used = snprintf(text, sizeof text, "%.0f MiB, pages of %s",
                        (double)result->pages.asked_bytes / 0x1p20,
                        plab_pages_describe(&result->pages, kind, sizeof kind));
    if (report->config->algo->needs_seed) {
        used += snprintf(text + used, sizeof text - (size_t)used, "; cache built in %.1f s",
                         result->cache_s);
    }
    if (result->dataset.copies > 0) {
        snprintf(text + used, sizeof text - (size_t)used, ", dataset in %.1f s", result->dataset_s);
    }
    wrap_text("memory", text);
    if (result->dataset.copies > 0) {
        wrap_text("dataset", plab_dataset_describe(&result->dataset, text, sizeof text));
    }
}

static void print_tuning(const struct plab_bench_report *report) {
    const struct plab_tuning *tuning = &report->result->tuning;
    char text[PLAB_TUNING_TEXT], tried[PLAB_TUNE_TRIED_TEXT];
    if (report->config->algo->needs_seed) {
        wrap_text("tuning", plab_tuning_describe(tuning, text, sizeof text));
    }
    if (tuning->trial_count > 0) {
        wrap_text("", plab_tuning_tried(tuning, tried));
    }
}

static void print_rate(const struct plab_bench_report *report) {
    const struct plab_stats *stats = &report->result->stats;
    char median[RATE_TEXT], low[RATE_TEXT], high[RATE_TEXT], min[RATE_TEXT], max[RATE_TEXT];
    bool wrong = report->result->verdict.wrong;
    printf("\n  %-*s%s%s H/s%s  median of %zu, 95 %% CI %s .. %s%s\n", INDENT - 2, "rate",
           paint(report, wrong ? RED : BOLD), rate_text(stats->median, median),
           paint(report, PLAIN), stats->count, rate_text(stats->ci_low, low),
           rate_text(stats->ci_high, high), wrong ? "  VOID: wrong hashes" : "");
    printf("  %-*s%.2f %%  (MAD), min %s, max %s, drift %+.1f %%\n", INDENT - 2, "spread",
           stats->median > 0 ? stats->mad_sigma / stats->median * 100 : 0,
           rate_text(stats->min, min), rate_text(stats->max, max), stats->drift * 100);
}

/* Slowest and fastest say what there is to say about many threads. */
static void print_threads(const struct plab_bench_result *result) {
    unsigned slowest = 0, fastest = 0;
    char slow[RATE_TEXT], fast[RATE_TEXT], per_cpu[RATE_TEXT];
    for (unsigned i = 1; i < result->thread_count; i++) {
        slowest = result->threads[i].rate_hps < result->threads[slowest].rate_hps ? i : slowest;
        fastest = result->threads[i].rate_hps > result->threads[fastest].rate_hps ? i : fastest;
    }
    printf("  %-*s%s .. %s H/s each, %u of %u pinned\n", INDENT - 2, "threads",
           rate_text(result->threads[slowest].rate_hps, slow),
           rate_text(result->threads[fastest].rate_hps, fast), result->pinned,
           result->thread_count);
    printf("  %-*s%s H per CPU second, %.1f %% of the CPUs, %llu involuntary switches\n",
           INDENT - 2, "cpu time", rate_text(result->cpu_rate_hps, per_cpu),
           result->cpu_share * 100, (unsigned long long)result->involuntary_switches);
}

static void print_verdict(const struct plab_bench_report *report) {
    const struct plab_bench_result *result = report->result;
    const struct plab_verdict *verdict = &result->verdict;
    if (verdict->wrong) {
        printf("  %-*s%sWRONG%s: the sum of %u hashes is %016llx,\n%*snot %016llx\n", INDENT - 2,
               "result", paint(report, RED), paint(report, PLAIN), (unsigned)verdict->wrong_hashes,
               (unsigned long long)verdict->wrong_sum, INDENT, "",
               (unsigned long long)verdict->wrong_expected);
    } else if (verdict->verified > 0) {
        printf("  %-*s%sverified%s: the first %u of %llu hashes match their known sum\n",
               INDENT - 2, "result", paint(report, GREEN), paint(report, PLAIN),
               (unsigned)verdict->verified, (unsigned long long)result->completed);
    } else {
        printf("  %-*sunverified: no completed hashes have a known sum\n", INDENT - 2, "result");
    }
    if (result->checksum_hashes > 0) {
        printf("  %-*s%016llx over %u hashes\n", INDENT - 2, "checksum",
               (unsigned long long)result->checksum, (unsigned)result->checksum_hashes);
    }
}

static void print_labels(const struct plab_bench_report *report) {
    if (report->label_count == 0) {
        printf("  %-*sok\n", INDENT - 2, "trust");
    }
    for (size_t i = 0; i < report->label_count; i++) {
        const struct plab_label *label = &report->labels[i];
        struct wrapped line = wrap_start(i == 0 ? "trust" : "");
        char name[40], remedy[160];
        snprintf(name, sizeof name, "%s:", label->name);
        printf("%s", paint(report, YELLOW));
        wrap_word(&line, name);
        printf("%s", paint(report, PLAIN));
        wrap_words(&line, label->reason);
        snprintf(remedy, sizeof remedy, "try: %s", label->remedy);
        wrap_text("", remedy);
    }
}

void plab_bench_print_result(const struct plab_bench_report *report) {
    const struct plab_bench_result *result = report->result;
    print_heading(report, result->rx_mode);
    print_machine(report);
    print_kernels(report);
    print_memory(report);
    print_tuning(report);
    print_rate(report);
    print_threads(result);
    print_verdict(report);
    print_labels(report);
    if (result->rx_mode == PLAB_RX_LIGHT) {
        wrap_text("note", "light mode computes dataset items on the fly; miners use fast mode: "
                          "--randomx-mode fast");
    }
}
