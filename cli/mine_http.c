/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP API of "powlab mine", when it was asked for. */
#include <string.h>
#include <unistd.h>

#include "cli/envexp.h"
#include "cli/mine_priv.h"
#include "cli/version.h"

enum plab_status plab_mine_http_configure(struct plab_mine *mine, struct plab_error *err) {
    const struct plab_mine_http_options *o = &mine->options.http;
    struct plab_mine_http *http = &mine->http;
    if (o->port == PLAB_MINE_HTTP_OFF) {
        return o->host != NULL || o->token != NULL || o->port_file != NULL
                   ? plab_fail(err, PLAB_E_USAGE,
                               "--http-host, --http-token and --http-port-file need --http-port")
                   : PLAB_OK;
    }
    if (o->token != NULL &&
        (!plab_env_expand(o->token, http->token, sizeof http->token) || http->token[0] == '\0')) {
        return plab_fail(err, PLAB_E_USAGE, "--http-token takes a text of 1 to %zu bytes",
                         sizeof http->token - 1);
    }
    if (gethostname(http->worker_id, sizeof http->worker_id - 1) != 0) {
        http->worker_id[0] = '\0';
    }
    return PLAB_OK;
}

struct plab_api *plab_mine_http_new(const struct plab_mine *mine) {
    const struct plab_mine_http_options *o = &mine->options.http;
    const struct plab_mine_machine *machine = &mine->machine;
    const char *rig_id = mine->config.client.login.rig_id;
    if (o->port == PLAB_MINE_HTTP_OFF) {
        return NULL;
    }
    const struct plab_api_config config = {
        .host = o->host != NULL ? o->host : "127.0.0.1",
        .port = (uint16_t)o->port,
        .token = o->token != NULL ? mine->http.token : NULL,
        .port_file = o->port_file,
        .miner = &mine->config,
        .facts = {.version = plab_version,
                  .worker_id = rig_id[0] != '\0' ? rig_id : mine->http.worker_id,
                  .packages = machine->packages,
                  .cores = machine->cores,
                  .pus = machine->pus,
                  .nodes = machine->nodes,
                  .l2_bytes = machine->l2_bytes,
                  .l3_bytes = machine->l3_bytes,
                  .features = mine->cli.features},
    };
    return plab_api_new(&config);
}
