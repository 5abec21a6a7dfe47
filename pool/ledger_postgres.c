/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ledger in PostgreSQL, in a schema of its own. Statements go out in pipelines, so that a
 * transaction costs two round trips however many there are. Nothing waits for ever: a server that
 * doesn't answer is one that is gone.
 */
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/netguard.h"
#include "pool/ledger_backend_priv.h"
#include "pool/ledger_server_priv.h"

#define ANSWER_MS 20000 /* a server that says nothing for so long is gone */
/* For connecting, unless the URL says how long: from the first attempt, and again, to a server that
 * is being restarted. */
#define CONNECT_MS 10000
#define RECOVER_MS 20000
#define RETRY_MS 100   /* between two of them */
#define UNREAD_MAX 128 /* answers that may wait: they fit into the buffers of a socket */
#define VALUES_MAX 16  /* of a statement */
#define OID_INT8 20    /* pg_type.dat, where these numbers are fixed */
#define OID_INT2 21
#define OID_INT4 23
#define OID_FLOAT4 700
#define OID_FLOAT8 701
#define OID_NUMERIC 1700

struct store {
    struct plab_ledger_server server;
    PGconn *conn;
    bool to_read;
    unsigned unread;         /* statements sent whose answers weren't read */
    int64_t writer;          /* our row of `writers`; 0: none yet */
    uint64_t transaction;    /* number of the newest, from 1 */
    enum plab_status status; /* of the statements of this transaction so far */
    struct plab_error error;
};

/* ---- errors ---- */

/* A fault that is the server's, or the way's, and not that of what was asked. */
static bool is_gone(const struct store *store, const char *state) {
    return PQstatus(store->conn) != CONNECTION_OK ||
           (state != NULL && (strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0));
}

/* PostgreSQL's words, which may be several lines. */
static enum plab_status fail(const struct store *store, const PGresult *result,
                             struct plab_error *err) {
    char words[240];
    const char *text = result != NULL ? PQresultErrorMessage(result) : "";
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    text = text[0] != '\0' ? text : PQerrorMessage(store->conn);
    (void)snprintf(words, sizeof words, "%.*s", (int)strcspn(text, "\n"), text);
    return is_gone(store, state)
               ? plab_fail(err, PLAB_E_NETWORK, "the server of the ledger \"%s\" is gone: %s",
                           store->server.name, words)
               : plab_fail(err, PLAB_E_IO, "cannot %s the ledger \"%s\": %s",
                           store->to_read ? "read" : "write to", store->server.name, words);
}

static void drop_notice(void *cookie, const char *message) {
    (void)cookie;
    (void)message;
}

static const char *name_of(const void *db) {
    const struct store *store = db;
    return store->server.name;
}

/* ---- waiting ---- */

/* Waits until the socket is ready. PLAB_E_NETWORK: the deadline is over. */
static enum plab_status await(const struct store *store, short events, uint64_t deadline_ns,
                              struct plab_error *err) {
    struct pollfd one = {.fd = PQsocket(store->conn), .events = events};
    const uint64_t now_ns = plab_clock_ns();
    const int left_ms = now_ns < deadline_ns ? (int)((deadline_ns - now_ns) / 1000000) + 1 : 0;
    return left_ms > 0 && poll(&one, 1, left_ms) != 0
               ? PLAB_OK
               : plab_fail(err, PLAB_E_NETWORK, "the server of the ledger \"%s\" does not answer",
                           store->server.name);
}

/* Sends what is queued and reads until there is a result, which may be NULL. */
static enum plab_status next_result(const struct store *store, PGresult **out,
                                    struct plab_error *err) {
    const uint64_t deadline_ns = plab_clock_ns() + UINT64_C(1000000) * ANSWER_MS;
    int unsent = PQflush(store->conn);
    *out = NULL;
    while (unsent != 0 || PQisBusy(store->conn)) {
        enum plab_status status =
            unsent < 0 ? fail(store, NULL, err)
                       : await(store, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline_ns, err);
        if (status != PLAB_OK) {
            return status;
        }
        if (PQconsumeInput(store->conn) == 0) {
            return fail(store, NULL, err);
        }
        unsent = PQflush(store->conn);
    }
    *out = PQgetResult(store->conn);
    return PLAB_OK;
}

/* ---- statements that stand alone ---- */

static struct plab_ledger_cell cell_of(const PGresult *result, int at) {
    struct plab_ledger_cell cell = {.column = PQfname(result, at)};
    if (PQgetisnull(result, 0, at)) {
        return cell;
    }
    cell.text = PQgetvalue(result, 0, at);
    switch (PQftype(result, at)) {
    case OID_INT8:
    case OID_INT2:
    case OID_INT4:
        cell.type = PLAB_LEDGER_NUMBER;
        cell.number = strtoll(cell.text, NULL, 10);
        break;
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        cell.type = PLAB_LEDGER_REAL;
        cell.real = strtod(cell.text, NULL);
        break;
    default:
        cell.type = PLAB_LEDGER_TEXT;
        break;
    }
    return cell;
}

static enum plab_status hand_over(const PGresult *result, plab_ledger_row_fn *row, void *cookie,
                                  struct plab_error *err) {
    struct plab_ledger_cell cells[PLAB_LEDGER_COLUMNS_MAX];
    const int count = PQnfields(result);
    for (int i = 0; i < count && i < PLAB_LEDGER_COLUMNS_MAX; i++) {
        cells[i] = cell_of(result, i);
    }
    return row(cookie, cells, (size_t)count, err);
}

static enum plab_status take_result(const struct store *store, const PGresult *result,
                                    plab_ledger_row_fn *row, void *cookie, struct plab_error *err) {
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        return row != NULL ? hand_over(result, row, cookie, err) : PLAB_OK;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        return PLAB_OK;
    default:
        return fail(store, result, err);
    }
}

/* Row by row: a table may be larger than memory. After an error the connection isn't used again. */
static enum plab_status query(void *db, const char *sql, plab_ledger_row_fn *row, void *cookie,
                              struct plab_error *err) {
    const struct store *store = db;
    PGresult *result = NULL;
    if (PQsendQuery(store->conn, sql) == 0) {
        return fail(store, NULL, err);
    }
    (void)PQsetSingleRowMode(store->conn);
    enum plab_status status = next_result(store, &result, err);
    while (status == PLAB_OK && result != NULL) {
        status = take_result(store, result, row, cookie, err);
        PQclear(result);
        if (status == PLAB_OK) {
            status = next_result(store, &result, err);
        }
    }
    return status;
}

static enum plab_status execute(void *db, const char *sql, struct plab_error *err) {
    return query(db, sql, NULL, NULL, err);
}

static enum plab_status prepare(void *db, size_t which, const char *sql, struct plab_error *err) {
    char text[512];
    (void)snprintf(text, sizeof text, "PREPARE s%zu AS %s", which, sql);
    return execute(db, text, err);
}

/* ---- a transaction, in a pipeline ---- */

static void note_result(struct store *store, const PGresult *result) {
    const ExecStatusType kind = PQresultStatus(result);
    if (store->status == PLAB_OK && kind != PGRES_TUPLES_OK && kind != PGRES_COMMAND_OK &&
        kind != PGRES_PIPELINE_SYNC) {
        store->status = fail(store, result, &store->error);
    }
}

/* Reads the answers to all that was sent. */
static enum plab_status drain(struct store *store, struct plab_error *err) {
    bool synced = false;
    if (PQpipelineSync(store->conn) == 0) {
        return fail(store, NULL, err);
    }
    while (!synced) {
        PGresult *result = NULL;
        enum plab_status status = next_result(store, &result, err);
        if (status != PLAB_OK) {
            return status;
        }
        if (result == NULL && PQstatus(store->conn) != CONNECTION_OK) {
            return fail(store, NULL, err);
        }
        synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (result != NULL) { /* NULL: the end of a statement's results */
            note_result(store, result);
        }
        PQclear(result);
    }
    store->unread = 0;
    if (store->status != PLAB_OK) {
        *err = store->error;
    }
    return store->status;
}

static enum plab_status send_sql(struct store *store, const char *sql, struct plab_error *err) {
    store->unread++;
    return PQsendQueryParams(store->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1
               ? PLAB_OK
               : fail(store, NULL, err);
}

static enum plab_status take_number(void *cookie, const struct plab_ledger_cell *cells,
                                    size_t count, struct plab_error *err) {
    (void)err;
    *(int64_t *)cookie = count > 0 ? cells[0].number : 0;
    return PLAB_OK;
}

/* Each transaction leaves its number in a row of ours, before all else: should the connection be
 * lost while it ends, that row tells what became of it. Ids of transactions can't: a server that
 * crashes may give them away again. */
static enum plab_status begin(void *db, struct plab_error *err) {
    struct store *store = db;
    char sql[100];
    enum plab_status status = PLAB_OK;
    store->status = PLAB_OK;
    store->unread = 0;
    if (store->writer == 0) {
        status = query(store, "INSERT INTO writers (done) VALUES (0) RETURNING writer", take_number,
                       &store->writer, err);
    }
    if (status == PLAB_OK && PQpipelineStatus(store->conn) == PQ_PIPELINE_OFF &&
        PQenterPipelineMode(store->conn) == 0) {
        status = fail(store, NULL, err);
    }
    if (status == PLAB_OK) {
        status = send_sql(store, "BEGIN", err);
    }
    (void)snprintf(sql, sizeof sql, "UPDATE writers SET done = %" PRIu64 " WHERE writer = %" PRId64,
                   ++store->transaction, store->writer);
    return status == PLAB_OK ? send_sql(store, sql, err) : status;
}

static enum plab_status put(void *db, size_t which, const struct plab_ledger_value *values,
                            size_t count, struct plab_error *err) {
    struct store *store = db;
    const char *texts[VALUES_MAX] = {NULL};
    char statement[16], numbers[VALUES_MAX][24];
    (void)snprintf(statement, sizeof statement, "s%zu", which);
    for (size_t i = 0; i < count && i < VALUES_MAX; i++) {
        if (values[i].type == PLAB_LEDGER_NUMBER) {
            (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i].number);
            texts[i] = numbers[i];
        } else if (values[i].type == PLAB_LEDGER_TEXT) {
            texts[i] = values[i].text;
        }
    }
    if (PQsendQueryPrepared(store->conn, statement, (int)count, texts, NULL, NULL, 0) == 0) {
        return fail(store, NULL, err);
    }
    return ++store->unread < UNREAD_MAX ? PLAB_OK : drain(store, err);
}

/* The end is sent when all else has been done, so that our row is locked until then. */
static enum plab_status commit(void *db, struct plab_error *err) {
    struct store *store = db;
    enum plab_status status = drain(store, err);
    if (status == PLAB_OK) {
        status = send_sql(store, "COMMIT", err);
    }
    return status == PLAB_OK ? drain(store, err) : status;
}

/* ---- life ---- */

/* The URL was judged; this is the address that it led to. */
static enum plab_status check_peer(const struct store *store, struct plab_error *err) {
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof peer;
    (void)getpeername(PQsocket(store->conn), (struct sockaddr *)&peer, &len);
    return peer.ss_family == AF_UNIX ? PLAB_OK
                                     : plab_netguard_check((const struct sockaddr *)&peer, err);
}

static enum plab_status connect_once(struct store *store, uint64_t deadline_ns,
                                     struct plab_error *err) {
    PQfinish(store->conn);
    store->conn = PQconnectStartParams(store->server.keywords, store->server.values, 0);
    if (store->conn == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    PQsetNoticeProcessor(store->conn, drop_notice, NULL);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(store->conn) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
           next != PGRES_POLLING_FAILED) {
        const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        enum plab_status status = await(store, events, deadline_ns, err);
        if (status != PLAB_OK) {
            return status;
        }
        next = PQconnectPoll(store->conn);
    }
    if (next != PGRES_POLLING_OK || PQsetnonblocking(store->conn, 1) != 0) {
        return plab_fail(err, PLAB_E_NETWORK, "cannot connect to the ledger \"%s\": %.*s",
                         store->server.name, (int)strcspn(PQerrorMessage(store->conn), "\n"),
                         PQerrorMessage(store->conn));
    }
    enum plab_status status = check_peer(store, err);
    return status == PLAB_OK ? execute(store, "SET search_path = powlab", err) : status;
}

/* The end of the time for connecting. */
static uint64_t deadline_of(const struct store *store, uint64_t otherwise_ms) {
    const uint64_t ms =
        store->server.patience_s > 0 ? UINT64_C(1000) * store->server.patience_s : otherwise_ms;
    return plab_clock_ns() + UINT64_C(1000000) * ms;
}

/* What became of the last transaction. Should it be ending still, the lock waits for that. */
static enum plab_status ask_fate(struct store *store, bool *committed, struct plab_error *err) {
    char sql[100];
    int64_t done = 0;
    (void)snprintf(sql, sizeof sql,
                   "SELECT done FROM writers WHERE writer = %" PRId64 " FOR UPDATE", store->writer);
    enum plab_status status = query(store, sql, take_number, &done, err);
    *committed = status == PLAB_OK && store->writer != 0 && (uint64_t)done == store->transaction;
    return status;
}

static enum plab_status recover(void *db, bool *committed, struct plab_error *err) {
    struct store *store = db;
    const uint64_t deadline_ns = deadline_of(store, RECOVER_MS);
    enum plab_status status = PLAB_E_NETWORK;
    *committed = false;
    while (status != PLAB_OK && plab_clock_ns() < deadline_ns) {
        status = connect_once(store, deadline_ns, err);
        if (status == PLAB_OK) {
            status = ask_fate(store, committed, err);
        }
        if (status != PLAB_OK) {
            (void)poll(NULL, 0, RETRY_MS);
        }
    }
    return status;
}

static void close_store(void *db) {
    struct store *store = db;
    if (store != NULL) {
        PQfinish(store->conn);
        plab_ledger_server_free(&store->server);
        free(store);
    }
}

static enum plab_status open_store(void **out, const char *url, bool to_read,
                                   struct plab_error *err) {
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    store->to_read = to_read;
    enum plab_status status = plab_ledger_server_parse(&store->server, url, err);
    if (status == PLAB_OK) {
        status = connect_once(store, deadline_of(store, CONNECT_MS), err);
    }
    if (status != PLAB_OK) {
        close_store(store);
        return status;
    }
    *out = store;
    return PLAB_OK;
}

/* The number of the lock is "plab". */
const struct plab_ledger_backend plab_ledger_postgres = {
    .begin_setup = "BEGIN; SELECT pg_advisory_xact_lock(1886151010)",
    .version = "SELECT CAST(coalesce((SELECT substring(obj_description(oid, 'pg_namespace')"
               " FROM '^powlab ledger ([0-9]{1,9})$') FROM pg_namespace WHERE nspname = 'powlab'),"
               " '0') AS BIGINT)",
    .objects = "SELECT count(*) FROM pg_namespace WHERE nspname = 'powlab'",
    .schema = "CREATE SCHEMA powlab;" PLAB_LEDGER_TABLES(
        "BIGINT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "",
        "") "CREATE TABLE writers (writer BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " done BIGINT NOT NULL);"
            "COMMENT ON SCHEMA powlab IS 'powlab ledger 1'",
    .durable = "SET synchronous_commit = on",
    .begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    .open = open_store,
    .close = close_store,
    .name = name_of,
    .execute = execute,
    .query = query,
    .prepare = prepare,
    .begin = begin,
    .put = put,
    .commit = commit,
    .recover = recover,
};
