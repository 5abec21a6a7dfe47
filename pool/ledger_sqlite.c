/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/ledger_sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"

#define BUSY_MS 10000 /* another pool writes to the same file */
#define TEXT_CAP 1100

static const char schema[] =
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, t_ns INTEGER NOT NULL, wall TEXT NOT NULL,"
    " algo TEXT NOT NULL, pid INTEGER NOT NULL) STRICT;"
    "CREATE TABLE sessions (run INTEGER NOT NULL REFERENCES runs, session INTEGER NOT NULL,"
    " peer TEXT, connected_ns INTEGER NOT NULL, login TEXT, agent TEXT, rig_id TEXT,"
    " login_ns INTEGER, refused TEXT, difficulty INTEGER, closed_ns INTEGER, reason TEXT,"
    " PRIMARY KEY (run, session)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE jobs (run INTEGER NOT NULL REFERENCES runs, session INTEGER, t_ns INTEGER"
    " NOT NULL, job TEXT, height INTEGER, difficulty INTEGER) STRICT;"
    "CREATE TABLE shares (run INTEGER NOT NULL REFERENCES runs, session INTEGER, t_ns INTEGER"
    " NOT NULL, job TEXT, height INTEGER, nonce TEXT, verdict TEXT NOT NULL, difficulty INTEGER,"
    " share_difficulty INTEGER, latency_us INTEGER NOT NULL, verify_us INTEGER NOT NULL,"
    " verified INTEGER NOT NULL) STRICT;"
    "CREATE TABLE blocks (run INTEGER NOT NULL REFERENCES runs, session INTEGER, t_ns INTEGER"
    " NOT NULL, height INTEGER, block TEXT, accepted INTEGER NOT NULL, text TEXT) STRICT;"
    "CREATE TABLE events (run INTEGER NOT NULL REFERENCES runs, session INTEGER, t_ns INTEGER"
    " NOT NULL, event TEXT NOT NULL, peer TEXT, job TEXT, height INTEGER, difficulty INTEGER,"
    " block TEXT, seed TEXT, text TEXT) STRICT;"
    "CREATE INDEX shares_by_session ON shares (run, session);";

enum statement { BEGIN, COMMIT, CONNECT, LOGIN, DISCONNECT, JOB, SHARE, BLOCK, OTHER, STATEMENTS };

/* All take their values by the same numbers, see bind_event(). */
static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [CONNECT] = "INSERT INTO sessions (run, session, connected_ns, peer) VALUES (?1, ?3, ?2, ?5)",
    [LOGIN] = "UPDATE sessions SET login_ns = ?2, refused = ?4, login = ?6, agent = ?7,"
              " rig_id = ?8, difficulty = ?11 WHERE run = ?1 AND session = ?3",
    [DISCONNECT] = "UPDATE sessions SET closed_ns = ?2, reason = ?4"
                   " WHERE run = ?1 AND session = ?3",
    [JOB] = "INSERT INTO jobs VALUES (?1, ?3, ?2, ?9, ?10, ?11)",
    [SHARE] = "INSERT INTO shares VALUES (?1, ?3, ?2, ?9, ?10, ?16, ?15, ?11, ?12, ?13, ?14, ?20)",
    [BLOCK] = "INSERT INTO blocks VALUES (?1, ?3, ?2, ?10, ?17, ?19, ?4)",
    [OTHER] = "INSERT INTO events VALUES (?1, ?3, ?2, ?21, ?5, ?9, ?10, ?11, ?17, ?18, ?4)",
};

struct plab_ledger_sqlite {
    sqlite3 *db;
    char *path;
    int64_t run;
    sqlite3_stmt *statements[STATEMENTS];
};

/* SQLite's words, and the system's where there are some: "disk I/O error" alone helps nobody. */
static enum plab_status fail(const struct plab_ledger_sqlite *ledger, const char *what,
                             struct plab_error *err) {
    int code = sqlite3_errcode(ledger->db) & 0xff;
    int reason = sqlite3_system_errno(ledger->db);
    bool broken = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    bool of_system = reason != 0 && (code == SQLITE_IOERR || code == SQLITE_CANTOPEN);
    return plab_fail(err, broken ? PLAB_E_INPUT : PLAB_E_IO, "cannot %s the ledger \"%s\": %s%s%s",
                     what, ledger->path, sqlite3_errmsg(ledger->db), of_system ? ": " : "",
                     of_system ? strerror(reason) : "");
}

/* ---- values ---- */

static void bind_text(sqlite3_stmt *stmt, int at, const char *text) {
    char safe[TEXT_CAP];
    if (text != NULL && text[0] != '\0') {
        plab_log_escape(text, strlen(text), safe, sizeof safe);
        sqlite3_bind_text(stmt, at, safe, -1, SQLITE_TRANSIENT);
    }
}

static void bind_hex(sqlite3_stmt *stmt, int at, const uint8_t *bytes, size_t len) {
    char hex[2 * PLAB_BLOCK_ID_BYTES + 1];
    if (bytes != NULL) {
        plab_hex_encode(bytes, len, hex);
        sqlite3_bind_text(stmt, at, hex, -1, SQLITE_TRANSIENT);
    }
}

/* SQLite's integers have a sign. */
static void bind_number(sqlite3_stmt *stmt, int at, uint64_t value) {
    if (value != 0) {
        sqlite3_bind_int64(stmt, at, value <= INT64_MAX ? (int64_t)value : INT64_MAX);
    }
}

/* A statement takes what it names; a number above its last is refused, which is no fault. */
static void bind_event(sqlite3_stmt *stmt, int64_t run, const struct plab_pool_event *event) {
    sqlite3_clear_bindings(stmt);
    sqlite3_bind_int64(stmt, 1, run);
    bind_number(stmt, 2, event->t_ns);
    bind_number(stmt, 3, event->session);
    bind_text(stmt, 4, event->text);
    bind_text(stmt, 5, event->peer);
    bind_text(stmt, 6, event->login);
    bind_text(stmt, 7, event->agent);
    bind_text(stmt, 8, event->rig_id);
    bind_text(stmt, 9, event->job_id);
    bind_number(stmt, 10, event->height);
    bind_number(stmt, 11, event->difficulty);
    bind_number(stmt, 12, event->share_difficulty);
    sqlite3_bind_int64(stmt, 13, (int64_t)(event->latency_ns / 1000));
    sqlite3_bind_int64(stmt, 14, (int64_t)(event->verify_ns / 1000));
    bind_text(stmt, 15, plab_verdict_name(event->verdict));
    bind_hex(stmt, 16, event->nonce, PLAB_BLOCK_NONCE_BYTES);
    bind_hex(stmt, 17, event->id, PLAB_BLOCK_ID_BYTES);
    bind_hex(stmt, 18, event->seed, PLAB_BLOCK_ID_BYTES);
    sqlite3_bind_int(stmt, 19, event->accepted);
    sqlite3_bind_int(stmt, 20, !event->unverified);
    bind_text(stmt, 21, plab_pool_event_name(event->kind));
}

static enum statement statement_of(enum plab_pool_event_kind kind) {
    switch (kind) {
    case PLAB_POOL_EVENT_CONNECT:
        return CONNECT;
    case PLAB_POOL_EVENT_LOGIN:
        return LOGIN;
    case PLAB_POOL_EVENT_DISCONNECT:
        return DISCONNECT;
    case PLAB_POOL_EVENT_JOB:
        return JOB;
    case PLAB_POOL_EVENT_SHARE:
        return SHARE;
    case PLAB_POOL_EVENT_BLOCK:
        return BLOCK;
    default:
        return OTHER;
    }
}

static enum plab_status step(struct plab_ledger_sqlite *ledger, enum statement which,
                             struct plab_error *err) {
    sqlite3_stmt *stmt = ledger->statements[which];
    int rc = sqlite3_step(stmt);
    enum plab_status status = rc == SQLITE_DONE ? PLAB_OK : fail(ledger, "write to", err);
    sqlite3_reset(stmt);
    return status;
}

enum plab_status plab_ledger_sqlite_commit(void *cookie, const struct plab_ledger_record *list,
                                           struct plab_error *err) {
    struct plab_ledger_sqlite *ledger = cookie;
    enum plab_status status = step(ledger, BEGIN, err);
    for (; status == PLAB_OK && list != NULL; list = list->next) {
        enum statement which = statement_of(list->event.kind);
        bind_event(ledger->statements[which], ledger->run, &list->event);
        status = step(ledger, which, err);
    }
    return status == PLAB_OK ? step(ledger, COMMIT, err) : status;
}

/* ---- opening ---- */

static enum plab_status execute(struct plab_ledger_sqlite *ledger, const char *text,
                                struct plab_error *err) {
    return sqlite3_exec(ledger->db, text, NULL, NULL, NULL) == SQLITE_OK
               ? PLAB_OK
               : fail(ledger, "write to", err);
}

/* The number that a query gives. */
static enum plab_status ask(struct plab_ledger_sqlite *ledger, const char *query, int64_t *out,
                            struct plab_error *err) {
    sqlite3_stmt *stmt = NULL;
    enum plab_status status = PLAB_OK;
    if (sqlite3_prepare_v2(ledger->db, query, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        *out = sqlite3_column_int64(stmt, 0);
    } else {
        status = fail(ledger, "read", err);
    }
    sqlite3_finalize(stmt);
    return status;
}

/* Within a transaction: two pools may find the same new file. */
static enum plab_status check_schema(struct plab_ledger_sqlite *ledger, struct plab_error *err) {
    char text[64];
    int64_t version = 0, objects = 0;
    enum plab_status status = ask(ledger, "PRAGMA user_version", &version, err);
    if (status == PLAB_OK) {
        status = ask(ledger, "SELECT count(*) FROM sqlite_master", &objects, err);
    }
    if (status != PLAB_OK || version == PLAB_LEDGER_SQLITE_VERSION) {
        return status;
    }
    if (version != 0 || objects != 0) {
        return plab_fail(err, PLAB_E_INPUT,
                         "the ledger \"%s\" has schema version %lld, this program writes %d; give "
                         "another file",
                         ledger->path, (long long)version, PLAB_LEDGER_SQLITE_VERSION);
    }
    status = execute(ledger, schema, err);
    sqlite3_snprintf(sizeof text, text, "PRAGMA user_version = %d", PLAB_LEDGER_SQLITE_VERSION);
    return status == PLAB_OK ? execute(ledger, text, err) : status;
}

static enum plab_status begin_run(struct plab_ledger_sqlite *ledger, const char *algo,
                                  struct plab_error *err) {
    char wall[PLAB_CLOCK_ISO_LEN];
    plab_clock_iso(plab_clock_wall_ns(), wall);
    char *text =
        sqlite3_mprintf("INSERT INTO runs (t_ns, wall, algo, pid) VALUES (%llu, %Q, %Q, "
                        "%lld)",
                        (unsigned long long)plab_clock_ns(), wall, algo, (long long)getpid());
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    enum plab_status status = execute(ledger, text, err);
    sqlite3_free(text);
    ledger->run = sqlite3_last_insert_rowid(ledger->db);
    return status;
}

static enum plab_status set_up(struct plab_ledger_sqlite *ledger, const char *algo,
                               struct plab_error *err) {
    sqlite3_busy_timeout(ledger->db, BUSY_MS);
    if (sqlite3_db_readonly(ledger->db, "main") == 1) {
        return plab_fail(err, PLAB_E_IO, "the ledger \"%s\" may not be written to", ledger->path);
    }
    enum plab_status status = execute(ledger, "BEGIN IMMEDIATE", err);
    if (status == PLAB_OK) {
        status = check_schema(ledger, err);
    }
    if (status == PLAB_OK) {
        status =
            execute(ledger, "COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err);
    }
    if (status == PLAB_OK) {
        status = begin_run(ledger, algo, err);
    }
    for (int i = 0; i < STATEMENTS && status == PLAB_OK; i++) {
        if (sqlite3_prepare_v3(ledger->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &ledger->statements[i], NULL) != SQLITE_OK) {
            status = fail(ledger, "use", err);
        }
    }
    return status;
}

enum plab_status plab_ledger_sqlite_open(struct plab_ledger_sqlite **out, const char *path,
                                         const char *algo, struct plab_error *err) {
    struct plab_ledger_sqlite *ledger = calloc(1, sizeof *ledger);
    *out = NULL;
    if (ledger == NULL || (ledger->path = strdup(path)) == NULL) {
        free(ledger);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    enum plab_status status = sqlite3_open_v2(path, &ledger->db, flags, NULL) == SQLITE_OK
                                  ? set_up(ledger, algo, err)
                                  : fail(ledger, "open", err);
    if (status != PLAB_OK) {
        plab_ledger_sqlite_close(&ledger);
        return status;
    }
    *out = ledger;
    return PLAB_OK;
}

void plab_ledger_sqlite_close(struct plab_ledger_sqlite **ledger) {
    struct plab_ledger_sqlite *last = *ledger;
    *ledger = NULL;
    if (last == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(last->statements[i]);
    }
    sqlite3_close(last->db);
    free(last->path);
    free(last);
}
