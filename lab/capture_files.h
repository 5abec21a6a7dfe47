/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is made of a run's packets when it is over, from two files of its folder, run.pcapng and
 * truth.jsonl, and as often as wanted:
 *
 *     flows.csv, flows-cesnet.csv, flows-cic.csv    lab/flow_csv.h
 *     labels.csv                                    lab/label.h
 *     run-relabelled.pcapng                         lab/relabel.h
 */
#ifndef PLAB_LAB_CAPTURE_FILES_H
#define PLAB_LAB_CAPTURE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* The defaults of lab/flow.h, for people. */
#define PLAB_CAPTURE_ACTIVE_MS 300000
#define PLAB_CAPTURE_IDLE_MS 30000

struct plab_capture_files_config {
    const char *folder;          /* the run's */
    uint64_t active_ns, idle_ns; /* timeouts of flow records; 0: the defaults of lab/flow.h */
    const char *clients, *pool;  /* relabelled addresses; NULL: the defaults of lab/relabel.h */
};

struct plab_capture_files {
    bool has_packets;              /* there is a run.pcapng */
    bool cut;                      /* and its end is missing */
    uint64_t packets, other;       /* read; other: neither TCP nor UDP */
    uint64_t connections, records; /* of flows */
    uint64_t positive, benign;     /* records by their label; the rest is unknown */
    uint64_t relabelled, left_out; /* packets written anew, and those that couldn't be */
    double first_s, last_s;        /* packets, on the run's clock; NAN without one */
};

/* Makes them. Without run.pcapng there is labels.csv only. Errors: PLAB_E_IO and PLAB_E_INPUT name
 * the file; PLAB_E_USAGE for addresses; PLAB_E_NOMEM. What was written until then stays. */
PLAB_NODISCARD enum plab_status
plab_capture_files_make(const struct plab_capture_files_config *config,
                        struct plab_capture_files *result, struct plab_error *err);

/* Puts the key logs of a run's folder, `raw/tls-keys.log` and `raw/?*.keylog`, into its run.pcapng,
 * in front of the packets, so that Wireshark decrypts by itself. `*bytes`: of keys, 0 when there
 * are none and nothing was done. */
PLAB_NODISCARD enum plab_status plab_capture_files_embed_keys(const char *folder, uint64_t *bytes,
                                                              struct plab_error *err);

#endif
