/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What detectors may look at of a run, and what they are judged by.
 *
 * Units are what a verdict can be about: each flow, each process, the host. Their ground truth
 * comes from truth.jsonl and the labels in flows.csv; detectors never see it. The pool's own
 * process and what belongs to no side are units without a side: alerts on them are told, but not
 * judged.
 */
#ifndef PLAB_LAB_EVIDENCE_H
#define PLAB_LAB_EVIDENCE_H

#include <limits.h>
#include <stdbool.h>

#include "lab/table.h"

struct json_t; /* jansson */

enum plab_unit_kind { PLAB_UNIT_FLOW, PLAB_UNIT_PROCESS, PLAB_UNIT_HOST };

enum plab_side { PLAB_SIDE_NONE, PLAB_SIDE_MINING, PLAB_SIDE_BENIGN };

struct plab_unit {
    enum plab_unit_kind kind;
    char key[120];  /* flow: "PORT-PORT" (lower first), process: "NAME#INSTANCE", host: "host" */
    char name[160]; /* for people: addresses, name and pid */
    int pid;        /* of a process */
    enum plab_side side;
    double from_s, to_s; /* since the run's start */
};

struct plab_evidence {
    char folder[PATH_MAX];
    bool complete;                 /* the run came to its planned end */
    double start_ns, start_wall_s; /* CLOCK_MONOTONIC; UTC, since 1970 */
    double cpus;                   /* of the machine that ran it */
    double mining_from_s;          /* first start of a mining worker; NAN: none mined */
    size_t unit_count, unit_cap;
    struct plab_unit *units; /* owned */
    struct json_t *samples;  /* owned: array of what raw/observed.jsonl holds, each with
                                "unit", "t_s" and "until_s" */
    struct plab_table timeline, processes, flows; /* empty (no columns) where there is none */
};

/* Reads a finished run's folder. PLAB_E_INPUT when it is no run folder, PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_evidence_load(struct plab_evidence *out, const char *folder,
                                                   struct plab_error *err);
void plab_evidence_free(struct plab_evidence *evidence);

/* The unit of that kind and key, NULL when there is none. */
const struct plab_unit *plab_evidence_unit(const struct plab_evidence *evidence,
                                           enum plab_unit_kind kind, const char *key);

/* Key of a flow by its two ports, in any order. A run's flows are told apart by these alone, since
 * the same conversation exists with other addresses (run-relabelled.pcapng). */
void plab_evidence_flow_key(char *out, size_t cap, unsigned port_a, unsigned port_b);

/* Word for reports: "flow", "process", "host". */
const char *plab_unit_kind_name(enum plab_unit_kind kind);

#endif
