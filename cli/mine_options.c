/* SPDX-License-Identifier: BSD-3-Clause */
/* What "powlab mine" was asked for. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "cli/agent.h"
#include "cli/envexp.h"
#include "cli/mine_priv.h"
#include "cli/version.h"

#define REPORT_MS 60000 /* between two lines with rates */

static const struct plab_verb verb = {
    .name = "mine",
    .summary = "pinned workers feeding a Stratum client",
    .usage = "-o HOST:PORT | --daemon URL [options]",
    .examples = "  powlab mine -o 127.0.0.1:3333 -a rx/0 -u worker1 -t 2\n"
                "  powlab mine -o 127.0.0.1:3333 --duration 60s --json result.json\n"
                "  powlab mine -o 127.0.0.1:3333 -o 127.0.0.1:3334 --retries 2 --shares 20\n"
                "  powlab mine -o stratum+ssl://pool.lab.test:3443 --tls-ca ca.pem\n"
                "  powlab mine -o 127.0.0.1:3333 --http-port 18080\n"
                "  powlab mine -o 10.0.0.5:3333 --cpus 0,2 --duty 50\n"
                "  powlab mine --daemon http://127.0.0.1:18081 -t 2\n",
    .notes =
        "Pools are lab addresses only; a name is judged by what it resolves to. With several -o\n"
        "the next one is tried after --retries failures, and the first one takes over again\n"
        "when it is back. The algorithm is the one that the pool names in its job; -a counts for\n"
        "pools that name none, and comes first in the list that the login sends.\n"
        "The run ends by itself (--duration, one hour unless said) and exits with 0, 1 when\n"
        "shares were rejected or too few accepted, 6 when no pool ever gave a session, 8 when\n"
        "the lab-only rule refused. Ctrl-C ends it at once, with the summary.\n"
        "A RandomX seed that a job announces (next_seed_hash) gets its cache built "
        "ahead.\n" PLAB_TLS_NOTES PLAB_TUNE_NOTES
        "--dialect: xmrig, xmr-stak, xmr-stak-cpu, cpuminer-multi, stratum1, getblocktemplate;\n"
        "ws-coinhive, a browser miner's, for pools at -o ws://HOST:PORT and wss://HOST:PORT.\n"
        "On a terminal: h hash rate, p pause, r resume, s results, c connection, q quit.\n"
        "--stats appends {\"t_ns\",\"hashes\",\"accepted\",\"rejected\"} to a file every second.\n",
    .has_json = true,
    .has_kernels = true,
};

static const struct plab_mine_options presets = {
    .user = "lab",
    .pass = "x",
    .algo = "rx/0",
    .rig_id = "",
    .mem = PLAB_MEM_OPTIONS_INIT,
    .duty = 100,
    .retries = 5,
    .retry_pause_ms = 1000,
    .duration_ms = UINT64_C(3600) * 1000,
    .http = {.port = PLAB_MINE_HTTP_OFF},
};

enum plab_status plab_mine_parse(struct plab_mine *mine, int argc, char **argv, bool *helped,
                                 struct plab_error *err) {
    struct plab_mine_options *o = &mine->options;
    memset(mine, 0, sizeof *mine);
    *o = presets;
    const struct plab_opt opts[] = {
        {'o', "url", PLAB_OPT_LIST, &o->urls, "HOST:PORT", "pool; repeat it for fail-over", 0, 0,
         NULL},
        {'u', "user", PLAB_OPT_TEXT, &o->user, "TEXT",
         "login (default lab); ${NAME} is a variable of the environment", 0, 0, NULL},
        {'p', "pass", PLAB_OPT_TEXT, &o->pass, "TEXT", "password (default x); ${NAME} as above", 0,
         0, NULL},
        {'a', "algo", PLAB_OPT_TEXT, &o->algo, "NAME",
         "for jobs that don't name one (default rx/0)", 0, 0, NULL},
        {'t', "threads", PLAB_OPT_U64, &o->threads, "N",
         "threads (default: what cores and L3 suit)", 1, 1024, NULL},
        {'k', "keepalive", PLAB_OPT_FLAG, &o->keepalive, NULL,
         "send keepalives though the pool doesn't ask for them", 0, 0, NULL},
        {0, "nicehash", PLAB_OPT_FLAG, &o->nicehash, NULL,
         "the nonce's top byte is the pool's, whatever it says", 0, 0, NULL},
        {0, "allow-reconnect", PLAB_OPT_FLAG, &o->allow_reconnect, NULL,
         "follow client.reconnect, to the same host or lab addresses", 0, 0, NULL},
        {0, "rig-id", PLAB_OPT_TEXT, &o->rig_id, "TEXT", "name of this rig (default none)", 0, 0,
         NULL},
        {0, "daemon", PLAB_OPT_TEXT, &o->daemon, "URL",
         "mine without a pool at a regtest daemon: http://HOST:PORT", 0, 0, NULL},
        {0, "daemon-wallet", PLAB_OPT_TEXT, &o->wallet, "ADDRESS",
         "that is paid (default: a lab's, whose keys anybody knows)", 0, 0, NULL},
        {0, "daemon-poll-interval", PLAB_OPT_DURATION, &o->poll_ms, "TIME",
         "between looks at its height (default 1s)", 20, 3600000, NULL},
        {0, "daemon-job-timeout", PLAB_OPT_DURATION, &o->job_timeout_ms, "TIME",
         "age at which a template is renewed (default 15s)", 1, 3600000, NULL},
        {0, "user-agent", PLAB_OPT_TEXT, &o->agent, "TEXT",
         "agent in the login (default: powlab/VERSION (Linux ...) ...)", 0, 0, NULL},
        {0, "dialect", PLAB_OPT_TEXT, &o->dialect, "NAME",
         "how it speaks to pools (default xmrig; --help lists them)", 0, 0, NULL},
        {0, "algo-list", PLAB_OPT_TEXT, &o->algo_list, "A,B,...",
         "algorithms in the login, or xmrig (default: what can be mined)", 0, 0, NULL},
        {0, "cpu-affinity", PLAB_OPT_TEXT, &o->affinity, "MASK", "pin to the CPUs of 0x5", 0, 0,
         NULL},
        {0, "cpus", PLAB_OPT_TEXT, &o->cpus, "LIST", "pin to these CPUs, in this order: 0,2-3", 0,
         0, NULL},
        {0, "no-pin", PLAB_OPT_FLAG, &o->no_pin, NULL, "leave placement to the scheduler", 0, 0,
         NULL},
        PLAB_TLS_OPTS(&o->tls),
        PLAB_MEM_OPTS(&o->mem, "auto (default), fast or light"),
        PLAB_TUNE_OPTS(&o->tune),
        {0, "duty", PLAB_OPT_U64, &o->duty, "PERCENT",
         "hash only this share of the time (default 100)", 1, 100, NULL},
        {0, "yield", PLAB_OPT_FLAG, &o->yield, NULL,
         "give the processor up after each hash, as XMRig does", 0, 0, NULL},
        {'r', "retries", PLAB_OPT_U64, &o->retries, "N",
         "failures of a pool before the next (default 5)", 1, 1000, NULL},
        {'R', "retry-pause", PLAB_OPT_DURATION, &o->retry_pause_ms, "TIME",
         "first pause, doubled up to 30s (default 1s)", 1, 3600000, NULL},
        {'d', "duration", PLAB_OPT_DURATION, &o->duration_ms, "TIME",
         "the run ends after that (default 1h)", 1, UINT64_C(366) * 24 * 3600 * 1000, NULL},
        {'n', "shares", PLAB_OPT_U64, &o->shares, "N", "end after N accepted shares", 1, INT64_MAX,
         NULL},
        {0, "http-port", PLAB_OPT_U64, &o->http.port, "PORT",
         "HTTP API as XMRig has it, read-only; 0: any free port (default: none)", 0, UINT16_MAX,
         NULL},
        {0, "http-host", PLAB_OPT_TEXT, &o->http.host, "ADDR",
         "where it listens (default 127.0.0.1)", 0, 0, NULL},
        {0, "http-token", PLAB_OPT_TEXT, &o->http.token, "TEXT",
         "that its clients must send; ${NAME} as above", 0, 0, NULL},
        {0, "http-port-file", PLAB_OPT_TEXT, &o->http.port_file, "FILE", "write its port to FILE",
         0, 0, NULL},
        {0, "stats", PLAB_OPT_TEXT, &o->stats, "FILE", "append counts every second", 0, 0, NULL},
        {0, "control", PLAB_OPT_FLAG, &o->control, NULL,
         "take commands on stdin: duty N, pause, resume, quit", 0, 0, NULL},
    };
    size_t operands;
    return plab_opt_parse(&mine->cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv, NULL, 0,
                          &operands, helped, err);
}

/* Copies a text of the login, which must fit and be UTF-8, or the pool would read something else.
 */
static enum plab_status take_text(const char *option, const char *given, char *out,
                                  struct plab_error *err) {
    char text[PLAB_STRATUM_TEXT_MAX + 1];
    bool fits = plab_env_expand(given, text, sizeof text);
    size_t len = fits ? strlen(text) : 0;
    json_t *checked = fits ? json_stringn(text, len) : NULL;
    if (checked == NULL) {
        return plab_fail(err, PLAB_E_USAGE, "%s takes UTF-8 text of at most %d bytes", option,
                         PLAB_STRATUM_TEXT_MAX);
    }
    json_decref(checked);
    memcpy(out, text, len + 1);
    return PLAB_OK;
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

static enum plab_status make_login(struct plab_stratum_login *login,
                                   const struct plab_mine_options *o, const struct plab_algo *algo,
                                   struct plab_error *err) {
    char agent[PLAB_STRATUM_TEXT_MAX];
    enum plab_status status = take_text("--user", o->user, login->login, err);
    if (status == PLAB_OK) {
        status = take_text("--pass", o->pass, login->pass, err);
    }
    if (status == PLAB_OK) {
        status = take_text("--rig-id", o->rig_id, login->rig_id, err);
    }
    if (status == PLAB_OK) {
        status = take_text("--user-agent", o->agent != NULL ? o->agent : plab_agent(agent),
                           login->agent, err);
    }
    if (status == PLAB_OK && o->algo_list != NULL) {
        return plab_dialect_algo_list(login, o->algo_list, algo->name, err);
    }
    list_algos(login, algo);
    return status;
}

static enum plab_status parse_pools(const struct plab_mine_options *o,
                                    struct plab_url pools[PLAB_OPT_LIST_MAX],
                                    struct plab_error *err) {
    if (o->urls.count > 0 && o->daemon != NULL) {
        return plab_fail(err, PLAB_E_USAGE, "-o and --daemon exclude each other");
    }
    if (o->urls.count == 0 && o->daemon == NULL) {
        return plab_fail(err, PLAB_E_USAGE,
                         "which pool? for instance -o 127.0.0.1:3333, or --daemon URL");
    }
    for (size_t i = 0; i < o->urls.count; i++) {
        enum plab_status status = plab_url_parse(o->urls.items[i], &pools[i], err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    return PLAB_OK;
}

/* What people are told about the machine. */
static void note_machine(struct plab_mine_machine *machine, const struct plab_topology *topology) {
    *machine = (struct plab_mine_machine){
        .packages = topology->package_count,
        .cores = topology->core_count,
        .pus = topology->pu_count,
        .nodes = topology->numa_count,
        .l2_bytes = topology->l2_bytes,
        .l3_bytes = topology->l3_bytes,
    };
}

static enum plab_status make_plan(struct plab_mine *mine, struct plab_error *err) {
    const struct plab_mine_options *o = &mine->options;
    if ((o->cpus != NULL) + (o->affinity != NULL) + o->no_pin > 1) {
        return plab_fail(err, PLAB_E_USAGE,
                         "--cpus, --cpu-affinity and --no-pin exclude each other");
    }
    const struct plab_pin_request request = {
        .threads = (unsigned)o->threads,
        .scratchpad_bytes = mine->config.algo->scratchpad_bytes,
        .cpus = o->cpus != NULL ? o->cpus : o->affinity,
        .pin = !o->no_pin,
    };
    struct plab_topology topology;
    enum plab_status status = plab_topology_load(&topology, NULL, NULL, err);
    if (status == PLAB_OK) {
        status = plab_pin_plan_make(&mine->plan, &topology, &request, err);
        note_machine(&mine->machine, &topology);
        plab_topology_free(&topology);
    }
    return status;
}

static void set_workers(struct plab_mine *mine) {
    struct plab_mine_options *o = &mine->options;
    struct plab_workers_config *workers = &mine->config.workers;
    workers->plan = &mine->plan;
    workers->kernels = &mine->cli.kernels;
    workers->pages = (enum plab_page_policy)o->mem.pages;
    workers->numa = (enum plab_numa_policy)o->mem.numa;
    workers->dataset_mem_bytes = o->mem.dataset_mem;
    workers->lanes = (unsigned)o->tune.lanes;
    plab_tune_options_setup(&o->tune, &mine->cli, &workers->tune);
    workers->duty_percent = (unsigned)o->duty;
    workers->yields = o->yield;
}

static enum plab_status set_solo(struct plab_mine *mine, struct plab_error *err) {
    const struct plab_mine_options *o = &mine->options;
    struct plab_solo_config *solo = &mine->solo;
    const struct plab_client_config *client = &mine->config.client;
    if (o->daemon == NULL) {
        return PLAB_OK;
    }
    if (mine->config.algo->has_commitment) {
        return plab_fail(err, PLAB_E_USAGE, "a daemon takes no commitments: %s needs a pool",
                         mine->config.algo->name);
    }
    plab_solo_defaults(solo);
    solo->url = o->daemon;
    solo->wallet = o->wallet != NULL ? o->wallet : solo->wallet;
    solo->agent = client->login.agent;
    solo->poll_ms = o->poll_ms > 0 ? o->poll_ms : solo->poll_ms;
    solo->job_timeout_ms = o->job_timeout_ms > 0 ? o->job_timeout_ms : solo->job_timeout_ms;
    solo->retry_base_ms = client->retry_base_ms;
    solo->seed = client->seed;
    solo->log = &mine->cli.log;
    mine->config.solo = solo;
    return plab_solo_check(solo, err);
}

static void set_client(struct plab_mine *mine) {
    const struct plab_mine_options *o = &mine->options;
    struct plab_client_config *client = &mine->config.client;
    plab_client_defaults(client);
    client->pools = mine->pools;
    client->pool_count = o->urls.count;
    client->allow_reconnect = o->allow_reconnect;
    client->keepalive = o->keepalive;
    client->retries = (unsigned)o->retries;
    client->retry_base_ms = o->retry_pause_ms;
    client->seed = plab_clock_ns();
    client->log = &mine->cli.log;
}

enum plab_status plab_mine_configure(struct plab_mine *mine, struct plab_error *err) {
    struct plab_miner_config *config = &mine->config;
    const struct plab_mine_options *o = &mine->options;
    set_client(mine);
    set_workers(mine);
    config->nicehash = o->nicehash;
    config->duration_ms = o->duration_ms;
    config->shares = o->shares;
    config->report_ms = REPORT_MS;
    config->stats_path = o->stats;
    enum plab_status status =
        plab_mem_options_mode(&o->mem, PLAB_RX_AUTO, &config->workers.rx_mode, err);
    if (status == PLAB_OK) {
        status = plab_mine_http_configure(mine, err);
    }
    if (status == PLAB_OK) {
        status = plab_algo_find(o->algo, &config->algo, err);
    }
    if (status == PLAB_OK) {
        status = plab_algo_check_pool(config->algo, err);
    }
    if (status == PLAB_OK) {
        status = parse_pools(o, mine->pools, err);
    }
    if (status == PLAB_OK) {
        status =
            plab_tls_options_set(&o->tls, mine->pools, o->urls.count, &config->client.tls, err);
    }
    if (status == PLAB_OK && o->dialect != NULL) {
        status = plab_dialect_find(o->dialect, &config->client.dialect, err);
    }
    if (status == PLAB_OK) {
        status = plab_client_check(&config->client, err);
    }
    if (status == PLAB_OK) {
        status = make_login(&config->client.login, o, config->algo, err);
    }
    if (status == PLAB_OK) {
        status = set_solo(mine, err);
    }
    return status == PLAB_OK ? make_plan(mine, err) : status;
}
