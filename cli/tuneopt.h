/* SPDX-License-Identifier: BSD-3-Clause */
/* Options about how a thread hashes, which several verbs have, and how the choice is told. */
#ifndef PLAB_CLI_TUNEOPT_H
#define PLAB_CLI_TUNEOPT_H

#include <limits.h>

#include "cli/opt.h"
#include "host/tune.h"
#include "pow/randomx.h"

struct json_t; /* jansson */

struct plab_tune_options {
    uint64_t lanes; /* 0: not given */
    bool off;
    char path[PATH_MAX]; /* set by plab_tune_options_setup(), as is the next */
    char version[80];
};

/* Rows for a table of options. */
#define PLAB_TUNE_OPTS(options)                                        \
    {0,                                                                \
     "lanes",                                                          \
     PLAB_OPT_U64,                                                     \
     &(options)->lanes,                                                \
     "N",                                                              \
     "hashes that a thread has under way (default: tuned)",            \
     1,                                                                \
     PLAB_RX_LANES_MAX,                                                \
     NULL},                                                            \
    {                                                                  \
        0, "no-tune", PLAB_OPT_FLAG, &(options)->off, NULL,            \
            "don't measure what suits RandomX's fast mode", 0, 0, NULL \
    }

/* Lines for --help about them. */
#define PLAB_TUNE_NOTES                                                                         \
    "In fast mode a few seconds of paired measurements choose how many hashes a thread has\n"   \
    "under way, how memory is asked for ahead, and which compiler makes the code. The result\n" \
    "is kept in $XDG_CACHE_HOME/powlab/tuning (or ~/.cache/powlab/tuning) for the next time.\n"

/* What was asked for. `setup` borrows `options` (which has the texts) as long as it is used. */
void plab_tune_options_setup(struct plab_tune_options *options, const struct plab_cli *cli,
                             struct plab_tune_setup *setup);

/* {"lanes": .., "item_prefetch": .., "line_prefetch": .., "loop": .., "source": "measured",
 * "ratio": .., "seconds": .., "note": .., "tried": [{"name": .., "ratio": .., "wins": ..,
 * "rounds": .., "taken": ..}]}. Returns owned. */
struct json_t *plab_json_tuning(const struct plab_tuning *tuning);

/* "lanes 3 1.081 (taken), lanes 4 0.912": the ratios that were measured. Returns `out`. */
#define PLAB_TUNE_TRIED_TEXT 512
const char *plab_tuning_tried(const struct plab_tuning *tuning, char out[PLAB_TUNE_TRIED_TEXT]);

#endif
