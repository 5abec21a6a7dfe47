/* SPDX-License-Identifier: BSD-3-Clause */
/* Pinned workers feeding a Stratum client: pool_client/miner.h does it, this verb asks and answers.
 */
#include <string.h>

#include "cli/jsonout.h"
#include "cli/mine_control.h"
#include "cli/mine_keys.h"
#include "cli/mine_priv.h"
#include "cli/progress.h"
#include "cli/verbs.h"

/* The run's own failure goes before one of telling it. */
static enum plab_status run_and_tell(const struct plab_mine *mine, struct plab_error *err) {
    const struct plab_cli *cli = &mine->cli;
    const struct plab_miner_config *config = &mine->config;
    struct plab_miner_result result;
    struct plab_error why = {.text = ""};
    enum plab_status status = plab_miner_run(config, &result, err);
    if (config->progress != NULL) {
        plab_progress_clear(config->progress_cookie);
    }
    if (result.duration_s <= 0) {
        return status; /* it didn't start */
    }
    if (cli->json == NULL || strcmp(cli->json, "-") != 0) {
        plab_mine_print_result(&result);
    }
    if (cli->json != NULL) {
        enum plab_status json_status =
            plab_json_emit(plab_mine_json(mine, &result, status), cli->json, &why);
        if (status == PLAB_OK && json_status != PLAB_OK) {
            *err = why;
            status = json_status;
        }
    }
    return status;
}

enum plab_status plab_cmd_mine(int argc, char **argv, struct plab_error *err) {
    struct plab_mine mine;
    struct plab_progress progress;
    bool helped;
    enum plab_status status = plab_mine_parse(&mine, argc, argv, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    status = plab_mine_configure(&mine, err);
    if (status != PLAB_OK) {
        return status;
    }
    plab_progress_open(&progress, &mine.cli);
    if (progress.terminal) {
        mine.config.progress = plab_progress_seed;
        mine.config.progress_cookie = &progress;
    }
    struct plab_mine_control *control = mine.options.control ? plab_mine_control_new(&mine) : NULL;
    if (control != NULL) {
        mine.config.guests[mine.config.guest_count++] = plab_mine_control_guest(control);
    }
    struct plab_mine_keys *keys = control == NULL ? plab_mine_keys_new(&mine) : NULL;
    if (keys != NULL) {
        mine.config.guests[mine.config.guest_count++] = plab_mine_keys_guest(keys);
    }
    struct plab_api *api = plab_mine_http_new(&mine);
    if (api != NULL) {
        mine.config.guests[mine.config.guest_count++] = plab_api_guest(api);
    }
    plab_mine_tell_start(&mine, keys != NULL);
    status = run_and_tell(&mine, err);
    plab_api_free(api);
    plab_mine_keys_free(keys);
    plab_mine_control_free(control);
    plab_pin_plan_free(&mine.plan);
    return status;
}
