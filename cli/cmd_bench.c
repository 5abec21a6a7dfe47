/* SPDX-License-Identifier: BSD-3-Clause */
/* A trustworthy hash rate: bench/run.h measures and verifies, this file asks and answers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bench_report.h"
#include "cli/jsonout.h"
#include "cli/memopt.h"
#include "cli/progress.h"
#include "cli/tuneopt.h"
#include "cli/verbs.h"
#include "cli/version.h"

#define NS_PER_MS UINT64_C(1000000)
#define SAME_SIGNAL_NS (500 * NS_PER_MS)

static const struct plab_verb verb = {
    .name = "bench",
    .summary = "a trustworthy hash rate, self-verified",
    .usage = "[-a ALGO] [options]",
    .examples = "  powlab bench\n"
                "  powlab bench -a rx/0 --randomx-mode fast --json result.json\n"
                "  powlab bench -a cn/r -t 2 --samples 20 --sample-time 2s\n"
                "  powlab bench -a rx/2 --hashes 1000 --json -\n"
                "  powlab bench -a cn/0 --quick --cpu-mask none\n",
    .notes =
        "The work is always the same, so the checksum is, too: 112 zero bytes with a counting\n"
        "nonce, RandomX key of 32 zero bytes, cn/r height 1806260. A timed run reports the\n"
        "checksum of its first 32 hashes, --hashes N that of its N; known sums of longer\n"
        "prefixes are compared as well, for rx/0, rx/2 and rx/wow those of XMRig's --bench.\n"
        "RandomX runs in light mode (256 MiB) unless asked: the full dataset (2080 MiB) of fast\n"
        "mode, which miners use, takes seconds to a minute to build. \"auto\" takes\n"
        "fast mode when there is the memory for it. --dataset-mem SIZE precomputes a part of\n"
        "the dataset and computes the rest when it is read: anything between light and "
        "fast.\n" PLAB_TUNE_NOTES "Ctrl-C ends the run and reports what was measured until then.\n",
    .has_json = true,
    .has_kernels = true,
};

/* ---- what was asked for ---- */

struct options {
    const char *algo, *cpus;
    uint64_t threads, samples, sample_ms, hashes, seed;
    struct plab_mem_options mem;
    struct plab_tune_options tune;
    bool no_pin, strict, quick, dry_run;
};

static enum plab_status parse(struct options *o, struct plab_cli *cli, int argc, char **argv,
                              bool *helped, struct plab_error *err) {
    const struct plab_opt opts[] = {
        {'a', "algo", PLAB_OPT_TEXT, &o->algo, "NAME", "algorithm (default rx/0)", 0, 0, NULL},
        {'t', "threads", PLAB_OPT_U64, &o->threads, "N",
         "threads (default: what cores and L3 suit)", 1, 1024, NULL},
        {0, "cpus", PLAB_OPT_TEXT, &o->cpus, "LIST", "pin to these CPUs, in this order: 0,2-3", 0,
         0, NULL},
        {0, "no-pin", PLAB_OPT_FLAG, &o->no_pin, NULL, "leave placement to the scheduler", 0, 0,
         NULL},
        PLAB_MEM_OPTS(&o->mem, "light (default), fast or auto; see --help"),
        PLAB_TUNE_OPTS(&o->tune),
        {'n', "samples", PLAB_OPT_U64, &o->samples, "N", "samples (default 10)", 1, PLAB_STATS_MAX,
         NULL},
        {0, "sample-time", PLAB_OPT_DURATION, &o->sample_ms, "TIME", "of each (default 1s)", 10,
         3600000, NULL},
        {0, "hashes", PLAB_OPT_U64, &o->hashes, "N", "do exactly N hashes, whatever the time", 1,
         PLAB_BENCH_HASHES_MAX, NULL},
        {0, "seed", PLAB_OPT_U64, &o->seed, "N", "of the confidence interval's resampling", 0,
         INT64_MAX, NULL},
        {0, "quick", PLAB_OPT_FLAG, &o->quick, NULL, "5 samples of 300ms, short warm-up", 0, 0,
         NULL},
        {0, "strict", PLAB_OPT_FLAG, &o->strict, NULL, "exit 7 if there is a reason for distrust",
         0, 0, NULL},
        {0, "dry-run", PLAB_OPT_FLAG, &o->dry_run, NULL, "print the plan, measure nothing", 0, 0,
         NULL},
    };
    size_t operands;
    return plab_opt_parse(cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv, NULL, 0, &operands,
                          helped, err);
}

static enum plab_status configure(struct plab_bench_config *config, struct options *o,
                                  const struct plab_cli *cli, struct plab_error *err) {
    enum plab_status status = plab_algo_find(o->algo, &config->algo, err);
    if (status != PLAB_OK) {
        return status;
    }
    if (o->hashes > 0 && o->sample_ms > 0) {
        return plab_fail(err, PLAB_E_USAGE,
                         "--hashes and --sample-time exclude each other: with --hashes, --samples "
                         "divides the work");
    }
    if (o->no_pin && o->cpus != NULL) {
        return plab_fail(err, PLAB_E_USAGE, "--no-pin and --cpus exclude each other");
    }
    uint64_t sample_ms = o->sample_ms > 0 ? o->sample_ms : o->quick ? 300 : 1000;
    config->kernels = &cli->kernels;
    config->pages = (enum plab_page_policy)o->mem.pages;
    config->numa = (enum plab_numa_policy)o->mem.numa;
    config->dataset_mem_bytes = o->mem.dataset_mem;
    config->lanes = (unsigned)o->tune.lanes;
    plab_tune_options_setup(&o->tune, cli, &config->tune);
    config->samples = (size_t)(o->samples > 0 ? o->samples : o->quick ? 5 : 10);
    config->sample_ns = sample_ms * NS_PER_MS;
    config->warmup_ns = (o->quick ? 300 : 1000) * NS_PER_MS;
    config->hashes = o->hashes;
    config->seed = o->seed;
    config->sums = plab_bench_sums(config->algo, &config->sum_count);
    return plab_mem_options_mode(&o->mem, PLAB_RX_LIGHT, &config->rx_mode, err);
}

static enum plab_status make_plan(struct plab_pin_plan *plan, const struct options *o,
                                  const struct plab_algo *algo,
                                  const struct plab_topology *topology, struct plab_error *err) {
    const struct plab_pin_request request = {
        .threads = (unsigned)o->threads,
        .scratchpad_bytes = algo->scratchpad_bytes,
        .cpus = o->cpus,
        .pin = !o->no_pin,
    };
    return plab_pin_plan_make(plan, topology, &request, err);
}

/* ---- signals ---- */

static atomic_bool cancel;
static volatile sig_atomic_t caught;

/* The first signal ends the run with a result, a second one the program. `timeout` and terminals
 * may deliver one wish twice, to the process and to its group, so the second has to come later. */
static void on_signal(int number) {
    static uint64_t first_ns;
    uint64_t now_ns = plab_clock_ns();
    if (caught == 0) {
        caught = number;
        first_ns = now_ns;
        atomic_store(&cancel, true);
    } else if (now_ns - first_ns > SAME_SIGNAL_NS) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- progress ---- */

struct watcher {
    struct plab_progress line;
    size_t samples;
    int stage; /* the last one seen, -1 at first */
};

static const char *const stage_names[] = {
    "building the cache", "building the dataset",   "tuning", "warm-up",
    "sampling",           "completing the checksum"};

static void on_progress(void *cookie, const struct plab_bench_progress *progress) {
    struct watcher *watcher = cookie;
    char detail[64] = "";
    if (progress->stage == PLAB_BENCH_SAMPLES) {
        snprintf(detail, sizeof detail, "%zu/%zu  %.1f H/s", progress->samples_done,
                 watcher->samples, progress->rate_hps);
    }
    if (!watcher->line.terminal && watcher->stage != (int)progress->stage) {
        plab_log_info(&watcher->line.cli->log, "%s", stage_names[progress->stage]);
    }
    plab_progress_draw(&watcher->line, stage_names[progress->stage], progress->done,
                       progress->elapsed_s, detail);
    watcher->stage = (int)progress->stage;
}

/* ---- run and tell ---- */

static size_t allowed_cpus(const struct plab_topology *topology) {
    size_t count = 0;
    for (size_t i = 0; i < topology->pu_count; i++) {
        count += topology->pus[i].allowed;
    }
    return count;
}

static bool emulated(const struct plab_ident *ident) {
    return strstr(ident->hypervisor, "TCG") != NULL || strstr(ident->brand, "QEMU") != NULL;
}

static bool text_wanted(const struct plab_cli *cli) {
    return cli->json == NULL || strcmp(cli->json, "-") != 0;
}

static enum plab_status tell(const struct plab_bench_report *report, struct plab_error *err) {
    const struct plab_cli *cli = report->cli;
    if (text_wanted(cli)) {
        plab_bench_print_result(report);
    }
    return cli->json != NULL ? plab_json_emit(plab_bench_result_json(report), cli->json, err)
                             : PLAB_OK;
}

static enum plab_status tell_plan(const struct plab_bench_report *report, struct plab_error *err) {
    const struct plab_cli *cli = report->cli;
    if (text_wanted(cli)) {
        plab_bench_print_plan(report);
    }
    return cli->json != NULL ? plab_json_emit(plab_bench_plan_json(report), cli->json, err)
                             : PLAB_OK;
}

static enum plab_status conclude(struct plab_bench_report *report, bool strict,
                                 struct plab_error *err) {
    const struct plab_bench_result *result = report->result;
    struct plab_label labels[PLAB_LABELS_MAX];
    const struct plab_bench_facts facts = {
        .build = plab_config,
        .emulated = emulated(report->ident),
        .allowed_cpus = allowed_cpus(report->topology),
    };
    report->labels = labels;
    report->label_count = plab_bench_labels(result, &facts, labels);
    enum plab_status told = PLAB_OK;
    if (result->sample_count > 0 || !result->interrupted) {
        told = tell(report, err);
    }
    enum plab_status verdict = plab_bench_verdict(result, report->label_count, strict, err);
    report->labels = NULL; /* they end with this function */
    if (verdict == PLAB_E_INTERRUPTED && caught == SIGTERM) {
        verdict = PLAB_E_TERMINATED;
    }
    return verdict != PLAB_OK ? verdict : told;
}

static enum plab_status measure(struct plab_cli *cli, struct plab_bench_report *report,
                                struct plab_bench_config *config, bool strict,
                                struct plab_error *err) {
    struct plab_bench_result result;
    struct watcher watcher = {.samples = config->samples, .stage = -1};
    plab_progress_open(&watcher.line, cli);
    catch_signals();
    config->cancel = &cancel;
    config->progress = on_progress;
    config->progress_cookie = &watcher;
    enum plab_status status = plab_bench_run(&result, config, err);
    plab_progress_clear(&watcher.line);
    if (status == PLAB_OK || status == PLAB_E_INTERRUPTED) {
        report->result = &result;
        status = conclude(report, strict, err);
        report->result = NULL; /* it ends with this function */
    }
    plab_bench_result_free(&result);
    return status;
}

enum plab_status plab_cmd_bench(int argc, char **argv, struct plab_error *err) {
    struct options options = {.algo = "rx/0", .mem = PLAB_MEM_OPTIONS_INIT};
    struct plab_cli cli;
    struct plab_bench_config config = {.algo = NULL};
    struct plab_topology topology = {.pu_count = 0};
    struct plab_pin_plan plan = {.threads = 0};
    struct plab_ident ident;
    bool helped;
    enum plab_status status = parse(&options, &cli, argc, argv, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    status = configure(&config, &options, &cli, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = plab_topology_load(&topology, NULL, NULL, err);
    if (status == PLAB_OK) {
        status = make_plan(&plan, &options, config.algo, &topology, err);
    }
    if (status == PLAB_OK) {
        struct plab_bench_report report = {
            .cli = &cli,
            .config = &config,
            .topology = &topology,
            .ident = &ident,
            .started_wall_ns = plab_clock_wall_ns(),
        };
        config.plan = &plan;
        plab_ident_read(&ident);
        status = options.dry_run ? tell_plan(&report, err)
                                 : measure(&cli, &report, &config, options.strict, err);
    }
    plab_pin_plan_free(&plan);
    plab_topology_free(&topology);
    return status;
}
