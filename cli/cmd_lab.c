/* SPDX-License-Identifier: BSD-3-Clause */
/* The laboratory's verbs: `lab run`, `lab exec`, by which it starts its processes, and the way to
 * the others (cmd_lab_<name>.c). */
#include <stdlib.h>
#include <string.h>

#include "cli/lab_run.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "lab/child.h"
#include "lab/suite.h"

static const struct plab_verb run_verb = {
    .name = "lab run",
    .summary = "run a scenario or a suite: pool, workers, phases, recorders, report",
    .usage = "[options] SCENARIO|SUITE",
    .examples = "  powlab lab run configs/scenarios/quickstart.yaml\n"
                "  powlab lab run --dry-run configs/scenarios/quickstart.yaml\n"
                "  powlab lab run --scale 0.5 --out /tmp/short configs/scenarios/quickstart.yaml\n"
                "  powlab lab run configs/suites/smoke.yaml\n",
    .notes =
        "The run's folder, by default runs/<UTC time>-<name>, holds report.html, report.json,\n"
        "truth.jsonl, timeline.csv, run.pcapng, flows.csv, verdicts.json, logs/ and raw/. Its\n"
        "path is the last line on stdout (with --json - it is \"folder\" in the report). Every\n"
        "login has the run's id in it. Exit code 1: an expectation of the scenario wasn't met,\n"
        "or a process failed. A suite's scenarios are run one after the other; then comes how\n"
        "often each detector was right. configs/README.md explains scenarios, suites and the\n"
        "files of a run.\n",
    .has_json = true,
};

static enum plab_status parse_run(int argc, char **argv, struct plab_cli *cli,
                                  struct plab_lab_run *options, bool *helped,
                                  struct plab_error *err) {
    const char *scale = NULL;
    const struct plab_opt opts[] = {
        {'o', "out", PLAB_OPT_TEXT, &options->out, "DIR",
         "run folder, new or empty (default: runs/<UTC time>-<name>)", 0, 0, NULL},
        {0, "scale", PLAB_OPT_TEXT, &scale, "FACTOR",
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
    if (status == PLAB_OK && !*helped) {
        options->scenario = operands[0];
        status = plab_lab_scale(scale, &options->scale, err);
    }
    return status;
}

static enum plab_status cmd_run(int argc, char **argv, struct plab_error *err) {
    struct plab_lab_run options = {.out = NULL};
    struct plab_cli cli;
    char folder[PATH_MAX];
    bool helped;
    enum plab_status status = parse_run(argc, argv, &cli, &options, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    return plab_suite_is_file(options.scenario) ? plab_lab_run_suite(&options, &cli, err)
                                                : plab_lab_run(&options, &cli, folder, err);
}

/* ---- lab exec ---- */

static enum plab_status cmd_exec(int argc, char **argv, struct plab_error *err) {
    static const struct plab_verb exec_verb = {
        .name = "lab exec",
        .summary = "run a program that is killed when its parent ends; used by lab run",
        .usage = "--parent PID [options] -- PROGRAM [ARGUMENT...]",
        .examples = "  powlab lab exec --parent $$ -- /bin/sleep 1000\n",
    };
    uint64_t parent = 0, nice = 0;
    struct plab_child_exec how = {.parent = 0};
    const struct plab_opt opts[] = {
        {0, "parent", PLAB_OPT_U64, &parent, "PID", "process that this one must be a child of", 1,
         INT_MAX, NULL},
        {0, "nice", PLAB_OPT_U64, &nice, "N", "nice value (default: 0)", 0, 19, NULL},
        {0, "netns", PLAB_OPT_TEXT, &how.enclosure.netns, "PATH", "network namespace to enter", 0,
         0, NULL},
        {0, "etc", PLAB_OPT_TEXT, &how.enclosure.etc, "DIR",
         "its resolv.conf, nsswitch.conf, hosts over those in /etc; hides /run", 0, 0, NULL},
        {0, "writable", PLAB_OPT_TEXT, &how.enclosure.writable, "DIR",
         "with --etc: no privileges, nothing else can be written", 0, 0, NULL},
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
    if (how.enclosure.writable != NULL && how.enclosure.etc == NULL) {
        return plab_fail(err, PLAB_E_USAGE, "--writable goes with --etc");
    }
    how.parent = (int)parent;
    how.nice = (int)nice;
    return plab_child_exec(&how, argv + own + 1, err);
}

/* ---- lab ---- */

static const struct plab_subverb verbs[] = {
    {"run", cmd_run, "run a scenario or a suite: pool, workers, phases, recorders, report"},
    {"detect", plab_cmd_lab_detect, "run detectors over a finished run, compare with the truth"},
    {"fidelity", plab_cmd_lab_fidelity, "how alike two runs are, channel by channel"},
    {"flows", plab_cmd_lab_flows, "flows, labels and relabelled packets of a finished run, again"},
    {"sample", plab_cmd_lab_sample, "what a detector on the host could see of a process"},
    {"exec", cmd_exec, "run a program that is killed when its parent ends; used by run"},
};

enum plab_status plab_cmd_lab(int argc, char **argv, struct plab_error *err) {
    return plab_subverb_run(verbs, PLAB_ARRAY_LEN(verbs), "the laboratory", "run SCENARIO", argc,
                            argv, err);
}
