/* SPDX-License-Identifier: BSD-3-Clause */
/* The laboratory's verbs: `lab run`, `lab exec`, by which it starts its processes, and the way to
 * the others (cmd_lab_<name>.c). */
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "cli/jsonout.h"
#include "cli/lab_detect.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "lab/child.h"
#include "lab/report.h"
#include "lab/run.h"
#include "lab/summary.h"

static const struct plab_verb run_verb = {
    .name = "lab run",
    .summary = "run a scenario: pool, workers, phases, recorders, report",
    .usage = "[options] SCENARIO",
    .examples = "  powlab lab run configs/scenarios/quickstart.yaml\n"
                "  powlab lab run --dry-run configs/scenarios/quickstart.yaml\n"
                "  powlab lab run --scale 0.5 --out /tmp/short configs/scenarios/quickstart.yaml\n",
    .notes =
        "The run's folder, by default runs/<UTC time>-<name>, holds report.html, report.json,\n"
        "truth.jsonl, timeline.csv, run.pcapng, flows.csv, verdicts.json, logs/ and raw/. Its\n"
        "path is the last line on stdout (with --json - it is \"folder\" in the report). Every\n"
        "login has the run's id in it. Exit code 1: an expectation of the scenario wasn't met,\n"
        "or a process failed. configs/README.md explains scenarios and the files of a run.\n",
    .has_json = true,
};

/* A factor above 0, exactly as written. */
static enum plab_status parse_scale(const char *text, double *out, struct plab_error *err) {
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*out) || *out <= 0) {
        return plab_fail(err, PLAB_E_USAGE, "--scale \"%s\": give a number above 0, such as 0.5",
                         text);
    }
    return PLAB_OK;
}

static enum plab_status load(const char *path, const char *scale_text,
                             struct plab_scenario *scenario, double *scale,
                             struct plab_error *err) {
    enum plab_status status = plab_scenario_load(scenario, path, err);
    *scale = 1;
    if (status == PLAB_OK && scale_text != NULL) {
        status = parse_scale(scale_text, scale, err);
        if (status == PLAB_OK) {
            status = plab_scenario_scale(scenario, *scale, err);
        }
    }
    return status;
}

/* A failure of the run goes before one of what comes after it. */
static void also(enum plab_status *status, struct plab_error *err, enum plab_status next,
                 const struct plab_error *why) {
    if (*status == PLAB_OK && next != PLAB_OK) {
        *status = next;
        *err = *why;
    }
}

static enum plab_status run_and_tell(const struct plab_cli *cli,
                                     const struct plab_run_config *config, struct plab_error *err) {
    struct plab_run_record *record = calloc(1, sizeof *record);
    struct plab_error why = {.text = ""};
    if (record == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a run");
    }
    enum plab_status status = plab_run_scenario(config, record, err);
    bool to_stdout = cli->json != NULL && strcmp(cli->json, "-") == 0;
    bool has_folder = record->folder[0] != '\0';
    if (cli->json != NULL && has_folder) {
        also(&status, err,
             plab_json_emit(plab_summary_json(config, record, status), cli->json, &why), &why);
    }
    if (!to_stdout) {
        plab_summary_print(config, record, status, cli->color_out);
    }
    if (config->detector_count > 0 && record->end == PLAB_RUN_COMPLETED) {
        const struct plab_lab_detect what = {.files = config->detectors,
                                             .count = config->detector_count,
                                             .expect = &config->scenario->expect};
        also(&status, err, plab_lab_detect(&what, record->folder, cli, &why), &why);
    }
    if (has_folder && record->end != PLAB_RUN_WRITE_FAILED) {
        also(&status, err, plab_report_build(record->folder, &why), &why);
    }
    if (!to_stdout && has_folder) {
        printf("%s\n", record->folder);
    }
    plab_run_record_free(record);
    free(record);
    return status;
}

/* The folder of detectors: as told, "none", or that beside the scenario's own folder. Without the
 * latter, nothing is detected. */
static enum plab_status load_detectors(const char *told, const char *scenario_path,
                                       struct plab_detector_file *files, size_t *count,
                                       struct plab_error *err) {
    char copy[PATH_MAX], folder[PATH_MAX + 16];
    *count = 0;
    if (told != NULL && strcmp(told, "none") == 0) {
        return PLAB_OK;
    }
    snprintf(copy, sizeof copy, "%s", scenario_path);
    snprintf(folder, sizeof folder, "%s/../detectors", dirname(copy));
    if (told == NULL && access(folder, R_OK) != 0) {
        return PLAB_OK;
    }
    return plab_detector_load_all(files, PLAB_DETECTORS_MAX, count, told != NULL ? told : folder,
                                  err);
}

struct run_options {
    const char *out, *scale, *detectors, *scenario;
    bool dry_run;
};

static enum plab_status parse_run(int argc, char **argv, struct plab_cli *cli,
                                  struct run_options *options, bool *helped,
                                  struct plab_error *err) {
    const struct plab_opt opts[] = {
        {'o', "out", PLAB_OPT_TEXT, &options->out, "DIR",
         "run folder, new or empty (default: runs/<UTC time>-<name>)", 0, 0, NULL},
        {0, "scale", PLAB_OPT_TEXT, &options->scale, "FACTOR",
         "multiply durations and expected minimums (default 1)", 0, 0, NULL},
        {0, "detectors", PLAB_OPT_TEXT, &options->detectors, "DIR|none",
         "detectors to run (default: ../detectors beside the scenario)", 0, 0, NULL},
        {'n', "dry-run", PLAB_OPT_FLAG, &options->dry_run, NULL, "print the plan, touch nothing", 0,
         0, NULL},
    };
    const char *operands[1];
    size_t operand_count;
    enum plab_status status = plab_opt_parse(cli, &run_verb, opts, PLAB_ARRAY_LEN(opts), argc, argv,
                                             operands, 1, &operand_count, helped, err);
    if (status == PLAB_OK && !*helped && operand_count != 1) {
        return plab_fail(err, PLAB_E_USAGE,
                         "run which scenario? for instance configs/scenarios/quickstart.yaml");
    }
    options->scenario = status == PLAB_OK && !*helped ? operands[0] : NULL;
    return status;
}

/* Runs `plan` with this very program and the detectors. */
static enum plab_status run_here(const struct plab_cli *cli, const struct plab_run_config *plan,
                                 const struct run_options *options, struct plab_error *err) {
    static struct plab_detector_file files[PLAB_DETECTORS_MAX];
    struct plab_run_config config = *plan;
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot find this program: /proc/self/exe: %m");
    }
    self[n] = '\0';
    config.program = config.guard = self;
    enum plab_status status =
        load_detectors(options->detectors, options->scenario, files, &config.detector_count, err);
    config.detectors = files;
    if (status == PLAB_OK) {
        status = run_and_tell(cli, &config, err);
    }
    for (size_t i = 0; i < config.detector_count; i++) {
        plab_detector_free(&files[i]);
    }
    return status;
}

static enum plab_status cmd_run(int argc, char **argv, struct plab_error *err) {
    struct run_options options = {.out = NULL};
    struct plab_cli cli;
    struct plab_scenario scenario;
    bool helped;
    enum plab_status status = parse_run(argc, argv, &cli, &options, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    struct plab_run_config config = {
        .scenario = &scenario,
        .scenario_path = options.scenario,
        .program = "powlab",
        .out = options.out,
        .proc_root = "/proc",
        .sys_root = "/sys",
        .version = plab_version,
        .commit = plab_commit,
        .log = &cli.log,
    };
    status = load(options.scenario, options.scale, &scenario, &config.scale, err);
    if (status == PLAB_OK && options.dry_run) {
        plab_run_print_plan(&config);
        return PLAB_OK;
    }
    return status == PLAB_OK ? run_here(&cli, &config, &options, err) : status;
}

/* ---- lab exec ---- */

static enum plab_status cmd_exec(int argc, char **argv, struct plab_error *err) {
    static const struct plab_verb exec_verb = {
        .name = "lab exec",
        .summary = "run a program that is killed when its parent ends; used by lab run",
        .usage = "--parent PID -- PROGRAM [ARGUMENT...]",
        .examples = "  powlab lab exec --parent $$ -- /bin/sleep 1000\n",
    };
    uint64_t parent = 0, nice = 0;
    const struct plab_opt opts[] = {
        {0, "parent", PLAB_OPT_U64, &parent, "PID", "process that this one must be a child of", 1,
         INT_MAX, NULL},
        {0, "nice", PLAB_OPT_U64, &nice, "N", "nice value (default: 0)", 0, 19, NULL},
    };
    struct plab_cli cli;
    const char *none[1];
    size_t operand_count;
    bool helped;
    int own = 1; /* words before the program's, "--" included */
    while (own < argc && strcmp(argv[own], "--") != 0) {
        own++;
    }
    enum plab_status status = plab_opt_parse(&cli, &exec_verb, opts, PLAB_ARRAY_LEN(opts), own,
                                             argv, none, 0, &operand_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (parent == 0 || own + 1 >= argc) {
        return plab_fail(err, PLAB_E_USAGE, "lab exec needs --parent PID -- PROGRAM");
    }
    return plab_child_exec((int)parent, (int)nice, argv + own + 1, err);
}

/* ---- lab ---- */

static const struct {
    const char *name;
    plab_verb_fn *run;
    const char *summary;
} verbs[] = {
    {"run", cmd_run, "run a scenario: pool, workers, phases, recorders, report"},
    {"detect", plab_cmd_lab_detect, "run detectors over a finished run, compare with the truth"},
    {"fidelity", plab_cmd_lab_fidelity, "how alike two runs are, channel by channel"},
    {"flows", plab_cmd_lab_flows, "flows, labels and relabelled packets of a finished run, again"},
    {"sample", plab_cmd_lab_sample, "what a detector on the host could see of a process"},
    {"exec", cmd_exec, "run a program that is killed when its parent ends; used by run"},
};

static void print_help(FILE *out) {
    fprintf(out, "powlab lab: the laboratory\n\n"
                 "Usage: powlab lab run [options] SCENARIO\n\n");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(verbs); i++) {
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    }
    fprintf(out, "\npowlab lab run --help explains its options.\n");
}

enum plab_status plab_cmd_lab(int argc, char **argv, struct plab_error *err) {
    const char *names[PLAB_ARRAY_LEN(verbs)];
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < PLAB_ARRAY_LEN(verbs); i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return verbs[i].run(argc - 1, argv + 1, err);
        }
        names[i] = verbs[i].name;
    }
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
        print_help(stdout);
        return PLAB_OK;
    }
    if (name[0] == '\0') {
        print_help(stderr);
        return plab_fail(err, PLAB_E_USAGE, "say what: powlab lab run SCENARIO");
    }
    const char *near = plab_suggest(name, names, PLAB_ARRAY_LEN(names));
    return plab_fail(err, PLAB_E_USAGE, "unknown \"lab %s\"; %s%s", name,
                     near != NULL ? "did you mean lab " : "there is lab run",
                     near != NULL ? near : "");
}
