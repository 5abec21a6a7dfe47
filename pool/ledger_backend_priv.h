/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a database must offer to hold a ledger. ledger_db.c knows the tables and what goes into
 * them, a backend knows one kind of database and nothing of pools.
 */
#ifndef PLAB_POOL_LEDGER_BACKEND_PRIV_H
#define PLAB_POOL_LEDGER_BACKEND_PRIV_H

#include "pool/ledger_db.h"

/* The tables of version 1. Databases differ in their words: `number` is the type of a 64-bit
 * integer, `key` that of a primary key which numbers itself, `end` what follows a table, `keyed`
 * what follows one that is found by its key only. */
#define PLAB_LEDGER_TABLES(number, key, end, keyed)                                                \
    "CREATE TABLE runs (run " key ", t_ns " number " NOT NULL, wall TEXT NOT NULL,"                \
    " algo TEXT NOT NULL, pid " number " NOT NULL)" end ";"                                        \
    "CREATE TABLE sessions (run " number " NOT NULL REFERENCES runs, session " number              \
    " NOT NULL, peer TEXT, connected_ns " number " NOT NULL, login TEXT, agent TEXT,"              \
    " rig_id TEXT, login_ns " number ", refused TEXT, difficulty " number ", closed_ns " number    \
    ", reason TEXT, PRIMARY KEY (run, session))" keyed ";"                                         \
    "CREATE TABLE jobs (run " number " NOT NULL REFERENCES runs, session " number ", t_ns " number \
    " NOT NULL, job TEXT, height " number ", difficulty " number ")" end ";"                       \
    "CREATE TABLE shares (run " number " NOT NULL REFERENCES runs, session " number                \
    ", t_ns " number " NOT NULL, job TEXT, height " number ", nonce TEXT, verdict TEXT NOT NULL"   \
    ", difficulty " number ", share_difficulty " number ", latency_us " number " NOT NULL"         \
    ", verify_us " number " NOT NULL, verified " number " NOT NULL)" end ";"                       \
    "CREATE TABLE blocks (run " number " NOT NULL REFERENCES runs, session " number                \
    ", t_ns " number " NOT NULL, height " number ", block TEXT, accepted " number " NOT NULL"      \
    ", text TEXT)" end ";"                                                                         \
    "CREATE TABLE events (run " number " NOT NULL REFERENCES runs, session " number                \
    ", t_ns " number " NOT NULL, event TEXT NOT NULL, peer TEXT, job TEXT, height " number         \
    ", difficulty " number ", block TEXT, seed TEXT, text TEXT)" end ";"                           \
    "CREATE INDEX shares_by_session ON shares (run, session);"

/* A value that goes in. */
struct plab_ledger_value {
    enum plab_ledger_type type; /* no reals */
    int64_t number;
    char text[1100];
};

/* Errors name the ledger. PLAB_E_IO: it can't be read or written; PLAB_E_INPUT: it is none;
 * PLAB_E_NETWORK: its server is gone. `db` is what open() made. */
struct plab_ledger_backend {
    const char *begin_setup; /* SQL: a transaction in which no other pool makes tables */
    const char *version;     /* SQL: the version of the schema as a number, 0 without one */
    const char *objects;     /* SQL: 0 where the tables may be made */
    const char *schema;      /* SQL: makes them and notes the version */
    const char *durable;     /* SQL, outside of transactions: commits reach the disk */
    const char *begin_read;  /* SQL: a transaction that sees one state only */

    /* Opens the database of that name, which is made if need be unless it is to be read. */
    enum plab_status (*open)(void **db, const char *name, bool to_read, struct plab_error *err);
    void (*close)(void *db); /* NULL is fine */
    /* The name for people, without a password. Borrowed. */
    const char *(*name)(const void *db);
    /* Runs statements; what they return is dropped. */
    enum plab_status (*execute)(void *db, const char *sql, struct plab_error *err);
    enum plab_status (*query)(void *db, const char *sql, plab_ledger_row_fn *row, void *cookie,
                              struct plab_error *err);
    /* Gives a statement a number from 0. Its values are $1, $2 ... in the order of the text. */
    enum plab_status (*prepare)(void *db, size_t which, const char *sql, struct plab_error *err);
    /* A transaction of prepared statements. Errors may come with a later call; after one it is
     * given up. commit() returns when it is durable. */
    enum plab_status (*begin)(void *db, struct plab_error *err);
    enum plab_status (*put)(void *db, size_t which, const struct plab_ledger_value *values,
                            size_t count, struct plab_error *err);
    enum plab_status (*commit)(void *db, struct plab_error *err);
    /* After PLAB_E_NETWORK: finds the server again, without what was prepared, and whether the
     * last transaction is durable after all. NULL where no server can be gone. */
    enum plab_status (*recover)(void *db, bool *committed, struct plab_error *err);
};

#define PLAB_LEDGER_STATEMENTS_MAX 8

extern const struct plab_ledger_backend plab_ledger_sqlite, plab_ledger_postgres;

#endif
