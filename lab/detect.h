/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Detection on a finished run: each detector over the evidence, its verdicts beside the truth.
 *
 * In the run's folder afterwards:
 *     detections.jsonl   an alert a line: detector, version, unit, key, t_s, side, evidence
 *     verdicts.json      schema "powlab-verdicts/1": of each detector its state, counts, time to
 *                        detect
 *     raw/detect/NAME/   what each program wrote
 *
 * A unit is counted as TP or FN when it mined, as FP or TN when it didn't. A detector that can't be
 * judged is never counted as one that missed; its state says why.
 */
#ifndef PLAB_LAB_DETECT_H
#define PLAB_LAB_DETECT_H

#include "base/log.h"
#include "lab/detector.h"
#include "lab/scenario.h"

struct json_t; /* jansson */

/* X(enumerator, word in reports) */
#define PLAB_DETECT_STATE_LIST(X)                                                           \
    X(RAN, "ran")                                                                           \
    X(NOT_INSTALLED, "not installed")                                                       \
    X(NOT_RUNNING, "not running")       /* it failed a canary */                            \
    X(NOT_APPLICABLE, "not applicable") /* nothing of the kind that it looks at was seen */ \
    X(BLOCKED, "blocked by address scope")                                                  \
    X(FAILED, "failed")

enum plab_detect_state {
#define PLAB_DETECT_STATE_ENUM(kind, word) PLAB_DETECT_##kind,
    PLAB_DETECT_STATE_LIST(PLAB_DETECT_STATE_ENUM)
#undef PLAB_DETECT_STATE_ENUM
};

const char *plab_detect_state_name(enum plab_detect_state state);

struct plab_detection {
    const struct plab_detector_file *file; /* borrowed */
    enum plab_detect_state state;
    char reason[240]; /* of any state but RAN */
    char version[120];
    bool canary_fired, canary_quiet; /* as they should */
    struct plab_alerts alerts;
    unsigned tp, fp, fn, tn;  /* units */
    unsigned unjudged_alerts; /* on units of neither side */
    double time_to_detect_s; /* from the first mining worker's start to the first true alert; NAN */
};

/* Runs one detector. Always leaves a state; never fails. */
void plab_detect_one(struct plab_detection *out, const struct plab_detector_file *file,
                     const struct plab_evidence *evidence);
void plab_detection_free(struct plab_detection *detection);

/* Counts alerts by the truth; part of plab_detect_one(). */
void plab_detect_judge(struct plab_detection *detection, const struct plab_evidence *evidence);

/* True when it alerted on a unit that mined or on one that didn't. */
bool plab_detection_fired(const struct plab_detection *detection);

/* The verdicts, and the two files of the folder. */
struct json_t *plab_detect_json(const struct plab_detection *detections, size_t count,
                                const struct plab_evidence *evidence);
PLAB_NODISCARD enum plab_status plab_detect_write(const struct plab_detection *detections,
                                                  size_t count,
                                                  const struct plab_evidence *evidence,
                                                  struct plab_error *err);

/* PLAB_OK when each detector that is named did what is expected; PLAB_E_FAILED with the first that
 * didn't, or isn't there. */
PLAB_NODISCARD enum plab_status plab_detect_expect(const struct plab_detection *detections,
                                                   size_t count,
                                                   const struct plab_scenario_expect *expect,
                                                   struct plab_error *err);

/* A table for people, 80 columns. */
void plab_detect_print(const struct plab_detection *detections, size_t count);

#endif
