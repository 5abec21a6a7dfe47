/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/ledger_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "pool/ledger_backend_priv.h"

enum statement { CONNECT, LOGIN, DISCONNECT, JOB, SHARE, BLOCK, OTHER, STATEMENTS };
_Static_assert(STATEMENTS <= PLAB_LEDGER_STATEMENTS_MAX, "a backend has room for all");

/* What a column takes of an event. */
enum field {
    END,
    RUN,
    TIME,
    SESSION,
    TEXT,
    PEER,
    USER,
    AGENT,
    RIG,
    JOB_ID,
    HEIGHT,
    DIFFICULTY,
    SHARE_DIFFICULTY,
    LATENCY,
    VERIFY,
    VERDICT,
    NONCE,
    ID,
    SEED,
    ACCEPTED,
    VERIFIED,
    KIND,
};

#define FIELDS_MAX 12
#define RECOVERIES_MAX 3 /* of one transaction */

static const struct {
    const char *sql;
    enum field fields[FIELDS_MAX + 1];
} statements[STATEMENTS] = {
    [CONNECT] = {"INSERT INTO sessions (run, session, connected_ns, peer) VALUES ($1, $2, $3, $4)",
                 {RUN, SESSION, TIME, PEER}},
    [LOGIN] = {"UPDATE sessions SET login_ns = $1, refused = $2, login = $3, agent = $4,"
               " rig_id = $5, difficulty = $6 WHERE run = $7 AND session = $8",
               {TIME, TEXT, USER, AGENT, RIG, DIFFICULTY, RUN, SESSION}},
    [DISCONNECT] = {"UPDATE sessions SET closed_ns = $1, reason = $2"
                    " WHERE run = $3 AND session = $4",
                    {TIME, TEXT, RUN, SESSION}},
    [JOB] = {"INSERT INTO jobs VALUES ($1, $2, $3, $4, $5, $6)",
             {RUN, SESSION, TIME, JOB_ID, HEIGHT, DIFFICULTY}},
    [SHARE] = {"INSERT INTO shares VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
               {RUN, SESSION, TIME, JOB_ID, HEIGHT, NONCE, VERDICT, DIFFICULTY, SHARE_DIFFICULTY,
                LATENCY, VERIFY, VERIFIED}},
    [BLOCK] = {"INSERT INTO blocks VALUES ($1, $2, $3, $4, $5, $6, $7)",
               {RUN, SESSION, TIME, HEIGHT, ID, ACCEPTED, TEXT}},
    [OTHER] = {"INSERT INTO events VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
               {RUN, SESSION, TIME, KIND, PEER, JOB_ID, HEIGHT, DIFFICULTY, ID, SEED, TEXT}},
};

struct plab_ledger_db {
    const struct plab_ledger_backend *backend;
    void *store; /* the backend's */
    int64_t run;
    struct plab_ledger_value values[FIELDS_MAX]; /* of the statement being put */
};

/* ---- values ---- */

static void set_text(struct plab_ledger_value *value, const char *text) {
    if (text != NULL && text[0] != '\0') {
        value->type = PLAB_LEDGER_TEXT;
        plab_log_escape(text, strlen(text), value->text, sizeof value->text);
    }
}

static void set_hex(struct plab_ledger_value *value, const uint8_t *bytes, size_t len) {
    if (bytes != NULL) {
        value->type = PLAB_LEDGER_TEXT;
        plab_hex_encode(bytes, len, value->text);
    }
}

static void set_number(struct plab_ledger_value *value, uint64_t number) {
    value->type = PLAB_LEDGER_NUMBER;
    value->number = number <= INT64_MAX ? (int64_t)number : INT64_MAX; /* databases' have a sign */
}

/* A number of which 0 says that there is none. */
static void set_positive(struct plab_ledger_value *value, uint64_t number) {
    if (number != 0) {
        set_number(value, number);
    }
}

static void set_time_or_sum(struct plab_ledger_value *value, const struct plab_pool_event *event,
                            enum field field) {
    switch (field) {
    case TIME:
        set_positive(value, event->t_ns);
        break;
    case SESSION:
        set_positive(value, event->session);
        break;
    case HEIGHT:
        set_positive(value, event->height);
        break;
    case DIFFICULTY:
        set_positive(value, event->difficulty);
        break;
    case SHARE_DIFFICULTY:
        set_positive(value, event->share_difficulty);
        break;
    case LATENCY:
        set_number(value, event->latency_ns / 1000);
        break;
    case VERIFY:
        set_number(value, event->verify_ns / 1000);
        break;
    case ACCEPTED:
        set_number(value, event->accepted);
        break;
    case VERIFIED:
        set_number(value, !event->unverified);
        break;
    default:
        break;
    }
}

static void set_words(struct plab_ledger_value *value, const struct plab_pool_event *event,
                      enum field field) {
    const char *texts[] = {[TEXT] = event->text,
                           [PEER] = event->peer,
                           [USER] = event->login,
                           [AGENT] = event->agent,
                           [RIG] = event->rig_id,
                           [JOB_ID] = event->job_id,
                           [VERDICT] = plab_verdict_name(event->verdict),
                           [KIND] = plab_pool_event_name(event->kind)};
    set_text(value, texts[field]);
}

static void set_value(struct plab_ledger_value *value, int64_t run,
                      const struct plab_pool_event *event, enum field field) {
    value->type = PLAB_LEDGER_NULL;
    switch (field) {
    case RUN:
        set_number(value, (uint64_t)run);
        break;
    case NONCE:
        set_hex(value, event->nonce, PLAB_BLOCK_NONCE_BYTES);
        break;
    case ID:
        set_hex(value, event->id, PLAB_BLOCK_ID_BYTES);
        break;
    case SEED:
        set_hex(value, event->seed, PLAB_BLOCK_ID_BYTES);
        break;
    case TEXT:
    case PEER:
    case USER:
    case AGENT:
    case RIG:
    case JOB_ID:
    case VERDICT:
    case KIND:
        set_words(value, event, field);
        break;
    default:
        set_time_or_sum(value, event, field);
        break;
    }
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

/* ---- writing ---- */

static enum plab_status put(struct plab_ledger_db *db, const struct plab_pool_event *event,
                            struct plab_error *err) {
    const enum statement which = statement_of(event->kind);
    const enum field *fields = statements[which].fields;
    size_t count = 0;
    for (; fields[count] != END; count++) {
        set_value(&db->values[count], db->run, event, fields[count]);
    }
    return db->backend->put(db->store, which, db->values, count, err);
}

static enum plab_status write_all(struct plab_ledger_db *db, const struct plab_ledger_record *list,
                                  struct plab_error *err) {
    enum plab_status status = db->backend->begin(db->store, err);
    for (; status == PLAB_OK && list != NULL; list = list->next) {
        status = put(db, &list->event, err);
    }
    return status == PLAB_OK ? db->backend->commit(db->store, err) : status;
}

static enum plab_status prepare(struct plab_ledger_db *db, struct plab_error *err) {
    enum plab_status status = db->backend->execute(db->store, db->backend->durable, err);
    for (size_t i = 0; i < STATEMENTS && status == PLAB_OK; i++) {
        status = db->backend->prepare(db->store, i, statements[i].sql, err);
    }
    return status;
}

/* A server that is restarted takes the records again, unless it has them. */
enum plab_status plab_ledger_db_commit(void *cookie, const struct plab_ledger_record *list,
                                       struct plab_error *err) {
    struct plab_ledger_db *db = cookie;
    bool committed = false;
    enum plab_status status = write_all(db, list, err);
    for (int i = 0; i < RECOVERIES_MAX && status == PLAB_E_NETWORK && !committed &&
                    db->backend->recover != NULL;
         i++) {
        status = db->backend->recover(db->store, &committed, err);
        if (status == PLAB_OK) {
            status = prepare(db, err);
        }
        if (status == PLAB_OK && !committed) {
            status = write_all(db, list, err);
        }
    }
    return committed ? PLAB_OK : status;
}

/* ---- opening ---- */

static enum plab_status take_number(void *cookie, const struct plab_ledger_cell *cells,
                                    size_t count, struct plab_error *err) {
    (void)count;
    (void)err;
    *(int64_t *)cookie = cells[0].number;
    return PLAB_OK;
}

/* The number that a query gives. */
static enum plab_status ask(struct plab_ledger_db *db, const char *sql, int64_t *out,
                            struct plab_error *err) {
    *out = 0;
    return db->backend->query(db->store, sql, take_number, out, err);
}

/* PLAB_E_INPUT unless it is a ledger of our version, or, in `*fresh`, nothing yet. */
static enum plab_status check_version(struct plab_ledger_db *db, bool *fresh,
                                      struct plab_error *err) {
    int64_t version = 0, objects = 0;
    enum plab_status status = ask(db, db->backend->version, &version, err);
    if (status == PLAB_OK) {
        status = ask(db, db->backend->objects, &objects, err);
    }
    *fresh = version == 0 && objects == 0;
    if (status != PLAB_OK || version == PLAB_LEDGER_DB_VERSION || *fresh) {
        return status;
    }
    return plab_fail(err, PLAB_E_INPUT,
                     "the ledger \"%s\" has schema version %lld, this program knows %d; give "
                     "another one",
                     plab_ledger_db_name(db), (long long)version, PLAB_LEDGER_DB_VERSION);
}

/* Within a transaction: two pools may find the same new database. */
static enum plab_status make_tables(struct plab_ledger_db *db, struct plab_error *err) {
    bool fresh = false;
    enum plab_status status = db->backend->execute(db->store, db->backend->begin_setup, err);
    if (status == PLAB_OK) {
        status = check_version(db, &fresh, err);
    }
    if (status == PLAB_OK && fresh) {
        status = db->backend->execute(db->store, db->backend->schema, err);
    }
    return status == PLAB_OK ? db->backend->execute(db->store, "COMMIT", err) : status;
}

static enum plab_status begin_run(struct plab_ledger_db *db, const char *algo,
                                  struct plab_error *err) {
    char wall[PLAB_CLOCK_ISO_LEN], sql[256];
    plab_clock_iso(plab_clock_wall_ns(), wall);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO runs (t_ns, wall, algo, pid) VALUES (%llu, '%s', '%s', %lld) "
                   "RETURNING run",
                   (unsigned long long)plab_clock_ns(), wall, algo, (long long)getpid());
    return ask(db, sql, &db->run, err);
}

static enum plab_status set_up(struct plab_ledger_db *db, const char *algo,
                               struct plab_error *err) {
    enum plab_status status = make_tables(db, err);
    if (status == PLAB_OK) {
        status = prepare(db, err);
    }
    return status == PLAB_OK ? begin_run(db, algo, err) : status;
}

static enum plab_status start_reading(struct plab_ledger_db *db, struct plab_error *err) {
    bool fresh = false;
    enum plab_status status = db->backend->execute(db->store, db->backend->begin_read, err);
    if (status == PLAB_OK) {
        status = check_version(db, &fresh, err);
    }
    return status == PLAB_OK && fresh
               ? plab_fail(err, PLAB_E_INPUT, "there is no ledger in \"%s\" yet",
                           plab_ledger_db_name(db))
               : status;
}

static bool is_url(const char *name) {
    return strncmp(name, "postgresql://", 13) == 0 || strncmp(name, "postgres://", 11) == 0;
}

bool plab_ledger_db_is_name(const char *name) {
    const size_t len = strlen(name);
    return is_url(name) || (len > 3 && strcmp(name + len - 3, ".db") == 0);
}

/* `algo` NULL: to read. */
static enum plab_status open_db(struct plab_ledger_db **out, const char *name, const char *algo,
                                struct plab_error *err) {
    struct plab_ledger_db *db = calloc(1, sizeof *db);
    *out = NULL;
    if (db == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    db->backend = is_url(name) ? &plab_ledger_postgres : &plab_ledger_sqlite;
    enum plab_status status = db->backend->open(&db->store, name, algo == NULL, err);
    if (status == PLAB_OK) {
        status = algo != NULL ? set_up(db, algo, err) : start_reading(db, err);
    }
    if (status != PLAB_OK) {
        plab_ledger_db_close(&db);
        return status;
    }
    *out = db;
    return PLAB_OK;
}

enum plab_status plab_ledger_db_open(struct plab_ledger_db **out, const char *name,
                                     const char *algo, struct plab_error *err) {
    return open_db(out, name, algo, err);
}

enum plab_status plab_ledger_db_read(struct plab_ledger_db **out, const char *name,
                                     struct plab_error *err) {
    return open_db(out, name, NULL, err);
}

enum plab_status plab_ledger_db_query(struct plab_ledger_db *db, const char *sql,
                                      plab_ledger_row_fn *row, void *cookie,
                                      struct plab_error *err) {
    return db->backend->query(db->store, sql, row, cookie, err);
}

const char *plab_ledger_db_name(const struct plab_ledger_db *db) {
    return db->backend->name(db->store);
}

void plab_ledger_db_close(struct plab_ledger_db **db) {
    if (*db != NULL) {
        (*db)->backend->close((*db)->store);
        free(*db);
        *db = NULL;
    }
}
