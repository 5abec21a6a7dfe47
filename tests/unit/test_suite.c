/* SPDX-License-Identifier: BSD-3-Clause */
/* Suites of scenarios: their files, and what is counted over all runs. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "lab/suite.h"
#include "lab/suite_result.h"
#include "lab/wilson.h"
#include "tests/harness.h"

static void check_interval(unsigned hits, unsigned trials, double low, double high) {
    struct plab_interval got = plab_wilson(hits, trials);
    CHECK_MSG(fabs(got.low - low) < 0.00005 && fabs(got.high - high) < 0.00005,
              "%u of %u: %.5f to %.5f", hits, trials, got.low, got.high);
}

/* 81 of 263, 15 of 148, 0 of 20 and 1 of 29: R. G. Newcombe, Statistics in Medicine 17 (1998),
 * table I, method 3. */
TEST(wilson, published_values) {
    check_interval(81, 263, 0.2553, 0.3662);
    check_interval(15, 148, 0.0624, 0.1605);
    check_interval(0, 20, 0.0000, 0.1611);
    check_interval(1, 29, 0.0061, 0.1718);
    check_interval(8, 10, 0.4902, 0.9433);
}

TEST(wilson, ends) {
    CHECK(isnan(plab_wilson(0, 0).low) && isnan(plab_wilson(0, 0).high));
    check_interval(20, 20, 0.8389, 1.0000);
}

static enum plab_status parse(const char *text, struct plab_suite *out, struct plab_error *err) {
    err->text[0] = '\0';
    return plab_suite_parse(out, text, strlen(text), "s/x.yaml", err);
}

TEST(suite, file) {
    struct plab_suite suite;
    struct plab_error err;
    CHECK_MSG(parse("name: t\n"
                    "scenarios:\n"
                    "  - {file: a.yaml}\n"
                    "  - {file: /b.yaml, scale: 0.25, repeat: 3}\n",
                    &suite, &err) == PLAB_OK,
              "%s", err.text);
    CHECK_STR(suite.name, "t");
    CHECK_U64(suite.count, 2);
    CHECK_STR(suite.items[0].file, "s/a.yaml");
    CHECK(suite.items[0].scale == 1 && suite.items[0].repeat == 1);
    CHECK_STR(suite.items[1].file, "/b.yaml");
    CHECK(suite.items[1].scale == 0.25 && suite.items[1].repeat == 3);
    plab_suite_free(&suite);
}

static void check_bad(const char *text, const char *message) {
    struct plab_suite suite;
    struct plab_error err;
    CHECK_U64(parse(text, &suite, &err), PLAB_E_INPUT);
    CHECK_STR(err.text, message);
    CHECK(suite.items == NULL);
}

TEST(suite, bad_files) {
    check_bad(
        "name: ../t\nscenarios: [{file: a.yaml}]\n",
        "s/x.yaml:1:1: name: a name is 1 to 32 letters, digits, - or _, and doesn't begin with -");
    check_bad("name: t\nscenarios:\n  - {file: a.yaml, scale: 0}\n",
              "s/x.yaml:3:20: scenarios[0].scale: 0 is not above 0");
    check_bad("name: t\nscenarios:\n  - {file: a.yaml, repeat: 101}\n",
              "s/x.yaml:3:20: scenarios[0].repeat: 101 is not within 1 to 100");
    check_bad("name: t\nscenarios:\n  - {file: ''}\n",
              "s/x.yaml:3:6: scenarios[0].file: an empty path");
}

TEST(suite, is_told_from_a_scenario) {
    const char *suite = "name: t\nscenarios: [{file: a.yaml}]\n";
    const char *scenario = "name: scenarios\nphases:\n  - {scenarios: 1}\n";
    CHECK(plab_suite_is(suite, strlen(suite)));
    CHECK(!plab_suite_is(scenario, strlen(scenario)));
    CHECK(!plab_suite_is("a: [", 4));
}

/* ---- what is counted ---- */

static json_t *verdict(const char *name, bool fired, json_t *units, json_t *seconds) {
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "name", name, "layer", "host", "unit",
                     "process", "state", json_is_null(units) ? "not installed" : "ran", "fired",
                     (int)fired, "units", units, "time_to_detect_s", seconds);
}

static json_t *units(int tp, int fp, int fn, int tn) {
    return json_pack("{s:i, s:i, s:i, s:i}", "tp", tp, "fp", fp, "fn", fn, "tn", tn);
}

static void add(struct plab_suite_result *result, const char *scenario, json_t *first,
                json_t *second) {
    struct plab_suite_run *run = plab_suite_result_add(result, scenario, "folder");
    CHECK(run != NULL);
    run->verdicts = json_pack("{s:[o, o]}", "detectors", first, second);
}

TEST(suite, matrix) {
    struct plab_suite_result result = {.count = 0};
    struct plab_suite_row rows[PLAB_DETECTORS_MAX];
    add(&result, "one", verdict("a", true, units(3, 0, 1, 2), json_real(4)),
        verdict("b", false, json_null(), json_null()));
    add(&result, "two", verdict("a", true, units(1, 1, 0, 4), json_real(10)),
        verdict("b", false, units(0, 0, 5, 0), json_null()));
    add(&result, "three", verdict("a", true, units(1, 0, 0, 0), json_real(6)),
        verdict("b", false, json_null(), json_null()));
    (void)plab_suite_result_add(&result, "failed", ""); /* it has no verdicts, and counts nowhere */
    CHECK_U64(plab_suite_rows(&result, rows), 2);
    CHECK_STR(rows[0].detector, "a");
    CHECK_U64(rows[0].tp, 5);
    CHECK_U64(rows[0].fp, 1);
    CHECK_U64(rows[0].fn, 1);
    CHECK_U64(rows[0].tn, 6);
    CHECK_U64(rows[0].ran, 3);
    CHECK(rows[0].median_s == 6);
    CHECK_STR(rows[1].detector, "b");
    CHECK_U64(rows[1].fn, 5);
    CHECK_U64(rows[1].ran, 1);
    CHECK(isnan(rows[1].median_s));
    json_t *json = plab_suite_result_json(&result, "t");
    CHECK_STR(json_string_value(json_object_get(json, "schema")), "powlab-suite/1");
    json_t *row = json_array_get(json_object_get(json, "detectors"), 0);
    CHECK(fabs(json_number_value(json_object_get(row, "tpr")) - 5.0 / 6) < 1e-9);
    json_t *bounds = json_object_get(row, "tpr_95");
    CHECK(json_number_value(json_array_get(bounds, 0)) == plab_wilson(5, 6).low);
    json_t *run = json_array_get(json_object_get(json, "runs"), 1);
    json_t *seen = json_object_get(run, "detectors");
    CHECK_STR(json_string_value(json_object_get(seen, "a")), "fire");
    CHECK_STR(json_string_value(json_object_get(seen, "b")), "quiet");
    run = json_array_get(json_object_get(json, "runs"), 0);
    CHECK_STR(json_string_value(json_object_get(json_object_get(run, "detectors"), "b")), "na");
    json_decref(json);
    plab_suite_result_free(&result);
}
