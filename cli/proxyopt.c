/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/proxyopt.h"

#include <stdio.h>

#include "cli/agent.h"

static enum plab_status set_login(const struct plab_proxy_options *options, const char *algo,
                                  struct plab_stratum_login *login, struct plab_error *err) {
    const char *user = options->user != NULL ? options->user : "lab-proxy";
    const char *pass = options->pass != NULL ? options->pass : "x";
    char agent[PLAB_STRATUM_TEXT_MAX];
    int user_len = snprintf(login->login, sizeof login->login, "%s", user);
    int pass_len = snprintf(login->pass, sizeof login->pass, "%s", pass);
    if (user_len < 1 || user_len > PLAB_STRATUM_TEXT_MAX || pass_len > PLAB_STRATUM_TEXT_MAX) {
        return plab_fail(err, PLAB_E_USAGE,
                         "--upstream-user has 1 to %d bytes, --upstream-pass at most as many",
                         PLAB_STRATUM_TEXT_MAX);
    }
    snprintf(login->agent, sizeof login->agent, "%s", plab_agent(agent));
    snprintf(login->algo[0], sizeof login->algo[0], "%s", algo);
    login->algo_count = 1;
    return PLAB_OK;
}

static enum plab_status check(const struct plab_proxy_options *options,
                              const struct plab_pool_config *config, struct plab_error *err) {
    bool others = options->user != NULL || options->pass != NULL || options->links > 0 ||
                  options->trust || options->tls.ca != NULL || options->tls.fingerprint != NULL;
    if (options->urls.count == 0 && others) {
        return plab_fail(err, PLAB_E_USAGE, "options --upstream-... need --upstream URL");
    }
    if (options->urls.count > 0 && config->daemon_url != NULL) {
        return plab_fail(err, PLAB_E_USAGE, "--upstream and --daemon exclude each other");
    }
    return PLAB_OK;
}

enum plab_status plab_proxy_options_set(struct plab_proxy_options *options,
                                        struct plab_pool_config *config, struct plab_error *err) {
    struct plab_client_config *client = &options->client;
    enum plab_status status = check(options, config, err);
    if (status != PLAB_OK || options->urls.count == 0) {
        return status;
    }
    plab_client_defaults(client);
    for (size_t i = 0; i < options->urls.count && status == PLAB_OK; i++) {
        status = plab_url_parse(options->urls.items[i], &options->pools[i], err);
    }
    if (status == PLAB_OK) {
        status = plab_tls_options_set(&options->tls, options->pools, options->urls.count,
                                      &client->tls, err);
    }
    if (status == PLAB_OK) {
        status = set_login(options, config->algo->name, &client->login, err);
    }
    client->pools = options->pools;
    client->pool_count = options->urls.count;
    client->keepalive = true;
    config->upstream = client;
    config->upstream_trust = options->trust;
    if (options->links > 0) {
        config->upstream_links_max = (unsigned)options->links;
    }
    return status;
}
