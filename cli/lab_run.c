/* SPDX-License-Identifier: BSD-3-Clause */
/* A run of a scenario from its file to its report. */
#include "cli/lab_run.h"

#include <jansson.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/jsonout.h"
#include "cli/lab_detect.h"
#include "cli/version.h"
#include "lab/report.h"
#include "lab/run.h"
#include "lab/summary.h"

enum plab_status plab_lab_scale(const char *text, double *out, struct plab_error *err) {
    char *end = NULL;
    *out = text != NULL ? strtod(text, &end) : 1;
    if (text != NULL && (end == text || *end != '\0' || !isfinite(*out) || *out <= 0)) {
        return plab_fail(err, PLAB_E_USAGE, "--scale \"%s\": give a number above 0, such as 0.5",
                         text);
    }
    return PLAB_OK;
}

enum plab_status plab_lab_load(const struct plab_lab_run *what, struct plab_scenario *out,
                               struct plab_error *err) {
    enum plab_status status = plab_scenario_load(out, what->scenario, err);
    return status == PLAB_OK && what->scale != 1 ? plab_scenario_scale(out, what->scale, err)
                                                 : status;
}

/* A failure of the run goes before one of what comes after it. */
static void also(enum plab_status *status, struct plab_error *err, enum plab_status next,
                 const struct plab_error *why) {
    if (*status == PLAB_OK && next != PLAB_OK) {
        *status = next;
        *err = *why;
    }
}

/* What comes after the run itself. */
static void finish(const struct plab_cli *cli, const struct plab_run_config *config,
                   const struct plab_run_record *record, enum plab_status *status,
                   struct plab_error *err) {
    struct plab_error why = {.text = ""};
    if (config->detector_count > 0 && record->end == PLAB_RUN_COMPLETED) {
        const struct plab_lab_detect what = {.files = config->detectors,
                                             .count = config->detector_count,
                                             .expect = &config->scenario->expect};
        also(status, err, plab_lab_detect(&what, record->folder, cli, &why), &why);
    }
    if (record->folder[0] != '\0' && record->end != PLAB_RUN_WRITE_FAILED) {
        also(status, err, plab_report_build(record->folder, &why), &why);
    }
}

static enum plab_status run_and_tell(const struct plab_lab_run *options, const struct plab_cli *cli,
                                     const struct plab_run_config *config, char folder[PATH_MAX],
                                     struct plab_error *err) {
    struct plab_run_record *record = calloc(1, sizeof *record);
    struct plab_error why = {.text = ""};
    if (record == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a run");
    }
    enum plab_status status = plab_run_scenario(config, record, err);
    bool to_stdout = cli->json != NULL && strcmp(cli->json, "-") == 0;
    bool has_folder = record->folder[0] != '\0';
    if (cli->json != NULL && has_folder && !options->silent) {
        also(&status, err,
             plab_json_emit(plab_summary_json(config, record, status), cli->json, &why), &why);
    }
    if (!to_stdout) {
        plab_summary_print(config, record, status, cli->color_out);
    }
    finish(cli, config, record, &status, err);
    if (!to_stdout && has_folder) {
        printf("%s\n", record->folder);
    }
    memcpy(folder, record->folder, PATH_MAX);
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

/* Runs `plan` with this very program and the detectors. */
static enum plab_status run_here(const struct plab_cli *cli, const struct plab_run_config *plan,
                                 const struct plab_lab_run *options, char folder[PATH_MAX],
                                 struct plab_error *err) {
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
        status = run_and_tell(options, cli, &config, folder, err);
    }
    for (size_t i = 0; i < config.detector_count; i++) {
        plab_detector_free(&files[i]);
    }
    return status;
}

enum plab_status plab_lab_run(const struct plab_lab_run *what, const struct plab_cli *cli,
                              char folder[PATH_MAX], struct plab_error *err) {
    struct plab_scenario scenario;
    struct plab_cli silent = *cli;
    struct plab_run_config config = {
        .scenario = &scenario,
        .scenario_path = what->scenario,
        .scale = what->scale,
        .program = "powlab",
        .out = what->out,
        .proc_root = "/proc",
        .sys_root = "/sys",
        .version = plab_version,
        .commit = plab_commit,
        .log = &cli->log,
    };
    folder[0] = '\0';
    enum plab_status status = plab_lab_load(what, &scenario, err);
    if (status == PLAB_OK && what->dry_run) {
        plab_run_print_plan(&config);
        return PLAB_OK;
    }
    silent.json = what->silent ? "-" : cli->json; /* stdout is somebody else's */
    return status == PLAB_OK ? run_here(&silent, &config, what, folder, err) : status;
}
