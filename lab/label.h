/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ground truth for flows and seconds, read from a run's truth.jsonl.
 *
 * A flow is found through the address and port of its client: the pool's `connect` and `login`
 * events name them (`peer`), and so may `socket` events of whoever starts a program (`process`,
 * `local`, optionally `label` and `dialect`). The login names the worker, its command line the
 * process. A flow that nobody claims is "unknown", never benign.
 */
#ifndef PLAB_LAB_LABEL_H
#define PLAB_LAB_LABEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lab/flow.h"

struct plab_labels;

/* What truth says of a flow. Texts are borrowed from the labels; "" where truth says nothing. */
struct plab_flow_label {
    const char *truth; /* static: "positive", "benign", "unknown" */
    const char *run, *scenario, *label;
    const char *worker; /* name of the process */
    const char *login, *agent, *dialect;
    char phases[256]; /* names of the phases it lies in, "+" between them */
};

/* Reads truth.jsonl. Lines that are damaged are skipped. Errors: PLAB_E_IO, PLAB_E_NOMEM;
 * PLAB_E_INPUT when it has no run_start. */
PLAB_NODISCARD enum plab_status plab_labels_load(struct plab_labels **out, const char *path,
                                                 struct plab_error *err);
void plab_labels_free(struct plab_labels **labels);

/* Labels a flow. */
void plab_labels_flow(const struct plab_labels *labels, const struct plab_flow *flow,
                      struct plab_flow_label *out);

/* Who is at this client address at this time, for other uses: the process's name or "". */
const char *plab_labels_client(const struct plab_labels *labels, const struct plab_endpoint *client,
                               uint64_t wall_ns);

/* Seconds since the run's start of a wall time, by the run's anchor. */
double plab_labels_seconds(const struct plab_labels *labels, uint64_t wall_ns);

/* The pool's address as the run tells it, "" when it never listened; of a second pool likewise; and
 * the run's id. */
const char *plab_labels_pool(const struct plab_labels *labels);
const char *plab_labels_second_pool(const struct plab_labels *labels);
const char *plab_labels_run(const struct plab_labels *labels);

/* When a flow record lasted; for counting those that go on. */
struct plab_label_span {
    double start_s, end_s;
};

/* Writes labels.csv: a row for each second of the run. */
PLAB_NODISCARD enum plab_status plab_labels_write_seconds(const struct plab_labels *labels,
                                                          const struct plab_label_span *flows,
                                                          size_t flow_count, const char *path,
                                                          struct plab_error *err);

#endif
