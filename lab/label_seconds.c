/* SPDX-License-Identifier: BSD-3-Clause */
/* labels.csv: what was true in each second of a run. */
#include <math.h>
#include <stdlib.h>

#include "lab/csv.h"
#include "lab/label_priv.h"

static const char *const columns[] = {
    "t_s",          "phase",           "load_percent", "mining", "workers_running",
    "flows_active", "shares_accepted", "shares_other"};

struct second {
    unsigned workers, mining, flows, accepted, other;
};

/* Counts a time into the seconds that it touches. */
static void mark(struct second *seconds, size_t count, double start_s, double end_s,
                 unsigned *(*which)(struct second *second)) {
    double from = start_s > 0 ? floor(start_s) : 0;
    for (size_t i = from < (double)count ? (size_t)from : count; i < count && (double)i <= end_s;
         i++) {
        (*which(&seconds[i]))++;
    }
}

static unsigned *workers_of(struct second *second) {
    return &second->workers;
}

static unsigned *mining_of(struct second *second) {
    return &second->mining;
}

static unsigned *flows_of(struct second *second) {
    return &second->flows;
}

static void count_shares(const struct plab_labels *labels, struct second *seconds, size_t count) {
    for (size_t i = 0; i < labels->share_count; i++) {
        const struct plab_label_share *share = &labels->shares[i];
        if (share->t_s >= 0 && share->t_s < (double)count) {
            struct second *second = &seconds[(size_t)share->t_s];
            *(share->accepted ? &second->accepted : &second->other) += 1;
        }
    }
}

static void count_all(const struct plab_labels *labels, const struct plab_label_span *flows,
                      size_t flow_count, struct second *seconds, size_t count) {
    for (size_t i = 0; i < labels->process_count; i++) {
        const struct plab_label_process *process = &labels->processes[i];
        if (process->worker) {
            mark(seconds, count, process->start_s, process->end_s, workers_of);
        }
        if (process->worker && !process->benign) {
            mark(seconds, count, process->start_s, process->end_s, mining_of);
        }
    }
    for (size_t i = 0; i < flow_count; i++) {
        mark(seconds, count, flows[i].start_s, flows[i].end_s, flows_of);
    }
    count_shares(labels, seconds, count);
}

/* The phase at the middle of a second; NULL: none. */
static const struct plab_label_phase *phase_in(const struct plab_labels *labels, size_t second) {
    double middle = (double)second + 0.5;
    for (size_t i = 0; i < labels->phase_count; i++) {
        if (labels->phases[i].start_s <= middle && labels->phases[i].end_s > middle) {
            return &labels->phases[i];
        }
    }
    return NULL;
}

static enum plab_status write_rows(const struct plab_labels *labels, const struct second *seconds,
                                   size_t count, struct plab_csv *csv, bool has_flows,
                                   struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; status == PLAB_OK && i < count; i++) {
        const struct plab_label_phase *phase = phase_in(labels, i);
        plab_csv_integer(csv, i);
        plab_csv_text(csv, phase != NULL ? phase->name : "");
        plab_csv_number(csv, phase != NULL ? (double)phase->load_percent : (double)NAN, 0);
        plab_csv_text(csv, seconds[i].mining > 0 ? "yes" : "no");
        plab_csv_integer(csv, seconds[i].workers);
        plab_csv_number(csv, has_flows ? (double)seconds[i].flows : (double)NAN, 0);
        plab_csv_integer(csv, seconds[i].accepted);
        plab_csv_integer(csv, seconds[i].other);
        status = plab_csv_end(csv, err);
    }
    return status;
}

enum plab_status plab_labels_write_seconds(const struct plab_labels *labels,
                                           const struct plab_label_span *flows, size_t flow_count,
                                           const char *path, struct plab_error *err) {
    struct plab_csv *csv;
    size_t count = (size_t)fmin(labels->end_s, 2.0 * PLAB_SCENARIO_SECONDS_MAX) + 1;
    struct second *seconds = calloc(count, sizeof *seconds);
    if (seconds == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", path);
    }
    enum plab_status status = plab_csv_open(&csv, path, err);
    if (status == PLAB_OK) {
        for (size_t i = 0; i < PLAB_ARRAY_LEN(columns); i++) {
            plab_csv_text(csv, columns[i]);
        }
        status = plab_csv_end(csv, err);
    }
    if (status == PLAB_OK) {
        count_all(labels, flows, flow_count, seconds, count);
        status = write_rows(labels, seconds, count, csv, flows != NULL, err);
    }
    plab_csv_close(&csv);
    free(seconds);
    return status;
}
