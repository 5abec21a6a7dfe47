/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>

#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "cli/version.h"

static const struct plab_verb verb = {
    .name = "version",
    .summary = "version and build",
    .usage = "[options]",
    .examples = "  powlab version\n  powlab version --json -\n",
    .has_json = true,
};

enum plab_status plab_cmd_version(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    bool helped;
    size_t operands;
    enum plab_status status =
        plab_opt_parse(&cli, &verb, NULL, 0, argc, argv, NULL, 0, &operands, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (cli.json != NULL) {
        return plab_json_emit(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "schema",
                                        "powlab-version/1", "version", plab_version, "commit",
                                        plab_commit, "config", plab_config, "compiler",
                                        plab_compiler, "flags", plab_cflags, "target", plab_target),
                              cli.json, err);
    }
    printf("powlab %s (%s) %s build, %s, %s\n", plab_version, plab_commit, plab_config,
           plab_compiler, plab_target);
    return PLAB_OK;
}
