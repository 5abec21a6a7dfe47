/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ledger as a database (docs/ledger.md): writing it, a transaction a list of records, and
 * reading it. A name is that of a SQLite file, or postgresql://... (pool/ledger_server_priv.h).
 */
#ifndef PLAB_POOL_LEDGER_DB_H
#define PLAB_POOL_LEDGER_DB_H

#include "pool/ledger_writer.h"

#define PLAB_LEDGER_DB_VERSION 1

struct plab_ledger_db;

/* True for a name that means a database where other files are possible: FILE.db, a URL. */
bool plab_ledger_db_is_name(const char *name);

/* Opens or creates the database and begins a run in it. PLAB_E_IO: it can't be read or written.
 * PLAB_E_INPUT: it is no ledger, broken, or of another version. PLAB_E_NETWORK: there is no server.
 * PLAB_E_USAGE, PLAB_E_REFUSED: a URL that isn't understood, that isn't in the lab. */
PLAB_NODISCARD enum plab_status plab_ledger_db_open(struct plab_ledger_db **out, const char *name,
                                                    const char *algo, struct plab_error *err);

/* A plab_ledger_commit_fn: `db` is a struct plab_ledger_db *. A server that is gone is waited for
 * some seconds. Errors as above; the database is not used any more then. */
PLAB_NODISCARD enum plab_status
plab_ledger_db_commit(void *db, const struct plab_ledger_record *list, struct plab_error *err);

/* Opens a ledger that is there, only to read it; all queries see the same state of it. Errors as
 * above. */
PLAB_NODISCARD enum plab_status plab_ledger_db_read(struct plab_ledger_db **out, const char *name,
                                                    struct plab_error *err);

enum plab_ledger_type {
    PLAB_LEDGER_NULL,
    PLAB_LEDGER_NUMBER,
    PLAB_LEDGER_REAL,
    PLAB_LEDGER_TEXT,
};

/* A value that comes out. Borrowed until the call that brings it returns. */
struct plab_ledger_cell {
    const char *column;
    enum plab_ledger_type type;
    int64_t number;
    double real;
    const char *text; /* terminated */
};

/* Takes a row. An error ends the query with it. */
typedef enum plab_status plab_ledger_row_fn(void *cookie, const struct plab_ledger_cell *cells,
                                            size_t count, struct plab_error *err);

#define PLAB_LEDGER_COLUMNS_MAX 16 /* of a query */

/* Asks a ledger that is open to be read. Errors as above, or what `row`
 * returns; it isn't asked again then. */
PLAB_NODISCARD enum plab_status plab_ledger_db_query(struct plab_ledger_db *db, const char *sql,
                                                     plab_ledger_row_fn *row, void *cookie,
                                                     struct plab_error *err);

/* The ledger's name, for people. Borrowed. */
const char *plab_ledger_db_name(const struct plab_ledger_db *db);

/* Closes it and sets `*db` to NULL; NULL is fine. */
void plab_ledger_db_close(struct plab_ledger_db **db);

#endif
