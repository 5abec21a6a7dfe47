/* SPDX-License-Identifier: BSD-3-Clause */
/* (Re-)builds the HTML report of a run. */
#include <stdio.h>

#include "cli/opt.h"
#include "cli/verbs.h"
#include "lab/report.h"

static const struct plab_verb verb = {
    .name = "report",
    .summary = "(re-)build the HTML report of a run",
    .usage = "[options] RUN",
    .examples = "  powlab report runs/20261128T071612Z-quickstart\n",
    .notes = "RUN is a run's folder. Writes report.html into it, one file that opens without a\n"
             "network, and prints its path. lab run does the same at its end.\n",
};

enum plab_status plab_cmd_report(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    const char *operands[1];
    size_t operand_count;
    bool helped;
    enum plab_status status =
        plab_opt_parse(&cli, &verb, NULL, 0, argc, argv, operands, 1, &operand_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (operand_count != 1) {
        return plab_fail(err, PLAB_E_USAGE, "report on which run? give its folder");
    }
    status = plab_report_build(operands[0], err);
    if (status == PLAB_OK) {
        printf("%s/report.html\n", operands[0]);
    }
    return status;
}
