/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger's verbs: the way to cmd_ledger_<name>.c. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/verbs.h"

static const struct {
    const char *name;
    plab_verb_fn *run;
    const char *summary;
} verbs[] = {
    {"export", plab_cmd_ledger_export, "a table of a pool's ledger as CSV or JSON lines"},
    {"summary", plab_cmd_ledger_summary, "what is in a pool's ledger: runs, shares, workers"},
};

static void print_help(FILE *out) {
    fprintf(out, "powlab ledger: what a pool recorded in a database (pool --ledger)\n\n"
                 "Usage: powlab ledger <verb> [options] LEDGER\n\n");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(verbs); i++) {
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    }
    fprintf(out, "\npowlab ledger export --help explains its options.\n");
}

enum plab_status plab_cmd_ledger(int argc, char **argv, struct plab_error *err) {
    const char *names[PLAB_ARRAY_LEN(verbs)];
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < PLAB_ARRAY_LEN(verbs); i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return verbs[i].run(argc - 1, argv + 1, err);
        }
        names[i] = verbs[i].name;
    }
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
        print_help(stdout);
        return PLAB_OK;
    }
    if (name[0] == '\0') {
        print_help(stderr);
        return plab_fail(err, PLAB_E_USAGE, "say what: powlab ledger summary LEDGER");
    }
    const char *near = plab_suggest(name, names, PLAB_ARRAY_LEN(names));
    return plab_fail(err, PLAB_E_USAGE, "unknown \"ledger %s\"; %s%s", name,
                     near != NULL ? "did you mean ledger " : "there are export and summary",
                     near != NULL ? near : "");
}
