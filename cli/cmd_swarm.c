/* SPDX-License-Identifier: BSD-3-Clause */
/* Load for a lab pool: many light sessions, in the foreground, for a limited time. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/agent.h"
#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "net/fdlimit.h"
#include "pool_client/swarm.h"

#define SCHEMA "powlab-swarm/1"
#define HOUR_MS (60u * 60 * 1000)

static const struct plab_verb verb = {
    .name = "swarm",
    .summary = "load for a pool: many light sessions in one process",
    .usage = "[options] -o [SCHEME://]HOST:PORT",
    .examples = "  powlab swarm -o 127.0.0.1:3333 --sessions 1000 --rate 500 --duration 10s\n"
                "  powlab swarm -o 127.0.0.1:3333 --sessions 0 --churn 100000 --duration 5m\n",
    .notes =
        "All sessions log in; then, for --duration, they take jobs and hand in shares that\n"
        "nobody computed, with a result that meets the target by claim. A pool that checks\n"
        "rejects them: start it with --verify-sample for the one kind of load, with\n"
        "--bad-shares-max 1000000 for the other; and with --max-connections and\n"
        "--max-connections-per-host that have room for --sessions. A session has one share\n"
        "under way at most, and pools allow a session only so many a second.\n"
        "With tls:// before the pool's address sessions speak TLS and take any certificate.\n"
        "--churn opens that many more connections beside the sessions, and ends each by an RST:\n"
        "every other one after it logged in.\n"
        "Exit code 6 when sessions or connections failed; the result is written all the same.\n",
    .has_json = true,
};

struct options {
    const char *pool, *user;
    uint64_t sessions;
    struct plab_swarm_config config;
};

static enum plab_status parse(int argc, char **argv, struct plab_cli *cli, struct options *options,
                              bool *helped, struct plab_error *err) {
    struct plab_swarm_config *config = &options->config;
    const struct plab_opt opts[] = {
        {'o', "url", PLAB_OPT_TEXT, &options->pool, "HOST:PORT", "the pool (lab addresses only)", 0,
         0, NULL},
        {'u', "user", PLAB_OPT_TEXT, &options->user, "NAME",
         "login of all sessions (default: lab-swarm)", 0, 0, NULL},
        {0, "sessions", PLAB_OPT_U64, &options->sessions, "N",
         "sessions, 0: none, with --churn (default: 100)", 0, PLAB_SWARM_SESSIONS_MAX, NULL},
        {0, "connect-rate", PLAB_OPT_U64, &config->connect_per_s, "N",
         "connections begun a second, of sessions and of --churn (default: 2000)", 1, 1000000,
         NULL},
        {0, "rate", PLAB_OPT_U64, &config->submit_per_s, "N",
         "shares a second, all sessions together (default: 0)", 0, 10000000, NULL},
        {0, "at-random", PLAB_OPT_FLAG, &config->at_random, NULL,
         "shares at random moments, as miners find them, instead of evenly", 0, 0, NULL},
        {0, "duration", PLAB_OPT_DURATION, &config->duration_ms, "TIME",
         "of the load, after the logins (default: 10s)", 1, 24 * HOUR_MS, NULL},
        {0, "patience", PLAB_OPT_DURATION, &config->patience_ms, "TIME",
         "for the logins of all sessions (default: 1m)", 1, HOUR_MS, NULL},
        {0, "churn", PLAB_OPT_U64, &config->churn, "N",
         "connections that come and go beside the sessions (default: 0)", 0, UINT32_MAX, NULL},
    };
    size_t operands;
    return plab_opt_parse(cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv, NULL, 0, &operands,
                          helped, err);
}

/* A connection that can't be had would look like the pool's fault. */
static enum plab_status fit_files(const struct plab_swarm_config *config, struct plab_error *err) {
    size_t wanted = (size_t)config->sessions + PLAB_SWARM_OTHER_FILES +
                    (config->churn > 0 ? PLAB_SWARM_CHURNERS : 0);
    size_t files = plab_fdlimit_raise(wanted);
    return files >= wanted ? PLAB_OK
                           : plab_fail(err, PLAB_E_RESOURCE,
                                       "%u sessions need %zu open files, the limit is %zu "
                                       "(ulimit -Hn); ask for fewer, or have it raised",
                                       config->sessions, wanted, files);
}

static enum plab_status configure(struct options *options, const struct plab_cli *cli,
                                  struct plab_error *err) {
    struct plab_swarm_config *config = &options->config;
    struct plab_stratum_login *login = &config->login;
    char agent[PLAB_STRATUM_TEXT_MAX];
    if (options->pool == NULL) {
        return plab_fail(err, PLAB_E_USAGE, "load for which pool? give -o HOST:PORT");
    }
    if (options->sessions == 0 && config->churn == 0) {
        return plab_fail(err, PLAB_E_USAGE, "--sessions 0 needs --churn N");
    }
    if (options->user != NULL &&
        (options->user[0] == '\0' || strlen(options->user) > PLAB_STRATUM_TEXT_MAX)) {
        return plab_fail(err, PLAB_E_USAGE, "--user has 1 to %d bytes", PLAB_STRATUM_TEXT_MAX);
    }
    if (options->user != NULL) {
        snprintf(login->login, sizeof login->login, "%s", options->user);
    }
    snprintf(login->agent, sizeof login->agent, "%s", plab_agent(agent));
    config->sessions = (uint32_t)options->sessions;
    config->handle_signals = true;
    config->log = &cli->log;
    enum plab_status status = plab_url_parse(options->pool, &config->pool, err);
    if (status == PLAB_OK && config->pool.websocket) {
        status = plab_fail(err, PLAB_E_USAGE,
                           "swarm speaks lines; WebSocket is mine's: powlab mine "
                           "-o ws://HOST:PORT --dialect ws-coinhive");
    }
    return status == PLAB_OK ? fit_files(config, err) : status;
}

/* Times in seconds. */
static json_t *result_json(const struct plab_swarm_config *config,
                           const struct plab_swarm_result *result) {
    char name[PLAB_URL_NAME_LEN];
    return json_pack(
        "{s:s,s:s,s:I,s:I,s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:f,"
        "s:I,s:I,s:I,s:f,s:s,s:I,s:I}",
        "schema", SCHEMA, "pool", plab_url_name(&config->pool, name), "sessions",
        (json_int_t)config->sessions, "logged_in", (json_int_t)result->logged_in, "not_in",
        (json_int_t)result->not_in, "lost", (json_int_t)result->lost, "logins_s", result->logins_s,
        "load_s", result->load_s, "jobs", (json_int_t)result->jobs, "pushes",
        (json_int_t)result->pushes, "pushes_part", (json_int_t)result->pushes_part, "push_spread_s",
        result->push_spread_s, "push_typical_s", result->push_typical_s, "submits",
        (json_int_t)result->submits, "accepted", (json_int_t)result->accepted, "rejected",
        (json_int_t)result->rejected, "unanswered", (json_int_t)result->unanswered, "errors",
        (json_int_t)result->errors, "submits_per_s", result->submits_per_s, "answer_p50_s",
        result->answer_p50_s, "answer_p99_s", result->answer_p99_s, "answer_max_s",
        result->answer_max_s, "churned", (json_int_t)result->churned, "churn_logins",
        (json_int_t)result->churn_logins, "churn_failed", (json_int_t)result->churn_failed,
        "churn_s", result->churn_s, "trouble", result->trouble, "push_first_ns",
        (json_int_t)result->push_first_ns, "push_last_ns", (json_int_t)result->push_last_ns);
}

static void print_sessions(FILE *out, const struct plab_swarm_config *config,
                           const struct plab_swarm_result *result) {
    fprintf(out, "sessions   %u of %u logged in within %.2f s, %u lost later\n", result->logged_in,
            config->sessions, result->logins_s, result->lost);
    fprintf(out,
            "jobs       %llu; %u pushes to everybody, first to last session %.3f s (worst %.3f)\n",
            (unsigned long long)result->jobs, result->pushes, result->push_typical_s,
            result->push_spread_s);
}

static void print_shares(FILE *out, const struct plab_swarm_result *result) {
    fprintf(out, "shares     %llu: %llu accepted, %llu rejected, %llu unanswered; %.0f a second\n",
            (unsigned long long)result->submits, (unsigned long long)result->accepted,
            (unsigned long long)result->rejected, (unsigned long long)result->unanswered,
            result->submits_per_s);
    fprintf(out, "answers    p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", result->answer_p50_s * 1e3,
            result->answer_p99_s * 1e3, result->answer_max_s * 1e3);
}

static void print_text(const struct plab_swarm_config *config,
                       const struct plab_swarm_result *result) {
    FILE *out = stdout;
    if (config->sessions > 0) {
        print_sessions(out, config, result);
    }
    if (result->submits > 0) {
        print_shares(out, result);
    }
    if (config->churn > 0) {
        fprintf(out, "churn      %llu of %llu, %llu of them logged in, %llu failed, in %.2f s\n",
                (unsigned long long)result->churned, (unsigned long long)config->churn,
                (unsigned long long)result->churn_logins, (unsigned long long)result->churn_failed,
                result->churn_s);
    }
    if (result->errors > 0 || result->trouble[0] != '\0') {
        fprintf(out, "trouble    %llu lines not understood; first: %s\n",
                (unsigned long long)result->errors, result->trouble);
    }
}

/* Was it what was asked for? */
static enum plab_status judge(const struct plab_swarm_config *config,
                              const struct plab_swarm_result *result, struct plab_error *err) {
    if (result->not_in > 0 || result->lost > 0 || result->churned < config->churn ||
        result->errors > 0) {
        return plab_fail(
            err, PLAB_E_NETWORK,
            "%u sessions didn't log in, %u were lost, %llu of %llu connections came and went%s%s",
            result->not_in, result->lost, (unsigned long long)result->churned,
            (unsigned long long)config->churn, result->trouble[0] != '\0' ? ": " : "",
            result->trouble);
    }
    return PLAB_OK;
}

enum plab_status plab_cmd_swarm(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    struct options options = {.pool = NULL};
    struct plab_swarm_result result;
    struct plab_error emit_err = {.text = ""};
    bool helped = false;
    plab_swarm_defaults(&options.config);
    options.sessions = options.config.sessions;
    enum plab_status status = parse(argc, argv, &cli, &options, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    status = configure(&options, &cli, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = plab_swarm_run(&options.config, &result, err);
    if (status == PLAB_OK) {
        status = judge(&options.config, &result, err);
    }
    if (status == PLAB_E_REFUSED) {
        return status; /* nothing was tried */
    }
    bool something = result.logged_in > 0 || result.churned > 0;
    if (something && (cli.json == NULL || strcmp(cli.json, "-") != 0)) {
        print_text(&options.config, &result);
    }
    enum plab_status emitted =
        cli.json != NULL
            ? plab_json_emit(result_json(&options.config, &result), cli.json, &emit_err)
            : PLAB_OK;
    if (status == PLAB_OK && emitted != PLAB_OK) {
        *err = emit_err;
        status = emitted;
    }
    return status;
}
