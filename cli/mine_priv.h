/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of "powlab mine": cmd_mine.c (the verb), mine_options.c (what was asked for),
 * mine_start.c (the summary before), mine_text.c and mine_json.c (the result, for people and
 * programs), mine_keys.c (keys on a terminal), mine_http.c (the HTTP API).
 */
#ifndef PLAB_CLI_MINE_PRIV_H
#define PLAB_CLI_MINE_PRIV_H

#include "cli/memopt.h"
#include "cli/opt.h"
#include "cli/tlsopt.h"
#include "cli/tuneopt.h"
#include "pool_client/api.h"
#include "pool_client/miner.h"

struct json_t; /* jansson */

#define PLAB_MINE_HTTP_OFF UINT64_MAX

struct plab_mine_http_options {
    const char *host, *token, *port_file; /* NULL: not given */
    uint64_t port;                        /* PLAB_MINE_HTTP_OFF: no API */
};

struct plab_mine_options {
    struct plab_opt_list urls;
    const char *user, *pass, *algo, *rig_id, *agent, *affinity, *cpus, *stats, *daemon, *wallet,
        *algo_list, *dialect;
    uint64_t threads, duty, retries, retry_pause_ms, duration_ms, shares, poll_ms, job_timeout_ms;
    struct plab_mem_options mem;
    struct plab_tune_options tune;
    struct plab_tls_options tls;
    struct plab_mine_http_options http;
    bool keepalive, no_pin, nicehash, allow_reconnect, control, yield;
};

/* What the machine has, for the summary. */
struct plab_mine_machine {
    size_t packages, cores, pus, nodes;
    uint64_t l2_bytes, l3_bytes;
};

struct plab_mine_http {
    char token[256], worker_id[256];
};

/* Everything of one run; the later members point into the earlier ones. */
struct plab_mine {
    struct plab_cli cli;
    struct plab_mine_options options;
    struct plab_mine_machine machine;
    struct plab_mine_http http;
    struct plab_url pools[PLAB_OPT_LIST_MAX];
    struct plab_pin_plan plan; /* owned */
    struct plab_solo_config solo;
    struct plab_miner_config config;
};

/* ---- mine_options.c ---- */

/* Reads the command line. */
PLAB_NODISCARD enum plab_status plab_mine_parse(struct plab_mine *mine, int argc, char **argv,
                                                bool *helped, struct plab_error *err);

/* Makes the miner's configuration and the pinning plan of it. */
PLAB_NODISCARD enum plab_status plab_mine_configure(struct plab_mine *mine, struct plab_error *err);

/* ---- mine_start.c ---- */

/* The summary before the run, to stderr: 80 columns, colours as the log has them. */
void plab_mine_tell_start(const struct plab_mine *mine, bool keys);

/* ---- mine_text.c ---- */

/* The result after it, to stdout. */
void plab_mine_print_result(const struct plab_miner_result *result);

/* Hashes per second of hashing. */
double plab_mine_rate_hps(const struct plab_miner_result *result);

/* Sessions after the first. */
uint64_t plab_mine_reconnects(const struct plab_miner_result *result);

/* ---- mine_http.c ---- */

/* Checks the options of the HTTP API. */
PLAB_NODISCARD enum plab_status plab_mine_http_configure(struct plab_mine *mine,
                                                         struct plab_error *err);

/* The API, borrowing `mine`; NULL when none was asked for, or without memory. Returns owned. */
struct plab_api *plab_mine_http_new(const struct plab_mine *mine);

/* ---- mine_json.c ---- */

/* The result as a document, see README.md of schemas in docs/json.md. Returns owned. */
struct json_t *plab_mine_json(const struct plab_mine *mine, const struct plab_miner_result *result,
                              enum plab_status status);

#endif
