/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in a ledger, in figures. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "pool/ledger_db.h"

#define WORKERS_SHOWN 20 /* "LIMIT 20" below */

static const struct plab_verb verb = {
    .name = "ledger summary",
    .summary = "what is in a pool's ledger: runs, shares, workers",
    .usage = "[options] LEDGER",
    .examples = "  powlab ledger summary pool.db\n"
                "  powlab ledger summary --json - pool.db\n",
    .notes =
        "LEDGER is what `powlab pool --ledger` was given: a SQLite file, of any name here, or\n"
        "postgresql://USER@ADDRESS/NAME with a lab address or ?host=/FOLDER of a socket.\n"
        "It may be read while the pool writes, and is then as it was at one moment.\n"
        "Work is the sum of the difficulties of accepted shares. A run without an end was\n"
        "killed, or is still going on. The JSON has the schema powlab-ledger-summary/1\n"
        "(docs/json.md).\n",
    .has_json = true,
};

#define IS_GOOD "CASE WHEN verdict = 'accepted' THEN 1 ELSE 0 END"
#define WORK                                                                                       \
    "coalesce(sum(CASE WHEN verdict = 'accepted' THEN CAST(difficulty AS DOUBLE PRECISION) END), " \
    "0)"

/* One array or, for the totals, one object of the document each; columns are its members. */
static const struct {
    const char *member, *sql;
} parts[] = {
    {"totals", "SELECT (SELECT count(*) FROM runs) AS runs,"
               " (SELECT count(*) FROM sessions) AS sessions,"
               " (SELECT count(*) FROM sessions WHERE login_ns IS NOT NULL AND refused IS NULL)"
               " AS logins, (SELECT count(*) FROM jobs) AS jobs, count(*) AS shares,"
               " coalesce(sum(" IS_GOOD "), 0) AS accepted, " WORK " AS accepted_work,"
               " coalesce(sum(CASE WHEN verified = 0 THEN 1 ELSE 0 END), 0) AS unverified,"
               " (SELECT count(*) FROM blocks) AS blocks_found,"
               " (SELECT count(*) FROM blocks WHERE accepted = 1) AS blocks_accepted,"
               " CAST(avg(latency_us) AS DOUBLE PRECISION) AS latency_mean_us,"
               " max(latency_us) AS latency_max_us FROM shares"},
    {"verdicts", "SELECT verdict, count(*) AS shares FROM shares GROUP BY verdict"
                 " ORDER BY count(*) DESC, verdict"},
    {"runs",
     "SELECT r.run AS run, r.wall AS wall, r.algo AS algo, r.pid AS pid, e.text AS ended,"
     " CAST(e.t_ns - r.t_ns AS DOUBLE PRECISION) / 1e9 AS duration_s,"
     " coalesce(s.sessions, 0) AS sessions, coalesce(h.shares, 0) AS shares,"
     " coalesce(h.accepted, 0) AS accepted, coalesce(h.work, 0) AS accepted_work,"
     " coalesce(b.blocks, 0) AS blocks_found FROM runs r"
     " LEFT JOIN (SELECT run, text, t_ns FROM events WHERE event = 'stop') e ON e.run = r.run"
     " LEFT JOIN (SELECT run, count(*) AS sessions FROM sessions GROUP BY run) s ON s.run = r.run"
     " LEFT JOIN (SELECT run, count(*) AS shares, sum(" IS_GOOD ") AS accepted, " WORK " AS work"
     " FROM shares GROUP BY run) h ON h.run = r.run"
     " LEFT JOIN (SELECT run, count(*) AS blocks FROM blocks GROUP BY run) b ON b.run = r.run"
     " ORDER BY r.run"},
    {"workers",
     "SELECT login, max(agent) AS agent, count(DISTINCT run * 4294967296 + session) AS sessions,"
     " count(*) AS shares, sum(" IS_GOOD ") AS accepted,"
     " coalesce(sum(CASE WHEN verdict = 'accepted' THEN"
     " CAST(shares.difficulty AS DOUBLE PRECISION) END), 0) AS accepted_work,"
     " CAST(avg(latency_us) AS DOUBLE PRECISION) AS latency_mean_us"
     " FROM shares JOIN sessions USING (run, session) WHERE login IS NOT NULL"
     " GROUP BY login ORDER BY 6 DESC, login LIMIT 20"},
};

/* A sum of whole numbers is one as long as that is exact. */
static json_t *value_of(const struct plab_ledger_cell *cell) {
    switch (cell->type) {
    case PLAB_LEDGER_NUMBER:
        return json_integer((json_int_t)cell->number);
    case PLAB_LEDGER_REAL:
        return strcmp(cell->column, "accepted_work") == 0 && cell->real < 0x1p53
                   ? json_integer((json_int_t)cell->real)
                   : json_real(cell->real);
    case PLAB_LEDGER_TEXT:
        return json_string(cell->text);
    case PLAB_LEDGER_NULL:
        break;
    }
    return json_null();
}

static enum plab_status add_row(void *cookie, const struct plab_ledger_cell *cells, size_t count,
                                struct plab_error *err) {
    json_t *row = json_object();
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(row, cells[i].column, value_of(&cells[i]));
    }
    return json_array_append_new(cookie, row) == 0
               ? PLAB_OK
               : plab_fail(err, PLAB_E_NOMEM, "no memory for the summary");
}

/* The document, in `*out`; owned. */
static enum plab_status summarise(struct plab_ledger_db *db, json_t **out, struct plab_error *err) {
    json_t *root = json_pack("{s:s, s:s}", "schema", "powlab-ledger-summary/1", "ledger",
                             plab_ledger_db_name(db));
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(parts) && status == PLAB_OK; i++) {
        json_t *rows = json_array();
        status = plab_ledger_db_query(db, parts[i].sql, add_row, rows, err);
        json_object_set_new(root, parts[i].member, rows);
    }
    if (status != PLAB_OK) {
        json_decref(root);
        return status;
    }
    json_object_set(root, "totals", json_array_get(json_object_get(root, "totals"), 0));
    *out = root;
    return PLAB_OK;
}

/* ---- for people ---- */

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key, const char *absent) {
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : absent;
}

static void print_totals(const json_t *root) {
    const json_t *totals = json_object_get(root, "totals");
    printf("%s: %.0f runs, %.0f sessions, %.0f jobs, %.0f shares, %.0f blocks\n",
           text(root, "ledger", ""), number(totals, "runs"), number(totals, "sessions"),
           number(totals, "jobs"), number(totals, "shares"), number(totals, "blocks_found"));
    printf("verdicts in mean %.1f ms, slowest %.1f ms; %.0f shares accepted unverified\n",
           number(totals, "latency_mean_us") / 1e3, number(totals, "latency_max_us") / 1e3,
           number(totals, "unverified"));
}

static void print_verdicts(const json_t *rows) {
    size_t i;
    json_t *row;
    printf("\n%-16s %10s\n", "verdict", "shares");
    json_array_foreach(rows, i, row) {
        printf("%-16s %10.0f\n", text(row, "verdict", ""), number(row, "shares"));
    }
}

static void print_runs(const json_t *rows) {
    size_t i;
    json_t *row;
    printf("\n%5s %-24s %-8s %9s %9s %9s %12s %6s  %s\n", "run", "started", "algo", "sessions",
           "shares", "accepted", "work", "blocks", "end");
    json_array_foreach(rows, i, row) {
        printf("%5.0f %-24s %-8s %9.0f %9.0f %9.0f %12.0f %6.0f  %s\n", number(row, "run"),
               text(row, "wall", ""), text(row, "algo", ""), number(row, "sessions"),
               number(row, "shares"), number(row, "accepted"), number(row, "accepted_work"),
               number(row, "blocks_found"), text(row, "ended", "-"));
    }
}

static void print_workers(const json_t *rows) {
    size_t i;
    json_t *row;
    printf("\n%-24s %9s %9s %9s %12s %8s  %s\n", "worker", "sessions", "shares", "accepted", "work",
           "mean ms", "agent");
    json_array_foreach(rows, i, row) {
        printf("%-24s %9.0f %9.0f %9.0f %12.0f %8.1f  %s\n", text(row, "login", ""),
               number(row, "sessions"), number(row, "shares"), number(row, "accepted"),
               number(row, "accepted_work"), number(row, "latency_mean_us") / 1e3,
               text(row, "agent", ""));
    }
    if (json_array_size(rows) == WORKERS_SHOWN) {
        printf("the %d with the most work\n", WORKERS_SHOWN);
    }
}

static void print_summary(const json_t *root) {
    print_totals(root);
    print_verdicts(json_object_get(root, "verdicts"));
    print_runs(json_object_get(root, "runs"));
    print_workers(json_object_get(root, "workers"));
}

enum plab_status plab_cmd_ledger_summary(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    struct plab_ledger_db *db = NULL;
    const char *name;
    size_t operand_count;
    bool helped;
    enum plab_status status =
        plab_opt_parse(&cli, &verb, NULL, 0, argc, argv, &name, 1, &operand_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (operand_count != 1) {
        return plab_fail(err, PLAB_E_USAGE, "the summary of which ledger? for instance pool.db");
    }
    json_t *root = NULL;
    status = plab_ledger_db_read(&db, name, err);
    if (status == PLAB_OK) {
        status = summarise(db, &root, err);
    }
    plab_ledger_db_close(&db);
    if (status == PLAB_OK && (cli.json == NULL || strcmp(cli.json, "-") != 0)) {
        print_summary(root);
    }
    if (status == PLAB_OK && cli.json != NULL) {
        status = plab_json_emit(json_incref(root), cli.json, err);
    }
    json_decref(root);
    return status;
}
