/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of a ledger, for other programs. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/opt.h"
#include "cli/verbs.h"
#include "pool/ledger_db.h"

static const struct plab_verb verb = {
    .name = "ledger export",
    .summary = "a table of a pool's ledger as CSV or JSON lines",
    .usage = "[options] LEDGER",
    .examples = "  powlab ledger export pool.db >shares.csv\n"
                "  powlab ledger export pool.db --format jsonl --table sessions\n",
    .notes =
        "LEDGER is what `powlab pool --ledger` was given: a SQLite file, of any name here, or\n"
        "postgresql://USER@ADDRESS/NAME with a lab address or ?host=/FOLDER of a socket.\n"
        "It may be read while the pool writes, and is then as it was at one moment.\n"
        "CSV is that of RFC 4180 with line feeds: a header, absent values are empty. JSON\n"
        "lines are one object a row with all columns, absent values null.\n"
        "docs/ledger.md explains tables and columns.\n",
};

enum format { CSV, JSONL };
static const char *const formats[] = {"csv", "jsonl", NULL};
static const char *const names[] = {"runs", "sessions", "jobs", "shares", "blocks", "events", NULL};
enum { SHARES = 3 };

static const struct {
    const char *columns, *order;
} tables[] = {
    {"run,t_ns,wall,algo,pid", "run"},
    {"run,session,peer,connected_ns,login,agent,rig_id,login_ns,refused,difficulty,closed_ns,"
     "reason",
     "run, session"},
    {"run,session,t_ns,job,height,difficulty", "run, t_ns"},
    {"run,session,t_ns,job,height,nonce,verdict,difficulty,share_difficulty,latency_us,verify_us,"
     "verified",
     "run, t_ns"},
    {"run,session,t_ns,height,block,accepted,text", "run, t_ns"},
    {"run,session,t_ns,event,peer,job,height,difficulty,block,seed,text", "run, t_ns"},
};
_Static_assert(PLAB_ARRAY_LEN(names) == PLAB_ARRAY_LEN(tables) + 1, "one for each");

struct export {
    enum format format;
    uint64_t rows;
};

/* ---- CSV ---- */

static void print_quoted(const char *text) {
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            putchar('"');
        }
        putchar(*text);
    }
    putchar('"');
}

static void print_cell(const struct plab_ledger_cell *cell) {
    switch (cell->type) {
    case PLAB_LEDGER_NUMBER:
        printf("%" PRId64, cell->number);
        break;
    case PLAB_LEDGER_REAL:
        printf("%.17g", cell->real);
        break;
    case PLAB_LEDGER_TEXT:
        print_quoted(cell->text);
        break;
    case PLAB_LEDGER_NULL:
        break;
    }
}

static void print_csv(const struct plab_ledger_cell *cells, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            putchar(',');
        }
        print_cell(&cells[i]);
    }
    putchar('\n');
}

/* ---- JSON ---- */

static json_t *json_of(const struct plab_ledger_cell *cell) {
    switch (cell->type) {
    case PLAB_LEDGER_NUMBER:
        return json_integer((json_int_t)cell->number);
    case PLAB_LEDGER_REAL:
        return json_real(cell->real);
    case PLAB_LEDGER_TEXT:
        return json_string(cell->text);
    case PLAB_LEDGER_NULL:
        break;
    }
    return json_null();
}

/* False without memory, or for a text that isn't UTF-8. */
static bool print_json(const struct plab_ledger_cell *cells, size_t count) {
    json_t *row = json_object();
    bool good = row != NULL;
    for (size_t i = 0; i < count && good; i++) {
        good = json_object_set_new(row, cells[i].column, json_of(&cells[i])) == 0;
    }
    char *text = good ? json_dumps(row, JSON_COMPACT) : NULL;
    json_decref(row);
    if (text != NULL) {
        puts(text);
    }
    free(text);
    return text != NULL;
}

static enum plab_status print_row(void *cookie, const struct plab_ledger_cell *cells, size_t count,
                                  struct plab_error *err) {
    struct export *export = cookie;
    if (export->format == CSV) {
        print_csv(cells, count);
    } else if (!print_json(cells, count)) {
        return plab_fail(err, PLAB_E_INPUT, "row %" PRIu64 " can't be written as JSON",
                         export->rows + 1);
    }
    export->rows++;
    return ferror(stdout) == 0
               ? PLAB_OK
               : plab_fail(err, PLAB_E_IO, "cannot write the result to standard output");
}

static enum plab_status print_table(struct plab_ledger_db *db, enum format format, int table,
                                    struct plab_error *err) {
    struct export export = {.format = format};
    char sql[256];
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM %s ORDER BY %s", tables[table].columns,
                   names[table], tables[table].order);
    if (format == CSV) {
        puts(tables[table].columns);
    }
    return plab_ledger_db_query(db, sql, print_row, &export, err);
}

enum plab_status plab_cmd_ledger_export(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    struct plab_ledger_db *db = NULL;
    int format = CSV, table = SHARES;
    const struct plab_opt opts[] = {
        {'f', "format", PLAB_OPT_CHOICE, &format, "csv|jsonl", "default: csv", 0, 0, formats},
        {'t', "table", PLAB_OPT_CHOICE, &table, "NAME",
         "runs, sessions, jobs, shares, blocks or events (default: shares)", 0, 0, names},
    };
    const char *name;
    size_t operand_count;
    bool helped;
    enum plab_status status = plab_opt_parse(&cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv,
                                             &name, 1, &operand_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (operand_count != 1) {
        return plab_fail(err, PLAB_E_USAGE, "export which ledger? for instance pool.db");
    }
    status = plab_ledger_db_read(&db, name, err);
    if (status == PLAB_OK) {
        status = print_table(db, (enum format)format, table, err);
    }
    plab_ledger_db_close(&db);
    return status;
}
