/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/detect.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/canary.h"
#include "lab/program.h"

const char *plab_detect_state_name(enum plab_detect_state state) {
    static const char *const names[] = {
#define PLAB_DETECT_STATE_NAME(kind, word) [PLAB_DETECT_##kind] = (word),
        PLAB_DETECT_STATE_LIST(PLAB_DETECT_STATE_NAME)
#undef PLAB_DETECT_STATE_NAME
    };
    return names[state];
}

static void set_state(struct plab_detection *detection, enum plab_detect_state state,
                      const char *reason) {
    detection->state = state;
    snprintf(detection->reason, sizeof detection->reason, "%s", reason);
}

static bool is_input(const struct plab_detection *detection, const char *input) {
    return strcmp(detection->file->detector->input, input) == 0;
}

/* raw/detect/NAME of the run; made when it isn't there. */
static bool make_folder(const struct plab_evidence *evidence, const char *name, char *out,
                        size_t cap) {
    static const char *const parts[] = {"raw", "raw/detect"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(parts); i++) {
        snprintf(out, cap, "%s/%s", evidence->folder, parts[i]);
        mkdir(out, 0755);
    }
    snprintf(out, cap, "%s/raw/detect/%s", evidence->folder, name);
    return mkdir(out, 0755) == 0 || errno == EEXIST;
}

/* ---- canaries ---- */

/* Writes the canary's input for a program: a capture, or a file to look at. */
static enum plab_status write_canary(const struct plab_detection *detection, const char *path,
                                     const char *text, struct plab_error *err) {
    return is_input(detection, "process") ? plab_file_write(path, text, strlen(text), err)
                                          : plab_canary_capture(path, text, err);
}

static enum plab_status run_program_canary(const struct plab_detection *detection,
                                           const char *folder, const char *name, const char *text,
                                           struct plab_alerts *alerts, struct plab_error *err) {
    char path[PATH_MAX + 128], out[PATH_MAX + 96];
    struct plab_evidence evidence;
    snprintf(out, sizeof out, "%s/canary-%s", folder, name);
    mkdir(out, 0755);
    snprintf(path, sizeof path, "%s/input", out);
    enum plab_status status = write_canary(detection, path, text, err);
    if (status == PLAB_OK) {
        status = plab_canary_evidence(&evidence, "flows", "a\n", err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    const struct plab_program_inputs inputs = {
        .pcap = path, .keys = "/dev/null", .target = path, .out = out};
    const struct plab_program_reading reading = {.evidence = &evidence,
                                                 .key = is_input(detection, "process") ? "canary#0"
                                                                                       : NULL,
                                                 .t_s = NAN};
    status = plab_program_run(detection->file, &inputs, &reading, alerts, err);
    plab_evidence_free(&evidence);
    return status;
}

static enum plab_status run_canary(const struct plab_detection *detection, const char *folder,
                                   const char *name, const char *text, bool *fired,
                                   struct plab_error *err) {
    const struct plab_detector *detector = detection->file->detector;
    struct plab_alerts alerts = {.count = 0};
    struct plab_evidence evidence;
    enum plab_status status;
    if (detector->native != NULL) {
        status = plab_canary_evidence(&evidence, detector->input, text, err);
        if (status == PLAB_OK) {
            status = plab_native_run(detection->file, &evidence, &alerts, err);
            plab_evidence_free(&evidence);
        }
    } else {
        status = run_program_canary(detection, folder, name, text, &alerts, err);
    }
    *fired = alerts.count > 0;
    plab_alerts_free(&alerts);
    return status;
}

static enum plab_detect_state state_of(enum plab_status status) {
    return status == PLAB_E_UNSUPPORTED ? PLAB_DETECT_NOT_INSTALLED : PLAB_DETECT_FAILED;
}

/* Sets the state when the detector doesn't do what it must. */
static bool pass_canaries(struct plab_detection *detection, const char *folder) {
    const struct plab_detector_canary *canary = detection->file->detector->canary;
    struct plab_error err = {.text = ""};
    bool fired = false, on_quiet = false;
    enum plab_status status = run_canary(detection, folder, "fire", canary->fire, &fired, &err);
    if (status == PLAB_OK) {
        status = run_canary(detection, folder, "quiet", canary->quiet, &on_quiet, &err);
    }
    if (status != PLAB_OK) {
        set_state(detection, state_of(status), err.text);
        return false;
    }
    detection->canary_fired = fired;
    detection->canary_quiet = !on_quiet;
    if (!fired || on_quiet) {
        set_state(detection, PLAB_DETECT_NOT_RUNNING,
                  fired ? "it fired on the canary that must not make it fire"
                        : "it stayed silent on the canary that must make it fire");
        return false;
    }
    return true;
}

/* ---- the run's evidence ---- */

static bool is_there(const char *path) {
    return access(path, R_OK) == 0;
}

static void look_at_capture(struct plab_detection *detection, const struct plab_evidence *evidence,
                            const char *folder) {
    char pcap[PATH_MAX + 64], keys[PATH_MAX + 64];
    struct plab_error err = {.text = ""};
    bool relabelled = is_input(detection, "relabelled");
    snprintf(pcap, sizeof pcap, "%s/%s", evidence->folder,
             relabelled ? "run-relabelled.pcapng" : "run.pcapng");
    snprintf(keys, sizeof keys, "%s/raw/tls-keys.log", evidence->folder);
    if (!is_there(pcap)) {
        set_state(detection, relabelled ? PLAB_DETECT_BLOCKED : PLAB_DETECT_NOT_APPLICABLE,
                  relabelled ? "its rules look outwards only, and there is no relabelled capture"
                             : "the run has no capture of packets");
        return;
    }
    const struct plab_program_inputs inputs = {
        .pcap = pcap, .keys = is_there(keys) ? keys : "/dev/null", .out = folder};
    const struct plab_program_reading reading = {.evidence = evidence, .t_s = NAN};
    enum plab_status status =
        plab_program_run(detection->file, &inputs, &reading, &detection->alerts, &err);
    if (status != PLAB_OK) {
        set_state(detection, state_of(status), err.text);
    }
}

/* Programs that look at living processes were run during the run, by run_observe.c. */
static void look_at_live_output(struct plab_detection *detection,
                                const struct plab_evidence *evidence) {
    struct plab_error err = {.text = ""};
    size_t seen = 0;
    for (size_t i = 0; i < evidence->unit_count; i++) {
        const struct plab_unit *unit = &evidence->units[i];
        char path[PATH_MAX + 256];
        static char text[1 << 20];
        size_t len = 0;
        snprintf(path, sizeof path, "%s/raw/live/%s.%s.out", evidence->folder,
                 detection->file->detector->name, unit->key);
        if (unit->kind != PLAB_UNIT_PROCESS ||
            plab_file_read(path, text, sizeof text - 1, &len, NULL) != PLAB_OK) {
            continue;
        }
        text[len] = '\0';
        seen++;
        const struct plab_program_reading reading = {
            .evidence = evidence, .key = unit->key, .t_s = NAN};
        if (plab_program_read(detection->file, text, &reading, &detection->alerts, &err) !=
            PLAB_OK) {
            set_state(detection, PLAB_DETECT_FAILED, err.text);
            return;
        }
    }
    if (seen == 0) {
        set_state(detection, PLAB_DETECT_NOT_APPLICABLE,
                  "it looks at living processes, and was not run during this run");
    }
}

/* ---- what watched the whole run ---- */

/* Takes the alerts about processes whose keys begin so out of the list; true when there were any.
 */
static bool take_out(struct plab_alerts *alerts, const char *prefix) {
    size_t kept = 0, count = alerts->count;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(alerts->items[i].key, prefix, strlen(prefix)) != 0) {
            alerts->items[kept++] = alerts->items[i];
        }
    }
    alerts->count = kept;
    return kept < count;
}

static bool has_process(const struct plab_evidence *evidence, const char *prefix) {
    for (size_t i = 0; i < evidence->unit_count; i++) {
        const struct plab_unit *unit = &evidence->units[i];
        if (unit->kind == PLAB_UNIT_PROCESS && strncmp(unit->key, prefix, strlen(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

/* Its canaries were processes of the run (run_watch.c). */
static void judge_watch_canaries(struct plab_detection *detection,
                                 const struct plab_evidence *evidence) {
    char fire[80], quiet[80];
    const char *name = detection->file->detector->name;
    snprintf(fire, sizeof fire, "canary-%.50s-fire#", name);
    snprintf(quiet, sizeof quiet, "canary-%.50s-quiet#", name);
    detection->canary_fired = take_out(&detection->alerts, fire);
    detection->canary_quiet = !take_out(&detection->alerts, quiet);
    if (!has_process(evidence, fire) || !has_process(evidence, quiet)) {
        set_state(detection, PLAB_DETECT_NOT_RUNNING, "the run was over before its canaries");
    } else if (!detection->canary_fired || !detection->canary_quiet) {
        set_state(detection, PLAB_DETECT_NOT_RUNNING,
                  detection->canary_fired ? "it fired on the canary that must not make it fire"
                                          : "it stayed silent on the canary that must make it fire "
                                            "(what it said is in raw/live)");
    }
}

/* Programs that watch everything ran beside the run, by run_watch.c. */
static void look_at_watch(struct plab_detection *detection, const struct plab_evidence *evidence) {
    char path[PATH_MAX + 256];
    struct plab_error err = {.text = ""};
    const struct plab_detector_file *file = detection->file;
    const struct plab_program_reading reading = {.evidence = evidence, .t_s = NAN};
    snprintf(path, sizeof path, "%s/raw/live/%s.out", evidence->folder, file->detector->name);
    if (!is_there(path)) {
        bool installed = plab_program_is_there(file, &err);
        set_state(detection, installed ? PLAB_DETECT_NOT_APPLICABLE : PLAB_DETECT_NOT_INSTALLED,
                  installed ? "it watches a run from its start on, and did not watch this one"
                            : err.text);
    } else if (plab_program_read_file(file, path, &reading, &detection->alerts, &err) != PLAB_OK) {
        set_state(detection, PLAB_DETECT_FAILED, err.text);
    } else {
        judge_watch_canaries(detection, evidence);
    }
}

/* ---- own rules ---- */

static void look_natively(struct plab_detection *detection, const struct plab_evidence *evidence) {
    struct plab_error err = {.text = ""};
    const struct {
        const char *input;
        bool there;
    } inputs[] = {{"samples", json_array_size(evidence->samples) > 0},
                  {"timeline", evidence->timeline.row_count > 0},
                  {"processes", evidence->processes.row_count > 0},
                  {"flows", evidence->flows.row_count > 0}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(inputs); i++) {
        if (is_input(detection, inputs[i].input) && !inputs[i].there) {
            snprintf(err.text, sizeof err.text, "the run has no record of %s", inputs[i].input);
            set_state(detection, PLAB_DETECT_NOT_APPLICABLE, err.text);
            return;
        }
    }
    if (plab_native_run(detection->file, evidence, &detection->alerts, &err) != PLAB_OK) {
        set_state(detection, PLAB_DETECT_FAILED, err.text);
    }
}

static bool any_unit(const struct plab_evidence *evidence, enum plab_unit_kind kind) {
    for (size_t i = 0; i < evidence->unit_count; i++) {
        if (evidence->units[i].kind == kind) {
            return true;
        }
    }
    return false;
}

void plab_detect_one(struct plab_detection *out, const struct plab_detector_file *file,
                     const struct plab_evidence *evidence) {
    char folder[PATH_MAX + 64];
    memset(out, 0, sizeof *out);
    out->file = file;
    out->time_to_detect_s = NAN;
    if (!make_folder(evidence, file->detector->name, folder, sizeof folder)) {
        set_state(out, PLAB_DETECT_FAILED, "its folder below raw/detect can't be made");
        return;
    }
    plab_program_version(file, out->version, sizeof out->version);
    bool watched = is_input(out, "events");
    if (!watched && !pass_canaries(out, folder)) {
        return;
    }
    if (watched) {
        look_at_watch(out, evidence);
    } else if (file->detector->native != NULL) {
        look_natively(out, evidence);
    } else if (is_input(out, "process")) {
        look_at_live_output(out, evidence);
    } else {
        look_at_capture(out, evidence, folder);
    }
    if (out->state == PLAB_DETECT_RAN && !any_unit(evidence, file->kind)) {
        set_state(out, PLAB_DETECT_NOT_APPLICABLE, "the run has nothing of the kind it looks at");
    }
    if (out->state == PLAB_DETECT_RAN && out->alerts.lost) {
        set_state(out, PLAB_DETECT_FAILED, "not enough memory for its alerts");
    }
    plab_detect_judge(out, evidence);
}

void plab_detection_free(struct plab_detection *detection) {
    plab_alerts_free(&detection->alerts);
}

/* ---- beside the truth ---- */

void plab_detect_judge(struct plab_detection *detection, const struct plab_evidence *evidence) {
    if (detection->state != PLAB_DETECT_RAN) {
        return;
    }
    for (size_t i = 0; i < evidence->unit_count; i++) {
        const struct plab_unit *unit = &evidence->units[i];
        if (unit->kind != detection->file->kind) {
            continue;
        }
        const struct plab_alert *alert = plab_alerts_find(&detection->alerts, unit->key);
        switch (unit->side) {
        case PLAB_SIDE_MINING:
            detection->tp += alert != NULL;
            detection->fn += alert == NULL;
            if (alert != NULL) {
                detection->time_to_detect_s =
                    fmin(detection->time_to_detect_s, alert->t_s - evidence->mining_from_s);
            }
            break;
        case PLAB_SIDE_BENIGN:
            detection->fp += alert != NULL;
            detection->tn += alert == NULL;
            break;
        default:
            detection->unjudged_alerts += alert != NULL;
        }
    }
}

bool plab_detection_fired(const struct plab_detection *detection) {
    return detection->state == PLAB_DETECT_RAN && detection->tp + detection->fp > 0;
}

/* ---- beside what is expected ---- */

static enum plab_status expect_one(const struct plab_detection *detection,
                                   enum plab_scenario_verdict verdict, struct plab_error *err) {
    static const char *const words[] = {[PLAB_EXPECT_FIRE] = "to fire",
                                        [PLAB_EXPECT_QUIET] = "to be quiet",
                                        [PLAB_EXPECT_NA] = "not to be applicable"};
    bool ran = detection->state == PLAB_DETECT_RAN, fired = plab_detection_fired(detection);
    enum plab_scenario_verdict got = !ran    ? PLAB_EXPECT_NA
                                     : fired ? PLAB_EXPECT_FIRE
                                             : PLAB_EXPECT_QUIET;
    if (got == verdict) {
        return PLAB_OK;
    }
    return plab_fail(err, PLAB_E_FAILED, "detector %s %s%s%s, expected %s",
                     detection->file->detector->name,
                     !ran    ? plab_detect_state_name(detection->state)
                     : fired ? "fired"
                             : "was quiet",
                     ran ? "" : ": ", ran ? "" : detection->reason, words[verdict]);
}

enum plab_status plab_detect_expect(const struct plab_detection *detections, size_t count,
                                    const struct plab_scenario_expect *expect,
                                    struct plab_error *err) {
    for (size_t i = 0; i < expect->detector_count; i++) {
        const struct plab_scenario_expected *one = &expect->detectors[i];
        size_t at = 0;
        while (at < count && strcmp(detections[at].file->detector->name, one->detector) != 0) {
            at++;
        }
        if (at == count) {
            return plab_fail(err, PLAB_E_FAILED,
                             "there is no detector \"%s\" to expect anything of", one->detector);
        }
        enum plab_status status = expect_one(&detections[at], one->verdict, err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    return PLAB_OK;
}

/* ---- files ---- */

static const char *side_name(enum plab_side side) {
    return side == PLAB_SIDE_MINING ? "mining" : side == PLAB_SIDE_BENIGN ? "benign" : "neither";
}

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(round(value * 1000) / 1000) : json_null();
}

static json_t *alert_json(const struct plab_detection *detection, const struct plab_alert *alert,
                          const struct plab_evidence *evidence) {
    const struct plab_unit *unit = plab_evidence_unit(evidence, detection->file->kind, alert->key);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "detector", detection->file->detector->name,
        "version", detection->version, "unit", plab_unit_kind_name(detection->file->kind), "key",
        alert->key, "name", unit != NULL ? unit->name : "", "t_s", number_or_null(alert->t_s),
        "side", side_name(unit != NULL ? unit->side : PLAB_SIDE_NONE), "evidence", alert->evidence);
}

static json_t *detection_json(const struct plab_detection *detection,
                              const struct plab_evidence *evidence) {
    const struct plab_detector *detector = detection->file->detector;
    json_t *alerts = json_array();
    for (size_t i = 0; i < detection->alerts.count; i++) {
        json_array_append_new(alerts, alert_json(detection, &detection->alerts.items[i], evidence));
    }
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:b, s:b}, s:b, s:o, s:i, s:o}", "name",
        detector->name, "title", detector->title, "layer", detector->layer, "unit", detector->unit,
        "version", detection->version, "state", plab_detect_state_name(detection->state), "reason",
        detection->reason, "canary", "fired", (int)detection->canary_fired, "quiet",
        (int)detection->canary_quiet, "fired", (int)plab_detection_fired(detection),
        "time_to_detect_s", number_or_null(detection->time_to_detect_s), "unjudged_alerts",
        (int)detection->unjudged_alerts, "alerts", alerts);
    json_t *units =
        detection->state == PLAB_DETECT_RAN
            ? json_pack("{s:i, s:i, s:i, s:i}", "tp", (int)detection->tp, "fp", (int)detection->fp,
                        "fn", (int)detection->fn, "tn", (int)detection->tn)
            : json_null();
    json_object_set_new(object, "units", units);
    return object;
}

json_t *plab_detect_json(const struct plab_detection *detections, size_t count,
                         const struct plab_evidence *evidence) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, detection_json(&detections[i], evidence));
    }
    return json_pack("{s:s, s:b, s:o}", "schema", "powlab-verdicts/1", "complete",
                     (int)evidence->complete, "detectors", list);
}

/* Takes the reference to `lines`: an array of objects, one a line. */
static enum plab_status write_lines(const char *path, json_t *lines, struct plab_error *err) {
    char *text = NULL;
    size_t len = 0, i;
    json_t *line;
    FILE *memory = open_memstream(&text, &len);
    json_array_foreach(lines, i, line) {
        json_dumpf(line, memory, JSON_COMPACT | JSON_REAL_PRECISION(10));
        fputc('\n', memory);
    }
    json_decref(lines);
    enum plab_status status =
        memory != NULL && fclose(memory) == 0
            ? plab_file_write(path, text, len, err)
            : plab_fail(err, PLAB_E_NOMEM, "not enough memory to write %s", path);
    free(text);
    return status;
}

enum plab_status plab_detect_write(const struct plab_detection *detections, size_t count,
                                   const struct plab_evidence *evidence, struct plab_error *err) {
    char path[PATH_MAX + 32];
    json_t *alerts = json_array();
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < detections[i].alerts.count; j++) {
            json_array_append_new(
                alerts, alert_json(&detections[i], &detections[i].alerts.items[j], evidence));
        }
    }
    snprintf(path, sizeof path, "%s/detections.jsonl", evidence->folder);
    enum plab_status status = write_lines(path, alerts, err);
    json_t *verdicts = plab_detect_json(detections, count, evidence);
    char *text = json_dumps(verdicts, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    json_decref(verdicts);
    if (status == PLAB_OK && text == NULL) {
        status = plab_fail(err, PLAB_E_NOMEM, "not enough memory for the verdicts");
    }
    if (status == PLAB_OK) {
        snprintf(path, sizeof path, "%s/verdicts.json", evidence->folder);
        status = plab_file_write(path, text, strlen(text), err);
    }
    free(text);
    return status;
}

/* ---- for people ---- */

void plab_detect_print(const struct plab_detection *detections, size_t count) {
    printf("%-18s %-8s %-8s %4s %4s %4s %4s %8s\n", "detector", "layer", "unit", "TP", "FP", "FN",
           "TN", "after s");
    for (size_t i = 0; i < count; i++) {
        const struct plab_detection *one = &detections[i];
        printf("%-18.18s %-8s %-8s", one->file->detector->name, one->file->detector->layer,
               one->file->detector->unit);
        if (one->state != PLAB_DETECT_RAN) {
            printf(" %s\n", plab_detect_state_name(one->state));
            continue;
        }
        printf(" %4u %4u %4u %4u", one->tp, one->fp, one->fn, one->tn);
        if (isfinite(one->time_to_detect_s)) {
            printf(" %8.1f\n", one->time_to_detect_s);
        } else {
            printf(" %8s\n", "-");
        }
    }
}
