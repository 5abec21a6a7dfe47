/* SPDX-License-Identifier: BSD-3-Clause */
/* Pinned workers feeding a Stratum client: pool_client/miner.h does it, this file asks and answers.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/clock.h"
#include "cli/jsonout.h"
#include "cli/memopt.h"
#include "cli/opt.h"
#include "cli/progress.h"
#include "cli/tuneopt.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "host/ident.h"
#include "pool_client/miner.h"

#define WALLET_LENGTH 90 /* addresses of CryptoNote coins have 95 characters and more */
#define REPORT_MS 60000  /* between two lines with rates */

static const struct plab_verb verb = {
    .name = "mine",
    .summary = "pinned workers feeding a Stratum client",
    .usage = "-o HOST:PORT [options]",
    .examples = "  powlab mine -o 127.0.0.1:3333 -a rx/0 -u worker1 -t 2\n"
                "  powlab mine -o 127.0.0.1:3333 --duration 60s --json result.json\n"
                "  powlab mine -o 127.0.0.1:3333 -o 127.0.0.1:3334 --retries 2 --shares 20\n"
                "  powlab mine -o 10.0.0.5:3333 --cpus 0,2 --duty 50\n",
    .notes =
        "Pools are lab addresses only; a name is judged by what it resolves to. With several -o\n"
        "the next one is tried after --retries failures, and the first one takes over again\n"
        "when it is back. The algorithm is the one that the pool names in its job; -a counts for\n"
        "pools that name none, and comes first in the list that the login sends.\n"
        "The run ends by itself (--duration, one hour unless said) and exits with 0, 1 when\n"
        "shares were rejected or too few accepted, 6 when no pool ever gave a session, 8 when\n"
        "the lab-only rule refused. Ctrl-C ends it at once, with the summary.\n"
        "A RandomX seed that a job announces (next_seed_hash) gets its cache built "
        "ahead.\n" PLAB_TUNE_NOTES
        "--stats appends {\"t_ns\",\"hashes\",\"accepted\",\"rejected\"} to a file every second.\n",
    .has_json = true,
    .has_kernels = true,
};

/* ---- what was asked for ---- */

struct options {
    struct plab_opt_list urls;
    const char *user, *pass, *algo, *rig_id, *agent, *affinity, *cpus, *stats;
    uint64_t threads, duty, retries, retry_pause_ms, duration_ms, shares;
    struct plab_mem_options mem;
    struct plab_tune_options tune;
    bool keepalive, no_pin;
};

static enum plab_status parse(struct options *o, struct plab_cli *cli, int argc, char **argv,
                              bool *helped, struct plab_error *err) {
    const struct plab_opt opts[] = {
        {'o', "url", PLAB_OPT_LIST, &o->urls, "HOST:PORT", "pool; repeat it for fail-over", 0, 0,
         NULL},
        {'u', "user", PLAB_OPT_TEXT, &o->user, "TEXT", "login (default lab)", 0, 0, NULL},
        {'p', "pass", PLAB_OPT_TEXT, &o->pass, "TEXT", "password (default x)", 0, 0, NULL},
        {'a', "algo", PLAB_OPT_TEXT, &o->algo, "NAME",
         "for jobs that don't name one (default rx/0)", 0, 0, NULL},
        {'t', "threads", PLAB_OPT_U64, &o->threads, "N",
         "threads (default: what cores and L3 suit)", 1, 1024, NULL},
        {'k', "keepalive", PLAB_OPT_FLAG, &o->keepalive, NULL,
         "send keepalives though the pool doesn't ask for them", 0, 0, NULL},
        {0, "rig-id", PLAB_OPT_TEXT, &o->rig_id, "TEXT", "name of this rig (default none)", 0, 0,
         NULL},
        {0, "user-agent", PLAB_OPT_TEXT, &o->agent, "TEXT",
         "agent in the login (default: powlab/VERSION (Linux ...) ...)", 0, 0, NULL},
        {0, "cpu-affinity", PLAB_OPT_TEXT, &o->affinity, "MASK", "pin to the CPUs of 0x5", 0, 0,
         NULL},
        {0, "cpus", PLAB_OPT_TEXT, &o->cpus, "LIST", "pin to these CPUs, in this order: 0,2-3", 0,
         0, NULL},
        {0, "no-pin", PLAB_OPT_FLAG, &o->no_pin, NULL, "leave placement to the scheduler", 0, 0,
         NULL},
        PLAB_MEM_OPTS(&o->mem, "auto (default), fast or light"),
        PLAB_TUNE_OPTS(&o->tune),
        {0, "duty", PLAB_OPT_U64, &o->duty, "PERCENT",
         "hash only this share of the time (default 100)", 1, 100, NULL},
        {0, "retries", PLAB_OPT_U64, &o->retries, "N",
         "failures of a pool before the next (default 5)", 1, 1000, NULL},
        {0, "retry-pause", PLAB_OPT_DURATION, &o->retry_pause_ms, "TIME",
         "first pause, doubled up to 30s (default 1s)", 1, 3600000, NULL},
        {'d', "duration", PLAB_OPT_DURATION, &o->duration_ms, "TIME",
         "the run ends after that (default 1h)", 1, UINT64_C(366) * 24 * 3600 * 1000, NULL},
        {'n', "shares", PLAB_OPT_U64, &o->shares, "N", "end after N accepted shares", 1, INT64_MAX,
         NULL},
        {0, "stats", PLAB_OPT_TEXT, &o->stats, "FILE", "append counts every second", 0, 0, NULL},
    };
    size_t operands;
    return plab_opt_parse(cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv, NULL, 0, &operands,
                          helped, err);
}

/* Copies a text of the login, which must fit and be UTF-8, or the pool would read something else.
 */
static enum plab_status take_text(const char *option, const char *text, char *out,
                                  struct plab_error *err) {
    size_t len = strlen(text);
    json_t *checked = len <= PLAB_STRATUM_TEXT_MAX ? json_stringn(text, len) : NULL;
    if (checked == NULL) {
        return plab_fail(err, PLAB_E_USAGE, "%s takes UTF-8 text of at most %d bytes", option,
                         PLAB_STRATUM_TEXT_MAX);
    }
    json_decref(checked);
    memcpy(out, text, len + 1);
    return PLAB_OK;
}

static const char *default_agent(char out[PLAB_STRATUM_TEXT_MAX]) {
    char compiler[64];
    snprintf(compiler, sizeof compiler, "%s", plab_compiler);
    char *blank = strchr(compiler, ' ');
    if (blank != NULL) {
        *blank = '/';
    }
    snprintf(out, PLAB_STRATUM_TEXT_MAX, "powlab/%s (Linux %s) libuv/%s %s", plab_version,
             plab_target, uv_version_string(), compiler);
    return out;
}

/* All algorithms that can be mined, the asked one swapped with the first, as XMRig lists them. */
static void list_algos(struct plab_stratum_login *login, const struct plab_algo *first) {
    size_t count;
    const struct plab_algo *algos = plab_algo_list(&count);
    for (size_t i = 0; i < count && login->algo_count < PLAB_STRATUM_ALGO_MAX; i++) {
        const struct plab_algo *algo = i == 0 ? first : &algos[i] == first ? &algos[0] : &algos[i];
        if (!algo->no_pool) {
            snprintf(login->algo[login->algo_count++], sizeof login->algo[0], "%s", algo->name);
        }
    }
}

static enum plab_status make_login(struct plab_stratum_login *login, const struct options *o,
                                   const struct plab_algo *algo, struct plab_error *err) {
    char agent[PLAB_STRATUM_TEXT_MAX];
    enum plab_status status = take_text("--user", o->user, login->login, err);
    if (status == PLAB_OK) {
        status = take_text("--pass", o->pass, login->pass, err);
    }
    if (status == PLAB_OK) {
        status = take_text("--rig-id", o->rig_id, login->rig_id, err);
    }
    if (status == PLAB_OK) {
        status = take_text("--user-agent", o->agent != NULL ? o->agent : default_agent(agent),
                           login->agent, err);
    }
    list_algos(login, algo);
    return status;
}

static enum plab_status parse_pools(const struct options *o,
                                    struct plab_url pools[PLAB_OPT_LIST_MAX],
                                    struct plab_error *err) {
    if (o->urls.count == 0) {
        return plab_fail(err, PLAB_E_USAGE, "which pool? for instance -o 127.0.0.1:3333");
    }
    for (size_t i = 0; i < o->urls.count; i++) {
        enum plab_status status = plab_url_parse(o->urls.items[i], &pools[i], err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    return PLAB_OK;
}

static enum plab_status make_plan(struct plab_pin_plan *plan, const struct options *o,
                                  const struct plab_algo *algo, struct plab_error *err) {
    if ((o->cpus != NULL) + (o->affinity != NULL) + o->no_pin > 1) {
        return plab_fail(err, PLAB_E_USAGE,
                         "--cpus, --cpu-affinity and --no-pin exclude each other");
    }
    const struct plab_pin_request request = {
        .threads = (unsigned)o->threads,
        .scratchpad_bytes = algo->scratchpad_bytes,
        .cpus = o->cpus != NULL ? o->cpus : o->affinity,
        .pin = !o->no_pin,
    };
    struct plab_topology topology;
    enum plab_status status = plab_topology_load(&topology, NULL, NULL, err);
    if (status == PLAB_OK) {
        status = plab_pin_plan_make(plan, &topology, &request, err);
        plab_topology_free(&topology);
    }
    return status;
}

/* ---- telling ---- */

/* "pinned to CPUs 0,2" or "not pinned". */
static const char *pinning_text(const struct plab_pin_plan *plan, char *out, size_t cap) {
    size_t at = 0;
    for (unsigned i = 0; i < plan->threads && at < cap; i++) {
        if (plan->slots[i].cpu < 0) {
            snprintf(out, cap, "not pinned");
            return out;
        }
        at += (size_t)snprintf(out + at, cap - at, "%s%d", i == 0 ? "pinned to CPUs " : ",",
                               plan->slots[i].cpu);
    }
    return out;
}

static void tell_kernels(const struct plab_cli *cli, const struct plab_algo *algo) {
    char text[600];
    size_t at = 0;
    json_t *kernels = plab_json_kernels(&cli->kernels, algo);
    const char *name;
    json_t *isa;
    json_object_foreach(kernels, name, isa) {
        if (at < sizeof text) {
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s=%s", at > 0 ? " " : "", name,
                                   json_string_value(isa));
        }
    }
    json_decref(kernels);
    plab_log_info(&cli->log, "kernels for %s: %s", algo->name, text);
}

static void tell_end(const struct plab_cli *cli, uint64_t duration_ms) {
    char when[32];
    struct tm tm;
    time_t end = (time_t)((plab_clock_wall_ns() / 1000000 + duration_ms) / 1000);
    localtime_r(&end, &tm);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    plab_log_info(&cli->log, "this run ends at %s, after %.0f s (--duration)", when,
                  (double)duration_ms / 1000);
}

static void tell_start(const struct plab_cli *cli, const struct options *o,
                       const struct plab_miner_config *config) {
    char text[400];
    struct plab_ident ident;
    const struct plab_pin_plan *plan = config->workers.plan;
    plab_ident_read(&ident);
    plab_log_info(&cli->log, "powlab %s (%s), %s", plab_version, plab_commit,
                  ident.brand[0] != '\0' ? ident.brand : "unknown processor");
    tell_kernels(cli, config->algo);
    plab_log_info(&cli->log, "%u thread%s, %s: %s", plan->threads, plan->threads == 1 ? "" : "s",
                  pinning_text(plan, text, sizeof text), plan->reason);
    plab_log_info(&cli->log, "huge pages: %s; RandomX mode: %s; duty %u %%",
                  plab_page_policy_name(config->workers.pages),
                  plab_rx_mode_name(config->workers.rx_mode), config->workers.duty_percent);
    for (size_t i = 0; i < config->client.pool_count; i++) {
        char name[PLAB_URL_NAME_LEN];
        plab_log_info(&cli->log, "pool %zu of %zu: %s as %s", i + 1, config->client.pool_count,
                      plab_url_name(&config->client.pools[i], name),
                      plab_log_escape(o->user, strlen(o->user), text, sizeof text));
    }
    if (strlen(o->user) >= WALLET_LENGTH) {
        plab_log_warn(&cli->log, "the user looks like a wallet; in a lab any text will do");
    }
    tell_end(cli, config->duration_ms);
}

static double rate_of(const struct plab_miner_result *result) {
    return result->hashing_s > 0 ? (double)result->hashes / result->hashing_s : 0;
}

static uint64_t reconnects_of(const struct plab_miner_result *result) {
    return result->logins > 0 ? result->logins - 1 : 0;
}

static const char *algo_name(const struct plab_miner_result *result) {
    return result->algo != NULL ? result->algo->name : "no algorithm";
}

static void print_summary(const struct plab_miner_result *result) {
    char pages[64], dataset[128], tuning[PLAB_TUNING_TEXT];
    printf("%.1f s, %s, %u threads (%u pinned)", result->duration_s, algo_name(result),
           result->workers.threads, result->workers.pinned);
    if (result->pages.asked_bytes > 0) {
        printf(", pages: %s", plab_pages_describe(&result->pages, pages, sizeof pages));
    }
    printf("\n");
    if (result->workers.rx_mode != PLAB_RX_AUTO) {
        printf("dataset   %s\n",
               plab_dataset_describe(&result->workers.dataset, dataset, sizeof dataset));
    }
    if (result->workers.tuned) {
        printf("tuning    %s\n",
               plab_tuning_describe(&result->workers.tuning, tuning, sizeof tuning));
    }
    printf("hashes    %" PRIu64 " in %.1f s of hashing: %.2f H/s\n", result->hashes,
           result->hashing_s, rate_of(result));
    printf("shares    %" PRIu64 " accepted, %" PRIu64 " rejected, %" PRIu64 " stale, %" PRIu64
           " unanswered, %" PRIu64 " not sent\n",
           result->accepted, result->rejected, result->stale, result->unanswered, result->not_sent);
    printf("answers   mean %.1f ms, slowest %.1f ms\n", result->latency_mean_ms,
           result->latency_max_ms);
    printf("sessions  %" PRIu64 " logins (%" PRIu64 " reconnects), %" PRIu64 " jobs, %" PRIu64
           " refused\n",
           result->logins, reconnects_of(result), result->jobs, result->jobs_refused);
}

static json_t *result_json(const struct plab_cli *cli, const struct plab_miner_config *config,
                           const struct plab_miner_result *result, enum plab_status status) {
    enum plab_rx_mode mode = result->workers.rx_mode;
    json_t *root = json_pack(
        "{s:s, s:s, s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "schema",
        "powlab-mine/1", "status", plab_status_text(status), "exit_code",
        plab_status_exit_code(status), "interrupted", (int)result->interrupted, "accepted",
        (json_int_t)result->accepted, "rejected", (json_int_t)result->rejected, "stale",
        (json_int_t)result->stale, "unanswered", (json_int_t)result->unanswered, "not_sent",
        (json_int_t)result->not_sent, "hashes", (json_int_t)result->hashes, "duration_s",
        result->duration_s, "hashing_s", result->hashing_s, "rate_hps", rate_of(result));
    if (root == NULL) {
        return NULL;
    }
    json_object_set_new(root, "algo",
                        result->algo != NULL ? json_string(result->algo->name) : json_null());
    json_object_set_new(root, "threads", json_integer(result->workers.threads));
    json_object_set_new(root, "pinned", json_integer(result->workers.pinned));
    json_object_set_new(root, "duty_percent", json_integer(config->workers.duty_percent));
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
    json_object_set_new(root, "reconnects", json_integer((json_int_t)reconnects_of(result)));
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

/* The run's own failure goes before one of telling it. */
static enum plab_status run_and_tell(const struct plab_cli *cli,
                                     const struct plab_miner_config *config,
                                     struct plab_error *err) {
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
        print_summary(&result);
    }
    if (cli->json != NULL) {
        enum plab_status json_status =
            plab_json_emit(result_json(cli, config, &result, status), cli->json, &why);
        if (status == PLAB_OK && json_status != PLAB_OK) {
            *err = why;
            status = json_status;
        }
    }
    return status;
}

static enum plab_status configure(struct plab_miner_config *config, struct options *o,
                                  const struct plab_cli *cli,
                                  struct plab_url pools[PLAB_OPT_LIST_MAX],
                                  struct plab_error *err) {
    plab_client_defaults(&config->client);
    config->client.pools = pools;
    config->client.pool_count = o->urls.count;
    config->client.keepalive = o->keepalive;
    config->client.retries = (unsigned)o->retries;
    config->client.retry_base_ms = o->retry_pause_ms;
    config->client.seed = plab_clock_ns();
    config->client.log = &cli->log;
    config->workers.kernels = &cli->kernels;
    config->workers.pages = (enum plab_page_policy)o->mem.pages;
    config->workers.numa = (enum plab_numa_policy)o->mem.numa;
    config->workers.dataset_mem_bytes = o->mem.dataset_mem;
    config->workers.lanes = (unsigned)o->tune.lanes;
    plab_tune_options_setup(&o->tune, cli, &config->workers.tune);
    config->workers.duty_percent = (unsigned)o->duty;
    config->duration_ms = o->duration_ms;
    config->shares = o->shares;
    config->report_ms = REPORT_MS;
    config->stats_path = o->stats;
    enum plab_status status =
        plab_mem_options_mode(&o->mem, PLAB_RX_AUTO, &config->workers.rx_mode, err);
    if (status == PLAB_OK) {
        status = plab_algo_find(o->algo, &config->algo, err);
    }
    if (status == PLAB_OK) {
        status = plab_algo_check_pool(config->algo, err);
    }
    if (status == PLAB_OK) {
        status = parse_pools(o, pools, err);
    }
    if (status == PLAB_OK) {
        status = plab_client_check(&config->client, err);
    }
    return status == PLAB_OK ? make_login(&config->client.login, o, config->algo, err) : status;
}

enum plab_status plab_cmd_mine(int argc, char **argv, struct plab_error *err) {
    struct options o = {
        .user = "lab",
        .pass = "x",
        .algo = "rx/0",
        .rig_id = "",
        .mem = PLAB_MEM_OPTIONS_INIT,
        .duty = 100,
        .retries = 5,
        .retry_pause_ms = 1000,
        .duration_ms = UINT64_C(3600) * 1000,
    };
    struct plab_cli cli;
    struct plab_miner_config config = {0};
    struct plab_url pools[PLAB_OPT_LIST_MAX];
    struct plab_pin_plan plan = {0};
    struct plab_progress progress;
    bool helped;
    enum plab_status status = parse(&o, &cli, argc, argv, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    status = configure(&config, &o, &cli, pools, err);
    if (status == PLAB_OK) {
        status = make_plan(&plan, &o, config.algo, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    config.workers.plan = &plan;
    plab_progress_open(&progress, &cli);
    if (progress.terminal) {
        config.progress = plab_progress_seed;
        config.progress_cookie = &progress;
    }
    tell_start(&cli, &o, &config);
    status = run_and_tell(&cli, &config, err);
    plab_pin_plan_free(&plan);
    return status;
}
