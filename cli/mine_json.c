/* SPDX-License-Identifier: BSD-3-Clause */
/* The result of "powlab mine" as a document. */
#include <jansson.h>

#include "cli/jsonout.h"
#include "cli/mine_priv.h"

/* What became of each pool of the list, or of the daemon. */
static json_t *pools_json(const struct plab_mine *mine, const struct plab_client_stats *client) {
    json_t *pools = json_array();
    for (size_t i = 0; i < client->pool_count; i++) {
        const struct plab_client_tally *tally = &client->tally[i];
        bool tls = mine->config.solo == NULL && mine->pools[i].tls;
        json_array_append_new(
            pools, json_pack("{s:s, s:b, s:I, s:I, s:I}", "name", tally->name, "tls", (int)tls,
                             "attempts", (json_int_t)tally->attempts, "logins",
                             (json_int_t)tally->logins, "failures", (json_int_t)tally->failures));
    }
    return pools;
}

/* The newest session. */
static json_t *connection_json(const struct plab_mine *mine,
                               const struct plab_client_stats *client) {
    const bool tls = client->tls_version[0] != '\0';
    return json_pack("{s:s, s:s?, s:s, s:s, s:s?, s:s?, s:I, s:I, s:s}", "source",
                     mine->config.solo != NULL ? "daemon" : "pools", "dialect",
                     mine->config.solo != NULL ? NULL : mine->config.client.dialect->name, "name",
                     client->tally[client->pool].name, "address", client->address, "tls",
                     tls ? client->tls_version : NULL, "tls_fingerprint",
                     tls ? client->tls_fingerprint : NULL, "failures", (json_int_t)client->failures,
                     "redirects", (json_int_t)client->redirects, "last_failure",
                     client->last_reason);
}

static json_t *real_or_null(double value) {
    return value < 0 ? json_null() : json_real(value);
}

json_t *plab_mine_json(const struct plab_mine *mine, const struct plab_miner_result *result,
                       enum plab_status status) {
    const struct plab_cli *cli = &mine->cli;
    const struct plab_miner_config *config = &mine->config;
    enum plab_rx_mode mode = result->workers.rx_mode;
    json_t *root = json_pack(
        "{s:s, s:s, s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "schema",
        "powlab-mine/1", "status", plab_status_text(status), "exit_code",
        plab_status_exit_code(status), "interrupted", (int)result->interrupted, "accepted",
        (json_int_t)result->accepted, "rejected", (json_int_t)result->rejected, "stale",
        (json_int_t)result->stale, "unanswered", (json_int_t)result->unanswered, "not_sent",
        (json_int_t)result->not_sent, "hashes", (json_int_t)result->hashes, "duration_s",
        result->duration_s, "hashing_s", result->hashing_s, "rate_hps", plab_mine_rate_hps(result));
    if (root == NULL) {
        return NULL;
    }
    json_object_set_new(root, "algo",
                        result->algo != NULL ? json_string(result->algo->name) : json_null());
    json_object_set_new(root, "threads", json_integer(result->workers.threads));
    json_object_set_new(root, "pinned", json_integer(result->workers.pinned));
    json_object_set_new(root, "duty_percent", json_integer(config->workers.duty_percent));
    json_object_set_new(root, "yields", json_boolean(config->workers.yields));
    json_object_set_new(root, "randomx_mode",
                        json_string(mode == PLAB_RX_AUTO ? "none" : plab_rx_mode_name(mode)));
    json_object_set_new(root, "dataset",
                        mode == PLAB_RX_AUTO ? json_null()
                                             : plab_json_dataset(&result->workers.dataset));
    json_object_set_new(root, "tuning",
                        result->workers.tuned ? plab_json_tuning(&result->workers.tuning)
                                              : json_null());
    json_object_set_new(root, "caches_ahead",
                        json_integer((json_int_t)result->workers.caches_ahead));
    json_object_set_new(root, "seed_builds", json_integer((json_int_t)result->workers.seed_builds));
    json_object_set_new(root, "last_build_s", json_real(result->workers.last_build_s));
    json_object_set_new(root, "logins", json_integer((json_int_t)result->logins));
    json_object_set_new(root, "reconnects", json_integer((json_int_t)plab_mine_reconnects(result)));
    json_object_set_new(root, "connection", connection_json(mine, &result->client));
    json_object_set_new(root, "pools", pools_json(mine, &result->client));
    json_object_set_new(root, "accepted_difficulty",
                        json_integer((json_int_t)result->accepted_difficulty));
    json_object_set_new(root, "rate_max_hps", real_or_null(result->rate_max_hps));
    json_object_set_new(root, "jobs", json_integer((json_int_t)result->jobs));
    json_object_set_new(root, "jobs_refused", json_integer((json_int_t)result->jobs_refused));
    json_object_set_new(root, "latency_mean_ms", json_real(result->latency_mean_ms));
    json_object_set_new(root, "latency_max_ms", json_real(result->latency_max_ms));
    struct plab_kernels kernels = cli->kernels;
    if (result->workers.tuned) {
        plab_tune_apply(&result->workers.tuning.choice, &kernels);
    }
    json_object_set_new(root, "kernels", plab_json_kernels(&kernels, result->algo));
    json_object_set_new(root, "pages", plab_json_pages(&result->pages));
    return root;
}
