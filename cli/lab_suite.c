/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios of a suite, one after the other. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/jsonout.h"
#include "cli/lab_run.h"
#include "lab/run.h"
#include "lab/suite.h"
#include "lab/suite_result.h"

struct suite_run {
    const struct plab_lab_run *what; /* of the suite */
    const struct plab_cli *cli;
    const struct plab_suite *suite;
    char folder[PATH_MAX];
    struct plab_suite_result result;
};

/* One that can't go on is no failure of a detector. */
static bool is_the_end(enum plab_status status) {
    return status == PLAB_E_INTERRUPTED || status == PLAB_E_TERMINATED || status == PLAB_E_NOMEM;
}

static struct plab_lab_run plan_of(const struct plab_lab_run *what,
                                   const struct plab_suite_item *item) {
    struct plab_lab_run plan = *what;
    plan.scenario = item->file;
    plan.scale = what->scale * item->scale;
    plan.silent = true;
    plan.out = NULL;
    return plan;
}

static enum plab_status run_one(struct suite_run *suite, const struct plab_suite_item *item,
                                struct plab_error *err) {
    struct plab_lab_run plan = plan_of(suite->what, item);
    struct plab_scenario scenario;
    char folder[PATH_MAX], path[PATH_MAX + PLAB_SCENARIO_NAME_MAX + 32];
    enum plab_status status = plab_lab_load(&plan, &scenario, err);
    if (status != PLAB_OK) {
        return status;
    }
    snprintf(path, sizeof path, "%s/%02zu-%s", suite->folder, suite->result.count + 1,
             scenario.name);
    struct plab_suite_run *run = plab_suite_result_add(&suite->result, scenario.name, path);
    if (run == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a suite");
    }
    uint64_t start_ns = plab_clock_ns();
    plan.out = path;
    plab_log_info(&suite->cli->log, "%s", path);
    run->status = plab_lab_run(&plan, suite->cli, folder, &run->problem);
    run->seconds = (double)(plab_clock_ns() - start_ns) * 1e-9;
    plab_suite_run_read(run);
    if (is_the_end(run->status)) {
        *err = run->problem;
        return run->status;
    }
    return PLAB_OK;
}

/* A run that fails doesn't keep the others from being run. */
static enum plab_status run_all(struct suite_run *suite, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; i < suite->suite->count; i++) {
        const struct plab_suite_item *item = &suite->suite->items[i];
        for (unsigned k = 0; k < item->repeat && status == PLAB_OK; k++) {
            status = run_one(suite, item, err);
        }
    }
    return status;
}

/* What was seen is told also of a suite that was interrupted. */
static enum plab_status tell(const struct suite_run *suite, struct plab_error *err) {
    char path[PATH_MAX + 16];
    const char *json = suite->cli->json, *name = suite->suite->name;
    bool to_stdout = json != NULL && strcmp(json, "-") == 0;
    snprintf(path, sizeof path, "%s/suite.json", suite->folder);
    enum plab_status status =
        plab_json_emit(plab_suite_result_json(&suite->result, name), path, err);
    if (status == PLAB_OK && json != NULL) {
        status = plab_json_emit(plab_suite_result_json(&suite->result, name), json, err);
    }
    if (!to_stdout) {
        plab_suite_print(&suite->result, name);
        printf("%s\n", suite->folder);
    }
    return status;
}

static enum plab_status run_suite(struct suite_run *suite, struct plab_error *err) {
    struct plab_error why = {.text = ""};
    enum plab_status status = plab_run_folder_take(suite->what->out, suite->suite->name,
                                                   plab_clock_wall_ns(), suite->folder, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = run_all(suite, err);
    enum plab_status told = tell(suite, &why);
    if (status == PLAB_OK && told != PLAB_OK) {
        status = told;
        *err = why;
    }
    size_t failures = plab_suite_failures(&suite->result);
    if (status == PLAB_OK && failures > 0) {
        status = plab_fail(err, PLAB_E_FAILED, "%zu of %zu runs failed or weren't as expected",
                           failures, suite->result.count);
    }
    plab_suite_result_free(&suite->result);
    return status;
}

/* Reads every scenario before the first one is run, and prints the plans if that is all. */
static enum plab_status look_ahead(const struct plab_lab_run *what, const struct plab_cli *cli,
                                   const struct plab_suite *suite, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    char folder[PATH_MAX];
    for (size_t i = 0; i < suite->count && status == PLAB_OK; i++) {
        struct plab_lab_run plan = plan_of(what, &suite->items[i]);
        struct plab_scenario scenario;
        status = what->dry_run ? plab_lab_run(&plan, cli, folder, err)
                               : plab_lab_load(&plan, &scenario, err);
    }
    return status;
}

enum plab_status plab_lab_run_suite(const struct plab_lab_run *what, const struct plab_cli *cli,
                                    struct plab_error *err) {
    struct plab_suite suite;
    enum plab_status status = plab_suite_load(&suite, what->scenario, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = look_ahead(what, cli, &suite, err);
    if (status == PLAB_OK && !what->dry_run) {
        struct suite_run run = {.what = what, .cli = cli, .suite = &suite};
        status = run_suite(&run, err);
    }
    plab_suite_free(&suite);
    return status;
}
