/* SPDX-License-Identifier: BSD-3-Clause */
/* A ledger in SQLite: write-ahead log, synced at each commit. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "pool/ledger_backend_priv.h"

#define BUSY_MS 10000 /* another pool writes to the same file */

struct store {
    sqlite3 *db;
    char *path;
    bool to_read;
    sqlite3_stmt *statements[PLAB_LEDGER_STATEMENTS_MAX];
};

/* SQLite's words, and the system's where there are some: "disk I/O error" alone helps nobody. */
static enum plab_status fail(const struct store *store, struct plab_error *err) {
    int code = sqlite3_errcode(store->db) & 0xff;
    int reason = sqlite3_system_errno(store->db);
    bool broken = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    bool of_system = reason != 0 && (code == SQLITE_IOERR || code == SQLITE_CANTOPEN);
    return plab_fail(err, broken ? PLAB_E_INPUT : PLAB_E_IO, "cannot %s the ledger \"%s\": %s%s%s",
                     store->to_read ? "read" : "write to", store->path, sqlite3_errmsg(store->db),
                     of_system ? ": " : "", of_system ? strerror(reason) : "");
}

static const char *name_of(const void *db) {
    const struct store *store = db;
    return store->path;
}

static enum plab_status execute(void *db, const char *sql, struct plab_error *err) {
    const struct store *store = db;
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? PLAB_OK : fail(store, err);
}

/* ---- reading ---- */

static struct plab_ledger_cell cell_of(sqlite3_stmt *stmt, int at) {
    struct plab_ledger_cell cell = {.column = sqlite3_column_name(stmt, at)};
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
        cell.type = PLAB_LEDGER_NUMBER;
        cell.number = sqlite3_column_int64(stmt, at);
        break;
    case SQLITE_FLOAT:
        cell.type = PLAB_LEDGER_REAL;
        cell.real = sqlite3_column_double(stmt, at);
        break;
    case SQLITE_NULL:
        break;
    default:
        cell.text = (const char *)sqlite3_column_text(stmt, at);
        cell.type = cell.text != NULL ? PLAB_LEDGER_TEXT : PLAB_LEDGER_NULL;
        break;
    }
    return cell;
}

static enum plab_status hand_over(sqlite3_stmt *stmt, plab_ledger_row_fn *row, void *cookie,
                                  struct plab_error *err) {
    struct plab_ledger_cell cells[PLAB_LEDGER_COLUMNS_MAX];
    const int count = sqlite3_column_count(stmt);
    for (int i = 0; i < count && i < PLAB_LEDGER_COLUMNS_MAX; i++) {
        cells[i] = cell_of(stmt, i);
    }
    return row(cookie, cells, (size_t)count, err);
}

static enum plab_status query(void *db, const char *sql, plab_ledger_row_fn *row, void *cookie,
                              struct plab_error *err) {
    const struct store *store = db;
    sqlite3_stmt *stmt = NULL;
    enum plab_status status = PLAB_OK;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW && (status = hand_over(stmt, row, cookie, err)) != PLAB_OK) {
            break;
        }
    }
    if (status == PLAB_OK && rc != SQLITE_DONE) {
        status = fail(store, err);
    }
    sqlite3_finalize(stmt);
    return status;
}

/* ---- writing ---- */

static enum plab_status prepare(void *db, size_t which, const char *sql, struct plab_error *err) {
    struct store *store = db;
    return sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                              &store->statements[which], NULL) == SQLITE_OK
               ? PLAB_OK
               : fail(store, err);
}

static enum plab_status begin(void *db, struct plab_error *err) {
    return execute(db, "BEGIN IMMEDIATE", err);
}

static enum plab_status commit(void *db, struct plab_error *err) {
    return execute(db, "COMMIT", err);
}

static void bind_value(sqlite3_stmt *stmt, int at, const struct plab_ledger_value *value) {
    if (value->type == PLAB_LEDGER_NUMBER) {
        sqlite3_bind_int64(stmt, at, value->number);
    } else if (value->type == PLAB_LEDGER_TEXT) {
        sqlite3_bind_text(stmt, at, value->text, -1, SQLITE_STATIC);
    }
}

static enum plab_status put(void *db, size_t which, const struct plab_ledger_value *values,
                            size_t count, struct plab_error *err) {
    const struct store *store = db;
    sqlite3_stmt *stmt = store->statements[which];
    for (size_t i = 0; i < count; i++) {
        bind_value(stmt, (int)i + 1, &values[i]);
    }
    enum plab_status status = sqlite3_step(stmt) == SQLITE_DONE ? PLAB_OK : fail(store, err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return status;
}

/* ---- life ---- */

static void close_store(void *db) {
    struct store *store = db;
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < PLAB_LEDGER_STATEMENTS_MAX; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

static enum plab_status open_file(struct store *store, struct plab_error *err) {
    const int flags =
        SQLITE_OPEN_NOMUTEX |
        (store->to_read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK) {
        return fail(store, err);
    }
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return !store->to_read && sqlite3_db_readonly(store->db, "main") == 1
               ? plab_fail(err, PLAB_E_IO, "the ledger \"%s\" may not be written to", store->path)
               : PLAB_OK;
}

static enum plab_status open_store(void **out, const char *path, bool to_read,
                                   struct plab_error *err) {
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    store->to_read = to_read;
    enum plab_status status = open_file(store, err);
    if (status != PLAB_OK) {
        close_store(store);
        return status;
    }
    *out = store;
    return PLAB_OK;
}

const struct plab_ledger_backend plab_ledger_sqlite = {
    .begin_setup = "BEGIN IMMEDIATE",
    .version = "PRAGMA user_version",
    .objects = "SELECT count(*) FROM sqlite_master",
    .schema = PLAB_LEDGER_TABLES("INTEGER", "INTEGER PRIMARY KEY", " STRICT",
                                 " STRICT, WITHOUT ROWID") "PRAGMA user_version = 1",
    .durable = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    .begin_read = "BEGIN",
    .open = open_store,
    .close = close_store,
    .name = name_of,
    .execute = execute,
    .query = query,
    .prepare = prepare,
    .begin = begin,
    .put = put,
    .commit = commit,
};
