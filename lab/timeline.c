/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/timeline.h"

#include <stdlib.h>

#include "base/attr.h"
#include "lab/csv.h"

struct plab_timeline {
    struct plab_csv *csv;
    size_t process_count, first_worker;
};

static enum plab_status write_header(const struct plab_timeline *timeline, const char *const *names,
                                     struct plab_error *err) {
    static const char *const columns[] = {"t_ns",
                                          "t_s",
                                          "phase",
                                          "load_percent",
                                          "workers_running",
                                          "rate_hps",
                                          "hashes_total",
                                          "accepted_total",
                                          "rejected_total",
                                          "host_busy_percent",
                                          "host_steal_percent",
                                          "lab_cpu_percent_of_one"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(columns); i++) {
        plab_csv_text(timeline->csv, columns[i]);
    }
    for (size_t i = 0; i < timeline->process_count; i++) {
        plab_csv_format(timeline->csv, "%s_cpu_percent_of_one", names[i]);
        plab_csv_format(timeline->csv, "%s_rss_bytes", names[i]);
        if (i >= timeline->first_worker) {
            plab_csv_format(timeline->csv, "%s_rate_hps", names[i]);
        }
    }
    return plab_csv_end(timeline->csv, err);
}

enum plab_status plab_timeline_open(struct plab_timeline **out, const char *path,
                                    const char *const *names, size_t name_count,
                                    size_t first_worker, struct plab_error *err) {
    struct plab_timeline *timeline = calloc(1, sizeof *timeline);
    *out = NULL;
    if (timeline == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a timeline");
    }
    timeline->process_count = name_count;
    timeline->first_worker = first_worker;
    enum plab_status status = plab_csv_open(&timeline->csv, path, err);
    if (status == PLAB_OK) {
        status = write_header(timeline, names, err);
    }
    if (status != PLAB_OK) {
        plab_timeline_close(&timeline);
        return status;
    }
    *out = timeline;
    return PLAB_OK;
}

enum plab_status plab_timeline_add(struct plab_timeline *timeline,
                                   const struct plab_timeline_row *row, struct plab_error *err) {
    struct plab_csv *csv = timeline->csv;
    plab_csv_integer(csv, row->t_ns);
    plab_csv_number(csv, row->t_s, 3);
    plab_csv_text(csv, row->phase);
    plab_csv_number(csv, row->load_percent, 0);
    plab_csv_number(csv, row->workers_running, 0);
    plab_csv_number(csv, row->rate_hps, 2);
    plab_csv_number(csv, row->hashes_total, 0);
    plab_csv_number(csv, row->accepted_total, 0);
    plab_csv_number(csv, row->rejected_total, 0);
    plab_csv_number(csv, row->host_busy_percent, 1);
    plab_csv_number(csv, row->host_steal_percent, 1);
    plab_csv_number(csv, row->lab_cpu_percent_of_one, 2);
    for (size_t i = 0; i < timeline->process_count; i++) {
        plab_csv_number(csv, row->processes[i].cpu_percent_of_one, 1);
        plab_csv_number(csv, row->processes[i].rss_bytes, 0);
        if (i >= timeline->first_worker) {
            plab_csv_number(csv, row->processes[i].rate_hps, 2);
        }
    }
    return plab_csv_end(csv, err);
}

void plab_timeline_close(struct plab_timeline **timeline) {
    if (*timeline != NULL) {
        plab_csv_close(&(*timeline)->csv);
        free(*timeline);
        *timeline = NULL;
    }
}
