/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pool's record: a database when its name is postgresql://... or ends in ".db"
 * (docs/ledger.md), else one JSON object a line, only ever appended.
 *
 * The first line of a run says `"event":"open"`, the schema, the wall time and the monotonic time,
 * so that records of several processes of a machine can be put on one axis. Passwords are never
 * recorded.
 */
#ifndef PLAB_POOL_LEDGER_H
#define PLAB_POOL_LEDGER_H

#include "pool/event.h"

#define PLAB_LEDGER_SCHEMA "powlab-ledger/1"

struct plab_ledger;

/* Opens `path` for appending, creating it if need be, and writes the first record. `algo` is the
 * name of the pool's algorithm. PLAB_E_IO names the path and the reason; PLAB_E_INPUT: it is no
 * ledger; of URLs see plab_ledger_db_open(). */
PLAB_NODISCARD enum plab_status plab_ledger_open(struct plab_ledger **out, const char *path,
                                                 const char *algo, struct plab_error *err);

/* Appends one record: a line with one write, so that a reader never sees half of it, or a row,
 * which is durable as plab_ledger_durable() tells. A plab_pool_event_fn: `ledger` is a struct
 * plab_ledger *. */
PLAB_NODISCARD enum plab_status
plab_ledger_append(void *ledger, const struct plab_pool_event *event, struct plab_error *err);

/* How the pool learns which records are durable; NULL when they are once they are appended.
 * Borrowed until the ledger is closed. */
const struct plab_pool_durable *plab_ledger_durable(const struct plab_ledger *ledger);

/* Closes it and sets `*ledger` to NULL; NULL is fine. */
void plab_ledger_close(struct plab_ledger **ledger);

#endif
