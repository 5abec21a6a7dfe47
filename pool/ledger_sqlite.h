/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ledger as a SQLite database (docs/ledger.md): write-ahead log, synced at each commit.
 */
#ifndef PLAB_POOL_LEDGER_SQLITE_H
#define PLAB_POOL_LEDGER_SQLITE_H

#include "pool/ledger_writer.h"

#define PLAB_LEDGER_SQLITE_VERSION 1 /* PRAGMA user_version */

struct plab_ledger_sqlite;

/* Opens or creates the database and begins a run in it. PLAB_E_IO: it can't be read or written.
 * PLAB_E_INPUT: it is no ledger, broken, or of another version. */
PLAB_NODISCARD enum plab_status plab_ledger_sqlite_open(struct plab_ledger_sqlite **out,
                                                        const char *path, const char *algo,
                                                        struct plab_error *err);

/* A plab_ledger_commit_fn: `ledger` is a struct plab_ledger_sqlite *. PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_ledger_sqlite_commit(void *ledger,
                                                          const struct plab_ledger_record *list,
                                                          struct plab_error *err);

/* Closes it and sets `*ledger` to NULL; NULL is fine. */
void plab_ledger_sqlite_close(struct plab_ledger_sqlite **ledger);

#endif
