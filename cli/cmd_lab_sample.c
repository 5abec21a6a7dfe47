/* SPDX-License-Identifier: BSD-3-Clause */
/* What a detector on the host could see of one process; lab run takes such samples of its own. */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/opt.h"
#include "cli/verbs.h"
#include "lab/sample.h"

static const struct plab_verb verb = {
    .name = "lab sample",
    .summary = "what a detector on the host could see of a process",
    .usage = "[options] PID",
    .examples = "  powlab lab sample 4711\n"
                "  powlab lab sample --looks 20 --interval 10ms $(pidof powlab)\n",
    .notes = "Prints one line of JSON: name, command line, names of environment variables,\n"
             "floating point rounding modes of each thread (RandomX changes them, next to\n"
             "nothing else does), system calls by name, large private mappings with the\n"
             "entropy of their bytes. While system calls are counted each stops its thread twice:\n"
             "a process that makes many is slowed down for that time.\n"
             "Needs the right to trace the process; what can't be seen is told as absent.\n",
};

enum plab_status plab_cmd_lab_sample(int argc, char **argv, struct plab_error *err) {
    uint64_t looks = 5, interval_ms = 50, window_ms = 1000, pid;
    const struct plab_opt opts[] = {
        {0, "looks", PLAB_OPT_U64, &looks, "N", "looks at the rounding modes (default: 5)", 1, 1000,
         NULL},
        {0, "interval", PLAB_OPT_DURATION, &interval_ms, "TIME",
         "time between two looks (default: 50ms)", 1, 60000, NULL},
        {0, "syscalls", PLAB_OPT_DURATION, &window_ms, "TIME",
         "count system calls for that long (default: 1s; 0s: don't)", 0, 60000, NULL},
    };
    struct plab_cli cli;
    const char *operands[1];
    size_t operand_count;
    bool helped;
    enum plab_status status = plab_opt_parse(&cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv,
                                             operands, 1, &operand_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (operand_count != 1) {
        return plab_fail(err, PLAB_E_USAGE, "sample which process? give its id");
    }
    status = plab_opt_parse_u64("process id", operands[0], 1, INT_MAX, &pid, err);
    json_t *sample = NULL;
    if (status == PLAB_OK) {
        const struct plab_sample_plan plan = {(unsigned)looks, (unsigned)interval_ms,
                                              (unsigned)window_ms};
        status = plab_sample_take(&sample, (int)pid, &plan, err);
    }
    if (status == PLAB_OK) {
        char *text = json_dumps(sample, JSON_COMPACT | JSON_REAL_PRECISION(6));
        status = text != NULL && puts(text) >= 0
                     ? PLAB_OK
                     : plab_fail(err, PLAB_E_NOMEM, "cannot print the sample");
        free(text);
    }
    json_decref(sample);
    return status;
}
