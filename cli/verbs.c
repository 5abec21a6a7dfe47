/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

#define SUBVERBS_MAX 16

static void print_help(FILE *out, const struct plab_subverb *verbs, size_t count, const char *verb,
                       const char *about, const char *example) {
    fprintf(out, "powlab %s: %s\n\nUsage: powlab %s <verb> [options] ...\n\n", verb, about, verb);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    }
    fprintf(out, "\nMost often: powlab %s %s. Each verb has its own --help.\n", verb, example);
}

enum plab_status plab_subverb_run(const struct plab_subverb *verbs, size_t count, const char *about,
                                  const char *example, int argc, char **argv,
                                  struct plab_error *err) {
    const char *names[SUBVERBS_MAX];
    const char *verb = argv[0], *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < count && i < SUBVERBS_MAX; i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return verbs[i].run(argc - 1, argv + 1, err);
        }
        names[i] = verbs[i].name;
    }
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
        print_help(stdout, verbs, count, verb, about, example);
        return PLAB_OK;
    }
    if (name[0] == '\0') {
        print_help(stderr, verbs, count, verb, about, example);
        return plab_fail(err, PLAB_E_USAGE, "say what: powlab %s %s", verb, example);
    }
    const char *near = plab_suggest(name, names, count < SUBVERBS_MAX ? count : SUBVERBS_MAX);
    return near != NULL
               ? plab_fail(err, PLAB_E_USAGE, "unknown \"%s %s\"; did you mean %s %s", verb, name,
                           verb, near)
               : plab_fail(err, PLAB_E_USAGE, "unknown \"%s %s\"; powlab %s --help lists them",
                           verb, name, verb);
}
