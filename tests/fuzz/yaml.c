/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of the user's in YAML: scenarios, suites, scripts of faults. Complaints point into the
 * text; what is accepted keeps to its limits, and is accepted again.
 *
 * Input: a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/scenario.h"
#include "lab/suite.h"
#include "pool/fault_script.h"
#include "tests/fuzz/fuzz.h"
#include "yaml/load.h"
#include "yaml/place.h"

#define PATH "x.yaml"

/* "x.yaml:LINE:COLUMN: ..." with a place that is there, or just behind the end. */
static void check_complaint(const char *text, size_t len, enum plab_status status,
                            const struct plab_error *err) {
    size_t line = 0, column = 0, lines = 1;
    FUZZ_HOLDS(plab_fuzz_ends(err->text, sizeof err->text));
    FUZZ_HOLDS((status == PLAB_OK) == (err->text[0] == '\0'));
    if (status == PLAB_OK || status == PLAB_E_NOMEM) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n' || text[i] == '\r' || text[i] == '\x85' || text[i] == '\xa8' ||
                 text[i] == '\xa9'; /* YAML's line ends: CR, NEL, LS, PS too */
    }
    FUZZ_HOLDS(sscanf(err->text, PATH ":%zu:%zu: ", &line, &column) == 2);
    FUZZ_HOLDS(line >= 1 && line <= lines + 1 && column >= 1 && column <= len + 1);
}

static void check_scenario(const char *text, size_t len) {
    static struct plab_scenario scenario, again;
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_scenario_parse(&scenario, text, len, PATH, &err);
    check_complaint(text, len, status, &err);
    if (status != PLAB_OK) {
        return;
    }
    FUZZ_HOLDS(scenario.worker_count <= PLAB_SCENARIO_WORKERS_MAX);
    FUZZ_HOLDS(scenario.control_count <= PLAB_SCENARIO_CONTROLS_MAX);
    FUZZ_HOLDS(scenario.phase_count >= 1 && scenario.phase_count <= PLAB_SCENARIO_PHASES_MAX);
    FUZZ_HOLDS(plab_fuzz_ends(scenario.name, sizeof scenario.name) && scenario.name[0] != '\0');
    FUZZ_HOLDS(plab_scenario_duration_ms(&scenario) > 0);
    FUZZ_HOLDS(plab_scenario_parse(&again, text, len, PATH, &err) == PLAB_OK);
    FUZZ_HOLDS(plab_scenario_scale(&again, 1, &err) == PLAB_OK);
    FUZZ_HOLDS(plab_scenario_duration_ms(&again) == plab_scenario_duration_ms(&scenario));
}

static void check_faults(const char *text, size_t len) {
    struct plab_error err = {.text = ""};
    struct plab_fault_script *script = NULL;
    enum plab_status status = plab_fault_script_parse(&script, text, len, PATH, &err);
    check_complaint(text, len, status, &err);
    FUZZ_HOLDS((status == PLAB_OK) == (script != NULL));
    if (script != NULL) {
        FUZZ_HOLDS(script->rule_count >= 1 && script->rule_count <= PLAB_FAULT_RULES_MAX);
        for (size_t i = 0; i < script->rule_count; i++) {
            FUZZ_HOLDS(plab_fault_name(script->rules[i].kind) != NULL);
            FUZZ_HOLDS(script->rules[i].from_ms <= script->rules[i].until_ms);
        }
    }
    plab_fault_script_free(&script);
    FUZZ_HOLDS(script == NULL);
}

static void check_suite(const char *text, size_t len) {
    struct plab_suite suite;
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_suite_parse(&suite, text, len, PATH, &err);
    check_complaint(text, len, status, &err);
    if (status == PLAB_OK) {
        FUZZ_HOLDS(plab_suite_is(text, len) && suite.count > 0);
        plab_suite_free(&suite);
    }
}

static void check_places(const char *text, size_t len) {
    static const char *const paths[] = {"", "a", "phases[0].name", "[1]", "rules[2].when.x", "["};
    struct plab_yaml_mark mark;
    struct plab_error err = {.text = ""};
    bool good = plab_yaml_check(text, len, &mark, &err) == PLAB_OK;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(paths); i++) {
        bool found = plab_yaml_locate(text, len, paths[i], &mark);
        FUZZ_HOLDS(mark.line >= 1 && mark.column >= 1);
        FUZZ_HOLDS(!good || !found || mark.line <= len + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char duration[32];
    uint64_t ms;
    size_t len = size < sizeof duration ? size : sizeof duration - 1;
    memcpy(duration, data, len);
    duration[len] = '\0';
    (void)plab_yaml_duration(duration, &ms);
    check_places((const char *)data, size);
    check_scenario((const char *)data, size);
    check_faults((const char *)data, size);
    check_suite((const char *)data, size);
    return 0;
}
