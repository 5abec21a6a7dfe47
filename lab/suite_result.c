/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/suite_result.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/wilson.h"

struct plab_suite_run *plab_suite_result_add(struct plab_suite_result *result, const char *scenario,
                                             const char *folder) {
    struct plab_suite_run *grown =
        realloc(result->runs, (result->count + 1) * sizeof *result->runs);
    if (grown == NULL) {
        return NULL;
    }
    result->runs = grown;
    struct plab_suite_run *run = &grown[result->count++];
    memset(run, 0, sizeof *run);
    snprintf(run->scenario, sizeof run->scenario, "%s", scenario);
    snprintf(run->folder, sizeof run->folder, "%s", folder);
    return run;
}

void plab_suite_result_free(struct plab_suite_result *result) {
    for (size_t i = 0; i < result->count; i++) {
        json_decref(result->runs[i].verdicts);
    }
    free(result->runs);
    *result = (struct plab_suite_result){.count = 0};
}

void plab_suite_run_read(struct plab_suite_run *run) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/verdicts.json", run->folder);
    json_decref(run->verdicts);
    run->verdicts = json_load_file(path, 0, NULL);
}

size_t plab_suite_failures(const struct plab_suite_result *result) {
    size_t failures = 0;
    for (size_t i = 0; i < result->count; i++) {
        failures += result->runs[i].status != PLAB_OK;
    }
    return failures;
}

/* ---- counting ---- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static unsigned count_of(const json_t *units, const char *key) {
    return (unsigned)json_integer_value(json_object_get(units, key));
}

static const json_t *detectors_of(const struct plab_suite_run *run) {
    return json_object_get(run->verdicts, "detectors"); /* NULL of NULL */
}

static const json_t *verdict_of(const struct plab_suite_run *run, const char *detector) {
    const json_t *list = detectors_of(run), *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (strcmp(text_of(one, "name"), detector) == 0) {
            return one;
        }
    }
    return NULL;
}

static bool has_ran(const json_t *verdict) {
    return json_is_object(json_object_get(verdict, "units"));
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_seconds(const struct plab_suite_result *result, const char *detector) {
    double *seconds = calloc(result->count + 1, sizeof *seconds), median = NAN;
    size_t count = 0;
    for (size_t i = 0; seconds != NULL && i < result->count; i++) {
        const json_t *verdict = verdict_of(&result->runs[i], detector);
        const json_t *one = json_object_get(verdict, "time_to_detect_s");
        if (has_ran(verdict) && json_is_number(one)) {
            seconds[count++] = json_number_value(one);
        }
    }
    if (count > 0) {
        qsort(seconds, count, sizeof *seconds, by_value);
        median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2;
    }
    free(seconds);
    return median;
}

static void count_verdict(struct plab_suite_row *row, const json_t *verdict) {
    const json_t *units = json_object_get(verdict, "units");
    row->tp += count_of(units, "tp");
    row->fp += count_of(units, "fp");
    row->fn += count_of(units, "fn");
    row->tn += count_of(units, "tn");
    row->ran += has_ran(verdict);
}

static struct plab_suite_row *row_of(struct plab_suite_row *rows, size_t *count,
                                     const json_t *verdict) {
    const char *name = text_of(verdict, "name");
    size_t i = 0;
    while (i < *count && strcmp(rows[i].detector, name) != 0) {
        i++;
    }
    if (i == PLAB_DETECTORS_MAX) {
        return NULL;
    }
    if (i == *count) {
        rows[(*count)++] = (struct plab_suite_row){
            .detector = name, .layer = text_of(verdict, "layer"), .unit = text_of(verdict, "unit")};
    }
    return &rows[i];
}

size_t plab_suite_rows(const struct plab_suite_result *result,
                       struct plab_suite_row rows[PLAB_DETECTORS_MAX]) {
    size_t count = 0, k;
    for (size_t i = 0; i < result->count; i++) {
        const json_t *list = detectors_of(&result->runs[i]), *verdict;
        json_array_foreach(list, k, verdict) {
            struct plab_suite_row *row = row_of(rows, &count, verdict);
            if (row != NULL) {
                count_verdict(row, verdict);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].median_s = median_seconds(result, rows[i].detector);
    }
    return count;
}

/* ---- as JSON ---- */

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static void set_rate(json_t *object, const char *name, unsigned hits, unsigned trials) {
    char bounds[16];
    struct plab_interval interval = plab_wilson(hits, trials);
    snprintf(bounds, sizeof bounds, "%s_95", name);
    json_object_set_new(object, name, number_or_null(trials > 0 ? (double)hits / trials : NAN));
    json_object_set_new(object, bounds,
                        trials > 0 ? json_pack("[f, f]", interval.low, interval.high)
                                   : json_null());
}

static json_t *row_json(const struct plab_suite_row *row) {
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "detector", row->detector, "layer",
                  row->layer, "unit", row->unit, "ran", (int)row->ran, "tp", (int)row->tp, "fp",
                  (int)row->fp, "fn", (int)row->fn, "tn", (int)row->tn);
    set_rate(object, "tpr", row->tp, row->tp + row->fn);
    set_rate(object, "fpr", row->fp, row->fp + row->tn);
    json_object_set_new(object, "median_s", number_or_null(row->median_s));
    return object;
}

static const char *word_of(const json_t *verdict) {
    return !has_ran(verdict)                                 ? "na"
           : json_is_true(json_object_get(verdict, "fired")) ? "fire"
                                                             : "quiet";
}

static json_t *run_json(const struct plab_suite_run *run) {
    json_t *seen = json_object();
    const json_t *list = detectors_of(run), *verdict;
    size_t i;
    json_array_foreach(list, i, verdict) {
        json_object_set_new(seen, text_of(verdict, "name"), json_string(word_of(verdict)));
    }
    return json_pack("{s:s, s:s, s:b, s:s, s:f, s:o}", "scenario", run->scenario, "folder",
                     run->folder, "met", (int)(run->status == PLAB_OK), "problem",
                     run->problem.text, "seconds", run->seconds, "detectors", seen);
}

json_t *plab_suite_result_json(const struct plab_suite_result *result, const char *suite) {
    struct plab_suite_row rows[PLAB_DETECTORS_MAX];
    size_t row_count = plab_suite_rows(result, rows);
    json_t *runs = json_array(), *detectors = json_array();
    for (size_t i = 0; i < result->count; i++) {
        json_array_append_new(runs, run_json(&result->runs[i]));
    }
    for (size_t i = 0; i < row_count; i++) {
        json_array_append_new(detectors, row_json(&rows[i]));
    }
    return json_pack("{s:s, s:s, s:i, s:o, s:o}", "schema", "powlab-suite/1", "suite", suite,
                     "failed", (int)plab_suite_failures(result), "runs", runs, "detectors",
                     detectors);
}

/* ---- for people ---- */

static void print_rate(unsigned hits, unsigned trials) {
    struct plab_interval interval = plab_wilson(hits, trials);
    if (trials == 0) {
        printf(" %16s", "-");
    } else {
        printf(" %4.2f (%4.2f-%4.2f)", (double)hits / trials, interval.low, interval.high);
    }
}

static void print_row(const struct plab_suite_row *row) {
    printf("%-16.16s %-7s", row->detector, row->unit);
    if (row->ran == 0) {
        printf(" judged in no run\n");
        return;
    }
    printf(" %3u %3u %3u %3u", row->tp, row->fp, row->fn, row->tn);
    print_rate(row->tp, row->tp + row->fn);
    print_rate(row->fp, row->fp + row->tn);
    if (isfinite(row->median_s)) {
        printf(" %5.1f\n", row->median_s);
    } else {
        printf(" %5s\n", "-");
    }
}

static void print_words(const struct plab_suite_run *run, const char *word) {
    const json_t *list = detectors_of(run), *verdict;
    size_t i, column = 0;
    json_array_foreach(list, i, verdict) {
        const char *name = text_of(verdict, "name");
        if (strcmp(word_of(verdict), word) != 0) {
            continue;
        }
        if (column == 0 || column + 1 + strlen(name) > 80) {
            column = (size_t)printf("%s  %-6s", column > 0 ? "\n" : "", column > 0 ? "" : word) -
                     (column > 0);
        }
        column += (size_t)printf(" %s", name);
    }
    if (column > 0) {
        printf("\n");
    }
}

void plab_suite_print(const struct plab_suite_result *result, const char *suite) {
    static const char *const words[] = {"fire", "quiet", "na"};
    struct plab_suite_row rows[PLAB_DETECTORS_MAX];
    size_t count = plab_suite_rows(result, rows);
    for (size_t i = 0; i < result->count; i++) {
        const struct plab_suite_run *run = &result->runs[i];
        printf("%s  %.0f s  %s%s\n", run->scenario, run->seconds,
               run->status == PLAB_OK ? "as expected" : "FAILED: ",
               run->status == PLAB_OK ? "" : run->problem.text);
        for (size_t k = 0; k < PLAB_ARRAY_LEN(words); k++) {
            print_words(run, words[k]);
        }
    }
    printf("\n%s: %zu runs, %zu of them not as expected; rates with Wilson's 95 %% intervals\n\n",
           suite, result->count, plab_suite_failures(result));
    printf("%-16s %-7s %3s %3s %3s %3s %16s %16s %5s\n", "detector", "unit", "TP", "FP", "FN", "TN",
           "TPR", "FPR", "med s");
    for (size_t i = 0; i < count; i++) {
        print_row(&rows[i]);
    }
}
