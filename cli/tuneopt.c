/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/tuneopt.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/version.h"
#include "host/tune_cache.h"

void plab_tune_options_setup(struct plab_tune_options *options, const struct plab_cli *cli,
                             struct plab_tune_setup *setup) {
    bool cached = plab_tune_cache_path(getenv("XDG_CACHE_HOME"), getenv("HOME"), options->path,
                                       sizeof options->path);
    snprintf(options->version, sizeof options->version, "%s-%s", plab_version, plab_commit);
    *setup = (struct plab_tune_setup){
        .mode = options->off ? PLAB_TUNE_OFF : PLAB_TUNE_AUTO,
        .cache_path = cached ? options->path : NULL,
        .version = options->version,
        .features = cli->features,
    };
}

json_t *plab_json_tuning(const struct plab_tuning *tuning) {
    const struct plab_tune_choice *choice = &tuning->choice;
    json_t *tried = json_array();
    for (unsigned i = 0; i < tuning->trial_count; i++) {
        const struct plab_tune_trial *trial = &tuning->trials[i];
        json_array_append_new(tried,
                              json_pack("{s:s, s:f, s:i, s:i, s:b}", "name", trial->name, "ratio",
                                        trial->ratio, "wins", (int)trial->wins, "rounds",
                                        (int)trial->rounds, "taken", (int)trial->taken));
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:f, s:f, s:s?, s:o}", "lanes", (int)choice->lanes,
                     "item_prefetch", plab_prefetch_name((enum plab_prefetch)choice->hints.item),
                     "line_prefetch", plab_prefetch_name((enum plab_prefetch)choice->hints.lines),
                     "loop", choice->loop_isa, "source", plab_tuning_source_name(tuning->source),
                     "ratio", tuning->ratio, "seconds", tuning->seconds, "note",
                     tuning->note[0] != '\0' ? tuning->note : NULL, "tried", tried);
}

const char *plab_tuning_tried(const struct plab_tuning *tuning, char out[PLAB_TUNE_TRIED_TEXT]) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < tuning->trial_count && used < PLAB_TUNE_TRIED_TEXT; i++) {
        const struct plab_tune_trial *trial = &tuning->trials[i];
        used += (size_t)snprintf(out + used, PLAB_TUNE_TRIED_TEXT - used, "%s%s %.3f%s",
                                 used > 0 ? ", " : "", trial->name, trial->ratio,
                                 trial->taken ? " (taken)" : "");
    }
    return out;
}
