/* SPDX-License-Identifier: BSD-3-Clause */
/* How alike two runs are. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "lab/fidelity.h"

static const struct plab_verb verb = {
    .name = "lab fidelity",
    .summary = "how alike two runs are, channel by channel",
    .usage = "[options] RUN_A RUN_B",
    .examples = "  powlab lab fidelity runs/ours runs/theirs\n",
    .notes = "Prints a distance for each channel (0: the same), with its statistic and target:\n"
             "messages and sizes on the wire, flow rules, TLS, gaps between shares, CPU,\n"
             "switches, faults, memory, mappings, rounding modes, system calls and their\n"
             "order, hardware counters. A channel that one run lacks is absent, with the\n"
             "reason. The targets are aims, not verdicts: the exit code is 0.\n",
    .has_json = true,
};

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *fidelity_json(const struct plab_fidelity *fidelity, const char *const runs[2]) {
    json_t *channels = json_array();
    for (size_t i = 0; i < fidelity->count; i++) {
        const struct plab_fidelity_channel *one = &fidelity->channels[i];
        json_array_append_new(
            channels, json_pack("{s:s, s:s, s:o, s:o, s:s}", "channel", one->name, "statistic",
                                one->statistic, "distance", number_or_null(one->distance), "target",
                                number_or_null(one->target), "absent", one->reason));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "schema", "powlab-fidelity/1", "run_a", runs[0],
                     "run_b", runs[1], "channels", channels);
}

static void print_table(const struct plab_fidelity *fidelity) {
    printf("%-12s %-22s %8s %8s\n", "channel", "statistic", "distance", "target");
    for (size_t i = 0; i < fidelity->count; i++) {
        const struct plab_fidelity_channel *one = &fidelity->channels[i];
        if (isnan(one->distance)) {
            printf("%-12s absent: %s\n", one->name, one->reason);
            continue;
        }
        printf("%-12s %-22s", one->name, one->statistic);
        if (isnan(one->target)) {
            printf(" %8.3f %8s\n", one->distance, "-");
        } else {
            printf(" %8.3f %8.3f  %s\n", one->distance, one->target,
                   one->distance <= one->target ? "met" : "not met");
        }
    }
}

enum plab_status plab_cmd_lab_fidelity(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    struct plab_fidelity fidelity;
    const char *runs[2];
    size_t run_count;
    bool helped;
    enum plab_status status =
        plab_opt_parse(&cli, &verb, NULL, 0, argc, argv, runs, 2, &run_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (run_count != 2) {
        return plab_fail(err, PLAB_E_USAGE, "compare which two runs? give both folders");
    }
    status = plab_fidelity_compare(&fidelity, runs[0], runs[1], err);
    if (status == PLAB_OK && (cli.json == NULL || strcmp(cli.json, "-") != 0)) {
        print_table(&fidelity);
    }
    if (status == PLAB_OK && cli.json != NULL) {
        status = plab_json_emit(fidelity_json(&fidelity, runs), cli.json, err);
    }
    return status;
}
