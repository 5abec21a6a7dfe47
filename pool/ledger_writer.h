/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Group commit: records are queued by the pool's loop and written by a thread, which takes all
 * that have gathered as one transaction. While it waits for the disk the next ones gather, so
 * that a slow disk costs latency, not throughput.
 *
 * A disk or a server may stand still for a while. Then records wait in memory, and the pool, told
 * that the ledger is behind, takes no shares, so that only jobs and sessions add to them. The queue
 * is bounded; when it is full after all, appending blocks. Once a commit has failed nothing more is
 * written and every call returns that error.
 */
#ifndef PLAB_POOL_LEDGER_WRITER_H
#define PLAB_POOL_LEDGER_WRITER_H

#include "pool/event.h"

#define PLAB_LEDGER_BEHIND 32768     /* records wait: three jobs for each of 10,000 sessions */
#define PLAB_LEDGER_QUEUE_MAX 262144 /* at most; about 100 MiB */

/* A copy of an event: the pointers of `event` lead into it. */
struct plab_ledger_record {
    struct plab_ledger_record *next;
    struct plab_pool_event event;
    uint8_t nonce[PLAB_BLOCK_NONCE_BYTES], id[PLAB_BLOCK_ID_BYTES], seed[PLAB_BLOCK_ID_BYTES];
    char texts[];
};

/* Makes a list of records (one or more) durable, all or none. On the writer's thread. */
typedef enum plab_status plab_ledger_commit_fn(void *cookie, const struct plab_ledger_record *list,
                                               struct plab_error *err);

struct plab_ledger_writer;

/* Starts the thread. PLAB_E_NOMEM, PLAB_E_RESOURCE. */
PLAB_NODISCARD enum plab_status plab_ledger_writer_create(struct plab_ledger_writer **out,
                                                          plab_ledger_commit_fn *commit,
                                                          void *cookie, struct plab_error *err);

/* A plab_pool_event_fn: `writer` is a struct plab_ledger_writer *. PLAB_E_NOMEM, or the error of a
 * commit. */
PLAB_NODISCARD enum plab_status plab_ledger_writer_append(void *writer,
                                                          const struct plab_pool_event *event,
                                                          struct plab_error *err);

/* How the pool learns what is durable; borrowed until the writer's end. */
const struct plab_pool_durable *plab_ledger_writer_durable(struct plab_ledger_writer *writer);

/* Writes what waits, ends the thread, frees it and sets `*writer` to NULL; NULL is fine. */
void plab_ledger_writer_destroy(struct plab_ledger_writer **writer);

#endif
