/* SPDX-License-Identifier: BSD-3-Clause */
/* The local testnet pool, in the foreground, for a limited time. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/proxyopt.h"
#include "cli/tlsopt.h"
#include "cli/verbs.h"
#include "daemon/rpc_msg.h"
#include "net/fdlimit.h"
#include "pool/fault_script.h"
#include "pool/ledger.h"
#include "pool/server.h"

#define SCHEMA "powlab-pool/1"
#define HOUR_MS (60u * 60 * 1000)
#define OTHER_FILES 64 /* open besides connections */
#define BANS_SHOWN 100 /* in the summary */

struct options {
    const char *algo_name, *port_file, *web_port_file, *daemon, *wallet, *ledger_path, *faults_path;
    struct plab_opt_list listen;
    struct plab_pool_tls_options tls;
    struct plab_proxy_options proxy;
    uint64_t verify_threads, verify_percent, duration_ms;
    uint64_t vardiff_window, connections_max, connections_per_host, bad_shares_max;
    uint64_t handshakes_per_host;
    struct plab_fault_script *faults; /* owned */
    struct plab_pool_config config;
};

/* What callbacks of the pool need. */
struct run {
    const struct options *options;
    const struct plab_cli *cli;
    struct plab_ledger *ledger; /* or NULL */
};

static const struct plab_verb verb = {
    .name = "pool",
    .summary = "the local testnet pool",
    .usage = "[options]",
    .examples = "  powlab pool\n"
                "  powlab pool -a cn/r --listen 127.0.0.1:0 --port-file port.txt --difficulty 50\n"
                "  powlab pool --listen 127.0.0.1:3333 --listen tls://127.0.0.1:3443\n"
                "  powlab pool --web 127.0.0.1:8080\n"
                "  powlab pool --epoch-blocks 4 --network-difficulty 500\n"
                "  powlab pool --listen 127.0.0.1:3334 --upstream 127.0.0.1:3333\n"
                "  powlab pool --faults configs/faults/bad_day.yaml --ledger pool.jsonl\n"
                "  powlab pool --ledger pool.db\n"
                "  powlab pool --ledger postgresql://powlab@127.0.0.1/lab\n"
                "  powlab pool --daemon http://127.0.0.1:18081 --difficulty 50\n",
    .notes =
        "Schemes of --listen: tcp:// (as without one), tls://, auto:// (TLS and plain on one\n"
        "port, by the first byte), ws:// and wss:// (WebSocket, for browser miners of Coinhive's\n"
        "kind on pages of the lab: Origin and Host must be localhost or lab addresses). The\n"
        "certificate for TLS comes from a CA of the lab, which is made on first use in --tls-dir.\n"
        "Every share is checked with the real hash (unless --verify-sample says otherwise).\n"
        "Without --daemon the chain is simulated: a share that meets the network difficulty\n"
        "becomes the next block's parent.\n"
        "With --daemon, templates come from a Monero daemon of a lab chain (monerod\n"
        "--regtest, --testnet, --stagenet) and found blocks are handed to it; a daemon of\n"
        "the main network is refused (exit code 8).\n"
        "With --upstream the pool is a proxy: workers share sessions of another lab pool, each\n"
        "with its own top byte of the nonce; their shares are judged by an easier target here\n"
        "and handed in when they meet that of the pool.\n"
        "With --ledger FILE.db or postgresql://USER@ADDRESS/NAME (a lab address, or\n"
        "?host=/FOLDER of a socket) an accepted share is answered once it is on the disk.\n"
        "A miner may ask for a fixed difficulty: login \"name+N\" or password \"d=N\".\n",
    .has_json = true,
    .has_kernels = true,
};

static enum plab_status parse(int argc, char **argv, struct plab_cli *cli, struct options *options,
                              bool *helped, struct plab_error *err) {
    struct plab_pool_config *config = &options->config;
    const struct plab_opt opts[] = {
        {'a', "algo", PLAB_OPT_TEXT, &options->algo_name, "NAME", "algorithm (default: rx/0)", 0, 0,
         NULL},
        {0, "listen", PLAB_OPT_LIST, &options->listen, "[SCHEME://]ADDR:PORT",
         "where miners connect, repeatable (default 127.0.0.1:3333)", 0, 0, NULL},
        PLAB_POOL_TLS_OPTS(&options->tls),
        {0, "port-file", PLAB_OPT_TEXT, &options->port_file, "FILE",
         "write the port of each listener to FILE once miners may connect", 0, 0, NULL},
        {0, "web", PLAB_OPT_TEXT, &config->web_listen, "[ADDR:]PORT",
         "live page, JSON API, /metrics; a PORT alone: on 127.0.0.1 (default none)", 0, 0, NULL},
        {0, "web-port-file", PLAB_OPT_TEXT, &options->web_port_file, "FILE",
         "write the port of --web to FILE", 0, 0, NULL},
        {0, "difficulty", PLAB_OPT_U64, &config->difficulty, "N",
         "fixed difficulty of shares (default: it follows each miner)", 1, INT64_MAX, NULL},
        {0, "start-difficulty", PLAB_OPT_U64, &config->vardiff_start, "N",
         "difficulty that a new miner begins with (default: 100)", 1, INT64_MAX, NULL},
        {0, "vardiff-target", PLAB_OPT_DURATION, &config->vardiff_target_ms, "TIME",
         "wished mean time between a miner's shares (default: 10s)", 100, HOUR_MS, NULL},
        {0, "vardiff-window", PLAB_OPT_U64, &options->vardiff_window, "N",
         "shares from which a miner's rate is estimated (default: 16)", 2, 10000, NULL},
        {0, "vardiff-min", PLAB_OPT_U64, &config->vardiff_min, "N",
         "lowest difficulty, also of those that miners ask for (default: 1)", 1, INT64_MAX, NULL},
        {0, "vardiff-max", PLAB_OPT_U64, &config->vardiff_max, "N",
         "highest difficulty, also of those that miners ask for (default: 2^63 - 1)", 1, INT64_MAX,
         NULL},
        {0, "network-difficulty", PLAB_OPT_U64, &config->network_difficulty, "N",
         "simulated: a share that meets N is a block (default: 20000)", 1, INT64_MAX, NULL},
        {0, "epoch-blocks", PLAB_OPT_U64, &config->epoch_blocks, "N",
         "simulated: blocks between two RandomX seeds (default: one seed)", 0, INT64_MAX, NULL},
        {0, "start-height", PLAB_OPT_U64, &config->start_height, "N",
         "simulated: height of the first block (default: 100000)", 1, UINT32_MAX, NULL},
        {0, "seed", PLAB_OPT_U64, &config->chain_seed, "N",
         "simulated: seed of its random numbers (default: 1)", 0, UINT64_MAX, NULL},
        {0, "job-interval", PLAB_OPT_DURATION, &config->job_interval_ms, "TIME",
         "age at which jobs are renewed on the same block (default: 30s)", 100, 24 * HOUR_MS, NULL},
        {0, "daemon", PLAB_OPT_TEXT, &options->daemon, "URL",
         "Monero daemon of a lab chain, e.g. http://127.0.0.1:18081", 0, 0, NULL},
        {0, "wallet", PLAB_OPT_TEXT, &options->wallet, "ADDR",
         "with --daemon: whom blocks pay (default: a lab address)", 0, 0, NULL},
        PLAB_PROXY_OPTS(&options->proxy),
        {0, "personality", PLAB_OPT_TEXT, &config->personality, "NAME",
         "answer as another pool: monero-pool, xmrig-proxy, p2pool, nodejs-pool", 0, 0, NULL},
        {0, "nicehash", PLAB_OPT_FLAG, &config->nicehash, NULL,
         "the nonce's top byte is the pool's, one for each session", 0, 0, NULL},
        {0, "verify-threads", PLAB_OPT_U64, &options->verify_threads, "N",
         "threads that check shares (default: 1)", 1, 256, NULL},
        {0, "verify-sample", PLAB_OPT_U64, &options->verify_percent, "PERCENT",
         "hash so many shares, believe the others; for load tests (default: 100)", 0, 100, NULL},
        {0, "access-password", PLAB_OPT_TEXT, &config->password, "TEXT",
         "miners must give TEXT as their password or as a part of it", 0, 0, NULL},
        {0, "login-deadline", PLAB_OPT_DURATION, &config->login_deadline_ms, "TIME",
         "from the connection to a good login (default: 10s)", 100, HOUR_MS, NULL},
        {0, "idle-deadline", PLAB_OPT_DURATION, &config->idle_deadline_ms, "TIME",
         "between two good requests of a miner (default: 10m)", 100, 24 * HOUR_MS, NULL},
        {0, "max-connections", PLAB_OPT_U64, &options->connections_max, "N",
         "connections, all together (default: 16384)", 1, 1000000, NULL},
        {0, "max-connections-per-host", PLAB_OPT_U64, &options->connections_per_host, "N",
         "connections of one address (default: 1024)", 1, 1000000, NULL},
        {0, "max-handshakes-per-host", PLAB_OPT_U64, &options->handshakes_per_host, "N",
         "TLS connections of one address whose handshake isn't over (256)", 1, 1000000, NULL},
        {0, "handshake-deadline", PLAB_OPT_DURATION, &config->handshake_deadline_ms, "TIME",
         "from a TLS connection to the end of its handshake (default: 10s)", 100, HOUR_MS, NULL},
        {0, "bad-shares-max", PLAB_OPT_U64, &options->bad_shares_max, "N",
         "bad shares more than good ones that end a session (default: 10)", 0, 1000000, NULL},
        {0, "ban-time", PLAB_OPT_DURATION, &config->ban_ms, "TIME",
         "how long an address that misbehaves is kept out, 0: never (default: 10m)", 0,
         24 * HOUR_MS, NULL},
        {0, "ban-loopback", PLAB_OPT_FLAG, &config->ban_loopback, NULL,
         "ban even the loopback address, which all miners of a machine share", 0, 0, NULL},
        {0, "duration", PLAB_OPT_DURATION, &options->duration_ms, "TIME",
         "end by itself after TIME (default: 1h)", 1, 30 * 24 * (uint64_t)HOUR_MS, NULL},
        {0, "faults", PLAB_OPT_TEXT, &options->faults_path, "FILE",
         "let things go wrong as this script says (configs/faults)", 0, 0, NULL},
        {0, "ledger", PLAB_OPT_TEXT, &options->ledger_path, "FILE|URL",
         "record all: FILE.db SQLite, postgresql:// URL, others JSON lines", 0, 0, NULL},
    };
    size_t operands;
    return plab_opt_parse(cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv, NULL, 0, &operands,
                          helped, err);
}

/* A connection that can't be had because of the limit of open files had better be refused. */
static void fit_connections(struct plab_pool_config *config) {
    size_t files = plab_fdlimit_raise((size_t)config->sessions_max + OTHER_FILES);
    size_t room = files > OTHER_FILES ? files - OTHER_FILES : 1;
    if (room < config->sessions_max) {
        plab_log_warn(config->log,
                      "%zu connections at most, not %u: the limit of open files is %zu (ulimit -n)",
                      room, config->sessions_max, files);
        config->sessions_max = (unsigned)room;
    }
}

static enum plab_status configure(struct options *options, struct plab_cli *cli,
                                  struct plab_error *err) {
    struct plab_pool_config *config = &options->config;
    enum plab_status status = plab_algo_find(options->algo_name, &config->algo, err);
    if (status == PLAB_OK) {
        status = plab_algo_check_pool(config->algo, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    if (options->wallet != NULL && options->daemon == NULL) {
        return plab_fail(err, PLAB_E_USAGE,
                         "--wallet needs --daemon: a simulated chain pays nobody");
    }
    if (config->vardiff_min > config->vardiff_max) {
        return plab_fail(err, PLAB_E_USAGE, "--vardiff-min %llu is above --vardiff-max %llu",
                         (unsigned long long)config->vardiff_min,
                         (unsigned long long)config->vardiff_max);
    }
    if (options->web_port_file != NULL && config->web_listen == NULL) {
        return plab_fail(err, PLAB_E_USAGE, "--web-port-file needs --web");
    }
    if (options->verify_percent < 100 && options->proxy.urls.count > 0) {
        return plab_fail(err, PLAB_E_USAGE, "--verify-sample and --upstream exclude each other");
    }
    if (options->listen.count > PLAB_POOL_LISTEN_MAX) {
        return plab_fail(err, PLAB_E_USAGE, "--listen may be given at most %d times",
                         PLAB_POOL_LISTEN_MAX);
    }
    config->listen[0] = "127.0.0.1:3333";
    config->listen_count = 1;
    for (size_t i = 0; i < options->listen.count; i++) {
        config->listen[i] = options->listen.items[i];
        config->listen_count = i + 1;
    }
    plab_pool_tls_options_set(&options->tls, config);
    config->kernels = &cli->kernels;
    config->log = &cli->log;
    config->daemon_url = options->daemon;
    config->wallet = options->wallet != NULL ? options->wallet : PLAB_RPC_LAB_WALLET;
    config->verify_threads = (unsigned)options->verify_threads;
    config->verify_percent = (unsigned)options->verify_percent;
    config->vardiff_window = (unsigned)options->vardiff_window;
    config->sessions_max = (unsigned)options->connections_max;
    config->sessions_per_host = (unsigned)options->connections_per_host;
    config->bad_shares_max = (unsigned)options->bad_shares_max;
    config->duration_ms = options->duration_ms;
    config->handle_signals = true;
    config->handshakes_per_host = (unsigned)options->handshakes_per_host;
    fit_connections(config);
    return plab_proxy_options_set(&options->proxy, config, err);
}

static enum plab_status write_ports(const struct options *options, const struct plab_pool *pool,
                                    struct plab_error *err) {
    char text[8 * PLAB_POOL_LISTEN_MAX];
    size_t len = 0;
    for (size_t i = 0; i < options->config.listen_count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%u\n",
                                (unsigned)plab_pool_port(pool, i));
    }
    return plab_file_write(options->port_file, text, len, err);
}

static enum plab_status tell_web(const struct run *run, const struct plab_pool *pool,
                                 struct plab_error *err) {
    char text[16];
    const unsigned port = plab_pool_web_port(pool);
    const char *file = run->options->web_port_file;
    if (port == 0) {
        return PLAB_OK;
    }
    plab_log_info(&run->cli->log, "web page: %s (port %u); also /api/v1/summary, /metrics",
                  run->options->config.web_listen, port);
    const int len = snprintf(text, sizeof text, "%u\n", port);
    return file != NULL ? plab_file_write(file, text, (size_t)len, err) : PLAB_OK;
}

static enum plab_status on_ready(void *cookie, struct plab_pool *pool, struct plab_error *err) {
    const struct run *run = cookie;
    const struct options *options = run->options;
    for (size_t i = 0; i < options->config.listen_count; i++) {
        plab_log_info(&run->cli->log, "%s: listening on %s (port %u), for %.0f s",
                      options->config.algo->name, options->config.listen[i],
                      (unsigned)plab_pool_port(pool, i), (double)options->duration_ms / 1e3);
    }
    if (options->verify_percent < 100) {
        plab_log_warn(&run->cli->log,
                      "only %llu %% of the shares are hashed (--verify-sample): the others are "
                      "accepted on the miner's word",
                      (unsigned long long)options->verify_percent);
    }
    struct plab_pool_tls tls;
    if (plab_pool_tls(pool, &tls)) {
        plab_log_info(&run->cli->log, "TLS: CA %s; SHA-256 of the certificate %s", tls.ca_file,
                      tls.fingerprint);
    }
    enum plab_status status = tell_web(run, pool, err);
    if (status == PLAB_OK && options->port_file != NULL) {
        status = write_ports(options, pool, err);
    }
    return status;
}

static enum plab_status on_event(void *cookie, const struct plab_pool_event *event,
                                 struct plab_error *err) {
    const struct run *run = cookie;
    return run->ledger != NULL ? plab_ledger_append(run->ledger, event, err) : PLAB_OK;
}

static json_t *verdicts_json(const struct plab_pool_stats *stats) {
    json_t *object = json_object();
    for (int i = 0; i < PLAB_VERDICT_COUNT; i++) {
        json_object_set_new(object, plab_verdict_name((enum plab_verdict)i),
                            json_integer((json_int_t)stats->verdicts[i]));
    }
    return object;
}

/* Who is kept out at the end. */
static json_t *bans_json(const struct plab_pool *pool) {
    struct plab_ban bans[BANS_SHOWN];
    char name[PLAB_HOST_KEY_NAME_LEN];
    json_t *array = json_array();
    size_t count = plab_pool_bans(pool, bans, BANS_SHOWN);
    for (size_t i = 0; i < count && i < BANS_SHOWN; i++) {
        json_array_append_new(array, json_pack("{s:s,s:f}", "address",
                                               plab_host_key_name(&bans[i].key, name), "left_s",
                                               (double)bans[i].left_ns / 1e9));
    }
    return array;
}

static const char *source_name(const struct options *options) {
    return options->config.upstream != NULL ? "upstream"
           : options->daemon != NULL        ? "daemon"
                                            : "simulated";
}

static json_t *upstream_json(const struct options *options, const struct plab_pool_stats *stats) {
    if (options->config.upstream == NULL) {
        return json_null();
    }
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I}", "sessions", (json_int_t)stats->upstream_links, "logins",
        (json_int_t)stats->upstream_logins, "losses", (json_int_t)stats->upstream_losses,
        "forwarded", (json_int_t)stats->upstream_forwarded, "accepted",
        (json_int_t)stats->upstream_accepted, "rejected", (json_int_t)stats->upstream_rejected);
}

static json_t *summary_json(const struct options *options, const struct plab_pool_stats *stats,
                            json_t *bans) {
    double hash_s = stats->verified_hashes > 0
                        ? (double)stats->verify_ns / 1e9 / (double)stats->verified_hashes
                        : 0;
    return json_pack(
        "{s:s,s:s,s:s,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:I,"
        "s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:o,s:I}",
        "schema", SCHEMA, "algo", options->config.algo->name, "source", source_name(options),
        "duration_s", stats->duration_s, "sessions", (json_int_t)stats->logins, "refused_logins",
        (json_int_t)stats->refused_logins, "accepted",
        (json_int_t)stats->verdicts[PLAB_VERDICT_ACCEPTED], "rejected", (json_int_t)stats->rejected,
        "stale", (json_int_t)stats->verdicts[PLAB_VERDICT_STALE], "duplicate",
        (json_int_t)stats->verdicts[PLAB_VERDICT_DUPLICATE], "low",
        (json_int_t)stats->verdicts[PLAB_VERDICT_LOW], "invalid",
        (json_int_t)stats->verdicts[PLAB_VERDICT_INVALID], "verdicts", verdicts_json(stats),
        "accepted_work", (json_int_t)stats->accepted_work, "blocks_found",
        (json_int_t)stats->blocks_found, "blocks_accepted", (json_int_t)stats->blocks_accepted,
        "height", (json_int_t)stats->height, "jobs", (json_int_t)stats->jobs, "protocol_errors",
        (json_int_t)stats->protocol_errors, "verified_hashes", (json_int_t)stats->verified_hashes,
        "verify_hash_s", hash_s, "seed_builds", (json_int_t)stats->seed_builds,
        "refused_connections", (json_int_t)stats->refused_connections, "bans",
        (json_int_t)stats->bans, "banned", bans, "faults", (json_int_t)stats->faults,
        "tls_sessions", (json_int_t)stats->tls_sessions, "tls_failures",
        (json_int_t)stats->tls_failures, "accept_waits", (json_int_t)stats->accept_waits,
        "upstream", upstream_json(options, stats), "unverified", (json_int_t)stats->unverified);
}

static enum plab_status report(const struct options *options, const struct plab_cli *cli,
                               const struct plab_pool *pool, struct plab_error *err) {
    struct plab_pool_stats stats;
    plab_pool_stats(pool, &stats);
    plab_log_info(&cli->log, "%llu shares accepted, %llu rejected, %llu blocks, in %.1f s",
                  (unsigned long long)stats.verdicts[PLAB_VERDICT_ACCEPTED],
                  (unsigned long long)stats.rejected, (unsigned long long)stats.blocks_accepted,
                  stats.duration_s);
    return cli->json != NULL
               ? plab_json_emit(summary_json(options, &stats, bans_json(pool)), cli->json, err)
               : PLAB_OK;
}

static enum plab_status serve(struct options *options, struct run *run, struct plab_error *err) {
    struct plab_pool *pool;
    struct plab_error report_err = {.text = ""};
    options->config.on_ready = on_ready;
    options->config.ready_cookie = run;
    options->config.on_event = on_event;
    options->config.event_cookie = run;
    options->config.durable = run->ledger != NULL ? plab_ledger_durable(run->ledger) : NULL;
    enum plab_status status = plab_pool_create(&pool, &options->config, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = plab_pool_run(pool, err);
    enum plab_status reported = report(options, run->cli, pool, &report_err);
    plab_pool_destroy(&pool);
    if (status == PLAB_OK && reported != PLAB_OK) {
        *err = report_err;
        status = reported;
    }
    return status;
}

enum plab_status plab_cmd_pool(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    struct options options = {
        .algo_name = "rx/0", .verify_threads = 1, .verify_percent = 100, .duration_ms = HOUR_MS};
    bool helped = false;
    plab_pool_config_init(&options.config);
    options.vardiff_window = options.config.vardiff_window;
    options.connections_max = options.config.sessions_max;
    options.connections_per_host = options.config.sessions_per_host;
    options.handshakes_per_host = options.config.handshakes_per_host;
    options.bad_shares_max = options.config.bad_shares_max;
    enum plab_status status = parse(argc, argv, &cli, &options, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    struct run run = {.options = &options, .cli = &cli};
    status = configure(&options, &cli, err);
    if (status == PLAB_OK && options.faults_path != NULL) {
        status = plab_fault_script_load(&options.faults, options.faults_path, err);
        options.config.faults = options.faults;
    }
    if (status == PLAB_OK && options.ledger_path != NULL) {
        signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error to report, not the end */
        status = plab_ledger_open(&run.ledger, options.ledger_path, options.config.algo->name, err);
    }
    if (status == PLAB_OK) {
        status = serve(&options, &run, err);
    }
    plab_ledger_close(&run.ledger);
    plab_fault_script_free(&options.faults);
    return status;
}
