/* SPDX-License-Identifier: BSD-3-Clause */
/* Detection on a finished run. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/jsonout.h"
#include "cli/lab_detect.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "lab/detect.h"

static const struct plab_verb verb = {
    .name = "lab detect",
    .summary = "run detectors over a finished run, and compare with the truth",
    .usage = "[options] RUN",
    .examples = "  powlab lab detect runs/20261128T071612Z-quickstart\n"
                "  powlab lab detect --detectors my-detectors RUN\n",
    .notes = "RUN is a run's folder. Writes detections.jsonl and verdicts.json into it and\n"
             "prints, for each detector, flows, processes or hosts found (TP), falsely found\n"
             "(FP), missed (FN) and rightly left alone (TN). A detector first has to fire on one\n"
             "canary and stay silent on another; one that doesn't is not running, never silent.\n"
             "configs/README.md explains the detectors' files.\n",
    .has_json = true,
};

static enum plab_status tell(const struct plab_detection *detections, size_t count,
                             const struct plab_evidence *evidence, const struct plab_cli *cli,
                             bool to_json, struct plab_error *err) {
    if (cli->json == NULL || strcmp(cli->json, "-") != 0) {
        plab_detect_print(detections, count);
    }
    return to_json && cli->json != NULL
               ? plab_json_emit(plab_detect_json(detections, count, evidence), cli->json, err)
               : PLAB_OK;
}

/* The verdicts are written and told also when they aren't what was expected. */
static enum plab_status detect_all(const struct plab_lab_detect *what,
                                   const struct plab_evidence *evidence, const struct plab_cli *cli,
                                   struct plab_error *err) {
    struct plab_detection *detections = calloc(what->count + 1, sizeof *detections);
    struct plab_error why = {.text = ""};
    if (detections == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %zu detectors", what->count);
    }
    for (size_t i = 0; i < what->count; i++) {
        plab_log_debug(&cli->log, "running %s", what->files[i].detector->title);
        plab_detect_one(&detections[i], &what->files[i], evidence);
        if (detections[i].state != PLAB_DETECT_RAN) {
            plab_log_info(&cli->log, "%s: %s: %s", what->files[i].detector->name,
                          plab_detect_state_name(detections[i].state), detections[i].reason);
        }
    }
    enum plab_status status = plab_detect_write(detections, what->count, evidence, err);
    if (status == PLAB_OK) {
        status = tell(detections, what->count, evidence, cli, what->expect == NULL, err);
    }
    if (status == PLAB_OK && what->expect != NULL) {
        status = plab_detect_expect(detections, what->count, what->expect, &why);
        *err = why;
    }
    for (size_t i = 0; i < what->count; i++) {
        plab_detection_free(&detections[i]);
    }
    free(detections);
    return status;
}

enum plab_status plab_lab_detect(const struct plab_lab_detect *what, const char *folder,
                                 const struct plab_cli *cli, struct plab_error *err) {
    struct plab_evidence evidence;
    enum plab_status status = plab_evidence_load(&evidence, folder, err);
    if (status == PLAB_OK) {
        status = detect_all(what, &evidence, cli, err);
        plab_evidence_free(&evidence);
    }
    return status;
}

enum plab_status plab_cmd_lab_detect(int argc, char **argv, struct plab_error *err) {
    const char *folder = "configs/detectors", *operands[1];
    const struct plab_opt opts[] = {
        {0, "detectors", PLAB_OPT_TEXT, &folder, "DIR",
         "folder of detectors' files (default: configs/detectors)", 0, 0, NULL},
    };
    struct plab_cli cli;
    static struct plab_detector_file files[PLAB_DETECTORS_MAX];
    size_t operand_count, count = 0;
    bool helped;
    enum plab_status status = plab_opt_parse(&cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv,
                                             operands, 1, &operand_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (operand_count != 1) {
        return plab_fail(err, PLAB_E_USAGE, "detect in which run? give its folder");
    }
    status = plab_detector_load_all(files, PLAB_DETECTORS_MAX, &count, folder, err);
    if (status == PLAB_OK) {
        const struct plab_lab_detect what = {.files = files, .count = count};
        status = plab_lab_detect(&what, operands[0], &cli, err);
    }
    for (size_t i = 0; i < count; i++) {
        plab_detector_free(&files[i]);
    }
    return status;
}
